// SPDX-License-Identifier: Apache-2.0
/* Drops as the operator reads them: `sluicectl -j show drops`. */
'use strict';
const { execFileSync } = require('child_process');
const { busywait, ok } = require('../browser/tap.js');

function show(what)
{
	return JSON.parse(execFileSync(process.env.SLUICECTL,
		['-s', process.env.CONTROL, '-j', 'show', what],
		{ stdio: ['ignore', 'pipe', 'ignore'] }));
}

/* How often so far, both backends together; reason may be a list. */
function drops(side, reason)
{
	return show('drops').drops.filter((d) => d.side === side &&
		[].concat(reason).includes(d.reason))
		.reduce((sum, d) => sum + d.total, 0);
}

/* One check: act() makes exactly `count` drops of that reason. */
async function counted(name, side, reason, count, act)
{
	const before = drops(side, reason);

	await act();
	await busywait(5, () => drops(side, reason) - before >= count);
	const got = drops(side, reason) - before;

	ok(got === count, name, `${side} ${reason}: ${got}, want ${count}`);
}

module.exports = { counted, drops, show };
