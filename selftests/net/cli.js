// SPDX-License-Identifier: Apache-2.0
/* The cases of cli.sh: sluicectl over a gateway with a call in it. */
'use strict';
const fs = require('fs');
const path = require('path');
const { LAB, calls, log, peer, sluicectl } = require('./lab.js');
const { User, connect } = require('./wsclient.js');
const { busywait, ok, run_all, test } = require('../browser/tap.js');

const ctl = (...words) => peer('sluicectl', ...words);
const lines = (text) => text.trimEnd().split('\n');

/* alice calls bob through the PBX: two calls of the gateway. */
async function in_call(state)
{
	const [alice, bob] = await Promise.all(['alice', 'bob'].map(
		async (name) => {
			const flow = await connect();
			const user = new User(flow, { user: name });

			state.flows.push(flow);
			await user.register();
			return user;
		}));
	const call = alice.dial('bob');
	const incoming = await bob.incoming();

	await incoming.answer();
	await call.done;
	return { alice, bob, call, incoming };
}

async function exits(name, code, words, pattern = /./)
{
	const r = await ctl(...words);

	ok(r.code === code && pattern.test(r.out), name,
		`exit code ${r.code}`, r.out);
	return r.out;
}

test('exit_codes', async () => {
	await exits('status_exits_0', 0, ['status']);
	await exits('show_without_object_exits_2', 2, ['show']);
	await exits('unknown_verb_exits_2', 2, ['shew', 'calls']);
	await exits('unknown_option_exits_2', 2, ['--bogus', 'status']);
	await exits('unknown_column_exits_2', 2,
		['-o', 'bogus', 'show', 'calls'], /bogus/);
	await exits('no_daemon_exits_3', 3,
		['-s', `${LAB}/nothing.sock`, 'status'], /nothing\.sock/);
	await exits('show_call_unknown_exits_4', 4, ['show', 'call', 'zzzz']);
	await exits('terminate_unknown_exits_4', 4,
		['terminate', 'call', 'zzzz']);
	await exits('show_calls_empty_exits_0', 0, ['show', 'calls'], /^/);
	const refused = JSON.parse((await ctl('-j', 'show', 'call', 'zzzz'))
		.out);
	ok(refused.schema === 1 && refused.ok === false &&
		refused.code === 'not-found', 'json_of_not_found_says_so',
		JSON.stringify(refused));
});

test('forms', async (state) => {
	const { call, incoming } = await in_call(state);

	for (const words of [['status'], ['show', 'calls'],
		['show', 'streams'], ['show', 'registrations'],
		['show', 'trunks'], ['show', 'drops'], ['show', 'datapath'],
		['show', 'interfaces']]) {
		const answer = await sluicectl(...words);
		ok(answer.schema === 1 && answer.ok === true &&
			/^\d{4}-.*Z$/.test(answer.time),
			`json_of_${words.join('_')}_has_schema_and_time`,
			JSON.stringify(answer).slice(0, 300));
	}
	const rows = lines((await ctl('show', 'calls')).out);
	const width = rows[0].split('\t').length;
	ok(rows.length === 3 && width > 5 &&
		rows.every((r) => r.split('\t').length === width),
		'table_in_a_pipe_is_tab_separated', ...rows);
	const bare = lines((await ctl('-H', 'show', 'calls')).out);
	ok(bare.length === 2 && rows[0] !== bare[0],
		'no_header_leaves_rows_only', ...bare);
	const names = rows[0].toLowerCase().split('\t');
	const two = lines((await ctl('-o', `${names[1]},${names[0]}`, 'show',
		'calls')).out);
	ok(two[0].toLowerCase() === `${names[1]}\t${names[0]}` &&
		two[1].split('\t').length === 2,
		'columns_are_chosen_and_ordered', ...two);
	const one = lines((await ctl('-n', '1', '-H', 'show', 'calls')).out);
	ok(one.length === 1, 'limit_cuts_rows', ...one);
	// eslint-disable-next-line no-control-regex
	ok(!/\x1b/.test((await ctl('status')).out), 'pipe_has_no_colour');
	const shown = (await sluicectl('show', 'call', call.call_id)).call;
	ok(shown.legs.some((l) => l.call_id === call.call_id) &&
		shown.state === 'up', 'call_is_found_by_call_id',
		JSON.stringify(shown));
	const all = JSON.stringify([await sluicectl('show', 'call', shown.id),
		await sluicectl('show', 'streams')]);
	ok(!/key|salt|ice-pwd|a=crypto/i.test(all), 'keys_never_appear', all);
	await call.bye();
	await incoming.ended();
});

test('terminate', async (state) => {
	const { alice, bob, call, incoming } = await in_call(state);

	await exits('terminate_ambiguous_exits_1', 1,
		['terminate', 'call', 'alice'], /./);
	ok((await calls()).length === 2, 'terminate_ambiguous_ends_nothing');
	const own = (await calls()).find((c) => c.legs.some((l) =>
		l.call_id === call.call_id));
	await exits('terminate_exits_0', 0,
		['terminate', 'call', own.id.slice(0, 6)]);
	const bye = await call.ended();
	ok(bye && /Reason: /.test(bye.text), 'terminate_sends_bye_with_reason',
		bye && bye.text);
	ok(await incoming.ended(), 'terminate_reaches_the_other_browser');
	ok(await busywait(5, async () => !(await calls()).length),
		'terminated_calls_are_gone');

	const ringing = alice.dial('bob');
	const rings = await bob.incoming();
	rings.ring();
	const [first] = (await calls()).filter((c) =>
		c.direction === 'web-to-sip');
	await ctl('terminate', 'call', first.id);
	await ringing.done;
	ok(ringing.final && ringing.final.status === 503,
		'terminate_of_ringing_call_answers_503',
		ringing.final && ringing.final.text);
	ok(await rings.cancelled(), 'terminate_of_ringing_call_cancels');
	ok(await busywait(5, async () => !(await calls()).length),
		'terminated_ringing_calls_are_gone',
		JSON.stringify(await calls()));
});

test('reload', async (state) => {
	const file = path.join(LAB, 'sluice.conf');
	const good = fs.readFileSync(file, 'utf8');
	const { call, incoming } = await in_call(state);

	fs.writeFileSync(file, good.replace('};\n};',
		'};\n  web_prt = 1;\n};').replace(/\n};\n$/,
		'\n  bogus = 1;\n};\n'));
	await exits('reload_of_bad_file_exits_1', 1, ['reload'],
		/sluice\.conf:\d+: .*bogus/);
	fs.writeFileSync(file, 'gateway = {');
	await exits('reload_of_torn_file_exits_1', 1, ['reload'],
		/sluice\.conf:\d+/);
	ok((await calls()).length === 2, 'reload_of_bad_file_keeps_calls');

	fs.writeFileSync(file, good.replace(/\n};\n$/,
		'\n  log = "debug";\n  sip = { address = "198.51.100.1"; ' +
		'timeout = 77; };\n};\n').replace(/\n *sip = .*?;\n/, '\n'));
	await exits('reload_of_good_file_exits_0', 0, ['reload'],
		/sip\.timeout/);
	ok((await sluicectl('reload')).restart_needed.includes('sip.timeout'),
		'reload_names_what_needs_a_restart');
	ok((await calls()).length === 2, 'reload_of_good_file_keeps_calls');
	await call.bye();
	await incoming.ended();
	ok(/ debug /.test(log('gateway')), 'reload_applies_log_level');
	fs.writeFileSync(file, good);
	await ctl('reload');
});

test('check', async () => {
	const file = path.join(LAB, 'bad.conf');

	await exits('check_of_good_file_exits_0', 0,
		['check', path.join(LAB, 'sluice.conf')], /^/);
	fs.writeFileSync(file, 'gateway = {\n  web = {\n' +
		'    address = "203.0.113.1";\n    wss_prt = 443; };\n' +
		'  sip = { address = "0.0.0.0"; };\n  pbx = "http://x";\n};\n');
	const out = await exits('check_of_bad_file_exits_1', 1, ['check', file],
		/bad\.conf:4: .*wss_prt/);
	ok(/did you mean .*wss_port/.test(out), 'check_suggests_a_name', out);
	ok(/bad\.conf:5: /.test(out) && /bad\.conf:6: /.test(out),
		'check_names_every_fault_at_once', out);
	await exits('check_of_missing_file_exits_1', 1,
		['check', `${LAB}/missing.conf`], /missing\.conf/);
});

test('streams', async (state) => {
	const { call, incoming } = await in_call(state);

	await call.bye();
	await incoming.ended();
	await busywait(5, async () => !(await calls()).length);
	const trace = lines(log('trace')).map((l) => JSON.parse(l));
	const has = (side, direction, start) => trace.some((t) =>
		t.side === side && t.direction === direction &&
		t.text.startsWith(start));
	ok(has('web', 'received', 'INVITE sip:bob') &&
		has('sip', 'sent', 'INVITE sip:bob'),
		'trace_shows_both_legs_of_call_out');
	ok(has('sip', 'received', 'INVITE sip:') &&
		has('web', 'sent', 'INVITE sip:bob'),
		'trace_shows_both_legs_of_call_in');
	ok(has('web', 'sent', 'SIP/2.0 200') &&
		has('sip', 'received', 'SIP/2.0 200'),
		'trace_shows_answers');
	ok(trace.some((t) => t.call && t.text.startsWith('BYE')),
		'trace_names_the_call');
	ok(/INVITE sip:bob/.test(log('trace_text')),
		'trace_for_people_shows_messages');
	const events = lines(log('events')).map((l) => JSON.parse(l));
	ok(events.some((e) => e.event === 'web-connected' &&
		/^https:/.test(e.detail)), 'events_tell_connections',
		JSON.stringify(events.slice(0, 3)));
	await state.flows[0].close();
	ok(await busywait(3, () => /web-closed/.test(log('events'))),
		'events_tell_lost_connections');
});

run_all({
	before: async () => ({ flows: [] }),
	after: async (state) => {
		for (const flow of state.flows) {
			await new User(flow, { user: 'bob' }).register(
				{ contact: '*', expires: 0 });
			await flow.close();
		}
		await busywait(5, async () => !(await calls()).length);
	},
}).then((code) => process.exit(code));
