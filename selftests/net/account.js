// SPDX-License-Identifier: Apache-2.0
/*
 * The gateway as a user of the PBX: its REGISTER, the credentials for its
 * requests, its calls. pbx_register = { user = "trunk"; realm = "lab"; ... }
 */
'use strict';
const crypto = require('crypto');
const { busywait, ok, run_all, test } = require('../browser/tap.js');
const { log, peer, registrations } = require('./lab.js');
const { ADDRESS, Dialog, Pbx, plain_sdp } = require('./pbx.js');
const { User, answer_sdp, connect, parse, tag_of, token, uri_of } =
	require('./wsclient.js');

const PASSWORD = process.env.PASSWORD;
const ACCOUNT = `sip:trunk@${ADDRESS}`;
let pbx;

const registers = [];	/* of the account, as they came */
/* What REGISTERs of the account get; null: 200. */
let refuse = () => null;

const challenge = (nonce, { realm = 'lab', algorithm = 'MD5', more = '' } = {}) =>
	`Digest realm="${realm}", nonce="${nonce}", qop="auth", ` +
	`algorithm=${algorithm}${more}`;

/* Is that header the right answer? */
function is_right(value, m, nonce, algorithm = 'MD5')
{
	const get = (name) => (new RegExp(`\\b${name}="?([^",]+)`)
		.exec(value || '') || [])[1];
	const h = (s) => crypto.createHash(algorithm.replace('-', '')
		.toLowerCase()).update(s).digest('hex');
	const a1 = h(`${get('username')}:${get('realm')}:${PASSWORD}`);
	const a2 = h(`${m.method}:${m.uri}`);

	return get('nonce') === nonce && get('username') === 'trunk' &&
		get('algorithm') === algorithm && get('uri') === m.uri &&
		get('response') === h(`${a1}:${nonce}:${get('nc')}:` +
			`${get('cnonce')}:auth:${a2}`);
}

async function shown()
{
	const { trunks } = JSON.parse((await peer('sluicectl', '-j', 'show',
		'trunks')).out);

	return trunks.find((t) => t.uri === ACCOUNT) || {};
}

async function online(user)
{
	const u = new User(await connect(), { user });
	const m = await u.register();

	if (!m || m.status !== 200)
		throw new Error(`${user} is not registered: ${m && m.start}`);
	return u;
}

/* ---- REGISTER ------------------------------------------------------------- */

/* Waits for one that fits; those before are forgotten. */
const registered = (fits, seconds = 15) => busywait(seconds, () => {
	while (registers.length) {
		const m = registers.shift();
		if (fits(m))
			return m;
	}
	return null;
});

test('register', async () => {
	/* The PBX lets it in step by step. */
	const first = await registered((m) => !m.get('Authorization'), 30);
	ok(first && first.uri === `sip:${ADDRESS}` &&
		uri_of(first.get('From')) === ACCOUNT &&
		uri_of(first.get('To')) === ACCOUNT &&
		uri_of(first.get('Contact')) === 'sip:trunk@198.51.100.1:5060',
	'account_register_is_its_own', first && first.text);
	const second = await registered((m) => m.get('Authorization'));
	ok(second && is_right(second.get('Authorization'), second, 'n1',
		'SHA-256'), 'account_answers_sha256', second && second.text);
	ok(second && second.get('Call-ID') === first.get('Call-ID') &&
		second.cseq > first.cseq && tag_of(second.get('From')) ===
		tag_of(first.get('From')), 'account_register_is_one_series');
	const longer = await registered((m) => m.get('Authorization') &&
		m.get('Expires') === '900');
	ok(longer, 'account_heeds_min_expires');
	pbx.grants = 0;
	const again = await registered((m) => m.get('Authorization'));
	ok(again && again.cseq > longer.cseq &&
		again.get('Call-ID') === first.get('Call-ID'),
	'account_refreshes_before_the_end');
	ok(await busywait(5, async () => {
		const s = await shown();
		return s.state === 'registered' && s.expires_in_s > 800;
	}), 'account_registered_is_shown', JSON.stringify(await shown()));
});

test('calls', async () => {
	const alice = await online('alice');
	const call = alice.dial('0123');
	const first = await pbx.method('INVITE');
	pbx.respond(first, 407, 'Proxy Authentication Required', { headers: [
		`Proxy-Authenticate: ${challenge('i1')}`] });
	await pbx.method('ACK');
	const second = await pbx.method('INVITE');
	ok(second && is_right(second.get('Proxy-Authorization'), second, 'i1'),
		'invite_challenge_is_answered', second && second.text);
	ok(second && second.cseq === first.cseq + 1 &&
		second.get('Call-ID') === first.get('Call-ID') &&
		second.body === first.body && second.uri === first.uri &&
		tag_of(second.get('From')) === tag_of(first.get('From')),
	'invite_with_credentials_is_the_same_call');
	/* An old nonce is no refusal. */
	pbx.respond(second, 407, 'Proxy Authentication Required', { headers: [
		`Proxy-Authenticate: ${challenge('i2', { more:
			', stale=true' })}`] });
	await pbx.method('ACK');
	const third = await pbx.method('INVITE');
	ok(third && is_right(third.get('Proxy-Authorization'), third, 'i2') &&
		third.cseq === second.cseq + 1, 'invite_stale_is_answered_again');
	const tag = token(4);
	pbx.respond(third, 200, 'OK', { to_tag: tag, body: plain_sdp(),
		headers: [`Contact: <sip:gw@${ADDRESS}:5060>`] });
	await call.done;
	const ack = await pbx.method('ACK');
	ok(call.final && call.final.status === 200,
		'browser_hears_of_no_challenge');
	ok(ack && ack.cseq === third.cseq && ack.get('Proxy-Authorization') ===
		third.get('Proxy-Authorization'),
	'ack_has_number_and_credentials_of_its_invite', ack && ack.text);
	const bye = call.bye();
	const b1 = await pbx.method('BYE');
	pbx.respond(b1, 407, 'Proxy Authentication Required', { headers: [
		`Proxy-Authenticate: ${challenge('b1')}`] });
	const b2 = await pbx.method('BYE');
	ok(b1 && b2 && b1.cseq > third.cseq && b2.cseq === b1.cseq + 1 &&
		is_right(b2.get('Proxy-Authorization'), b2, 'b1'),
	'bye_challenge_is_answered', b2 && b2.text);
	pbx.respond(b2, 200, 'OK');
	ok((await bye).status === 200, 'bye_is_over');
	await alice.flow.close();
});

/* call.refer = "execute": the gateway is who calls, and who is asked. */
test('transfer', async () => {
	const alice = await online('alice');
	const call = alice.dial('0123');
	const m = await pbx.method('INVITE');
	const contact = `Contact: <sip:gw@${ADDRESS}:5060>`;
	const tag = token(4);

	pbx.respond(m, 200, 'OK', { to_tag: tag, body: plain_sdp(),
		headers: [contact] });
	await call.done;
	await pbx.method('ACK');
	const d = new Dialog(pbx, m, tag);
	const notified = async () => {
		const n = await pbx.method('NOTIFY');
		if (n)
			pbx.respond(n, 200, 'OK');
		return n && n.body.trim();
	};

	await d.transact('REFER', { headers: [contact,
		`Refer-To: <sip:1004@${ADDRESS}>`] });
	const first = await pbx.method('INVITE');
	ok(await notified() === 'SIP/2.0 100 Trying', 'transfer_is_begun');
	pbx.respond(first, 407, 'Proxy Authentication Required', { headers: [
		`Proxy-Authenticate: ${challenge('t1')}`] });
	await pbx.method('ACK');
	const second = await pbx.method('INVITE');
	ok(second && is_right(second.get('Proxy-Authorization'), second, 't1') &&
		second.cseq === first.cseq + 1 && second.body === first.body &&
		second.get('Call-ID') === first.get('Call-ID'),
	'transfer_challenge_is_answered', second && second.text);
	const end = token(4);
	pbx.respond(second, 200, 'OK', { to_tag: end, body: plain_sdp(),
		headers: [contact] });
	const ack = await pbx.method('ACK');
	ok(ack && ack.cseq === second.cseq &&
		ack.get('Proxy-Authorization') ===
		second.get('Proxy-Authorization'),
	'transfer_ack_has_number_and_credentials_of_its_invite',
	ack && ack.text);
	ok(await notified() === 'SIP/2.0 200 OK',
		'transfer_after_challenge_is_told');
	pbx.respond(await pbx.method('BYE'), 200, 'OK');
	const bye = call.bye();
	const b = await pbx.method('BYE');
	ok(b && b.cseq > second.cseq && tag_of(b.get('To')) === end,
		'transfer_after_challenge_is_hung_up', b && b.text);
	pbx.respond(b, 200, 'OK');
	await bye;

	/* Refused: whoever referred is told. */
	const again = alice.dial('0123');
	const m2 = await pbx.method('INVITE');
	pbx.respond(m2, 200, 'OK', { to_tag: tag, body: plain_sdp(),
		headers: [contact] });
	await again.done;
	await pbx.method('ACK');
	const d2 = new Dialog(pbx, m2, tag);
	await d2.transact('REFER', { headers: [contact,
		`Refer-To: <sip:1004@${ADDRESS}>`] });
	await notified();
	for (let i = 0; i < 2; i++) {
		pbx.respond(await pbx.method('INVITE'), 407, 'Proxy Auth', {
			headers: [`Proxy-Authenticate: ${challenge(`u${i}`)}`] });
		await pbx.method('ACK');
	}
	ok(await notified() === 'SIP/2.0 407 Proxy Auth',
		'transfer_with_credentials_refused_is_told');
	ok(/failed: 407 .*does not take what pbx_register/.test(log('gateway')),
		'transfer_with_credentials_refused_is_logged');
	const over = again.bye();
	pbx.respond(await pbx.method('BYE'), 200, 'OK');
	await over;
	await alice.flow.close();
});

test('not_ours', async () => {
	const alice = await online('alice');
	/* Another realm. */
	const call = alice.dial('0123', { password: null });
	pbx.respond(await pbx.method('INVITE'), 407, 'Proxy Auth', { headers: [
		`Proxy-Authenticate: ${challenge('x', { realm: 'other' })}`] });
	await call.done;
	ok(call.final && call.final.status === 407,
		'challenge_of_another_realm_is_the_browsers');
	/* And the browser answers it: end to end, the ACK too. */
	const own_call = alice.dial('0123');
	pbx.respond(await pbx.method('INVITE'), 407, 'Proxy Auth', { headers: [
		`Proxy-Authenticate: ${challenge('x2', { realm: 'other' })}`] });
	await pbx.method('ACK');
	const answered = await pbx.method('INVITE');
	pbx.respond(answered, 200, 'OK', { to_tag: token(4), body: plain_sdp(),
		headers: [`Contact: <sip:gw@${ADDRESS}:5060>`] });
	await own_call.done;
	const own_ack = await pbx.expect((m) => m.method === 'ACK' &&
		m.uri === `sip:gw@${ADDRESS}:5060`);
	ok(/username="alice"/.test(answered.get('Proxy-Authorization')) &&
		own_ack.get('Proxy-Authorization') ===
		answered.get('Proxy-Authorization'),
	'ack_has_the_credentials_of_the_browser', own_ack.text);
	const over = own_call.bye();
	pbx.respond(await pbx.method('BYE'), 200, 'OK');
	await over;
	/* Ours, refused. */
	const refused = alice.dial('0123', { password: null });
	for (let i = 0; i < 2; i++)
		pbx.respond(await pbx.method('INVITE'), 407, 'Proxy Auth', {
			headers: [`Proxy-Authenticate: ${challenge(`y${i}`)}`] });
	await refused.done;
	ok(refused.final && refused.final.status === 407,
		'credentials_refused_are_not_repeated');
	/* A browser's REGISTER is never made with the account. */
	const own = refuse;
	pbx.on_register = (m) => m.get('Authorization') ? null :
		[401, `WWW-Authenticate: ${challenge('z')}`];
	const bob = new User(await connect(), { user: 'bob' });
	const m = await bob.register({ password: null });
	ok(m && m.status === 401, 'register_of_browser_is_its_own', m && m.text);
	pbx.on_register = on_register;
	refuse = own;
	await alice.flow.close();
	await bob.flow.close();
});

/* ---- calls to the account --------------------------------------------------- */

const invite = () => pbx.request('INVITE', 'sip:trunk@198.51.100.1:5060', {
	from: `sip:0123@${ADDRESS}`, to: ACCOUNT, body: plain_sdp(),
	headers: [`Contact: <sip:gw@${ADDRESS}:5060>`] });
const finals = (text) => pbx.inbox.filter((m) => m.status >= 200 &&
	m.get('Call-ID') === parse(text).get('Call-ID'));
const no_calls = () => busywait(8, async () => !JSON.parse((await peer(
	'sluicectl', '-j', 'show', 'calls')).out).calls.length);

/* These ring; each one's end of the call. */
async function ring(...users)
{
	const text = invite();

	pbx.send(text);
	const legs = await Promise.all(users.map((u) => u.incoming()));
	if (legs.some((l) => !l))
		throw new Error(`rings ${legs.filter((l) => l).length} of ${
			users.length}`);
	/* Before it no CANCEL is sent. */
	for (const l of legs)
		l.respond(100, 'Trying', { to_tag: undefined });
	return { text, legs, m: parse(text) };
}

const final_of = ({ m }) => pbx.expect((r) => r.status >= 200 &&
	r.get('Call-ID') === m.get('Call-ID') && r.cseq_method === 'INVITE');

/* The winner hangs up; nothing is left. */
async function answered(name, call, leg)
{
	const acked = leg.answer();
	const final = await final_of(call);
	const dialog = new Dialog(pbx, final);

	pbx.send(dialog.request('ACK'));
	ok(final.status === 200 && await acked, `${name}_is_answered`,
		final.text);
	return dialog;
}

async function over(name, dialog, leg, call)
{
	const bye = dialog.transact('BYE');

	ok(await leg.ended() && (await bye).status === 200 &&
		await no_calls() && !finals(call.text).length,
	`${name}_ends`);
}

/* An INVITE's refusal is acknowledged by its own branch. */
const ack_refusal = ({ m }, final) => pbx.send(pbx.request('ACK', m.uri, {
	from: uri_of(m.get('From')), to: uri_of(m.get('To')),
	call_id: m.get('Call-ID'), from_tag: tag_of(m.get('From')),
	to_tag: tag_of(final.get('To')) })
	.replace(/branch=[^;\s]+/, m.get('Via').match(/branch=[^;\s]+/)[0]));

test('called', async () => {
	const alice = await online('alice');
	/* Those of before, too. */
	await alice.register({ contact: '*', expires: 0 });
	const nobody = await pbx.transact(invite());
	ok(nobody && nobody.status === 480, 'call_to_account_of_nobody_is_480',
		nobody && nobody.text);
	await alice.register();
	const call = await ring(alice);
	const dialog = await answered('call_to_account', call, call.legs[0]);
	await over('call_to_account', dialog, call.legs[0], call);

	/* It was there a moment ago: the call waits for it. */
	await alice.flow.vanish();
	await busywait(5, async () => (await registrations('alice'))
		.every((r) => !r.online));
	const text = invite();
	pbx.send(text);
	await pbx.expect((r) => r.status === 100 && r.get('Call-ID') ===
		parse(text).get('Call-ID'));
	alice.flow = await connect();
	await alice.register();
	const leg = await alice.incoming();
	ok(leg, 'call_to_account_waits_for_its_browser');
	leg.respond(486, 'Busy Here');
	const final = await final_of({ m: parse(text) });
	ok(final && final.status === 486, 'call_to_account_is_refused');
	ack_refusal({ m: parse(text) }, final);
	await alice.register({ expires: 0 });
	await alice.flow.close();
});

test('called_all', async () => {
	const users = [];

	for (let i = 0; i < 3; i++)
		users.push(await online('alice'));
	const bob = await online('bob');

	/* The first answer wins. */
	let call = await ring(...users);
	let [one, two, three] = call.legs;
	one.ring();
	two.ring();
	const [r1, r2] = [await pbx.expect((m) => m.status === 180),
		await pbx.expect((m) => m.status === 180)];
	ok(r1 && r2 && tag_of(r1.get('To')) !== tag_of(r2.get('To')),
		'browsers_of_account_ring_as_branches_of_a_fork');
	let dialog = await answered('call_to_all', call, two);
	const losers = [await one.cancelled(), await three.cancelled()];
	ok(losers.every((m) => m && /cause=200;text="Call completed elsewhere"/
		.test(m.get('Reason'))), 'losers_hear_that_it_is_answered_elsewhere',
	losers[0] && losers[0].text);
	await over('call_to_all', dialog, two, call);
	ok(!bob.flow.inbox.length, 'nobody_else_rings');

	/* One of several says no, the others go on. */
	call = await ring(...users);
	[one, two, three] = call.legs;
	one.respond(486, 'Busy Here');
	await one.user.flow.expect((m) => m.method === 'ACK');
	await three.user.flow.vanish();
	two.ring();
	await pbx.expect((m) => m.status === 180);
	ok(!finals(call.text).length, 'refusal_of_one_is_not_the_calls');
	dialog = await answered('call_after_refusals', call, two);
	await over('call_after_refusals', dialog, two, call);
	users[2].flow = await connect();
	await users[2].register();

	/* All say no: the best of it, once. */
	call = await ring(...users);
	[one, two, three] = call.legs;
	three.respond(503, 'Broken');
	one.respond(480, 'Not Now');
	two.respond(486, 'Busy Here');
	let final = await final_of(call);
	ok(final && [480, 486].includes(final.status),
		'all_refuse_and_the_best_passes',
		final && final.text);
	ack_refusal(call, final);
	ok(await no_calls() && !finals(call.text).length,
		'refusals_of_all_are_one');

	/* RFC 3261 16.7: a 6xx ends it for all. */
	call = await ring(...users);
	[one, two, three] = call.legs;
	one.respond(603, 'Decline');
	final = await final_of(call);
	ok(final && final.status === 603, 'decline_of_one_is_the_calls',
		final && final.text);
	ack_refusal(call, final);
	const declined = [await two.cancelled(), await three.cancelled()];
	ok(declined.every((m) => m && /cause=603/.test(m.get('Reason'))),
		'decline_cancels_the_others', declined[0] && declined[0].text);
	ok(await no_calls(), 'declined_call_is_gone');

	/* The caller gives up. */
	call = await ring(...users);
	one.ring();
	await pbx.expect((m) => m.status === 180);
	const cancelled = pbx.transact(call.text.replace(/^INVITE/, 'CANCEL')
		.replace(/CSeq: 1 INVITE/, 'CSeq: 1 CANCEL\r\nReason: Q.850;cause=16')
		.replace(/\r\nContact:.*/, '').replace(/\r\nContent-Type.*/s,
			'\r\nContent-Length: 0\r\n\r\n'));
	const all = await Promise.all(call.legs.map((l) => l.cancelled()));
	ok(all.every((m) => m && m.get('Reason') === 'Q.850;cause=16'),
		'cancel_reaches_all', all[0] && all[0].text);
	final = await final_of(call);
	ok((await cancelled).status === 200 && final && final.status === 487,
		'cancelled_call_to_all_is_487', final && final.text);
	ack_refusal(call, final);
	ok(await no_calls() && !finals(call.text).length, 'and_one_487');

	/* Two answers cross. */
	call = await ring(...users);
	[one, two, three] = call.legs;
	const late = { body: answer_sdp(two.invite.body),
		headers: [`Contact: ${two.user.contact()}`] };
	two.respond(200, 'OK', late);
	dialog = await answered('call_of_two_answers', call, one).catch(
		() => null);
	const gone = [await two.ended(1000), await one.ended(100)];
	ok(gone.filter((m) => m).length === 1,
		'second_answer_is_hung_up', gone.map((m) => m && m.start));
	await three.cancelled();
	const won = gone[0] ? one : two;
	await over('call_of_two_answers', dialog, won, call);
	for (const u of [...users, bob]) {
		await u.register({ expires: 0 });
		await u.flow.close();
	}
});

/* pbx_register.ring = "newest" */
test('newest', async () => {
	const old = await online('alice'), newest = await online('alice');
	const call = await ring(newest);
	const dialog = await answered('call_to_newest', call, call.legs[0]);

	await over('call_to_newest', dialog, call.legs[0], call);
	ok(!old.flow.inbox.some((m) => m.method), 'older_browser_does_not_ring');
	await old.flow.close();
	await newest.flow.close();
});

function on_register(m)
{
	if (uri_of(m.get('To')) !== ACCOUNT)
		return null;
	registers.push(m);
	return refuse(m);
}

(async () => {
	ok((await shown()).state === 'unregistered', 'account_alone_is_shown');
	refuse = (m) => {
		if (!m.get('Authorization'))
			return [401, `WWW-Authenticate: ${challenge('n1',
				{ algorithm: 'SHA-512-256' })}`,
			`WWW-Authenticate: ${challenge('n1',
				{ algorithm: 'SHA-256' })}`];
		if (Number(m.get('Expires')) < 900)
			return [423, 'Min-Expires: 900'];
		return null;
	};
	pbx = new Pbx();
	pbx.grants = 3;
	pbx.on_register = on_register;
	await new Promise((resolve) => pbx.probed = resolve);
	const rc = await run_all();

	pbx.stop();
	process.exit(rc);
})();
