// SPDX-License-Identifier: Apache-2.0
/* See restart.sh. Run in namespace web. */
'use strict';
const fs = require('fs');
const path = require('path');
const { busywait, note, ok, run_all, test } = require('../browser/tap.js');
const { LAB, calls, log, peer, sluicectl } = require('./lab.js');
const { Remote } = require('./party.js');
const { Pbx } = require('./pbx.js');
const { Talk } = require('./talk.js');
const { User, connect } = require('./wsclient.js');

const CALLS = Number(process.env.CALLS || 8);
const ROUNDS = Number(process.env.ROUNDS || 4);
let pbx, remote, alice, talks = [];

/* ---- the daemon ----------------------------------------------------------- */

const pid_file = path.join(LAB, 'pid');
const pid = () => Number(fs.readFileSync(pid_file));

/* Dead when it resolves. */
function kill()
{
	process.kill(pid(), 'SIGKILL');
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
	const before = log('gateway').split('media: adopted').length;
	const began = Date.now();

	fs.writeFileSync(path.join(LAB, 'go'), '');
	await busywait(20, () =>
		log('gateway').split('media: adopted').length > before);
	const took = Date.now() - began;

	if (!await busywait(20, serves))
		throw new Error('the daemon does not start again');
	return took;
}

const datapath = async () => (await sluicectl('show', 'datapath'));

/* sluicectl on the pinned maps; the daemon is gone. */
async function kernel(...words)
{
	const { out } = await peer('sluicectl_pinned', '-j', ...words);

	return JSON.parse(out.split('\n').find((l) => l[0] === '{'));
}

/* ---- calls ---------------------------------------------------------------- */

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
		talks.push(await Talk.open(alice, pbx, remote));
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
	for (let i = 0; i < ROUNDS; i++) {
		await kill();
		await all((t) => t.more(25));
		took.push(await start());
		adopted.push((await datapath()).adoption.sessions);
		await all((t) => t.more(25));
	}
	const total = await stop();

	note(`${total.count} packets each way, adopted after ${took} ms`);
	ok(adopted.every((n) => n === CALLS), 'kill_every_session_adopted',
		adopted.join());
	ok(nothing_missing(total), 'kill_no_packet_lost_none_twice', total.why);
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
		shown.datapath.backends[0].web_to_sip_packets > 100,
	'absent_daemon_datapath_is_shown', JSON.stringify(shown.datapath));
	ok(Array.isArray(shown.drops.drops), 'absent_daemon_drops_are_shown');
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

(async () => {
	pbx = await Pbx.start();
	remote = new Remote();
	alice = new User(await connect(), { user: 'alice' });
	await alice.register();
	const code = await run_all();

	await remote.close();
	pbx.stop();
	process.exit(code);
})().catch((e) => {
	console.log(`Bail out! ${e.stack}`);
	process.exit(99);
});
