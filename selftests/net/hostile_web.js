// SPDX-License-Identifier: Apache-2.0
/*
 * Malformed TLS, HTTP, WebSocket frames, SIP and SDP on the browsers' port of
 * a running gateway: each is refused and counted by its reason, and the next
 * good client finds the door open. Run in namespace web.
 */
'use strict';
const net = require('net');
const tls = require('tls');
const { busywait, ok, run_all, test } = require('../browser/tap.js');
const { counted, drops, show } = require('./counts.js');
const { BINARY, GATEWAY, PING, TEXT, User, build, connect, frame, offer_sdp,
	token } = require('./wsclient.js');

const CRLF = '\r\n';
const UPGRADE = ['Upgrade: websocket', 'Connection: Upgrade'];
const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
const V13 = 'Sec-WebSocket-Version: 13';
const SIP = 'Sec-WebSocket-Protocol: sip';
const HOST = `Host: ${GATEWAY}`;

/* Sends bytes and waits until the other side closes; what it said. */
function until_closed(socket, bytes, ms = 5000)
{
	return new Promise((resolve) => {
		let data = '';
		const timer = setTimeout(() => socket.destroy(), ms);

		socket.on('data', (d) => data += d.toString('latin1'));
		socket.on('error', () => {});
		socket.on('close', () => {
			clearTimeout(timer);
			resolve(data);
		});
		socket.write(bytes);
	});
}

const plain = (bytes, ms) => until_closed(net.connect(443, GATEWAY), bytes, ms);
const secured = (bytes, ms) => until_closed(tls.connect({ host: GATEWAY,
	port: 443, rejectUnauthorized: false }), bytes, ms);
const http = (...lines) => Buffer.from([...lines, '', ''].join(CRLF), 'latin1');

/* Slow ones begin first and are looked at last. */
const slow = {
	tls: Buffer.from('16030100c8010000c40303', 'hex'),
	http: Buffer.from(`GET / HTTP/1.1${CRLF}${HOST}${CRLF}X: `),
};

test('tls', async () => {
	await counted('tls_plain_http_refused', 'web', 'tls-failed', 1,
		() => plain(http('GET / HTTP/1.1', HOST)));
	await counted('tls_junk_refused', 'web', 'tls-failed', 1,
		() => plain(Buffer.alloc(2000, 0x47)));
	await counted('tls_sip_refused', 'web', 'tls-failed', 1,
		() => plain(http(`OPTIONS sip:${GATEWAY} SIP/2.0`)));
});

const REQUESTS = [
	['without_subprotocol', 'refused-subprotocol', ['GET /ws HTTP/1.1',
		HOST, ...UPGRADE, KEY, V13]],
	['other_subprotocol', 'refused-subprotocol', ['GET /ws HTTP/1.1', HOST,
		...UPGRADE, KEY, V13, 'Sec-WebSocket-Protocol: mqtt, sips']],
	['version_8', 'refused-version', ['GET /ws HTTP/1.1', HOST, ...UPGRADE,
		KEY, SIP, 'Sec-WebSocket-Version: 8']],
	['short_key', 'refused-request', ['GET /ws HTTP/1.1', HOST, ...UPGRADE,
		V13, SIP, 'Sec-WebSocket-Key: dGhlIHNhbXBsZQ==']],
	['two_keys', 'refused-request', ['GET /ws HTTP/1.1', HOST, ...UPGRADE,
		V13, SIP, KEY, KEY]],
	['post', 'refused-request', ['POST /ws HTTP/1.1', HOST, ...UPGRADE, V13,
		SIP, KEY]],
	['http_1_0', 'refused-request', ['GET /ws HTTP/1.0', HOST, ...UPGRADE,
		V13, SIP, KEY]],
	['two_hosts', 'refused-request', ['GET /ws HTTP/1.1', HOST, HOST,
		...UPGRADE, V13, SIP, KEY]],
	['length_and_chunked', 'refused-request', ['GET /ws HTTP/1.1', HOST,
		'Content-Length: 3', 'Transfer-Encoding: chunked', ...UPGRADE,
		V13, SIP, KEY]],
	['nul_in_path', 'refused-request', ['GET /ws\0x HTTP/1.1', HOST]],
	['folded_header', 'refused-request', ['GET /ws HTTP/1.1', HOST,
		'X: a', ' b', ...UPGRADE, V13, SIP, KEY]],
	['thousand_headers', 'refused-request', ['GET /ws HTTP/1.1', HOST,
		...Array(1000).fill('X: 1'), ...UPGRADE, V13, SIP, KEY]],
	['megabyte_of_header', 'refused-request', ['GET /ws HTTP/1.1', HOST,
		`X: ${'a'.repeat(1 << 20)}`]],
	['climbing_path', 'refused-path', ['GET /../../etc/passwd HTTP/1.1',
		HOST]],
	['upgrade_of_other_path', 'refused-path', ['GET /phone.js HTTP/1.1',
		HOST, ...UPGRADE, V13, SIP, KEY]],
	['early_frame', 'refused-request', ['GET /ws HTTP/1.1', HOST,
		...UPGRADE, V13, SIP, KEY, '', '\x81\x80zzzz']],
];

test('http', async () => {
	for (const [name, reason, lines] of REQUESTS)
		await counted(`http_${name}_refused`, 'web', reason, 1,
			() => secured(http(...lines)));
});

const head = (...bytes) => Buffer.from(bytes);
const length8 = (n) => {
	const b = Buffer.alloc(8);
	b.writeBigUInt64BE(n);
	return b;
};
const FRAMES = [
	['unmasked', 1002, 'closed-frame', frame(TEXT, 'x', { mask: false })],
	['reserved_bit', 1002, 'closed-frame', head(0xc1, 0x80, 0, 0, 0, 0)],
	['reserved_opcode', 1002, 'closed-frame', head(0x83, 0x80, 0, 0, 0, 0)],
	['continuation_of_nothing', 1002, 'closed-frame', frame(0, 'x')],
	['message_in_message', 1002, 'closed-frame', Buffer.concat([
		frame(TEXT, 'x', { fin: false }), frame(TEXT, 'x')])],
	['fragmented_ping', 1002, 'closed-frame', frame(PING, 'x',
		{ fin: false })],
	['long_ping', 1002, 'closed-frame', frame(PING, Buffer.alloc(126))],
	['length_not_shortest', 1002, 'closed-frame', head(0x81, 0xfe, 0, 5, 0,
		0, 0, 0)],
	['length_negative', 1002, 'closed-frame', Buffer.concat([
		head(0x81, 0xff), length8(1n << 63n), head(0, 0, 0, 0)])],
	['length_of_a_tebibyte', 1009, 'closed-too-big', Buffer.concat([
		head(0x81, 0xff), length8(1n << 40n), head(0, 0, 0, 0)])],
	['message_of_70_kb', 1009, 'closed-too-big', frame(TEXT,
		Buffer.alloc(70000, 0x61))],
	['hundred_fragments', 1009, 'closed-too-big', Buffer.concat([
		frame(TEXT, 'a', { fin: false }),
		...Array(100).fill(frame(0, 'a', { fin: false }))])],
	['five_hundred_pings', 1008, 'closed-rate', Buffer.concat(
		Array(500).fill(frame(PING, '')))],
];

test('frames', async () => {
	for (const [name, code, reason, bytes] of FRAMES)
		await counted(`frame_${name}_closed`, 'web', reason, 1,
			async () => {
			const flow = await connect();

			flow.socket.write(bytes);
			await busywait(5, () => !flow.is_open ||
				flow.close_code);
			if (flow.close_code !== code)
				ok(false, `frame_${name}_close_code`,
					`${flow.close_code}, want ${code}`);
			flow.vanish();
		});
});

const LINES = ['Via: SIP/2.0/WSS a.invalid;branch=z9hG4bKhostile',
	'From: <sip:alice@198.51.100.10>;tag=a', 'To: <sip:bob@198.51.100.10>',
	'Call-ID: hostile', 'CSeq: 1 OPTIONS', 'Max-Forwards: 70'];
const START = 'OPTIONS sip:198.51.100.10 SIP/2.0';
const without = (name) => LINES.filter((l) => !l.startsWith(name));
const sip = (lines, more = ['Content-Length: 0', '', '']) =>
	[START, ...lines, ...more].join(CRLF);

/* What the front filter never lets near a parser. */
const FILTERED = [
	['truncated', sip(LINES, [])],
	['without_blank_line', sip(LINES, ['Content-Length: 0', ''])],
	['nul_in_header', sip([...LINES, 'X: a\0b'])],
	['control_in_header', sip([...LINES, 'X: a\x01b'])],
	['nul_alone', '\0'],
	['no_start_line', `hello${CRLF}${CRLF}`],
	['version_3', sip(LINES).replace('SIP/2.0', 'SIP/3.0')],
	...['Via', 'From', 'To', 'Call-ID', 'CSeq'].map((n) =>
		[`without_${n.toLowerCase().replace('-', '_')}`,
			sip(without(n))]),
	['two_call_ids', sip([...LINES, 'Call-ID: other'])],
	['branch_of_cookie_alone', sip(LINES).replace('hostile;', '')
		.replace('z9hG4bKhostile', 'z9hG4bK')],
	['two_thousand_headers', sip([...LINES, ...Array(2000).fill('X: 1')])],
	['header_of_60_kb', sip([...LINES, `X: ${'a'.repeat(60000)}`])],
	['length_too_long', sip(LINES, ['Content-Length: 5', '', ''])],
	['length_too_short', sip(LINES, ['Content-Length: 1', '', 'abc'])],
	['length_negative', sip(LINES, ['Content-Length: -1', '', ''])],
	['length_huge', sip(LINES, ['Content-Length: 99999999999999999999',
		'', ''])],
	['body_of_60_kb', sip(LINES, ['Content-Length: 60000', '',
		'a'.repeat(60000)])],
];

/* On the flow that misbehaves, too, a good request is answered. */
async function is_served(user, ms)
{
	const m = await user.transact(user.request('OPTIONS',
		'sip:198.51.100.10', { call_id: token() }), ms);

	return m && m.status === 200;
}

test('sip', async () => {
	const flow = await connect();
	const user = new User(flow, { user: 'alice' });

	for (const [name, text] of FILTERED)
		await counted(`sip_${name}_dropped`, 'web', 'dropped-filter', 1,
			() => flow.send_frame(TEXT, text));
	ok(await is_served(user), 'sip_after_junk_flow_still_served');
	flow.close();
});

/* Past the filter: parsed and refused, or passed on; it must not harm. */
test('sip_parser', async () => {
	const flow = await connect();
	const user = new User(flow, { user: 'alice' });

	/* Who is registered gets further. */
	await user.register();
	const odd = ['Via: SIP/2.0/WSS ;branch=z9hG4bKx1',
		'From: <sip:>;tag=', 'To: "\\', 'CSeq: 4294967296 OPTIONS',
		'CSeq: 1 INVITE', 'Max-Forwards: -1', 'Max-Forwards: x',
		'Contact: <sip:a@b>>>;;;q=9', 'Route: <sip:x;lr>,,,<',
		`Route: ${Array(200).fill('<sip:a;lr>').join(',')}`,
		`Via: ${Array(200).fill('SIP/2.0/UDP a;branch=z9hG4bKq')
			.join(',')}`,
		'Require: a,b,c,,,', 'Expires: 99999999999999',
		'Authorization: Digest "', 'Content-Type: /;=',
		'Content-Type: multipart/mixed;boundary=""',
		'Date: \xff\xfe', 'Replaces: ;;;', 'Refer-To: <'];

	for (const line of odd) {
		const name = line.split(':')[0];
		const lines = without(name).map((l) => l.replace(
			'z9hG4bKhostile', `z9hG4bK${token()}`));

		flow.send_frame(TEXT, sip([...lines, line]));
		flow.send_frame(BINARY, sip([...lines, line])
			.replace(/OPTIONS/g, 'INVITE'));
	}
	ok(await is_served(user), 'sip_odd_headers_flow_still_served');
	await user.register({ expires: 0 });
	flow.close();
});

/*
 * Answers that nobody asked for, of calls that never were: each gets ACK and
 * BYE, and leaves nothing behind for one that says no more.
 */
test('strays', async () => {
	const flow = await connect();
	const user = new User(flow, { user: 'alice' });
	const live = () => show('resources').resources.find((r) =>
		r.resource === 'client_transactions').used;
	const before = live();

	for (let i = 0; i < 60; i++)
		flow.send_frame(TEXT, ['SIP/2.0 200 OK',
			`Via: SIP/2.0/WSS ${GATEWAY};branch=z9hG4bK${token()}`,
			'From: <sip:a@198.51.100.10>;tag=a',
			'To: <sip:b@198.51.100.10>;tag=b',
			`Call-ID: ${token()}`, 'CSeq: 1 INVITE',
			'Contact: <sip:b@a.invalid;transport=ws>',
			'Content-Length: 0', '', ''].join(CRLF));
	ok(await is_served(user), 'stray_answers_flow_still_served');
	ok(flow.inbox.filter((m) => m.method === 'BYE').length === 60,
		'stray_answers_are_hung_up', flow.inbox.length);
	const left = live() - before;
	ok(left < 30, 'stray_answers_leave_no_transactions', left);
	flow.close();
});

/* Nested count times: the innermost is SDP. */
function multipart(count, body)
{
	for (let i = 0; i < count; i++)
		body = [`--b${i}`, i ? `Content-Type: multipart/mixed;` +
			`boundary=b${i - 1}` : 'Content-Type: application/sdp',
		'', body, `--b${i}--`, ''].join(CRLF);
	return body;
}

const GOOD = offer_sdp();
const AUDIO = /^m=audio[^\r]*/m;
const pts = (n) => Array.from({ length: n }, (_, i) => i % 128).join(' ');
const section = GOOD.slice(GOOD.indexOf('m=audio'));
const SDP = [
	['parenthesis', GOOD.replace(AUDIO,
		'm=audio 9 UDP/TLS/RTP/SAVPF 111 (')],
	['thousand_media', GOOD + Array(1000).fill(
		'm=audio 0 UDP/TLS/RTP/SAVPF 0\r\n').join('')],
	['hundred_whole_media', (GOOD + section.repeat(40)).slice(0, 32000) +
		CRLF],
	['thousand_codecs', GOOD.replace(AUDIO,
		`m=audio 9 UDP/TLS/RTP/SAVPF ${pts(1000)}`)],
	['no_media', GOOD.slice(0, GOOD.indexOf('m=audio'))],
	['no_version', GOOD.replace('v=0\r\n', '')],
	['nul', GOOD.replace('s=-', 's=\0')],
	['truncated', GOOD.slice(0, GOOD.length / 2)],
	['no_fingerprint', GOOD.replace(/a=fingerprint.*\r\n/, '')],
	['short_fingerprint', GOOD.replace(/(a=fingerprint:sha-256 ..).*/,
		'$1')],
	['port_70000', GOOD.replace('m=audio 9', 'm=audio 70000')],
	['port_negative', GOOD.replace('m=audio 9', 'm=audio -1')],
	['payload_type_999', GOOD.replace(AUDIO,
		'm=audio 9 UDP/TLS/RTP/SAVPF 999')],
	['clock_zero', GOOD.replace('opus/48000/2', 'opus/0/0')],
	['bundle_of_nothing', GOOD.replace('BUNDLE 0', 'BUNDLE 7 8 9')],
	['line_of_30_kb', GOOD.replace('s=-', `s=${'a'.repeat(30000)}`)],
	['empty_lines', `${CRLF.repeat(500)}${GOOD}`],
	['garbage', Array.from({ length: 2000 }, (_, i) =>
		String.fromCharCode(32 + i * 7 % 90)).join('')],
];

test('sdp', async () => {
	const flow = await connect();
	const user = new User(flow, { user: 'alice' });
	const lines = (type) => [user.via(), 'Max-Forwards: 70',
		'From: <sip:alice@198.51.100.10>;tag=h',
		'To: <sip:1486@198.51.100.10>', `Call-ID: ${token()}`,
		'CSeq: 1 INVITE', `Contact: ${user.contact()}`,
		`Content-Type: ${type}`];
	const invite = async (name, type, body) => {
		const text = build('INVITE sip:1486@198.51.100.10 SIP/2.0',
			lines(type), body);
		const m = await user.transact(text, 5000);

		/* Passed on, it is challenged or busy; else refused as what
		 * it is. A 500 or silence is neither.
		 */
		ok(m && m.status >= 400 && m.status < 500,
			`sdp_${name}_answered`, m ? m.start : 'no answer');
		user.last_uri = 'sip:1486@198.51.100.10';
		if (m)
			flow.send(user.ack_refusal(m));
	};

	await user.register();
	for (const [name, body] of SDP)
		await invite(name, 'application/sdp', body);
	await invite('multipart_of_300', 'multipart/mixed;boundary=b299',
		multipart(300, GOOD));
	await invite('multipart_unclosed', 'multipart/mixed;boundary=b',
		`--b${CRLF}Content-Type: application/sdp${CRLF}${CRLF}${GOOD}`);
	await invite('multipart_without_boundary', 'multipart/mixed', GOOD);
	ok(await is_served(user), 'sdp_after_junk_flow_still_served');
	await user.register({ expires: 0 });
	flow.close();
});

/* The limit is ten seconds for TLS and upgrade together. */
test('slow', async () => {
	await Promise.all(slow.ended);
	const got = drops('web', 'timeout-handshake') - slow.before;

	ok(got === 2, 'handshake_slow_timed_out', `${got}, want 2`);
});

async function main()
{
	slow.before = drops('web', 'timeout-handshake');
	slow.ended = [plain(slow.tls, 20000), secured(slow.http, 20000)];
	process.exitCode = await run_all();
}

main();
