// SPDX-License-Identifier: Apache-2.0
/* The topology as a driver in Node sees it; lib.sh and peers.sh do the work. */
'use strict';
const { spawn } = require('child_process');
const fs = require('fs');
const path = require('path');
const { parse } = require('./wsclient.js');

const LAB = path.dirname(process.env.LAB_SHELL || '.');

/* Runs a command; resolves to { code, out }. */
function run(file, words, { input = '', ms = 60000 } = {})
{
	return new Promise((resolve) => {
		const child = spawn(file, words, { timeout: ms });
		let out = '';

		for (const stream of [child.stdout, child.stderr])
			stream.on('data', (d) => { out += d; });
		child.stdin.on('error', () => {});
		child.stdin.end(input);
		child.on('close', (code) => resolve({ code, out }));
	});
}

/* A function of lib.sh, peers.sh or gateway.sh in this run. */
const peer = (...words) => run(process.env.LAB_SHELL, words);

/* `sluicectl -j WORDS` as an object. */
async function sluicectl(...words)
{
	const { out } = await peer('sluicectl', '-j', ...words);

	try {
		return JSON.parse(out);
	} catch {
		throw new Error(`sluicectl ${words.join(' ')}: ${out}`);
	}
}

const registrations = async (user) => (await sluicectl('show',
	'registrations')).registrations.filter((r) =>
	r.aor.startsWith(`sip:${user}@`));

const calls = async () => (await sluicectl('show', 'calls')).calls;

const log = (name) => fs.readFileSync(path.join(LAB, `${name}.log`), 'utf8');

/*
 * Sends a SIP message from an address of the SIP side to the gateway, over
 * UDP; the responses until a final one, parsed. None for a silent gateway.
 */
async function ask_from(address, text, ms = 3000)
{
	const { out } = await run(process.env.LAB_SHELL, ['in_ns', 'sip',
		'node', path.join(__dirname, 'udp.js'), address, String(ms)],
	{ input: text });

	return out.split('\0').filter((m) => m).map(parse);
}

module.exports = { LAB, ask_from, calls, log, peer, registrations, run,
	sluicectl };
