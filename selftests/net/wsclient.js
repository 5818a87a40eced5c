// SPDX-License-Identifier: Apache-2.0
/*
 * A SIP client over secure WebSocket without a browser: Node's own tls module
 * and the framing of RFC 6455. It says what a test tells it to, well formed or
 * not. Run it in namespace web.
 *
 *	const flow = await connect();
 *	const alice = new User(flow, { user: 'alice' });
 *	await alice.register();
 *	const call = await alice.invite('1004');
 *	await call.bye();
 */
'use strict';
const crypto = require('crypto');
const tls = require('tls');
const { bracketed } = require('./sockets.js');

const GATEWAY = process.env.GATEWAY || '203.0.113.1';
const DOMAIN = process.env.DOMAIN || '198.51.100.10';
const TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10;

const token = (bytes = 6) => crypto.randomBytes(bytes).toString('hex');

/* ---- WebSocket --------------------------------------------------------- */

/* One frame; mask: false breaks RFC 6455 5.1 on purpose. */
function frame(opcode, payload, { fin = true, mask = true } = {})
{
	const body = Buffer.from(payload);
	const size = body.length;
	const head = Buffer.alloc(size < 126 ? 2 : size < 65536 ? 4 : 10);
	const key = crypto.randomBytes(4);

	head[0] = (fin ? 0x80 : 0) | opcode;
	head[1] = size < 126 ? size : size < 65536 ? 126 : 127;
	if (head.length === 4)
		head.writeUInt16BE(size, 2);
	else if (head.length === 10)
		head.writeBigUInt64BE(BigInt(size), 2);
	if (!mask)
		return Buffer.concat([head, body]);
	head[1] |= 0x80;
	for (let i = 0; i < size; i++)
		body[i] ^= key[i & 3];
	return Buffer.concat([head, key, body]);
}

/* The first whole frame of data: { fin, opcode, payload, rest }, or null. */
function unframe(data)
{
	let at = 2;

	if (data.length < 2)
		return null;
	let size = data[1] & 0x7f;
	if (size === 126 && data.length >= 4) {
		size = data.readUInt16BE(2);
		at = 4;
	} else if (size === 127 && data.length >= 10) {
		size = Number(data.readBigUInt64BE(2));
		at = 10;
	} else if (size >= 126) {
		return null;
	}
	if (data.length < at + size)
		return null;
	return { fin: !!(data[0] & 0x80), opcode: data[0] & 15,
		payload: data.subarray(at, at + size),
		rest: data.subarray(at + size) };
}

/* A connection. Messages are kept until expect() takes them. */
class Flow {
	constructor(socket)
	{
		this.socket = socket;
		this.data = Buffer.alloc(0);
		this.parts = [];
		this.inbox = [];	/* SIP messages, parsed */
		this.pongs = 0;
		this.waiters = [];
		this.is_open = true;
		this.close_code = null;	/* of the peer's close frame */
		this.log = [];
		this.closed = new Promise((resolve) => {
			socket.on('close', () => {
				this.is_open = false;
				this.wake();
				resolve();
			});
		});
		socket.on('error', (e) => this.log.push(`! ${e.message}`));
	}

	receive(data)
	{
		let f;

		this.data = Buffer.concat([this.data, data]);
		while ((f = unframe(this.data))) {
			this.data = f.rest;
			this.frame(f);
		}
		this.wake();
	}

	frame({ fin, opcode, payload })
	{
		if (opcode === PING)
			return this.send_frame(PONG, payload);
		if (opcode === PONG)
			return void this.pongs++;
		if (opcode === CLOSE) {
			this.close_code = payload.length >= 2 ?
				payload.readUInt16BE(0) : 1005;
			return void this.socket.end();
		}
		this.parts.push(payload);
		if (!fin)
			return;
		const text = Buffer.concat(this.parts).toString();
		this.parts = [];
		this.log.push(`< ${text}`);
		if (process.env.WIRE)
			console.log(`# < ${text.replace(/\r?\n/g, '\n# < ')}`);
		if (text.trim())
			this.inbox.push(parse(text));
	}

	wake()
	{
		for (const waiter of [...this.waiters])
			waiter();
	}

	send_frame(opcode, payload, options)
	{
		if (this.is_open)
			this.socket.write(frame(opcode, payload, options));
	}

	send(text)
	{
		this.log.push(`> ${text}`);
		if (process.env.WIRE)
			console.log(`# > ${text.replace(/\r?\n/g, '\n# > ')}`);
		this.send_frame(TEXT, text);
	}

	/* Resolves when check() is true, to its value; null after ms. */
	until(check, ms)
	{
		return new Promise((resolve) => {
			const end = (value) => {
				clearTimeout(timer);
				this.waiters = this.waiters.filter(
					(w) => w !== look);
				resolve(value);
			};
			const look = () => {
				const value = check();
				if (value)
					end(value);
			};
			const timer = setTimeout(() => end(null), ms);
			this.waiters.push(look);
			look();
		});
	}

	/* Takes the first message that fits; null: none within ms. */
	expect(fits, ms = 5000)
	{
		return this.until(() => {
			const i = this.inbox.findIndex(fits);
			return i < 0 ? null : this.inbox.splice(i, 1)[0];
		}, ms);
	}

	close(code = 1000)
	{
		this.send_frame(CLOSE, Buffer.from([code >> 8, code & 255]));
		this.socket.end();
		return this.closed;
	}

	/* As a crash or a lost network: no close frame, no TLS alert. */
	vanish()
	{
		this.socket.destroy();
		return this.closed;
	}
}

/* Sends raw bytes over TLS; the answer's head and the socket. */
function open_http(lines, { host = GATEWAY, port = 443, ms = 5000 } = {})
{
	return new Promise((resolve, reject) => {
		const socket = tls.connect({ host, port,
			rejectUnauthorized: false });
		let data = Buffer.alloc(0);
		const fail = (e) => {
			socket.destroy();
			reject(e instanceof Error ? e :
				new Error('closed without an answer'));
		};
		const timer = setTimeout(() => fail(new Error(
			'no answer to the HTTP request')), ms);
		const read = (d) => {
			data = Buffer.concat([data, d]);
			const end = data.indexOf('\r\n\r\n');
			if (end < 0)
				return;
			clearTimeout(timer);
			socket.off('data', read).off('error', fail)
				.off('close', fail);
			resolve({ socket, head: data.toString('latin1', 0, end),
				status: Number(data.toString('latin1', 9, 12)),
				rest: data.subarray(end + 4) });
		};

		socket.on('data', read).on('error', fail).on('close', fail);
		socket.on('close', () => clearTimeout(timer));
		socket.on('secureConnect', () =>
			socket.write(lines.join('\r\n') + '\r\n\r\n'));
	});
}

/* Opens a WebSocket; throws with the HTTP status if it is refused. */
async function connect({ host = GATEWAY, port = 443, path = '/ws',
	origin = `https://${bracketed(host)}`, protocol = 'sip', headers = [] } = {})
{
	const { socket, status, rest } = await open_http([
		`GET ${path} HTTP/1.1`, `Host: ${bracketed(host)}`,
		'Upgrade: websocket', 'Connection: Upgrade',
		`Sec-WebSocket-Key: ${crypto.randomBytes(16)
			.toString('base64')}`,
		'Sec-WebSocket-Version: 13', ...headers,
		...(protocol ? [`Sec-WebSocket-Protocol: ${protocol}`] : []),
		...(origin ? [`Origin: ${origin}`] : []),
	], { host, port });

	if (status !== 101) {
		socket.destroy();
		throw Object.assign(new Error(`HTTP ${status}`), { status });
	}
	const flow = new Flow(socket);
	socket.on('data', (d) => flow.receive(d));
	flow.receive(rest);
	return flow;
}

/* ---- SIP messages ------------------------------------------------------- */

function parse(text)
{
	const end = text.indexOf('\r\n\r\n');
	const [start, ...lines] = text.slice(0, end < 0 ? undefined : end)
		.replace(/\r\n[ \t]+/g, ' ').split('\r\n');
	const headers = lines.map((l) => l.split(/:(.*)/s, 2)
		.map((s) => s.trim()));
	const all = (name) => headers.filter(([n]) => n.toLowerCase() ===
		name.toLowerCase()).map(([, v]) => v);
	const is_response = start.startsWith('SIP/2.0 ');
	const [cseq, cseq_method] = (all('CSeq')[0] || '').split(/\s+/);

	return { text, start, headers, all, get: (name) => all(name)[0],
		status: is_response ? Number(start.split(' ')[1]) : 0,
		method: is_response ? null : start.split(' ')[0],
		uri: is_response ? null : start.split(' ')[1],
		cseq: Number(cseq), cseq_method,
		body: end < 0 ? '' : text.slice(end + 4) };
}

/* headers: lines; Content-Length is added, wrong or not by `length`. */
function build(start, headers, body = '', length = Buffer.byteLength(body))
{
	return [start, ...headers, `Content-Length: ${length}`, '', body]
		.join('\r\n');
}

/* Via, From, To, Call-ID and CSeq are the request's. */
function response(request, status, phrase, { to_tag, headers = [],
	body = '' } = {})
{
	const to = request.get('To');

	return build(`SIP/2.0 ${status} ${phrase}`, [
		...request.all('Via').map((v) => `Via: ${v}`),
		...request.all('Record-Route').map((v) => `Record-Route: ${v}`),
		`From: ${request.get('From')}`,
		`To: ${to}${to_tag && !/;tag=/.test(to) ? `;tag=${to_tag}` : ''}`,
		`Call-ID: ${request.get('Call-ID')}`,
		`CSeq: ${request.get('CSeq')}`, ...headers,
		...(body ? ['Content-Type: application/sdp'] : []),
	], body);
}

const tag_of = (value) => (/;tag=([^;]+)/.exec(value || '') || [])[1];
const uri_of = (value) => (/<([^>]+)>/.exec(value || '') ||
	[null, value])[1];

/* The value of (Proxy-)Authorization for a challenge: RFC 7616, MD5, SHA-256. */
function digest(challenge, { user, password, method, uri, nc = 1 })
{
	const get = (name) => (new RegExp(`\\b${name}="?([^",]+)`)
		.exec(challenge) || [])[1];
	const realm = get('realm'), nonce = get('nonce');
	const cnonce = token(), count = String(nc).padStart(8, '0');
	const algorithm = get('algorithm') || 'MD5';
	const hash = (s) => crypto.createHash(algorithm.replace('-', '')
		.toLowerCase()).update(s).digest('hex');
	const a1 = hash(`${user}:${realm}:${password}`);
	const a2 = hash(`${method}:${uri}`);
	const qop = /\bqop="?[^"]*\bauth\b/.test(challenge);
	const answer = qop ? hash(`${a1}:${nonce}:${count}:${cnonce}:auth:${a2}`) :
		hash(`${a1}:${nonce}:${a2}`);

	return `Digest username="${user}",realm="${realm}",nonce="${nonce}",` +
		`uri="${uri}",response="${answer}",algorithm=${algorithm}` +
		(qop ? `,qop=auth,nc=${count},cnonce="${cnonce}"` : '') +
		(get('opaque') ? `,opaque="${get('opaque')}"` : '');
}

/* ---- SDP of a browser --------------------------------------------------- */

const FINGERPRINT = Array.from({ length: 32 }, (_, i) =>
	(i * 7 + 16).toString(16).toUpperCase().padStart(2, '0')).join(':');

function sdp(media, setup)
{
	return ['v=0', `o=- ${Date.now()} 2 IN IP4 127.0.0.1`, 's=-', 't=0 0',
		'a=group:BUNDLE 0', 'a=msid-semantic: WMS *', media,
		'c=IN IP4 0.0.0.0', 'a=rtcp:9 IN IP4 0.0.0.0',
		`a=ice-ufrag:${token(2)}`, `a=ice-pwd:${token(12)}`,
		'a=ice-options:trickle', `a=fingerprint:sha-256 ${FINGERPRINT}`,
		`a=setup:${setup}`, 'a=mid:0', 'a=sendrecv', 'a=rtcp-mux',
		'a=rtcp-rsize',
	];
}

/* Opus, PCMU, PCMA and telephone-event, as Chrome offers them. */
function offer_sdp()
{
	return [...sdp('m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8 126', 'actpass'),
		'a=rtpmap:111 opus/48000/2',
		'a=fmtp:111 minptime=10;useinbandfec=1',
		'a=rtpmap:0 PCMU/8000', 'a=rtpmap:8 PCMA/8000',
		'a=rtpmap:126 telephone-event/8000',
		'a=ssrc:3735928559 cname:lab', ''].join('\r\n');
}

/* Takes the first codec of an offer with one audio line. */
function answer_sdp(offer)
{
	const [, pt] = /^m=audio \d+ \S+ (\d+)/m.exec(offer);
	const lines = offer.split(/\r?\n/).filter((l) =>
		l.startsWith(`a=rtpmap:${pt} `) || l.startsWith(`a=fmtp:${pt} `));
	const mid = (/^a=mid:(\S+)/m.exec(offer) || [])[1] || '0';

	return [...sdp(`m=audio 9 UDP/TLS/RTP/SAVPF ${pt}`, 'active'), ...lines,
		''].join('\r\n').replace('a=mid:0', `a=mid:${mid}`)
		.replace('BUNDLE 0', `BUNDLE ${mid}`);
}

/* ---- a user ------------------------------------------------------------- */

class User {
	constructor(flow, { user, password = 'secret', domain = DOMAIN,
		auth_user = user, instance = crypto.randomUUID() } = {})
	{
		Object.assign(this, { flow, user, password, domain, auth_user,
			instance });
		this.aor = `sip:${user}@${domain}`;
		this.host = `${token(5)}.invalid`;
		this.register_id = token();
		this.from_tag = token(4);
		this.cseq = 0;
		this.nc = 0;
		this.challenge = null;
	}

	contact()
	{
		return `<sip:${this.user}@${this.host};transport=ws>`;
	}

	via()
	{
		return `Via: SIP/2.0/WSS ${this.host};branch=z9hG4bK${token()}`;
	}

	/* A request in no dialog. Fields can be told otherwise. */
	request(method, uri, { from = this.aor, to = uri, call_id = token(),
		cseq = 1, from_tag = token(4), to_tag, max_forwards = 70,
		via = this.via(), headers = [], body = '' } = {})
	{
		return build(`${method} ${uri} SIP/2.0`, [
			via, `Max-Forwards: ${max_forwards}`,
			`From: <${from}>;tag=${from_tag}`,
			`To: <${to}>${to_tag ? `;tag=${to_tag}` : ''}`,
			`Call-ID: ${call_id}`, `CSeq: ${cseq} ${method}`,
			...headers, 'User-Agent: lab',
			...(body ? ['Content-Type: application/sdp'] : []),
		], body);
	}

	/* Sends; resolves to the final response, or null. */
	async transact(text, ms = 5000)
	{
		const sent = parse(text);

		this.flow.send(text);
		return this.flow.expect((m) => m.status >= 200 &&
			m.get('Call-ID') === sent.get('Call-ID') &&
			m.get('CSeq') === sent.get('CSeq'), ms);
	}

	authorization(method, uri, password)
	{
		const value = digest(this.challenge.value, { method, uri,
			user: this.auth_user, nc: ++this.nc, password });

		return `${this.challenge.answer}: ${value}`;
	}

	/* make(headers) builds the request; one challenge is answered. */
	async authenticated(make, method, uri, { password = this.password,
		ms = 5000 } = {})
	{
		const m = await this.transact(make([]), ms);

		if (!m || (m.status !== 401 && m.status !== 407))
			return m;
		this.nc = 0;
		this.challenge = m.status === 401 ?
			{ value: m.get('WWW-Authenticate'),
				answer: 'Authorization' } :
			{ value: m.get('Proxy-Authenticate'),
				answer: 'Proxy-Authorization' };
		if (method === 'INVITE')
			this.flow.send(this.ack_refusal(m));
		if (password === null)
			return m;
		const again = await this.transact(make([this.authorization(
			method, uri, password)]), ms);
		if (method === 'INVITE' && again &&
		    (again.status === 401 || again.status === 407))
			this.flow.send(this.ack_refusal(again));
		return again;
	}

	/* The ACK of a refused INVITE; its branch is the request's. */
	ack_refusal(m)
	{
		return build(`ACK ${this.last_uri} SIP/2.0`, [
			`Via: ${m.all('Via')[0]}`, 'Max-Forwards: 70',
			`From: ${m.get('From')}`, `To: ${m.get('To')}`,
			`Call-ID: ${m.get('Call-ID')}`, `CSeq: ${m.cseq} ACK`]);
	}

	/* The final response. password: null leaves a challenge unanswered. */
	register({ expires = 600, contact, aor = this.aor, headers = [],
		...options } = {})
	{
		const uri = `sip:${this.domain}`;
		const value = contact === undefined ? `${this.contact()};` +
			`+sip.instance="<urn:uuid:${this.instance}>";` +
			'reg-id=1' : contact;

		return this.authenticated((credentials) => this.request(
			'REGISTER', uri, { from: aor, to: aor,
				call_id: this.register_id,
				from_tag: this.from_tag, cseq: ++this.cseq,
				headers: [...credentials,
					...(value ? [`Contact: ${value}`] : []),
					`Expires: ${expires}`,
					'Supported: path, outbound, gruu',
					...headers] }),
		'REGISTER', uri, options);
	}

	/*
	 * Calls, answers one challenge. Resolves to a Call; its `final` is the
	 * final response (null: none), acknowledged unless ack is false.
	 */
	invite(target, options)
	{
		return this.dial(target, options).done;
	}

	/* The Call at once, for CANCEL; its promise `done` is invite()'s. */
	dial(target, { ack = true, body = offer_sdp(), headers = [],
		ms = 10000, password = this.password, ...fields } = {})
	{
		const uri = /^sips?:/.test(target) ? target :
			`sip:${target}@${this.domain}`;
		const call = new Call(this, { call_id: token(),
			local_tag: token(4), remote: uri, from: fields.from });
		const make = (credentials) => call.sent = this.request(
			'INVITE', uri, { call_id: call.call_id,
				cseq: ++call.cseq, from_tag: call.local_tag, body,
				headers: [...credentials,
					`Contact: ${this.contact()}`, ...headers],
				...fields });

		this.last_uri = uri;
		call.done = this.authenticated(make, 'INVITE', uri,
			{ ms, password }).then((m) => {
			call.final = m;
			if (m && m.status >= 300) {
				if (m.status !== 401 && m.status !== 407)
					this.flow.send(this.ack_refusal(m));
			} else if (m) {
				call.established(m, 'response');
				if (ack)
					call.ack();
			}
			return call;
		});
		return call;
	}

	/* The next INVITE that rings here, as a Call; null: none. */
	async incoming(ms = 5000)
	{
		const m = await this.flow.expect((r) => r.method === 'INVITE' &&
			!tag_of(r.get('To')), ms);

		if (!m)
			return null;
		const call = new Call(this, { call_id: m.get('Call-ID'),
			local_tag: token(4), remote: uri_of(m.get('From')) });
		call.invite = m;
		call.established(m, 'request');
		return call;
	}
}

/* A dialog of a user. */
class Call {
	constructor(user, { call_id, local_tag, remote, from = user.aor })
	{
		Object.assign(this, { user, call_id, local_tag, remote, from });
		this.cseq = 0;
		this.routes = [];
	}

	established(m, kind)
	{
		this.remote_tag = tag_of(m.get(kind === 'request' ? 'From' :
			'To'));
		this.target = uri_of(m.get('Contact')) || this.remote;
		this.routes = m.all('Record-Route').flatMap((v) =>
			v.split(/,\s*/));
		if (kind === 'response')
			this.routes.reverse();
	}

	/* A request in the dialog, as text; fields as in User.request(). */
	request(method, { flow_user = this.user, headers = [], ...fields } = {})
	{
		return flow_user.request(method, this.target, {
			from: this.from, to: this.remote, call_id: this.call_id,
			from_tag: this.local_tag, to_tag: this.remote_tag,
			cseq: method === 'ACK' ? this.cseq : ++this.cseq,
			headers: [...this.routes.map((r) => `Route: ${r}`),
				...headers], ...fields });
	}

	ack()
	{
		this.user.flow.send(this.request('ACK'));
	}

	bye(options)
	{
		return this.user.transact(this.request('BYE', options));
	}

	/* Ends an INVITE of ours that rings. */
	cancel()
	{
		const sent = parse(this.sent);

		this.user.flow.send(build(`CANCEL ${sent.uri} SIP/2.0`, [
			`Via: ${sent.get('Via')}`, 'Max-Forwards: 70',
			`From: ${sent.get('From')}`, `To: ${sent.get('To')}`,
			`Call-ID: ${this.call_id}`,
			`CSeq: ${sent.cseq} CANCEL`,
			...sent.all('Route').map((r) => `Route: ${r}`)]));
	}

	/* Answers of the called side. */
	respond(status, phrase, options = {})
	{
		this.user.flow.send(response(this.invite, status, phrase, {
			to_tag: this.local_tag, ...options }));
	}

	ring()
	{
		this.respond(180, 'Ringing', { headers: [
			`Contact: ${this.user.contact()}`] });
	}

	/* 200, then waits for the ACK. */
	async answer(ms = 5000)
	{
		this.respond(200, 'OK', { body: answer_sdp(this.invite.body),
			headers: [`Contact: ${this.user.contact()}`] });
		return this.user.flow.expect((m) => m.method === 'ACK' &&
			m.get('Call-ID') === this.call_id, ms);
	}

	/* The CANCEL of an INVITE that rings here, answered. */
	async cancelled(ms = 5000)
	{
		const m = await this.user.flow.expect((r) =>
			r.method === 'CANCEL' &&
			r.get('Call-ID') === this.call_id, ms);

		if (m) {
			this.user.flow.send(response(m, 200, 'OK'));
			this.respond(487, 'Request Terminated');
		}
		return m;
	}

	/* The BYE of the other side, answered. */
	async ended(ms = 5000)
	{
		const m = await this.user.flow.expect((r) =>
			r.method === 'BYE' &&
			r.get('Call-ID') === this.call_id, ms);

		if (m)
			this.user.flow.send(response(m, 200, 'OK'));
		return m;
	}
}

module.exports = { BINARY, CLOSE, Call, DOMAIN, Flow, GATEWAY, PING, PONG,
	TEXT, User, answer_sdp, build, connect, digest, frame, offer_sdp,
	open_http, parse, response, tag_of, token, uri_of };
