// SPDX-License-Identifier: Apache-2.0
/*
 * A phone on the trunk's address that says and sends what a test tells it to:
 * SDP as given, RTP or SRTP (SDES), requests in the dialog. It runs as a child
 * in namespace sip; the test talks to it by messages.
 *
 *	const phone = await SipMedia.open();
 *	await phone.ask('describe', { lines: ['m=audio $PORT RTP/AVP 0'] });
 *	... a call comes in and is answered ...
 *	const { offer } = await phone.ask('state');
 */
'use strict';
const child_process = require('child_process');
const crypto = require('crypto');
const { busywait } = require('../browser/tap.js');
const { bracketed } = require('./sockets.js');

/* ---- the test's side -------------------------------------------------------- */

class SipMedia {
	static async open()
	{
		const phone = new SipMedia();

		phone.waiting = new Map();
		phone.last = 0;
		phone.child = child_process.spawn(process.env.LAB_SHELL,
			['in_ns', 'sip', process.execPath, __filename],
			{ stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
		phone.child.on('message', ({ id, value, error }) => {
			const { resolve, reject } = phone.waiting.get(id);

			phone.waiting.delete(id);
			if (error)
				reject(new Error(error));
			else
				resolve(value);
		});
		await phone.ask('listen');
		return phone;
	}

	ask(command, args = {})
	{
		const id = ++this.last;

		return new Promise((resolve, reject) => {
			this.waiting.set(id, { resolve, reject });
			this.child.send({ id, command, args });
		});
	}

	/* The state once it satisfies `fits`; null in time. */
	until(fits, seconds = 10)
	{
		return busywait(seconds, async () => {
			const state = await this.ask('state');
			return fits(state) ? state : null;
		});
	}

	/* The next in-dialog request that fits; null in time. */
	async request(fits, seconds = 10)
	{
		const state = await this.until((s) => s.requests.some(fits),
			seconds);

		return state && state.requests.find(fits);
	}

	close()
	{
		const ended = new Promise((resolve) =>
			this.child.on('exit', resolve));

		this.child.disconnect();
		return ended;
	}
}

/* ---- the phone ---------------------------------------------------------------- */

const ADDRESS = process.env.SIP_PHONE || '198.51.100.20', PORT = 5070;
const PBX = process.env.SIP_PBX || '198.51.100.10';
const HOST = bracketed(ADDRESS), FAMILY = ADDRESS.includes(':') ? 'IP6' : 'IP4';

class Phone {
	constructor()
	{
		const { Srtp } = require('./webmedia.js');

		this.Srtp = Srtp;
		this.lines = ['m=audio $PORT RTP/AVP 0', 'a=sendrecv'];
		this.status = 200;
		this.ssrc = crypto.randomBytes(4).readUInt32BE();
		this.seq = 1000;
		this.timestamp = 0;
		this.reset();
	}

	reset()
	{
		clearInterval(this.timer);
		this.offer = this.answer = '';
		this.refused = 0;
		this.requests = [];
		this.is_up = this.has_ended = false;
		this.rtp = [];
		this.rtcp = [];
		this.muxed = 0;		/* of them, on the port of RTP */
		this.forged = 0;
		this.tx = this.rx = null;
	}

	/* The media so far. */
	forget()
	{
		this.rtp = [];
		this.rtcp = [];
		this.forged = 0;
	}

	forget_requests()
	{
		this.requests = [];
	}

	async listen()
	{
		const { open_udp } = require('./sockets.js');

		this.sip = await open_udp(ADDRESS, PORT);
		this.media = await open_udp(ADDRESS);
		this.control = await open_udp(ADDRESS);
		this.control.socket.on('message', (d) =>
			this.rtcp.push(d.toString('hex')));
		this.sip.socket.on('message', (d, from) =>
			this.sip_received(d.toString(), from));
		this.media.socket.on('message', (d, from) =>
			this.media_received(d, from));
	}

	/* ---- SIP */

	send(text)
	{
		return this.sip.send(Buffer.from(text), 5060, PBX);
	}

	sdp()
	{
		return ['v=0', `o=phone 1 ${Date.now()} IN ${FAMILY} ${ADDRESS}`, 's=-',
			`c=IN ${FAMILY} ${ADDRESS}`, 't=0 0', ...this.lines, '']
			.join('\r\n').replaceAll('$PORT', this.media.port)
			.replaceAll('$RTCP', this.control.port);
	}

	contact()
	{
		return `Contact: <sip:phone@${HOST}:${PORT}>`;
	}

	sip_received(text)
	{
		const { parse, response } = require('./wsclient.js');
		const m = parse(text);

		if (m.status)
			return void this.response_received(m);
		if (m.method === 'ACK')
			return void (this.is_up = true);
		if (this.seen === m.get('CSeq') + m.get('Call-ID'))
			return void this.send(this.said);
		this.seen = m.get('CSeq') + m.get('Call-ID');
		this.requests.push({ method: m.method, body: m.body,
			type: m.get('Content-Type') || '', text });
		if (m.method === 'BYE')
			this.has_ended = true;
		if (m.method !== 'INVITE') {
			this.said = response(m, 200, 'OK');
			return void this.send(this.said);
		}
		this.invited(m);
		this.offer = m.body;
		this.said = this.status === 200 ? response(m, 200, 'OK', {
			to_tag: this.tag, headers: [this.contact()],
			body: this.sdp() }) :
			response(m, this.status, 'No', { to_tag: this.tag });
		this.send(this.said);
	}

	invited(m)
	{
		const { uri_of } = require('./wsclient.js');

		this.tag = this.tag && /;tag=/.test(m.get('To')) ? this.tag :
			crypto.randomUUID();
		this.dialog = { call_id: m.get('Call-ID'), cseq: 1,
			local: `${m.get('To').replace(/;tag=.*/, '')};tag=${this.tag}`,
			remote: m.get('From'), target: uri_of(m.get('Contact')),
			routes: m.all('Record-Route').flatMap((v) =>
				v.split(/,\s*/)) };
	}

	/* A request in the dialog; resolves to its final response's status. */
	request({ method, type = '', body = '', cseq })
	{
		const { build } = require('./wsclient.js');
		const d = this.dialog, n = cseq || ++d.cseq;

		this.send(build(`${method} ${d.target} SIP/2.0`, [
			`Via: SIP/2.0/UDP ${HOST}:${PORT};rport;branch=z9hG4bK` +
			crypto.randomUUID(), 'Max-Forwards: 70',
			...d.routes.map((r) => `Route: ${r}`),
			`From: ${d.local}`, `To: ${d.remote}`,
			`Call-ID: ${d.call_id}`, `CSeq: ${n} ${method}`,
			this.contact(), ...(type ? [`Content-Type: ${type}`] : []),
		], body));
		return method === 'ACK' ? 0 : new Promise((resolve) =>
			this.answered = { n, resolve });
	}

	response_received(m)
	{
		const { tag_of, uri_of } = require('./wsclient.js');
		const a = this.answered;

		if (m.status < 200 || !a || m.cseq !== a.n)
			return;
		if (m.cseq_method === 'INVITE' && m.status < 300) {
			this.dialog.remote = m.get('To');
			this.dialog.target = uri_of(m.get('Contact'));
			this.dialog.routes = m.all('Record-Route').flatMap((v) =>
				v.split(/,\s*/)).reverse();
			this.answer = m.body;
			this.is_up = !!tag_of(m.get('To'));
			this.request({ method: 'ACK', cseq: m.cseq });
		}
		this.answered = null;
		a.resolve(m.status);
	}

	/* The description anew; the final status. */
	reinvite()
	{
		return this.request({ method: 'INVITE', body: this.sdp(),
			type: 'application/sdp' });
	}

	/* Calls a browser's user; the final status. */
	invite({ user })
	{
		this.dialog = { call_id: crypto.randomUUID(), cseq: 0,
			local: `<sip:2999@${HOST}>;tag=${crypto.randomUUID()}`,
			remote: `<sip:${user}@${bracketed(PBX)}>`, routes: [],
			target: `sip:${user}@${bracketed(PBX)}` };
		return this.request({ method: 'INVITE', body: this.sdp(),
			type: 'application/sdp' });
	}

	/* ---- media */

	/* Keys as base64 of key and salt (RFC 4568 6.1); MKIs in hex. */
	keys({ tx, rx, suite, tx_mki = '', rx_mki = '' })
	{
		const make = (text, mki) => {
			const raw = Buffer.from(text, 'base64');
			const at = raw.length - (/GCM/.test(suite) ? 12 : 14);

			return new this.Srtp(raw.subarray(0, at),
				raw.subarray(at), suite, Buffer.from(mki, 'hex'));
		};

		/* RFC 4568 6.4: a new key begins with counter 0. */
		this.seq &= 0xffff;
		this.tx = make(tx, tx_mki);
		this.rx = make(rx, rx_mki);
	}

	media_received(d, from)
	{
		const type = d[1] & 0x7f;

		this.gateway = from;
		if (type >= 64 && type <= 95) {
			this.rtcp.push(d.toString('hex'));
			this.muxed++;
			return;
		}
		const { header_length } = require('./webmedia.js');
		const payload = this.rx ? this.rx.receive(d) :
			d.subarray(header_length(d));
		if (!payload)
			return void this.forged++;
		this.rtp.push({ at: Date.now(), pt: type, seq: d.readUInt16BE(2),
			marker: d[1] >> 7, ts: d.readUInt32BE(4),
			ssrc: d.readUInt32BE(8), extension: d.subarray(12,
				header_length(d)).toString('hex'),
			payload: payload.subarray(0, 8).toString('hex') });
	}

	target()
	{
		const text = this.offer || this.answer;

		return { port: Number(/^m=\S+ (\d+)/m.exec(text)[1]),
			host: /^c=IN IP[46] (\S+)/m.exec(text)[1] };
	}

	send_rtp({ pt, payload, step = 160, marker = 0, hold = false,
		extension = '' })
	{
		const { extended } = require('./webmedia.js');
		const fixed = Buffer.alloc(12), { host, port } = this.target();
		const data = Buffer.from(payload, 'hex');

		if (!hold)
			this.timestamp += step;
		fixed[0] = 0x80;
		fixed[1] = marker << 7 | pt;
		fixed.writeUInt16BE(++this.seq & 0xffff, 2);
		fixed.writeUInt32BE(this.timestamp >>> 0, 4);
		fixed.writeUInt32BE(this.ssrc, 8);
		const header = extended(fixed, Buffer.from(extension, 'hex'));
		return this.media.send(this.tx ?
			this.tx.protect(header, data, this.seq >>> 16) :
			Buffer.concat([header, data]), port, host);
	}

	/* As a new source. */
	restart()
	{
		this.ssrc = (this.ssrc ^ 0x5a5a5a5a) >>> 0;
		this.seq = this.seq + 20000 & 0xffff;
	}

	number_from({ seq })
	{
		this.seq = seq;
	}

	/* Numbers every 20 ms, until count are sent or stop(). */
	stream({ pt = 0, count, extension })
	{
		let n = 0;
		const data = Buffer.alloc(160);

		this.timer = setInterval(() => {
			data.writeUInt32BE(++n);
			this.send_rtp({ pt, payload: data.toString('hex'),
				extension });
			if (n === count)
				clearInterval(this.timer);
		}, 20);
	}

	send_rtcp({ packet })
	{
		const { host, port } = this.target();

		return this.media.send(Buffer.from(packet, 'hex'), port, host);
	}

	describe({ lines = this.lines, status = 200 })
	{
		Object.assign(this, { lines, status });
	}

	source()
	{
		return { ssrc: this.ssrc };
	}

	state()
	{
		const { offer, answer, requests, is_up, has_ended, rtp, rtcp,
			forged, muxed } = this;

		return { offer, answer, requests, is_up, has_ended, rtp, rtcp,
			forged, muxed };
	}
}

function serve()
{
	const phone = new Phone();

	process.on('message', async ({ id, command, args }) => {
		try {
			process.send({ id, value: await phone[command](args) });
		} catch (e) {
			process.send({ id, error: e.stack });
		}
	});
	process.on('disconnect', () => process.exit(0));
}

if (require.main === module)
	serve();

module.exports = { SipMedia };
