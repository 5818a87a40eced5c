// SPDX-License-Identifier: Apache-2.0
/* The cases of registration.sh. register = { min = 10; max = 20; } */
'use strict';
const { ask_from, calls, log, peer, registrations } = require('./lab.js');
const { DOMAIN, User, connect, tag_of, token } = require('./wsclient.js');
const { busywait, ok, run_all, test } = require('../browser/tap.js');

const PBX = '198.51.100.10', STRANGER = '198.51.100.20';
const GATEWAY_SIP = '198.51.100.1';

const registers_at_pbx = (user) =>
	log('pbx').split(`REGISTER ${user} `).length - 1;
const is_online = async (user, count = 1) => (await registrations(user))
	.filter((r) => r.online).length === count;
const status = (m) => m ? m.status : 'none';
const no_calls = () => busywait(8, async () => !(await calls()).length);

async function user_on(state, name, options = {})
{
	const flow = await connect();

	state.flows.push(flow);
	return new User(flow, { user: name, ...options });
}

async function registered(state, name, options)
{
	const user = await user_on(state, name, options);
	const m = await user.register();

	if (status(m) !== 200)
		throw new Error(`REGISTER of ${name}: ${m && m.text}`);
	return user;
}

/* `caller` calls `target`; the flows of `silent` must not hear of it. */
async function rings(caller, target, called, silent = [])
{
	const call = caller.dial(target);
	const incoming = await called.incoming();

	if (incoming)
		incoming.respond(486, 'Busy Here');
	await call.done;
	await no_calls();
	const astray = silent.filter((u) => u.flow.inbox.some((m) =>
		m.method === 'INVITE'));
	return { ok: !!incoming && !astray.length && status(call.final) === 486,
		why: `rang: ${!!incoming}, astray: ${astray.length}, ` +
			`final: ${status(call.final)}` };
}

/* A request as the PBX or a stranger would send it to the gateway. */
function from_sip(method, uri, { max_forwards = 70, to_tag, call_id = token(),
	from_tag = token(4), address = PBX } = {})
{
	return [`${method} ${uri} SIP/2.0`,
		`Via: SIP/2.0/UDP ${address}:$PORT;branch=z9hG4bK${token()}`,
		`Max-Forwards: ${max_forwards}`,
		`From: <sip:2000@${DOMAIN}>;tag=${from_tag}`,
		`To: <${uri}>${to_tag ? `;tag=${to_tag}` : ''}`,
		`Call-ID: ${call_id}`, `CSeq: 7 ${method}`,
		`Contact: <sip:2000@${address}:$PORT>`,
		'Content-Length: 0', '', ''].join('\r\n');
}

test('register', async (state) => {
	const alice = await user_on(state, 'alice');

	ok(status(await alice.register({ password: 'wrong' })) === 401,
		'register_wrong_password_is_refused');
	ok(!(await registrations('alice')).length,
		'register_refused_makes_no_binding');
	const m = await alice.register();
	ok(status(m) === 200, 'register_right_password_is_accepted', m && m.text);
	const [mine] = await registrations('alice');
	ok(mine && mine.online && mine.instance.includes(alice.instance) &&
		mine.contact.includes(alice.host),
		'binding_is_shown', JSON.stringify(mine));
	ok(m.get('Contact').includes(alice.host) &&
		/;expires=20\b/.test(m.get('Contact')),
		'contact_in_answer_is_the_browsers_own', m.get('Contact'));
	ok((await peer('capture_has', 'inside',
		'Contact: <sip:[^>]*>;expires=3600', 'dst port 5060')).code === 0,
		'throttled_register_asks_pbx_for_an_hour');

	const before = registers_at_pbx('alice');
	const again = await alice.register({ expires: 15 });
	ok(status(again) === 200 && /;expires=15\b/.test(again.get('Contact')),
		'refresh_is_accepted', again && again.text);
	ok(registers_at_pbx('alice') === before,
		'refresh_within_throttling_stays_off_the_pbx');
	const query = await alice.register({ contact: '' });
	ok(status(query) === 200 && /expires=1\d\b/.test(query.get('Contact')),
		'register_without_contact_lists_binding', query && query.text);

	const told = registers_at_pbx('alice');
	const gone = await alice.register({ expires: 0 });
	ok(status(gone) === 200 && !gone.get('Contact'),
		'unregister_is_accepted', gone && gone.text);
	ok(!(await registrations('alice')).length,
		'unregister_removes_binding');
	ok(registers_at_pbx('alice') === told + 1,
		'unregister_reaches_pbx');
});

test('too_brief', async (state) => {
	const alice = await user_on(state, 'alice');
	const m = await alice.register({ expires: 3 });

	ok(status(m) === 423 && m.get('Min-Expires') === '10',
		'register_below_minimum_gets_423', m && m.text);
});

test('star', async (state) => {
	const one = await registered(state, 'bob');

	await registered(state, 'bob');
	ok(await is_online('bob', 2), 'two_browsers_of_a_user_are_two_bindings');
	ok(status(await one.register({ contact: '*', expires: 600 })) === 400,
		'star_with_expiry_is_refused');
	ok(status(await one.register({ contact: '*', expires: 0 })) === 200,
		'star_is_accepted');
	ok(!(await registrations('bob')).length, 'star_removes_all_bindings');
});

test('page_loads', async (state) => {
	for (let i = 0; i < 12; i++) {
		const carol = await registered(state, 'carol');
		await carol.flow.vanish();
	}
	const carol = await registered(state, 'carol');
	ok(await is_online('carol'), 'register_after_many_page_loads_works');
});

test('takeover', async (state) => {
	const bob = await registered(state, 'bob');
	const alice = await registered(state, 'alice');
	const same = { instance: alice.instance };
	const stranger = await user_on(state, 'alice', same);
	let r;

	ok(status(await stranger.register({ password: null })) === 401,
		'stranger_without_credentials_is_challenged');
	r = await rings(bob, 'alice', alice, [stranger]);
	ok(r.ok, 'stranger_without_credentials_moves_nothing', r.why);
	ok(status(await stranger.register({ password: 'guess' })) === 401,
		'stranger_with_wrong_password_is_refused');
	r = await rings(bob, 'alice', alice, [stranger]);
	ok(r.ok, 'stranger_with_wrong_password_moves_nothing', r.why);
	/* Own credentials, another's address. */
	stranger.auth_user = 'carol';
	ok(status(await stranger.register()) >= 400,
		'stranger_with_own_credentials_is_refused');
	r = await rings(bob, 'alice', alice, [stranger]);
	ok(r.ok, 'stranger_with_own_credentials_moves_nothing', r.why);

	const owner = await registered(state, 'alice', same);
	ok(await is_online('alice'), 'owner_on_new_connection_is_one_binding');
	r = await rings(bob, 'alice', owner, [alice, stranger]);
	ok(r.ok, 'owner_on_new_connection_rings_there_only', r.why);
	await alice.flow.vanish();
	r = await rings(bob, 'alice', owner, [stranger]);
	ok(r.ok, 'old_connection_lost_changes_nothing', r.why);
});

test('flow_lost', async (state) => {
	const bob = await registered(state, 'bob');
	const alice = await registered(state, 'alice');

	await alice.flow.vanish();
	ok(await busywait(5, async () => is_online('alice', 0)),
		'lost_connection_is_shown_offline');
	const call = bob.dial('alice');
	ok(await busywait(5, async () => /waits for/.test(log('gateway'))),
		'invite_for_lost_browser_waits');
	const back = await registered(state, 'alice',
		{ instance: alice.instance });
	const incoming = await back.incoming();
	ok(incoming, 'invite_rings_browser_that_is_back');
	if (incoming)
		incoming.respond(486, 'Busy Here');
	await call.done;
	ok(status(call.final) === 486, 'answer_of_browser_that_is_back_arrives',
		status(call.final));

	await back.flow.vanish();
	const began = Date.now();
	await bob.register();
	const lost = await bob.invite('alice', { ms: 20000 });
	const took = Date.now() - began;
	ok(status(lost.final) === 480 && took > 8000,
		'invite_for_browser_not_back_gets_480_after_waiting',
		status(lost.final), took);
	await bob.register();
	const again = await bob.invite('alice');
	ok(status(again.final) === 480 && Date.now() - began - took < 3000,
		'invite_for_browser_long_gone_gets_480_at_once',
		status(again.final));
});

test('expiry', async (state) => {
	const alice = await registered(state, 'alice');
	const carol = await user_on(state, 'carol');

	ok(status(await carol.register({ expires: 10 })) === 200,
		'register_shortest_is_accepted');
	ok(await busywait(13, async () =>
		!(await registrations('carol')).length),
		'binding_after_expiry_is_gone');
	const call = await alice.invite('carol');
	ok(status(call.final) === 480, 'invite_after_expiry_gets_480',
		status(call.final));
	ok(!carol.flow.inbox.length, 'invite_after_expiry_does_not_ring');
	const own = await carol.invite('alice');
	ok(status(own.final) === 403, 'call_after_expiry_is_refused',
		status(own.final));
	ok(status(await carol.register({ expires: 20 })) === 200 &&
		await is_online('carol'), 'register_after_expiry_is_back');
	const r = await rings(alice, 'carol', carol);
	ok(r.ok, 'invite_after_return_rings', r.why);
});

test('refusals', async (state) => {
	const alice = await registered(state, 'alice');
	const [{ alias }] = await registrations('alice');
	const uri = `sip:${alias}@${GATEWAY_SIP}`;
	const from_web = async (method, fields = {}) => status(
		await alice.transact(alice.request(method, `sip:1004@${DOMAIN}`,
			fields)));
	const from_pbx = async (...words) =>
		status((await ask_from(PBX, from_sip(...words))).pop());

	const call = await alice.invite('1004',
		{ from: `sip:bob@${DOMAIN}` });
	ok(status(call.final) === 403, 'invite_with_foreign_from_gets_403',
		status(call.final));
	ok(await from_web('INVITE', { max_forwards: 0 }) === 483,
		'invite_without_hops_left_gets_483');
	ok(await from_web('BYE', { to_tag: 'guess' }) === 481,
		'bye_without_dialog_gets_481');
	ok(await from_web('INFO', { to_tag: 'guess' }) === 481,
		'info_without_dialog_gets_481');

	ok(await from_pbx('INVITE', `sip:nobody@${GATEWAY_SIP}`) === 404,
		'invite_to_unknown_alias_gets_404');
	ok(await from_pbx('INVITE', uri, { max_forwards: 0 }) === 483,
		'pbx_invite_without_hops_left_gets_483');
	ok(await from_pbx('REGISTER', `sip:${GATEWAY_SIP}`) === 403,
		'register_from_pbx_gets_403');
	ok(await from_pbx('BYE', uri, { to_tag: 'guess' }) === 481,
		'pbx_bye_without_dialog_gets_481');
	ok(await from_pbx('OPTIONS', `sip:${GATEWAY_SIP}`) === 200,
		'pbx_options_gets_200');

	const dropped = async () => Number((await peer('drops', 'sip',
		'source')).out);
	const before = await dropped();
	for (const method of ['OPTIONS', 'INVITE', 'REGISTER'])
		ok(!(await ask_from(STRANGER, from_sip(method, uri,
			{ address: STRANGER }), 1000)).length,
			`${method.toLowerCase()}_from_not_the_pbx_gets_silence`);
	ok(await dropped() >= before + 3, 'strangers_requests_are_counted',
		before, await dropped());
});

test('foreign_dialog', async (state) => {
	const bob = await registered(state, 'bob');
	const alice = await registered(state, 'alice');
	const stranger = await registered(state, 'carol');
	const call = bob.dial('alice');
	const incoming = await alice.incoming();

	incoming.ring();
	ok(await incoming.answer(), 'answer_gets_its_ack');
	await call.done;
	for (const method of ['BYE', 'INFO', 'INVITE']) {
		const m = await stranger.transact(call.request(method,
			{ cseq: 77, via: stranger.via() }));
		ok(status(m) === 481,
			`${method.toLowerCase()}_of_foreign_connection_gets_481`,
			m && m.text);
	}
	/* The same from the SIP side, where the tags are others. */
	const [leg] = (await calls()).flatMap((c) => c.legs)
		.filter((l) => l.side === 'sip');
	const guess = await ask_from(PBX, from_sip('BYE',
		`sip:x@${GATEWAY_SIP}`, { call_id: leg.call_id,
			to_tag: 'guess', from_tag: 'guess' }));
	ok(status(guess.pop()) === 481, 'bye_with_guessed_tags_gets_481');
	ok((await calls()).filter((c) => c.state === 'up').length === 2,
		'call_survives_foreign_requests');
	ok(status(await call.bye()) === 200 && await incoming.ended(),
		'bye_of_the_owner_ends_it');
	ok(await no_calls(), 'calls_after_bye_are_gone');
	ok(tag_of(call.final.get('To')), 'answer_had_a_tag');
});

test('free_from', async (state) => {
	if (!process.env.FREE_FROM)
		return;
	const alice = await registered(state, 'alice');
	const call = await alice.invite('1486', { from: `sip:x@${DOMAIN}` });

	ok(status(call.final) === 486, 'check_from_off_lets_any_from_pass',
		status(call.final));
});

/* RFC 5627: the PBX's names for one of two browsers. */
test('gruu', async (state) => {
	const alice = await registered(state, 'alice');
	const bob = await user_on(state, 'bob');
	const second = await registered(state, 'bob');
	const m = await bob.register();
	const gruu = (name) => (new RegExp(`;${name}="([^"]+)"`).exec(
		m.get('Contact')) || [])[1] || 'sip:none@example.com';

	for (const name of ['pub-gruu', 'temp-gruu']) {
		const r = await rings(alice, gruu(name), bob, [second]);
		ok(r.ok, `${name}_rings_this_browser_only`, r.why,
			m.get('Contact'));
	}
	const again = await bob.register();
	ok(again && again.get('Contact').includes(gruu('pub-gruu')),
		'refresh_says_the_gruu_again', again && again.text);
});

/* register.mode = "path"; the PBX says Service-Route. */
test('path', async (state) => {
	if (!process.env.WITH_PATH)
		return;
	const alice = await registered(state, 'alice');
	const bob = await registered(state, 'bob');
	const [line] = log('pbx').split('\n')
		.filter((l) => l.includes('REGISTER alice')).slice(-1);

	ok(line.includes(`<sip:alice@${alice.host}>`) &&
		line.includes(`urn:uuid:${alice.instance}`) &&
		/;reg-id=1/.test(line) && !/transport=ws/.test(line),
	'path_register_has_the_browsers_contact_without_transport', line);
	ok(/path=<sip:\w{14}@198\.51\.100\.1:5060;lr;ob>/.test(line),
		'path_register_names_an_alias_in_path', line);
	ok(!/keeps no Path/.test(log('gateway')), 'path_is_kept_by_the_pbx');

	const call = alice.dial('bob');
	const incoming = await bob.incoming();
	ok(incoming && incoming.invite.uri.includes(bob.host),
		'path_leads_a_call_to_the_browser');
	ok(incoming && await incoming.answer(), 'path_call_is_acknowledged');
	await call.done;
	ok(status(call.final) === 200, 'path_call_is_answered');
	ok(log('pbx').includes('INVITE bob by Service-Route'),
		'service_route_is_taken_by_a_call');
	ok(status(await incoming.bye()) === 200 && await call.ended(),
		'path_call_ends_by_the_callee');
	const message = alice.transact(alice.request('MESSAGE',
		`sip:bob@${DOMAIN}`, { body: 'x' }));
	ok(status(await message) === 407 &&
		log('pbx').includes('MESSAGE bob by Service-Route'),
	'service_route_is_taken_by_a_message');

	/* Two browsers of one user, then one of them on a new connection. */
	const second = await registered(state, 'bob');
	const forked = alice.dial('bob');
	const [one, two] = [await bob.incoming(), await second.incoming()];
	ok(one && two, 'path_leads_to_both_browsers_of_a_user');
	for (const leg of [one, two])
		leg.respond(486, 'Busy Here');
	await forked.done;
	await second.register({ expires: 0 });
	await bob.flow.vanish();
	const back = await user_on(state, 'bob', { instance: bob.instance });
	ok(status(await back.register()) === 200,
		'path_register_on_a_new_connection_is_accepted');
	const rung = await rings(alice, 'bob', back);
	ok(rung.ok, 'path_leads_to_the_new_connection', rung.why);
	ok(status(await back.register({ expires: 0 })) === 200,
		'path_unregister_is_accepted');
	const gone = await alice.invite('bob');
	ok([404, 480].includes(status(gone.final)),
		'path_unregister_reaches_the_pbx', status(gone.final));
});

/* What a case before left at the PBX would be rung too. */
async function nobody_registered()
{
	const flow = await connect();

	for (const user of ['alice', 'bob', 'carol'])
		await new User(flow, { user }).register(
			{ contact: '*', expires: 0 });
	await flow.close();
}

run_all({
	before: async () => {
		await nobody_registered();
		return { flows: [] };
	},
	after: async (state) => {
		for (const flow of state.flows)
			await flow.close();
		await no_calls();
	},
}).then((code) => process.exit(code));
