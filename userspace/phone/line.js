// SPDX-License-Identifier: Apache-2.0
/*
 * One line: a registration and at most one call, over JsSIP. Knows nothing of
 * the page. Tells of every change through on_change(), of what is worth
 * reading through on_note(text).
 */
import JsSIP from 'jssip';
import { reason_of } from './words.js';

/* RFC 4028. JsSIP's own default of 90 s would end a call by a refresh that
 * finds its WebSocket dead. */
const SESSION_EXPIRES_S = 1800;
/* A registration refused for what passes by itself is asked for again. */
const RETRY_MS = 20000;
/* With a TURN server that is slow to answer: what is gathered by then. */
const GATHER_LIMIT_MS = 1000;

/* RFC 5626 4.1: the same instance after a reload. */
function instance_id()
{
	let id = localStorage.getItem('sluice.instance');

	if (!id) {
		id = crypto.randomUUID();
		localStorage.setItem('sluice.instance', id);
	}
	return id;
}

export class Line {
	constructor(on_change, on_note)
	{
		this.on_change = on_change;
		this.on_note = on_note;
		this.ice_servers = [];
		this.ua = null;
		this.session = null;
		this.state = 'off';
		this.error = '';
		this.domain = '';
		this.address = '';
		this.call = null;
		this.last_call = null;
	}

	register({ user, password, domain, name, websocket })
	{
		this.unregister();
		this.error = '';
		this.domain = domain;
		this.address = `${user}@${domain}`;
		let ua;
		/* It throws at what is no address or no URL. */
		try {
			ua = this.user_agent({ user, password, domain, name,
				websocket });
		} catch (e) {
			this.error = `Cannot sign in: ${e.message}`;
			this.to('failed', this.error);
			return;
		}
		this.ua = ua;
		this.to('connecting');
		const mine = (f) => (e) => { if (this.ua === ua) f(e); };
		ua.on('connected', mine(() => this.to('connected',
			'Connected to the server')));
		ua.on('disconnected', mine(() => this.to('connecting',
			'No connection to the server, trying again')));
		ua.on('registered', mine(() => {
			this.error = '';
			this.to('registered', 'Signed in');
		}));
		ua.on('unregistered', mine(() => {
			if (this.state === 'registered')
				this.to('connected', 'Signed out');
		}));
		ua.on('registrationFailed', mine((e) => {
			this.error = `Could not sign in: ${reason_of(e)}`;
			this.to('failed', this.error);
			this.register_again(ua, e.response);
		}));
		ua.on('newRTCSession', mine((e) => this.session_began(e)));
		ua.start();
	}

	user_agent({ user, password, domain, name, websocket })
	{
		return new JsSIP.UA({
			sockets: [new JsSIP.WebSocketInterface(websocket)],
			uri: `sip:${user}@${domain}`,
			authorization_user: user,
			password,
			display_name: name || undefined,
			instance_id: instance_id(),
			register_expires: 600,
			session_timers: true,
			session_timers_refresh_method: 'UPDATE',
			connection_recovery_max_interval: 15,
			user_agent: 'Sluice phone',
		});
	}

	/*
	 * The telephone network was away, as while it restarts. JsSIP asks
	 * again at a new connection only, and none is needed.
	 */
	register_again(ua, response)
	{
		const code = response ? response.status_code : 408;

		clearTimeout(this.retry);
		if (code !== 408 && (code < 500 || code > 599))
			return;
		this.retry = setTimeout(() => {
			if (this.ua === ua && this.state === 'failed' &&
			    ua.isConnected())
				ua.register();
		}, RETRY_MS);
	}

	unregister()
	{
		const ua = this.ua;

		clearTimeout(this.retry);
		this.ua = null;
		if (ua)
			ua.stop();
		this.to('off');
	}

	to(state, note)
	{
		if (note && (state !== this.state || state === 'failed'))
			this.on_note(note);
		this.state = state;
		this.on_change();
	}

	media(video)
	{
		return {
			mediaConstraints: { audio: true, video },
			pcConfig: { iceServers: this.ice_servers },
			sessionTimersExpires: SESSION_EXPIRES_S,
		};
	}

	dial(target, video)
	{
		if (!this.ua || this.session || !target)
			return;
		this.error = '';
		const to = /^sips?:/.test(target) ? target : target.includes('@') ?
			`sip:${target}` :
			`sip:${encodeURIComponent(target)}@${this.domain}`;
		try {
			this.ua.call(to, this.media(video));
		} catch (e) {
			this.error = `Cannot call ${target}: ${e.message}`;
			this.on_change();
		}
	}

	answer(video)
	{
		if (this.call && this.call.state === 'incoming')
			this.session.answer(this.media(video));
	}

	hangup()
	{
		const incoming = this.call && this.call.state === 'incoming';

		if (!this.session || this.session.isEnded())
			return;
		this.session.terminate(incoming ?
			{ status_code: 603, reason_phrase: 'Decline' } : {});
	}

	mute()
	{
		if (!this.session)
			return;
		if (this.session.isMuted().audio)
			this.session.unmute({ audio: true });
		else
			this.session.mute({ audio: true });
	}

	hold()
	{
		if (!this.session || !this.session.isEstablished())
			return;
		if (this.session.isOnHold().local)
			this.session.unhold();
		else
			this.session.hold();
	}

	/* RFC 4733 events in the audio stream. */
	tone(key)
	{
		if (this.session && this.session.isEstablished())
			this.session.sendDTMF(key, {
				transportType: 'RFC2833', duration: 160,
				interToneGap: 100,
			});
	}

	session_began({ originator, session, request })
	{
		if (this.session) {
			session.terminate({ status_code: 486,
				reason_phrase: 'Busy Here' });
			return;
		}
		const who = session.remote_identity;
		const incoming = originator === 'remote';

		this.session = session;
		this.call = {
			state: incoming ? 'incoming' : 'calling',
			party: who.display_name || who.uri.user ||
				who.uri.toString(),
			id: request.call_id,
			offers_video: incoming && /^m=video [1-9]/m.test(
				request.body || ''),
			began: Date.now(), answered: 0, audio: 0,
			muted: false, held: false, held_remotely: false,
			ice: '', dtls: '', ended: '',
		};
		this.on_note(incoming ? `Call from ${this.call.party}` :
			`Calling ${this.call.party}`);
		this.follow_session(session, incoming);
		if (session.connection)
			this.follow_media(session.connection);
		this.on_change();
	}

	follow_session(session, incoming)
	{
		const set = (values, note) => () => {
			Object.assign(this.call, values);
			if (note)
				this.on_note(note);
			this.on_change();
		};
		const flags = () => {
			this.call.muted = !!session.isMuted().audio;
			this.call.held = session.isOnHold().local;
			this.call.held_remotely = session.isOnHold().remote;
			this.on_change();
		};

		session.on('peerconnection',
			(e) => this.follow_media(e.peerconnection));
		session.on('icecandidate', (e) => {
			clearTimeout(session.gather_timer);
			session.gather_timer = setTimeout(e.ready,
				GATHER_LIMIT_MS);
		});
		session.on('progress', () => {
			if (!incoming)
				set({ state: 'ringing' }, 'It rings')();
		});
		session.on('accepted', () => {
			this.call.answered = Date.now();
			set({ state: 'up' }, 'Answered')();
		});
		for (const e of ['muted', 'unmuted', 'hold', 'unhold'])
			session.on(e, flags);
		session.on('ended', (e) => this.session_ended(session, 'ended',
			e.cause === 'Terminated' ? e.originator === 'remote' ?
				'the other side hung up' : 'you hung up' :
				reason_of(e)));
		session.on('failed', (e) => this.session_ended(session,
			'failed', reason_of(e)));
	}

	follow_media(pc)
	{
		const call = this.call;
		const look = () => {
			const dtls = pc.getReceivers().map((r) => r.transport)
				.find((t) => t);
			call.ice = pc.iceConnectionState;
			call.dtls = dtls ? dtls.state : '';
			if (dtls && !dtls.onstatechange)
				dtls.onstatechange = look;
			if (call.ice === 'failed')
				this.on_note('No network path for the audio');
			this.on_change();
		};

		if (this.pc === pc)
			return;
		this.pc = pc;
		pc.addEventListener('iceconnectionstatechange', look);
		pc.addEventListener('connectionstatechange', look);
		pc.addEventListener('signalingstatechange', look);
		pc.addEventListener('track', (e) => {
			e.track.onunmute = () => {
				if (e.track.kind === 'audio' && !call.audio)
					call.audio = Date.now();
				look();
			};
			look();
		});
	}

	session_ended(session, state, reason)
	{
		if (this.session !== session)
			return;
		Object.assign(this.call, { state, ended: reason });
		this.on_note(`Call ended: ${reason}`);
		this.last_call = this.call;
		this.session = null;
		this.call = null;
		this.pc = null;
		this.on_change();
	}

	remote_stream()
	{
		const tracks = this.pc ? this.pc.getReceivers()
			.map((r) => r.track).filter((t) => t) : [];
		return tracks.length ? new MediaStream(tracks) : null;
	}

	local_stream()
	{
		const tracks = this.pc ? this.pc.getSenders()
			.map((s) => s.track).filter((t) => t) : [];
		return tracks.length ? new MediaStream(tracks) : null;
	}
}
