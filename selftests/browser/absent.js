// SPDX-License-Identifier: Apache-2.0
/* The case of absent.sh. */
'use strict';
const fs = require('fs');
const path = require('path');
const { JsSip, Phone, launch, peer, sluicectl } = require('./driver.js');
const { busywait, note, ok, run_all, test } = require('./tap.js');

const LAB = process.env.LAB, pid_file = path.join(LAB, 'pid');
const ABSENT_S = Number(process.env.ABSENT || 120);
const JSSIP_EXPIRES_S = 90;	/* what JsSIP asks for by itself */
const phone_hears = async (name, hz) => (await peer('busywait', '10', 'heard',
	name, String(hz))).code === 0;
const phone_is_done = async (name) => (await peer('busywait', '15', 'log_has',
	name, 'session closed|terminated by peer')).code === 0;
const calls = async () => (await sluicectl('show', 'calls')).calls;

async function kill()
{
	process.kill(Number(fs.readFileSync(pid_file)), 'SIGKILL');
	await busywait(5, () => !fs.existsSync(pid_file));
}

/* Both ways, now. */
const both_hear = async (c) => await c.hears(c.phone_hz) &&
	await phone_hears(c.phone, c.hz);

async function in_call(browser, Kind, name, number, phone, phone_hz, options)
{
	const client = await Kind.open(browser, { name });

	Object.assign(client, { phone, phone_hz });
	if (!await client.register(name))
		throw new Error(`${name} did not register`);
	await client.call(number, options);
	if (!await client.until(10, 'up') || !await both_hear(client))
		throw new Error(`${name} is in no call: ` +
			JSON.stringify(await client.state()));
	return client;
}

/*
 * Nobody refreshes the session: a client that asked for little ends it, as no
 * gateway can help. Nothing to see with a shorter ABSENT.
 */
async function ends_by_itself(bob)
{
	if (ABSENT_S < 1.2 * JSSIP_EXPIRES_S)
		return;
	ok(await bob.call_state() === 'none',
		'jssip_default_timer_ends_the_call_by_itself',
		JSON.stringify(await bob.state()));
	ok(await bob.reason() === 'Request Timeout',
		'jssip_default_timer_is_the_reason', await bob.reason());
}

/* All the while; alice's call must not fall silent. */
async function listen(alice, bob)
{
	const end = Date.now() + 1000 * ABSENT_S, deaf = [];
	let listened = 0;

	ok(await both_hear(bob), 'jssip_call_audio_goes_on_at_first');
	do {
		listened++;
		if (!await alice.hears(alice.phone_hz))
			deaf.push(`browser ${end - Date.now()} ms before the end`);
		if (!await phone_hears(alice.phone, alice.hz))
			deaf.push(`phone ${end - Date.now()} ms before the end`);
	} while (Date.now() < end);
	note(`listened ${listened} times in ${ABSENT_S} s`);
	ok(!deaf.length, 'browser_call_audio_goes_on_without_daemon',
		deaf.join());
	await ends_by_itself(bob);
}

test('absent', async () => {
	const browser = await launch();
	const alice = await in_call(browser, Phone, 'alice', '1004', 'phone',
		600);
	const bob = await in_call(browser, JsSip, 'bob', '1005', 'impatient',
		800, { session_expires: JSSIP_EXPIRES_S });

	await kill();
	await listen(alice, bob);
	fs.writeFileSync(path.join(LAB, 'go'), '');
	await peer('busywait', '20', 'gateway_serves');
	ok(await busywait(5, async () => (await calls()).some((c) =>
		c.from.includes('alice') && c.state === 'up' &&
		c.path === 'kernel')), 'browser_call_is_adopted');
	ok(await both_hear(alice), 'browser_call_audio_goes_on_after_it');
	ok(await busywait(35, async () => (await sluicectl('show',
		'registrations')).registrations.some((r) => r.online &&
		r.aor.includes('alice'))),
	'browser_is_back_on_its_own');
	await bob.hangup();
	ok(await phone_is_done('impatient'), 'jssip_phone_gets_bye');
	await alice.hangup();
	ok(await phone_is_done('phone'), 'browser_hangs_up_phone_gets_bye');
	ok(await busywait(5, async () => !(await calls()).length),
		'no_call_is_left');
	await browser.close();
});

run_all().then((code) => process.exit(code));
