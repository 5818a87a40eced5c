// SPDX-License-Identifier: Apache-2.0
/* Calls of a browser to a phone by numbered packets, for media*.js. */
'use strict';
const { busywait, run_all } = require('../browser/tap.js');
const { SipMedia } = require('./sipmedia.js');
const { WebMedia } = require('./webmedia.js');
const { User, answer_sdp, connect, offer_sdp } = require('./wsclient.js');
const { execFile } = require('child_process');
const { promisify } = require('util');

const lab = { phone: null, flow: null, user: null };

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
	const web = await WebMedia.open(process.env.WEB_PEER || '203.0.113.77');

	await lab.phone.ask('reset');
	if (lines)
		await lab.phone.ask('describe', { lines });
	const call = await lab.user.invite('2001', { body: web.offer(offer) });
	if (!call.final || call.final.status !== 200)
		throw new Error(`call: ${call.final && call.final.start}`);
	web.answered(call.final.body);
	if (!await web.check())
		throw new Error('no answer to the check');
	await web.handshake();
	return { web, call };
}

/*
 * A call of the phone, whose offer has these lines, media up. answer: what the
 * browser makes of its offer.
 */
async function called(lines, user = 'bob', answer = answer_sdp)
{
	const web = await WebMedia.open(process.env.WEB_PEER || '203.0.113.77');

	await lab.phone.ask('reset');
	await lab.phone.ask('describe', { lines });
	const answered = lab.phone.ask('invite', { user });
	const call = await lab.user.incoming();

	web.answered(call.invite.body);
	call.respond(200, 'OK', { body: web.offer(answer(call.invite.body)) });
	const status = await answered;
	await web.check();
	await web.handshake();
	return { web, call, status,
		answer: (await lab.phone.ask('state')).answer };
}

async function hang_up({ web, call })
{
	await call.bye();
	await web.close();
	await busywait(5, async () => !(await calls()).length);
}

const path_of = async () => ((await calls())[0] || {}).path;

/* Sends numbers each 20 ms until stopped; returns how many it sent. */
function numbers(web, extension)
{
	const data = Buffer.alloc(160);
	let n = 0;
	const timer = setInterval(() => {
		data.writeUInt32BE(++n);
		web.send_rtp(0, data, extension);
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

const at_phone = async () => (await lab.phone.ask('state')).rtp;

/* RFC 4733 2.3: digit, end, volume 10, duration. */
function event(digit, duration, end = true)
{
	const b = Buffer.from([digit, (end ? 0x80 : 0) | 10, 0, 0]);

	b.writeUInt16BE(duration, 2);
	return b;
}

/*
 * Registers the user, runs the tests of the file, exits. One user a gateway: the
 * PBX remembers.
 */
async function main(user)
{
	lab.phone = await SipMedia.open();
	lab.flow = await connect();
	lab.user = new User(lab.flow, { user });
	const m = await lab.user.register();
	if (!m || m.status !== 200)
		throw new Error(`REGISTER: ${m && m.start}`);
	const code = await run_all();
	await lab.phone.close();
	process.exit(code);
}

const run = (user = 'alice') => main(user).catch((e) => {
	console.log(`Bail out! ${e.stack}`);
	process.exit(99);
});

module.exports = { arrived, at_phone, called, continuity, dial, event, hang_up,
	lab, moved, numbers, offer_of, path_of, run, sluicectl };
