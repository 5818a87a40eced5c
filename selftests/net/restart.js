// SPDX-License-Identifier: Apache-2.0
/* See restart.sh. Run in namespace web. */
'use strict';
const fs = require('fs');
const path = require('path');
const { busywait, note, ok, run_all, test } = require('../browser/tap.js');
const { LAB, calls, log, sluicectl } = require('./lab.js');
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

/* ---- calls ---------------------------------------------------------------- */

const all = (what) => Promise.all(talks.map(what));

async function open(count)
{
	for (let i = 0; i < count; i++) {
		const talk = await Talk.open(alice, pbx, remote);

		talks.push(talk);
		talk.start();
	}
	await all((t) => t.more(10));
	for (const t of talks)
		t.mark();
}

function sum()
{
	const total = { lost: 0, twice: 0, forged: 0, count: 0 };

	for (const v of talks.map((t) => t.verdict()))
		for (const key of Object.keys(total))
			total[key] += v[key];
	return total;
}

async function close()
{
	await all((t) => t.close());
	talks = [];
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
	await all((t) => t.stop());
	const total = sum();

	note(`${total.count} packets each way, adopted after ${took} ms; ${
		JSON.stringify(total)}`);
	ok(adopted.every((n) => n === CALLS), 'kill_every_session_adopted',
		adopted.join());
	ok(nothing_missing(total), 'kill_no_packet_lost_none_twice',
		JSON.stringify(talks.map((t) => t.verdict())));
	await close();
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
