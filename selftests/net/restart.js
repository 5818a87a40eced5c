// SPDX-License-Identifier: Apache-2.0
/* See restart.sh. Run in namespace web. */
'use strict';
const fs = require('fs');
const { busywait, note, ok, run_all, test } = require('../browser/tap.js');
const { again_with, kernel, kill, pid, start, start_any, start_fails } =
	require('./keeper.js');
const { LAB, calls, log, peer, sluicectl } = require('./lab.js');
const { Remote } = require('./party.js');
const { Pbx, plain_sdp } = require('./pbx.js');
const { Talk } = require('./talk.js');
const { WebMedia } = require('./webmedia.js');
const { User, connect, offer_sdp, response } = require('./wsclient.js');

const CALLS = Number(process.env.CALLS || 8);
const CALLS_EACH = 30;	/* of a user; a client may have 32 */
const ROUNDS = Number(process.env.ROUNDS || 4);
const users = [];
let pbx, remote, alice, talks = [];

/* ---- calls ---------------------------------------------------------------- */

const datapath = async () => (await sluicectl('show', 'datapath'));

const all = (what) => Promise.all(talks.map(what));

/* From here on every number has to arrive. */
async function go_on()
{
	await all((t) => t.start());
	await all((t) => t.more(10));
	for (const t of talks)
		t.mark();
}

async function open(count)
{
	for (let i = 0; i < count; i++)
		talks.push(await Talk.open(users[Math.floor(i / CALLS_EACH)],
			pbx, remote));
	await go_on();
}

function sum()
{
	const total = { lost: 0, twice: 0, forged: 0, count: 0 };

	for (const v of talks.map((t) => t.verdict()))
		for (const key of Object.keys(total))
			total[key] += v[key];
	return total;
}

async function stop()
{
	await all((t) => t.stop());
	return { ...sum(), why: JSON.stringify(talks.map((t) => t.verdict())
		.filter((v) => v.lost || v.twice || v.forged)) };
}

const nothing_missing = ({ lost, twice, forged }) =>
	!lost && !twice && !forged;

test('kill', async () => {
	const adopted = [], took = [];

	await open(CALLS);
	const index = [await talks[0].report(), await talks[0].report()];

	for (let i = 0; i < ROUNDS; i++) {
		await kill();
		await all((t) => t.more(25));
		took.push(await start());
		adopted.push((await datapath()).adoption.sessions);
		await all((t) => t.more(25));
		index.push(await talks[0].report());
	}
	const total = await stop();

	note(`${total.count} packets each way, adopted after ${took} ms`);
	ok(adopted.every((n) => n === CALLS), 'kill_every_session_adopted',
		adopted.join());
	ok(nothing_missing(total), 'kill_no_packet_lost_none_twice', total.why);
	ok(index.every((n, i) => Number.isInteger(n) && (!i || n > index[i - 1])),
		'kill_no_srtcp_index_used_twice', index.join());
});

/* Longer than the heartbeat counts; checks go to the kernel meanwhile. */
test('absent', async () => {
	const ABSENT = Number(process.env.ABSENT || 5);

	await go_on();
	await kill();
	const end = Date.now() + ABSENT * 1000;
	let answered = 0, asked = 0;

	do {
		asked += CALLS;
		for (const good of await all((t) => t.web.check()))
			answered += good ? 1 : 0;
		await all((t) => t.more(25));
	} while (Date.now() < end);
	const shown = {};

	for (const what of ['streams', 'drops', 'datapath'])
		shown[what] = await kernel('show', what);
	await start();
	const { adoption } = await datapath();
	const total = await stop();

	ok(answered === asked, 'absent_daemon_consent_is_answered',
		`${answered} of ${asked}`);
	ok(nothing_missing(total), 'absent_daemon_no_packet_lost', total.why);
	ok(adoption.absent_ms >= ABSENT * 1000 && adoption.sessions === CALLS,
		'absence_is_told', JSON.stringify(adoption));
	const { streams } = shown.streams;
	ok(streams.length === CALLS && streams.every((s) =>
		s.web_to_sip.packets > 100 && s.sip_to_web.packets > 100 &&
		/^203\.0\.113\.77:/.test(s.web_remote) &&
		/^198\.51\.100\.10:/.test(s.sip_remote)),
	'absent_daemon_streams_are_shown', JSON.stringify(streams[0]));
	ok(shown.datapath.heartbeat_age_ms > 3000 &&
		shown.datapath.interfaces.length === 2 &&
		shown.datapath.backends[0].web_to_sip_packets > 100 &&
		shown.datapath.backends[0].web_to_sip_rtcp_packets >= 0,
	'absent_daemon_datapath_is_shown', JSON.stringify(shown.datapath));
	ok(Array.isArray(shown.drops.drops), 'absent_daemon_drops_are_shown');
	ok(Object.values(shown).every((a) => a.ok === true &&
		a.code === 'degraded' && /^\d{4}-.*Z$/.test(a.time)),
	'absent_daemon_answers_are_degraded', JSON.stringify(shown.drops));
});

test('stopped', async () => {
	await go_on();
	process.kill(pid(), 'SIGSTOP');
	/* the heartbeat is old after 3 s: 200 packets are 4 s */
	await all((t) => t.more(200));
	const checked = await all((t) => t.web.check());
	process.kill(pid(), 'SIGCONT');
	const total = await stop();

	ok(checked.every((c) => c), 'stopped_daemon_consent_is_answered');
	ok(nothing_missing(total), 'stopped_daemon_no_packet_lost', total.why);
});

/* A start that remembers nothing would end what the kernel has. */
test('store_away', async () => {
	const file = `${LAB}/state/sluice.db`;

	await go_on();
	await kill();
	fs.renameSync(file, `${file}.away`);
	fs.mkdirSync(file);
	const refused = await start_fails(
		/only the store knows, and .*sluice.db is not open/);

	await all((t) => t.more(25));
	fs.rmdirSync(file);
	fs.renameSync(`${file}.away`, file);
	await start();
	const { adoption } = await datapath();
	const total = await stop();

	ok(refused, 'start_without_the_store_is_refused_while_there_is_media');
	ok(adoption.sessions === CALLS && nothing_missing(total),
		'start_without_the_store_costs_no_packet',
		JSON.stringify(adoption) + total.why);
});

/* What the kernel knows of its neighbours was learned by another daemon. */
test('link', async () => {
	await go_on();
	for (const dead of [true, false]) {
		if (dead)
			await kill();
		await peer('in_ns', 'gw', 'ip', 'link', 'set', 'web0', 'down');
		await peer('in_ns', 'gw', 'ip', 'link', 'set', 'sip0', 'down');
		await peer('in_ns', 'gw', 'ip', 'link', 'set', 'sip0', 'up');
		await peer('in_ns', 'gw', 'ip', 'link', 'set', 'web0', 'up');
		const back = (await all((t) => t.more(25))).every((b) => b);

		if (dead)
			await start();
		ok(back && (await all((t) => t.more(25))).every((b) => b),
			`link_down_and_up_${dead ? 'without' : 'with'}_daemon`);
	}
	await all((t) => t.stop());
	ok(!sum().twice && !sum().forged, 'link_down_and_up_none_twice');
});

/* Says its new address to the gateway, as a host that was replaced does. */
async function move_to(mac)
{
	await peer('in_ns', 'web', 'ip', 'link', 'set', 'eth0', 'address', mac);
	await peer('in_ns', 'web', 'ip', 'neigh', 'flush', 'dev', 'eth0');
	await peer('in_ns', 'web', 'ping', '-c', '1', '-W', '1', '203.0.113.1');
}

test('neighbour', async () => {
	await go_on();
	await move_to('02:00:00:00:77:01');
	const with_daemon = (await all((t) => t.more(25))).every((b) => b);

	await kill();
	await move_to('02:00:00:00:77:02');
	await start();
	ok(with_daemon, 'neighbour_with_new_mac_is_followed');
	ok((await all((t) => t.more(25))).every((b) => b),
		'neighbour_with_new_mac_is_found_at_adoption');
	await all((t) => t.stop());
});

/* ---- calls after it --------------------------------------------------------- */

/* The browsers come back: new WebSockets, the same instances. */
async function back()
{
	for (const user of users) {
		user.flow = await connect();
		await user.register();
	}
}

const path_of = async (talk) => ((await calls()).find((c) =>
	c.legs.some((l) => l.call_id === talk.call.call_id)) || {});

async function moved(talk, path)
{
	await sluicectl('move', 'call', (await path_of(talk)).id,
		`path=${path}`);
	return busywait(5, async () => (await path_of(talk)).path === path);
}

/* The browser's re-INVITE with a direction; that of the PBX's answer. */
async function turn(talk, said, answered)
{
	const sdp = (text, way) => text.replace('a=sendrecv', `a=${way}`);
	const done = alice.transact(talk.call.request('INVITE', {
		headers: [`Contact: ${alice.contact()}`],
		body: sdp(talk.web.offer(offer_sdp()), said) }));
	const m = await pbx.expect((r) => r.method === 'INVITE' &&
		r.get('Call-ID') === talk.dialog.call_id);

	if (!m)
		return null;
	pbx.respond(m, 200, 'OK', { to_tag: talk.dialog.local_tag,
		body: sdp(plain_sdp(talk.sip.port), answered),
		headers: [`Contact: <sip:${talk.number}@198.51.100.10:5060>`] });
	const final = await done;

	talk.call.ack();
	await pbx.expect((r) => r.method === 'ACK' &&
		r.get('Call-ID') === talk.dialog.call_id);
	return final && final.status === 200 ?
		{ offer: m.body, answer: final.body } : null;
}

test('adopted_call', async () => {
	await kill();
	await start();
	await back();
	await go_on();
	const [talk] = talks;
	const list = await calls();

	ok(list.length === CALLS && list.every((c) => c.state === 'up' &&
		c.path === 'kernel' && c.codec === 'PCMU'),
	'adopted_calls_are_listed', JSON.stringify(list[0]));
	await sluicectl('reload');
	await all((t) => t.more(10));
	const total = await stop();

	ok(nothing_missing(total), 'reload_costs_no_packet', total.why);
	await go_on();
	/* A fatal alert in the clear: a fresh association would give up. */
	await talk.web.send(Buffer.from('15fefd0000000000000000000202' + '28',
		'hex'));
	ok(await moved(talk, 'user') && await talk.more(25) &&
		await moved(talk, 'kernel') && await talk.more(25),
	'adopted_call_moves_to_the_daemon_and_back');
	ok(!talk.verdict().forged && !talk.verdict().twice,
		'adopted_call_moves_with_its_keys_and_windows',
		JSON.stringify(talk.verdict()));
	const held = await turn(talk, 'sendonly', 'recvonly');
	const before = talk.to_web.numbers.length;

	ok(held && /a=sendonly/.test(held.offer), 'adopted_call_is_held',
		held && held.offer);
	await talk.more_at(talk.to_sip, 25);
	ok(talk.to_web.numbers.length - before < 10,
		'adopted_held_call_is_silent_one_way');
	const again = await turn(talk, 'sendrecv', 'sendrecv');

	ok(again && /a=sendrecv/.test(again.offer) && await talk.more(25),
		'adopted_call_is_taken_up_again', again && again.offer);
	await all((t) => t.stop());
});

/* An adopted call hears a new association only if the SDP has a new one. */
test('rekey', async () => {
	const [talk] = talks;
	const fresh = await WebMedia.open('203.0.113.77');

	talk.adopt(fresh);
	const m = await turn(talk, 'sendrecv', 'sendrecv');

	ok(m, 'adopted_call_takes_another_fingerprint');
	fresh.answered(m.answer);
	ok(await fresh.check(), 'adopted_call_answers_a_check_from_elsewhere');
	await fresh.handshake();
	talk.start();
	ok(await talk.more(25), 'adopted_call_takes_new_keys');
	await talk.stop();
	ok(!fresh.forged, 'adopted_call_begins_anew_with_its_counters');
});

test('keep_media', async () => {
	again_with({ options: '--keep-media' });
	await kill();
	await start();
	await go_on();
	again_with({});
	await kill('SIGTERM');
	await all((t) => t.more(25));
	await start();
	const { adoption } = await datapath();

	await back();
	const total = await stop();

	ok(adoption.sessions === CALLS, 'kept_media_is_adopted',
		JSON.stringify(adoption));
	ok(nothing_missing(total), 'kept_media_loses_no_packet', total.why);
});

/* What the daemon itself relays ends with it, and both sides are told. */
test('user_path', async () => {
	const talk = await Talk.open(alice, pbx, remote);

	talk.start();
	await talk.more(10);
	await moved(talk, 'user');
	await kill();
	const told = pbx.expect((m) => m.method === 'BYE' &&
		m.get('Call-ID') === talk.dialog.call_id, 10000);

	await start();
	const { adoption } = await datapath();
	const bye = await told;

	if (bye)
		pbx.respond(bye, 200, 'OK');
	ok(adoption.lost === 1 && adoption.sessions === CALLS,
		'user_path_call_is_lost_alone', JSON.stringify(adoption));
	ok(/is lost: the daemon itself relayed it/.test(log('gateway')),
		'user_path_call_log_says_why');
	ok(bye, 'user_path_call_ends_at_pbx');
	await back();
	const m = await alice.flow.expect((r) => r.method === 'BYE' &&
		r.get('Call-ID') === talk.call.call_id);

	if (m)
		alice.flow.send(response(m, 200, 'OK'));
	ok(m, 'user_path_call_ends_at_browser_once_it_is_back');
	await talk.close();
});

test('bye', async () => {
	const half = Math.ceil(CALLS / 2);
	const web = await Promise.all(talks.slice(0, half)
		.map((t) => t.end_at_web()));
	const sip = await Promise.all(talks.slice(half)
		.map((t) => t.end_at_pbx()));

	ok(web.every((e) => e), 'adopted_call_bye_of_browser', web.join());
	ok(sip.every((e) => e), 'adopted_call_bye_of_pbx', sip.join());
	ok(await busywait(5, async () => !(await calls()).length),
		'adopted_calls_are_gone');
	await all((t) => t.close());
	await kill();
	const { streams } = await kernel('show', 'streams');

	ok(!streams.length, 'ended_calls_leave_nothing_in_the_kernel',
		JSON.stringify(streams));
	await start();
	await back();
	talks = [];
});

/* Nobody is left who could end the call but the operator. */
test('detach', async () => {
	talks.push(await Talk.open(alice, pbx, remote));
	await go_on();
	const busy = await peer('sluicectl_pinned', 'detach', 'datapath');

	await kill();
	const done = await peer('sluicectl_pinned', 'detach', 'datapath');
	const nothing = await peer('sluicectl_pinned', 'show', 'streams');

	ok(busy.code === 1 && /carries 1 sessions: calls=move/.test(busy.out),
		'detach_under_a_daemon_with_calls_is_refused', busy.out);
	ok(done.code === 0 && nothing.code === 3,
		'detach_takes_the_pins_away', done.out + nothing.out);
	const bye = pbx.expect((m) => m.method === 'BYE', 8000);

	await start_any();
	const m = await bye;

	ok(m, 'call_without_media_ends_with_bye');
	if (m)
		pbx.respond(m, 200, 'OK');
	await all((t) => t.close());
});

(async () => {
	pbx = await Pbx.start();
	remote = new Remote();
	for (let i = 0; i < CALLS / CALLS_EACH; i++) {
		users.push(new User(await connect(), { user: `alice${i}` }));
		await users[i].register();
	}
	[alice] = users;
	const code = await run_all();

	await remote.close();
	pbx.stop();
	process.exit(code);
})().catch((e) => {
	console.log(`Bail out! ${e.stack}`);
	process.exit(99);
});
