// SPDX-License-Identifier: Apache-2.0
/*
 * A call with its media on both sides: each end numbers what it sends, one
 * packet in 20 ms (EVERY_MS), and each number has to arrive once and in its place.
 *
 *	const talk = await Talk.open(user, pbx, remote);
 *	talk.start();
 *	await talk.more(25);
 *	await talk.stop();
 *	const { lost, twice } = talk.verdict();
 */
'use strict';
const crypto = require('crypto');
const { busywait } = require('../browser/tap.js');
const { ADDRESS, Dialog, plain_sdp } = require('./pbx.js');
const { WebMedia } = require('./webmedia.js');
const { offer_sdp, response, token } = require('./wsclient.js');

const TRANSPORT = process.env.SIP_TRANSPORT || 'udp';
const WEB = process.env.WEB_PEER || '203.0.113.77', EVERY_MS = Number(process.env.EVERY_MS || 20);
let last = 2000;

/* What one direction heard, by the numbers in the packets. */
class Ear {
	constructor()
	{
		this.numbers = [];
	}

	hear(number)
	{
		this.numbers.push(number);
	}

	/* From the first that was heard after `from` packets. */
	verdict(from, sent)
	{
		const count = new Map();

		for (const n of this.numbers.slice(from))
			count.set(n, (count.get(n) || 0) + 1);
		const first = this.numbers[from];
		const missing = [];

		for (let n = first; n <= sent; n++)
			if (!count.has(n))
				missing.push(n);
		return { missing,
			twice: [...count].filter(([, n]) => n > 1).length };
	}
}

class Talk {
	/*
	 * `user` calls a number behind the PBX; media is up when it resolves.
	 * headers: more of them in the PBX's answer.
	 */
	static async open(user, pbx, remote, headers = [])
	{
		const talk = new Talk();

		Object.assign(talk, { user, pbx, headers,
			number: String(++last), sent: 0,
			seq: 500, to_web: new Ear(), to_sip: new Ear(),
			ssrc: crypto.randomBytes(4).readUInt32BE() });
		talk.web = await WebMedia.open(WEB);
		talk.sip = await remote.open(ADDRESS);
		talk.sip.on_data = (d) => {
			if ((d[1] & 0x7f) < 64)
				talk.to_sip.hear(d.readUInt32BE(12));
		};
		await talk.dial();
		/*
		 * Asked again as a browser does (RFC 8445 14.3): a busy media
		 * thread may hear of the call after the answer to it.
		 */
		if (!await talk.web.check(1) && !await talk.web.check())
			throw new Error('no answer to the check');
		await talk.web.handshake();
		talk.adopt(talk.web);
		return talk;
	}

	/* Speaks and hears by this one. */
	adopt(web)
	{
		const hear = web.hear;

		this.web = web;
		web.hear = (d, payload) => {
			if (payload)
				this.to_web.hear(payload.readUInt32BE(0));
			hear.call(web, d, payload);
		};
	}

	async dial()
	{
		const call = this.user.dial(this.number,
			{ body: this.web.offer(offer_sdp()) });
		const m = await this.pbx.expect((r) => r.method === 'INVITE' &&
			r.uri.includes(this.number));

		if (!m)
			throw new Error('no INVITE at the PBX');
		const tag = token(4);

		this.offer = m.body;
		this.pbx.respond(m, 200, 'OK', { to_tag: tag,
			body: plain_sdp(this.sip.port),
			headers: [`Contact: <sip:${this.number}@${ADDRESS}:5060;` +
				`transport=${TRANSPORT}>`, ...this.headers] });
		this.call = await call.done;
		if (!this.call.final || this.call.final.status !== 200)
			throw new Error(`call: ${this.call.final &&
				this.call.final.start}`);
		await this.pbx.expect((r) => r.method === 'ACK' &&
			r.get('Call-ID') === m.get('Call-ID'));
		this.dialog = new Dialog(this.pbx, m, tag);
		this.web.answered(this.call.final.body);
		const [, port] = /^m=audio (\d+)/m.exec(this.offer);

		this.to = { host: /^c=IN IP4 (\S+)/m.exec(this.offer)[1],
			port: Number(port) };
	}

	tick()
	{
		const header = Buffer.alloc(12), data = Buffer.alloc(160);

		data.writeUInt32BE(++this.sent);
		this.web.send_rtp(0, data);
		header[0] = 0x80;
		header.writeUInt16BE(++this.seq & 0xffff, 2);
		header.writeUInt32BE(this.sent * 160, 4);
		header.writeUInt32BE(this.ssrc, 8);
		this.sip.send(Buffer.concat([header, data]), this.to.port,
			this.to.host);
	}

	start()
	{
		this.timer = setInterval(() => this.tick(), EVERY_MS);
	}

	heard()
	{
		return Math.min(this.to_web.numbers.length,
			this.to_sip.numbers.length);
	}

	/* Another `count` packets arrive on both sides. */
	more(count, seconds = 10)
	{
		const before = this.heard();

		return busywait(seconds, () => this.heard() >= before + count);
	}

	more_at(ear, count, seconds = 10)
	{
		const before = ear.numbers.length;

		return busywait(seconds, () =>
			ear.numbers.length >= before + count);
	}

	/*
	 * Sender reports of the PBX, the first of which may be taken to learn
	 * their port by; the index of the SRTCP packet that the browser gets
	 * (AES-CM: before a tag of ten bytes), or null.
	 */
	async report(seconds = 5)
	{
		const sr = Buffer.alloc(28), seen = this.web.udp.received.length;

		sr[0] = 0x80;
		sr[1] = 200;
		sr.writeUInt16BE(6, 2);
		sr.writeUInt32BE(this.ssrc, 4);
		sr.writeUInt32BE(this.sent * 160, 16);
		const again = setInterval(() => this.sip.send(sr,
			this.to.port + 1, this.to.host), 200);
		const got = await busywait(seconds, () => this.web.udp.received
			.slice(seen).find((d) => d[0] >> 6 === 2 && d[1] === 200));

		clearInterval(again);
		return got && got.readUInt32BE(got.length - 14) & 0x7fffffff;
	}

	/* What is under way arrives, or does not. */
	async stop(seconds = 3)
	{
		clearInterval(this.timer);
		await busywait(seconds, () =>
			this.to_web.numbers.includes(this.sent) &&
			this.to_sip.numbers.includes(this.sent));
	}

	/* Since mark(). */
	mark()
	{
		this.from = { web: this.to_web.numbers.length,
			sip: this.to_sip.numbers.length };
	}

	verdict()
	{
		const web = this.to_web.verdict(this.from.web, this.sent);
		const sip = this.to_sip.verdict(this.from.sip, this.sent);

		return { lost: web.missing.length + sip.missing.length,
			twice: web.twice + sip.twice, forged: this.web.forged,
			count: this.heard(), web: web.missing.slice(0, 5),
			sip: sip.missing.slice(0, 5) };
	}

	/* The PBX hangs up; true if the browser is told and all say 200. */
	async end_at_pbx()
	{
		const answered = this.dialog.transact('BYE');
		const bye = await this.user.flow.expect((m) =>
			m.method === 'BYE' && m.get('Call-ID') === this.call.call_id);

		if (bye)
			this.user.flow.send(response(bye, 200, 'OK'));
		const final = await answered;
		return !!bye && !!final && final.status === 200;
	}

	/* The browser hangs up. */
	async end_at_web()
	{
		const answered = this.call.bye();
		const bye = await this.pbx.expect((m) => m.method === 'BYE' &&
			m.get('Call-ID') === this.dialog.call_id);

		if (bye)
			this.pbx.respond(bye, 200, 'OK');
		const final = await answered;
		return !!bye && !!final && final.status === 200;
	}

	async close()
	{
		clearInterval(this.timer);
		await this.web.close();
	}
}

module.exports = { Talk };
