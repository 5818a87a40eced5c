// SPDX-License-Identifier: Apache-2.0
/*
 * What a browser learns of the SIP side and the other way round: identities,
 * Privacy, addresses. The domain is a name, so that an address of the SIP side
 * anywhere in a browser's log is one too many.
 */
'use strict';
const { ok, run_all, test } = require('../browser/tap.js');
const { ADDRESS, Dialog, Pbx, plain_sdp } = require('./pbx.js');
const { User, connect, parse, tag_of, token } = require('./wsclient.js');

const DOMAIN = 'example.com';
let pbx;

/* What a PBX puts into its messages, one header a hop of its network. */
const inner = [`Record-Route: <sip:${ADDRESS};lr>`,
	`Record-Route: <sip:198.51.100.11;lr;did=1>`,
	`Contact: <sip:boss@${ADDRESS}:5060>`,
	`Warning: 399 ${ADDRESS}:5060 "made in the lab"`,
	`P-Charging-Vector: icid-value=1;icid-generated-at=${ADDRESS}`,
	`P-Charging-Function-Addresses: ccf=${ADDRESS}`,
	'P-Asserted-Identity: "The Boss" <sip:boss@example.com>',
	'Diversion: <sip:reception@example.com>;reason=no-answer'];

async function online(user)
{
	const u = new User(await connect(), { user, domain: DOMAIN });
	const m = await u.register();

	if (!m || m.status !== 200)
		throw new Error(`${user} is not registered: ${m && m.start}`);
	u.alias = pbx.contacts.get(user);
	return u;
}

const got = (log) => log.filter((t) => t.startsWith('< '));
const leaks = (log, traces) => got(log).filter((t) =>
	traces.some((trace) => t.includes(trace)));

/* A call of the PBX to alice, answered; what she got, and the dialog. */
async function called(alice, headers)
{
	const done = pbx.transact(pbx.request('INVITE', alice.alias, {
		from: 'sip:boss@example.com', to: `sip:alice@${DOMAIN}`,
		call_id: `${token()}@${ADDRESS}`, body: plain_sdp(),
		headers: [...inner, ...headers] }));
	const call = await alice.incoming();

	call.respond(180, 'Ringing', { headers: [
		`Contact: ${alice.contact()}`, 'Privacy: id',
		'P-Asserted-Identity: <sip:root@example.com>',
		'Remote-Party-ID: <sip:root@example.com>'] });
	const ack = call.answer();
	const final = await done;
	const dialog = new Dialog(pbx, final);

	pbx.send(dialog.request('ACK'));
	await ack;
	return { call, dialog, invite: call.invite, final };
}

async function hang_up({ call, dialog })
{
	const bye = dialog.transact('BYE', { headers: inner });

	await call.ended();
	return await bye;
}

test('call_in', async () => {
	const alice = await online('alice');
	const open = await called(alice, []);

	ok(/boss/.test(open.invite.get('P-Asserted-Identity')),
		'pai_of_pbx_reaches_browser', open.invite.text);
	ok(open.invite.get('Warning') === '399 pbx "made in the lab"',
		'warning_of_pbx_reaches_browser_without_its_address');
	const ringing = pbx.log.filter((t) => t.startsWith('< SIP/2.0 180')).pop();
	ok(ringing && /^Privacy: id/m.test(ringing) && !/root@/.test(ringing),
		'pai_of_browser_stays_with_it_in_a_response', ringing);
	ok((await hang_up(open)).status === 200, 'call_in_ends');

	const closed = await called(alice, ['Privacy: id;critical']);
	ok(!closed.invite.get('P-Asserted-Identity') &&
		closed.invite.get('Privacy') === 'id;critical',
	'pai_with_privacy_id_stays_with_the_pbx', closed.invite.text);
	ok(closed.invite.get('Diversion'),
		'diversion_with_privacy_id_reaches_browser');
	await hang_up(closed);
	ok(!leaks(alice.flow.log, ['198.51.100.', 'P-Charging']).length,
		'call_in_hides_the_sip_side',
		leaks(alice.flow.log, ['198.51.100.', 'P-Charging'])[0]);
	ok(!leaks(pbx.log, [alice.host, '203.0.113.', 'transport=ws', '/WSS'])
		.length, 'call_in_hides_the_browser');
	await alice.flow.close();
});

test('call_out', async () => {
	const alice = await online('alice');
	const call = alice.dial('bob', { headers: ['Privacy: id',
		'P-Asserted-Identity: <sip:root@example.com>',
		'Remote-Party-ID: <sip:root@example.com>',
		'P-Preferred-Identity: <sip:sales@example.com>'] });
	const m = await pbx.method('INVITE');
	ok(m && !/root@/.test(m.text), 'pai_of_browser_stays_with_it', m.text);
	ok(m && m.get('Privacy') === 'id' &&
		/sales@/.test(m.get('P-Preferred-Identity')),
	'privacy_of_browser_reaches_pbx');
	const tag = token(4), all = { to_tag: tag, body: plain_sdp() };
	pbx.respond(m, 183, 'Session Progress', { ...all,
		headers: inner.slice(2) });
	await alice.flow.expect((r) => r.status === 183);
	pbx.respond(m, 200, 'OK', { ...all,
		headers: [...inner.slice(2), 'Privacy: id'] });
	await call.done;
	ok(call.final && call.final.status === 200 &&
		!call.final.get('P-Asserted-Identity'),
	'pai_with_privacy_id_stays_with_the_pbx_in_a_response',
	call.final && call.final.text);
	await pbx.method('ACK');
	const bye = call.bye();
	pbx.respond(await pbx.method('BYE'), 200, 'OK', { headers: inner });
	await bye;

	/* What ends without an answer tells no more. */
	const refused = alice.dial('bob');
	pbx.respond(await pbx.method('INVITE'), 603, 'Decline',
		{ headers: inner });
	await refused.done;
	ok(refused.final && refused.final.status === 603, 'refusal_arrives');
	ok(!leaks(alice.flow.log, ['198.51.100.', 'P-Charging']).length,
		'call_out_hides_the_sip_side',
		leaks(alice.flow.log, ['198.51.100.', 'P-Charging'])[0]);
	ok(!leaks(pbx.log, [alice.host, '203.0.113.', 'transport=ws', '/WSS',
		call.call_id, tag_of(parse(call.sent).get('From'))]).length,
	'call_out_hides_the_browser');
	await alice.flow.close();
});

(async () => {
	pbx = await Pbx.start();
	const rc = await run_all();

	pbx.stop();
	process.exit(rc);
})();
