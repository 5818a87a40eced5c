// SPDX-License-Identifier: Apache-2.0
/* See attach.sh. Run in namespace web; WAY: link, netlink. */
'use strict';
const { busywait, note, ok, run_all, test } = require('../browser/tap.js');
const { again_with, kill, start } = require('./keeper.js');
const { LAB, calls, log, peer, sluicectl } = require('./lab.js');
const { Remote } = require('./party.js');
const { Pbx } = require('./pbx.js');
const { Talk } = require('./talk.js');
const { User, connect } = require('./wsclient.js');

const { NEXT, WAY } = process.env;
const CALLS = Number(process.env.CALLS || 4);
const name = (what) => `${WAY}_${what}`;
let pbx, remote, alice, talks = [];

const datapath = () => sluicectl('show', 'datapath');
const all = (what) => Promise.all(talks.map(what));
const flows = async (count = 25) =>
	(await all((t) => t.more(count))).every((b) => b);

/* sluicectl as an operator sees it: { code, out }. */
const operator = (...words) => peer('sluicectl', ...words);

/* Without a daemon, where the interfaces are to be seen. */
async function left(what)
{
	const { out } = await peer('in_ns', 'gw', process.env.SLUICECTL, '-j',
		'-s', `${LAB}/control.sock`, '-p', process.env.PINS, 'show', what);

	return JSON.parse(out.split('\n').find((l) => l[0] === '{'));
}

/* From here on every number has to arrive. */
async function go_on()
{
	await all((t) => t.start());
	await flows(10);
	for (const t of talks)
		t.mark();
}

async function stop()
{
	await all((t) => t.stop());
	const total = { lost: 0, twice: 0, forged: 0, count: 0 };

	for (const v of talks.map((t) => t.verdict()))
		for (const key of Object.keys(total))
			total[key] += v[key];
	return { ...total, why: JSON.stringify(talks.map((t) => t.verdict())) };
}

const none_twice = ({ twice, forged }) => !twice && !forged;
const none_missing = (v) => none_twice(v) && !v.lost;

/* The program on both interfaces, the same on both. */
function program({ interfaces: list })
{
	if (list.length !== 2 || list.some((i) => i.attach !== WAY ||
	    !i.is_attached || i.program_tag !== list[0].program_tag))
		return null;
	return { ids: list.map((i) => i.program_id), tag: list[0].program_tag };
}

const paths = async () => (await calls()).map((c) => c.path);
const are_all = (list, path) => list.length === talks.length &&
	list.every((p) => p === path);

/* The browser comes back: a new WebSocket, the same instance. */
async function back()
{
	alice.flow = await connect();
	await alice.register();
}

/* ---- each way ------------------------------------------------------------- */

test('kill', async () => {
	while (talks.length < CALLS)
		talks.push(await Talk.open(alice, pbx, remote));
	await go_on();
	const before = program(await datapath());

	ok(before && /^[0-9a-f]{16}$/.test(before.tag), name('program_is_shown'),
		JSON.stringify(await datapath()));
	await kill();
	const kept = program(await left('interfaces'));

	ok(kept && kept.tag === before.tag && kept.ids[0] === before.ids[0],
		name('program_stays_without_daemon'), JSON.stringify(kept));
	await flows();
	const took = await start();
	const { adoption } = await datapath();

	await flows();
	const total = await stop();

	note(`${total.count} packets each way, adopted after ${took} ms`);
	ok(adoption.sessions === CALLS && !adoption.lost,
		name('kill_every_session_adopted'), JSON.stringify(adoption));
	/* a program exchanged for itself: nothing is lost either */
	ok(none_missing(total), name('kill_no_packet_lost_none_twice'),
		total.why);
});

/* The daemon of the next build brings the program of the next build. */
test('upgrade', async () => {
	again_with({ options: '--keep-media' });
	await kill();
	await start();
	await go_on();
	const before = program(await datapath());

	again_with({ options: '--keep-media', binary: NEXT });
	await kill('SIGTERM');
	await flows();
	const absent = program(await left('datapath'));

	await start();
	const after = program(await datapath());

	await flows();
	const total = await stop();

	ok(before && absent && absent.tag === before.tag,
		name('upgrade_old_program_until_the_new_daemon'),
		JSON.stringify([before, absent]));
	ok(after && after.tag !== before.tag &&
		!before.ids.includes(after.ids[0]),
	name('upgrade_new_program_by_its_tag'), JSON.stringify([before, after]));
	note(`${WAY}: ${total.lost} lost of ${2 * total.count}`);
	if (WAY === 'link')
		ok(none_missing(total), name('upgrade_no_packet_lost_none_twice'),
			total.why);
	else
		ok(none_twice(total), name('upgrade_none_twice'), total.why);
	/* and back */
	again_with({});
	await kill('SIGTERM');
	await start();
	ok((program(await datapath()) || {}).tag === before.tag,
		name('downgrade_old_program_again'));
	await go_on();
	ok(await flows(), name('downgrade_media_goes_on'));
	await stop();
});

/* ---- under a daemon that lives ---------------------------------------------- */

test('refused', async () => {
	await go_on();
	const detached = await operator('detach', 'datapath');
	const adopted = await operator('adopt', 'datapath');
	const wrong = await operator('detach', 'datapath', 'calls=end');
	const still = program(await datapath());

	await flows();
	const total = await stop();

	ok(detached.code === 1 && detached.out.includes(
		`the kernel carries ${CALLS} sessions: calls=move`),
	name('detach_with_calls_is_refused'), detached.out);
	ok(adopted.code === 0 && /^attached already: xdp: /.test(adopted.out),
		name('adopt_of_what_is_attached_changes_nothing'), adopted.out);
	ok(wrong.code === 2, name('detach_with_a_wrong_word_is_usage'),
		wrong.out);
	ok(still && none_missing(total), name('refused_orders_cost_no_packet'),
		total.why);
});

test('detach', async () => {
	await go_on();
	const { code, out } = await operator('detach', 'datapath', 'calls=move');
	const shown = await datapath();

	ok(code === 0 && out.includes('detached: user: detached by the operator') &&
		out.includes(`${CALLS} sessions moved to the user path`),
	name('detach_moves_the_calls'), out);
	ok(shown.preferred === 'user' && !shown.interfaces.length &&
		/detached by the operator/.test((await sluicectl('status'))
			.datapath.reason),
	name('detach_datapath_is_user'), JSON.stringify(shown));
	ok(are_all(await paths(), 'user'), name('detach_calls_go_on_by_user'));
	ok((await peer('xdp_is_off')).code === 0, name('detach_interfaces_bare'));
	ok((await peer('pins_are_gone')).code === 0, name('detach_pins_gone'));
	ok(await flows(), name('detach_media_goes_on'));
	const total = await stop();

	note(`detach: ${total.lost} lost of ${2 * total.count}`);
	ok(none_twice(total), name('detach_none_twice'), total.why);
	const again = await operator('detach', 'datapath');

	ok(again.code === 0 && /^nothing was attached/.test(again.out),
		name('detach_of_nothing_changes_nothing'), again.out);
	await back();
	talks.push(await Talk.open(alice, pbx, remote));
	await go_on();
	ok(await flows(), name('detached_daemon_takes_new_calls'));
	await stop();
});

test('adopt', async () => {
	await go_on();
	const { code, out } = await operator('adopt', 'datapath');

	ok(code === 0 && new RegExp(`^attached: xdp: .*web0 native by ${WAY}`)
		.test(out), name('adopt_attaches'), out);
	ok(are_all(await paths(), 'user'), name('adopt_leaves_calls_alone'));
	ok(await flows(), name('adopt_calls_of_the_user_path_go_on'));
	const moved = await operator('adopt', 'datapath', 'calls=move');

	ok(moved.code === 0 && /^attached already/.test(moved.out) &&
		moved.out.includes(`${talks.length} sessions moved to the kernel`),
	name('adopt_moves_the_calls_when_told'), moved.out);
	ok(await busywait(5, async () => are_all(await paths(), 'kernel')),
		name('adopt_calls_are_in_the_kernel'));
	const carried = async () =>
		(await datapath()).backends[0].web_to_sip_packets;
	const before = await carried();
	const asked = await all((t) => t.web.check());

	await flows();
	/* counted once a second */
	const is_counted = await busywait(5, async () =>
		await carried() >= before + 25);
	const total = await stop();

	ok(asked.every((a) => a), name('adopt_consent_is_answered'));
	ok(is_counted, name('adopt_kernel_carries_again'));
	note(`adopt: ${total.lost} lost of ${2 * total.count}`);
	ok(none_twice(total), name('adopt_none_twice'), total.why);
	await go_on();
	await kill();
	await flows();
	await start();
	const { adoption } = await datapath();

	await flows();
	const after = await stop();

	ok(adoption.sessions === talks.length && !adoption.lost,
		name('adopted_again_outlives_the_daemon'),
		JSON.stringify(adoption));
	ok(none_missing(after), name('adopted_again_loses_no_packet'), after.why);
});

/* Somebody takes it off. A link cannot be taken so. */
test('taken', async () => {
	await go_on();
	const taken = await peer('in_ns', 'gw', 'ip', 'link', 'set', 'dev', 'sip0',
		'xdp', 'off');

	if (WAY === 'link') {
		await flows();
		const total = await stop();

		ok(taken.code && none_missing(total),
			name('program_cannot_be_taken_away'), taken.out);
		return;
	}
	const status = await operator('status');

	ok(status.code === 5 && /sip0 has lost the XDP program/.test(status.out),
		name('program_taken_away_is_told'), status.out);
	const { code, out } = await operator('adopt', 'datapath');

	ok(code === 0 && /^attached: /.test(out),
		name('program_taken_away_is_put_back'), out);
	ok(await flows() && program(await datapath()),
		name('program_put_back_carries_on'));
	await stop();
	ok(none_twice(await stop()), name('program_put_back_none_twice'));
});

test('empty', async () => {
	await back();
	ok((await all((t) => t.end_at_pbx())).every((e) => e),
		name('calls_end'));
	await all((t) => t.close());
	await busywait(5, async () => !(await calls()).length);
	const { code, out } = await operator('detach', 'datapath');

	ok(code === 0 && /^detached: /.test(out),
		name('detach_without_calls_asks_nothing'), out);
	talks = [await Talk.open(alice, pbx, remote)];
	await go_on();
	await kill();
	const told = pbx.expect((m) => m.method === 'BYE', 10000);

	again_with({});
	await start();
	pbx.respond(await told, 200, 'OK');
	ok(program(await datapath()), name('start_attaches_again'));
	ok(/is lost: the daemon itself relayed it/.test(log('gateway')),
		name('start_ends_calls_of_the_user_path'));
	await all((t) => t.close());
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
