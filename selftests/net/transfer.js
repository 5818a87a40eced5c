// SPDX-License-Identifier: Apache-2.0
/* See life.sh. Run in namespace web; call.refer is "pass". */
'use strict';
const { busywait, ok, run_all, test } = require('../browser/tap.js');
const { MS, ack_of, answer_to, call_in, call_out, contact, ended, hang_up,
	in_call, no_calls, offline, online, status, typed } =
	require('./incall.js');
const { registrations } = require('./lab.js');
const { Party } = require('./party.js');
const { DOMAIN, answer_sdp, response, tag_of, token, uri_of } =
	require('./wsclient.js');

/* ---- words ----------------------------------------------------------------- */

const sipfrag = (user, call, line, state, id = '') => typed(call.request(
	'NOTIFY', { headers: [`Event: refer${id}`, `Subscription-State: ${state}`,
		contact(user)] }), 'message/sipfrag;version=2.0', `${line}\r\n`);

const escape = (value) => value.replace(/[;=@]/g, (c) =>
	`%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/* A dialog as its own user names it, in Replaces (RFC 3891 3) and elsewhere. */
const replaces = (call) => `${call.call_id};to-tag=${call.remote_tag};` +
	`from-tag=${call.local_tag}`;
/* And as it is to be named to that user. */
const named = (call) => ({ call_id: call.call_id, ours: call.local_tag,
	theirs: call.remote_tag });

function is_named(value, call)
{
	const { call_id, ours, theirs } = named(call);
	const [id, ...params] = decodeURIComponent(value || '').split(';');

	return id === call_id && params.includes(`to-tag=${ours}`) &&
		params.includes(`from-tag=${theirs}`);
}

/* From the transferor's REFER to the last NOTIFY; both in the call. */
async function reports(s, name, [from, one], [to, other], refer)
{
	const id = (n) => refer ? `;id=${n}` : '';

	for (const [line, state] of [
		['SIP/2.0 100 Trying', 'active;expires=60'],
		['SIP/2.0 200 OK', 'terminated;reason=noresource']]) {
		const done = to.transact(sipfrag(to, other, line, state,
			id(refer && refer.cseq)), MS);
		const m = await in_call(from, 'NOTIFY', one);

		ok(m && m.body.trim() === line && m.get('Event') ===
			`refer${id(refer && refer.sent)}` &&
			m.get('Subscription-State') === state &&
			/^message\/sipfrag/.test(m.get('Content-Type')),
			`${name}_is_told_${line.split(' ')[1]}`, m && m.text);
		from.flow.send(response(m, 200, 'OK'));
		ok(status(await done) === 200,
			`${name}_acknowledges_${line.split(' ')[1]}`);
	}
}

/* ---- blind ------------------------------------------------------------------- */

async function refers(name, [from, one], [to, other], refer_to, headers = [])
{
	const done = from.transact(one.request('REFER', { headers: [
		`Refer-To: ${refer_to}`, contact(from), ...headers] }), MS);
	const sent = one.cseq;
	const m = await in_call(to, 'REFER', other);

	ok(m, `${name}_refer_arrives`);
	answer_to(to, m, 202);
	const final = await done;
	ok(status(final) === 202 && uri_of(final.get('Contact')) === one.target,
		`${name}_refer_is_accepted`, final && final.text);
	return { ...m, sent };
}

test('blind_from_browser', async (s) => {
	const { call, leg } = await call_out(s);
	const m = await refers('browser', [s.alice, call], [s.sip, leg],
		`<sip:1004@${DOMAIN}>`, [`Referred-By: <${s.alice.aor}>`,
			'Refer-Sub: true']);

	ok(uri_of(m.get('Refer-To')) === `sip:1004@${DOMAIN}` &&
		uri_of(m.get('Referred-By')) === s.alice.aor &&
		m.get('Refer-Sub') === 'true' && uri_of(m.get('Contact')) ===
		uri_of(leg.invite.get('Contact')),
		'blind_refer_of_the_browser_is_the_gateways', m.text);
	await reports(s, 'browser', [s.alice, call], [s.sip, leg], m);
	await hang_up(s, { call, leg });
});

test('blind_from_phone', async (s) => {
	const { call, leg } = await call_out(s);
	const m = await refers('phone', [s.sip, leg], [s.alice, call],
		`<sip:1004@${DOMAIN}>`, [`Referred-By: <sip:2001@${DOMAIN}>`]);

	ok(uri_of(m.get('Refer-To')) === `sip:1004@${DOMAIN}` &&
		!/198\.51\.100\.(1|20)\b/.test(m.text),
		'blind_refer_of_the_phone_hides_it', m.text);
	/* As many do: hangs up, and is told how it went all the same. */
	const gone = ended(s.alice, call);
	ok(status(await leg.bye()) === 200 && await gone, 'transferor_hangs_up');
	ok(await no_calls(), 'call_after_the_transfer_is_gone');
	await reports(s, 'phone', [s.sip, leg], [s.alice, call], m);
});

test('blind_without_id', async (s) => {
	const { call, leg } = await call_out(s);

	await refers('plain', [s.sip, leg], [s.alice, call],
		`<sip:1004@${DOMAIN}>`);
	await reports(s, 'plain', [s.sip, leg], [s.alice, call]);
	await hang_up(s, { call, leg });
});

test('refused', async (s) => {
	const { call, leg } = await call_out(s);
	const done = s.alice.transact(call.request('REFER', { headers: [
		`Refer-To: <sip:1004@${DOMAIN}>`, contact(s.alice)] }), MS);

	answer_to(s.sip, await in_call(s.sip, 'REFER', leg), 603);
	ok(status(await done) === 603, 'refusal_of_a_refer_passes');
	await hang_up(s, { call, leg });
});

/* ---- attended ----------------------------------------------------------------- */

test('attended_from_browser', async (s) => {
	const first = await call_out(s), second = await call_out(s,
		{ target: '2002' });
	/* RFC 5589 7: the target's Contact, and the dialog with it. */
	const m = await refers('attended', [s.alice, first.call],
		[s.sip, first.leg], `<${second.call.target}?Replaces=` +
			`${escape(replaces(second.call))}>`);
	const [uri, query] = uri_of(m.get('Refer-To')).split('?');

	ok(uri === uri_of(s.sip.contact()),
		'refer_to_names_the_targets_own_contact', m.get('Refer-To'));
	ok(/^Replaces=/.test(query) && is_named(query.slice(9), second.leg),
		'replaces_of_refer_to_names_the_targets_dialog', query,
		JSON.stringify(named(second.leg)));
	await hang_up(s, first);
	await hang_up(s, second);
});

test('attended_from_phone', async (s) => {
	const first = await call_out(s);
	const bob = await online('bob');
	const second = await call_in({ ...s, alice: bob });
	const m = await refers('attended_phone', [s.sip, first.leg],
		[s.alice, first.call], `<${second.leg.target}?Replaces=` +
			`${escape(replaces(second.leg))}>`);
	const [uri, query] = uri_of(m.get('Refer-To')).split('?');

	/* alice calls bob's name; the PBX leads her to the alias. */
	ok(uri === bob.aor, 'refer_to_an_alias_names_the_user', uri);
	/* She says it back: on the trunk it is the phone's dialog again. */
	const call = s.alice.dial('2001', { ms: MS, headers: [
		`Replaces: ${decodeURIComponent(query.slice(9))}`] });
	const again = await s.sip.incoming(MS);
	ok(again && again.invite.get('Replaces') === replaces(second.leg),
		'replaces_of_a_strange_dialog_comes_back_as_it_was',
		again && again.invite.get('Replaces'), replaces(second.leg),
		query);
	again.respond(486, 'Busy Here');
	await call.done;
	await hang_up(s, first);
	const gone = ended(s.sip, second.leg);
	ok(status(await second.call.bye()) === 200 && await gone,
		'second_call_hangs_up');
	await offline(bob);
});

test('replaces', async (s) => {
	const { call, leg } = await call_out(s);
	const inward = s.sip.dial('alice', { body: s.sip.sdp(), ms: MS, headers: [
		'Require: replaces', `Replaces: ${replaces(leg)};early-only`] });
	const asked = await s.alice.incoming(MS);

	ok(asked && is_named(asked.invite.get('Replaces'), call) &&
		/;early-only/.test(asked.invite.get('Replaces')) &&
		/replaces/.test(asked.invite.get('Require')),
		'invite_with_replaces_names_the_browsers_dialog',
		asked && asked.invite.text, JSON.stringify(named(call)));
	asked.respond(200, 'OK', { body: answer_sdp(asked.invite.body),
		headers: [contact(s.alice)] });
	await inward.done;
	ok(status(inward.final) === 200 && await ack_of(s.alice, asked),
		'replacing_call_is_answered');
	/* RFC 3891 3: who was replaced hangs up. */
	await hang_up(s, { call, leg });

	const out = s.alice.dial('2001', { ms: MS, headers: [
		`Replaces: ${replaces(asked)}`] });
	const offered = await s.sip.incoming(MS);
	ok(offered && is_named(offered.invite.get('Replaces'), inward),
		'invite_with_replaces_names_the_phones_dialog',
		offered && offered.invite.text, JSON.stringify(named(inward)));
	offered.respond(200, 'OK', { body: s.sip.sdp(),
		headers: [contact(s.sip)] });
	await out.done;
	ok(status(out.final) === 200 && await ack_of(s.sip, offered),
		'replacing_call_of_the_browser_is_answered');
	await hang_up(s, { call: out, leg: offered });
	const gone = ended(s.sip, inward);
	ok(status(await asked.bye()) === 200 && await gone,
		'replaced_call_hangs_up');
});

/* ---- outside of the dialog ------------------------------------------------------ */

test('target_dialog', async (s) => {
	const { call, leg } = await call_out(s);
	const [{ alias }] = await registrations('alice');
	const target = (c) => `${c.call_id};local-tag=${c.local_tag};` +
		`remote-tag=${c.remote_tag}`;
	/* RFC 4538: local is the receiver's. */
	const done = s.sip.transact(s.sip.request('REFER',
		`sip:alice@${DOMAIN}`, { headers: [contact(s.sip),
			`Refer-To: <sip:1004@${DOMAIN}>`, 'Require: tdialog',
			`Target-Dialog: ${leg.call_id};local-tag=` +
			`${leg.remote_tag};remote-tag=${leg.local_tag}`] }), MS);
	const m = await s.alice.flow.expect((r) => r.method === 'REFER', MS);

	ok(alias && m && m.get('Target-Dialog') === target(call) &&
		/tdialog/.test(m.get('Require')),
		'target_dialog_names_the_browsers_dialog', m && m.text,
		target(call));
	const tag = token(4);
	s.alice.flow.send(response(m, 202, 'Accepted', { to_tag: tag,
		headers: [contact(s.alice)] }));
	ok(status(await done) === 202, 'refer_outside_of_the_dialog_is_accepted');
	const told = s.alice.transact(typed(s.alice.request('NOTIFY',
		uri_of(m.get('Contact')), { call_id: m.get('Call-ID'),
			from_tag: tag, to: s.sip.aor, to_tag: tag_of(m.get('From')),
			headers: ['Event: refer', contact(s.alice),
				'Subscription-State: terminated;reason=noresource'] }),
	'message/sipfrag', 'SIP/2.0 200 OK\r\n'), MS);
	const notify = await s.sip.flow.expect((r) => r.method === 'NOTIFY', MS);
	ok(notify && notify.body.trim() === 'SIP/2.0 200 OK',
		'refer_outside_of_the_dialog_is_reported', notify && notify.text);
	s.sip.flow.send(response(notify, 200, 'OK'));
	ok(status(await told) === 200, 'last_notify_is_answered');
	await hang_up(s, { call, leg });
});

/* ---- other requests in a call ------------------------------------------------------- */

test('in_dialog', async (s) => {
	const { call, leg } = await call_out(s);

	for (const [from, one, to, other] of [[s.alice, call, s.sip, leg],
		[s.sip, leg, s.alice, call]]) {
		for (const [method, type, body] of [
			['MESSAGE', 'text/plain', 'hello'],
			['INFO', 'application/x-lab', 'a=b'],
			['FROBNICATE', 'text/plain', 'x']]) {
			const done = from.transact(typed(one.request(method,
				{ headers: ['X-Mark: 1'] }), type, body), MS);
			const m = await in_call(to, method, other);

			ok(m && m.body === body && m.get('Content-Type') === type &&
				m.get('X-Mark') === '1', `${method.toLowerCase()}` +
				`_in_a_call_passes_from_${from.user}`, m && m.text);
			to.flow.send(response(m, 299, 'Noted'));
			const r = await done;
			ok(status(r) === 299, `${method.toLowerCase()}` +
				`_in_a_call_is_answered_to_${from.user}`);
		}
		const options = await from.transact(one.request('OPTIONS'), MS);
		ok(status(options) === 200,
			`options_in_a_call_is_answered_to_${from.user}`);
	}
	await hang_up(s, { call, leg });
});

/* ---- the run ------------------------------------------------------------------------ */

async function main()
{
	const alice = await online('alice'), sip = await Party.open();
	const rc = await run_all({
		before: (name) => ({ name, alice, sip }),
		after: async () => {
			alice.flow.inbox = [];
			sip.flow.inbox = [];
			await busywait(2, () => no_calls(0));
		},
	});

	await offline(alice);
	await sip.close();
	process.exit(rc);
}

main();
