// SPDX-License-Identifier: Apache-2.0
/* See media.sh. Run in namespace web. */
'use strict';
const { busywait, note, ok, run_all, test } = require('../browser/tap.js');
const { SipMedia } = require('./sipmedia.js');
const { WebMedia } = require('./webmedia.js');
const { User, connect, offer_sdp } = require('./wsclient.js');
const { execFile } = require('child_process');
const { promisify } = require('util');

let phone, flow, user;

/* Not the blocking one: packets are sent and received meanwhile. */
async function sluicectl(...words)
{
	const { stdout } = await promisify(execFile)(process.env.SLUICECTL,
		['-s', process.env.CONTROL, '-j', ...words]);

	return JSON.parse(stdout);
}

const calls = async () => (await sluicectl('show', 'calls')).calls;

/* A call of the browser to the phone, media up. offer: of the browser. */
async function dial(offer = offer_sdp(), lines)
{
	const web = await WebMedia.open('203.0.113.77');

	await phone.ask('reset');
	if (lines)
		await phone.ask('describe', { lines });
	const call = await user.invite('2001', { body: web.offer(offer) });
	if (!call.final || call.final.status !== 200)
		throw new Error(`call: ${call.final && call.final.start}`);
	web.answered(call.final.body);
	if (!await web.check())
		throw new Error('no answer to the check');
	await web.handshake();
	return { web, call };
}

async function hang_up({ web, call })
{
	await call.bye();
	await web.close();
	await busywait(5, async () => !(await calls()).length);
}

const path_of = async () => ((await calls())[0] || {}).path;

/* Sends numbers each 20 ms until stopped; returns how many it sent. */
function numbers(web)
{
	const data = Buffer.alloc(160);
	let n = 0;
	const timer = setInterval(() => {
		data.writeUInt32BE(++n);
		web.send_rtp(0, data);
	}, 20);

	return () => {
		clearInterval(timer);
		return n;
	};
}

/*
 * What a receiver must see of numbered packets: the numbers rise one by one,
 * and sequence numbers and timestamps with them; none comes twice.
 */
function continuity(packets)
{
	let lost = 0, bad = 0, gap = 0;

	for (let i = 1; i < packets.length; i++) {
		const [a, b] = [packets[i - 1], packets[i]];
		const step = parseInt(b.payload.slice(0, 8), 16) -
			parseInt(a.payload.slice(0, 8), 16);

		if (step < 1 || (b.seq - a.seq & 0xffff) !== step ||
		    (b.ts - a.ts >>> 0) !== step * 160 || b.ssrc !== a.ssrc)
			bad++;
		lost += Math.max(step - 1, 0);
		gap = Math.max(gap, b.at - a.at);
	}
	return { lost, bad, gap, count: packets.length };
}

async function moved(path)
{
	const [{ id }] = await calls();

	if (await path_of() !== path)
		await sluicectl('move', 'call', id, `path=${path}`);
	return busywait(10, async () => await path_of() === path);
}

test('move', async () => {
	const MOVES = 8, EACH = 25;
	const pair = await dial();
	const { web } = pair;

	await phone.ask('stream', { count: 100000 });
	const stop = numbers(web);
	const received = async () => Math.min(web.heard.length,
		(await phone.ask('state')).rtp.length);
	const more = async (count) => {
		const before = await received();

		return busywait(10, async () =>
			await received() >= before + count);
	};

	/* New sources: from here on what leaves is numbered by the gateway. */
	await more(10);
	web.restart();
	await phone.ask('restart');
	await more(10);
	const start = { web: web.heard.length,
		sip: (await phone.ask('state')).rtp.length };
	const first = await busywait(5, async () =>
		/kernel|user/.test(await path_of()) && path_of());
	let there = 0;

	for (let i = 0; i < MOVES; i++) {
		await more(EACH);
		there += await moved(i % 2 ? 'kernel' : 'user') ? 1 : 0;
	}
	await more(EACH);
	const sent = stop();
	await phone.until((s) => s.rtp.length >= sent - 2, 5);
	const { rtp } = await phone.ask('state');
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

/* The browser's offer with these formats and their rtpmaps. */
const offer_of = (formats, ...maps) => offer_sdp()
	.replace(/SAVPF .*/, `SAVPF ${formats}`)
	.replace(/(a=(rtpmap|fmtp):.*\r\n)+/, maps.map((m) =>
		`a=rtpmap:${m}\r\n`).join(''));

/* What a side has once `count` packets of this payload type are there. */
async function arrived(list, pt, count = 1)
{
	let found = [];

	await busywait(5, async () => {
		found = (await list()).filter((p) => p.pt === pt);
		return found.length >= count;
	});
	return found;
}

const at_phone = async () => (await phone.ask('state')).rtp;

/* RFC 4733 2.3: digit, end, volume 10, duration. */
function event(digit, duration, end = true)
{
	const b = Buffer.from([digit, (end ? 0x80 : 0) | 10, 0, 0]);

	b.writeUInt16BE(duration, 2);
	return b;
}

test('convert', async () => {
	/* G.711: each knows one law. */
	let pair = await dial(offer_of('8', '8 PCMA/8000'),
		['m=audio $PORT RTP/AVP 0', 'a=sendrecv']);
	const { offer } = await phone.ask('state');

	ok(/^m=audio \d+ RTP\/AVP 8 0\r$/m.test(offer),
		'g711_other_law_offered', offer);
	for (const path of ['kernel', 'user']) {
		ok(await moved(path), `g711_${path}_path_taken`);
		await phone.ask('forget');
		pair.web.heard = [];
		pair.web.send_rtp(8, Buffer.from('d555aa2ad5d5d5d5', 'hex'));
		const [up] = await arrived(at_phone, 0);
		ok(up && up.payload === 'fe7e8000fefefefe',
			`g711_${path}_path_to_the_phones_law`,
			JSON.stringify(up));
		await phone.ask('send_rtp', { pt: 0,
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
	await phone.ask('send_rtp', { pt: 96, payload: '098a0320', step: 0 });
	await phone.ask('send_rtp', { pt: 96, payload: '008a0320',
		step: 8000 });
	const back = await arrived(async () => pair.web.heard, 110, 2);
	ok(back.length === 2 && back[0].payload === '098a12c0' &&
		back[1].ts - back[0].ts >>> 0 === 48000,
	'event_to_browser_has_the_clock_of_48khz', JSON.stringify(back));
	await hang_up(pair);
});

async function main()
{
	phone = await SipMedia.open();
	flow = await connect();
	user = new User(flow, { user: 'alice' });
	const m = await user.register();
	if (!m || m.status !== 200)
		throw new Error(`REGISTER: ${m && m.start}`);
	const code = await run_all();
	await phone.close();
	process.exit(code);
}

main().catch((e) => {
	console.log(`Bail out! ${e.stack}`);
	process.exit(99);
});
