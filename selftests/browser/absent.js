// SPDX-License-Identifier: Apache-2.0
/* The case of absent.sh. */
'use strict';
const fs = require('fs');
const path = require('path');
const { Phone, launch, peer, sluicectl } = require('./driver.js');
const { busywait, note, ok, run_all, test } = require('./tap.js');

const LAB = process.env.LAB, pid_file = path.join(LAB, 'pid');
const ABSENT_MS = Number(process.env.ABSENT || 10) * 1000;
const phone_hears = async (hz) => (await peer('busywait', '10', 'heard',
	'phone', String(hz))).code === 0;
const calls = async () => (await sluicectl('show', 'calls')).calls;

async function kill()
{
	process.kill(Number(fs.readFileSync(pid_file)), 'SIGKILL');
	await busywait(5, () => !fs.existsSync(pid_file));
}

/* Both ways, now. */
const both_hear = async (alice) => await alice.hears(600) &&
	await phone_hears(alice.hz);

test('absent', async () => {
	const browser = await launch();
	const alice = await Phone.open(browser, { name: 'alice' });

	if (!await alice.register('alice'))
		throw new Error('alice did not register');
	await alice.call('1004');
	if (!await alice.until(10, 'up') || !await both_hear(alice))
		throw new Error('no call: ' +
			JSON.stringify(await alice.state()));
	await kill();
	const end = Date.now() + ABSENT_MS;
	const deaf = [];
	let listened = 0;

	do {
		listened++;
		if (!await alice.hears(600))
			deaf.push(`browser ${end - Date.now()} ms before the end`);
		if (!await phone_hears(alice.hz))
			deaf.push(`phone ${end - Date.now()} ms before the end`);
	} while (Date.now() < end);
	note(`listened ${listened} times`);
	ok(!deaf.length, 'browser_call_audio_goes_on_without_daemon',
		deaf.join());
	fs.writeFileSync(path.join(LAB, 'go'), '');
	await peer('busywait', '20', 'gateway_serves');
	ok(await busywait(5, async () => {
		const list = await calls();
		return list.length === 1 && list[0].state === 'up' &&
			list[0].path === 'kernel';
	}), 'browser_call_is_adopted');
	ok(await both_hear(alice), 'browser_call_audio_goes_on_after_it');
	ok(await busywait(35, async () => (await sluicectl('show',
		'registrations')).registrations.some((r) => r.online)),
	'browser_is_back_on_its_own');
	await alice.hangup();
	ok((await peer('busywait', '10', 'log_has', 'phone',
		'session closed|terminated by peer')).code === 0,
	'browser_hangs_up_phone_gets_bye');
	ok(await busywait(5, async () => !(await calls()).length),
		'browser_call_is_gone');
	await browser.close();
});

run_all().then((code) => process.exit(code));
