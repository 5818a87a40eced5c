// SPDX-License-Identifier: Apache-2.0
/* The cases of calls.sh. The browser sends 440 Hz, the phones 600 to 800. */
'use strict';
const { JsSip, Phone, SipJs, launch, peer, sluicectl } = require('./driver.js');
const { busywait, note, ok, run_all, test } = require('./tap.js');

const PBX = '198.51.100.10';
const DATAPATH = process.env.DATAPATH;
/* The control port's phone: name in peers.sh and its SIP port. */
const PHONE = ['phone', '5060'], MANUAL = ['manual', '5062'];

const phone_says = (phone, ...words) =>
	peer('phone_command', ...phone, ...words);
const phone_hears = async (name, hz, seconds = 10) => (await peer('busywait',
	String(seconds), 'heard', name, String(hz))).code === 0;
const phone_deaf = async (name, hz, seconds = 8) => (await peer('busywait',
	String(seconds), 'not_heard', name, String(hz))).code === 0;
const phone_logs = async (name, pattern, seconds = 5) => (await peer(
	'busywait', String(seconds), 'log_has', name, pattern)).code === 0;

const calls = async () => {
	const answer = await sluicectl('show', 'calls');
	return answer ? answer.calls : [];
};
const no_calls = (seconds = 8) =>
	busywait(seconds, async () => (await calls()).length === 0);

const nobody_registered = async () => !(await sluicectl('show',
	'registrations')).registrations.length;

async function totals()
{
	const answer = await sluicectl('show', 'datapath');
	const row = (name) => answer.backends.find((b) => b.backend === name) ||
		{};
	return { user: row('user'), kernel: row('kernel') };
}

/* Both directions, in the browser and at the phone. */
async function tones(client, name, hz, what)
{
	ok(await client.hears(hz), `${what}_browser_hears_phone`,
		JSON.stringify(client.heard), client.log.slice(-5).join('\n'));
	ok(await phone_hears(name, client.hz), `${what}_phone_hears_browser`);
}

async function signed_in(state, user, Kind = Phone, hz = 440)
{
	const client = await Kind.open(state.browser, { name: user, hz });

	state.clients.push(client);
	if (!await client.register(user))
		throw new Error(`${user} did not register: ` +
			JSON.stringify(await client.state()));
	return client;
}

async function in_call(state, target, options)
{
	const client = await signed_in(state, 'alice');

	await client.call(target, options);
	if (!await client.until(10, 'up'))
		throw new Error(`call to ${target} is not up: ` +
			JSON.stringify(await client.state()));
	return client;
}

test('register', async (state) => {
	const alice = await signed_in(state, 'alice');
	const { registrations } = await sluicectl('show', 'registrations');
	const mine = registrations.filter((r) => r.aor.includes('alice'));

	ok((await alice.state()).line === 'registered',
		'phone_right_password_registers');
	ok(mine.length === 1 && mine[0].online,
		'registration_of_phone_is_shown', JSON.stringify(registrations));
	ok((await peer('log_lacks', 'pbx',
		'REGISTER.*(invalid|transport=ws)')).code === 0,
		'contact_at_pbx_has_no_websocket');
	await alice.page.reload();
	await alice.register('alice');
	const again = (await sluicectl('show', 'registrations')).registrations
		.filter((r) => r.aor.includes('alice') && r.online);
	ok(again.length === 1, 'registration_after_reload_is_one',
		JSON.stringify(again));
});

test('wrong_password', async (state) => {
	const client = await Phone.open(state.browser, { name: 'alice' });

	state.clients.push(client);
	ok(!await client.register('alice', 'wrong'),
		'phone_wrong_password_is_refused');
	const { error } = await client.state();
	ok(/wrong/.test(error), 'phone_wrong_password_says_so', error);
});

test('wrong_address', async (state) => {
	const client = await Phone.open(state.browser, { name: 'alice' });

	state.clients.push(client);
	ok(!await client.register('not a user'),
		'phone_wrong_address_is_refused');
	const { error } = await client.state();
	ok(/Cannot sign in/.test(error), 'phone_wrong_address_says_so', error);
});

test('call_out', async (state) => {
	const before = await totals();
	const alice = await in_call(state, '1004');

	await tones(alice, 'phone', 600, 'call_out');
	const call = await busywait(5, async () => (await calls())
		.find((c) => c.answer_to_audio_ms !== null)) ||
		(await calls())[0] || {};
	ok(call.state === 'up', 'call_out_is_shown_up', JSON.stringify(call));
	ok(Number.isInteger(call.answer_to_audio_ms),
		'call_out_tells_answer_to_audio', JSON.stringify(call));
	note(`codec ${call.codec}, path ${call.path}, set-up ` +
		`${call.setup_ms} ms, answer to audio ` +
		`${call.answer_to_audio_ms} ms`);

	const carrier = DATAPATH === 'user' ? 'user' : 'kernel';
	const other = carrier === 'user' ? 'kernel' : 'user';
	let after;
	const gain = (name) => ['web_to_sip_packets', 'sip_to_web_packets'].map(
		(f) => (after[name][f] || 0) - (before[name][f] || 0));
	ok(await busywait(5, async () => {
		after = await totals();
		return Math.min(...gain(carrier)) > 50;
	}), `media_goes_by_${carrier}`, JSON.stringify(after));
	ok(Math.max(...gain(other)) === 0, `media_goes_not_by_${other}`,
		JSON.stringify(after));

	await alice.hangup();
	ok(await phone_logs('phone', 'session closed|terminated'),
		'bye_of_browser_reaches_phone');
	ok(await no_calls(), 'call_after_bye_is_gone');
});

test('bye_of_phone', async (state) => {
	const alice = await in_call(state, '1004');

	await alice.hears(600);
	await phone_says(PHONE, 'hangup');
	ok(await alice.until(5, 'none'), 'bye_of_phone_reaches_browser');
	ok(/other side/.test(await alice.reason()),
		'bye_of_phone_is_told', await alice.reason());
	ok(await no_calls(), 'call_after_bye_of_phone_is_gone');
});

test('pcmu', async (state) => {
	const alice = await in_call(state, '1006');

	await tones(alice, 'pcmu', 800, 'pcmu_call');
	const call = await busywait(5, async () => (await calls())
		.find((c) => c.codec));
	ok(call && /pcmu/i.test(call.codec), 'pcmu_call_shows_codec',
		JSON.stringify(call || await calls()));
	await alice.hangup();
	await no_calls();
});

test('call_in', async (state) => {
	const alice = await signed_in(state, 'alice');

	await phone_says(MANUAL, 'dial', `sip:alice@${PBX}`);
	ok(await alice.until(8, 'incoming'), 'call_in_rings_browser');
	await alice.answer();
	ok(await alice.until(8, 'up'), 'call_in_is_answered');
	await tones(alice, 'manual', 700, 'call_in');
	await alice.hangup();
	ok(await no_calls(), 'call_in_after_bye_is_gone');
});

test('call_in_from_trunk', async (state) => {
	const alice = await signed_in(state, 'alice');
	const sipp = peer('sipp_run', 'uac-call', '5070', `${PBX}:5060`,
		'-s', 'alice', '-d', '1500');

	ok(await alice.until(8, 'incoming'), 'trunk_call_rings_browser');
	await alice.answer();
	const { code, out } = await sipp;
	ok(code === 0, 'trunk_sees_ordinary_sip', out.slice(-800));
	ok(await alice.until(5, 'none'), 'bye_of_trunk_reaches_browser');
});

/* JsSIP answers no INVITE without an offer: the gateway makes one. */
test('offerless_from_trunk', async (state) => {
	const alice = await signed_in(state, 'alice');
	const sipp = peer('sipp_run', 'uac-offerless', '5070', `${PBX}:5060`,
		'-s', 'alice', '-d', '2500');

	ok(await alice.until(8, 'incoming'), 'offerless_call_rings_browser');
	await alice.answer();
	ok(await busywait(8, async () => (await calls()).some((c) =>
		/pcmu/i.test(c.codec) && c.web_to_sip_packets > 25)),
	'offerless_call_carries_what_the_ack_took',
	JSON.stringify(await calls()));
	const { code, out } = await sipp;
	ok(code === 0, 'trunk_gets_an_offer_in_the_200', out.slice(-800));
	ok(await alice.until(5, 'none') && await no_calls(),
		'offerless_call_is_gone');
});

test('dtmf', async (state) => {
	const alice = await in_call(state, '1004');

	await alice.hears(600);
	await alice.digit('7');
	ok(await phone_logs('phone', "(DTMF|event): '7'"),
		'digit_of_browser_reaches_phone');
	await alice.page.keyboard.press('Escape');
	ok(await alice.until(5, 'none'), 'escape_key_hangs_up');
});

test('cancel', async (state) => {
	const alice = await signed_in(state, 'alice');

	await alice.call('1005');
	ok(await alice.until(8, 'ringing'), 'call_ringing_is_shown');
	await alice.hangup();
	ok(await phone_logs('manual', 'session closed|[Cc]ancel'),
		'cancel_of_browser_reaches_phone');
	ok(await no_calls(), 'call_after_cancel_is_gone');
});

test('cancel_from_trunk', async (state) => {
	const alice = await signed_in(state, 'alice');
	const sipp = peer('sipp_run', 'uac-cancel', '5070', `${PBX}:5060`,
		'-s', 'alice', '-d', '800');

	ok(await alice.until(8, 'incoming'), 'cancelled_call_rings_browser');
	const { code, out } = await sipp;
	ok(code === 0, 'cancel_of_trunk_gets_487', out.slice(-800));
	ok(await alice.until(5, 'none'), 'cancel_of_trunk_stops_ringing');
});

test('refusals', async (state) => {
	const alice = await signed_in(state, 'alice');
	const cases = { 1486: ['busy', 'busy_number_is_told'],
		nobody: ['no such', 'unknown_user_is_told'],
		bob: ['not available', 'offline_user_is_told'] };

	for (const [number, [words, name]] of Object.entries(cases)) {
		await alice.call(number);
		await busywait(8, async () =>
			(await alice.reason()).includes(words));
		ok((await alice.reason()).includes(words), name,
			await alice.reason());
	}
	const sipp = peer('sipp_run', 'uac-rejected', '5070', `${PBX}:5060`,
		'-s', 'alice');
	ok(await alice.until(8, 'incoming'), 'rejected_call_rings_browser');
	await alice.hangup();
	const { code, out } = await sipp;
	ok(code === 0, 'rejection_of_browser_reaches_trunk', out.slice(-800));
	ok(await no_calls(), 'calls_refused_are_gone');
});

test('mute', async (state) => {
	const alice = await in_call(state, '1004');

	await phone_hears('phone', 440);
	await alice.mute();
	ok(await phone_deaf('phone', 440), 'mute_silences_browser');
	ok(await alice.hears(600), 'mute_leaves_phone_audible');
	await alice.mute();
	ok(await phone_hears('phone', 440), 'unmute_is_heard');
	await alice.hangup();
	await no_calls();
});

test('hold', async (state) => {
	const alice = await in_call(state, '1006');
	const sent = async (hz) => (await peer('busywait', '10',
		'wire_carries', 'inside', '198.51.100.1', String(hz))).code === 0;
	const held = (is) => busywait(5, async () =>
		(await alice.state()).call.held === is);

	ok(await alice.hears(800), 'call_before_hold_has_audio');
	await alice.hold();
	ok(await held(true), 'hold_is_accepted');
	ok(await alice.silent(), 'hold_silences_phone');
	await alice.hold();
	ok(await held(false), 'resume_is_accepted');
	ok(await alice.plays(), 'resume_browser_plays_phone');
	ok(await sent(440), 'resume_phone_gets_browser');
	await alice.hangup();
	await no_calls();
});

test('video', async (state) => {
	const alice = await in_call(state, '1004', { video: true });

	ok(await alice.hears(600), 'video_call_has_audio');
	ok(await busywait(10, async () =>
		await alice.received('video') > 10),
		'video_of_phone_is_decoded_by_browser');
	await alice.hangup();
	await no_calls();
});

test('two_browsers', async (state) => {
	const alice = await signed_in(state, 'alice');
	const bob = await signed_in(state, 'bob', Phone, 880);

	await alice.call('bob');
	ok(await bob.until(8, 'incoming'), 'call_through_pbx_rings_browser');
	await bob.answer();
	ok(await alice.until(8, 'up'), 'call_through_pbx_is_answered');
	ok(await alice.hears(880), 'caller_hears_called_browser');
	ok(await bob.hears(440), 'called_browser_hears_caller');
	await bob.hangup();
	ok(await alice.until(5, 'none'), 'bye_through_pbx_reaches_browser');
	ok(await no_calls(), 'calls_through_pbx_are_gone');
});

/* Of the media that leaves the browsers, one packet in twenty is lost. */
const lose_packets = () => peer('in_ns', 'web', 'nft', 'add table netdev loss;' +
	'add chain netdev loss out { type filter hook egress device eth0 ' +
	'priority 0; }; add rule netdev loss out udp dport 10000 ' +
	'meta length > 200 numgen random mod 20 == 0 drop');
const lose_none = () => peer('in_ns', 'web', 'nft', 'delete table netdev loss');

/*
 * A picture that was lost comes back within two seconds: the browser asks for
 * a whole one, through two calls and the PBX.
 */
async function video_loss(state)
{
	const ENOUGH = 8;	/* packets lost on each way */
	const alice = await signed_in(state, 'alice');
	const bob = await signed_in(state, 'bob', Phone, 880);
	const both = [alice, bob];

	await alice.call('bob', { video: true });
	await bob.until(8, 'incoming');
	await bob.answer({ video: true });
	ok(await alice.until(8, 'up'), 'video_call_through_pbx_is_up');
	for (const client of both)
		ok(await busywait(10, async () =>
			(await client.pictures()).decoded > 10),
		`video_of_other_is_decoded_by_${client.name}`);
	const { code, out } = await lose_packets();
	ok(code === 0, 'video_loses_packets', out);
	await Promise.all(both.map(async (client) => {
		let last = await client.pictures(), now = last, frozen = 0;

		for (let n = 0; n < 400 && last.lost < ENOUGH && !frozen; n++) {
			const came = await busywait(2, async () => {
				now = await client.pictures();
				return now.decoded > last.decoded;
			});

			frozen += came ? 0 : 1;
			last = now;
		}
		ok(!frozen && last.lost >= ENOUGH,
			`video_comes_back_to_${client.name}`, JSON.stringify(last));
	}));
	for (const client of both) {
		const { asked } = await client.pictures();
		ok(asked > 0, `picture_is_asked_of_${client.name}`);
	}
	await lose_none();
	await alice.hangup();
	await no_calls();
}

/* Both legs are on this host, so that it is the user path in any case. */
if (DATAPATH !== 'user')
	test('video_loss', video_loss);

test('sipjs', async (state) => {
	const carol = await signed_in(state, 'carol', SipJs);

	await carol.call('1004');
	ok(await carol.until(10, 'up'), 'sipjs_call_out_is_answered',
		carol.log.join('\n'));
	await tones(carol, 'phone', 600, 'sipjs_call_out');
	await carol.digit('9');
	ok(await phone_logs('phone', "(DTMF|event): '9'"),
		'sipjs_digit_reaches_phone');
	await carol.hangup();
	ok(await no_calls(), 'sipjs_call_after_bye_is_gone');

	await phone_says(MANUAL, 'dial', `sip:carol@${PBX}`);
	ok(await carol.until(8, 'incoming'), 'sipjs_call_in_rings');
	await carol.answer();
	ok(await carol.until(8, 'up'), 'sipjs_call_in_is_answered');
	await tones(carol, 'manual', 700, 'sipjs_call_in');
	await phone_says(MANUAL, 'hangup');
	ok(await carol.until(5, 'none'), 'sipjs_bye_of_phone_arrives');
	await no_calls();
});

/* Hold and both kinds of transfer, as each client does them. */
for (const [what, Kind] of [['jssip', JsSip], ['sipjs', SipJs]]) {
	test(`${what}_transfer`, async (state) => {
		const carol = await signed_in(state, 'carol', Kind);

		await carol.call('1004');
		ok(await carol.until(10, 'up') && await carol.hears(600),
			`${what}_call_before_transfer`, carol.log.join('\n'));
		await carol.hold();
		ok(await carol.silent(), `${what}_hold_silences_phone`);
		await carol.hold();
		ok(await carol.receives(25), `${what}_resume_brings_media_back`);
		/* The phone calls the target by itself. */
		await carol.transfer('1006');
		ok(await carol.reported('accepted'),
			`${what}_blind_transfer_is_reported`,
			JSON.stringify(await carol.state()));
		await carol.hangup();
		ok(await phone_hears('phone', 800) &&
			await phone_hears('pcmu', 600),
			`${what}_blind_transfer_joins_the_phones`);
		await phone_says(PHONE, 'hangup');
		await no_calls();

		/* And the phone transfers the browser. */
		await carol.call('1004');
		ok(await carol.until(10, 'up') && await carol.hears(600),
			`${what}_call_before_transfer_by_phone`);
		await phone_says(PHONE, 'transfer', `sip:1006@${PBX}`);
		ok(await carol.hears(800),
			`${what}_browser_follows_the_phones_transfer`,
			JSON.stringify(await carol.state()),
			carol.log.slice(-5).join('\n'));
		/* SIP.js does not tell it of the 200: it would wait for ever. */
		await phone_says(PHONE, 'hangup');
		await carol.hangup();
		ok(await no_calls(), `${what}_calls_after_transfer_are_gone`);
	});
}

test('attended_transfer', async (state) => {
	const [alice, bob, carol] = [await signed_in(state, 'alice', JsSip),
		await signed_in(state, 'bob', SipJs, 880),
		await signed_in(state, 'carol', SipJs, 1200)];
	const connect = async (from, to, hz, how = 'call') => {
		await from[how](to.name);
		await to.until(8, 'incoming');
		await to.answer();
		ok(await from.until(8, 'up') && await from.hears(hz),
			`${from.name}_talks_to_${to.name}`);
	};

	await connect(alice, bob, 880);
	await alice.hold();
	await connect(alice, carol, 1200, 'consult');
	await alice.transfer();
	ok(await alice.reported('accepted'), 'attended_transfer_is_reported',
		JSON.stringify(await alice.state()), alice.log.join('\n'),
		bob.log.join('\n'), carol.log.join('\n'));
	ok(await bob.hears(1200) && await carol.hears(880),
		'attended_transfer_joins_the_browsers');
	await alice.hangup();
	ok(await bob.hears(1200), 'transferor_has_left');
	await bob.hangup();
	ok(await carol.until(5, 'none') && await no_calls(),
		'calls_after_attended_transfer_are_gone');
});

/* F3, F6: what crossed the wires in all the cases above. */
test('captures', async () => {
	ok((await peer('capture_lacks', 'inside',
		'ice-ufrag|fingerprint|SAVP|transport=ws|\\.invalid|Sec-WebSocket',
		'port 5060')).code === 0, 'wire_inside_is_plain_sip');
	ok((await peer('capture_has', 'inside', 'INVITE sip:1004',
		'port 5060')).code === 0, 'wire_inside_carries_calls');
	ok((await peer('capture_lacks', 'outside',
		'INVITE sip:|REGISTER sip:|m=audio')).code === 0,
		'wire_outside_is_encrypted');
});

/* All calls so far, of real browsers: who answered their checks and reports? */
test('consent_and_rtcp', async () => {
	const { backends } = await sluicectl('show', 'datapath');
	const of = (name) => backends.find((b) => b.backend === name);
	const path = of(DATAPATH === 'user' ? 'user' : 'kernel');

	note(`by the ${path.backend} path: ${JSON.stringify(path)}`);
	note(JSON.stringify(await sluicectl('show', 'drops')));
	ok(path.web_to_sip_rtcp_packets > 0, 'rtcp_of_browsers_relayed');
	if (path.backend === 'user')
		return;
	ok(path.answered_stun_packets > 0, 'consent_answered_by_the_kernel');
});

async function main()
{
	const browser = await launch();


	process.exitCode = await run_all({
		before: async (name) => {
			return { browser, clients: [] };
		},
		after: async (state) => {
			for (const client of state.clients) {
				await client.hangup().catch(() => {});
				await client.sign_out().catch(() => {});
			}
			await busywait(3, nobody_registered);
			for (const client of state.clients)
				await client.close();
			if (await no_calls(3))
				return;
			for (const phone of [PHONE, MANUAL])
				await phone_says(phone, 'hangup');
		},
	});
	await browser.close();
}

main().catch((e) => {
	console.log(`Bail out! ${e.stack}`);
	process.exit(99);
});
