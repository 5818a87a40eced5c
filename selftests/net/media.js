// SPDX-License-Identifier: Apache-2.0
/* See media.sh. Run in namespace web. */
'use strict';
const { busywait, note, ok, test } = require('../browser/tap.js');
const { arrived, at_phone, continuity, dial, event, hang_up, lab, moved, numbers,
	offer_of, path_of, run } = require('./mediacall.js');

test('move', async () => {
	const MOVES = 8, EACH = 25;
	const pair = await dial();
	const { web } = pair;

	await lab.phone.ask('stream', { count: 100000 });
	const stop = numbers(web);
	const received = async () => Math.min(web.heard.length,
		(await lab.phone.ask('state')).rtp.length);
	const more = async (count) => {
		const before = await received();

		return busywait(10, async () =>
			await received() >= before + count);
	};

	/* New sources: from here on what leaves is numbered by the gateway. */
	await more(10);
	web.restart();
	await lab.phone.ask('restart');
	await more(10);
	const start = { web: web.heard.length,
		sip: (await lab.phone.ask('state')).rtp.length };
	const first = await busywait(5, async () =>
		/kernel|user/.test(await path_of()) && path_of());
	let there = 0;

	for (let i = 0; i < MOVES; i++) {
		await more(EACH);
		there += await moved(i % 2 ? 'kernel' : 'user') ? 1 : 0;
	}
	await more(EACH);
	const sent = stop();
	await lab.phone.until((s) => s.rtp.length >= sent - 2, 5);
	const { rtp } = await lab.phone.ask('state');
	const to_sip = continuity(rtp.slice(start.sip));
	const to_web = continuity(web.heard.slice(start.web));

	note(`to sip ${JSON.stringify(to_sip)}, to web ${
		JSON.stringify(to_web)} in ${MOVES} moves`);
	ok(first === 'kernel' || process.env.DATAPATH === 'user',
		'call_starts_in_the_kernel', first);
	ok(there === MOVES, 'call_moves_both_ways', `${there} of ${MOVES}`);
	ok(to_sip.count > MOVES * EACH && !to_sip.bad,
		'move_keeps_the_sequence_to_sip', JSON.stringify(to_sip));
	ok(to_web.count > MOVES * EACH && !to_web.bad,
		'move_keeps_the_sequence_to_web', JSON.stringify(to_web));
	ok(!web.forged, 'move_keeps_keys_and_rollover', web.forged);
	ok(to_sip.lost <= 2 && to_web.lost <= 2,
		'move_loses_two_packets_at_most',
		`${to_sip.lost} and ${to_web.lost}`);
	await hang_up(pair);
});

test('convert', async () => {
	/* G.711: each knows one law. */
	let pair = await dial(offer_of('8', '8 PCMA/8000'),
		['m=audio $PORT RTP/AVP 0', 'a=sendrecv']);
	const { offer } = await lab.phone.ask('state');

	ok(/^m=audio \d+ RTP\/AVP 8 0\r$/m.test(offer),
		'g711_other_law_offered', offer);
	for (const path of ['kernel', 'user']) {
		ok(await moved(path), `g711_${path}_path_taken`);
		await lab.phone.ask('forget');
		pair.web.heard = [];
		pair.web.send_rtp(8, Buffer.from('d555aa2ad5d5d5d5', 'hex'));
		const [up] = await arrived(at_phone, 0);
		ok(up && up.payload === 'fe7e8000fefefefe',
			`g711_${path}_path_to_the_phones_law`,
			JSON.stringify(up));
		await lab.phone.ask('send_rtp', { pt: 0,
			payload: 'ff7f8000ffffffff' });
		const [down] = await arrived(async () => pair.web.heard, 8);
		ok(down && down.payload === 'd555aa2ad5d5d5d5',
			`g711_${path}_path_to_the_browsers_law`,
			JSON.stringify(down));
	}
	await hang_up(pair);

	/* Events: 48 kHz in the browser, 8 kHz in the phone. */
	pair = await dial(offer_of('111 110', '111 opus/48000/2',
		'110 telephone-event/48000'),
	['m=audio $PORT RTP/AVP 111 96', 'a=rtpmap:111 opus/48000/2',
		'a=rtpmap:96 telephone-event/8000', 'a=sendrecv']);
	ok(await moved('kernel'), 'event_kernel_path_taken');
	pair.web.send_rtp(110, event(5, 4800));
	pair.web.seq += 599;
	pair.web.send_rtp(110, event(6, 9600));
	const events = await arrived(at_phone, 96, 2);
	ok(events.length === 2 && events[0].payload === '058a0320' &&
		events[1].payload === '068a0640',
	'event_to_phone_has_durations_of_8khz', JSON.stringify(events));
	ok(events.length === 2 && events[1].ts - events[0].ts >>> 0 ===
		600 * 160 / 6, 'event_to_phone_has_timestamps_of_8khz',
	JSON.stringify(events));
	await lab.phone.ask('send_rtp', { pt: 96, payload: '098a0320', step: 0 });
	await lab.phone.ask('send_rtp', { pt: 96, payload: '008a0320',
		step: 8000 });
	const back = await arrived(async () => pair.web.heard, 110, 2);
	ok(back.length === 2 && back[0].payload === '098a12c0' &&
		back[1].ts - back[0].ts >>> 0 === 48000,
	'event_to_browser_has_the_clock_of_48khz', JSON.stringify(back));
	await hang_up(pair);
});

run();
