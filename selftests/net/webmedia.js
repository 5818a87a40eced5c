// SPDX-License-Identifier: Apache-2.0
/*
 * The media of a browser without a browser: ICE checks made here, DTLS by
 * openssl s_client, SRTP by Node's crypto. Well
 * formed or not, as the test tells.
 *
 *	const media = await WebMedia.open('203.0.113.77');
 *	call = await user.invite('2001', { body: media.offer(offer_sdp()) });
 *	media.answered(call.final.body);
 *	await media.check();
 *	await media.handshake();
 *	media.send_rtp(0, payload);
 */
'use strict';
const { execFileSync, spawn } = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { busywait } = require('../browser/tap.js');
const { bracketed, open_udp } = require('./sockets.js');

/* ---- STUN (RFC 8489) ---------------------------------------------------- */

const REQUEST = 0x0001, SUCCESS = 0x0101;
const COOKIE = 0x2112a442;

function crc32(data)
{
	let crc = ~0;

	for (const byte of data) {
		crc ^= byte;
		for (let bit = 0; bit < 8; bit++)
			crc = crc >>> 1 ^ (0xedb88320 & -(crc & 1));
	}
	return ~crc >>> 0;
}

function attribute(type, value)
{
	const head = Buffer.alloc(4);

	head.writeUInt16BE(type, 0);
	head.writeUInt16BE(value.length, 2);
	return Buffer.concat([head, value, Buffer.alloc(-value.length & 3)]);
}

const word = (n) => {
	const b = Buffer.alloc(4);
	b.writeUInt32BE(n >>> 0);
	return b;
};

/*
 * A binding request. password: null for no MESSAGE-INTEGRITY; fingerprint:
 * 'none' or 'wrong' otherwise than right.
 */
function stun({ username, password = null, type = REQUEST,
	fingerprint = 'right', id = crypto.randomBytes(12), more = [] })
{
	const head = Buffer.alloc(8);
	let body = Buffer.concat([
		...(username ? [attribute(6, Buffer.from(username))] : []),
		attribute(0x24, word(0x6e7f00ff)), attribute(0x25, Buffer.alloc(0)),
		attribute(0x802a, Buffer.alloc(8, 7)), ...more]);
	const message = (extra) => {
		head.writeUInt16BE(type, 0);
		head.writeUInt16BE(body.length + extra, 2);
		head.writeUInt32BE(COOKIE, 4);
		return Buffer.concat([head, id, body]);
	};

	if (password !== null)
		body = Buffer.concat([body, attribute(8, crypto
			.createHmac('sha1', password).update(message(24))
			.digest())]);
	if (fingerprint !== 'none')
		body = Buffer.concat([body, attribute(0x8028, word(
			crc32(message(8)) ^ 0x5354554e ^
			(fingerprint === 'wrong' ? 1 : 0)))]);
	return message(0);
}

/* ---- SRTP (RFC 3711) ------------------------------------------------------ */

function keystream(key, iv, length)
{
	return crypto.createCipheriv(`aes-${8 * key.length}-ctr`, key, iv)
		.update(Buffer.alloc(length));
}

/* 4.3.1, with a derivation rate of 0; RFC 6188 for keys of 256 bits. */
function derive(key, salt, label, length)
{
	const iv = Buffer.concat([salt, Buffer.alloc(2)]);

	iv[7] ^= label;
	return keystream(key, iv, length);
}

/* Bytes ahead of the payload (RFC 3550 5.1, 5.3.1). */
function header_length(packet)
{
	const at = 12 + 4 * (packet[0] & 15);

	return packet[0] & 16 ? at + 4 + 4 * packet.readUInt16BE(at + 2) : at;
}

/* A header without CSRCs, with its extension block. */
function extended(header, extension)
{
	if (extension.length)
		header[0] |= 16;
	return Buffer.concat([header, extension]);
}

/*
 * suite: as RFC 4568 6.2 and RFC 7714 14 name it; mki: in each packet (RFC
 * 3711 3.1), behind all else with GCM (RFC 7714 8.2).
 */
class Srtp {
	constructor(key, salt, suite = 'AES_CM_128_HMAC_SHA1_80',
		mki = Buffer.alloc(0))
	{
		const base = Buffer.concat([salt, Buffer.alloc(2)]).subarray(0, 14);

		this.mki = mki;
		this.is_gcm = /GCM/.test(suite);
		this.sources = new Map();	/* what was received of each */
		this.tag_length = this.is_gcm ? 16 :
			suite === 'AES_CM_128_HMAC_SHA1_32' ? 4 : 10;
		this.key = derive(key, base, 0, key.length);
		this.auth = derive(key, base, 1, 20);
		this.salt = derive(key, base, 2, this.is_gcm ? 12 : 14);
		this.rtcp_key = derive(key, base, 3, key.length);
		this.rtcp_auth = derive(key, base, 4, 20);
		this.rtcp_salt = derive(key, base, 5, 14);
		this.rtcp_index = 0;
	}

	/* RFC 3711 3.4, AES-CM; the IV of 4.1.1 with the SRTCP index. */
	rtcp_crypt(packet, index, end)
	{
		const iv = Buffer.concat([this.rtcp_salt, Buffer.alloc(2)]);

		for (let i = 0; i < 4; i++) {
			iv[4 + i] ^= packet[4 + i];
			iv[10 + i] ^= index >>> (24 - 8 * i) & 255;
		}
		const stream = keystream(this.rtcp_key, iv, end - 8);
		return Buffer.concat([packet.subarray(0, 8), packet
			.subarray(8, end).map((b, i) => b ^ stream[i])]);
	}

	rtcp_tag(packet)
	{
		return crypto.createHmac('sha1', this.rtcp_auth).update(packet)
			.digest().subarray(0, 10);
	}

	/* tail: bytes behind the MKI. */
	put_mki(packet, tail)
	{
		const at = packet.length - tail;

		return Buffer.concat([packet.subarray(0, at), this.mki,
			packet.subarray(at)]);
	}

	/* null: there is another one, or none. */
	take_mki(packet, tail)
	{
		const at = packet.length - tail, from = at - this.mki.length;

		return packet.subarray(Math.max(from, 0), at).equals(this.mki) ?
			Buffer.concat([packet.subarray(0, from),
				packet.subarray(at)]) : null;
	}

	/* A compound of 80-bit tags; null: not authentic. */
	unprotect_rtcp(whole)
	{
		const packet = this.take_mki(whole, 10);

		if (!packet)
			return null;
		const at = packet.length - 14;

		if (at < 8 || !this.rtcp_tag(packet.subarray(0, at + 4))
			.equals(packet.subarray(at + 4)))
			return null;
		return this.rtcp_crypt(packet, packet.readUInt32BE(at) &
			0x7fffffff, at);
	}

	protect_rtcp(packet)
	{
		const index = this.rtcp_index++;
		const body = Buffer.concat([this.rtcp_crypt(packet, index,
			packet.length), word(0x80000000 | index)]);

		return Buffer.concat([body, this.mki, this.rtcp_tag(body)]);
	}

	tag(packet, roc)
	{
		return crypto.createHmac('sha1', this.auth).update(packet)
			.update(word(roc)).digest().subarray(0, this.tag_length);
	}

	/* RFC 3711 4.1.1; RFC 7714 8.1 */
	iv(header, roc)
	{
		const iv = this.is_gcm ? Buffer.from(this.salt) :
			Buffer.concat([this.salt, Buffer.alloc(2)]);
		const at = this.is_gcm ? 2 : 4;

		for (let i = 0; i < 4; i++)
			iv[at + i] ^= header[8 + i];
		for (let i = 0; i < 4; i++)
			iv[at + 4 + i] ^= roc >>> (24 - 8 * i) & 255;
		iv[at + 8] ^= header[2];
		iv[at + 9] ^= header[3];
		return iv;
	}

	protect(header, payload, roc = 0)
	{
		return this.put_mki(this.seal(header, payload, roc),
			this.is_gcm ? 0 : this.tag_length);
	}

	gcm()
	{
		return `aes-${8 * this.key.length}-gcm`;
	}

	/* unprotect() with the roll-over counter of RFC 3711 3.3.1. */
	receive(packet)
	{
		const ssrc = packet.readUInt32BE(8), seq = packet.readUInt16BE(2);
		const s = this.sources.get(ssrc) || { roc: 0, highest: seq };
		const ahead = (seq - s.highest << 16) >> 16;
		const index = s.roc * 65536 + s.highest + ahead;
		const roc = Math.max(Math.floor(index / 65536), 0);
		const payload = this.unprotect(packet, roc);

		if (payload && ahead >= 0) {
			s.roc = roc;
			s.highest = seq;
		}
		if (payload)
			this.sources.set(ssrc, s);
		return payload;
	}

	seal(header, payload, roc)
	{
		const iv = this.iv(header, roc);

		if (this.is_gcm) {
			const c = crypto.createCipheriv(this.gcm(), this.key, iv)
				.setAAD(header);
			return Buffer.concat([header, c.update(payload), c.final(),
				c.getAuthTag()]);
		}
		const stream = keystream(this.key, iv, payload.length);
		const packet = Buffer.concat([header,
			payload.map((b, i) => b ^ stream[i])]);
		return Buffer.concat([packet, this.tag(packet, roc)]);
	}

	is_authentic(packet, roc = 0)
	{
		return !!this.unprotect(packet, roc);
	}

	/* The payload; null: not authentic. */
	unprotect(whole, roc = 0)
	{
		const packet = this.take_mki(whole, this.is_gcm ? 0 :
			this.tag_length);

		if (!packet)
			return null;
		const at = packet.length - this.tag_length;

		if (at < 12)
			return null;
		const from = header_length(packet);
		const header = packet.subarray(0, from);
		const data = packet.subarray(from, at), tag = packet.subarray(at);
		if (this.is_gcm) {
			const d = crypto.createDecipheriv(this.gcm(), this.key,
				this.iv(header, roc)).setAAD(header).setAuthTag(tag);
			try {
				return Buffer.concat([d.update(data), d.final()]);
			} catch {
				return null;
			}
		}
		if (!this.tag(packet.subarray(0, at), roc).equals(tag))
			return null;
		const stream = keystream(this.key, this.iv(header, roc), data.length);
		return data.map((b, i) => b ^ stream[i]);
	}
}

/* The packets of an RTCP compound (RFC 3550 6.1): { pt, count, data }. */
function rtcp_parts(packet)
{
	const parts = [];

	for (let at = 0; at + 4 <= packet.length;) {
		const length = 4 + 4 * packet.readUInt16BE(at + 2);

		parts.push({ pt: packet[at + 1], count: packet[at] & 31,
			data: packet.subarray(at, at + length) });
		at += length;
	}
	return parts;
}

/* ---- a browser's socket --------------------------------------------------- */

/* One certificate for the whole run. */
function certificate()
{
	const dir = fs.mkdtempSync(path.join(process.env.LAB || os.tmpdir(),
		'dtls-'));
	const key = path.join(dir, 'dtls.key'), cert = path.join(dir, 'cert');

	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt',
		'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=lab',
		'-keyout', key, '-out', cert], { stdio: 'ignore' });
	return { key, cert, fingerprint: new crypto.X509Certificate(
		fs.readFileSync(cert)).fingerprint256 };
}

class WebMedia {
	static async open(address)
	{
		const media = new WebMedia();

		media.address = address;
		media.udp = await open_udp(address);
		media.port = media.udp.port;
		media.identity = certificate();
		media.ufrag = 'wMed';
		media.ssrc = crypto.randomBytes(4).readUInt32BE() | 1;
		media.seq = 100;
		media.echoes = 0;	/* SRTP received and authentic */
		media.forged = 0;	/* received and not authentic */
		media.heard = [];	/* the authentic ones, opened */
		media.rtcp = [];	/* the parts of authentic compounds */
		return media;
	}

	/* The description with our fingerprint and ufrag. */
	offer(text)
	{
		return text.replace(/a=fingerprint:.*/,
			`a=fingerprint:sha-256 ${this.identity.fingerprint}`)
			.replace(/a=ice-ufrag:.*/, `a=ice-ufrag:${this.ufrag}`);
	}

	/* Reads the gateway's description. */
	answered(text)
	{
		const get = (re) => (re.exec(text) || [])[1];

		this.remote_ufrag = get(/^a=ice-ufrag:(\S+)/m);
		this.password = get(/^a=ice-pwd:(\S+)/m);
		const [, to, port] = /^a=candidate:\S+ 1 udp \d+ (\S+) (\d+)/im
			.exec(text) || [];
		this.to = to;
		this.to_port = Number(port);
		this.username = `${this.remote_ufrag}:${this.ufrag}`;
	}

	send(data)
	{
		return this.udp.send(data, this.to_port, this.to);
	}

	/* A good check; true once it is answered with success. */
	async check(seconds = 5)
	{
		const id = crypto.randomBytes(12);

		await this.send(stun({ username: this.username,
			password: this.password, id }));
		return busywait(seconds, () => this.udp.received.some((d) =>
			d.length >= 20 && d.readUInt16BE(0) === SUCCESS &&
			d.subarray(8, 20).equals(id)));
	}

	/* DTLS from this socket's port; then the keys are there. */
	async handshake()
	{
		await this.udp.close();
		const child = spawn('openssl', ['s_client', '-dtls1_2',
			'-connect', `${bracketed(this.to)}:${this.to_port}`,
			'-bind', `${bracketed(this.address)}:${this.port}`,
			'-cert', this.identity.cert, '-key', this.identity.key,
			'-use_srtp', 'SRTP_AES128_CM_SHA1_80', '-mtu', '1200',
			'-keymatexport', 'EXTRACTOR-dtls_srtp',
			'-keymatexportlen', '60'],
		{ stdio: ['pipe', 'pipe', 'pipe'] });
		let text = '';
		const ended = new Promise((resolve) =>
			child.on('exit', resolve));

		child.stdout.on('data', (d) => text += d);
		child.stderr.on('data', (d) => text += d);
		const hex = await busywait(10, () => (
			/Keying material: ([0-9A-F]{120})\b/.exec(text) || [])[1]);
		/* Killed, that it says no goodbye. */
		child.kill('SIGKILL');
		await ended;
		this.udp = await open_udp(this.address, this.port);
		if (!hex)
			throw new Error(`no DTLS: ${text.slice(-300)}`);
		const k = Buffer.from(hex, 'hex');
		this.tx = new Srtp(k.subarray(0, 16), k.subarray(32, 46));
		this.rx = new Srtp(k.subarray(16, 32), k.subarray(46, 60));
		this.udp.socket.on('message', (d) => {
			const type = d[1] & 0x7f;

			if (d[0] >> 6 !== 2)
				return;
			if (type >= 64 && type <= 95)
				return this.hear_rtcp(this.rx.unprotect_rtcp(d));
			this.hear(d, this.rx.receive(d));
		});
	}

	hear_rtcp(packet)
	{
		if (packet)
			this.rtcp.push(...rtcp_parts(packet));
		else
			this.forged++;
	}

	hear(d, payload)
	{
		if (!payload)
			return void this.forged++;
		this.echoes++;
		this.heard.push({ at: Date.now(), pt: d[1] & 0x7f,
			marker: d[1] >> 7, seq: d.readUInt16BE(2),
			ts: d.readUInt32BE(4), ssrc: d.readUInt32BE(8),
			extension: d.subarray(12, header_length(d))
				.toString('hex'),
			payload: payload.subarray(0, 8).toString('hex') });
	}

	/* As a new source. */
	restart()
	{
		this.ssrc ^= 0x5a5a5a5a;
		this.seq = this.seq + 20000 & 0xffff;
	}

	/* SRTP of the next sequence number. */
	rtp(payload_type, payload = Buffer.alloc(160, 0xd5),
		extension = Buffer.alloc(0))
	{
		const header = Buffer.alloc(12);

		header[0] = 0x80;
		header[1] = payload_type;
		header.writeUInt16BE(++this.seq & 0xffff, 2);
		header.writeUInt32BE(this.seq * 160, 4);
		header.writeUInt32BE(this.ssrc >>> 0, 8);
		return this.tx.protect(extended(header, extension), payload,
			this.seq >>> 16);
	}

	/* RFC 4733: packets of one timestamp, which the audio goes on from. */
	async send_event(payload_type, payloads)
	{
		const timestamp = (this.seq + 1) * 160;

		for (const payload of payloads) {
			const packet = Buffer.alloc(12);

			packet[0] = 0x80;
			packet[1] = payload_type;
			packet.writeUInt16BE(++this.seq, 2);
			packet.writeUInt32BE(timestamp, 4);
			packet.writeUInt32BE(this.ssrc >>> 0, 8);
			await this.send(this.tx.protect(packet, payload));
		}
	}

	/* An SR of our own source, without blocks (RFC 3550 6.4.1). */
	send_report()
	{
		return this.send(this.tx.protect_rtcp(Buffer.concat([
			word(0x80c80006), word(this.ssrc), Buffer.alloc(8, 1),
			word(this.seq * 160), word(10), word(1600)])));
	}

	/* A compound as it stands. */
	send_rtcp(packet)
	{
		return this.send(this.tx.protect_rtcp(packet));
	}

	/* A whole picture is wanted of that SSRC (RFC 4585 6.3.1). */
	send_pli(ssrc)
	{
		return this.send(this.tx.protect_rtcp(Buffer.concat([
			word(0x80c90001), word(this.ssrc),
			word(0x81ce0002), word(this.ssrc), word(ssrc)])));
	}

	send_rtp(payload_type, payload, extension)
	{
		return this.send(this.rtp(payload_type, payload, extension));
	}

	close()
	{
		return this.udp.close();
	}
}

module.exports = { Srtp, WebMedia, extended, header_length, rtcp_parts,
	attribute, stun };
