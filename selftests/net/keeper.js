// SPDX-License-Identifier: Apache-2.0
/* The daemon under tools/keeper.sh: killed, started again, asked. */
'use strict';
const fs = require('fs');
const path = require('path');
const { busywait } = require('../browser/tap.js');
const { LAB, log, peer, sluicectl } = require('./lab.js');

const pid_file = path.join(LAB, 'pid');
const pid = () => Number(fs.readFileSync(pid_file));

/* What the next start is: options, another binary. */
function again_with({ options = '', binary = '' })
{
	fs.writeFileSync(path.join(LAB, 'options'), options);
	fs.writeFileSync(path.join(LAB, 'binary'), binary);
}

/* Gone when it resolves. */
function kill(signal = 'SIGKILL')
{
	fs.writeFileSync(path.join(LAB, 'again'), '');
	process.kill(pid(), signal);
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

async function is_up()
{
	if (!await busywait(20, serves))
		throw new Error('the daemon does not start again');
}

/* How long it took to adopt what the last one left, in ms. */
async function start()
{
	const before = log('gateway').split('media: adopted').length;
	const began = Date.now();

	fs.writeFileSync(path.join(LAB, 'go'), '');
	await busywait(20, () =>
		log('gateway').split('media: adopted').length > before);
	const took = Date.now() - began;

	await is_up();
	return took;
}

function start_any()
{
	fs.writeFileSync(path.join(LAB, 'go'), '');
	return is_up();
}

/* Does it end by itself, with this in its log? */
async function start_fails(pattern)
{
	const before = log('gateway').length;

	fs.writeFileSync(path.join(LAB, 'again'), '');
	fs.writeFileSync(path.join(LAB, 'go'), '');
	return busywait(20, () => pattern.test(log('gateway').slice(before)) &&
		!fs.existsSync(pid_file));
}

/* sluicectl on the pinned maps; the daemon is gone. */
async function kernel(...words)
{
	const { out } = await peer('sluicectl_pinned', '-j', ...words);

	return JSON.parse(out.split('\n').find((l) => l[0] === '{'));
}

module.exports = { again_with, kernel, kill, pid, start, start_any,
	start_fails };
