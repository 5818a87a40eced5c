// SPDX-License-Identifier: Apache-2.0
/*
 * See life.sh. Run in namespace web; call.refer is "execute", max_duration 4 s.
 * A scripted PBX that trusts the gateway, as a trunk does.
 */
'use strict';
const { busywait, ok, run_all, test } = require('../browser/tap.js');
const { MS, OPUS, answer_to, in_call, names, no_calls, status } =
	require('./incall.js');
const { log } = require('./lab.js');
const { Party } = require('./party.js');
const { ADDRESS, Dialog, Pbx } = require('./pbx.js');
const { WebMedia } = require('./webmedia.js');
const { User, answer_sdp, connect, offer_sdp, response, tag_of, token, uri_of } =
	require('./wsclient.js');

let pbx, sip, alice;

const CONTACT = `Contact: <sip:phone@${ADDRESS}:5060>`;
const target = (user) => `sip:${user}@${ADDRESS}`;
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
/* In a dialog of the PBX. */
const in_dialog = (method, d) => pbx.expect((m) => m.method === method &&
	m.get('Call-ID') === d.call_id, MS);
const fine = (m) => m && pbx.respond(m, 200, 'OK');

/* The PBX answers this INVITE; its end of the dialog. */
function accept(m, body, headers = [])
{
	const tag = token(4);

	pbx.respond(m, 200, 'OK', { to_tag: tag, body,
		headers: [CONTACT, ...headers] });
	return new Dialog(pbx, m, tag);
}

async function call_out({ body = offer_sdp(), user = '2001',
	answer = sip.sdp() } = {})
{
	const call = alice.dial(user, { body, ms: MS });
	const m = await pbx.method('INVITE', MS);
	const d = accept(m, answer);

	await call.done;
	if (status(call.final) !== 200 || !await in_dialog('ACK', d))
		throw new Error(`call: ${status(call.final)}`);
	return { call, d, invite: m };
}

/* REFER of the PBX, and the gateway's INVITE that it leads to. */
async function refer(d, to, headers = [])
{
	const final = await d.transact('REFER', { headers: [`Refer-To: ${to}`,
		CONTACT, `Referred-By: <${target('2001')}>`, ...headers] });
	const invite = await pbx.method('INVITE', MS);

	return { final, invite };
}

/* The next NOTIFY in this dialog: its status line, and whether it is the last. */
async function report(d)
{
	const m = await in_dialog('NOTIFY', d);

	fine(m);
	return m && `${m.body.trim()} ` +
		m.get('Subscription-State').split(';')[0];
}

/* The same of the browser. */
async function told(call)
{
	const m = await in_call(alice, 'NOTIFY', call);

	if (m)
		alice.flow.send(response(m, 200, 'OK'));
	return m && `${m.body.trim()} ` +
		m.get('Subscription-State').split(';')[0];
}

async function browser_hangs_up(name, call, d)
{
	const gone = in_dialog('BYE', d);
	const bye = call.bye();

	fine(await gone);
	ok(status(await bye) === 200 && await gone, `${name}_hangs_up`);
}

async function arrives(send, media)
{
	const before = media.received.length;

	for (let i = 0; i < 250 && media.received.length < before + 3; i++) {
		send();
		await sleep(20);
	}
	return media.received.length >= before + 3;
}

/* ---- the PBX refers the browser ------------------------------------------------ */

test('by_pbx', async () => {
	const web = await WebMedia.open('203.0.113.77');
	const { call, d, invite } = await call_out({
		body: web.offer(offer_sdp()) });
	const second = await sip.remote.open();

	web.answered(call.final.body);
	await web.check();
	await web.handshake();
	ok(await arrives(() => web.send_rtp(0), sip.media),
		'media_before_the_transfer');
	const { final, invite: m } = await refer(d, `<${target('1004')}>`);
	ok(status(final) === 202 && final.get('Contact'),
		'refer_is_accepted_by_the_gateway', final && final.text);
	ok(await report(d) === 'SIP/2.0 100 Trying active',
		'transferor_is_told_of_the_attempt');
	ok(m && m.uri === target('1004') &&
		uri_of(m.get('From')) === alice.aor &&
		uri_of(m.get('Referred-By')) === target('2001') &&
		m.get('Contact') === invite.get('Contact') &&
		/^m=audio \d+ RTP\/AVP/m.test(m.body) &&
		names(m.body) === names(invite.body),
		'gateway_calls_the_target_for_the_browser', m && m.text);
	pbx.respond(m, 180, 'Ringing');
	ok(await report(d) === 'SIP/2.0 180 Ringing active',
		'transferor_is_told_of_the_ringing');
	const next = accept(m, sip.sdp({ media: second }));
	ok(await in_dialog('ACK', next), 'target_is_acknowledged');
	ok(await report(d) === 'SIP/2.0 200 OK terminated',
		'transferor_is_told_of_the_success');
	const bye = await in_dialog('BYE', d);
	ok(fine(bye), 'transferors_leg_is_ended');
	ok(await arrives(() => web.send_rtp(0), second) &&
		await busywait(5, () => {
			sip.send_rtp(m.body, 0, { media: second });
			return web.echoes;
		}), 'media_is_the_targets');
	ok(!alice.flow.inbox.some((r) => r.method),
		'browser_sees_nothing_of_the_transfer');

	/* A 200 again, as if the ACK were lost. */
	pbx.send(response(m, 200, 'OK', { to_tag: next.local_tag,
		headers: [CONTACT] }));
	ok(await in_dialog('ACK', next), 'target_is_acknowledged_again');
	const info = alice.transact(call.request('INFO'), MS);
	fine(await in_dialog('INFO', next));
	ok(status(await info) === 200, 'requests_reach_the_target');
	await browser_hangs_up('transferred_call', call, next);
	await web.close();
});

test('by_pbx_from_hold', async () => {
	const { call, d } = await call_out();
	const hold = d.transact('INVITE', { body: sip.sdp({
		more: ['a=sendonly'] }), headers: [CONTACT] });
	let m = await in_call(alice, 'INVITE', call);

	answer_to(alice, m, 200, answer_sdp(m.body).replace('a=sendrecv',
		'a=recvonly'));
	await hold;
	pbx.send(d.request('ACK'));
	await in_call(alice, 'ACK', call);
	const { invite } = await refer(d, `<${target('1004')}>`,
		['Refer-Sub: false']);
	ok(/^a=sendrecv/m.test(invite.body) || !/^a=(recv|send)only/m.test(
		invite.body), 'target_is_offered_both_ways', invite.body);
	const next = accept(invite, sip.sdp());
	await in_dialog('ACK', next);
	m = await in_call(alice, 'INVITE', call);
	ok(m && !/^a=sendonly/m.test(m.body), 'browser_is_taken_off_hold',
		m && m.text);
	answer_to(alice, m, 200, answer_sdp(m.body));
	ok(await in_call(alice, 'ACK', call), 'browser_talks_to_the_target');
	fine(await in_dialog('BYE', d));
	ok(!pbx.inbox.some((r) => r.method === 'NOTIFY'),
		'refer_sub_false_has_no_notify');
	await browser_hangs_up('held_call', call, next);
});

test('by_pbx_codec', async () => {
	const { call, d } = await call_out({ answer: sip.sdp(OPUS) });
	const { invite } = await refer(d, `<${target('1004')}>`);
	const next = accept(invite, sip.sdp({ formats: '8', lines: [] }));
	const m = await in_call(alice, 'INVITE', call);

	ok(m && /^PCMA/.test(names(m.body)),
		'browser_is_told_what_the_target_takes', m && m.text);
	answer_to(alice, m, 200, answer_sdp(m.body));
	ok(await in_call(alice, 'ACK', call), 'browser_follows_the_target');
	fine(await in_dialog('BYE', d));
	await browser_hangs_up('call_with_another_codec', call, next);
});

test('by_pbx_refused', async () => {
	const { call, d } = await call_out();
	const { invite } = await refer(d, `<${target('1004')}>`);

	await report(d);
	pbx.respond(invite, 486, 'Busy Here');
	ok(await in_dialog('ACK', { call_id: invite.get('Call-ID') }),
		'refusal_of_the_target_is_acknowledged');
	ok(await report(d) === 'SIP/2.0 486 Busy Here terminated',
		'transferor_is_told_of_the_refusal');
	const info = alice.transact(call.request('INFO'), MS);
	fine(await in_dialog('INFO', d));
	ok(status(await info) === 200, 'call_goes_on_after_the_refusal');
	await browser_hangs_up('call_after_the_refusal', call, d);
});

/* Nobody can be asked for credentials but the gateway, which has none. */
test('by_pbx_challenged', async () => {
	const { call, d } = await call_out();
	const { invite } = await refer(d, `<${target('1004')}>`);

	await report(d);
	pbx.respond(invite, 407, 'Proxy Authentication Required', { headers: [
		'Proxy-Authenticate: Digest realm="lab", nonce="n1", qop="auth"'] });
	ok(await in_dialog('ACK', { call_id: invite.get('Call-ID') }),
		'challenge_of_the_target_is_acknowledged');
	ok(await report(d) === 'SIP/2.0 407 Proxy Authentication Required ' +
		'terminated', 'transferor_is_told_of_the_challenge');
	ok(/transfer to .* failed: 407 .*set pbx_register/.test(log('gateway')),
		'challenge_without_account_is_logged');
	ok(await pbx.expect((m) => m.method === 'INVITE', 300) === null,
		'challenge_without_account_is_not_answered');
	await browser_hangs_up('call_after_the_challenge', call, d);
});

/* RFC 5589 6.1: who refers need not wait. */
test('by_pbx_who_leaves', async () => {
	for (const code of [200, 486]) {
		const { call, d } = await call_out();
		const { invite } = await refer(d, `<${target('1004')}>`);

		ok(status(await d.transact('BYE')) === 200,
			`transferor_may_leave_before_${code}`);
		if (code === 200) {
			const next = accept(invite, sip.sdp());
			ok(await in_dialog('ACK', next),
				'target_answers_after_the_transferor_left');
			await browser_hangs_up('call_left_behind', call, next);
			continue;
		}
		pbx.respond(invite, 486, 'Busy Here');
		const bye = await in_call(alice, 'BYE', call);
		ok(bye && /transfer failed: 486/.test(bye.get('Reason')),
			'nobody_left_ends_the_call', bye && bye.text);
		alice.flow.send(response(bye, 200, 'OK'));
	}
	ok(await no_calls(), 'calls_left_behind_are_gone');
});

test('by_pbx_attended', async () => {
	const { call, d } = await call_out();
	const { invite } = await refer(d, `<${target('1004')}?Replaces=` +
		'12345%40192.0.2.1%3Bto-tag%3Dtt%3Bfrom-tag%3Dff&X-Evil=1>');

	ok(invite && invite.get('Replaces') ===
		'12345@192.0.2.1;to-tag=tt;from-tag=ff' && !invite.get('X-Evil'),
		'invite_to_the_target_has_replaces', invite && invite.text);
	/* The browser hangs up while it rings. */
	pbx.respond(invite, 180, 'Ringing');
	const bye = call.bye();
	fine(await in_dialog('BYE', d));
	const cancel = await pbx.method('CANCEL', MS);
	ok(fine(cancel) && status(await bye) === 200,
		'hanging_up_cancels_the_call_to_the_target');
	pbx.respond(invite, 487, 'Request Terminated');
	ok(await no_calls(), 'call_hung_up_in_transfer_is_gone');
});

/* ---- the browser refers the PBX --------------------------------------------------- */

const browser_refers = (call, to) => alice.transact(call.request('REFER', {
	headers: [`Refer-To: ${to}`, `Contact: ${alice.contact()}`,
		`Referred-By: <${alice.aor}>`] }), MS);

test('by_browser', async () => {
	const { call, d } = await call_out();
	const theirs = sip.sdp({ more: ['a=x-theirs'] });
	const ours = sip.sdp({ more: ['a=x-ours'] });

	ok(status(await browser_refers(call, `<${target('1004')}>`)) === 202,
		'refer_of_the_browser_is_accepted_by_the_gateway');
	ok(await told(call) === 'SIP/2.0 100 Trying active',
		'browser_is_told_of_the_attempt');
	const m = await pbx.method('INVITE', MS);
	ok(m && !m.body && m.uri === target('1004') &&
		uri_of(m.get('From')) === target('2001') &&
		uri_of(m.get('Referred-By')) === alice.aor,
		'gateway_calls_the_target_for_the_phone', m && m.text);
	pbx.respond(m, 180, 'Ringing');
	ok(await told(call) === 'SIP/2.0 180 Ringing active',
		'browser_is_told_of_the_ringing');
	const next = accept(m, theirs);
	const again = await in_dialog('INVITE', d);
	ok(again && again.body === theirs, 'phone_is_offered_the_targets_media',
		again && again.text);
	pbx.respond(again, 200, 'OK', { body: ours, headers: [CONTACT] });
	const ack = await in_dialog('ACK', next);
	ok(ack && ack.body === ours && await in_dialog('ACK', d),
		'target_is_answered_the_phones_media', ack && ack.text);
	ok(await told(call) === 'SIP/2.0 200 OK terminated',
		'browser_is_told_of_the_success');
	const bye = await in_call(alice, 'BYE', call);
	ok(bye, 'browsers_leg_is_ended');
	alice.flow.send(response(bye, 200, 'OK'));

	/* What is left passes through as it is. */
	for (const [from, to, who] of [[d, next, 'phone'],
		[next, d, 'target']]) {
		const offer = sip.sdp({ more: ['a=x-again'] });
		const done = from.transact('INVITE', { body: offer,
			headers: [CONTACT] });
		const r = await in_dialog('INVITE', to);
		ok(r && r.body === offer, `reinvite_of_the_${who}_passes`);
		pbx.respond(r, 200, 'OK', { body: ours, headers: [CONTACT] });
		const final = await done;
		ok(status(final) === 200 && final.body === ours &&
			await in_dialog('ACK', to),
			`reinvite_of_the_${who}_is_answered`);
		pbx.send(from.request('ACK'));
	}
	const late = d.transact('INVITE', { headers: [CONTACT] });
	const r = await in_dialog('INVITE', next);
	pbx.respond(r, 200, 'OK', { body: theirs, headers: [CONTACT] });
	ok((await late).body === theirs, 'offerless_reinvite_passes');
	pbx.send(d.request('ACK', { body: ours }));
	const answered = await in_dialog('ACK', next);
	ok(answered && answered.body === ours, 'its_answer_passes');
	const ended = in_dialog('BYE', d);
	const end = next.transact('BYE');
	fine(await ended);
	ok(status(await end) === 200 && await no_calls(),
		'target_and_phone_hang_up');
});

test('by_browser_refused', async () => {
	const { call, d } = await call_out();

	await browser_refers(call, `<${target('1004')}>`);
	await told(call);
	let m = await pbx.method('INVITE', MS);
	pbx.respond(m, 486, 'Busy Here');
	await in_dialog('ACK', { call_id: m.get('Call-ID') });
	ok(await told(call) === 'SIP/2.0 486 Busy Here terminated',
		'browser_is_told_of_the_refusal');

	/* The phone does not take what the target offers. */
	await browser_refers(call, `<${target('1004')}>`);
	await told(call);
	m = await pbx.method('INVITE', MS);
	const next = accept(m, sip.sdp());
	const again = await in_dialog('INVITE', d);
	pbx.respond(again, 488, 'Not Acceptable Here');
	await in_dialog('ACK', d);
	ok(await in_dialog('ACK', next) && fine(await in_dialog('BYE', next)),
		'target_is_let_go');
	ok(await told(call) === 'SIP/2.0 488 Not Acceptable Here terminated',
		'browser_is_told_that_the_phone_refused');
	const info = alice.transact(call.request('INFO'), MS);
	fine(await in_dialog('INFO', d));
	ok(status(await info) === 200, 'browsers_call_goes_on');
	await browser_hangs_up('browsers_call', call, d);
});

test('by_browser_attended', async () => {
	const first = await call_out(), second = await call_out({ user: '2002' });
	const c = second.call;
	const replaces = `${c.call_id};to-tag=${c.remote_tag};` +
		`from-tag=${c.local_tag}`;

	await browser_refers(first.call, `<${c.target}?Replaces=` +
		`${encodeURIComponent(replaces)}>`);
	await told(first.call);
	const m = await pbx.method('INVITE', MS);
	ok(m && m.uri === uri_of(CONTACT) && m.get('Replaces') ===
		`${second.d.call_id};to-tag=${second.d.local_tag};` +
		`from-tag=${second.d.remote_tag}`,
		'target_finds_its_own_dialog_in_replaces', m && m.text);
	const next = accept(m, sip.sdp());
	/* RFC 3891 3: what is replaced ends. */
	const gone = in_call(alice, 'BYE', c);
	const end = second.d.transact('BYE');
	alice.flow.send(response(await gone, 200, 'OK'));
	ok(status(await end) === 200, 'replaced_call_ends');
	pbx.respond(await in_dialog('INVITE', first.d), 200, 'OK',
		{ body: sip.sdp(), headers: [CONTACT] });
	ok(await in_dialog('ACK', next), 'replacing_call_is_up');
	ok(await told(first.call) === 'SIP/2.0 200 OK terminated',
		'attended_transfer_is_reported');
	alice.flow.send(response(await in_call(alice, 'BYE', first.call), 200,
		'OK'));
	const over = in_dialog('BYE', next);
	const bye = first.d.transact('BYE');
	fine(await over);
	ok(status(await bye) === 200, 'replacing_call_hangs_up');
});

/* ---- how long at most ---------------------------------------------------------------- */

test('max_duration', async () => {
	const { call, d } = await call_out();
	const [a, b] = await Promise.all([in_call(alice, 'BYE', call),
		in_dialog('BYE', d)]);

	ok(a && b && /longest duration/.test(a.get('Reason')) &&
		/longest duration/.test(b.get('Reason')),
		'longest_call_is_ended_on_both_legs', a && a.text);
	alice.flow.send(response(a, 200, 'OK'));
	fine(b);
	ok(await no_calls(), 'longest_call_is_gone');
});

(async () => {
	pbx = await Pbx.start();
	sip = await Party.open();
	alice = new User(await connect(), { user: 'alice' });
	await alice.register();
	const rc = await run_all({ after: () => {
		alice.flow.inbox = [];
		pbx.inbox = [];
	} });
	await sip.close();
	pbx.stop();
	process.exit(rc);
})();
