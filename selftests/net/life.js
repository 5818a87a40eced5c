// SPDX-License-Identifier: Apache-2.0
/* See life.sh. Run in namespace web; call.session_min is 2 s. */
'use strict';
const { busywait, ok, run_all, test } = require('../browser/tap.js');
const { MS, ack, ack_of, answer_to, call_in, call_out, contact, direction,
	ended, hang_up, in_call, names, offline, online, provisional, status,
	typed } =
	require('./incall.js');
const { ask_from, calls, registrations } = require('./lab.js');
const { Party } = require('./party.js');
const { WebMedia } = require('./webmedia.js');
const { DOMAIN, answer_sdp, offer_sdp, response, tag_of, token, uri_of } =
	require('./wsclient.js');

const PBX = '198.51.100.10';
const ufrag = (m) => /^a=ice-ufrag:(\S+)/m.exec(m.body)[1];
const of_call = (call) => (m) => m.get('Call-ID') === call.call_id;
/* Those of the case: not the one that lost_ack() waits for. */
const no_calls = (seconds = 8) => busywait(seconds, async () =>
	(await calls()).every((c) => /sip:bob@/.test(c.to)));

/* ---- forks ---------------------------------------------------------------- */

test('fork_to_browsers', async (s) => {
	const second = await online('alice');
	const leg = s.sip.dial('alice', { body: s.sip.sdp(), ms: MS });
	const [a, b] = await Promise.all([s.alice.incoming(MS),
		second.incoming(MS)]);

	ok(a && b, 'invite_rings_each_browser_of_the_user');
	ok(ufrag(a.invite) !== ufrag(b.invite) && a.call_id !== b.call_id &&
		a.invite.get('From') !== b.invite.get('From'),
		'each_browser_has_its_own_media_and_dialog');
	a.ring();
	const first = await provisional(s.sip, leg, 180);
	b.ring();
	const other = await provisional(s.sip, leg, 180);
	ok(first && other && tag_of(first.get('To')) !== tag_of(other.get('To')),
		'each_browser_is_an_early_dialog_for_the_pbx');
	b.respond(200, 'OK', { body: answer_sdp(b.invite.body),
		headers: [contact(second)] });
	await leg.done;
	ok(status(leg.final) === 200 &&
		tag_of(leg.final.get('To')) === tag_of(other.get('To')),
		'first_browser_to_answer_wins');
	ok(await ack_of(second, b), 'winner_is_acknowledged');
	const cancel = await a.cancelled(MS);
	ok(cancel && /^SIP\s*;\s*cause\s*=\s*200/.test(cancel.get('Reason')),
		'loser_is_cancelled_with_the_reason', cancel && cancel.text);
	ok(await s.alice.flow.expect((m) => m.method === 'ACK' &&
		of_call(a)(m), MS), 'losers_487_is_acknowledged');
	ok(await busywait(5, async () => (await calls()).filter(
		(c) => !/sip:bob@/.test(c.to)).length === 1),
		'losers_call_is_gone');
	const gone = ended(second, b);
	ok(status(await leg.bye()) === 200 && await gone,
		'winners_call_hangs_up');
	await offline(second);
});

/* The last to answer loses: its 200 is on its way when CANCEL comes. */
test('fork_both_answer', async (s) => {
	const second = await online('alice');
	const leg = s.sip.dial('alice', { body: s.sip.sdp(), ms: MS });
	const [a, b] = await Promise.all([s.alice.incoming(MS),
		second.incoming(MS)]);

	/* Without it CANCEL would wait for a provisional response. */
	b.ring();
	await provisional(s.sip, leg, 180);
	a.respond(200, 'OK', { body: answer_sdp(a.invite.body),
		headers: [contact(s.alice)] });
	ok(await ack_of(s.alice, a), 'first_of_two_answers_is_acknowledged');
	/* Seen first, or a slow PBX would pass both answers to the phone. */
	const cancel = await second.flow.expect((m) => m.method === 'CANCEL' &&
		of_call(b)(m), MS);
	b.respond(200, 'OK', { body: answer_sdp(b.invite.body),
		headers: [contact(second)] });
	if (cancel)
		second.flow.send(response(cancel, 200, 'OK'));
	ok(cancel && await ack_of(second, b) && await ended(second, b),
		'second_of_two_answers_is_acknowledged_and_hung_up');
	await leg.done;
	const gone = ended(s.alice, a);
	ok(status(await leg.bye()) === 200 && await gone,
		'first_of_two_answers_is_the_call');
	await offline(second);
});

test('double_200', async (s) => {
	const call = s.alice.dial('2001', { ms: MS });
	const leg = await s.sip.incoming(MS);
	const say = (tag, code) => leg.respond(code, 'OK', { to_tag: tag,
		body: s.sip.sdp(), headers: [contact(s.sip)] });
	const to = (method, tag) => s.sip.flow.expect((m) =>
		m.method === method && of_call(leg)(m) &&
		tag_of(m.get('To')) === tag, MS);
	const other = token(4);

	say(leg.local_tag, 200);
	await call.done;
	ok(await to('ACK', leg.local_tag), 'first_200_of_a_fork_is_acknowledged');
	say(other, 200);
	const ack = await to('ACK', other), bye = await to('BYE', other);
	ok(ack && ack.cseq === leg.invite.cseq,
		'second_200_of_a_fork_is_acknowledged');
	ok(bye && bye.cseq > leg.invite.cseq,
		'second_200_of_a_fork_is_hung_up');
	s.sip.flow.send(response(bye, 200, 'OK'));
	ok(!s.alice.flow.inbox.some((m) => m.status >= 200 || m.method),
		'browser_sees_one_answer');

	/* Repeated, because its ACK was lost. */
	s.sip.flow.send(response(leg.invite, 200, 'OK', {
		to_tag: leg.local_tag, headers: [contact(s.sip)] }));
	const again = await to('ACK', leg.local_tag);
	ok(again && again.cseq === leg.invite.cseq &&
		again.all('Via').length === 2,
		'repeated_200_is_acknowledged_again', again && again.text);
	await hang_up(s, { call, leg });
});

test('fork_early_requests', async (s) => {
	const call = s.alice.dial('2001', { ms: 3 * MS });
	const leg = await s.sip.incoming(MS);
	const tags = [token(4), token(4)];
	const say = (code, phrase, i, more = []) => leg.respond(code, phrase, {
		to_tag: tags[i], body: s.sip.sdp(),
		headers: [contact(s.sip), ...more] });
	const update = async (i) => {
		leg.local_tag = tags[i];
		return s.sip.transact(leg.request('UPDATE', { body: s.sip.sdp(),
			headers: [contact(s.sip)] }), MS);
	};

	for (const i of [0, 1]) {
		say(183, 'Session Progress', i, ['Require: 100rel', 'RSeq: 9']);
		const m = await in_call(s.sip, 'PRACK', leg);
		ok(m && tag_of(m.get('To')) === tags[i],
			`early_dialog_${i}_has_its_prack`);
		s.sip.flow.send(response(m, 200, 'OK'));
	}
	ok(status(await update(0)) === 200,
		'update_of_an_earlier_branch_is_answered');
	leg.cseq = 0;
	ok(status(await update(1)) === 200,
		'update_of_the_later_branch_is_answered');
	leg.local_tag = tags[0];
	leg.respond(200, 'OK', { headers: [contact(s.sip)] });
	await call.done;
	ok(status(call.final) === 200 && await ack_of(s.sip, leg),
		'branch_answers_after_its_update');
	await hang_up(s, { call, leg });
});

/* RFC 3261 8.2.2.2: the same request by two ways. */
test('merged', async (s) => {
	const [{ alias }] = await registrations('alice');
	const sdp = s.sip.sdp(), call_id = token();
	const whole = (branch) => [`INVITE sip:${alias}@198.51.100.1 SIP/2.0`,
		`Via: SIP/2.0/UDP ${PBX}:$PORT;branch=z9hG4bK${branch}`,
		'Max-Forwards: 70', `From: <sip:2000@${DOMAIN}>;tag=merged`,
		`To: <sip:alice@${DOMAIN}>`, `Call-ID: ${call_id}`,
		'CSeq: 1 INVITE', `Contact: <sip:2000@${PBX}>`,
		'Content-Type: application/sdp',
		`Content-Length: ${sdp.length}`, '', sdp].join('\r\n');
	const first = ask_from(PBX, whole('one'), 2 * MS);
	const call = await s.alice.incoming(MS);
	const second = await ask_from(PBX, whole('two'), MS);

	ok(call && status(second.at(-1)) === 482, 'merged_request_gets_482',
		second.map((m) => m.start).join(' '));
	call.respond(486, 'Busy Here');
	const answer = (await first).at(-1);
	ok(status(answer) === 486, 'merged_requests_first_way_goes_on',
		answer && answer.text);
});

/* ---- offers at odd places --------------------------------------------------- */

test('offerless_from_browser', async (s) => {
	const call = s.alice.dial('2001', { body: '', ms: MS, ack: false });
	const leg = await s.sip.incoming(MS);

	ok(/^m=audio \d+ RTP\/AVP/m.test(leg.invite.body) &&
		/PCMU/.test(names(leg.invite.body)),
		'offerless_invite_of_a_browser_brings_an_offer', leg.invite.text);
	leg.respond(200, 'OK', { body: s.sip.sdp(), headers: [contact(s.sip)] });
	await call.done;
	ok(status(call.final) === 200 && /SAVPF/.test(call.final.body) &&
		/^a=setup:actpass/m.test(call.final.body),
		'its_answer_is_an_offer_for_the_browser', call.final.text);
	ack(s.alice, call, answer_sdp(call.final.body));
	ok(await ack_of(s.sip, leg), 'offerless_call_is_acknowledged');
	await hang_up(s, { call, leg });
});

/* The caller changes its mind in the PRACK, and again before the answer. */
test('offer_in_prack', async (s) => {
	const leg = s.sip.dial('alice', { body: s.sip.sdp(), ms: 3 * MS,
		headers: ['Require: 100rel'] });
	const call = await s.alice.incoming(MS);

	call.respond(183, 'Session Progress', { headers: [contact(s.alice)],
		body: answer_sdp(call.invite.body) });
	const early = await provisional(s.sip, leg, 183);
	leg.established(early, 'response');
	const invite_cseq = leg.cseq;
	const asks = (method, headers, lines) => s.sip.transact(leg.request(
		method, { headers: [contact(s.sip), ...headers],
			body: s.sip.sdp({ formats: '0', lines }) }), MS);
	const prack = await asks('PRACK', [`RAck: ${early.get('RSeq')} ` +
		`${invite_cseq} INVITE`], []);
	ok(status(prack) === 200 && names(prack.body) === 'PCMU',
		'offer_in_a_prack_is_answered', prack && prack.text);
	const update = await asks('UPDATE', [], ['a=sendonly']);
	ok(status(update) === 200 && direction(update.body) === 'recvonly',
		'offer_of_the_caller_before_the_answer_is_answered',
		update && update.text);
	call.established(call.invite, 'request');
	const other = await s.alice.transact(call.request('UPDATE', {
		body: offer_sdp(), headers: [contact(s.alice)] }), MS);
	ok(status(other) === 491, 'offer_of_the_browser_before_it_agreed_gets_491',
		status(other));
	call.respond(200, 'OK', { headers: [contact(s.alice)],
		body: answer_sdp(call.invite.body) });
	await leg.done;
	ok(status(leg.final) === 200 && !leg.final.body,
		'answer_after_the_prack_has_no_sdp', leg.final && leg.final.text);
	await ack_of(s.alice, call);
	leg.cseq = invite_cseq + 10;
	await hang_up(s, { call, leg });
});

/* RFC 5621: a trunk that sends ISUP along. */
test('multipart', async (s) => {
	const rings = async (disposition) => {
		const text = typed(s.sip.request('INVITE', `sip:alice@${DOMAIN}`, {
			headers: [contact(s.sip)], body: '-' }),
		'multipart/mixed; boundary="cut-1"', ['--cut-1',
			'Content-Type: application/isup;version=itu-t92+',
			`Content-Disposition: signal;handling=${disposition}`, '',
			'\x01\x00', '--cut-1', 'Content-Type: application/sdp', '',
			`${s.sip.sdp()}--cut-1--`, ''].join('\r\n'));

		s.sip.last_uri = `sip:alice@${DOMAIN}`;
		return s.sip.transact(text, MS);
	};
	let done = rings('optional');
	const call = await s.alice.incoming(MS);

	ok(call && call.invite.get('Content-Type') === 'application/sdp' &&
		names(call.invite.body).startsWith('PCMU') &&
		!/isup/.test(call.invite.text),
		'description_is_found_among_other_parts',
		call && call.invite.text);
	call.respond(486, 'Busy Here');
	let final = await done;
	s.sip.flow.send(s.sip.ack_refusal(final));
	ok(status(final) === 486, 'invite_of_several_parts_goes_through');
	done = rings('required');
	final = await done;
	s.sip.flow.send(s.sip.ack_refusal(final));
	ok(status(final) === 415, 'part_that_must_be_understood_gets_415',
		status(final));
});

/* ---- redirection ------------------------------------------------------------ */

test('redirection', async (s) => {
	const call = s.alice.dial('2001', { ms: MS });
	const leg = await s.sip.incoming(MS);

	leg.respond(302, 'Moved Temporarily', { headers: [
		'Contact: <sip:one@example.com>;q=0.9, <sip:two@example.com>',
		'Diversion: <sip:2001@example.com>;reason=unconditional'] });
	await call.done;
	const m = call.final;
	ok(status(m) === 302 && /<sip:one@example.com>;q=0.9/.test(m.text) &&
		/<sip:two@example.com>/.test(m.text) &&
		/unconditional/.test(m.get('Diversion')),
		'redirection_passes_to_the_browser', m && m.text);

	const back = s.sip.dial('alice', { body: s.sip.sdp(), ms: MS });
	const ringing = await s.alice.incoming(MS);
	ringing.respond(302, 'Moved Temporarily', { headers: [
		`Contact: <sip:1004@${DOMAIN}>`] });
	await back.done;
	ok(status(back.final) === 302 &&
		uri_of(back.final.get('Contact')) === `sip:1004@${DOMAIN}`,
		'redirection_passes_to_the_pbx', back.final && back.final.text);
	ok(await no_calls(), 'redirected_calls_are_gone');
});

/* ---- races ------------------------------------------------------------------- */

test('late_200_of_phone', async (s) => {
	const call = s.alice.dial('2001', { ms: MS });
	const leg = await s.sip.incoming(MS);

	leg.ring();
	await provisional(s.alice, call, 180);
	call.cancel();
	const cancel = await s.sip.flow.expect((m) => m.method === 'CANCEL', MS);
	ok(cancel, 'cancel_of_the_browser_reaches_the_phone');
	s.sip.flow.send(response(cancel, 200, 'OK'));
	leg.respond(200, 'OK', { body: s.sip.sdp(), headers: [contact(s.sip)] });
	ok(await ack_of(s.sip, leg) && await ended(s.sip, leg),
		'late_200_of_the_phone_is_acknowledged_and_hung_up');
	await call.done;
	ok(status(call.final) === 487, 'cancelled_call_of_the_browser_gets_487',
		status(call.final));
	ok(await no_calls(), 'call_after_late_200_of_the_phone_is_gone');
});

test('late_200_of_browser', async (s) => {
	const leg = s.sip.dial('alice', { body: s.sip.sdp(), ms: MS });
	const call = await s.alice.incoming(MS);

	call.ring();
	await provisional(s.sip, leg, 180);
	leg.cancel();
	const cancel = await s.alice.flow.expect((m) => m.method === 'CANCEL',
		MS);
	ok(cancel, 'cancel_of_the_phone_reaches_the_browser');
	s.alice.flow.send(response(cancel, 200, 'OK'));
	call.respond(200, 'OK', { body: answer_sdp(call.invite.body),
		headers: [contact(s.alice)] });
	ok(await ack_of(s.alice, call) && await ended(s.alice, call),
		'late_200_of_the_browser_is_acknowledged_and_hung_up');
	await leg.done;
	ok(status(leg.final) === 487, 'cancelled_call_of_the_phone_gets_487',
		status(leg.final));
	ok(await no_calls(), 'call_after_late_200_of_the_browser_is_gone');
});

test('cancel_too_late', async (s) => {
	const { call, leg } = await call_out(s);

	call.cancel();
	const m = await s.alice.flow.expect((r) => r.status >= 200 &&
		r.cseq_method === 'CANCEL', MS);
	ok([200, 481].includes(status(m)), 'cancel_after_the_200_is_answered');
	await hang_up(s, { call, leg });
});

test('cancel_before_provisional', async (s) => {
	const leg = s.sip.dial('alice', { body: s.sip.sdp(), ms: MS });
	const call = await s.alice.incoming(MS);

	/* RFC 3261 9.1: not before the browser has said anything. */
	leg.cancel();
	await leg.done;
	ok(status(leg.final) === 487 && !s.alice.flow.inbox.length,
		'cancel_waits_for_a_provisional_response');
	call.ring();
	ok(await call.cancelled(MS), 'cancel_follows_the_provisional_response');
	ok(await no_calls(), 'call_cancelled_early_is_gone');
});

test('byes_cross', async (s) => {
	const { call, leg } = await call_out(s);
	const both = Promise.all([call.bye(), leg.bye()]);
	const [a, b] = await both;

	ok([200, 481].includes(status(a)) && [200, 481].includes(status(b)),
		'crossing_byes_are_answered', status(a), status(b));
	for (const [user, one] of [[s.alice, call], [s.sip, leg]]) {
		const m = await in_call(user, 'BYE', one, 200);

		if (m)
			user.flow.send(response(m, 200, 'OK'));
	}
	ok(await no_calls(), 'call_after_crossing_byes_is_gone');
});

/* RFC 3261 15: who called has to acknowledge first. */
test('bye_before_ack', async (s) => {
	const leg = s.sip.dial('alice', { body: s.sip.sdp(), ms: MS, ack: false });
	const call = await s.alice.incoming(MS);

	call.respond(200, 'OK', { body: answer_sdp(call.invite.body),
		headers: [contact(s.alice)] });
	await leg.done;
	await ack_of(s.alice, call);
	ok(status(await call.bye({ headers: ['X-Why: told'] })) === 200,
		'bye_before_the_ack_is_answered');
	ok(!await in_call(s.sip, 'BYE', leg, 300), 'bye_waits_for_the_ack');
	leg.ack();
	const m = await ended(s.sip, leg);
	ok(m && m.get('X-Why') === 'told', 'bye_follows_the_ack', m && m.text);
	ok(await no_calls(), 'call_after_an_early_bye_is_gone');
});

test('bye_with_reason', async (s) => {
	const { call, leg } = await call_out(s);
	const gone = in_call(s.alice, 'BYE', call);
	const bye = leg.bye({ headers: ['Reason: Q.850;cause=16',
		'X-Why: told'] });
	const m = await gone;

	ok(m && m.get('Reason') === 'Q.850;cause=16' && m.get('X-Why') === 'told',
		'bye_passes_with_its_headers', m && m.text);
	s.alice.flow.send(response(m, 200, 'OK'));
	ok(status(await bye) === 200, 'bye_is_answered');
});

test('early_bye', async (s) => {
	const leg = s.sip.dial('alice', { body: s.sip.sdp(), ms: MS });
	const call = await s.alice.incoming(MS);

	call.ring();
	leg.established(await provisional(s.sip, leg, 180), 'response');
	ok(status(await leg.bye()) === 200, 'bye_before_the_answer_is_taken');
	ok(await call.cancelled(MS), 'bye_before_the_answer_cancels');
	await leg.done;
	ok(status(leg.final) === 487, 'bye_before_the_answer_ends_the_invite');
});

/* ---- session timers (RFC 4028) ------------------------------------------------- */

const expires = (m) => parseInt(m.get('Session-Expires') || '0', 10);
const refresher = (m) => (/refresher=(ua[cs])/.exec(
	m.get('Session-Expires') || '') || [])[1];
const UPDATES = 'Allow: INVITE, ACK, BYE, CANCEL, UPDATE';

test('session_422', async (s) => {
	const call = s.alice.dial('2001', { ms: MS });
	const leg = await s.sip.incoming(MS);

	ok(expires(leg.invite) === 1800 && refresher(leg.invite) === 'uac' &&
		leg.invite.get('Min-SE') === '2' &&
		/timer/.test(leg.invite.all('Supported').join()),
		'session_timer_is_asked_for', leg.invite.text);
	leg.respond(422, 'Session Interval Too Small',
		{ headers: ['Min-SE: 3600'] });
	const again = await s.sip.incoming(MS);
	ok(again && again.call_id === leg.call_id &&
		again.invite.cseq === leg.invite.cseq + 1 &&
		expires(again.invite) === 3600 &&
		again.invite.get('Min-SE') === '3600',
		'session_timer_too_small_is_asked_for_anew',
		again && again.invite.text);
	again.respond(200, 'OK', { body: s.sip.sdp(),
		headers: [contact(s.sip), 'Require: timer',
			'Session-Expires: 3600;refresher=uac'] });
	await call.done;
	ok(status(call.final) === 200 && !call.final.get('Session-Expires'),
		'session_timer_is_of_one_leg');
	await ack_of(s.sip, again);
	await hang_up(s, { call, leg: again });

	const small = s.sip.dial('alice', { body: s.sip.sdp(), ms: MS, headers: [
		'Supported: timer', 'Session-Expires: 1'] });
	await small.done;
	ok(status(small.final) === 422 && small.final.get('Min-SE') === '2',
		'session_timer_below_the_minimum_gets_422');
});

test('session_as_uas', async (s) => {
	const asks = async (headers) => {
		const x = await call_in(s, { headers: ['Supported: timer',
			...headers] });
		const gone = ended(s.alice, x.call);

		await x.leg.bye();
		await gone;
		return x.leg.final;
	};

	let m = await asks(['Session-Expires: 600']);
	ok(expires(m) === 600 && refresher(m) === 'uas' &&
		/timer/.test(m.get('Require')),
		'gateway_refreshes_where_it_may_choose', m.text);
	m = await asks(['Session-Expires: 600;refresher=uac']);
	ok(expires(m) === 600 && refresher(m) === 'uac',
		'gateway_leaves_it_to_who_wants_to_refresh', m.text);
	m = await asks(['Session-Expires: 86400']);
	ok(expires(m) === 1800, 'long_session_timer_is_shortened', m.text);
});

test('session_not_refreshed', async (s) => {
	const { call, leg } = await call_out(s, { headers: ['Require: timer',
		'Session-Expires: 3;refresher=uas'] });
	const [a, b] = await Promise.all([ended(s.alice, call),
		ended(s.sip, leg)]);

	ok(a && b && /session timer/.test(a.get('Reason')),
		'session_not_refreshed_by_the_phone_ends', a && a.text);
});

test('session_refreshed', async (s) => {
	const { call, leg } = await call_out(s, { headers: ['Require: timer',
		UPDATES, 'Session-Expires: 3;refresher=uac'] });
	let m = await in_call(s.sip, 'UPDATE', leg);

	ok(m && expires(m) === 3 && refresher(m) === 'uac' && !m.body,
		'session_is_refreshed_by_update', m && m.text);
	/* It no longer takes UPDATE. */
	answer_to(s.sip, m, 501);
	m = await in_call(s.sip, 'INVITE', leg);
	ok(m && m.body && names(m.body) === names(leg.invite.body) &&
		/^o=(.*)$/m.exec(m.body)[1] === /^o=(.*)$/m.exec(
			leg.invite.body)[1],
		'session_is_refreshed_by_the_same_offer', m && m.text);
	answer_to(s.sip, m, 200, s.sip.sdp(), ['Require: timer',
		'Session-Expires: 1800;refresher=uac']);
	ok(await ack_of(s.sip, leg), 'refresh_by_reinvite_is_acknowledged');
	ok(!s.alice.flow.inbox.some((r) => r.method && of_call(call)(r)),
		'browser_sees_nothing_of_the_refresh');
	await hang_up(s, { call, leg });
});

/* The PBX is dead in mid-call: nobody answers. */
test('session_dead', async (s) => {
	const { call } = await call_out(s, { headers: ['Require: timer',
		UPDATES, 'Session-Expires: 3;refresher=uac'] });
	const m = await ended(s.alice, call);

	ok(m && /refresh not answered/.test(m.get('Reason')),
		'session_of_a_dead_phone_ends', m && m.text);
	ok(await no_calls(), 'call_of_a_dead_phone_is_gone');
});

test('session_481', async (s) => {
	const { call, leg } = await call_out(s);
	const info = s.alice.transact(call.request('INFO', { headers: [] }), MS);

	answer_to(s.sip, await in_call(s.sip, 'INFO', leg), 481);
	ok(status(await info) === 481, 'request_in_a_lost_dialog_is_told');
	ok(await ended(s.alice, call), 'lost_dialog_ends_the_call');
	ok(await no_calls() && !await in_call(s.sip, 'BYE', leg, 1),
		'lost_dialog_gets_no_bye');
});

test('session_of_browser', async (s) => {
	const call = s.alice.dial('2001', { ms: MS, headers: [
		'Supported: timer', 'Session-Expires: 3;refresher=uac'] });
	const leg = await s.sip.incoming(MS);

	leg.respond(200, 'OK', { body: s.sip.sdp(), headers: [contact(s.sip)] });
	await call.done;
	await ack_of(s.sip, leg);
	ok(refresher(call.final) === 'uac' && expires(call.final) === 3,
		'browser_may_refresh_its_session', call.final.text);
	const m = await s.alice.transact(call.request('UPDATE', { headers: [
		contact(s.alice), 'Supported: timer',
		'Session-Expires: 3;refresher=uac'] }), MS);
	ok(status(m) === 200 && expires(m) === 3 &&
		!s.sip.flow.inbox.some((r) => of_call(leg)(r)),
		'refresh_of_the_browser_stays_on_its_leg', m && m.text);
	/* From now on it forgets: consent decides, the gateway refreshes. */
	const again = await in_call(s.alice, 'INVITE', call);
	ok(again && refresher(again) === 'uac',
		'browser_that_does_not_refresh_is_refreshed', again && again.text);
	answer_to(s.alice, again, 200, answer_sdp(again.body));
	await ack_of(s.alice, call);
	await hang_up(s, { call, leg });
});

/* ---- lost connections ------------------------------------------------------------ */

/* The same browser on a new connection. */
async function back(user)
{
	const again = await online(user.user, { instance: user.instance });

	again.host = user.host;
	return again;
}

test('websocket_lost', async (s) => {
	const carol = await online('carol');
	const x = await call_out({ ...s, alice: carol });

	await carol.flow.vanish();
	const info = (body) => s.sip.transact(x.leg.request('INFO', { body }),
		MS);
	ok(await busywait(5, async () => status(await info('x')) === 480),
		'request_to_a_browser_without_websocket_gets_480');
	let again = await back(carol);
	const sent = info('y');
	let m = await in_call(again, 'INFO', x.call);
	ok(m, 'call_goes_on_over_the_new_websocket');
	again.flow.send(response(m, 200, 'OK'));
	ok(status(await sent) === 200, 'request_over_the_new_websocket_passes');

	await again.flow.vanish();
	const began = Date.now();
	ok(status(await x.leg.bye({ headers: ['Reason: Q.850;cause=16'] })) ===
		200 && Date.now() - began < 2000,
		'bye_without_websocket_is_answered_at_once');
	ok(await no_calls(), 'call_without_websocket_is_gone_after_bye');
	again = await back(carol);
	m = await ended(again, x.call);
	ok(m && m.get('Reason') === 'Q.850;cause=16',
		'bye_waits_for_the_websocket', m && m.text);

	/* And the browser ends a call from its new connection. */
	const y = await call_out({ ...s, alice: again });
	await again.flow.vanish();
	const last = await back(again);
	const gone = ended(s.sip, y.leg);
	ok(status(await last.transact(y.call.request('BYE',
		{ flow_user: last }))) === 200 && await gone,
	'bye_over_the_new_websocket_passes');
	await offline(last);
});

test('websocket_lost_in_setup', async (s) => {
	const carol = await online('carol');

	carol.dial('2001', { ms: MS });
	const leg = await s.sip.incoming(MS);
	leg.ring();
	await carol.flow.expect((m) => m.status === 180, MS);
	await carol.flow.vanish();
	ok(await leg.cancelled(MS), 'websocket_lost_in_set_up_cancels');
	ok(await no_calls(), 'call_lost_in_set_up_is_gone');
});

/* ---- what takes 32 seconds --------------------------------------------------------- */

/* Begins with the first case, is looked at after the last one. */
async function lost_ack(s)
{
	const web = await WebMedia.open('203.0.113.77');
	const leg = s.sip.dial('bob', { body: s.sip.sdp(), ms: MS, ack: false });
	const call = await s.bob.incoming(MS);

	call.respond(200, 'OK', { headers: [contact(s.bob)],
		body: web.offer(answer_sdp(call.invite.body)) });
	await leg.done;
	web.answered(call.invite.body);
	await web.check();
	await web.handshake();
	const alive = setInterval(() => web.send_rtp(0), 1000);
	const { text } = leg.final;
	const [a, b] = await Promise.all([ended(s.sip, leg, 45000),
		ended(s.bob, call, 45000)]);
	clearInterval(alive);
	await web.close();
	return () => {
		ok(s.sip.flow.seen.get(text) > 5, 'unacknowledged_200_is_repeated',
			s.sip.flow.seen.get(text));
		ok(a && b && /no ACK/.test(b.get('Reason')),
			'unacknowledged_200_ends_the_call', b && b.text);
	};
}

async function main()
{
	const alice = await online('alice'), bob = await online('bob');
	const sip = await Party.open();
	const s = { alice, bob, sip };
	const patience = process.env.CASES ? [] : [lost_ack(s)];
	const rc = await run_all({
		before: (name) => ({ name, ...s }),
		after: () => {
			alice.flow.inbox = [];
		},
	});
	for (const check of await Promise.all(patience))
		check();
	await sip.close();
	process.exit(rc);
}

main();
