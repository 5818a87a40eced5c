// SPDX-License-Identifier: Apache-2.0
/* A client around SIP.js for the tests: window.client, no user interface. */
import { Invitation, Inviter, Registerer, RegistererState, SIPExtension,
	SessionState, UserAgent, Web } from 'sip.js';

let ua = null, registerer = null, session = null, call = null, reason = '';
let first = null, report = '';

function follow(s, incoming)
{
	const mine = { state: incoming ? 'incoming' : 'calling' };

	session = s;
	call = mine;
	reason = '';
	s.delegate = { onRefer };
	s.stateChange.addListener((state) => {
		if (state === SessionState.Established) {
			mine.state = 'up';
			play(s);
		} else if (state === SessionState.Terminated) {
			if (s === first)
				first = null;
			if (s === session)
				session = call = null;
		}
	});
}

async function onRefer(referral)
{
	await referral.accept();
	const inviter = referral.makeInviter(media(false));

	follow(inviter, false);
	await inviter.invite();
}

function onInvite(s)
{
	if (session && !s.replacee)
		return s.reject({ statusCode: 486 });
	follow(s, true);
	if (s.replacee)
		s.accept(media(false));
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
		call: call && { ...call }, reason, report,
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
			sipExtensionReplaces: SIPExtension.Supported,
			delegate: { onInvite },
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

	/* Another call; the one before stays for transfer(). */
	consult(options)
	{
		first = session;
		return this.call(options);
	},

	/* Blind to an address, or the first call's party to the second's. */
	async transfer(to)
	{
		report = '';
		await (to ? session : first).refer(to ? UserAgent.makeURI(to) :
			session, {
			onNotify: (n) => {
				n.accept();
				report = { 100: 'trying', 200: 'accepted' }[
					n.request.body.split(' ')[1]] || 'progress';
			},
			requestDelegate: { onReject: () => { report = 'refused'; } },
		});
		return true;
	},
};
