// SPDX-License-Identifier: Apache-2.0
/* The cases of firefox.sh: the shipped phone in Firefox. */
'use strict';
const path = require('path');
const { busywait, note, ok, run_all, test } = require('./tap.js');
const { Firefox } = require('./bidi.js');
const { LAB, calls, peer } = require('../net/lab.js');

const GATEWAY = '203.0.113.1', PBX = '198.51.100.10';
const phone = (words) => `window.sluicePhone.${words}`;
const no_calls = () => busywait(8, async () => !(await calls()).length);
const both_ways = (hz) => busywait(10, async () => {
	const [c] = await calls();
	return c && c.web_to_sip_packets > hz && c.sip_to_web_packets > hz;
});

/* Packets that Firefox itself has counted, and those it decoded. */
const received = `(async () => [...(await window.sluicePhone.connection()
	.getStats()).values()].filter((s) => s.type === 'inbound-rtp')
	.reduce((n, s) => n + s.packetsReceived, 0))()`;

const call_state = async (f) => {
	const { call } = await f.run(phone('state()'));
	return call ? call.state : 'none';
};
const until = (f, state) => busywait(10, async () =>
	await call_state(f) === state);
const digit_heard = async (digit) => (await peer('busywait', '5', 'log_has',
	'phone', `(DTMF|event): '${digit}'`)).code === 0;
const is_held = async (f) => (await f.run(phone('state()'))).call.held;

test('firefox', async (f) => {
	await f.open(`https://${GATEWAY}/`);
	await f.run(phone('ready.then(() => true)'));
	await f.run(`${phone('register')}({ user: 'alice', password: 'secret',
		domain: '${PBX}', websocket: 'wss://${GATEWAY}/' })`);
	ok(await busywait(10, async () => (await f.run(phone('state()'))).line ===
		'registered'), 'firefox_registers');

	await f.run(phone("call('1004')"));
	ok(await until(f, 'up'), 'firefox_call_out_is_answered');
	ok(await both_ways(50), 'firefox_call_out_has_media_both_ways',
		JSON.stringify(await calls()));
	ok(await f.run(received) > 50, 'firefox_receives_the_phone');
	await f.run(phone("tone('7')"));
	ok(await digit_heard('7'), 'firefox_digit_reaches_phone');
	await f.run(phone('hold()'));
	let last = -1;
	ok(await busywait(8, async () => {
		const now = await f.run(received), is_silent = now === last;

		last = now;
		await new Promise((r) => setTimeout(r, 200));
		return is_silent;
	}) && await is_held(f), 'firefox_hold_silences_phone');
	await f.run(phone('hold()'));
	ok(await busywait(5, async () => !await is_held(f)),
		'firefox_resume_is_accepted');
	const before = await f.run(received);
	ok(await busywait(5, async () => await f.run(received) > before + 25),
		'firefox_resume_brings_media_back');
	await f.run(phone('hangup()'));
	ok(await no_calls(), 'firefox_call_after_bye_is_gone');

	await peer('phone_command', 'phone', '5060', 'dial', `sip:alice@${PBX}`);
	ok(await until(f, 'incoming'), 'firefox_call_in_rings');
	await f.run(phone('answer()'));
	ok(await until(f, 'up') && await both_ways(50),
		'firefox_call_in_has_media_both_ways',
		JSON.stringify(await calls()));
	await peer('phone_command', 'phone', '5060', 'hangup');
	ok(await until(f, 'none') && await no_calls(),
		'firefox_bye_of_phone_arrives');
});

(async () => {
	const firefox = await Firefox.launch(path.join(LAB, 'firefox'));

	note(`Firefox ${firefox.version}`);
	const rc = await run_all({ before: () => firefox });
	await firefox.close();
	process.exit(rc);
})().catch((e) => {
	console.log(`Bail out! ${e.stack}`);
	process.exit(99);
});
