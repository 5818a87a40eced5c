// SPDX-License-Identifier: Apache-2.0
/*
 * A PBX that says what a test tells it to, over UDP or, with SIP_TRANSPORT=tcp,
 * TCP. The test runs in namespace web; this file starts itself in $SIP_NS as the
 * socket, one JSON line a message each way. OPTIONS without a user and REGISTER
 * it answers by itself.
 *
 *	const pbx = await Pbx.start();
 *	const m = await pbx.expect((r) => r.method === 'MESSAGE');
 *	pbx.respond(m, 200, 'OK');
 */
'use strict';
const { spawn } = require('child_process');
const { build, parse, response, tag_of, token, uri_of } =
	require('./wsclient.js');

const GATEWAY = process.env.SIP_GATEWAY || '198.51.100.1';
const ADDRESS = process.env.SIP_PBX || '198.51.100.10';
const TRANSPORT = (process.env.SIP_TRANSPORT || 'udp').toUpperCase();

/* ---- the socket, in the other namespace ---------------------------------- */

const tell = (text) => process.stdout.write(`${JSON.stringify({ text })}\n`);

function udp_sender()
{
	const socket = require('dgram').createSocket('udp4');

	socket.on('message', (m) => tell(m.toString()));
	socket.bind(5060, ADDRESS);
	return (text) => socket.send(text, 5060, GATEWAY);
}

/* The newest connection carries what leaves; without one, one is opened. */
function tcp_sender()
{
	const net = require('net');
	let newest = null;
	const take = (socket) => {
		let data = '';

		newest = socket;
		socket.setEncoding('latin1');
		socket.on('data', (d) => {
			data += d;
			for (;;) {
				data = data.replace(/^[\r\n]+/, '');
				const end = data.indexOf('\r\n\r\n') + 4;
				const length = /^(?:Content-Length|l)\s*:\s*(\d+)/mi
					.exec(data.slice(0, end));
				const all = end + Number(length && length[1]);

				if (end < 4 || data.length < all)
					return;
				tell(Buffer.from(data.slice(0, all), 'latin1')
					.toString());
				data = data.slice(all);
			}
		});
		socket.on('error', () => {});
		socket.on('close', () => {
			newest = newest === socket ? null : newest;
		});
	};

	net.createServer(take).listen(5060, ADDRESS);
	return (text) => {
		if (!newest)
			take(net.connect({ host: GATEWAY, port: 5060,
				localAddress: ADDRESS }));
		newest.write(text);
	};
}

function serve()
{
	const send = TRANSPORT === 'TCP' ? tcp_sender() : udp_sender();
	const lines = require('readline').createInterface(
		{ input: process.stdin });

	lines.on('line', (l) => send(JSON.parse(l).text));
	lines.on('close', () => process.exit(0));
}

/* ---- the test's side ------------------------------------------------------ */

class Pbx {
	/* Resolves when the gateway has found it, within five seconds. */
	static async start()
	{
		const pbx = new Pbx();

		await new Promise((resolve) => pbx.probed = resolve);
		return pbx;
	}

	constructor()
	{
		this.inbox = [];
		this.log = [];
		this.waiters = [];
		this.answers = new Map();	/* by branch, for repeats */
		this.seen = new Set();
		this.path = null;		/* of the last REGISTER */
		this.register_headers = [];	/* in its 200 */
		this.contact_params = '';	/* of the Contact in it */
		this.grants = 0;		/* seconds, or what is asked */
		/* (m) => headers of a refusal, its status first; or null */
		this.on_register = () => null;
		this.contacts = new Map();	/* by user */
		this.child = spawn('nsenter', [
			`--net=/run/netns/${process.env.SIP_NS}`, process.execPath,
			__filename, 'serve'],
		{ stdio: ['pipe', 'pipe', 'inherit'] });
		require('readline').createInterface(
			{ input: this.child.stdout })
			.on('line', (l) => this.received(JSON.parse(l).text));
	}

	stop()
	{
		this.child.stdin.end();
	}

	received(text)
	{
		const m = parse(text);
		const key = `${m.get('Via')} ${m.get('CSeq')}`;

		if (m.status) {
			/* A response to us is repeated until we say ACK. */
			const one = `${key} ${m.status} ${tag_of(m.get('To'))}`;

			if (this.seen.has(one))
				return;
			this.seen.add(one);
		} else if (this.answers.has(key) && m.method !== 'ACK') {
			return this.answers.get(key) &&
				this.write(this.answers.get(key));
		} else {
			this.answers.set(key, '');
		}
		this.log.push(`< ${text}`);
		if (process.env.WIRE)
			console.log(`# P< ${text.replace(/\r?\n/g, '\n# P< ')}`);
		if (m.method === 'OPTIONS' && !/@/.test(m.uri)) {
			this.respond(m, 200, 'OK');
			return this.probed();
		}
		if (m.method === 'REGISTER')
			return this.registered(m);
		this.inbox.push(m);
		for (const look of [...this.waiters])
			look();
	}

	registered(m)
	{
		const contact = this.grants ? m.get('Contact').replace(
			/;expires=\d+/, `;expires=${this.grants}`) :
			m.get('Contact');
		const user = uri_of(m.get('To')).replace(/^sip:|@.*/g, '');

		const refusal = this.on_register(m);

		if (refusal)
			return this.respond(m, refusal[0], 'Refused',
				{ headers: refusal.slice(1) });
		this.register = m;
		this.contacts.set(user, uri_of(contact));
		this.respond(m, 200, 'OK', { headers: [
			`Contact: ${contact}${this.contact_params}`,
			...this.register_headers] });
	}

	write(text)
	{
		this.child.stdin.write(`${JSON.stringify({ text })}\n`);
	}

	send(text)
	{
		this.log.push(`> ${text}`);
		if (process.env.WIRE)
			console.log(`# P> ${text.replace(/\r?\n/g, '\n# P> ')}`);
		this.write(text);
	}

	respond(m, status, phrase, options = {})
	{
		let text = response(m, status, phrase,
			{ to_tag: token(4), ...options });

		if (options.type)
			text = text.replace('application/sdp', options.type);
		this.answers.set(`${m.get('Via')} ${m.get('CSeq')}`, text);
		this.send(text);
		return parse(text);
	}

	/* Takes the first message that fits; null: none within ms. */
	expect(fits, ms = 5000)
	{
		return new Promise((resolve) => {
			const end = (value) => {
				clearTimeout(timer);
				this.waiters = this.waiters.filter(
					(w) => w !== look);
				resolve(value);
			};
			const look = () => {
				const i = this.inbox.findIndex(fits);
				if (i >= 0)
					end(this.inbox.splice(i, 1)[0]);
			};
			const timer = setTimeout(() => end(null), ms);
			this.waiters.push(look);
			look();
		});
	}

	method(name, ms)
	{
		return this.expect((m) => m.method === name, ms);
	}

	request(method, uri, { from = `sip:pbx@${ADDRESS}`, to = uri,
		call_id = token(), cseq = 1, from_tag = token(4), to_tag,
		headers = [], body = '', type = 'application/sdp' } = {})
	{
		return build(`${method} ${uri} SIP/2.0`, [
			`Via: SIP/2.0/${TRANSPORT} ${ADDRESS}:5060;branch=z9hG4bK${token()}`,
			'Max-Forwards: 70', `From: <${from}>;tag=${from_tag}`,
			`To: <${to}>${to_tag ? `;tag=${to_tag}` : ''}`,
			`Call-ID: ${call_id}`, `CSeq: ${cseq} ${method}`,
			...headers, ...(body ? [`Content-Type: ${type}`] : [])],
		body);
	}

	/* Sends a request; the final response. */
	transact(text, ms = 5000)
	{
		const sent = parse(text);

		this.send(text);
		return this.expect((m) => m.status >= 200 &&
			m.get('Call-ID') === sent.get('Call-ID') &&
			m.get('CSeq') === sent.get('CSeq'), ms);
	}
}

/*
 * The PBX's end of a dialog; m is the request or, if we called, the 2xx that
 * made it. tag: our own, if we were called.
 */
class Dialog {
	constructor(pbx, m, tag)
	{
		const routes = m.all('Record-Route');

		this.pbx = pbx;
		this.cseq = m.status ? m.cseq : 0;
		this.call_id = m.get('Call-ID');
		this.local_tag = tag || tag_of(m.get('From'));
		this.remote_tag = tag_of(m.get(tag ? 'From' : 'To'));
		this.local = uri_of(m.get(tag ? 'To' : 'From'));
		this.remote = uri_of(m.get(tag ? 'From' : 'To'));
		this.target = uri_of(m.get('Contact')) || this.remote;
		this.routes = m.status ? routes.reverse() : routes;
	}

	request(method, { headers = [], ...fields } = {})
	{
		return this.pbx.request(method, this.target, {
			from: this.local, to: this.remote, call_id: this.call_id,
			from_tag: this.local_tag, to_tag: this.remote_tag,
			cseq: method === 'ACK' ? this.cseq : ++this.cseq,
			headers: [...this.routes.map((r) => `Route: ${r}`),
				...headers], ...fields });
	}

	transact(method, fields)
	{
		return this.pbx.transact(this.request(method, fields));
	}
}

/* Plain telephony's description, as offer and as answer. */
const plain_sdp = (port = 30000) => ['v=0', `o=- 1 1 IN IP4 ${ADDRESS}`,
	's=-', `c=IN IP4 ${ADDRESS}`, 't=0 0', `m=audio ${port} RTP/AVP 0 101`,
	'a=rtpmap:0 PCMU/8000', 'a=rtpmap:101 telephone-event/8000',
	'a=sendrecv', ''].join('\r\n');

if (require.main === module && process.argv[2] === 'serve')
	serve();

module.exports = { ADDRESS, Dialog, Pbx, plain_sdp };
