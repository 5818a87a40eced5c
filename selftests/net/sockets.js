// SPDX-License-Identifier: Apache-2.0
/*
 * UDP sockets of a test, here or in another namespace of the run.
 *
 *	const s = await open_udp('203.0.113.66');
 *	s.send(bytes, 10000, '203.0.113.1');
 *	s.received		what came back
 *
 *	const far = new Far('sip');
 *	far.send({ from: '198.51.100.66', to, port, data });
 */
'use strict';
const { spawn } = require('child_process');
const dgram = require('dgram');

/* As it stands in URIs and before a port. */
const bracketed = (address) => address.includes(':') ? `[${address}]` : address;

/* port 0: any */
function open_udp(address, port = 0)
{
	return new Promise((resolve, reject) => {
		const socket = dgram.createSocket(
			address.includes(':') ? 'udp6' : 'udp4');
		const received = [];

		socket.on('error', reject);
		socket.on('message', (data) => received.push(data));
		socket.bind(port, address, () => resolve({
			socket, received, port: socket.address().port,
			send: (data, to_port, to) => new Promise((sent) =>
				socket.send(data, to_port, to, sent)),
			close: () => new Promise((closed) =>
				socket.close(closed)),
		}));
	});
}

/* A process of ours in a namespace, told by lines of JSON what to send. */
class Far {
	constructor(ns)
	{
		this.child = spawn('nsenter', [
			`--net=/run/netns/sluice-${process.env.LAB_ID}-${ns}`,
			'--', process.execPath, __filename],
		{ stdio: ['pipe', 'pipe', 'inherit'] });
		this.answers = 0;
		this.waiting = [];
		let text = '';
		this.child.stdout.on('data', (d) => {
			const lines = (text + d).split('\n');

			text = lines.pop();
			for (const line of lines)
				this.line(JSON.parse(line));
		});
	}

	line({ done, answer })
	{
		if (answer)
			this.answers++;
		if (done)
			this.waiting.shift()();
	}

	/* source_port 0: any, the same for each use of one address. */
	send({ from, source_port = 0, to, port, data })
	{
		return new Promise((resolve) => {
			this.waiting.push(resolve);
			this.child.stdin.write(JSON.stringify({ from,
				source_port, to, port,
				hex: Buffer.from(data).toString('hex') }) + '\n');
		});
	}

	close()
	{
		this.child.stdin.end();
	}
}

async function serve()
{
	const sockets = new Map();
	const say = (o) => process.stdout.write(JSON.stringify(o) + '\n');
	const lines = require('readline').createInterface(
		{ input: process.stdin });

	for await (const line of lines) {
		const { from, source_port, to, port, hex } = JSON.parse(line);
		const key = `${from}:${source_port}`;

		if (!sockets.has(key)) {
			const s = await open_udp(from, source_port);

			s.socket.on('message', () => say({ answer: from }));
			sockets.set(key, s);
		}
		await sockets.get(key).send(Buffer.from(hex, 'hex'), port, to);
		say({ done: true });
	}
	for (const s of sockets.values())
		s.socket.close();
}

if (require.main === module)
	serve();
module.exports = { bracketed, Far, open_udp };
