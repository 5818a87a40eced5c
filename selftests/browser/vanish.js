// SPDX-License-Identifier: Apache-2.0
/* The cases of vanish.sh: nobody says BYE. Both time-outs are 5 s. */
'use strict';
const fs = require('fs');
const path = require('path');
const { Phone, launch, peer, sluicectl } = require('./driver.js');
const { busywait, ok, run_all, test } = require('./tap.js');

const WHAT = process.env.DATAPATH;
const PHONE_LOG = path.join(path.dirname(process.env.CONTROL), 'phone.log');
const no_calls = async (seconds) => busywait(seconds, async () =>
	!(await sluicectl('show', 'calls')).calls.length);
const phone_logs = async (pattern) => (await peer('busywait', '15',
	'log_has', 'phone', pattern)).code === 0;

async function in_call(browser)
{
	/* What it says of earlier calls is not meant. */
	fs.truncateSync(PHONE_LOG);
	const alice = await Phone.open(browser, { name: 'alice' });

	if (!await alice.register('alice'))
		throw new Error('alice did not register');
	await alice.call('1004');
	if (!await alice.until(10, 'up') || !await alice.hears(600))
		throw new Error('no call to vanish from: ' +
			JSON.stringify(await alice.state()));
	return alice;
}

/* Our children that are browsers; each leads a group of all its processes. */
function browsers()
{
	return fs.readdirSync('/proc').filter((pid) => {
		try {
			const [, name, parent] = /\((.*)\) \S+ (\d+)/.exec(
				fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
			return /^chrom/.test(name) &&
				Number(parent) === process.pid;
		} catch {
			return false;
		}
	}).map(Number);
}

/* The call outlives the connection for a while, and not for ever. */
async function ends_by_silence(name)
{
	const began = Date.now();

	ok(await phone_logs('session closed|terminated by peer'),
		`${WHAT}_${name}_phone_gets_bye`);
	const took = Date.now() - began;
	ok(took > 2000, `${WHAT}_${name}_ends_not_before_its_time`, took);
	ok(await no_calls(8), `${WHAT}_${name}_leaves_no_call`);
}

test('browser_killed', async () => {
	const browser = await launch();

	await in_call(browser);
	for (const pid of browsers())
		process.kill(-pid, 'SIGKILL');
	await ends_by_silence('browser_killed');
});

test('network_lost', async () => {
	const browser = await launch();

	await in_call(browser);
	await peer('in_ns', 'web', 'ip', 'link', 'set', 'eth0', 'down');
	await ends_by_silence('network_lost');
	await peer('in_ns', 'web', 'ip', 'link', 'set', 'eth0', 'up');
	await peer('in_ns', 'web', 'ip', 'route', 'add', 'default', 'via',
		process.env.GATEWAY || '203.0.113.1');
	await browser.close();
});

/* The last: there is no phone after it. */
test('phone_killed', async () => {
	const browser = await launch();
	const alice = await in_call(browser);
	const began = Date.now();

	process.kill(-Number(process.env.PHONE_PID), 'SIGKILL');
	ok(await alice.until(15, 'none'), `${WHAT}_phone_killed_browser_gets_bye`);
	const took = Date.now() - began;
	ok(took > 3000, `${WHAT}_phone_killed_ends_not_before_its_time`, took);
	ok(await no_calls(8), `${WHAT}_phone_killed_leaves_no_call`);
	await browser.close();
});

run_all().then((code) => process.exit(code));
