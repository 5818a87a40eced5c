// SPDX-License-Identifier: Apache-2.0
/* SRTP on the SIP side (RFC 4568). See media.sh. Run in namespace web. */
'use strict';
const { spawn } = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { busywait, note, ok, test } = require('../browser/tap.js');
const { answer_sdp, response } = require('./wsclient.js');
const { Srtp, WebMedia } = require('./webmedia.js');
const { arrived, at_phone, called, continuity, dial, hang_up, lab, moved,
	numbers, run, sluicectl } = require('./mediacall.js');

/* In the order of srtp_profiles in media.sh: their tags. */
const SUITES = ['AEAD_AES_128_GCM', 'AES_CM_128_HMAC_SHA1_80',
	'AES_CM_128_HMAC_SHA1_32', 'AEAD_AES_256_GCM'];
const lab_dir = () => path.dirname(process.env.LAB_SHELL);
const PATHS = ['kernel', 'user'];
const secrets = [];

function new_key(suite)
{
	const key = crypto.randomBytes(/256/.test(suite) ? 44 :
		/GCM/.test(suite) ? 28 : 30).toString('base64');

	secrets.push(key);
	return key;
}

/* mki: what stands behind the key */
const lines_of = (suite, tag, key, mki = '') => ['m=audio $PORT RTP/SAVP 0',
	`a=crypto:${tag} ${suite} inline:${key}${mki}`, 'a=rtcp:$RTCP',
	'a=sendrecv'];

/* The gateway's key in its description. */
function key_in(sdp, tag, suite)
{
	const [, key] = new RegExp(`^a=crypto:${tag} ${suite} inline:([^|\\s]+)`,
		'm').exec(sdp) || [];

	secrets.push(key);
	return key;
}

/* Numbers both ways until `count` more are there on each side. */
async function flows(web, count = 10)
{
	const more = async () => Math.min(web.heard.length,
		(await at_phone()).length);
	const before = await more();

	return busywait(10, async () => await more() >= before + count);
}

async function clean(web, name)
{
	const { forged, rtp } = await lab.phone.ask('state');
	const up = continuity(rtp), down = continuity(web.heard);

	ok(!forged && !up.bad && rtp.length, `${name}_to_phone`,
		`${forged} forged, ${JSON.stringify(up)}`);
	ok(!web.forged && !down.bad && down.count, `${name}_to_browser`,
		`${web.forged} forged, ${JSON.stringify(down)}`);
}

/* RTCP of the browser reaches the phone as SRTCP with the gateway's key. */
async function reports(web, own, suite, name = 'srtcp', mki = '')
{
	const raw = Buffer.from(own, 'base64');
	const rx = new Srtp(raw.subarray(0, 16), raw.subarray(16), suite,
		Buffer.from(mki, 'hex'));

	for (const path of PATHS) {
		await moved(path);
		await lab.phone.ask('forget');
		const sr = await busywait(5, async () => {
			await web.send_report();
			return (await lab.phone.ask('state')).rtcp
				.map((hex) => rx.unprotect_rtcp(
					Buffer.from(hex, 'hex')))
				.find((p) => p && p[1] === 200);
		});
		ok(sr, `${name}_to_phone_on_the_${path}_path`);
	}
}

/* The gateway offers, for each suite; on both paths, and between them. */
test('sdes', async () => {
	const trace = spawn(process.env.SLUICECTL,
		['-s', process.env.CONTROL, 'trace'],
		{ stdio: ['ignore', 'pipe', 'inherit'] });
	let traced = '';

	trace.stdout.on('data', (d) => { traced += d; });
	for (const [i, suite] of SUITES.entries()) {
		const name = suite.toLowerCase(), key = new_key(suite);
		const pair = await dial(undefined, lines_of(suite, i + 1, key));
		const { offer } = await lab.phone.ask('state');
		const own = key_in(offer, i + 1, suite);

		ok(/^m=audio \d+ RTP\/SAVP /m.test(offer) && own,
			`${name}_offered`, offer);
		await lab.phone.ask('keys', { tx: key, rx: own, suite });
		await lab.phone.ask('stream', { count: 100000 });
		const stop = numbers(pair.web);
		ok(await moved('kernel') && await flows(pair.web),
			`${name}_in_the_kernel`);
		ok(await moved('user') && await flows(pair.web),
			`${name}_on_the_user_path`);
		ok(await moved('kernel') && await flows(pair.web),
			`${name}_back_in_the_kernel`);
		stop();
		await clean(pair.web, name);
		if (/CM.*80/.test(suite))
			await reports(pair.web, own, suite);
		await hang_up(pair);
	}
	trace.kill();
	ok(/inline:\*{20}/.test(traced), 'trace_masks_keys');
	const log = fs.readFileSync(path.join(lab_dir(), 'gateway.log'), 'utf8');
	ok(!secrets.some((k) => traced.includes(k) || log.includes(k)),
		'keys_are_in_no_log_nor_trace');
});

/* The phone's description anew, with these lines; what it is answered. */
async function redescribe(pair, lines)
{
	await lab.phone.ask('describe', { lines });
	const answered = lab.phone.ask('reinvite');
	const again = await lab.flow.expect((m) => m.method === 'INVITE' &&
		m.get('Call-ID') === pair.call.call_id);

	lab.flow.send(response(again, 200, 'OK', {
		body: pair.web.offer(answer_sdp(again.body)),
		headers: [`Contact: ${lab.user.contact()}`] }));
	return { status: await answered,
		answer: (await lab.phone.ask('state')).answer };
}

/* Both sides near the wrap, by gaps below MAX_DROPOUT (RFC 3550 A.1). */
async function climb(web)
{
	const payload = '0'.repeat(320);

	for (let seq = 30710; seq < 65535; seq += 2900) {
		const count = async () => [web.heard.length,
			(await at_phone()).length];
		const [w, p] = await count();

		web.seq = seq;
		await lab.phone.ask('number_from', { seq });
		await web.send_rtp(0, Buffer.from(payload, 'hex'));
		await lab.phone.ask('send_rtp', { pt: 0, payload });
		await busywait(5, async () => {
			const [now_w, now_p] = await count();
			return now_w > w && now_p > p;
		});
	}
	web.heard = [];
	await lab.phone.ask('forget');
}

/*
 * The sequence numbers wrap on both sides and in both directions, so each has
 * its roll-over counter at 1, which goes along to the other path. Ours begin
 * below 2^15 (RFC 3711 3.3.1) and follow gaps of the source.
 */
test('wrap', async () => {
	for (const [i, suite] of SUITES.entries()) {
		for (const here of PATHS) {
			const name = `${suite.toLowerCase()}_${here}`;
			const key = new_key(suite);
			const pair = await dial(undefined, lines_of(suite, i + 1,
				key));
			const { offer } = await lab.phone.ask('state');

			await lab.phone.ask('keys', { tx: key, suite,
				rx: key_in(offer, i + 1, suite) });
			await moved(here);
			await climb(pair.web);
			await lab.phone.ask('stream', { count: 100000 });
			const stop = numbers(pair.web);
			const wrapped = (list) => list.length &&
				list[0].seq > 60000 && list[list.length - 1].seq
				< 1000 && list[list.length - 1].seq > 5;
			ok(await busywait(10, async () =>
				wrapped(pair.web.heard) &&
				wrapped(await at_phone())),
			`${name}_wraps`, JSON.stringify(pair.web.heard.slice(-1)),
			JSON.stringify((await at_phone()).slice(-1)));
			ok(await moved(PATHS.find((p) => p !== here)) &&
				await flows(pair.web), `${name}_wrapped_moves`);
			stop();
			await clean(pair.web, `${name}_wrapped`);
			await hang_up(pair);
		}
	}
});

/* Counted so far of what the phone sent. */
const received = async () =>
	(await sluicectl('show', 'streams')).streams[0].sip_to_web.received_packets;

/* New keys by a new description, of the phone and so of the gateway. */
test('rekey', async () => {
	const suite = SUITES[1], first = new_key(suite), second = new_key(suite);
	const pair = await dial(undefined, lines_of(suite, 2, first));
	const before = key_in((await lab.phone.ask('state')).offer, 2, suite);

	await lab.phone.ask('keys', { tx: first, rx: before, suite });
	await lab.phone.ask('stream', { count: 100000 });
	const stop = numbers(pair.web);
	ok(await flows(pair.web), 'before_the_new_key_audio_flows');
	ok(await busywait(10, async () => await received() > 100),
		'before_the_new_key_packets_are_counted');
	const counted = await received();
	const { status, answer } = await redescribe(pair,
		lines_of(suite, 5, second));
	const after = key_in(answer, 5, suite);

	ok(status === 200 && after && after !== before,
		'new_key_is_answered_with_a_new_key', answer);
	await lab.phone.ask('keys', { tx: second, rx: after, suite });
	await lab.phone.ask('forget');
	pair.web.heard = [];
	ok(await flows(pair.web), 'after_the_new_key_audio_flows');
	const now = await received();
	ok(now >= counted, 'after_the_new_key_packets_count_on',
		`${now} after ${counted}`);
	stop();
	await clean(pair.web, 'after_the_new_key');
	await hang_up(pair);
});

const auth_drops = async (path) => (await sluicectl('show', 'drops')).drops
	.filter((d) => d.reason === 'auth').reduce((n, d) => n + d[path], 0);

/* Keys with an MKI, on both paths; the phone offers, then the gateway. */
for (const [suite, mki, hex] of [[SUITES[1], '|2^31|1:1', '01'],
	[SUITES[0], '|66051:4', '00010203']])
	test(`mki ${suite}`, async () => {
		const name = `mki_of_${hex.length / 2}_${suite.toLowerCase()}`;
		const key = new_key(suite), other = new_key(suite);
		const pair = await called(lines_of(suite, 3, key, `${mki};` +
			`inline:${other}${mki.replace('1:', '2:')}`));
		const own = key_in(pair.answer, 3, suite);
		const keys = { tx: key, rx: own, suite, tx_mki: hex, rx_mki: hex };

		ok(pair.status === 200 && new RegExp(`inline:\\S+\\|2\\^31\\|` +
			`${mki.split('|').pop()}\\r`).test(pair.answer),
		`${name}_answered_with_it`, pair.answer);
		await lab.phone.ask('keys', keys);
		await lab.phone.ask('stream', { count: 100000 });
		const stop = numbers(pair.web);
		for (const path of PATHS)
			ok(await moved(path) && await flows(pair.web),
				`${name}_on_the_${path}_path`);
		await clean(pair.web, name);
		if (/_CM_/.test(suite))
			await reports(pair.web, own, suite, name, hex);
		for (const path of PATHS) {
			await moved(path);
			const before = await auth_drops(path);
			await lab.phone.ask('keys', { ...keys,
				tx_mki: `ff${hex.slice(2)}` });
			ok(await busywait(10, async () =>
				await auth_drops(path) > before + 3),
			`${name}_another_is_dropped_on_the_${path}_path`);
			await lab.phone.ask('keys', keys);
			ok(await flows(pair.web),
				`${name}_goes_on_after_another_on_the_${path}_path`);
		}
		stop();
		await hang_up(pair);
	});

test('mki answered', async () => {
	const suite = SUITES[1], key = new_key(suite);
	const pair = await dial(undefined, lines_of(suite, 2, key, '|2^20|7:1'));
	const { offer } = await lab.phone.ask('state');
	const own = key_in(offer, 2, suite);

	await lab.phone.ask('keys', { tx: key, rx: own, suite, tx_mki: '07' });
	await lab.phone.ask('stream', { count: 100000 });
	const stop = numbers(pair.web);
	for (const path of PATHS)
		ok(await moved(path) && await flows(pair.web),
			`mki_of_the_phone_alone_on_the_${path}_path`);
	stop();
	await clean(pair.web, 'mki_of_the_phone_alone');
	await hang_up(pair);
});

/* The same keys go on under another name, and with their indices. */
test('mki renamed', async () => {
	const suite = SUITES[1], key = new_key(suite);
	const pair = await called(lines_of(suite, 3, key, '|2^31|1:1'));
	const own = key_in(pair.answer, 3, suite);

	await lab.phone.ask('keys', { tx: key, rx: own, suite, tx_mki: '01',
		rx_mki: '01' });
	await lab.phone.ask('stream', { count: 100000 });
	const stop = numbers(pair.web);

	ok(await moved('kernel') && await flows(pair.web),
		'mki_before_it_is_renamed_audio_flows');
	const { status, answer } = await redescribe(pair,
		lines_of(suite, 3, key, '|2^31|2:2'));

	ok(status === 200 && key_in(answer, 3, suite) === own &&
		/\|2:2\r/.test(answer), 'mki_renamed_is_answered_for_the_same_key',
	answer);
	await lab.phone.ask('keys', { tx: key, rx: own, suite, tx_mki: '0002',
		rx_mki: '0002' });
	/* what was under way has the old name */
	await flows(pair.web, 2);
	const last = (await at_phone()).pop().seq;

	await lab.phone.ask('forget');
	ok(await flows(pair.web), 'mki_renamed_audio_flows');
	await clean(pair.web, 'mki_renamed');
	ok(((await at_phone())[0].seq - last & 0xffff) < 100,
		'mki_renamed_sequence_goes_on');
	stop();
	await hang_up(pair);
});

/* The phone offers. */
test('answered', async () => {
	const suite = SUITES[0], key = new_key(suite);
	const web = await WebMedia.open('203.0.113.77');

	await lab.phone.ask('reset');
	await lab.phone.ask('describe', { lines: ['m=audio $PORT RTP/AVP 0'] });
	const status = await lab.phone.ask('invite', { user: 'bob' });
	ok(status === 488, 'rtp_without_keys_is_refused', status);
	await lab.phone.ask('describe', { lines: lines_of(suite, 9, key) });
	const answered = lab.phone.ask('invite', { user: 'bob' });
	const call = await lab.user.incoming();

	web.answered(call.invite.body);
	ok(!/a=crypto/.test(call.invite.body), 'browser_sees_no_key');
	call.respond(200, 'OK', { body: web.offer(answer_sdp(call.invite.body)) });
	ok(await answered === 200, 'offer_with_keys_is_answered');
	const { answer } = await lab.phone.ask('state');
	await lab.phone.ask('keys', { tx: key, rx: key_in(answer, 9, suite),
		suite });
	await web.check();
	await web.handshake();
	await lab.phone.ask('stream', { count: 100000 });
	const stop = numbers(web);
	ok(await flows(web), 'answered_audio_flows');
	stop();
	await clean(web, 'answered');
	note(`${(await arrived(at_phone, 0)).length} packets`);
	await hang_up({ web, call });
});

run('bob');
