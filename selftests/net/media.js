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
