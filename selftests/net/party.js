// SPDX-License-Identifier: Apache-2.0
/*
 * A phone or a PBX of the SIP side that says what a test tells it to, on the
 * trunk's address. The test has the words of wsclient.js for it; its sockets
 * are a child's in namespace sip.
 *
 *	const sip = await Party.open();
 *	const call = await sip.incoming();
 *	call.respond(183, 'Progress', { body: sip.sdp(), headers: [...] });
 */
'use strict';
const child_process = require('child_process');
const { Flow, User, parse, token } = require('./wsclient.js');

const ADDRESS = process.env.SIP_PHONE || '198.51.100.20', PORT = 5070;
const PBX = process.env.SIP_PBX || '198.51.100.10';

/* A UDP socket over there; received: { data, from }. */
class Socket {
	constructor(remote, name)
	{
		Object.assign(this, { remote, name, received: [] });
	}

	send(data, port, host)
	{
		this.remote.post({ name: this.name, port, host,
			data: Buffer.from(data).toString('base64') });
	}
}

class Remote {
	constructor()
	{
		this.sockets = new Map();
		this.child = child_process.spawn(process.env.LAB_SHELL,
			['in_ns', 'sip', process.execPath, __filename],
			{ stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
		this.child.on('message', (m) => {
			const s = this.sockets.get(m.name);

			if (m.opened)
				return void s.opened(m.opened);
			const data = Buffer.from(m.data, 'base64');
			if (s.on_data)
				s.on_data(data, m.from);
			else
				s.received.push({ data, from: m.from });
		});
	}

	post(m)
	{
		this.child.send(m);
	}

	open(address = ADDRESS, port = 0)
	{
		const s = new Socket(this, token());

		this.sockets.set(s.name, s);
		return new Promise((resolve) => {
			s.opened = (n) => {
				s.port = n;
				s.address = address;
				resolve(s);
			};
			this.post({ name: s.name, open: address, port });
		});
	}

	close()
	{
		const ended = new Promise((resolve) =>
			this.child.on('exit', resolve));

		this.child.disconnect();
		return ended;
	}
}

/* The Flow of a datagram socket: repeats of a message are taken off. */
class DatagramFlow extends Flow {
	constructor(socket)
	{
		super({ on() {} });
		this.udp = socket;
		this.seen = new Map();	/* text: how often */
		socket.on_data = (d) => this.datagram(d.toString());
	}

	datagram(text)
	{
		const count = (this.seen.get(text) || 0) + 1;

		this.seen.set(text, count);
		this.log.push(`< ${text}`);
		if (process.env.WIRE)
			console.log(`# sip < ${text.replace(/\r?\n/g, '\n# < ')}`);
		if (count === 1 && text.trim())
			this.inbox.push(parse(text));
		this.wake();
	}

	send(text)
	{
		this.log.push(`> ${text}`);
		if (process.env.WIRE)
			console.log(`# sip > ${text.replace(/\r?\n/g, '\n# > ')}`);
		this.udp.send(text, 5060, PBX);
	}
}

class Party extends User {
	static async open(user = '2001')
	{
		const remote = new Remote();
		const party = new Party(new DatagramFlow(await remote.open(
			ADDRESS, PORT)), { user });

		party.remote = remote;
		party.media = await remote.open();
		party.version = 0;
		return party;
	}

	contact()
	{
		return `<sip:${this.user}@${ADDRESS}:${PORT}>`;
	}

	via()
	{
		return `Via: SIP/2.0/UDP ${ADDRESS}:${PORT};branch=z9hG4bK${token()}`;
	}

	/* lines: what follows the m-line; media: where it is to come. */
	sdp({ formats = '0 101', media = this.media, address = media.address,
		lines = ['a=rtpmap:101 telephone-event/8000'], more = [] } = {})
	{
		return ['v=0', `o=phone 1 ${++this.version} IN IP4 ${ADDRESS}`,
			's=-', `c=IN IP4 ${address}`, 't=0 0',
			`m=audio ${media.port} RTP/AVP ${formats}`, ...lines,
			...more, ''].join('\r\n');
	}

	/* One RTP packet to where a description of the gateway says. */
	send_rtp(text, payload_type = 0, { media = this.media, kind = 'audio' } = {})
	{
		const header = Buffer.alloc(12);
		const [, port] = new RegExp(`^m=${kind} (\\d+)`, 'm').exec(text);
		const [, host] = /^c=IN IP4 (\S+)/m.exec(text);

		media.seq = (media.seq || 0) + 1;
		media.ssrc ||= 0x5100 + media.port;
		header[0] = 0x80;
		header[1] = payload_type;
		header.writeUInt16BE(media.seq, 2);
		header.writeUInt32BE(media.seq * 160, 4);
		header.writeUInt32BE(media.ssrc, 8);
		media.send(Buffer.concat([header, Buffer.alloc(160, 0xd5)]),
			Number(port), host);
	}

	close()
	{
		return this.remote.close();
	}
}

/* ---- the child ------------------------------------------------------------ */

function serve()
{
	const { open_udp } = require('./sockets.js');
	const sockets = new Map();

	process.on('message', async (m) => {
		if (m.open) {
			const s = await open_udp(m.open, m.port);

			sockets.set(m.name, s);
			s.socket.on('message', (d, from) => process.send({
				name: m.name, data: d.toString('base64'),
				from: { host: from.address, port: from.port } }));
			process.send({ name: m.name, opened: s.port });
		} else {
			sockets.get(m.name).send(Buffer.from(m.data, 'base64'),
				m.port, m.host);
		}
	});
	process.on('disconnect', () => process.exit(0));
}

if (require.main === module)
	serve();

module.exports = { ADDRESS, Party, Remote };
