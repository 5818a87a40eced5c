// SPDX-License-Identifier: Apache-2.0
/* See revive.sh. Run in namespace web. */
'use strict';
const fs = require('fs');
const path = require('path');
const { busywait, ok, run_all, test } = require('../browser/tap.js');
const { LAB, calls, registrations, sluicectl } = require('./lab.js');
const { Remote } = require('./party.js');
const { ADDRESS, Dialog, Pbx, plain_sdp } = require('./pbx.js');
const { Talk } = require('./talk.js');
const { User, answer_sdp, connect, parse, response, tag_of, token, uri_of } =
	require('./wsclient.js');

const TRANSPORT = process.env.SIP_TRANSPORT;
let pbx;

/* ---- the daemon ----------------------------------------------------------- */

const pid_file = path.join(LAB, 'pid');

/* Dead when it resolves. */
function kill()
{
	process.kill(Number(fs.readFileSync(pid_file)), 'SIGKILL');
	return busywait(5, () => !fs.existsSync(pid_file));
}

async function serves()
{
	try {
		return (await sluicectl('status')).version;
	} catch {
		return false;
	}
}

async function start()
{
	fs.writeFileSync(path.join(LAB, 'go'), '');
	if (!await busywait(20, serves))
		throw new Error('the daemon does not start again');
}

async function restart()
{
	await kill();
	await start();
}

/* ---- users ---------------------------------------------------------------- */

async function online(user = 'alice', options = {})
{
	const u = new User(await connect(), { user, ...options });
	const m = await u.register();

	if (!m || m.status !== 200)
		throw new Error(`${user} is not registered: ${m && m.start}`);
	u.alias = pbx.contacts.get(user);
	return u;
}

/* The same browser, instance and all, on a new connection. */
async function back(u)
{
	u.flow = await connect();
	const m = await u.register();

	if (!m || m.status !== 200)
		throw new Error(`${u.user} is not back: ${m && m.start}`);
	return u;
}

/* Signalling alone is the same over both datapaths, and quicker over one. */
const signalling = (name, run) => process.env.DATAPATH === 'user' &&
	test(name, run);
const with_media = (name, run) => process.env.DATAPATH !== 'user' &&
	test(name, run);

const tagged = (name) => `${name}_${TRANSPORT}`;

/* ---- registrations -------------------------------------------------------- */

signalling('registration', async () => {
	const alice = await online();
	const alias = alice.alias;

	await restart();
	const found = async () => (await registrations('alice')).find((x) =>
		alias.includes(x.alias));
	const r = await found();
	ok(r && !r.online,
		tagged('registration_outlives_the_daemon'), JSON.stringify(r));
	const down = pbx.transact(pbx.request('MESSAGE', alias,
		{ body: 'while away', type: 'text/plain' }));
	ok((await down || {}).status === 480,
		tagged('message_to_absent_browser_is_480'));
	await back(alice);
	ok(pbx.contacts.get('alice') === alias,
		tagged('browser_back_keeps_its_alias'));
	const again = pbx.transact(pbx.request('MESSAGE', alias,
		{ body: 'and back', type: 'text/plain' }));
	const m = await alice.flow.expect((x) => x.method === 'MESSAGE');
	ok(m && m.body === 'and back', tagged('browser_back_is_reached'));
	if (m)
		alice.flow.send(response(m, 200, 'OK'));
	await again;
	ok((await alice.register({ expires: 0 })).status === 200 &&
		!await found(), tagged('registration_removed'));
	await restart();
	ok(!await found(), tagged('registration_removed_stays_removed'));
});

/* ---- calls in set-up -------------------------------------------------------- */

const branch_of = (m) => (/;branch=([^;\s]+)/.exec(m.all('Via')[0]) || [])[1];
const of_call = (m, method) => (x) => x.get('Call-ID') === m.get('Call-ID') &&
	(method ? x.method === method : x.status >= 200);
const contact = `Contact: <sip:bob@${ADDRESS}:5060;transport=${TRANSPORT}>`;

/* The browser calls; the INVITE as the PBX has it. */
async function dial_out(alice, status, phrase)
{
	const call = alice.dial('bob', { ms: 2000 });
	const m = await pbx.method('INVITE');

	pbx.respond(m, 100, 'Trying', { to_tag: undefined });
	if (status)
		pbx.respond(m, status, phrase, { to_tag: 'bobtag',
			headers: [contact] });
	return { call, m };
}

const invite_of_pbx = (alias) => pbx.request('INVITE', alias, {
	call_id: token(), from_tag: 'pbxtag', body: plain_sdp(),
	headers: [`Contact: <sip:pbx@${ADDRESS}:5060;transport=${TRANSPORT}>`] });

/* The PBX calls; the INVITE as the browser has it. */
async function dial_in(alice)
{
	const text = invite_of_pbx(alice.alias);
	const sent = parse(text);

	pbx.send(text);
	const call = await alice.incoming();
	const trying = await pbx.expect((x) => x.status === 100 &&
		x.get('Call-ID') === sent.get('Call-ID'));
	if (!trying)
		throw new Error('no 100');
	return { call, sent };
}

/* What a cancelled INVITE at the PBX has to see; m is that INVITE. */
async function is_cancelled(name, m)
{
	const cancel = await pbx.expect(of_call(m, 'CANCEL'));

	ok(cancel && branch_of(cancel) === branch_of(m) &&
		cancel.cseq === m.cseq && cancel.uri === m.uri &&
		tag_of(cancel.get('From')) === tag_of(m.get('From')),
	tagged(`${name}_cancelled_by_its_branch`), cancel && cancel.text);
	if (!cancel)
		return;
	pbx.respond(cancel, 200, 'OK');
	pbx.respond(m, 487, 'Request Terminated', { to_tag: 'bobtag' });
	const ack = await pbx.expect(of_call(m, 'ACK'));
	ok(ack && branch_of(ack) === branch_of(m),
		tagged(`${name}_refusal_is_acked`), ack && ack.text);
}

signalling('setup_out_100', async () => {
	const alice = await online();
	const { m } = await dial_out(alice);

	await restart();
	await is_cancelled('call_after_100', m);
});

signalling('setup_out_180', async () => {
	const alice = await online();
	const { m } = await dial_out(alice, 180, 'Ringing');

	await restart();
	await is_cancelled('call_after_180', m);
});

signalling('setup_out_late_answer', async () => {
	const alice = await online();
	const { m } = await dial_out(alice, 180, 'Ringing');

	await kill();
	await start();
	const cancel = await pbx.expect(of_call(m, 'CANCEL'));
	pbx.respond(cancel, 200, 'OK');
	/* It had picked up before. */
	pbx.respond(m, 200, 'OK', { to_tag: 'bobtag', headers: [contact],
		body: plain_sdp() });
	const ack = await pbx.expect(of_call(m, 'ACK'));
	const bye = await pbx.expect(of_call(m, 'BYE'));
	ok(ack && ack.cseq === m.cseq && tag_of(ack.get('To')) === 'bobtag',
		tagged('late_answer_is_acked'), ack && ack.text);
	ok(bye && bye.cseq > m.cseq && tag_of(bye.get('To')) === 'bobtag' &&
		tag_of(bye.get('From')) === tag_of(m.get('From')),
	tagged('late_answer_is_hung_up'), bye && bye.text);
	if (bye)
		pbx.respond(bye, 200, 'OK');
});

signalling('setup_out_cancel', async () => {
	const alice = await online();
	const { call, m } = await dial_out(alice, 180, 'Ringing');

	await alice.flow.expect((x) => x.status === 180);
	call.cancel();
	const cancel = await pbx.expect(of_call(m, 'CANCEL'));
	ok(cancel, tagged('cancel_reaches_pbx'));
	/* The next one is no repeat of it. */
	pbx.answers.delete(`${cancel.get('Via')} ${cancel.get('CSeq')}`);
	await restart();
	await is_cancelled('call_in_cancel', m);
});

for (const status of [100, 180]) {
	signalling(`setup_in_${status}`, async () => {
		const alice = await online();
		const { call, sent } = await dial_in(alice);
		const { invite } = call;

		if (status === 180) {
			call.ring();
			await pbx.expect((x) => x.status === 180);
		}
		await restart();
		const final = await pbx.expect(of_call(sent));
		ok(final && final.status === 503 && final.cseq === sent.cseq,
			tagged(`caller_after_${status}_gets_503`),
			final && final.text);
		await back(alice);
		const cancel = await alice.flow.expect(of_call(invite, 'CANCEL'));
		ok(cancel && branch_of(cancel) === branch_of(invite) &&
			cancel.cseq === invite.cseq,
		tagged(`browser_back_after_${status}_gets_cancel`),
		cancel && cancel.text);
		if (!cancel)
			return;
		alice.flow.send(response(cancel, 200, 'OK'));
		call.respond(487, 'Request Terminated');
		const ack = await alice.flow.expect(of_call(invite, 'ACK'));
		ok(ack && branch_of(ack) === branch_of(invite),
			tagged(`browser_refusal_after_${status}_is_acked`));
		await alice.flow.close();
	});
}

/* What the browser is owed outlives a second daemon, and is said once. */
signalling('setup_in_twice', async () => {
	const alice = await online();
	const { call, sent } = await dial_in(alice);
	const { invite } = call;

	call.ring();
	await pbx.expect((x) => x.status === 180);
	await restart();
	const final = await pbx.expect(of_call(sent));
	ok(final && final.status === 503, tagged('caller_of_two_gets_503'));
	await kill();
	pbx.seen.clear();
	await start();
	await restart();
	ok(!await pbx.expect(of_call(sent), 300),
		tagged('caller_of_two_gets_one_503'));
	await back(alice);
	const cancel = await alice.flow.expect(of_call(invite, 'CANCEL'));
	ok(cancel && branch_of(cancel) === branch_of(invite) &&
		cancel.cseq === invite.cseq,
	tagged('browser_back_after_two_gets_cancel'), cancel && cancel.text);
	if (!cancel)
		return;
	alice.flow.send(response(cancel, 200, 'OK'));
	call.respond(487, 'Request Terminated');
	ok(await alice.flow.expect(of_call(invite, 'ACK')),
		tagged('browser_refusal_after_two_is_acked'));
	await restart();
	await back(alice);
	ok(!await alice.flow.expect(of_call(invite, 'CANCEL'), 300),
		tagged('browser_back_again_gets_no_cancel'));
	await alice.flow.close();
});

signalling('setup_in_away', async () => {
	const alice = await online();
	const text = invite_of_pbx(alice.alias);

	await restart();
	pbx.send(text);
	await pbx.expect((x) => x.status === 100 &&
		x.get('Call-ID') === parse(text).get('Call-ID'));
	await back(alice);
	const call = await alice.incoming();
	ok(call, tagged('call_waits_for_browser_after_restart'));
	if (call)
		call.respond(486, 'Busy Here');
	const busy = await pbx.expect(of_call(parse(text)));
	ok(busy && busy.status === 486,
		tagged('call_that_waited_is_answered'), busy && busy.text);

	const second = parse(invite_of_pbx(alice.alias));
	await alice.flow.vanish();
	await busywait(5, async () => (await registrations('alice')).some((r) =>
		alice.alias.includes(r.alias) && !r.online));
	pbx.send(second.text);
	await pbx.expect((x) => x.status === 100 &&
		x.get('Call-ID') === second.get('Call-ID'));
	await restart();
	const final = await pbx.expect(of_call(second));
	ok(final && final.status === 503,
		tagged('caller_that_waits_gets_503'), final && final.text);
});

/* ---- answered calls, their media not to be adopted -------------------------- */

async function answered_out(alice, { ack = true } = {})
{
	const call = alice.dial('bob', { ack });
	const m = await pbx.method('INVITE');

	pbx.respond(m, 200, 'OK', { to_tag: 'bobtag', headers: [contact],
		body: plain_sdp() });
	await call.done;
	const acked = await pbx.expect(of_call(m, 'ACK'));
	if (!acked)
		throw new Error('no ACK for the PBX');
	return { call, m, acked };
}

/* BYE at both ends, the browser's once it is back. */
async function ends(name, alice, call, m, tags)
{
	const bye = await pbx.expect(of_call(m, 'BYE'));

	ok(bye && tag_of(bye.get('From')) === tags[0] &&
		tag_of(bye.get('To')) === tags[1],
	tagged(`${name}_pbx_gets_bye`), bye && bye.text);
	if (bye)
		pbx.respond(bye, 200, 'OK');
	await back(alice);
	const web = await call.ended();
	ok(web && tag_of(web.get('To')) === call.local_tag &&
		tag_of(web.get('From')) === call.remote_tag,
	tagged(`${name}_browser_back_gets_bye`), web && web.text);
	await alice.flow.close();
	return bye;
}

signalling('answered', async () => {
	const alice = await online();
	const { call, m } = await answered_out(alice);

	await restart();
	const bye = await ends('answered', alice, call, m,
		[tag_of(m.get('From')), 'bobtag']);
	ok(bye && bye.cseq > m.cseq + 1000,
		tagged('answered_cseq_goes_on_after_a_gap'), bye && bye.text);
	ok(await busywait(5, async () => !(await calls()).length),
		tagged('answered_call_is_gone'));
	await restart();
	ok(!await pbx.expect(of_call(m, 'BYE'), 300),
		tagged('answered_call_is_ended_once'));
});

signalling('answered_no_ack_from_browser', async () => {
	const alice = await online();
	const { call, m } = await answered_out(alice, { ack: false });

	await restart();
	const bye = await pbx.expect(of_call(m, 'BYE'));
	ok(bye, tagged('no_ack_of_browser_pbx_gets_bye'));
	if (bye)
		pbx.respond(bye, 200, 'OK');
	/* What the browser is owed survives another one. */
	await busywait(5, async () => !(await calls()).length);
	await restart();
	await back(alice);
	ok(await call.ended(), tagged('no_ack_of_browser_back_gets_bye'));
	ok(!await pbx.expect(of_call(m, 'BYE'), 300),
		tagged('no_ack_of_browser_pbx_gets_one_bye'));
	await restart();
	await back(alice);
	ok(!await call.ended(300), tagged('no_ack_of_browser_back_gets_one_bye'));
	await alice.flow.close();
});

signalling('answered_no_ack_from_pbx', async () => {
	const alice = await online();
	const { call, sent } = await dial_in(alice);

	const acked = call.answer();
	const ok1 = await pbx.expect(of_call(sent));
	await acked;
	pbx.seen.clear();	/* of repeats */
	await restart();
	const ok2 = await pbx.expect(of_call(sent));
	ok(ok2 && ok2.status === 200 &&
		tag_of(ok2.get('To')) === tag_of(ok1.get('To')) &&
		/^m=audio/m.test(ok2.body),
	tagged('answer_without_ack_is_repeated'), ok2 && ok2.text);
	const dialog = new Dialog(pbx, ok1);
	pbx.send(dialog.request('ACK'));
	await ends('no_ack_of_pbx', alice, call, sent,
		[tag_of(ok1.get('To')), 'pbxtag']);
});

signalling('reinvite', async () => {
	const alice = await online();
	const { call, m } = await answered_out(alice);
	const dialog = new Dialog(pbx, m, 'bobtag');

	pbx.send(dialog.request('INVITE', { headers: [contact],
		body: plain_sdp(30002).replace('1 1', '1 2') }));
	ok(await alice.flow.expect(of_call(call.final, 'INVITE')),
		tagged('reinvite_reaches_browser'));
	await restart();
	await ends('in_reinvite', alice, call, m,
		[tag_of(m.get('From')), 'bobtag']);
});

/* ---- subscriptions ------------------------------------------------------------ */

signalling('subscription', async () => {
	const alice = await online();
	const uri = `sip:bob@${ADDRESS}`;
	const fields = { call_id: token(), from_tag: 'alicesub' };
	const first = alice.transact(alice.request('SUBSCRIBE', uri, { ...fields,
		headers: ['Event: presence', 'Expires: 600',
			`Contact: ${alice.contact()}`] }));
	const m = await pbx.method('SUBSCRIBE');
	pbx.respond(m, 200, 'OK', { to_tag: 'bobsub', headers: [contact,
		'Expires: 600'] });
	const accepted = await first;
	const dialog = new Dialog(pbx, m, 'bobsub');
	const state = (value) => ['Event: presence', contact,
		`Subscription-State: ${value}`];

	await restart();
	const early = await dialog.transact('NOTIFY',
		{ headers: state('active;expires=500') });
	ok(early && early.status === 480,
		tagged('notify_to_absent_browser_is_480'), early && early.text);
	await back(alice);
	const notify = dialog.transact('NOTIFY',
		{ headers: state('active;expires=500') });
	const n = await alice.flow.expect((x) => x.method === 'NOTIFY');
	ok(n && n.get('Call-ID') === fields.call_id &&
		tag_of(n.get('To')) === 'alicesub' &&
		tag_of(n.get('From')) === tag_of(accepted.get('To')),
	tagged('notify_after_restart_reaches_browser'), n && n.text);
	if (n)
		alice.flow.send(response(n, 200, 'OK'));
	ok((await notify || {}).status === 200,
		tagged('notify_after_restart_is_answered'));
	const again = alice.transact(alice.request('SUBSCRIBE',
		uri_of(accepted.get('Contact')), { ...fields, cseq: 2,
			to_tag: tag_of(accepted.get('To')),
			headers: ['Event: presence', 'Expires: 0',
				`Contact: ${alice.contact()}`] }));
	const s = await pbx.method('SUBSCRIBE');
	ok(s && s.get('Call-ID') === m.get('Call-ID') && s.cseq > m.cseq,
		tagged('subscribe_after_restart_reaches_pbx'), s && s.text);
	if (s)
		pbx.respond(s, 200, 'OK', { headers: [contact, 'Expires: 0'] });
	ok((await again || {}).status === 200,
		tagged('subscribe_after_restart_is_answered'));
	await alice.flow.close();
});

/* ---- calls that go on --------------------------------------------------------- */

/* Its media has not noticed anything. */
async function still_talks(name, talk)
{
	ok(await talk.more(10), tagged(`${name}_media_flows`));
}

with_media('adopted', async () => {
	const alice = await online();
	const remote = new Remote();
	const talk = await Talk.open(alice, pbx, remote, ['Supported: timer',
		'Require: timer', 'Session-Expires: 8;refresher=uac']);
	const { dialog } = talk;

	talk.start();
	await talk.more(10);
	talk.mark();
	await restart();
	const up = await busywait(5, async () => (await calls()).find((c) =>
		c.state === 'up'));
	ok(up, tagged('adopted_call_is_shown'), JSON.stringify(up));
	await still_talks('adopted', talk);
	const options = await dialog.transact('OPTIONS');
	ok(options && options.status === 200, tagged('adopted_dialog_answers'));

	/* RFC 4028: due at half of the eight seconds since the answer. */
	const refresh = await pbx.expect((m) => m.get('Call-ID') ===
		dialog.call_id && /^(UPDATE|INVITE)$/.test(m.method), 8000);
	ok(refresh && refresh.cseq > 1000 && /8;refresher=uac/.test(
		refresh.get('Session-Expires')),
	tagged('adopted_session_is_refreshed'), refresh && refresh.text);
	if (refresh)
		pbx.respond(refresh, 200, 'OK', { headers: ['Require: timer',
			'Session-Expires: 8;refresher=uac'],
		body: refresh.body && plain_sdp(talk.sip.port) });

	await back(alice);
	const info = dialog.transact('INFO');
	const m = await alice.flow.expect((x) => x.method === 'INFO');
	ok(m && m.get('Call-ID') === talk.call.call_id,
		tagged('adopted_call_reaches_browser_back'), m && m.text);
	if (m)
		alice.flow.send(response(m, 200, 'OK'));
	ok((await info || {}).status === 200, tagged('adopted_request_passes'));
	await still_talks('adopted_and_back', talk);
	await talk.stop();
	const { lost, twice } = talk.verdict();
	ok(!lost && !twice, tagged('adopted_no_packet_lost'),
		JSON.stringify(talk.verdict()));
	ok(await talk.end_at_pbx(), tagged('adopted_call_ends_at_both'));
	ok(await busywait(5, async () => !(await calls()).length),
		tagged('adopted_call_is_gone'));
	await talk.close();
	await remote.close();
	await alice.flow.close();
});

with_media('adopted_in_reinvite', async () => {
	const alice = await online();
	const remote = new Remote();
	const talk = await Talk.open(alice, pbx, remote);
	const { call, dialog } = talk;
	let version = 1;
	const offer = () => dialog.request('INVITE', { headers: [contact],
		body: plain_sdp(talk.sip.port).replace('1 1',
			`1 ${++version}`) });

	talk.start();
	await talk.more(10);
	pbx.send(offer());
	const first = await alice.flow.expect(of_call(call.final, 'INVITE'));
	ok(first, tagged('reinvite_of_adopted_reaches_browser'));
	await restart();
	await still_talks('adopted_in_reinvite', talk);
	await back(alice);
	const sent = pbx.transact(offer());
	const m = await alice.flow.expect((x) => x.method === 'INVITE' &&
		x.get('Call-ID') === call.call_id && x.cseq > first.cseq + 1000);
	ok(m && /^a=candidate/m.test(m.body),
		tagged('reinvite_after_adoption_reaches_browser'), m && m.text);
	if (m)
		alice.flow.send(response(m, 200, 'OK', { headers: [
			`Contact: ${alice.contact()}`],
		body: talk.web.offer(answer_sdp(m.body)) }));
	const final = await sent;
	ok(final && final.status === 200 && /^m=audio/m.test(final.body),
		tagged('reinvite_after_adoption_is_answered'),
		final && final.text);
	pbx.send(dialog.request('ACK'));
	await still_talks('reinvite_after_adoption', talk);
	ok(await talk.end_at_web(), tagged('adopted_call_ends_at_both_from_web'));
	await talk.close();
	await remote.close();
	await alice.flow.close();
});

/* ---- REFER (RFC 3515) ---------------------------------------------------------- */

const told = (m) => m && `${m.get('Event')} ${m.body.trim()} ` +
	m.get('Subscription-State').split(';')[0];
const answered = (user, m) => m && user.flow.send(response(m, 200, 'OK'));

/* The PBX reports on the REFER that it got with this CSeq. */
async function reports(name, alice, dialog, cseq, mine, status, state)
{
	const sent = dialog.transact('NOTIFY', { headers: [contact,
		`Event: refer;id=${cseq}`, `Subscription-State: ${state}`],
	type: 'message/sipfrag', body: `SIP/2.0 ${status}\r\n` });
	const m = await alice.flow.expect((x) => x.method === 'NOTIFY');

	ok(told(m) === `refer;id=${mine} SIP/2.0 ${status} ` +
		state.split(';')[0], tagged(name), m && m.text);
	answered(alice, m);
	ok((await sent || {}).status === 200, tagged(`${name}_answered`));
}

with_media('refer', async () => {
	if (process.env.EXECUTES)
		return;
	const alice = await online();
	const remote = new Remote();
	const talk = await Talk.open(alice, pbx, remote);
	const { call, dialog } = talk;
	const refers = [];

	/* The numbers of the two legs have nothing to do with each other. */
	call.cseq += 70;
	talk.start();
	await talk.more(10);
	for (const to of ['1004', '1005']) {
		const sent = alice.transact(call.request('REFER', { headers: [
			`Refer-To: <sip:${to}@${ADDRESS}>`,
			`Contact: ${alice.contact()}`] }));
		const m = await pbx.method('REFER');

		pbx.respond(m, 202, 'Accepted', { headers: [contact] });
		await sent;
		refers.push({ theirs: m.cseq, mine: call.cseq });
	}
	await restart();
	await back(alice);
	const [one, two] = refers;
	const under_way = ['100 Trying', 'active;expires=60'];
	const done = ['200 OK', 'terminated;reason=noresource'];

	await reports('first_refer_after_restart_is_told', alice, dialog,
		one.theirs, one.mine, ...under_way);
	await reports('second_refer_after_restart_is_told', alice, dialog,
		two.theirs, two.mine, ...under_way);
	await reports('first_refer_after_restart_ends', alice, dialog,
		one.theirs, one.mine, ...done);
	/* RFC 5057: what is subscribed outlives the call, as before. */
	await talk.stop();
	ok(await talk.end_at_web(), tagged('call_with_refer_ends'));
	await busywait(5, async () => !(await calls()).length);
	await restart();
	await back(alice);
	await reports('refer_after_call_and_restart_is_told', alice, dialog,
		two.theirs, two.mine, ...done);
	await talk.close();
	await remote.close();
	await alice.flow.close();
});

/* call.refer = "execute": what the gateway had begun has failed. */
with_media('transfer', async () => {
	if (!process.env.EXECUTES)
		return;
	const alice = await online();
	const remote = new Remote();
	const talk = await Talk.open(alice, pbx, remote);
	const { call, dialog } = talk;
	const refer_to = [`Refer-To: <sip:1004@${ADDRESS}>`];

	talk.start();
	await talk.more(10);
	const done = dialog.transact('REFER', { headers: [contact,
		...refer_to] });
	let m = await pbx.method('INVITE');
	await done;
	const id = `refer;id=${dialog.cseq}`;
	let n = await pbx.method('NOTIFY');
	pbx.respond(n, 200, 'OK');
	pbx.respond(m, 180, 'Ringing', { to_tag: 'bobtag',
		headers: [contact] });
	pbx.respond(await pbx.method('NOTIFY'), 200, 'OK');
	await restart();
	await is_cancelled('transfer', m);
	n = await pbx.method('NOTIFY');
	ok(told(n) === `${id} SIP/2.0 503 Service Unavailable terminated` &&
		n.get('Call-ID') === dialog.call_id && n.cseq > 1000,
	tagged('transferor_after_restart_is_told_of_the_failure'),
	n && n.text);
	pbx.respond(n, 200, 'OK');
	await still_talks('transfer_lost', talk);
	await restart();
	ok(!await pbx.expect((x) => x.method === 'NOTIFY' ||
		x.method === 'CANCEL', 300),
	tagged('failure_of_a_transfer_is_told_once'));

	/* The browser hears of it when it is back. */
	await back(alice);
	alice.transact(call.request('REFER', { headers: [...refer_to,
		`Contact: ${alice.contact()}`] }));
	m = await pbx.method('INVITE');
	n = await alice.flow.expect((x) => x.method === 'NOTIFY');
	const mine = `refer;id=${call.cseq}`;
	ok(told(n) === `${mine} SIP/2.0 100 Trying active`,
		tagged('browsers_transfer_is_begun'), n && n.text);
	answered(alice, n);
	pbx.respond(m, 180, 'Ringing', { to_tag: 'bobtag',
		headers: [contact] });
	n = await alice.flow.expect((x) => x.method === 'NOTIFY');
	answered(alice, n);
	await restart();
	await is_cancelled('browsers_transfer', m);
	/* Who stays is not kept waiting for it. */
	ok((await dialog.transact('OPTIONS') || {}).status === 200,
		tagged('who_stays_after_restart_is_answered'));
	await restart();
	await back(alice);
	n = await alice.flow.expect((x) => x.method === 'NOTIFY');
	ok(told(n) === `${mine} SIP/2.0 503 Service Unavailable terminated`,
		tagged('browser_back_is_told_of_the_failure'), n && n.text);
	answered(alice, n);
	await still_talks('browsers_transfer_lost', talk);

	/* Who refers has left: nobody is left to talk to. */
	const gone = dialog.transact('REFER', { headers: [contact,
		...refer_to] });
	m = await pbx.method('INVITE');
	await gone;
	pbx.respond(m, 180, 'Ringing', { to_tag: 'bobtag',
		headers: [contact] });
	await dialog.transact('BYE');
	await talk.stop();
	pbx.inbox = [];
	await restart();
	await is_cancelled('transfer_left_behind', m);
	await back(alice);
	ok(await call.ended(), tagged('browser_left_behind_gets_bye'));
	await talk.close();
	await remote.close();
	await alice.flow.close();
});

/* Two browsers of the gateway's own account ring for one INVITE. */
with_media('account', async () => {
	if (!process.env.EXECUTES)
		return;
	const users = [await online(), await online()];
	const sent = parse(invite_of_pbx('sip:trunk@198.51.100.1:5060'));
	const legs = [];

	pbx.send(sent.text);
	for (const u of users) {
		const leg = await u.incoming();
		leg.ring();
		legs.push(leg);
		await pbx.expect((x) => x.status === 180);
	}
	pbx.seen.clear();
	await restart();
	const final = await pbx.expect(of_call(sent));
	ok(final && final.status === 503,
		tagged('caller_of_a_fork_gets_503'), final && final.text);
	pbx.seen.clear();
	const again = await pbx.expect(of_call(sent), 700);
	ok(again && tag_of(again.get('To')) === tag_of(final.get('To')),
		tagged('caller_of_a_fork_gets_one_503'), again && again.text);
	for (const [i, u] of users.entries()) {
		await back(u);
		const cancel = await u.flow.expect(of_call(legs[i].invite,
			'CANCEL'));
		ok(cancel && branch_of(cancel) === branch_of(legs[i].invite),
			tagged(`branch_${i}_back_gets_cancel`),
			cancel && cancel.text);
		await u.flow.close();
	}
});

(async () => {
	pbx = await Pbx.start();
	const code = await run_all();
	pbx.stop();
	process.exit(code);
})();
