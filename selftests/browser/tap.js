// SPDX-License-Identifier: Apache-2.0
/* TAP for the browser tests: one async function a case. */
'use strict';

const cases = [];
let count = 0, failed = 0;

function say(ok, name, lines)
{
	count++;
	failed += ok ? 0 : 1;
	console.log(`${ok ? '' : 'not '}ok ${count} - ${name}`);
	for (const line of lines || [])
		console.log(`# ${String(line).replace(/\n/g, '\n# ')}`);
}

const ok = (condition, name, ...lines) =>
	say(!!condition, name, condition ? [] : lines);

/* Prints a line that is no check. */
const note = (...lines) => lines.forEach((l) => console.log(`# ${l}`));

function skip(name, why)
{
	console.log(`ok ${++count} - ${name} # SKIP ${why}`);
}

function test(name, run)
{
	cases.push({ name, run });
}

/*
 * Runs the cases one by one; a case that throws is one failed check under its
 * own name. CASES=a,b limits them. before() and after() surround each.
 */
async function run_all({ before, after } = {})
{
	const only = (process.env.CASES || '').split(',').filter((c) => c);

	for (const { name, run } of cases) {
		if (only.length && !only.some((c) => name.includes(c)))
			continue;
		const began = Date.now();
		let state;
		try {
			state = before ? await before(name) : undefined;
			await run(state);
		} catch (e) {
			say(false, `${name}_finished`, [e.stack || e]);
		}
		try {
			if (after)
				await after(state, name);
		} catch (e) {
			note(`after ${name}: ${e.message}`);
		}
		note(`case ${name} took ${Date.now() - began} ms`);
	}
	console.log(`1..${count}`);
	return failed ? 1 : 0;
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* Polls until `probe` gives something true; returns it, or null in time. */
async function busywait(seconds, probe)
{
	const end = Date.now() + seconds * 1000;

	for (;;) {
		const value = await probe();
		if (value)
			return value;
		if (Date.now() >= end)
			return null;
		await sleep(50);
	}
}

module.exports = { busywait, note, ok, run_all, skip, test };
