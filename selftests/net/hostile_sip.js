// SPDX-License-Identifier: Apache-2.0
/*
 * Malformed SIP over UDP and TCP from the PBX's address, and good SIP from
 * anybody else: the PBX is served afterwards, a stranger hears nothing. Run
 * in namespace sip.
 */
'use strict';
const net = require('net');
const { busywait, ok, run_all, test } = require('../browser/tap.js');
const { counted } = require('./counts.js');
const { open_udp } = require('./sockets.js');
const { token } = require('./wsclient.js');

const GATEWAY = '198.51.100.1', PBX = '198.51.100.10';
const STRANGER = '198.51.100.66';
const CRLF = '\r\n';

function message({ start = `OPTIONS sip:${GATEWAY} SIP/2.0`, transport = 'UDP',
	method = 'OPTIONS', branch = `;branch=z9hG4bK${token()}`, port = 5060,
	address = PBX, leave_out = '', more = [], body = '',
	length = body.length } = {})
{
	return [start, ...[
		`Via: SIP/2.0/${transport} ${address}:${port}${branch};rport`,
		`From: <sip:2000@${address}>;tag=${token()}`,
		`To: <sip:alice@${GATEWAY}>`, `Call-ID: ${token()}`,
		`CSeq: 1 ${method}`, 'Max-Forwards: 70',
		`Contact: <sip:2000@${address}:${port}>`,
	].filter((l) => !leave_out || !l.startsWith(leave_out)), ...more,
	`Content-Length: ${length}`, '', body].join(CRLF);
}

const invite = (o) => message({ method: 'INVITE',
	start: `INVITE sip:alice@${GATEWAY} SIP/2.0`, ...o });
const sdp = (lines) => ({ more: ['Content-Type: application/sdp'],
	body: ['v=0', 'o=- 1 1 IN IP4 198.51.100.10', 's=-',
		'c=IN IP4 198.51.100.10', 't=0 0', ...lines, ''].join(CRLF) });

/* What is in one datagram, or at the start of one connection. */
const MALFORMED = [
	'', '\0', 'A', CRLF, `${CRLF}${CRLF}`, '\0'.repeat(1000),
	'A'.repeat(60000), 'INVITE', `INVITE sip:a SIP/2.0${CRLF}`,
	`SIP/2.0${CRLF}${CRLF}`, `SIP/2.0 99999 x${CRLF}${CRLF}`,
	'x'.repeat(500) + message(), message().replace('OPTIONS', 'OP\0IONS'),
	message({ more: ['X: a\0b'] }), message().slice(0, 100),
	...['Via', 'From', 'To', 'Call-ID', 'CSeq', 'Max-Forwards', 'Contact']
		.map((leave_out) => invite({ leave_out })),
	/* sofia compares branches by more bytes than some have */
	...['', ';branch=', ';branch=z', ';branch=z9hG4b', ';branch=z9hG4bK']
		.map((branch) => invite({ branch })),
	invite({ more: Array(2000).fill('X: 1') }),
	invite({ more: Array(500).fill(`Via: SIP/2.0/UDP a;branch=z9hG4bKq`) }),
	invite({ more: [`X: ${'a'.repeat(58000)}`] }),
	...[-1, 5, 70000, '99999999999999999999', 'x'].map((length) =>
		message({ length })),
	invite({ length: 3, body: 'v=0\r\nmore than three' }),
	invite(sdp(['m=audio 9 RTP/AVP 0 ('])),
	invite(sdp(Array(1000).fill('m=audio 9 RTP/AVP 0'))),
	invite(sdp([`m=audio 9 RTP/AVP ${Array(1000).fill(0).join(' ')}`])),
	invite(sdp([])), invite({ more: ['Content-Type: application/sdp'],
		body: 'z'.repeat(57000) }),
	invite({ more: ['Content-Type: multipart/mixed;boundary=b'],
		body: `--b${CRLF}`.repeat(5000) }),
	message({ start: `SIP/2.0 200 OK` }), message({ method: 'BYE',
		start: `BYE sip:alice@${GATEWAY} SIP/2.0` }),
	message({ method: 'CANCEL', start: `CANCEL sip:x@${GATEWAY} SIP/2.0` }),
	message({ method: 'ACK', start: `ACK sip:x@${GATEWAY} SIP/2.0` }),
	message({ method: 'PRACK', start: `PRACK sip:x@${GATEWAY} SIP/2.0`,
		more: ['RAck: 99999999999 1 INVITE'] }),
	message({ more: ['Route: <sip:>', 'Route: ,,,<', 'Contact: <<<',
		'Expires: -1', 'Require: a', 'Replaces: ;'] }),
].map((text) => Buffer.from(text, 'latin1'));

const is_ok = (d) => /^SIP\/2\.0 200 /.test(d.toString('latin1'));

/* Retransmitted as RFC 3261 17.1.2.2 says: a full socket loses some. */
async function is_served_udp()
{
	const s = await open_udp(PBX);
	const request = Buffer.from(message({ port: s.port }));
	let served = null;

	for (let i = 0; i < 8 && !served; i++) {
		await s.send(request, 5060, GATEWAY);
		served = await busywait(0.5, () => s.received.some(is_ok));
	}
	await s.close();
	return served;
}

/* Sends and reads until done(text), the end, or ms. */
function tcp(bytes, { address = PBX, ms = 1000, done = () => false } = {})
{
	return new Promise((resolve) => {
		const socket = net.connect({ host: GATEWAY, port: 5060,
			localAddress: address });
		let text = '', is_connected = false;
		const timer = setTimeout(() => socket.destroy(), ms);

		socket.on('connect', () => {
			is_connected = true;
			socket.write(bytes);
		});
		socket.on('data', (d) => {
			text += d.toString('latin1');
			if (done(text))
				socket.destroy();
		});
		socket.on('error', () => {});
		socket.on('close', () => {
			clearTimeout(timer);
			resolve({ text, is_connected });
		});
	});
}

const is_served_tcp = async () => (await tcp(message({ transport: 'TCP' }),
	{ ms: 5000, done: (t) => t.includes(' 200 ') })).text.includes(' 200 ');

test('udp', async () => {
	const s = await open_udp(PBX);

	for (const data of MALFORMED)
		await s.send(data, 5060, GATEWAY);
	ok(await is_served_udp(), 'udp_pbx_after_junk_served');
	await s.close();
	/* The filter on the socket: no start line begins like this. */
	const other = await open_udp(PBX);
	await counted('udp_binary_of_pbx_counted', 'sip', 'parse', 2,
		async () => {
		await other.send(Buffer.from([0, 1, 2, 3]), 5060, GATEWAY);
		await other.send(Buffer.from('\x80\x00abc', 'latin1'), 5060,
			GATEWAY);
	});
	await other.close();
});

test('tcp', async () => {
	const all = MALFORMED.map((d) => Buffer.from(d.toString('latin1')
		.replace(/SIP\/2\.0\/UDP/g, 'SIP/2.0/TCP'), 'latin1'));

	await Promise.all(all.map((d) => tcp(d)));
	ok(await is_served_tcp(), 'tcp_pbx_after_junk_served');
	/* A body that never comes holds nobody up. */
	const waits = tcp(message({ transport: 'TCP', length: 60000 }),
		{ ms: 3000 });
	ok(await is_served_tcp(), 'tcp_pbx_beside_a_slow_one_served');
	await waits;
});

test('stranger', async () => {
	const s = await open_udp(STRANGER);
	const good = (o = {}) => Buffer.from(message({ address: STRANGER,
		port: s.port, ...o }));

	await counted('udp_requests_of_stranger_dropped', 'sip', 'source', 3,
		async () => {
		await s.send(good(), 5060, GATEWAY);
		await s.send(good({ method: 'REGISTER',
			start: `REGISTER sip:${GATEWAY} SIP/2.0` }), 5060,
		GATEWAY);
		await s.send(Buffer.from(invite({ address: STRANGER,
			port: s.port, ...sdp(['m=audio 4000 RTP/AVP 0']) })),
		5060, GATEWAY);
	});
	for (const data of MALFORMED)
		await s.send(data, 5060, GATEWAY);
	ok(!(await tcp(good({ transport: 'TCP' }), { address: STRANGER }))
		.is_connected, 'tcp_of_stranger_not_accepted');
	ok(await is_served_udp(), 'udp_pbx_beside_strangers_served');
	ok(!s.received.length, 'udp_stranger_gets_no_answer',
		String(s.received[0]));
	await s.close();
});

run_all().then((rc) => process.exit(rc));
