// SPDX-License-Identifier: Apache-2.0
/*
 * tone.js FILE.wav HZ [OTHER_HZ...]: is HZ the tone of the recording's last
 * second? Prints one line; exit 0 if it holds twice the power of everything else,
 * 1 if not. Reads a file that is still being written: the sizes in a WAV
 * header are then not yet true, the file's own length is.
 */
'use strict';
const fs = require('fs');

/* Power of one frequency in the samples (Goertzel), relative to full scale. */
function goertzel(samples, rate, hz)
{
	const coefficient = 2 * Math.cos(2 * Math.PI * hz / rate);
	let s1 = 0, s2 = 0;

	for (const x of samples) {
		const s0 = x + coefficient * s1 - s2;
		s2 = s1;
		s1 = s0;
	}
	const power = s1 * s1 + s2 * s2 - coefficient * s1 * s2;
	return 4 * power / (samples.length * samples.length) / 2;
}

function read_wav(file)
{
	const data = fs.readFileSync(file);
	let at = 12, rate = 0, channels = 0, bits = 0;

	if (data.toString('latin1', 0, 4) !== 'RIFF')
		throw new Error(`${file}: not a WAV file`);
	while (at + 8 <= data.length) {
		const id = data.toString('latin1', at, at + 4);
		const size = data.readUInt32LE(at + 4);

		if (id === 'fmt ') {
			channels = data.readUInt16LE(at + 10);
			rate = data.readUInt32LE(at + 12);
			bits = data.readUInt16LE(at + 22);
		} else if (id === 'data') {
			at += 8;
			break;
		}
		at += 8 + size + (size & 1);
	}
	if (bits !== 16 || !rate)
		throw new Error(`${file}: not 16-bit PCM`);
	const frame = 2 * channels;
	const count = Math.floor((data.length - at) / frame);
	const samples = new Float64Array(Math.max(count, 0));

	for (let i = 0; i < samples.length; i++)
		samples[i] = data.readInt16LE(at + i * frame) / 32768;
	return { rate, samples };
}

/* ITU-T G.711, mu-law. */
function from_pcmu(byte)
{
	const u = ~byte & 0xff;
	const value = (((u & 0x0f) << 3) + 0x84) << ((u >> 4) & 7);

	return (u & 0x80 ? 0x84 - value : value - 0x84) / 32768;
}

/* The mu-law bytes of one frame, or null: Ethernet, IPv4, UDP, RTP type 0. */
function pcmu_of(frame, source)
{
	const udp = 14 + 4 * (frame[14] & 0x0f);

	if (frame.readUInt16BE(12) !== 0x0800 || frame[23] !== 17 ||
	    frame.length < udp + 21 ||
	    frame.subarray(26, 30).join('.') !== source)
		return null;
	const rtp = frame.subarray(udp + 8);
	return rtp[0] === 0x80 && (rtp[1] & 0x7f) === 0 ?
		rtp.subarray(12) : null;
}

function read_pcap(file, source)
{
	const data = fs.readFileSync(file);
	const samples = [];
	let at = 24, last_s = 0;

	if (data.readUInt32LE(0) !== 0xa1b2c3d4)
		throw new Error(`${file}: not a capture in microseconds`);
	while (at + 16 <= data.length) {
		const length = data.readUInt32LE(at + 8);
		const frame = data.subarray(at + 16, at + 16 + length);
		const audio = frame.length === length && length > 34 ?
			pcmu_of(frame, source) : null;

		if (audio) {
			last_s = data.readUInt32LE(at);
			for (const byte of audio)
				samples.push(from_pcmu(byte));
		}
		at += 16 + length;
	}
	/* A stream that has ended is silence. */
	if (Date.now() / 1000 - last_s > 2)
		samples.length = 0;
	return { rate: 8000, samples: Float64Array.from(
		samples.slice(-16000)) };
}

function main(file, hz, source)
{
	const { rate, samples } = source ? read_pcap(file, source) :
		read_wav(file);
	const last = samples.subarray(Math.max(0, samples.length - rate));

	if (last.length < rate / 2) {
		console.log(`${hz} Hz: only ${last.length} samples`);
		return 1;
	}
	const total = last.reduce((sum, x) => sum + x * x, 0) / last.length;
	/* The clocks of codecs and resamplers drift by a fraction of a hertz. */
	const tone = [-1, 0, 1].reduce((best, d) =>
		Math.max(best, goertzel(last, rate, hz + d)), 0);
	const rest = Math.max(total - tone, 1e-12);
	const ratio_db = 10 * Math.log10(Math.max(tone, 1e-12) / rest);
	const level_db = 10 * Math.log10(Math.max(tone, 1e-12));

	console.log(`${hz} Hz ${level_db.toFixed(1)} dBFS, ` +
		`${ratio_db.toFixed(1)} dB above the rest`);
	return level_db > -50 && ratio_db > 3 ? 0 : 1;
}

process.exit(main(process.argv[2], Number(process.argv[3]), process.argv[4]));
