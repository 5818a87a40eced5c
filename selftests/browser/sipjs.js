// SPDX-License-Identifier: Apache-2.0
/* A client around SIP.js for the tests: window.client, no user interface. */
import { Invitation, Inviter, Registerer, RegistererState, SessionState,
	UserAgent, Web } from 'sip.js';

let ua = null, registerer = null, session = null, call = null, reason = '';

function follow(s, incoming)
{
	session = s;
	call = { state: incoming ? 'incoming' : 'calling' };
	reason = '';
	s.stateChange.addListener((state) => {
		if (state === SessionState.Established) {
			call.state = 'up';
			play(s);
		} else if (state === SessionState.Terminated) {
			session = null;
			call = null;
		}
	});
}

function play(s)
{
	const stream = s.sessionDescriptionHandler.remoteMediaStream;

	document.querySelector('audio').srcObject = stream;
}

const media = (video) => ({
	sessionDescriptionHandlerOptions: {
		constraints: { audio: true, video },
		iceGatheringTimeout: 1000,
	},
});

window.connection = () => session && session.sessionDescriptionHandler ?
	session.sessionDescriptionHandler.peerConnection : null;

window.client = {
	state: () => ({
		line: registerer && registerer.state ===
			RegistererState.Registered ? 'registered' : 'off',
		call: call && { ...call }, reason,
	}),

	async register({ user, password, domain, websocket })
	{
		ua = new UserAgent({
			uri: UserAgent.makeURI(`sip:${user}@${domain}`),
			authorizationUsername: user,
			authorizationPassword: password,
			transportOptions: { server: websocket },
			sessionDescriptionHandlerFactoryOptions: {
				iceGatheringTimeout: 1000,
				peerConnectionConfiguration: { iceServers: [] },
			},
			logLevel: 'warn',
			delegate: {
				onInvite: (s) => session ? s.reject({
					statusCode: 486 }) : follow(s, true),
			},
		});
		await ua.start();
		registerer = new Registerer(ua, { expires: 600 });
		return new Promise((resolve) => {
			registerer.stateChange.addListener((state) =>
				resolve(state === RegistererState.Registered));
			registerer.register({ requestDelegate: {
				onReject: (r) => {
					reason = `${r.message.statusCode}`;
					resolve(false);
				} } });
		});
	},

	unregister: () => registerer.unregister().then(() => true),

	call({ to, video })
	{
		const inviter = new Inviter(ua, UserAgent.makeURI(to),
			media(video));

		follow(inviter, false);
		return inviter.invite({
			requestDelegate: {
				onProgress: () => { call.state = 'ringing'; },
				onReject: (r) => {
					reason = `(${r.message.statusCode} ` +
						`${r.message.reasonPhrase})`;
				},
			},
		}).then(() => true);
	},

	answer: (video) => session.accept(media(video)).then(() => true),

	hangup()
	{
		if (!session)
			return true;
		if (session.state === SessionState.Established)
			session.bye();
		else if (session instanceof Inviter)
			session.cancel();
		else if (session instanceof Invitation)
			session.reject();
		return true;
	},

	async hold()
	{
		call.held = !call.held;
		await session.invite({
			sessionDescriptionHandlerModifiers: call.held ?
				[Web.holdModifier] : [],
		});
		return true;
	},

	digit(key)
	{
		return session.sessionDescriptionHandler.sendDtmf(key,
			{ duration: 160, interToneGap: 100 });
	},
};
