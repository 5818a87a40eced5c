// SPDX-License-Identifier: Apache-2.0
/*
 * udp.js ADDRESS MS <MESSAGE: sends one SIP message from ADDRESS to the gateway,
 * $PORT put in its place; prints what comes back, NUL after each, until a
 * final response or MS are over.
 */
'use strict';
const dgram = require('dgram');
const fs = require('fs');

const [address, ms] = process.argv.slice(2);
const socket = dgram.createSocket('udp4');
const end = () => process.exit(0);

setTimeout(end, Number(ms));
socket.on('message', (m) => {
	process.stdout.write(`${m}\0`);
	if (/^SIP\/2\.0 [2-6]/.test(m.toString()))
		setImmediate(end);
});
socket.bind(0, address, () => socket.send(
	fs.readFileSync(0, 'utf8').replaceAll('$PORT', socket.address().port),
	5060, process.env.SIP_GATEWAY || '198.51.100.1'));
