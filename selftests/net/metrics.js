// SPDX-License-Identifier: Apache-2.0
/* See metrics.sh. Run in namespace web. */
'use strict';
const { busywait, ok, run_all, test } = require('../browser/tap.js');
const { SipMedia } = require('./sipmedia.js');
const { WebMedia } = require('./webmedia.js');
const { User, connect, offer_sdp } = require('./wsclient.js');
const { execFile } = require('child_process');
const fs = require('fs');
const net = require('net');
const path = require('path');
const { promisify } = require('util');

const [HOST, PORT] = process.env.METRICS.split(':');
const LAB = path.dirname(process.env.LAB_SHELL);
let phone, user;

/* Not the blocking one: packets are sent and received meanwhile. */
async function sluicectl(...words)
{
	const { stdout } = await promisify(execFile)(process.env.SLUICECTL,
		['-s', process.env.CONTROL, '-j', ...words]);

	return JSON.parse(stdout);
}

const the_call = async () => (await sluicectl('show', 'calls')).calls[0];

/* Connects and sends; resolves to all that comes until the other side ends. */
function converse(text)
{
	return new Promise((resolve) => {
		const s = net.connect(PORT, HOST, () => s.write(text));
		let got = '';

		s.on('data', (d) => { got += d; });
		s.on('end', () => s.end());
		s.on('error', () => {});
		s.on('close', () => resolve(got));
	});
}

/* The samples as { 'name{labels}': value }. */
async function scrape()
{
	const text = await converse('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
	const samples = {};

	if (!/^HTTP\/1\.1 200 /.test(text))
		throw new Error(`scrape: ${text.slice(0, 200)}`);
	for (const line of text.split('\r\n\r\n')[1].split('\n')) {
		const m = line.match(/^([^#\s][^{\s]*(?:{.*})?) (\S+)$/);
		if (m)
			samples[m[1]] = Number(m[2]);
	}
	return samples;
}

/* A sample once it is as wanted: the text is up to a second old. */
const becomes = (name, wanted) => busywait(5, async () =>
	(await scrape())[name] === wanted);

async function is(name, wanted, what)
{
	ok(await becomes(name, wanted), what, name,
		`${(await scrape())[name]} instead of ${wanted}`);
}

async function dial()
{
	const web = await WebMedia.open('203.0.113.77');
	const call = await user.invite('2001', { body: web.offer(offer_sdp()) });

	if (!call.final || call.final.status !== 200)
		throw new Error(`call: ${call.final && call.final.start}`);
	web.answered(call.final.body);
	if (!await web.check())
		throw new Error('no answer to the check');
	await web.handshake();
	return { web, call };
}

test('call', async () => {
	await is('sluice_calls{state="up"}', 0, 'metrics_before_have_no_call');
	const { web, call } = await dial();
	const timer = setInterval(() => web.send_rtp(0, Buffer.alloc(160)), 20);

	await phone.ask('stream', { count: 70 });
	const judged = await busywait(8, async () => {
		const c = await the_call();
		return c.mos && c;
	});
	ok(judged && judged.mos > 4 && judged.mos < 4.5,
		'call_has_a_mos_of_clean_g711', JSON.stringify(judged));
	const [stream] = (await sluicectl('show', 'streams')).streams;
	ok(stream.web_to_sip.mos > 4 && stream.web_to_sip.in_ssrc &&
		stream.web_to_sip.last_seen_age_ms < 3000,
	'stream_has_mos_and_last_seen', JSON.stringify(stream));
	ok(stream.web_to_sip.sources.some(s =>
		s.ssrc === stream.web_to_sip.in_ssrc &&
		s.received_packets > 0 && s.last_seen_age_ms < 3000),
	'stream_shows_its_sources', JSON.stringify(stream.web_to_sip));
	await is('sluice_calls{state="up"}', 1, 'metrics_show_the_call_up');
	await is(`sluice_streams{path="${judged.path}",reason="${
		judged.path_reason}"}`, 1, 'metrics_show_its_path');
	const moved = `sluice_rtp_packets_total{side="web",path="${
		judged.path}"}`;
	const before = (await scrape())[moved];
	ok(before > 0 && await busywait(5, async () =>
		(await scrape())[moved] > before), 'metrics_move_with_packets',
	before);

	/* The phone has said its 70 packets and is silent. */
	const silent = await busywait(15, async () => {
		const c = await the_call();
		return c.one_way && c;
	});
	ok(silent && silent.silent_side === 'sip',
		'call_in_which_the_phone_falls_silent_is_one_way',
		JSON.stringify(await the_call()));
	const status = await sluicectl('status');
	ok(status.warnings.some((w) => w.includes(silent.id)) &&
		status.quality.worst_call === silent.id,
	'status_names_the_call', JSON.stringify(status.warnings));
	/* A new source: a gap in the old one's clock would count as jitter. */
	await phone.ask('restart');
	await phone.ask('stream', { count: 20 });
	ok(await busywait(5, async () => !(await the_call()).one_way),
		'call_heard_again_is_not_one_way');
	clearInterval(timer);
	await call.bye();
	await web.close();
	ok(await busywait(8, async () => !await the_call()), 'call_is_over');
});

test('afterwards', async () => {
	await is('sluice_calls_total{direction="web-to-sip",result="answered"}',
		1, 'metrics_count_the_call');
	for (const [name, wanted] of Object.entries({
		'sluice_calls{state="up"}': 0,
		'sluice_setup_seconds_count': 1,
		'sluice_answer_to_audio_seconds_count': 1,
		'sluice_rtp_mos_count': 2,
		'sluice_rtp_mos_bucket{le="+Inf"}': 2,
		'sluice_rtp_mos_bucket{le="4"}': 0,
		'sluice_rtp_jitter_seconds_count': 2,
		'sluice_one_way_calls_total{cause="sip-silent"}': 1,
		'sluice_one_way_calls_total{cause="web-silent"}': 0,
		'sluice_dtls_handshakes_total{result="done"}': 1,
		'sluice_registrations{realm="web"}': 1,
		'sluice_sip_drops_total{side="sip",reason="source"}': 0,
		'sluice_store_degraded': 0,
		'sluice_store_failures_total': 0,
		'sluice_ws_clients': 1,
		'sluice_trunk_up{trunk="sip:198.51.100.10:5060;transport=udp"}': 1,
	}))
		await is(name, wanted, `metrics_have_${name
			.replace(/[^a-z0-9]+/g, '_')}`);
	const s = await scrape();
	ok(s['sluice_sip_responses_total{side="sip",method="INVITE",' +
		'class="2xx"}'] === 1 &&
		s['sluice_sip_responses_total{side="web",method="INVITE",' +
		'class="2xx"}'] === 1, 'metrics_count_responses_by_side');
	ok(s['sluice_certificate_expiry_timestamp_seconds{name="web"}'] >
		Date.now() / 1000, 'metrics_have_the_certificates_end');
	const all = Object.keys(s).join('\n');
	ok(!/alice|2001|203\.0\.113\.77|198\.51\.100\.20/.test(all),
		'metrics_have_no_users_nor_addresses', all);
	const ended = fs.readFileSync(path.join(LAB, 'gateway.log'), 'utf8')
		.split('\n').find((l) => l.includes('call ended'));
	ok(/ mos_web=4\.\d\d mos_sip=4\.\d\d one_way=yes/.test(ended),
		'log_line_has_mos_and_one_way', ended);
	const events = fs.readFileSync(process.env.EVENTS, 'utf8').split('\n')
		.filter((l) => l.startsWith('{')).map(JSON.parse);
	const names = events.filter((e) => e.call).map((e) => e.event);
	ok(['call-started', 'ice-selected', 'dtls-done', 'call-answered',
		'first-packet', 'call-one-way', 'call-heard', 'call-ended']
		.every((n) => names.includes(n)), 'events_tell_of_the_call',
	names.join(' '));
	const last = events.find((e) => e.event === 'call-ended');
	ok(last && /answered by web: BYE/.test(last.detail),
		'event_of_the_end_says_who_and_why', JSON.stringify(last));
});

test('strangers', async () => {
	for (const [name, text, status] of [
		['other_path', 'GET / HTTP/1.1\r\n\r\n', 404],
		['longer_path', 'GET /metricsx HTTP/1.1\r\n\r\n', 404],
		['other_method', 'POST /metrics HTTP/1.1\r\n\r\n', 405],
		['head', 'HEAD /metrics HTTP/1.1\r\n\r\n', 405],
		['no_version', 'GET /metrics\r\n\r\n', 400],
		['junk', '\x16\x03\x01\x02\x00 \r\n\r\n', 400],
		['nothing', '\r\n\r\n', 400],
		['nul', 'GET /metrics\0 HTTP/1.1\r\n\r\n', 400],
		['endless_header', `GET /metrics HTTP/1.1\r\nX: ${
			'x'.repeat(8000)}`, 431],
	]) {
		const got = await converse(text);
		ok(got.startsWith(`HTTP/1.1 ${status} `),
			`listener_${name}_answered_${status}`,
			got.slice(0, 100));
	}
	const query = await converse('GET /metrics?a=b HTTP/1.0\r\n\r\n');
	ok(/^HTTP\/1\.1 200 /.test(query), 'listener_query_ignored');

	/* More than it keeps, and they stay. */
	const idle = [];
	let closed = 0;
	for (let i = 0; i < 40; i++) {
		const s = net.connect(PORT, HOST, () => s.write('GET /met'));
		s.on('error', () => {});
		s.on('close', () => { closed++; });
		idle.push(s);
	}
	ok(await busywait(5, () => closed >= 24),
		'listener_keeps_sixteen_at_most', closed);
	const s = await scrape();
	ok(s.sluice_ws_clients === 1, 'listener_full_still_serves');
	ok(await busywait(12, () => closed === 40),
		'listener_lets_nobody_stay', closed);
	idle.forEach((one) => one.destroy());
});

async function main()
{
	phone = await SipMedia.open();
	user = new User(await connect(), { user: 'alice' });
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
