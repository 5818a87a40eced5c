// SPDX-License-Identifier: Apache-2.0
/*
 * Runs in the page before its own scripts: a microphone that is a pure tone,
 * a camera that is a moving picture, and ears that tell one tone from
 * another. Used by the phone and by the SIP.js page alike.
 */
/* global AudioContext, MediaStream */
'use strict';

window.lab = {
	tone_hz: 440,
	context: null,
	oscillator: null,

	audio_context()
	{
		this.context = this.context || new AudioContext();
		this.context.resume();
		return this.context;
	},

	microphone()
	{
		const context = this.audio_context();
		const gain = context.createGain();
		const out = context.createMediaStreamDestination();

		this.oscillator = context.createOscillator();
		this.oscillator.frequency.value = this.tone_hz;
		gain.gain.value = 0.3;
		this.oscillator.connect(gain).connect(out);
		this.oscillator.start();
		return out.stream.getAudioTracks()[0];
	},

	camera()
	{
		const canvas = document.createElement('canvas');
		const draw = canvas.getContext('2d');
		let n = 0;

		canvas.width = 320;
		canvas.height = 240;
		setInterval(() => {
			draw.fillStyle = `hsl(${n * 7 % 360} 80% 50%)`;
			draw.fillRect(0, 0, 320, 240);
			draw.fillStyle = 'white';
			draw.font = '60px sans-serif';
			draw.fillText(String(n++), 90, 140);
		}, 66);
		return canvas.captureStream(15).getVideoTracks()[0];
	},

	/* Remote audio of whatever is playing in an <audio> of the page. */
	listen(stream)
	{
		const context = this.audio_context();
		const id = stream.getAudioTracks().map((t) => t.id).join();

		if (!this.ear || this.ear_id !== id) {
			if (this.ear_source)
				this.ear_source.disconnect();
			this.ear_source = context.createMediaStreamSource(stream);
			this.ear = context.createAnalyser();
			this.ear.fftSize = 16384;
			this.ear_source.connect(this.ear);
			this.ear_id = id;
		}
		return this.ear;
	},

	/* { tone_db, rest_db } of the last third of a second, dBFS. */
	hear(hz)
	{
		const audio = document.querySelector('audio');
		const stream = audio && audio.srcObject;

		if (!stream || !stream.getAudioTracks().length)
			return null;
		const ear = this.listen(stream);
		const samples = new Float32Array(ear.fftSize);
		ear.getFloatTimeDomainData(samples);
		const total = samples.reduce((sum, x) => sum + x * x, 0) /
			samples.length;
		const tone = Math.max(...[-2, -1, 0, 1, 2].map((d) =>
			this.goertzel(samples, hz + d)));
		const db = (x) => 10 * Math.log10(Math.max(x, 1e-12));
		return { tone_db: db(tone), rest_db: db(total - tone) };
	},

	goertzel(samples, hz)
	{
		const coefficient = 2 * Math.cos(2 * Math.PI * hz /
			this.context.sampleRate);
		let s1 = 0, s2 = 0;

		for (const x of samples) {
			const s0 = x + coefficient * s1 - s2;
			s2 = s1;
			s1 = s0;
		}
		return 2 * (s1 * s1 + s2 * s2 - coefficient * s1 * s2) /
			(samples.length * samples.length);
	},
};

navigator.mediaDevices.getUserMedia = async (constraints) => {
	const stream = new MediaStream();

	if (constraints.audio)
		stream.addTrack(window.lab.microphone());
	if (constraints.video)
		stream.addTrack(window.lab.camera());
	return stream;
};
