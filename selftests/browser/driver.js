// SPDX-License-Identifier: Apache-2.0
/*
 * Drives a real Chromium with the shipped phone, or with a page around
 * SIP.js, through one interface. Run inside the browser's namespace; the SIP
 * side is reached by nsenter.
 */
'use strict';
const { execFile } = require('child_process');
const fs = require('fs');
const path = require('path');
const { chromium } = require('playwright-core');
const { busywait, note } = require('./tap.js');

const GATEWAY = process.env.GATEWAY || '203.0.113.1';
const DOMAIN = process.env.DOMAIN || '198.51.100.10';
const CHROMIUM = process.env.CHROMIUM || ['/usr/bin/chromium',
	'/usr/bin/chromium-browser', '/usr/bin/google-chrome']
	.find((f) => fs.existsSync(f));
const FLAGS = [
	'--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
	'--disable-background-networking', '--disable-component-update',
	'--disable-sync', '--disable-dev-shm-usage',
	'--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream',
	'--ignore-certificate-errors',
	'--autoplay-policy=no-user-gesture-required',
	/* Pages that are not in front keep their timers. */
	'--disable-background-timer-throttling',
	'--disable-renderer-backgrounding',
	'--disable-features=WebRtcHideLocalIpsWithMdns',
];

function launch(more_flags = [])
{
	return chromium.launch({
		executablePath: CHROMIUM, headless: true,
		args: FLAGS.concat(more_flags),
	});
}

/* A client in a page of its own: what both kinds have in common. */
class Client {
	constructor(page, name, hz)
	{
		this.page = page;
		this.name = name;
		this.hz = hz;
		this.log = [];
	}

	static async open(browser, url, { name, hz = 440, route } = {})
	{
		const context = await browser.newContext({
			ignoreHTTPSErrors: true });
		const page = await context.newPage();
		const client = new this(page, name, hz);

		page.setDefaultTimeout(10000);
		page.on('console', (m) => client.log.push(m.text()));
		page.on('websocket', (ws) => {
			ws.on('framesent', (f) => client.frame('>', f));
			ws.on('framereceived', (f) => client.frame('<', f));
		});
		page.on('pageerror', (e) => client.log.push(`error: ${e}`));
		await page.addInitScript({
			path: path.join(__dirname, 'inpage.js') });
		await page.addInitScript(`lab.tone_hz = ${hz}`);
		if (route)
			await route(page);
		await page.goto(url);
		return client;
	}

	/* SIP as the browser sees it; WIRE=1 prints it as it passes. */
	frame(way, { payload })
	{
		if (process.env.WIRE)
			note(`${this.name} ${way}`, ...String(payload)
				.split('\r\n'));
	}

	/* The call's state: "none", "calling", "ringing", "incoming", "up". */
	async call_state()
	{
		const call = (await this.state()).call;
		return call ? call.state : 'none';
	}

	async until(seconds, ...states)
	{
		return busywait(seconds, async () =>
			states.includes(await this.call_state()));
	}

	/* Does the remote audio carry a tone of hz, and little else? */
	async hears(hz, seconds = 10)
	{
		let last = null;
		const heard = await busywait(seconds, async () => {
			last = await this.page.evaluate(
				(f) => window.lab.hear(f), hz);
			return last && last.tone_db > -50 &&
				last.tone_db > last.rest_db + 3;
		});

		this.heard = last;
		return !!heard;
	}

	async silent(seconds = 5)
	{
		return !!await busywait(seconds, async () => {
			const now = await this.page.evaluate(
				() => window.lab.hear(1000));
			return !now || (now.tone_db < -50 && now.rest_db < -50);
		});
	}

	/*
	 * Does the browser play something, by its own statistics? For after a
	 * hold, when Chromium no longer hands a remote track without signalled
	 * SSRC to WebAudio, although it plays it.
	 */
	async plays(seconds = 10)
	{
		return !!await busywait(seconds, () => this.page.evaluate(
			async () => [...(await window.connection().getStats())
				.values()].some((s) => s.type === 'inbound-rtp' &&
				s.kind === 'audio' && s.audioLevel > 0.05)));
	}

	/* Inbound RTP packets by getStats(). */
	async received(kind = 'audio')
	{
		return this.page.evaluate(async (k) => {
			const pc = window.connection();
			const stats = pc ? [...(await pc.getStats()).values()] : [];
			return stats.filter((s) => s.type === 'inbound-rtp' &&
				s.kind === k).reduce((n, s) =>
				n + (k === 'video' ? s.framesDecoded || 0 :
					s.packetsReceived), 0);
		}, kind);
	}

	/* Of the video: packets lost, pictures decoded, pictures asked of it. */
	async pictures()
	{
		return this.page.evaluate(async () => {
			const all = [...(await window.connection().getStats())
				.values()].filter((s) => s.kind === 'video');
			const sum = (type, field) => all.filter((s) =>
				s.type === type).reduce((n, s) =>
				n + (s[field] || 0), 0);

			return { lost: sum('inbound-rtp', 'packetsLost'),
				decoded: sum('inbound-rtp', 'framesDecoded'),
				asked: sum('outbound-rtp', 'pliCount') };
		});
	}

	/* So many packets more, from now on? */
	async receives(count, seconds = 10)
	{
		const before = await this.received();

		return !!await busywait(seconds, async () =>
			await this.received() >= before + count);
	}

	/* Like a crash: no BYE, no close frame from the phone. */
	async crash()
	{
		await this.page.goto('chrome://crash').catch(() => {});
	}

	async close()
	{
		await this.page.context().close();
	}
}

/* The shipped phone, used as a person would: fields, buttons, keys. */
class Phone extends Client {
	static open(browser, options = {})
	{
		const url = options.url || `https://${GATEWAY}/`;
		return super.open(browser, url, options);
	}

	state()
	{
		return this.page.evaluate(() => window.sluicePhone.state());
	}

	async register(user, password = 'secret', websocket)
	{
		const page = this.page;

		await page.evaluate(() => {
			window.connection = () => window.sluicePhone.connection();
			return window.sluicePhone.ready;
		});
		await page.fill('#user', user);
		await page.fill('#password', password);
		await page.fill('#domain', DOMAIN);
		if (websocket) {
			await page.click('#account summary');
			await page.fill('#websocket', websocket);
		}
		await page.click('#register');
		await busywait(15, async () => ['registered', 'failed']
			.includes((await this.state()).line));
		return (await this.state()).line === 'registered';
	}

	async call(target, { video = false } = {})
	{
		await this.page.fill('#target', target);
		await this.page.click(video ? '#dial-video' : '#dial');
	}

	async answer({ video = false } = {})
	{
		await this.page.click(video ? '#answer-video' : '#answer');
	}

	async hangup()
	{
		const state = await this.call_state();
		if (state !== 'none')
			await this.page.click(state === 'incoming' ?
				'#reject' : '#hangup');
	}

	async sign_out()
	{
		if ((await this.state()).line === 'registered')
			await this.page.click('#unregister');
	}

	async mute() { await this.page.click('#mute'); }
	async hold() { await this.page.click('#hold'); }
	async digit(key) { await this.page.click(`[data-key="${key}"]`); }

	async reason()
	{
		const last = (await this.state()).last_call;
		return last ? last.ended : '';
	}
}

/* The same over SIP.js, in a page that the test itself supplies. */
class SipJs extends Client {
	static script = 'SIPJS';	/* variable with its path */

	static open(browser, options = {})
	{
		const base = `https://${GATEWAY}/sipjs/`;
		const serve = (type, body) => (route) =>
			route.fulfill({ contentType: type, body });
		const script = fs.readFileSync(process.env[this.script], 'utf8');

		return super.open(browser, base, { ...options,
			route: async (page) => {
				await page.route(base, serve('text/html',
					'<!DOCTYPE html><title>SIP.js</title>' +
					'<audio autoplay></audio>' +
					'<script src="client.js"></script>'));
				await page.route(`${base}client.js`,
					serve('text/javascript', script));
			} });
	}

	state()
	{
		return this.page.evaluate(() => window.client.state());
	}

	register(user, password = 'secret')
	{
		return this.page.evaluate((o) => window.client.register(o), {
			user, password, domain: DOMAIN,
			websocket: `wss://${GATEWAY}/` });
	}

	sign_out()
	{
		return this.page.evaluate(() => window.client.unregister());
	}

	call(target, { video = false, session_expires } = {})
	{
		return this.page.evaluate((o) => window.client.call(o),
			{ to: `sip:${target}@${DOMAIN}`, video,
				session_expires });
	}

	answer({ video = false } = {})
	{
		return this.page.evaluate((v) => window.client.answer(v), video);
	}

	hangup()
	{
		return this.page.evaluate(() => window.client.hangup());
	}

	consult(target)
	{
		return this.page.evaluate((o) => window.client.consult(o),
			{ to: `sip:${target}@${DOMAIN}`, video: false });
	}

	/* Blind to a target, or the first call's party to the second's. */
	transfer(target)
	{
		return this.page.evaluate((to) => window.client.transfer(to),
			target && `sip:${target}@${DOMAIN}`);
	}

	/* What NOTIFYs told of it: "trying", "accepted", ... */
	async reported(what, seconds = 10)
	{
		return busywait(seconds, async () =>
			(await this.state()).report === what);
	}

	hold()
	{
		return this.page.evaluate(() => window.client.hold());
	}

	digit(key)
	{
		return this.page.evaluate((k) => window.client.digit(k), key);
	}

	async reason()
	{
		return (await this.state()).reason;
	}
}

/* And over JsSIP, for what the shipped phone has no button for. */
class JsSip extends SipJs {
	static script = 'JSSIP';
}

/* Runs a command; resolves to { code, out }. */
function run(file, args, options = {})
{
	return new Promise((resolve) => execFile(file, args,
		{ timeout: 20000, ...options }, (error, stdout, stderr) =>
			resolve({ code: error ? error.code || 1 : 0,
				out: stdout, err: stderr })));
}

/* A function of lib.sh or peers.sh, in the test's own topology. */
function peer(...words)
{
	return run(process.env.LAB_SHELL, words);
}

/* `sluicectl -j WORDS` as an object, or null. */
async function sluicectl(...words)
{
	const { out } = await run(process.env.SLUICECTL, ['-j', '-s',
		process.env.CONTROL, ...words]);
	try {
		return JSON.parse(out);
	} catch {
		note(`sluicectl ${words.join(' ')}: ${out.slice(0, 200)}`);
		return null;
	}
}

module.exports = { DOMAIN, GATEWAY, JsSip, Phone, SipJs, launch, peer, run,
	sluicectl };
