// SPDX-License-Identifier: Apache-2.0
/*
 * Firefox by WebDriver BiDi, without a driver in between: it speaks it itself
 * (--remote-debugging-port). As much as a test needs: a page and scripts in it.
 *
 *	const firefox = await Firefox.launch(folder);
 *	await firefox.open('https://203.0.113.1/');
 *	const state = await firefox.run('window.sluicePhone.state()');
 */
'use strict';
const { spawn } = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const net = require('net');
const path = require('path');
const { Flow, TEXT } = require('../net/wsclient.js');

const PORT = 9222;
const PREFERENCES = {
	/* A sine of Firefox's own instead of a microphone. */
	'media.navigator.streams.fake': true,
	'media.navigator.permission.disabled': true,
	'media.autoplay.default': 0,
	'app.update.enabled': false,
	'datareporting.policy.dataSubmissionEnabled': false,
	'browser.shell.checkDefaultBrowser': false,
	'remote.log.level': 'Warn',
};

/* The frames' texts are answers and events of BiDi. */
class Channel extends Flow {
	frame({ opcode, payload })
	{
		if (opcode !== TEXT)
			return;
		const m = JSON.parse(payload.toString());

		if (m.id)
			this.inbox.push(m);
	}
}

function open_socket()
{
	return new Promise((resolve, reject) => {
		const socket = net.connect(PORT, '127.0.0.1');
		let data = Buffer.alloc(0);

		const read = (d) => {
			data = Buffer.concat([data, d]);
			const end = data.indexOf('\r\n\r\n');
			if (end < 0)
				return;
			socket.off('data', read);
			const channel = new Channel(socket);
			socket.on('data', (more) => channel.receive(more));
			channel.receive(data.subarray(end + 4));
			resolve(channel);
		};
		socket.on('data', read);
		socket.once('error', reject);
		socket.on('connect', () => socket.write([
			'GET /session HTTP/1.1', `Host: 127.0.0.1:${PORT}`,
			'Upgrade: websocket', 'Connection: Upgrade',
			`Sec-WebSocket-Key: ${crypto.randomBytes(16)
				.toString('base64')}`,
			'Sec-WebSocket-Version: 13', '', ''].join('\r\n')));
	});
}

class Firefox {
	static async launch(folder)
	{
		const f = new Firefox();

		fs.mkdirSync(folder, { recursive: true });
		fs.writeFileSync(path.join(folder, 'user.js'),
			Object.entries(PREFERENCES).map(([k, v]) =>
				`user_pref(${JSON.stringify(k)}, ` +
				`${JSON.stringify(v)});\n`).join(''));
		f.next = 0;
		f.child = spawn('firefox-esr', ['--headless', '--no-remote',
			'--profile', folder, '--remote-debugging-port',
			String(PORT), 'about:blank'], { stdio: ['ignore', 'ignore',
			'pipe'], env: { ...process.env, HOME: folder,
			MOZ_DISABLE_CONTENT_SANDBOX: '1' } });
		f.said = '';
		await new Promise((resolve, reject) => {
			f.child.on('exit', () => reject(new Error(f.said)));
			f.child.stderr.on('data', (d) => {
				f.said += d;
				if (/WebDriver BiDi listening/.test(f.said))
					resolve();
			});
		});
		f.channel = await open_socket();
		const session = await f.command('session.new', { capabilities: {
			alwaysMatch: { acceptInsecureCerts: true } } });
		f.version = session.capabilities.browserVersion;
		f.context = (await f.command('browsingContext.getTree', {}))
			.contexts[0].context;
		return f;
	}

	async command(method, params)
	{
		const id = ++this.next;

		this.channel.send_frame(TEXT, JSON.stringify({ id, method,
			params }));
		const m = await this.channel.expect((r) => r.id === id, 30000);
		if (!m || m.type === 'error')
			throw new Error(`${method}: ${m ? m.message : 'silence'}`);
		return m.result;
	}

	open(url)
	{
		return this.command('browsingContext.navigate',
			{ context: this.context, url, wait: 'complete' });
	}

	/* An expression's value, awaited, as JSON carries it. */
	async run(expression)
	{
		const r = await this.command('script.evaluate', {
			expression: `(async () => JSON.stringify(await (${
				expression})))()`,
			target: { context: this.context }, awaitPromise: true });

		if (r.type === 'exception')
			throw new Error(r.exceptionDetails.text);
		return r.result.value === undefined ? undefined :
			JSON.parse(r.result.value);
	}

	close()
	{
		const gone = new Promise((resolve) =>
			this.child.once('exit', resolve));

		this.child.kill();
		return gone;
	}
}

module.exports = { Firefox };
