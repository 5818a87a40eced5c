// SPDX-License-Identifier: Apache-2.0
/*
 * The page: shows the line's state, hands buttons and keys to it. Settings
 * come from /config.json, from what was used last, and from the address
 * (#user=alice&domain=example.com&to=1004), never a password.
 */
import { Line } from './line.js';
import { ring, stop_ringing } from './ring.js';
import { duration_of, path_of } from './words.js';

const $ = (id) => document.getElementById(id);
const STORED = ['user', 'domain', 'display-name'];
const EVENTS_SHOWN = 50;

const LINE_WORDS = {
	off: 'Signed out', connecting: 'Connecting', connected: 'Connected',
	registered: 'Ready', failed: 'Not signed in',
};
const CALL_WORDS = {
	calling: 'Calling', ringing: 'Ringing', incoming: 'is calling you',
	up: 'In call',
};

const line = new Line(show, note);
let shown_call = null;

function note(text)
{
	const item = document.createElement('li');
	const time = document.createElement('time');

	time.textContent = new Date().toLocaleTimeString();
	item.append(time, ` ${text}`);
	$('events').prepend(item);
	while ($('events').children.length > EVENTS_SHOWN)
		$('events').lastChild.remove();
}

function attach(element, stream)
{
	const ids = (s) => s ? s.getTracks().map((t) => t.id).join() : '';

	if (ids(element.srcObject) !== ids(stream))
		element.srcObject = stream;
}

function show_media(call)
{
	const remote = call ? line.remote_stream() : null;
	const video = !!remote && remote.getVideoTracks().some((t) => !t.muted);
	const local = call ? line.local_stream() : null;
	const camera = !!local && local.getVideoTracks().length > 0;

	attach($('remote-audio'), remote);
	attach($('remote-video'), video ? remote : null);
	attach($('local-video'), camera ? local : null);
	$('remote-video').muted = true;
	$('screen').hidden = !video && !camera;
}

function call_words(call)
{
	if (call.state === 'failed' || call.state === 'ended')
		return `Call ended: ${call.ended}`;
	if (call.state !== 'up')
		return CALL_WORDS[call.state];
	if (call.ice === 'failed' || call.dtls === 'failed')
		return 'In call, but no audio path';
	if (call.held)
		return 'On hold';
	if (call.held_remotely)
		return 'The other side put you on hold';
	return call.muted ? 'In call, muted' : 'In call';
}

function show_call(call)
{
	const incoming = call && call.state === 'incoming';
	const live = call && ['calling', 'ringing', 'up'].includes(call.state);

	$('call').hidden = !call;
	$('incoming-actions').hidden = !incoming;
	$('answer-video').hidden = !(incoming && call.offers_video);
	$('call-actions').hidden = !live;
	$('dial-actions').hidden = !!(incoming || live);
	$('timer').hidden = !(live && call.answered);
	if (!call)
		return;
	$('call').dataset.state = call.state;
	$('party').textContent = call.party;
	$('call-state').textContent = call_words(call);
	$('mute').setAttribute('aria-pressed', String(call.muted));
	$('hold').setAttribute('aria-pressed', String(call.held));
	$('mute').disabled = $('hold').disabled = call.state !== 'up';
	$('path').hidden = call.state !== 'up';
	$('path').textContent = path_of(call.ice, call.dtls);
}

function show()
{
	const call = line.call || line.last_call;
	const signed_in = ['registered', 'connected', 'connecting'].includes(
		line.state);

	$('line').textContent = LINE_WORDS[line.state];
	$('line').dataset.state = line.state;
	$('account').hidden = signed_in;
	$('signed-in').hidden = !signed_in;
	$('address').textContent = line.address;
	$('dialer').hidden = !signed_in && !line.call;
	$('error').hidden = !line.error;
	$('error').textContent = line.error;
	show_call(call);
	show_media(line.call);

	const state = line.call ? line.call.state : 'none';
	if (state !== shown_call) {
		if (state === 'incoming')
			ring('in');
		else if (state === 'ringing' && !line.call.audio)
			ring('out');
		else
			stop_ringing();
		if (state === 'incoming')
			$('answer').focus();
		shown_call = state;
	}
}

function tick()
{
	if (line.call && line.call.answered)
		$('timer').textContent = duration_of(
			(Date.now() - line.call.answered) / 1000);
}

function account()
{
	const value = (id) => $(id).value.trim();

	for (const id of STORED)
		localStorage.setItem(`sluice.${id}`, value(id));
	return {
		user: value('user'), password: $('password').value,
		domain: value('domain'), name: value('display-name'),
		websocket: value('websocket'),
	};
}

function press(key)
{
	if (line.call && line.call.state === 'up')
		line.tone(key);
	$('target').value += key;
}

function keyboard(event)
{
	const typing = event.target.matches('input');
	const state = line.call ? line.call.state : '';

	if (event.ctrlKey || event.altKey || event.metaKey)
		return;
	if (event.key === 'Escape' && line.call) {
		line.hangup();
	} else if (event.key === 'Enter' && state === 'incoming' &&
		   !event.target.matches('button')) {
		event.preventDefault();
		line.answer(false);
	} else if (state === 'up' && /^[0-9*#]$/.test(event.key)) {
		line.tone(event.key);
		if (!typing)
			$('target').value += event.key;
	}
}

function wire()
{
	const click = (id, f) => $(id).addEventListener('click', f);

	$('account').addEventListener('submit', (e) => {
		e.preventDefault();
		line.register(account());
	});
	$('dialer').addEventListener('submit', (e) => {
		e.preventDefault();
		line.last_call = null;
		line.dial($('target').value.trim(), false);
	});
	click('dial-video', () => line.dial($('target').value.trim(), true));
	click('unregister', () => line.unregister());
	click('answer', () => line.answer(false));
	click('answer-video', () => line.answer(true));
	click('reject', () => line.hangup());
	click('hangup', () => line.hangup());
	click('mute', () => line.mute());
	click('hold', () => line.hold());
	click('erase', () => {
		$('target').value = $('target').value.slice(0, -1);
	});
	for (const key of document.querySelectorAll('[data-key]'))
		key.addEventListener('click', () => press(key.dataset.key));
	document.addEventListener('keydown', keyboard);
	setInterval(tick, 500);
}

async function settings()
{
	const hash = new URLSearchParams(location.hash.slice(1));
	let config = {};

	try {
		config = await (await fetch('config.json')).json();
	} catch {
		note('The server gave no settings');
	}
	line.ice_servers = config.ice_servers || [];
	for (const id of STORED)
		$(id).value = hash.get(id) ||
			localStorage.getItem(`sluice.${id}`) || '';
	$('domain').value = $('domain').value || config.domain ||
		location.hostname;
	$('websocket').value = config.websocket ||
		`wss://${location.host}/ws`;
	$('target').value = hash.get('to') || '';
}

wire();
show();
const ready = settings();

/* For scripts: the same that the buttons do, and what the page knows. */
window.sluicePhone = {
	ready,
	state: () => ({
		line: line.state, error: line.error,
		call: line.call && { ...line.call },
		last_call: line.last_call && { ...line.last_call },
	}),
	register: (options) => line.register(options),
	unregister: () => line.unregister(),
	call: (target, video) => line.dial(target, !!video),
	answer: (video) => line.answer(!!video),
	hangup: () => line.hangup(),
	mute: () => line.mute(),
	hold: () => line.hold(),
	tone: (key) => line.tone(key),
	connection: () => line.pc,
};
