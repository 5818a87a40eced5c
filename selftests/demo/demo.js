// SPDX-License-Identifier: Apache-2.0
/* The call of demo.sh and its report. Exit 0 if tones ran both ways. */
'use strict';
const { Phone, launch, peer, sluicectl } = require('../browser/driver.js');
const { busywait } = require('../browser/tap.js');

const say = (what, ...words) =>
	console.log(`${(what + ':').padEnd(14)}${words.join(' ')}`);
const yes = (condition) => condition ? 'yes' : 'NO';

/* Two seconds of talk, then one line a backend. */
async function packets()
{
	const counted = await busywait(5, async () => {
		const { backends } = await sluicectl('show', 'datapath');
		return backends.some((b) => b.web_to_sip_packets > 100 &&
			b.sip_to_web_packets > 100) ? backends : null;
	}) || (await sluicectl('show', 'datapath')).backends;

	return counted.map((b) => `${b.backend} ${b.web_to_sip_packets} to ` +
		`the phone, ${b.sip_to_web_packets} to the browser`);
}

async function report(alice, registered_ms)
{
	const phone_hears = async () => (await peer('busywait', '10', 'heard',
		'phone', '440')).code === 0;
	const here = await alice.hears(600);
	const there = await phone_hears();
	const call = await busywait(5, async () => {
		const [c] = (await sluicectl('show', 'calls')).calls;
		return c && c.answer_to_audio_ms !== null ? c : null;
	}) || (await sluicectl('show', 'calls')).calls[0] || {};
	const { preferred, reason } = await sluicectl('show', 'datapath');
	const counts = await packets();

	say('Registered', `alice over wss in ${registered_ms} ms`);
	say('Call', `${call.from} to ${call.to}, ${call.state}, codec ` +
		`${call.codec}`);
	say('Set-up', `${call.setup_ms} ms from INVITE to answer`);
	say('Audio', `${call.answer_to_audio_ms} ms from answer to the first ` +
		'packets both ways');
	say('Tone', `browser hears 600 Hz: ${yes(here)}, phone hears 440 Hz: ` +
		yes(there));
	say('Media path', `${call.path} (datapath ${preferred}: ${reason})`);
	counts.forEach((line) => say('Packets', line));
	return here && there;
}

async function main()
{
	const browser = await launch();
	let good = false;

	try {
		const alice = await Phone.open(browser, { name: 'alice' });
		const began = Date.now();

		if (!await alice.register('alice'))
			throw new Error('not registered: ' +
				(await alice.state()).error);
		const registered_ms = Date.now() - began;
		await alice.call('1004');
		if (!await alice.until(15, 'up'))
			throw new Error(`no call: ${await alice.reason() ||
				await alice.call_state()}`);
		good = await report(alice, registered_ms);
		await alice.hangup();
		say('Hung up', 'by the browser, call gone:', yes(await busywait(5,
			async () => !(await sluicectl('show',
				'calls')).calls.length)));
	} finally {
		await browser.close();
	}
	return good ? 0 : 1;
}

main().then((code) => { process.exitCode = code; }, (e) => {
	console.log(`demo: ${e.message}`);
	process.exitCode = 1;
});
