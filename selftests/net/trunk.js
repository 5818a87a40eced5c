// SPDX-License-Identifier: Apache-2.0
/* The cases of trunk.sh: CASES names the one, WHAT begins its checks' names. */
'use strict';
const { calls, peer } = require('./lab.js');
const { User, connect } = require('./wsclient.js');
const { busywait, ok, run_all, test } = require('../browser/tap.js');

const WHAT = process.env.WHAT;
const status = (m) => m ? m.status : 'none';

/* sluicectl's exit code 5 says degraded. */
const health = (code, seconds) => busywait(seconds, async () =>
	(await peer('sluicectl', 'status')).code === code);

async function in_time(ms, promise)
{
	const began = Date.now();
	const value = await promise;

	return { value, took: Date.now() - began,
		ok: Date.now() - began < ms };
}

test('up', async (user) => {
	const alice = await user('alice'), bob = await user('bob');

	ok(await health(0, 15), `${WHAT}_is_shown_up`);
	for (const u of [alice, bob])
		/* A PBX that hangs is found out in 7 s. */
		ok(status(await u.register({ ms: 15000 })) === 200,
			`${WHAT}_registers_${u.user}`);
	const call = alice.dial('bob');
	const incoming = await bob.incoming();
	ok(incoming && await incoming.answer(), `${WHAT}_call_is_answered`);
	await call.done;
	ok(status(call.final) === 200, `${WHAT}_answer_arrives`,
		status(call.final));
	if (!incoming || status(call.final) !== 200)
		return;
	ok(status(await incoming.bye()) === 200 && await call.ended(),
		`${WHAT}_bye_passes`);
	ok(await busywait(5, async () => !(await calls()).length),
		`${WHAT}_calls_are_gone`);
});

/* The PBX has been away for a while, and OPTIONS have told. */
test('known_down', async (user) => {
	const alice = await user('alice');

	ok(await health(5, 15), `${WHAT}_is_shown_degraded`);
	const shown = (await peer('sluicectl', 'show', 'trunks')).out;
	ok(/\bdown\b/.test(shown), `${WHAT}_is_shown_down`, shown);
	const reg = await in_time(1000, alice.register());
	ok(status(reg.value) === 503 && /^SIP;cause=/.test(
		reg.value.get('Reason')) && reg.ok,
		`${WHAT}_register_gets_503_at_once`,
		reg.value && reg.value.text, reg.took);
	const call = await in_time(1000, alice.invite('bob'));
	ok(status(call.value.final) === 503 && /^SIP;cause=/.test(
		call.value.final.get('Reason')) && call.ok,
		`${WHAT}_invite_gets_503_at_once`,
		call.value.final && call.value.final.text, call.took);
});

/* It has just died, and nobody knows yet. */
test('just_died', async (user) => {
	const alice = await user('alice');

	const call = await in_time(5000, alice.invite('bob'));
	ok(status(call.value.final) === 503 && call.ok,
		`${WHAT}_invite_gets_503`, call.value.final &&
		call.value.final.text, call.took);
	ok(await health(5, 8), `${WHAT}_failed_call_leads_to_a_probe`);
});

const flows = [];

run_all({
	before: async () => async (name) => {
		const flow = await connect();

		flows.push(flow);
		return new User(flow, { user: name });
	},
	after: async () => {
		for (const flow of flows.splice(0))
			await flow.close();
	},
}).then((code) => process.exit(code));
