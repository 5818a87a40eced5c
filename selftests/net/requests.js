// SPDX-License-Identifier: Apache-2.0
/* Requests outside of calls; a scripted browser and a scripted PBX. */
'use strict';
const { ok, run_all, test } = require('../browser/tap.js');
const { ADDRESS, Dialog, Pbx, plain_sdp } = require('./pbx.js');
const { User, connect, offer_sdp, parse, response, tag_of, token, uri_of } =
	require('./wsclient.js');

let pbx;

async function online(user = 'alice')
{
	const u = new User(await connect(), { user });
	const m = await u.register();

	if (!m || m.status !== 200)
		throw new Error(`${user} is not registered: ${m && m.start}`);
	u.alias = pbx.contacts.get(user);
	return u;
}

const target = (user) => `sip:${user}@${ADDRESS}`;
const method = (name) => (m) => m.method === name;
const answer = (user, m, status = 200, options = {}) =>
	user.flow.send(response(m, status, 'Fine', { to_tag: token(4),
		...options }));

/* What the other side must not learn of a browser. */
const web_traces = (user) => [user.host, '203.0.113.', 'WSS', 'transport=ws'];
/* And a browser of the SIP side: the PBX's name is its domain. */
const sip_traces = ['198.51.100.1:', '198.51.100.1;', '198.51.100.1>', 'UDP'];
const leaks = (text, traces) => traces.filter((t) => text.includes(t));

/* ---- MESSAGE and others -------------------------------------------------- */

test('message', async () => {
	const alice = await online();
	const text = alice.request('MESSAGE', target('bob'), {
		headers: ['X-Mark: one', 'User-to-User: 56a3;encoding=hex'],
		body: 'hello', from_tag: 'alicetag', call_id: 'alice-call-id' })
		.replace('application/sdp', 'text/plain');
	const sent = alice.transact(text);
	const m = await pbx.method('MESSAGE');

	ok(m && m.body === 'hello' && m.get('Content-Type') === 'text/plain',
		'message_of_browser_arrives_at_pbx');
	ok(m && m.uri === target('bob') && m.get('X-Mark') === 'one' &&
		m.get('User-to-User') === '56a3;encoding=hex',
		'message_keeps_uri_and_headers', m && m.text);
	ok(m && !m.get('Contact'), 'message_has_no_contact');
	ok(m && !leaks(m.text, [...web_traces(alice), 'alicetag',
		'alice-call-id']).length, 'message_hides_the_browser', m && m.text);
	pbx.respond(m, 202, 'Accepted', { headers: ['X-Back: two'] });
	const r = await sent;
	ok(r && r.status === 202 && r.get('X-Back') === 'two',
		'message_answer_comes_back');

	const down = pbx.transact(pbx.request('MESSAGE', alice.alias, {
		body: 'and back', type: 'text/plain', from_tag: 'pbxtag',
		call_id: 'pbx-call-id' }));
	const d = await alice.flow.expect(method('MESSAGE'));
	ok(d && d.body === 'and back' &&
		d.uri === uri_of(alice.contact()),
		'message_of_pbx_arrives_at_browser', d && d.text);
	ok(d && !leaks(d.text, [...sip_traces, 'pbxtag', 'pbx-call-id']).length,
		'message_hides_the_pbx', d && d.text);
	answer(alice, d);
	const dr = await down;
	ok(dr && dr.status === 200, 'message_of_pbx_is_answered');
	await alice.flow.close();
});

test('digest', async () => {
	const alice = await online();
	const text = (headers, cseq) => alice.request('PUBLISH', target('alice'), {
		headers: ['Event: presence', 'Expires: 60', ...headers], cseq,
		body: '<presence/>', call_id: 'publish-1', from_tag: 'p1' });
	const first = alice.transact(text([], 1));
	const m = await pbx.method('PUBLISH');
	pbx.respond(m, 407, 'Proxy Authentication Required', { headers: [
		'Proxy-Authenticate: Digest realm="lab", nonce="abc", ' +
		'qop="auth,auth-int"'] });
	const r = await first;
	const challenge = r && r.get('Proxy-Authenticate');
	ok(r && r.status === 407 && /nonce="abc"/.test(challenge) &&
		!/auth-int/.test(challenge),
		'publish_challenge_reaches_browser', r && r.text);

	const second = alice.transact(text(['Proxy-Authorization: Digest ' +
		'username="alice",realm="lab",nonce="abc",response="00"'], 2));
	const n = await pbx.method('PUBLISH');
	ok(n && /username="alice"/.test(n.get('Proxy-Authorization')),
		'publish_credentials_reach_pbx');
	ok(n && n.get('Call-ID') === m.get('Call-ID') && n.cseq === m.cseq + 1 &&
		tag_of(n.get('From')) === tag_of(m.get('From')) &&
		n.uri === target('alice'), 'publish_retry_is_the_same_series',
	n && n.text);
	pbx.respond(n, 200, 'OK', { headers: ['SIP-ETag: e1', 'Expires: 60'] });
	const r2 = await second;
	ok(r2 && r2.get('SIP-ETag') === 'e1', 'publish_etag_comes_back');
	await alice.flow.close();
});

test('others', async () => {
	const alice = await online();

	for (const name of ['INFO', 'FROBNICATE']) {
		const sent = alice.transact(alice.request(name, target('bob')));
		const m = await pbx.method(name);
		ok(m, `${name.toLowerCase()}_of_browser_arrives_at_pbx`);
		if (m)
			pbx.respond(m, 200, 'OK');
		await sent;
	}
	const stray = await alice.transact(alice.request('BYE', target('bob')));
	ok(stray && stray.status === 481, 'bye_outside_of_dialogs_is_481');
	const mwi = pbx.transact(pbx.request('NOTIFY', alice.alias, { headers: [
		'Event: message-summary', 'Subscription-State: terminated'],
	body: 'Messages-Waiting: yes', type: 'application/simple-message-summary',
	}));
	const n = await alice.flow.expect(method('NOTIFY'));
	ok(n && /yes/.test(n.body) && n.get('Event') === 'message-summary',
		'notify_unsolicited_arrives_at_browser');
	answer(alice, n);
	await mwi;
	const other = await alice.transact(alice.request('MESSAGE',
		target('bob'), { from: target('mallory'), body: 'x' }));
	ok(other && other.status === 403, 'message_from_another_name_is_403');
	await alice.flow.close();
});

/* ---- OPTIONS -------------------------------------------------------------- */

test('options', async () => {
	const alice = await online();
	const ping = (uri) => pbx.transact(pbx.request('OPTIONS', uri));
	const up = await ping(alice.alias);

	ok(up && up.status === 200 && /INVITE/.test(up.get('Allow')),
		'options_to_online_alias_is_200', up && up.text);
	const unknown = await ping(alice.alias.replace(/:[^@]*@/, ':nobody@'));
	ok(unknown && unknown.status === 404, 'options_to_unknown_alias_is_404');
	const local = await alice.transact(alice.request('OPTIONS',
		`sip:${ADDRESS}`));
	ok(local && local.status === 200, 'options_of_browser_is_answered_here');
	const sent = alice.transact(alice.request('OPTIONS', target('bob')));
	const m = await pbx.method('OPTIONS');
	ok(m && m.uri === target('bob'), 'options_to_user_reaches_pbx');
	pbx.respond(m, 200, 'OK', { headers: ['Accept-Language: la'] });
	const r = await sent;
	ok(r && r.get('Accept-Language') === 'la', 'options_answer_comes_back');
	await alice.flow.close();
	let down;
	for (let i = 0; i < 50 && (!down || down.status !== 480); i++)
		down = await ping(alice.alias);
	ok(down && down.status === 480, 'options_to_offline_alias_is_480');
});

/* ---- subscriptions --------------------------------------------------------- */

/* alice subscribes to bob; both ends of the joined dialogs. */
async function subscribed(alice, { notify_first = false } = {})
{
	const text = alice.request('SUBSCRIBE', target('bob'), {
		call_id: 'sub-call-id', from_tag: 'subtag', headers: [
			'Event: presence', 'Expires: 120',
			`Contact: ${alice.contact()}`] });
	const sent = alice.transact(text);
	const m = await pbx.method('SUBSCRIBE');
	const tag = token(4);
	const dialog = new Dialog(pbx, m, tag);
	const notify = () => dialog.transact('NOTIFY', { headers: [
		'Event: presence', 'Subscription-State: active;expires=120',
		`Contact: <sip:bob@${ADDRESS}:5060>`], body: '<presence/>',
	type: 'application/pidf+xml' });
	let early, first;

	if (notify_first) {
		early = notify();
		first = await alice.flow.expect(method('NOTIFY'));
		if (first)
			answer(alice, first);
		await early;
	}
	pbx.respond(m, 200, 'OK', { to_tag: tag, headers: ['Expires: 120',
		`Contact: <sip:bob@${ADDRESS}:5060>`] });
	return { request: m, dialog, notify, first, accepted: await sent,
		sent: parse(text) };
}

test('subscribe', async () => {
	const alice = await online();
	const s = await subscribed(alice);

	ok(s.request.get('Event') === 'presence' &&
		uri_of(s.request.get('Contact')) === alice.alias,
		'subscribe_carries_event_and_alias', s.request.text);
	ok(!leaks(s.request.text, [...web_traces(alice), 'sub-call-id',
		'subtag']).length, 'subscribe_hides_the_browser');
	ok(s.accepted && s.accepted.status === 200 &&
		s.accepted.get('Expires') === '120', 'subscribe_is_accepted');
	ok(s.accepted && !leaks(s.accepted.text, sip_traces).length,
		'subscribe_answer_hides_the_pbx', s.accepted && s.accepted.text);
	const done = s.notify();
	const n = await alice.flow.expect(method('NOTIFY'));
	ok(n && n.get('Call-ID') === 'sub-call-id' &&
		tag_of(n.get('To')) === 'subtag' && n.body === '<presence/>' &&
		tag_of(n.get('From')) === tag_of(s.accepted.get('To')),
	'notify_arrives_in_the_browsers_dialog', n && n.text);
	answer(alice, n);
	const r = await done;
	ok(r && r.status === 200, 'notify_is_answered');

	/* The newest flow of the same instance. */
	const again = new User(await connect(), { user: 'alice',
		instance: alice.instance });
	await again.register();
	const moved = s.notify();
	const n2 = await again.flow.expect(method('NOTIFY'));
	ok(n2 && n2.get('Call-ID') === 'sub-call-id',
		'notify_follows_the_newest_flow');
	answer(again, n2);
	await moved;

	const refresh = again.transact(again.request('SUBSCRIBE',
		uri_of(s.accepted.get('Contact')), { call_id: 'sub-call-id',
			from_tag: 'subtag', cseq: 2,
			to_tag: tag_of(s.accepted.get('To')), headers: [
				'Event: presence', 'Expires: 0',
				`Contact: ${again.contact()}`] }));
	const u = await pbx.method('SUBSCRIBE');
	ok(u && u.get('Call-ID') === s.request.get('Call-ID') &&
		tag_of(u.get('To')) === s.dialog.local_tag &&
		u.get('Expires') === '0', 'unsubscribe_is_in_the_pbxs_dialog',
	u && u.text);
	pbx.respond(u, 200, 'OK', { headers: ['Expires: 0'] });
	const ur = await refresh;
	ok(ur && ur.status === 200, 'unsubscribe_is_accepted');
	await alice.flow.close();
	await again.flow.close();
});

test('subscribe_early', async () => {
	const alice = await online();
	const s = await subscribed(alice, { notify_first: true });

	ok(s.first && s.first.get('Call-ID') === 'sub-call-id',
		'notify_before_2xx_arrives');
	ok(s.accepted && tag_of(s.accepted.get('To')) ===
		tag_of(s.first && s.first.get('From')),
	'notify_before_2xx_has_its_dialog');
	await alice.flow.close();
});

test('subscribe_refused', async () => {
	const alice = await online();
	const sent = alice.transact(alice.request('SUBSCRIBE', target('bob'), {
		headers: ['Event: dialog', `Contact: ${alice.contact()}`] }));
	const m = await pbx.method('SUBSCRIBE');
	pbx.respond(m, 489, 'Bad Event', { headers: ['Allow-Events: presence'] });
	const r = await sent;
	ok(r && r.status === 489 && r.get('Allow-Events') === 'presence',
		'subscribe_refusal_comes_back');
	const stray = pbx.transact(pbx.request('NOTIFY', alice.alias, {
		call_id: m.get('Call-ID'), to_tag: tag_of(m.get('From')) }));
	const sr = await stray;
	ok(sr && sr.status === 481, 'notify_of_no_subscription_is_481');
	await alice.flow.close();
});

test('subscribe_from_pbx', async () => {
	const alice = await online();
	const sent = pbx.transact(pbx.request('SUBSCRIBE', alice.alias, {
		call_id: 'pbx-sub', from_tag: 'pbxsub', headers: ['Event: x-lab',
			'Expires: 60', `Contact: <sip:watcher@${ADDRESS}:5060>`] }));
	const m = await alice.flow.expect(method('SUBSCRIBE'));
	ok(m && !leaks(m.text, [...sip_traces, 'pbx-sub', 'pbxsub', 'watcher'])
		.length, 'subscribe_hides_the_pbx', m && m.text);
	answer(alice, m, 200, { to_tag: 'alicesub', headers: ['Expires: 60',
		`Contact: ${alice.contact()}`] });
	const r = await sent;
	ok(r && r.status === 200 && uri_of(r.get('Contact')) === alice.alias,
		'subscribe_of_pbx_is_accepted', r && r.text);
	const notify = alice.transact(alice.request('NOTIFY',
		uri_of(m.get('Contact')), { call_id: m.get('Call-ID'),
			from_tag: 'alicesub', to_tag: tag_of(m.get('From')),
			headers: ['Event: x-lab',
				'Subscription-State: terminated;reason=noresource',
				`Contact: ${alice.contact()}`] }));
	const n = await pbx.method('NOTIFY');
	ok(n && n.get('Call-ID') === 'pbx-sub' &&
		tag_of(n.get('To')) === 'pbxsub',
	'notify_of_browser_arrives_at_pbx', n && n.text);
	pbx.respond(n, 200, 'OK');
	const nr = await notify;
	ok(nr && nr.status === 200, 'notify_of_browser_is_answered');
	await alice.flow.close();
});

/* ---- option tags (RFC 3261 8.2.2.3) ---------------------------------------- */

const refused = (m, tags) => m && m.status === 420 &&
	m.get('Unsupported') === tags;

test('require', async () => {
	const alice = await online();
	const ask = (name, headers, fields = {}) => alice.transact(
		alice.request(name, target('bob'), { headers, ...fields }));

	ok(refused(await ask('MESSAGE', ['Require: frob, timer',
		'Require: x-lab']), 'frob, x-lab'),
	'require_of_unknown_tags_is_420_and_names_them');
	ok(refused(await ask('MESSAGE', ['Proxy-Require: sec-agree']),
		'sec-agree'), 'proxy_require_of_an_unknown_tag_is_420');
	ok(refused(await ask('MESSAGE', ['Require: outbound']), 'outbound'),
		'require_outbound_but_in_register_is_420');
	ok(!pbx.inbox.length, 'what_is_refused_with_420_stays_off_the_pbx');
	const sent = ask('MESSAGE', ['Require: 100rel, histinfo',
		'Require: eventlist']);
	const m = await pbx.method('MESSAGE');
	ok(m && /^histinfo$/.test(m.all('Require')[0]) &&
		m.all('Require')[1] === 'eventlist',
	'require_of_what_passes_passes', m && m.text);
	pbx.respond(m, 420, 'Bad Extension', { headers: [
		'Unsupported: histinfo'] });
	ok(refused(await sent, 'histinfo'), 'refusal_of_the_far_end_passes');

	const down = (name, headers, fields) => pbx.transact(pbx.request(name,
		alice.alias, { headers: [`Contact: <sip:gw@${ADDRESS}:5060>`,
			...headers], ...fields }));
	ok(refused(await down('INVITE', ['Require: precondition'],
		{ body: plain_sdp() }), 'precondition'),
	'invite_that_requires_preconditions_is_420');
	ok(!alice.flow.inbox.length, 'what_is_refused_with_420_does_not_ring');
	await alice.flow.close();
});

test('require_in_call', async () => {
	const alice = await online();
	const call = alice.dial('bob', { headers: ['Require: timer'] });
	const m = await pbx.method('INVITE');
	const tag = token(4);

	pbx.respond(m, 200, 'OK', { to_tag: tag, body: plain_sdp(),
		headers: [`Contact: <sip:gw@${ADDRESS}:5060>`] });
	await call.done;
	await pbx.method('ACK');
	ok(call.final.status === 200, 'invite_that_requires_timer_is_answered');
	const d = new Dialog(pbx, m, tag);
	const options = await d.transact('OPTIONS');
	ok(options && options.status === 200 && /INVITE/.test(options.get(
		'Allow')) && /100rel/.test(options.get('Supported')),
	'options_in_a_call_says_what_the_gateway_can', options && options.text);
	ok(refused(await d.transact('INFO', { headers: ['Require: frob'] }),
		'frob'), 'info_that_requires_the_unknown_is_420');
	ok(refused(await alice.transact(call.request('INVITE', {
		body: offer_sdp(), headers: ['Require: frob'] })), 'frob'),
	'reinvite_that_requires_the_unknown_is_420');
	const bye = call.bye();
	pbx.respond(await pbx.method('BYE'), 200, 'OK');
	ok((await bye).status === 200, 'call_goes_on_after_420');
	await alice.flow.close();
});

/* What a refusal has to say, and what cannot be a dialog. */
test('malformed', async () => {
	const alice = await online();
	const contact = `Contact: <sip:gw@${ADDRESS}:5060>`;
	const down = (headers, fields) => pbx.transact(pbx.request('INVITE',
		alice.alias, { headers, body: plain_sdp(), ...fields }));
	const says = (m, status, ...more) => m && m.status === status &&
		more.every(([name, value]) => m.get(name) === value);
	const accepts = [['Accept', 'application/sdp'],
		['Accept-Encoding', 'identity']];
	let m = await down([contact], { type: 'text/plain' });

	ok(says(m, 415, ...accepts), 'refusal_415_names_what_is_taken',
		m && m.text);
	m = await down([contact, 'Content-Encoding: gzip']);
	ok(says(m, 415, ...accepts), 'encoded_description_is_415', m && m.text);
	m = await down([]);
	ok(says(m, 400), 'invite_without_contact_is_400', m && m.text);
	ok(!alice.flow.inbox.length, 'what_is_malformed_does_not_ring');
	m = await alice.transact(alice.request('SUBSCRIBE', target('bob'),
		{ headers: ['Event: presence'] }));
	ok(says(m, 400) && !pbx.inbox.some((r) => r.method === 'SUBSCRIBE'),
		'subscribe_without_contact_is_400', m && m.text);
	await alice.flow.close();
});

/* RFC 5626, RFC 5627 */
test('outbound', async () => {
	const alice = new User(await connect(), { user: 'alice' });
	let m = await alice.register({ headers: ['Require: outbound, path'] });

	ok(m && m.status === 200 && m.get('Require') === 'outbound',
		'register_that_requires_outbound_gets_it', m && m.text);
	ok(!pbx.register.get('Require') &&
		!/outbound|path/.test(pbx.register.get('Supported')),
	'outbound_is_the_gateways_own', pbx.register.text);
	m = await alice.register({ contact: alice.contact() });
	ok(m && m.status === 200 && !m.get('Require'),
		'register_without_instance_has_no_outbound', m && m.text);
	ok(!/gruu/.test(pbx.register.text),
		'register_without_instance_asks_for_no_gruu');
	m = await alice.register({ headers: ['Require: frob'] });
	ok(refused(m, 'frob'), 'register_that_requires_the_unknown_is_420');
	await alice.flow.close();
});

test('gruu', async () => {
	const alice = new User(await connect(), { user: 'alice' });
	const pub = `sip:alice@${ADDRESS};gr=urn:uuid:${alice.instance}`;
	const temp = `sip:tgruu.x1@${ADDRESS};gr`;

	pbx.contact_params = `;pub-gruu="${pub}";temp-gruu="${temp}"`;
	let m = await alice.register({ headers: ['Require: gruu'] });
	ok(pbx.register.get('Supported') === 'gruu' &&
		pbx.register.get('Require') === 'gruu' &&
		pbx.register.get('Contact').includes(
			`+sip.instance="<urn:uuid:${alice.instance}>"`),
	'gruu_is_asked_of_the_pbx', pbx.register.text);
	const contact = m && m.get('Contact');
	const alias = pbx.contacts.get('alice');
	ok(contact && contact.includes(alice.host) &&
		contact.includes(`pub-gruu="${pub}"`) &&
		contact.includes(`temp-gruu="${temp}"`),
	'gruus_are_given_to_the_browser', m && m.text);
	m = await alice.register({ contact: '' });
	ok(m && m.get('Contact') && m.get('Contact').includes(
		`pub-gruu="${pub}"`), 'gruus_are_in_a_query', m && m.text);
	pbx.contact_params = '';

	/* The browser is reached by it as by any Contact. */
	alice.contact = () => `<${pub}>`;
	const call = alice.dial('bob');
	const invite = await pbx.method('INVITE');
	const tag = token(4);
	pbx.respond(invite, 200, 'OK', { to_tag: tag, body: plain_sdp(),
		headers: [`Contact: <sip:gw@${ADDRESS}:5060>`] });
	await call.done;
	await pbx.method('ACK');
	ok(uri_of(invite.get('Contact')) === alias,
		'gruu_as_contact_becomes_the_alias', invite.get('Contact'));
	const bye = new Dialog(pbx, invite, tag).transact('BYE');
	const b = await alice.flow.expect(method('BYE'));
	ok(b && b.uri === pub, 'gruu_is_the_target_in_the_call', b && b.text);
	alice.flow.send(response(b, 200, 'OK'));
	ok((await bye).status === 200, 'call_of_a_gruu_ends');
	await alice.flow.close();
});

(async () => {
	pbx = await Pbx.start();
	const rc = await run_all();

	pbx.stop();
	process.exit(rc);
})();
