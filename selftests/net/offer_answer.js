// SPDX-License-Identifier: Apache-2.0
/* See offer_answer.sh. Run in namespace web. */
'use strict';
const { busywait, ok, run_all, test } = require('../browser/tap.js');
const { MS, ack, ack_of, answer_to, call_out, contact, direction, hang_up,
	OPUS, in_call, names, offer_again, provisional, status } =
	require('./incall.js');
const { Party } = require('./party.js');
const { open_udp } = require('./sockets.js');
const { WebMedia } = require('./webmedia.js');
const { User, answer_sdp, connect, offer_sdp, response, tag_of, token } =
	require('./wsclient.js');

/* The next version of a description (RFC 8866 5.2). */
let version = 2;
const anew = (text) => text.replace(/^(o=\S+ \S+) \d+/m,
	(_, same) => `${same} ${++version}`);

/* ---- media --------------------------------------------------------------- */

const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

/* Sends until some have arrived. */
async function flows(send, count)
{
	const before = count();

	for (let i = 0; i < 250; i++) {
		send();
		await sleep(20);
		if (count() - before >= 3)
			return true;
	}
	return false;
}

async function is_silent(send, count)
{
	const before = count();

	for (let i = 0; i < 15; i++) {
		send();
		await sleep(20);
	}
	return count() === before;
}

const to_sip = (s, web, how = flows, pt = 0, media = s.sip.media) =>
	how(() => web.send_rtp(pt), () => media.received.length);
const to_web = (s, web, text, how = flows, pt = 0, media = s.sip.media) =>
	how(() => s.sip.send_rtp(text, pt, { media }), () => web.echoes);

async function secure(web, text)
{
	web.answered(text);
	if (!await web.check())
		throw new Error('no answer to the check');
	await web.handshake();
}

async function media_call(s, options = {})
{
	const web = await WebMedia.open('203.0.113.77');
	const body = web.offer(options.offer || offer_sdp());
	const { call, leg } = await call_out(s, { ...options, body });

	s.closing.push(() => web.close());
	await secure(web, call.final.body);
	return { web, call, leg, body };
}

/* ---- without an offer ------------------------------------------------------ */

test('media_offerless_invite', async (s) => {
	const leg = s.sip.dial('alice', { body: '', ack: false, ms: MS });
	const call = await s.alice.incoming(MS);
	const web = await WebMedia.open('203.0.113.77');

	s.closing.push(() => web.close());
	ok(call && names(call.invite.body).startsWith('opus PCMU PCMA') &&
		/^a=ice-ufrag:/m.test(call.invite.body) &&
		/^a=setup:actpass/m.test(call.invite.body),
		'offerless_invite_brings_the_browser_an_offer',
		call && call.invite.text);
	const pts = /^m=audio \d+ \S+ (.*)$/m.exec(call.invite.body)[1];
	const opus = pts.split(' ')[0];
	/* As Chrome: all that was offered. */
	const said = web.offer(answer_sdp(call.invite.body).replace(
		/^m=audio .*$/m, `m=audio 9 UDP/TLS/RTP/SAVPF ${pts.trim()}`)) +
		call.invite.body.split('\r\n').filter((l) =>
			/^a=(rtpmap|fmtp)/.test(l) && !l.includes(`:${opus} `))
			.join('\r\n') + '\r\n';
	call.respond(200, 'OK', { body: said, headers: [contact(s.alice)] });
	await leg.done;
	ok(status(leg.final) === 200 &&
		/^m=audio \d+ RTP\/AVP/m.test(leg.final.body) &&
		/PCMU/.test(names(leg.final.body)),
		'offerless_invite_answer_is_an_offer', leg.final && leg.final.text);
	ack(s.sip, leg, s.sip.sdp());
	ok(await ack_of(s.alice, call), 'offerless_invite_is_acknowledged');

	/* The browser would send opus. */
	const again = await in_call(s.alice, 'INVITE', call);
	ok(again && !/opus/.test(names(again.body)) &&
		/PCMU/.test(names(again.body)),
		'browser_is_told_what_the_answer_left', again && again.text);
	answer_to(s.alice, again, 200, web.offer(answer_sdp(again.body)));
	ok(await ack_of(s.alice, call), 'own_reinvite_is_acknowledged');
	await secure(web, call.invite.body);
	const pt = Number(/^m=audio \d+ \S+ (\d+)/m.exec(again.body)[1]);
	ok(await to_sip(s, web, flows, pt) && await to_web(s, web, leg.final.body),
		'offerless_invite_has_media_both_ways');
	await hang_up(s, { call, leg });
});

test('offerless_invite_bad_ack', async (s) => {
	const leg = s.sip.dial('alice', { body: '', ack: false, ms: MS });
	const call = await s.alice.incoming(MS);

	call.respond(200, 'OK', { body: answer_sdp(call.invite.body),
		headers: [contact(s.alice)] });
	await leg.done;
	ack(s.sip, leg, '');
	const [a, b] = await Promise.all([in_call(s.alice, 'BYE', call),
		in_call(s.sip, 'BYE', leg)]);
	ok(a && b, 'offerless_invite_without_answer_in_the_ack_ends');
	s.alice.flow.send(response(a, 200, 'OK'));
	s.sip.flow.send(response(b, 200, 'OK'));
});

test('offerless_reinvite_sip', async (s) => {
	const { call, leg } = await call_out(s);
	const done = offer_again(s.sip, leg, '');
	const m = await in_call(s.alice, 'INVITE', call);

	ok(m && !m.body, 'offerless_reinvite_reaches_the_browser_as_it_is',
		m && m.text);
	answer_to(s.alice, m, 200, offer_sdp());
	const final = await done;
	ok(status(final) === 200 && /opus/.test(names(final.body)) &&
		/RTP\/AVP/.test(final.body),
		'offerless_reinvite_gets_the_browsers_offer', final && final.text);
	ack(s.sip, leg, s.sip.sdp({ formats: '8' , lines: [] }));
	const acked = await ack_of(s.alice, call);
	ok(acked && names(acked.body) === 'PCMA' &&
		/^a=setup:passive/m.test(acked.body),
		'offerless_reinvite_answer_reaches_the_browser',
		acked && acked.text);
	await hang_up(s, { call, leg });
});

test('offerless_reinvite_web', async (s) => {
	const { call, leg } = await call_out(s);
	const done = offer_again(s.alice, call, '');
	const m = await in_call(s.sip, 'INVITE', leg);

	ok(m && !m.body, 'offerless_reinvite_reaches_the_phone_as_it_is');
	answer_to(s.sip, m, 200, s.sip.sdp({ formats: '8 0', lines: [] }));
	const final = await done;
	ok(status(final) === 200 && names(final.body) === 'PCMA PCMU' &&
		/^a=setup:actpass/m.test(final.body),
		'offerless_reinvite_gets_the_phones_offer', final && final.text);
	ack(s.alice, call, answer_sdp(final.body));
	const acked = await ack_of(s.sip, leg);
	ok(acked && /^m=audio \d+ RTP\/AVP 8\r/m.test(acked.body),
		'offerless_reinvite_answer_reaches_the_phone', acked && acked.text);
	await hang_up(s, { call, leg });
});

/* ---- refusals, glare, CANCEL ------------------------------------------------- */

test('media_refused', async (s) => {
	const { web, call, leg, body } = await media_call(s);
	const done = offer_again(s.sip, leg, s.sip.sdp({ formats: '8',
		lines: ['a=sendonly'], address: '198.51.100.21' }));
	const m = await in_call(s.alice, 'INVITE', call);

	answer_to(s.alice, m, 488);
	const final = await done;
	s.sip.flow.send(s.sip.ack_refusal(final));
	ok(status(final) === 488, 'reinvite_refused_by_the_browser_is_refused');
	ok(await to_sip(s, web) && await to_web(s, web, leg.invite.body),
		'media_goes_on_after_the_refusal_of_a_browser');

	const other = offer_again(s.alice, call, anew(body).replace(
		'a=sendrecv', 'a=sendonly'));
	answer_to(s.sip, await in_call(s.sip, 'INVITE', leg), 488);
	const refused = await other;
	s.alice.flow.send(s.alice.ack_refusal(refused));
	ok(status(refused) === 488, 'reinvite_refused_by_the_phone_is_refused');
	ok(await to_sip(s, web) && await to_web(s, web, leg.invite.body),
		'media_goes_on_after_the_refusal_of_a_phone');
	await hang_up(s, { call, leg });
});

test('glare', async (s) => {
	const { call, leg } = await call_out(s);
	const web = offer_again(s.alice, call, offer_sdp().replace('a=sendrecv',
		'a=sendonly'));
	const first = await in_call(s.sip, 'INVITE', leg);
	/* The phone had sent its own. */
	const sip = await offer_again(s.sip, leg, s.sip.sdp());

	ok(status(sip) === 491, 'second_offer_gets_491', status(sip));
	s.sip.flow.send(s.sip.ack_refusal(sip));
	answer_to(s.sip, first, 491);
	const began = Date.now();
	const second = await in_call(s.sip, 'INVITE', leg);
	ok(second && second.cseq > first.cseq && second.body === first.body,
		'offer_that_met_491_is_made_again', second && second.text);
	/* RFC 3261 14.1: the gateway has the Call-ID of this leg. */
	ok(Date.now() - began >= 2000, 'owner_of_the_call_id_waits_longer',
		Date.now() - began);
	answer_to(s.sip, second, 200, s.sip.sdp());
	ok(status(await web) === 200, 'browser_does_not_notice_the_glare');
	ack(s.alice, call);
	await ack_of(s.sip, leg);

	const late = offer_again(s.sip, leg, s.sip.sdp());
	answer_to(s.alice, await in_call(s.alice, 'INVITE', call), 491);
	const passed = await late;
	ok(status(passed) === 491, 'glare_of_the_phone_is_its_own',
		status(passed));
	s.sip.flow.send(s.sip.ack_refusal(passed));
	await hang_up(s, { call, leg });
});

test('cancelled_reinvite', async (s) => {
	const { call, leg } = await call_out(s);

	for (const [user, from, other, to] of [[s.alice, call, s.sip, leg],
		[s.sip, leg, s.alice, call]]) {
		const body = user === s.sip ? s.sip.sdp() : offer_sdp();
		const done = offer_again(user, from, body);
		const m = await in_call(other, 'INVITE', to);

		other.flow.send(response(m, 100, 'Trying'));
		other.flow.send(response(m, 180, 'Ringing',
			{ headers: [contact(other)] }));
		from.cancel();
		const cancel = await other.flow.expect((r) =>
			r.method === 'CANCEL', MS);
		other.flow.send(response(cancel, 200, 'OK'));
		answer_to(other, m, 487);
		const final = await done;
		ok(cancel && status(final) === 487,
			`cancel_of_a_reinvite_passes_from_${user.user}`);
		user.flow.send(user.ack_refusal(final));
	}
	await hang_up(s, { call, leg });
});

/* ---- UPDATE --------------------------------------------------------------- */

test('update', async (s) => {
	const { call, leg } = await call_out(s);
	const empty = await offer_again(s.sip, leg, '', 'UPDATE');

	ok(status(empty) === 200, 'update_without_sdp_is_answered');
	/* This browser's client has not said that it knows UPDATE. */
	let done = offer_again(s.sip, leg, s.sip.sdp({ formats: '8', lines: [] }),
		'UPDATE');
	let m = await in_call(s.alice, 'INVITE', call);
	ok(m, 'update_is_a_reinvite_for_who_does_not_know_it');
	answer_to(s.alice, m, 200, answer_sdp(m.body),
		['Allow: INVITE, ACK, BYE, CANCEL, UPDATE']);
	let final = await done;
	ok(status(final) === 200 && /RTP\/AVP 8\r/.test(final.body),
		'update_of_the_phone_is_answered', final && final.text);
	ok(await ack_of(s.alice, call), 'reinvite_of_an_update_is_acknowledged');

	done = offer_again(s.sip, leg, s.sip.sdp(), 'UPDATE');
	m = await in_call(s.alice, 'UPDATE', call);
	ok(m && names(m.body).startsWith('PCMU'), 'update_passes_to_the_browser');
	answer_to(s.alice, m, 200, answer_sdp(m.body));
	ok(status(await done) === 200, 'update_passes_through');

	done = offer_again(s.alice, call, offer_sdp().replace('a=sendrecv',
		'a=sendonly'), 'UPDATE');
	m = await s.sip.flow.expect((r) => r.get('Call-ID') === leg.call_id &&
		['INVITE', 'UPDATE'].includes(r.method), MS);
	ok(m && direction(m.body) === 'sendonly',
		'update_of_the_browser_reaches_the_phone', m && m.text);
	answer_to(s.sip, m, 200, s.sip.sdp({ more: ['a=recvonly'] }));
	final = await done;
	ok(status(final) === 200 && direction(final.body) === 'recvonly',
		'update_of_the_browser_is_answered', final && final.text);
	if (m.method === 'INVITE')
		await ack_of(s.sip, leg);
	await hang_up(s, { call, leg });
});

/* ---- what is not by the RFC, and what a browser demands ----------------------- */

test('hold_of_the_same_version', async (s) => {
	const { call, leg } = await call_out(s);
	const body = s.sip.sdp();
	let done = offer_again(s.sip, leg, body);

	answer_to(s.alice, await in_call(s.alice, 'INVITE', call), 200,
		answer_sdp(body));
	await done;
	ack(s.sip, leg);
	await ack_of(s.alice, call);
	done = offer_again(s.sip, leg, `${body}a=sendonly\r\n`);
	const m = await in_call(s.alice, 'INVITE', call);
	ok(m && direction(m.body) === 'sendonly',
		'hold_without_a_new_version_passes', m && m.text);
	if (m)
		answer_to(s.alice, m, 200, answer_sdp(m.body));
	await done;
	ack(s.sip, leg);
	await hang_up(s, { call, leg });
});

/* RFC 8829 5.2.2: it takes no offer with fewer m-lines than it has. */
test('place_of_a_data_channel', async (s) => {
	const { call, leg } = await call_out(s, { body: offer_sdp() +
		'm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n' +
		'c=IN IP4 0.0.0.0\r\na=mid:1\r\n' });
	const done = offer_again(s.sip, leg, s.sip.sdp());
	const m = await in_call(s.alice, 'INVITE', call);

	ok(m && m.body.endsWith('m=application 0 UDP/DTLS/SCTP ' +
		'webrtc-datachannel\r\na=mid:1\r\n'),
		'place_of_a_data_channel_is_kept', m && m.text);
	answer_to(s.alice, m, 200, answer_sdp(m.body));
	ok(status(await done) === 200, 'answer_to_it_is_taken');
	ack(s.sip, leg);
	await ack_of(s.alice, call);
	await hang_up(s, { call, leg });
});

/* ---- before the answer ------------------------------------------------------ */

test('media_early_forks', async (s) => {
	const web = await WebMedia.open('203.0.113.77');
	const call = s.alice.dial('2001', { body: web.offer(offer_sdp()),
		ms: 3 * MS });
	const leg = await s.sip.incoming(MS);
	const second = await s.sip.remote.open('198.51.100.21');
	const branches = [token(4), token(4)];
	const say = (code, phrase, branch, body) => leg.respond(code, phrase, {
		to_tag: branches[branch], body, headers: [contact(s.sip)] });

	s.closing.push(() => web.close());
	say(183, 'Session Progress', 0, s.sip.sdp());
	const early = await provisional(s.alice, call, 183);
	ok(early && /^a=ice-ufrag:/m.test(early.body),
		'early_description_reaches_the_browser', early && early.text);
	await secure(web, early.body);
	ok(await to_web(s, web, leg.invite.body) && await to_sip(s, web),
		'early_media_of_the_first_branch');

	say(180, 'Ringing', 0);
	const ringing = await provisional(s.alice, call, 180);
	ok(ringing && tag_of(ringing.get('To')) === tag_of(early.get('To')) &&
		await to_web(s, web, leg.invite.body),
		'ringing_after_progress_changes_nothing');

	say(183, 'Session Progress', 1, s.sip.sdp({ media: second }));
	const other = await provisional(s.alice, call, 183);
	ok(other && tag_of(other.get('To')) === tag_of(early.get('To')) &&
		other.body.replace(/^o=.*$/m, '') ===
		early.body.replace(/^o=.*$/m, ''),
		'branches_are_one_dialog_for_the_browser');
	ok(await to_sip(s, web, flows, 0, second) &&
		await to_web(s, web, leg.invite.body, flows, 0, second),
		'early_media_of_the_second_branch');

	/* The first one answers, without saying it again. */
	leg.local_tag = branches[0];
	say(200, 'OK', 0);
	await call.done;
	ok(status(call.final) === 200 && /^m=audio [1-9]/m.test(call.final.body),
		'answering_branch_wins', call.final && call.final.text);
	const acked = await ack_of(s.sip, leg);
	ok(acked && tag_of(acked.get('To')) === branches[0],
		'answering_branch_is_acknowledged');
	ok(await to_sip(s, web) && await to_web(s, web, leg.invite.body),
		'media_is_the_answering_branchs');
	await hang_up(s, { call, leg });
});

test('reliable_sip', async (s) => {
	const call = s.alice.dial('2001', { ms: 3 * MS });
	const leg = await s.sip.incoming(MS);
	const rseq = (n) => ['Require: 100rel', `RSeq: ${n}`, contact(s.sip)];
	const prack = () => in_call(s.sip, 'PRACK', leg);

	ok(/100rel/.test(leg.invite.all('Supported').join()),
		'reliability_is_offered_to_the_phone', leg.invite.text);
	leg.respond(183, 'Session Progress', { body: s.sip.sdp(OPUS),
		headers: rseq(700) });
	let m = await prack();
	ok(m && m.get('RAck') === `700 ${leg.invite.cseq} INVITE`,
		'reliable_response_is_acknowledged', m && m.text);
	answer_to(s.sip, m, 200);
	const early = await provisional(s.alice, call, 183);
	ok(early && early.body && !early.get('RSeq') && !early.get('Require'),
		'reliability_is_of_one_leg', early && early.text);

	/* Out of order: not acknowledged; in order: it is. */
	leg.respond(180, 'Ringing', { headers: rseq(702) });
	leg.respond(180, 'Ringing', { headers: rseq(701) });
	m = await prack();
	ok(m && /^701 /.test(m.get('RAck')), 'reliable_responses_come_in_order',
		m && m.text);
	answer_to(s.sip, m, 200);
	ok(await provisional(s.alice, call, 180), 'reliable_ringing_passes');

	/* What was agreed may be changed before the answer. */
	const update = await offer_again(s.sip, leg, s.sip.sdp({ formats: '8',
		lines: [] }), 'UPDATE');
	ok(status(update) === 200 && /RTP\/AVP 8\r/.test(update.body),
		'update_before_the_answer_is_answered', update && update.text);
	leg.respond(200, 'OK', { headers: [contact(s.sip)] });
	await call.done;
	ok(status(call.final) === 200 && call.final.body,
		'answer_without_sdp_has_one_for_the_browser');
	await ack_of(s.sip, leg);
	/* The browser was told opus, the phone takes PCMA by now. */
	m = await in_call(s.alice, 'INVITE', call);
	ok(m && /^PCMA/.test(names(m.body)), 'browser_is_told_of_the_early_change',
		m && m.text);
	answer_to(s.alice, m, 200, answer_sdp(m.body));
	await ack_of(s.alice, call);
	await hang_up(s, { call, leg });
});

test('reliable_web', async (s) => {
	const leg = s.sip.dial('alice', { body: s.sip.sdp(), ms: 3 * MS,
		headers: ['Require: 100rel'] });
	const call = await s.alice.incoming(MS);

	ok(!/100rel/.test(call.invite.text), 'browser_hears_nothing_of_100rel');
	call.ring();
	const ringing = await provisional(s.sip, leg, 180);
	const rseq = Number(ringing.get('RSeq'));
	ok(rseq && /100rel/.test(ringing.get('Require')),
		'required_reliability_is_given', ringing.text);
	leg.established(ringing, 'response');
	const invite_cseq = leg.cseq;
	const prack = (rack) => s.sip.transact(leg.request('PRACK',
		{ headers: [`RAck: ${rack}`] }), MS);

	ok(await busywait(10, () => s.sip.flow.seen.get(ringing.text) > 1),
		'reliable_response_is_repeated');
	ok(status(await prack(`${rseq + 5} ${invite_cseq} INVITE`)) === 481,
		'prack_of_nothing_is_refused');
	ok(status(await prack(`${rseq} ${invite_cseq} INVITE`)) === 200,
		'prack_is_answered');
	const early = await s.sip.transact(leg.request('UPDATE',
		{ body: s.sip.sdp(), headers: [contact(s.sip)] }), MS);
	ok(status(early) === 500 && early.get('Retry-After'),
		'offer_before_the_answer_has_to_wait', early && early.text);
	call.respond(200, 'OK', { body: answer_sdp(call.invite.body),
		headers: [contact(s.alice)] });
	await leg.done;
	ok(status(leg.final) === 200 && leg.final.body,
		'answer_after_reliable_ringing_passes');
	await ack_of(s.alice, call);
	leg.cseq = invite_cseq + 10;
	await hang_up(s, { call, leg });
});

test('reliable_offerless', async (s) => {
	const leg = s.sip.dial('alice', { body: '', ms: 3 * MS,
		headers: ['Require: 100rel'] });
	const call = await s.alice.incoming(MS);

	call.ring();
	const ringing = await provisional(s.sip, leg, 180);
	ok(ringing && names(ringing.body).startsWith('opus'),
		'first_reliable_response_has_the_offer', ringing && ringing.text);
	leg.established(ringing, 'response');
	const rack = `${ringing.get('RSeq')} ${leg.cseq} INVITE`;

	/* The browser answers before the PRACK: its 200 waits. */
	call.respond(200, 'OK', { body: answer_sdp(call.invite.body),
		headers: [contact(s.alice)] });
	ok(await ack_of(s.alice, call), 'browser_does_not_wait_for_the_prack');
	const invite_cseq = leg.cseq;
	const prack = await s.sip.transact(leg.request('PRACK', {
		headers: [`RAck: ${rack}`],
		body: s.sip.sdp({ formats: '8', lines: [] }) }), MS);
	ok(status(prack) === 200, 'answer_in_the_prack_is_taken');
	leg.cseq = invite_cseq;
	await leg.done;
	ok(status(leg.final) === 200 && !leg.final.body,
		'answer_follows_the_prack', leg.final && leg.final.text);
	leg.cseq = invite_cseq + 10;
	/* The browser answered with opus, the phone with PCMA. */
	const m = await in_call(s.alice, 'INVITE', call);
	ok(m && /^PCMA/.test(names(m.body)), 'browser_follows_the_prack',
		m && m.text);
	answer_to(s.alice, m, 200, answer_sdp(m.body));
	await ack_of(s.alice, call);
	await hang_up(s, { call, leg });
});

/* ---- ICE, and addresses ------------------------------------------------------- */

/* As after a change of network: another port, the same keys. */
async function move(web)
{
	await web.udp.close();
	web.udp = await open_udp(web.address);
	web.port = web.udp.port;
	web.udp.socket.on('message', (d) => {
		const type = d[1] & 0x7f;

		if (d[0] >> 6 === 2 && (type < 64 || type > 95))
			web.hear(d, web.rx.unprotect(d));
	});
}

test('media_ice', async (s) => {
	const { web, call, leg, body } = await media_call(s);
	const first = web.remote_ufrag;

	ok(await to_sip(s, web) && await to_web(s, web, leg.invite.body),
		'media_flows_before_the_change');
	await move(web);
	ok(await web.check() && await to_web(s, web, leg.invite.body) &&
		await to_sip(s, web), 'media_follows_the_browsers_address');

	/* The restart; the association is kept. */
	const restarted = anew(body)
		.replace(/a=ice-ufrag:.*/, 'a=ice-ufrag:neXt')
		.replace(/a=ice-pwd:.*/, `a=ice-pwd:${token(12)}`);
	const done = offer_again(s.alice, call, restarted);
	ok(await to_sip(s, web), 'media_flows_during_the_restart');
	const m = await in_call(s.sip, 'INVITE', leg);
	answer_to(s.sip, m, 200, s.sip.sdp());
	const final = await done;
	ack(s.alice, call);
	await ack_of(s.sip, leg);
	const old_name = web.username, old_password = web.password;
	web.ufrag = 'neXt';
	web.answered(final.body);
	ok(web.remote_ufrag !== first && web.password !== old_password &&
		/^a=setup:passive/m.test(final.body),
		'restart_is_answered_with_new_credentials', final.body);
	const { username, password } = web;
	Object.assign(web, { username: old_name, password: old_password });
	ok(await web.check() && await to_sip(s, web),
		'old_credentials_still_count');
	Object.assign(web, { username, password });
	await move(web);
	ok(await web.check(), 'new_credentials_count');
	ok(await to_web(s, web, leg.invite.body) && await to_sip(s, web) &&
		!web.forged, 'keys_outlive_the_restart');
	await hang_up(s, { call, leg });
});

/* ---- changes by the SIP side --------------------------------------------------- */

/* A re-INVITE of the phone; the gateway's answer to it. */
async function change(s, { call, leg, web }, body)
{
	const done = offer_again(s.sip, leg, body);
	const m = await in_call(s.alice, 'INVITE', call);

	if (!m)
		throw new Error('no re-INVITE');
	answer_to(s.alice, m, 200, web.offer(mirror(m.body)));
	const final = await done;
	ack(s.sip, leg);
	await ack_of(s.alice, call);
	return { offer: m.body, answer: final.body };
}

/* answer_sdp() with the direction turned round, and all m-lines. */
function mirror(offer)
{
	const turned = { sendonly: 'recvonly', recvonly: 'sendonly' };
	const d = direction(offer);

	return answer_sdp(offer).replace('a=sendrecv', `a=${turned[d] || d}`);
}

test('media_changes', async (s) => {
	const m = await media_call(s);
	const second = await s.sip.remote.open('198.51.100.21');
	const { web, leg } = m;
	const gateway = leg.invite.body;
	const web_pt = (text) => Number(/^m=audio \d+ \S+ (\d+)/m.exec(text)[1]);

	let x = await change(s, m, s.sip.sdp({ formats: '97 8',
		lines: ['a=rtpmap:97 PCMA/8000'] }));
	ok(await to_sip(s, web, flows, web_pt(x.offer)) &&
		(s.sip.media.received.at(-1).data[1] & 0x7f) === 97 &&
		await to_web(s, web, gateway, flows, 97) &&
		web.heard.at(-1).pt === web_pt(x.offer),
		'codec_and_payload_type_change', x.offer, x.answer);

	x = await change(s, m, s.sip.sdp({ media: second }));
	ok(await to_sip(s, web, flows, 0, second) &&
		await to_web(s, web, gateway, flows, 0, second),
		'address_and_port_change');
	ok(await to_web(s, web, gateway, is_silent, 0, s.sip.media),
		'old_address_is_not_heard');

	x = await change(s, m, s.sip.sdp({ media: second,
		more: ['a=sendonly'] }));
	ok(direction(x.offer) === 'sendonly' &&
		direction(x.answer) === 'recvonly' &&
		await to_sip(s, web, is_silent, 0, second) &&
		await to_web(s, web, gateway, flows, 0, second),
		'hold_by_sendonly', x.answer);
	x = await change(s, m, s.sip.sdp({ media: second }));
	ok(await to_sip(s, web, flows, 0, second), 'resume_by_sendrecv');
	x = await change(s, m, s.sip.sdp({ media: second,
		more: ['a=inactive'] }));
	ok(direction(x.answer) === 'inactive' &&
		await to_sip(s, web, is_silent, 0, second) &&
		await to_web(s, web, gateway, is_silent, 0, second),
		'hold_by_inactive', x.answer);
	x = await change(s, m, s.sip.sdp({ media: s.sip.media }));
	ok(await to_sip(s, web) && await to_web(s, web, gateway),
		'resume_at_another_address');
	x = await change(s, m, s.sip.sdp({ address: '0.0.0.0' }));
	ok(await to_sip(s, web, is_silent), 'hold_by_no_address', x.offer);
	x = await change(s, m, s.sip.sdp());
	ok(await to_sip(s, web) && await to_web(s, web, gateway),
		'resume_from_no_address');
	await hang_up(s, m);
});

/* An offer of the browser with a video line, port 0 once it is dropped. */
function with_video(offer, port)
{
	const video = offer.slice(offer.indexOf('m=audio')).split('\r\n')
		.filter((l) => !/^a=(rtpmap|fmtp|ssrc)/.test(l)).join('\r\n')
		.replace(/^m=audio.*$/m, `m=video ${port} UDP/TLS/RTP/SAVPF 100`)
		.replace('a=mid:0', 'a=mid:1\r\na=rtpmap:100 VP8/90000');

	return (port ? offer.replace('BUNDLE 0', 'BUNDLE 0 1') : offer) + video;
}

test('media_video', async (s) => {
	const { web, call, leg, body } = await media_call(s);
	const picture = await s.sip.remote.open();
	const again = async (offer, lines) => {
		const done = offer_again(s.alice, call, anew(offer));
		const m = await in_call(s.sip, 'INVITE', leg);

		answer_to(s.sip, m, 200, s.sip.sdp({ more: lines }));
		const final = await done;
		ack(s.alice, call);
		await ack_of(s.sip, leg);
		return { offer: m.body, answer: final.body };
	};

	let x = await again(with_video(body, 9), [
		`m=video ${picture.port} RTP/AVP 98`, 'a=rtpmap:98 VP8/90000']);
	ok(/^m=video [1-9]\d* RTP\/AVP 100/m.test(x.offer) &&
		/^m=video [1-9]\d* UDP\/TLS\/RTP\/SAVPF 100/m.test(x.answer),
		'video_is_added', x.offer, x.answer);
	/* Each m-line has a source of its own. */
	const video = () => {
		web.ssrc ^= 1;
		web.send_rtp(100);
		web.ssrc ^= 1;
	};
	ok(await flows(video, () => picture.received.length) &&
		(picture.received.at(-1).data[1] & 0x7f) === 98 &&
		await flows(() => s.sip.send_rtp(x.offer, 100, { media: picture,
			kind: 'video' }), () => web.echoes),
		'video_flows_both_ways');
	ok(await to_sip(s, web) && await to_web(s, web, leg.invite.body),
		'audio_stays_with_video');
	x = await again(with_video(body, 0), ['m=video 0 RTP/AVP 98']);
	ok(/^m=video 0 /m.test(x.offer) && /^m=video 0 /m.test(x.answer),
		'video_is_dropped', x.offer, x.answer);
	ok(await to_sip(s, web) && await to_web(s, web, leg.invite.body),
		'audio_stays_without_video');
	await hang_up(s, { call, leg });
});

/* ---- the run ---------------------------------------------------------------- */

async function main()
{
	const alice = new User(await connect(), { user: 'alice' });
	const sip = await Party.open();

	if (status(await alice.register()) !== 200)
		throw new Error('not registered');
	const rc = await run_all({
		before: (name) => ({ name, alice, sip, closing: [] }),
		after: async (s) => {
			for (const close of s ? s.closing : [])
				await close().catch(() => {});
			alice.flow.inbox = [];
			sip.flow.inbox = [];
		},
	});
	await sip.close();
	process.exit(rc);
}

main();
