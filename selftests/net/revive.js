// SPDX-License-Identifier: Apache-2.0
/* See revive.sh. Run in namespace web. */
'use strict';
const fs = require('fs');
const path = require('path');
const { busywait, ok, run_all, test } = require('../browser/tap.js');
const { LAB, registrations, sluicectl } = require('./lab.js');
const { ADDRESS, Pbx } = require('./pbx.js');
const { User, connect, response } = require('./wsclient.js');

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

const tagged = (name) => `${name}_${TRANSPORT}`;

/* ---- registrations -------------------------------------------------------- */

test('registration', async () => {
	const alice = await online();
	const alias = alice.alias;

	await restart();
	const [r] = await registrations('alice');
	ok(r && r.alias && alias.includes(r.alias) && !r.online,
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
		!(await registrations('alice')).length,
	tagged('registration_removed'));
	await restart();
	ok(!(await registrations('alice')).length,
		tagged('registration_removed_stays_removed'));
});

(async () => {
	pbx = await Pbx.start();
	const code = await run_all();
	pbx.stop();
	process.exit(code);
})();
