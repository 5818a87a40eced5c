// SPDX-License-Identifier: Apache-2.0
/*
 * Strangers on the media ports of a live call. The call is real SRTP on one
 * side and SIPp's echo on the other; while it runs, others send STUN, DTLS,
 * RTP, RTCP and junk to its ports, and its own socket sends what does not
 * authenticate. Each is counted by its reason, nobody is answered, and the
 * call loses nothing. Run in namespace web.
 */
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const { busywait, note, ok, run_all, test } = require('../browser/tap.js');
const { counted, show } = require('./counts.js');
const { Far, open_udp } = require('./sockets.js');
const { WebMedia, attribute, stun } = require('./webmedia.js');
const { User, connect, offer_sdp, token } = require('./wsclient.js');

const WEB_GW = '203.0.113.1', SIP_GW = '198.51.100.1', WEB_PORT = 10000;
const WEB_PEER = '203.0.113.77';
const WEB_STRANGER = '203.0.113.66', SIP_STRANGER = '198.51.100.66';

const rtp = (pt, size = 160) => {
	const b = crypto.randomBytes(12 + size);

	b[0] = 0x80;
	b[1] = pt;
	return b;
};
const rtcp = () => Buffer.from('81c90007' + '11111111' + '0'.repeat(48),
	'hex');
/* DTLS 1.2 records: a handshake that begins, and one that is cut. */
const client_hello = Buffer.concat([
	Buffer.from('16fefd00000000000000000046' + '0100003a000000000000003a' +
		'fefd', 'hex'),
	crypto.randomBytes(32), Buffer.from('000000' + '04c02bc02f' + '0100' +
		'000c000a000400020017000b00020100'.slice(0, 24), 'hex')]);
const junk = (first, size = 100) => {
	const b = crypto.randomBytes(size);

	b[0] = first;
	return b;
};

let flow, alice, call, media, stranger, far, sip_port;

/* Something that the gateway carries, so that the call is live meanwhile. */
const stream = {
	sent: 0,
	start()
	{
		this.overflows = overflows();
		this.timer = setInterval(() => {
			this.sent++;
			media.send_rtp(0);
		}, 20);
	},
	stop()
	{
		clearInterval(this.timer);
	},
};

const from_stranger = (...packets) => async () => {
	for (const data of packets)
		await stranger.send(data, WEB_PORT, WEB_GW);
};
const from_peer = (...packets) => async () => {
	for (const data of packets)
		await media.send(data);
};
const to_sip = (port, ...packets) => async () => {
	for (const data of packets)
		await far.send({ from: SIP_STRANGER, to: SIP_GW, port, data });
};

test('set_up', async () => {
	stranger = await open_udp(WEB_STRANGER);
	far = new Far('sip');
	flow = await connect();
	alice = new User(flow, { user: 'alice' });
	ok((await alice.register()).status === 200, 'good_user_registers');
	media = await WebMedia.open(WEB_PEER);
	call = await alice.invite('2001', { body: media.offer(offer_sdp()) });
	ok(call.final && call.final.status === 200, 'good_call_answered',
		call.final && call.final.start);
	media.answered(call.final.body);
	ok(await media.check(), 'good_check_answered');
});

/* The pair is verified, DTLS has not begun: no keys. */
test('before_keys', async () => {
	await counted('rtp_before_keys_dropped', 'media', 'not-ready', 1,
		from_peer(rtp(0)));
	await counted('rtcp_before_keys_dropped', 'media', 'not-ready', 1,
		from_peer(rtcp()));
	await counted('dtls_of_other_tuple_dropped', 'media',
		'dtls-unverified', 1, from_stranger(client_hello));
	/* From the verified pair junk is DTLS's to judge; it goes on. */
	for (const first of [20, 22, 23, 63])
		await media.send(junk(first, 300));
	await media.send(client_hello.subarray(0, 20));
	await media.handshake();
	await busywait(10, async () => {
		await media.send_rtp(0);
		return media.echoes > 0;
	});
	ok(media.echoes > 0, 'good_call_heard_after_dtls_junk');
	const [s] = show('streams').streams;
	note(`path ${s.path}, SIP side ${s.sip_local}`);
	sip_port = Number(s.sip_local.split(':').pop());
	await new Promise((resolve) => setTimeout(resolve, 300));
	media.echoes = 0;
	stream.start();
});

const user = () => media.username;
const password = () => media.password;
/* What a stranger's checks say, by the reason they are dropped for. */
const CHECKS = {
	'stun-integrity': () => [
		stun({ username: user() }),
		stun({ username: user(), password: 'wrong'.repeat(5) }),
		stun({ username: user(), password: password(),
			fingerprint: 'wrong' }),
		stun({ username: user(), password: password(),
			fingerprint: 'none' }),
	],
	'stun-ufrag': () => [
		stun({ username: 'nobodyxx:abcd', password: password() }),
		stun({ username: `${media.ufrag}xxxx:${user()}`,
			password: password() }),
	],
	'stun-bad': () => [
		stun({ username: user(), password: password() })
			.subarray(0, 40),
		bent(22, 4000), bent(4, 0x2012),
		stun({ password: password(), more: Array(110).fill(
			attribute(0x8022, Buffer.alloc(1))) }),
		/* success of what we never asked, TURN's Allocate */
		stun({ type: 0x0101, username: user(), password: password() }),
		stun({ type: 0x0003, username: user(), password: password() }),
	],
};

/* Named by nobody: the kernel's walk and the daemon's parser differ in words. */
const NAMELESS = () => [
	stun({ password: password() }),
	stun({ username: 'a:b', password: password() }),
];

/* A check with 16 bits at an offset overwritten. */
function bent(at, value)
{
	const m = stun({ username: user(), password: password() });

	m.writeUInt16BE(value, at);
	return m;
}

test('stun', async () => {
	for (const [reason, make] of Object.entries(CHECKS)) {
		const all = make();

		await counted(`stun_of_stranger_${reason.replace('-', '_')}` +
			'_dropped', 'media', reason, all.length,
		from_stranger(...all));
	}
	await counted('stun_of_stranger_without_ufrag_dropped', 'media',
		['stun-bad', 'stun-ufrag'], 2, from_stranger(...NAMELESS()));
});

test('stranger_at_web', async () => {
	await counted('dtls_of_stranger_dropped', 'media', 'dtls-unverified', 2,
		from_stranger(client_hello, junk(23)));
	await counted('rtp_of_stranger_dropped', 'media', 'no-flow', 2,
		from_stranger(rtp(0), rtp(111, 1400)));
	await counted('rtcp_of_stranger_dropped', 'media', 'no-flow', 1,
		from_stranger(rtcp()));
	await counted('junk_of_stranger_dropped', 'media', 'no-flow', 3,
		from_stranger(junk(4), junk(64), junk(255, 1400)));
	await counted('byte_of_stranger_dropped', 'media', 'short', 2,
		from_stranger(Buffer.alloc(0), Buffer.alloc(1, 0x80)));
	/* The same source the browser has, as far as an address goes. */
	const neighbour = await open_udp(WEB_PEER);
	await counted('rtp_of_other_port_dropped', 'media', 'no-flow', 1,
		() => neighbour.send(rtp(0), WEB_PORT, WEB_GW));
	await neighbour.close();
});

test('stranger_at_sip', async () => {
	await counted('sip_rtp_of_stranger_dropped', 'media', 'wrong-source', 2,
		to_sip(sip_port, rtp(0), rtp(8)));
	await counted('sip_rtcp_of_stranger_dropped', 'media', 'wrong-source',
		2, to_sip(sip_port + 1, rtcp(), junk(0x81)));
	await counted('sip_junk_of_stranger_dropped', 'media', 'wrong-source',
		4, to_sip(sip_port, junk(0x47), client_hello,
			stun({ username: user(), password: password() }),
			junk(0xff, 1400)));
	await counted('sip_byte_of_stranger_dropped', 'media', 'short', 1,
		to_sip(sip_port, Buffer.alloc(1)));
	/* Its phone is the SDP's address, but not this port of it. */
	await counted('sip_rtp_of_other_port_dropped', 'media', 'wrong-source',
		1, () => far.send({ from: '198.51.100.20', to: SIP_GW,
			port: sip_port, data: rtp(0) }));
});

/* From the browser's own pair, as one who spoofs its address would. */
test('spoofed_at_web', async () => {
	const good = media.rtp(0);
	const changed = media.rtp(0), renamed = media.rtp(0);

	stream.sent++;
	await media.send(good);
	changed[20] ^= 1;
	renamed[11] ^= 1;
	await counted('srtp_replayed_dropped', 'media', 'replay', 1,
		from_peer(good));
	await counted('srtp_forged_dropped', 'media', 'auth', 3,
		from_peer(changed, renamed, rtp(0)));
	await counted('srtp_other_payload_type_dropped', 'media',
		'payload-type', 1, from_peer(rtp(77 + 20)));
	await counted('srtp_short_dropped', 'media', 'short', 1,
		from_peer(rtp(0).subarray(0, 14)));
	await counted('srtcp_forged_dropped', 'media', 'auth', 1,
		from_peer(rtcp()));
	await counted('junk_on_pair_dropped', 'media', 'not-rtp', 2,
		from_peer(junk(0x47), junk(0xff)));
	await counted('stun_on_pair_with_wrong_password_dropped', 'media',
		'stun-integrity', 1, from_peer(stun({ username: user(),
			password: 'wrong' })));
	/* Alerts and handshakes that nobody signed change nothing. */
	await media.send(Buffer.from('15fefd0000000000000000000202' + '28',
		'hex'));
	await media.send(client_hello);
});

/* RcvbufErrors of the gateway's namespace. */
function overflows()
{
	const [names, values] = fs.readFileSync(
		`/proc/${process.env.GATEWAY_PID}/net/snmp`, 'utf8')
		.split('\n').filter((l) => l.startsWith('Udp:'))
		.map((l) => l.split(' '));

	return Number(values[names.indexOf('RcvbufErrors')]);
}

/* More than anybody looks at: only that it is all refused. */
test('flood', async () => {
	const sum = () => show('drops').drops.filter((d) =>
		d.side === 'media').reduce((n, d) => n + d.total, 0);
	const before = sum(), lost = overflows(), count = 2000;

	for (let i = 0; i < count; i++) {
		const data = crypto.randomBytes(2 + i % 1400);

		if (i % 2)
			await stranger.send(data, WEB_PORT, WEB_GW);
		else
			await far.send({ from: SIP_STRANGER, to: SIP_GW,
				port: sip_port, data });
	}
	/* What the daemon's sockets have no room for, the host counts. */
	const all = () => sum() - before + overflows() - lost;
	await busywait(5, () => all() >= count);
	ok(all() >= count, 'junk_flood_all_dropped', `${all()} of ${count}`);
});

test('afterwards', async () => {
	stream.stop();
	/*
	 * In the kernel's path nothing at all; where all goes through the
	 * daemon's sockets, a flood may fill them, and the host counts it.
	 */
	const lost = show('streams').streams[0].path === 'user' ?
		overflows() - stream.overflows : 0;
	await busywait(3, () => media.echoes >= stream.sent);
	ok(media.echoes >= stream.sent - lost && stream.sent > 50,
		'call_under_junk_loses_nothing', `${media.echoes} of ` +
		`${stream.sent} came back, ${lost} may be lost`);
	ok(!media.forged, 'call_under_junk_hears_nobody_else', media.forged);
	ok(!stranger.received.length && !far.answers,
		'strangers_get_no_answer');
	ok(await media.check(), 'good_check_still_answered');
	ok((await call.bye()).status === 200, 'good_call_ends');
	await media.close();

	const second = await WebMedia.open(WEB_PEER);
	call = await alice.invite('2001', { body: second.offer(offer_sdp()),
		headers: [`X-Next: ${token()}`] });
	second.answered(call.final.body);
	await second.check();
	await second.handshake();
	await busywait(10, async () => {
		await second.send_rtp(0);
		return second.echoes > 0;
	});
	ok(second.echoes > 0, 'next_call_is_heard');
	await call.bye();
	await second.close();
	await alice.register({ expires: 0 });
	await stranger.close();
	far.close();
	flow.close();
});

run_all().then((rc) => process.exit(rc));
