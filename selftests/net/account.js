// SPDX-License-Identifier: Apache-2.0
/*
 * The gateway as a user of the PBX: its REGISTER, the credentials for its
 * requests, its calls. pbx_register = { user = "trunk"; realm = "lab"; ... }
 */
'use strict';
const crypto = require('crypto');
const { busywait, ok, run_all, test } = require('../browser/tap.js');
const { log, peer } = require('./lab.js');
const { ADDRESS, Dialog, Pbx, plain_sdp } = require('./pbx.js');
const { User, connect, tag_of, token, uri_of } = require('./wsclient.js');

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

test('called', async () => {
	const invite = () => pbx.request('INVITE', 'sip:trunk@198.51.100.1:5060', {
		from: `sip:0123@${ADDRESS}`, to: ACCOUNT, body: plain_sdp(),
		headers: [`Contact: <sip:gw@${ADDRESS}:5060>`] });
	const nobody = await pbx.transact(invite());
	ok(nobody && nobody.status === 404, 'call_to_account_of_nobody_is_404');
	const alice = await online('alice');
	const done = pbx.transact(invite());
	const call = await alice.incoming();
	ok(call, 'call_to_account_rings_its_user');
	const ack = call.answer();
	const final = await done;
	const dialog = new Dialog(pbx, final);
	pbx.send(dialog.request('ACK'));
	await ack;
	const bye = dialog.transact('BYE');
	ok(await call.ended() && (await bye).status === 200,
		'call_to_account_ends');
	await alice.flow.close();
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
