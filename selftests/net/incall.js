// SPDX-License-Identifier: Apache-2.0
/*
 * Words for a call between a scripted browser (wsclient.js) and a scripted
 * phone (party.js). s: { name, alice, sip }.
 */
'use strict';
const { busywait, ok } = require('../browser/tap.js');
const { calls } = require('./lab.js');
const { User, answer_sdp, build, connect, offer_sdp, parse, response, tag_of } =
	require('./wsclient.js');

const MS = 10000;
/* For party.js: a codec that nobody converts. */
const OPUS = { formats: '111', lines: ['a=rtpmap:111 opus/48000/2'] };
const status = (m) => m ? m.status : 'none';
const contact = (user) => `Contact: ${user.contact()}`;
const names = (text) => [...(text || '').matchAll(
	/^a=rtpmap:\d+ ([^/\s]+)/mg)].map((m) => m[1]).join(' ');
const direction = (text) => (/^a=(sendrecv|sendonly|recvonly|inactive)/m
	.exec(text) || ['', 'sendrecv'])[1];

const in_call = (user, method, call, ms = MS) => user.flow.expect((m) =>
	m.method === method && m.get('Call-ID') === call.call_id &&
	tag_of(m.get('To')), ms);
const ack_of = (user, call) => in_call(user, 'ACK', call);
const provisional = (user, call, code) => user.flow.expect((m) =>
	m.status === code && m.get('Call-ID') === call.call_id, MS);
const answer_to = (user, m, code, body, headers = []) =>
	user.flow.send(response(m, code, code < 300 ? 'OK' : 'No', { body,
		headers: [contact(user), ...headers] }));

/* A request with a body that is no description. */
function typed(text, type, body)
{
	const m = parse(text);

	return build(m.start, [...m.headers.filter(([n]) => !/^content-/i
		.test(n)).map(([n, v]) => `${n}: ${v}`),
	`Content-Type: ${type}`], body);
}

/* The browser calls; answer is the phone's description. */
async function call_out(s, { body = offer_sdp(), answer = s.sip.sdp(),
	headers = [], target = '2001' } = {})
{
	const call = s.alice.dial(target, { body, ms: MS });
	const leg = await s.sip.incoming(MS);

	leg.respond(200, 'OK', { body: answer,
		headers: [contact(s.sip), ...headers] });
	await call.done;
	if (status(call.final) !== 200)
		throw new Error(`call: ${status(call.final)}`);
	await ack_of(s.sip, leg);
	return { call, leg };
}

/* A re-INVITE (or UPDATE); its final response, not yet acknowledged. */
function offer_again(user, call, body, method = 'INVITE')
{
	const text = call.request(method, { body, headers: [contact(user)] });

	call.sent = text;
	user.last_uri = call.target;
	return user.transact(text, 3 * MS);
}

const ack = (user, call, body) => user.flow.send(call.request('ACK', { body }));

async function hang_up(s, { call, leg })
{
	const gone = in_call(s.sip, 'BYE', leg);
	const bye = call.bye();
	const m = await gone;

	if (m)
		s.sip.flow.send(response(m, 200, 'OK'));
	ok(status(await bye) === 200 && m, `${s.name}_call_still_hangs_up`);
}

/* The phone calls and the browser answers. */
async function call_in(s, { headers = [] } = {})
{
	const leg = s.sip.dial(s.alice.user, { body: s.sip.sdp(), headers,
		ms: MS });
	const call = await s.alice.incoming(MS);

	call.respond(200, 'OK', { body: answer_sdp(call.invite.body),
		headers: [contact(s.alice)] });
	await leg.done;
	if (status(leg.final) !== 200)
		throw new Error(`call: ${status(leg.final)}`);
	await ack_of(s.alice, call);
	return { call, leg };
}

/* BYE on this leg, answered. */
async function ended(user, call, ms = MS)
{
	const m = await in_call(user, 'BYE', call, ms);

	if (m)
		user.flow.send(response(m, 200, 'OK'));
	return m;
}

async function online(user, options = {})
{
	const u = new User(await connect(), { user, ...options });

	if (status(await u.register()) !== 200)
		throw new Error(`${user} is not registered`);
	return u;
}

async function offline(user)
{
	await user.register({ expires: 0 });
	await user.flow.close();
}

const no_calls = (seconds = 8) =>
	busywait(seconds, async () => !(await calls()).length);

module.exports = { MS, OPUS, ack, ack_of, answer_to, call_in, call_out, contact,
	direction, ended, hang_up, in_call, names, no_calls, offer_again, offline,
	online, provisional, status, typed };
