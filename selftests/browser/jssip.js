// SPDX-License-Identifier: Apache-2.0
/* A client around JsSIP for the tests, as sipjs.js is around SIP.js. */
import JsSIP from 'jssip';

let ua = null, session = null, first = null, call = null, reason = '';
let report = '', registered = false;

const media = (session_expires = 1800) => ({
	mediaConstraints: { audio: true, video: false },
	pcConfig: { iceServers: [] },
	sessionTimersExpires: session_expires,
});

function play(s)
{
	const stream = new MediaStream();

	for (const r of s.connection.getReceivers())
		stream.addTrack(r.track);
	document.querySelector('audio').srcObject = stream;
}

function follow(s, incoming)
{
	const mine = { state: incoming ? 'incoming' : 'calling' };

	session = s;
	call = mine;
	reason = '';
	s.on('progress', () => {
		if (!incoming)
			mine.state = 'ringing';
	});
	s.on('confirmed', () => {
		mine.state = 'up';
		play(s);
	});
	const over = (e) => {
		if (s === first)
			first = null;
		if (s !== session)
			return;
		session = call = null;
		reason = e.message ? `(${e.message.status_code})` : e.cause;
	};
	s.on('ended', over);
	s.on('failed', over);
	s.on('refer', (e) => e.accept((next) => follow(next, false), media()));
	s.on('replaces', (e) => e.accept((next) => {
		follow(next, true);
		next.answer(media());
	}));
}

window.connection = () => session && session.connection;

window.client = {
	state: () => ({ line: registered ? 'registered' : 'off',
		call: call && { ...call }, reason, report }),

	register({ user, password, domain, websocket })
	{
		ua = new JsSIP.UA({
			sockets: [new JsSIP.WebSocketInterface(websocket)],
			uri: `sip:${user}@${domain}`, password,
			register_expires: 600, session_timers_refresh_method:
				'UPDATE',
		});
		ua.on('newRTCSession', ({ originator, session: s }) => {
			if (originator === 'remote' && session)
				s.terminate({ status_code: 486 });
			else if (originator === 'remote')
				follow(s, true);
		});
		return new Promise((resolve) => {
			ua.on('registered', () => resolve(registered = true));
			ua.on('registrationFailed', () => resolve(false));
			ua.on('unregistered', () => { registered = false; });
			ua.start();
		});
	},

	unregister()
	{
		ua.stop();
		registered = false;
		return true;
	},

	call({ to, session_expires })
	{
		follow(ua.call(to, media(session_expires)), false);
		return true;
	},

	/* Another call; the one before stays for transfer(). */
	consult(options)
	{
		first = session;
		return this.call(options);
	},

	answer()
	{
		session.answer(media());
		return true;
	},

	hangup()
	{
		if (session)
			session.terminate();
		if (first)
			first.terminate();
		return true;
	},

	hold()
	{
		const s = session;

		call.held = !call.held;
		return new Promise((resolve) => (call.held ? s.hold({}, resolve) :
			s.unhold({}, resolve)));
	},

	/* Blind to an address, or the first call's party to the second's. */
	transfer(to)
	{
		const attended = !to && session;
		const target = to || session.remote_identity.uri.toString();

		report = '';
		(to ? session : first).refer(target, {
			...(attended ? { replaces: attended } : {}),
			eventHandlers: {
				requestFailed: (e) => { report = e.cause; },
				trying: () => { report = 'trying'; },
				progress: () => { report = 'progress'; },
				accepted: () => { report = 'accepted'; },
				failed: () => { report = 'failed'; },
			},
		});
		return true;
	},
};
