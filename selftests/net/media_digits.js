// SPDX-License-Identifier: Apache-2.0
/*
 * Digits and pictures that are INFO on one leg and RTP or RTCP on the other.
 * The gateway has sip.dtmf = "auto", web.dtmf = "info". See media.sh.
 */
'use strict';
const { busywait, ok, test } = require('../browser/tap.js');
const { WebMedia, rtcp_parts } = require('./webmedia.js');
const { answer_sdp, response } = require('./wsclient.js');
const { arrived, at_phone, continuity, dial, event, hang_up, lab, moved, numbers,
	offer_of, path_of, run } = require('./mediacall.js');

const WITH_EVENTS = ['m=audio $PORT RTP/AVP 0 126', 'a=rtpmap:0 PCMU/8000',
	'a=rtpmap:126 telephone-event/8000', 'a=sendrecv'];

/* An INFO of the browser; the status of its final response. */
async function info(call, type, body)
{
	const text = call.request('INFO', { body }).replace('application/sdp',
		type);
	const m = await lab.user.transact(text);

	return m && m.status;
}

/* The next INFO that reaches the browser, answered. */
async function info_at_browser(call)
{
	const m = await lab.flow.expect((r) => r.method === 'INFO' &&
		r.get('Call-ID') === call.call_id);

	if (m)
		lab.flow.send(response(m, 200, 'OK'));
	return m;
}

/* The packets of one event, in the order of their arrival. */
function is_event(packets, digit, duration)
{
	const ends = packets.filter((p) => p.payload.slice(2, 3) === '8');
	const hex = (n, width) => n.toString(16).padStart(width, '0');

	return packets.length >= 4 && packets[0].marker === 1 &&
		packets.slice(1).every((p) => !p.marker) &&
		packets.every((p) => p.ts === packets[0].ts &&
			p.payload.startsWith(hex(digit, 2))) &&
		ends.length === 3 &&
		ends.every((p) => p.payload.slice(4) === hex(duration, 4));
}

const is_gapless = (packets) => packets.every((p, i) => !i ||
	(p.seq - packets[i - 1].seq & 0xffff) === 1);

test('info_to_rtp', async () => {
	const pair = await dial(undefined, WITH_EVENTS);
	const stop = numbers(pair.web);

	ok(await moved('kernel'), 'digits_begin_in_the_kernel');
	await arrived(at_phone, 0, 5);
	ok(await info(pair.call, 'application/dtmf-relay',
		'Signal= 5\r\nDuration= 100\r\n') === 200 &&
		await info(pair.call, 'application/dtmf', '#') === 200,
	'info_of_a_digit_is_answered');
	const events = await arrived(at_phone, 126, 18);
	const first = events.filter((p) => p.ts === events[0].ts);
	const second = events.filter((p) => p.ts !== events[0].ts);
	ok(is_event(first, 5, 800), 'info_dtmf_relay_becomes_an_event',
		JSON.stringify(first));
	ok(is_event(second, 11, 1280), 'info_dtmf_becomes_an_event',
		JSON.stringify(second));
	ok(await busywait(5, async () => await path_of() === 'kernel'),
		'digits_end_in_the_kernel');
	const before = (await at_phone()).length;
	await busywait(5, async () => (await at_phone()).length > before + 10);
	stop();
	const all = (await at_phone());
	ok(is_gapless(all), 'digits_leave_no_gap_and_no_index_twice');
	const audio = continuity(all.filter((p) => p.pt === 0)
		.map((p, i) => ({ ...p, seq: all.filter((q) => q.pt === 0)[0].seq +
			parseInt(p.payload.slice(0, 8), 16) })));
	ok(!audio.lost, 'digits_cost_no_audio', JSON.stringify(audio));
	const { requests } = await lab.phone.ask('state');
	ok(!requests.some((r) => r.method === 'INFO'), 'no_info_is_passed');
	ok(await info(pair.call, 'application/dtmf-relay', 'Signal=!\r\n') === 200 &&
		await lab.phone.request((r) => r.method === 'INFO' &&
			/Signal=!/.test(r.body)), 'info_of_no_digit_passes');
	await hang_up(pair);
});

test('rtp_to_info', async () => {
	/* A phone that knows no events; the browser's end in the gateway. */
	let pair = await dial(undefined, ['m=audio $PORT RTP/AVP 0', 'a=sendrecv']);
	const answer = pair.call.final.body;

	ok(/telephone-event\/8000/.test(answer), 'browser_is_told_of_events',
		answer);
	const stop = numbers(pair.web);
	for (const path of ['kernel', 'user']) {
		ok(await moved(path), `rtp_to_info_${path}_path`);
		await lab.phone.ask('forget_requests');
		pair.web.send_event(126, [event(7, 400, false), event(7, 800, false),
			event(7, 1200), event(7, 1200), event(7, 1200)]);
		const r = await lab.phone.request((m) => m.method === 'INFO');
		ok(r && /^application\/dtmf-relay/.test(r.type) &&
			/^Signal=7\r\nDuration=150\r\n$/.test(r.body),
		`event_becomes_info_${path}`, JSON.stringify(r));
	}
	const before = (await at_phone()).length;
	await busywait(5, async () => (await at_phone()).length > before + 10);
	stop();
	const { requests, rtp } = await lab.phone.ask('state');
	ok(requests.filter((r) => r.method === 'INFO').length === 1,
		'event_becomes_one_info');
	ok(is_gapless(rtp), 'events_leave_no_gap');
	await hang_up(pair);

	/* Of the phone: to the page as INFO. */
	pair = await dial(undefined, WITH_EVENTS);
	ok(await moved('kernel'), 'phone_digit_in_the_kernel');
	for (const [payload, hold] of [['090a0190', false], ['098a0320', true],
		['098a0320', true]])
		await lab.phone.ask('send_rtp', { pt: 126, payload, hold });
	const m = await info_at_browser(pair.call);
	ok(m && m.body === 'Signal=9\r\nDuration=100\r\n',
		'event_of_the_phone_becomes_info', m && m.text);
	ok(!pair.web.heard.some((p) => p.pt === 126),
		'event_of_the_phone_is_not_sent_on');
	await hang_up(pair);
});

/* The browser's offer with one video m-line, and nothing else. */
const video_offer = () => offer_of('96', '96 VP8/90000')
	.replace('m=audio', 'm=video').replace(/a=ssrc.*\r\n/, '') +
	'a=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 ccm fir\r\n';
const VIDEO = ['m=video $PORT RTP/AVP 96', 'a=rtpmap:96 VP8/90000', 'a=sendrecv'];
const AVPF = ['m=video $PORT RTP/AVP 96', 'a=rtpmap:96 VP8/90000',
	'a=rtcp:$RTCP', 'a=rtcp-fb:96 nack pli', 'a=sendrecv'];
const UPDATE = '<?xml version="1.0" encoding="utf-8"?><media_control>' +
	'<vc_primitive><to_encoder><picture_fast_update/></to_encoder>' +
	'</vc_primitive></media_control>';
const is_pli = (p) => p.pt === 206 && p.count === 1;

/* Both sides have sent; the SSRC that the browser receives. */
async function pictures({ web })
{
	web.send_rtp(96);
	await lab.phone.ask('send_rtp', { pt: 96, payload: '00'.repeat(20) });
	await arrived(at_phone, 96);
	const [packet] = await arrived(async () => web.heard, 96);
	return packet && packet.ssrc;
}

test('pictures', async () => {
	let pair = await dial(video_offer(), VIDEO);
	let ssrc = await pictures(pair);

	for (const path of ['kernel', 'user']) {
		ok(await moved(path), `pictures_${path}_path`);
		pair.web.rtcp = [];
		const status = await lab.phone.ask('request', { method: 'INFO',
			type: 'application/media_control+xml', body: UPDATE });
		const pli = await busywait(5, () => pair.web.rtcp.find(is_pli));
		ok(status === 200 && pli && pli.data.readUInt32BE(8) ===
			pair.web.ssrc >>> 0, `info_becomes_pli_${path}`,
		`${status} ${pli && pli.data.toString('hex')}`);
		await lab.phone.ask('forget_requests');
		/* As browsers do: until it comes. */
		const r = await busywait(5, async () => {
			await pair.web.send_pli(ssrc);
			return (await lab.phone.ask('state')).requests
				.find((m) => m.method === 'INFO');
		});
		ok(r && /^application\/media_control\+xml/.test(r.type) &&
			/picture_fast_update/.test(r.body),
		`pli_becomes_info_${path}`, JSON.stringify(r));
	}
	await hang_up(pair);

	/* A phone that names nack pli gets it as RTCP. */
	pair = await dial(video_offer(), AVPF);
	ssrc = await pictures(pair);
	await pair.web.send_pli(ssrc);
	const found = await lab.phone.until((s) => s.rtcp.some((hex) =>
		rtcp_parts(Buffer.from(hex, 'hex')).some(is_pli)), 5);
	ok(found, 'pli_passes_to_who_names_it');
	ok(found && !found.requests.some((r) => r.method === 'INFO'),
		'pli_that_passes_is_no_info');
	ok(found && !found.muxed, 'rtcp_without_mux_has_its_own_port');
	await hang_up(pair);

	/* With AVPF and rtcp-mux, as the phone offers them. */
	const web = await WebMedia.open('203.0.113.77');
	await lab.phone.ask('reset');
	await lab.phone.ask('describe', { lines: ['m=video $PORT RTP/AVPF 96',
		'a=rtpmap:96 VP8/90000', 'a=rtcp-mux', 'a=rtcp-fb:96 nack pli',
		'a=sendrecv'] });
	const answered = lab.phone.ask('invite', { user: 'carol' });
	const call = await lab.user.incoming();
	web.answered(call.invite.body);
	call.respond(200, 'OK', { body: web.offer(answer_sdp(call.invite.body
		.replace('m=video', 'm=audio')).replace('m=audio', 'm=video')) });
	ok(await answered === 200, 'avpf_offer_is_answered');
	const { answer } = await lab.phone.ask('state');
	ok(/^m=video \d+ RTP\/AVPF 96\r$/m.test(answer) &&
		/a=rtcp-fb:96 nack pli/.test(answer) && /a=rtcp-mux/.test(answer),
	'avpf_answer_has_feedback_and_mux', answer);
	await web.check();
	await web.handshake();
	ssrc = await pictures({ web });
	const muxed = await busywait(5, async () => {
		await web.send_pli(ssrc);
		const s = await lab.phone.ask('state');
		return s.muxed && s.rtcp.some((hex) => rtcp_parts(
			Buffer.from(hex, 'hex')).some(is_pli));
	});
	ok(muxed, 'rtcp_with_mux_comes_by_the_port_of_rtp');
	await hang_up({ web, call });
});

run('carol');
