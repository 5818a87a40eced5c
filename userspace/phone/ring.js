// SPDX-License-Identifier: Apache-2.0
/* Ringing, made of oscillators: no sound files, nothing to download. */

let context = null, timer = null;

function burst(frequencies, seconds, level)
{
	const gain = context.createGain();
	const now = context.currentTime;

	gain.gain.setValueAtTime(0, now);
	gain.gain.linearRampToValueAtTime(level, now + 0.02);
	gain.gain.setValueAtTime(level, now + seconds - 0.02);
	gain.gain.linearRampToValueAtTime(0, now + seconds);
	gain.connect(context.destination);
	for (const hz of frequencies) {
		const source = context.createOscillator();

		source.frequency.value = hz;
		source.connect(gain);
		source.start(now);
		source.stop(now + seconds);
	}
}

/* kind: "in" (somebody calls) or "out" (it rings over there). */
export function ring(kind)
{
	stop_ringing();
	context = context || new AudioContext();
	const once = kind === 'in' ?
		() => burst([660, 880], 0.8, 0.10) :
		() => burst([425], 1, 0.05);
	once();
	timer = setInterval(once, kind === 'in' ? 2000 : 5000);
}

export function stop_ringing()
{
	clearInterval(timer);
	timer = null;
}
