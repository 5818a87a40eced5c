// SPDX-License-Identifier: Apache-2.0
/* The cases of extensions.sh, once for each gateway; EXTENSIONS: on or off. */
'use strict';
const { Phone, launch, peer, sluicectl } = require('./driver.js');
const { busywait, ok, note, run_all, test } = require('./tap.js');

const IS_ON = process.env.EXTENSIONS === 'on';
const DEVICE = process.env.CAPTURE;

/* What a receiver reads in the packets: 0 to 1, null without the extension. */
const level_of = (client) => client.page.evaluate(() => {
	const [source] = window.connection().getReceivers()
		.filter((r) => r.track.kind === 'audio')
		.flatMap((r) => r.getSynchronizationSources());

	return source && source.audioLevel !== undefined ? source.audioLevel :
		null;
});

/* The URIs' last parts that the browser uses for this kind of media. */
const used = (client, kind) => client.page.evaluate((k) => window.connection()
	.getReceivers().filter((r) => r.track.kind === k)
	.flatMap((r) => r.getParameters().headerExtensions)
	.map((e) => e.uri.split(/[:/]/).pop()).sort(), kind);

/* On the device between the legs, where media is in the clear. */
const seen = async (filter) => (await peer('busywait', '10', 'capture_has',
	DEVICE, '.', filter)).code === 0;
const unseen = async (filter) => (await peer('capture_lacks', DEVICE, '.',
	filter)).code === 0;

const RTP = 'udp and udp[8] & 0xc0 = 0x80 and udp[9] & 0x7f > 95';
const EXTENDED = `${RTP} and udp[8] & 0x10 != 0`;
/* behind the gateway's report and CNAME, of 36 bytes */
const FEEDBACK = 'udp and udp[44] & 0x1f = 15 and udp[45] = 205';

async function signed_in(state, user, hz)
{
	const client = await Phone.open(state.browser, { name: user, hz });

	state.clients.push(client);
	if (!await client.register(user))
		throw new Error(`${user} did not register`);
	return client;
}

test('two_browsers', async (state) => {
	const alice = await signed_in(state, 'alice', 440);
	const bob = await signed_in(state, 'bob', 880);
	const name = IS_ON ? 'extensions' : 'extensions_not_agreed';

	await alice.call('bob', { video: true });
	await bob.until(8, 'incoming');
	await bob.answer({ video: true });
	ok(await alice.until(8, 'up'), `${name}_call_is_up`);
	ok(await alice.hears(880) && await bob.hears(440), `${name}_both_hear`);
	for (const client of [alice, bob])
		ok(await busywait(10, async () =>
			(await client.pictures()).decoded > 10),
		`${name}_video_is_decoded_by_${client.name}`);
	ok(await seen(RTP), `${name}_media_is_between_the_legs`);
	for (const client of [alice, bob]) {
		const audio = await used(client, 'audio');
		const video = await used(client, 'video');

		if (!IS_ON) {
			ok(await level_of(client) === null,
				`${name}_no_level_read_by_${client.name}`);
			ok(!audio.length && !video.length,
				`${name}_none_used_by_${client.name}`,
				`${audio} ${video}`);
			continue;
		}
		const level = await busywait(10, () => level_of(client));

		note(`${client.name}: ${level}; ${audio}; ${video}`);
		ok(level > 0.01, `${name}_level_is_read_by_${client.name}`, level);
		ok(audio.includes('ssrc-audio-level') &&
			!audio.includes('mid') && !video.includes('mid') &&
			video.includes('video-orientation'),
		`${name}_used_by_${client.name}`, `${audio} ${video}`);
	}
	const { drops } = await sluicectl('show', 'drops');

	note(JSON.stringify(drops));
	if (IS_ON) {
		ok(await seen(EXTENDED), `${name}_are_in_the_packets`);
		ok(await seen(FEEDBACK), 'transport_cc_passes');
		ok(!drops.some((d) => d.reason === 'rtcp-feedback'),
			'transport_cc_is_not_dropped', JSON.stringify(drops));
	} else {
		ok(await unseen(EXTENDED), `${name}_are_in_no_packet`);
		ok(await unseen(FEEDBACK), 'transport_cc_not_agreed_is_not_there');
	}
	await alice.hangup();
});

async function main()
{
	const browser = await launch();

	process.exitCode = await run_all({
		before: async () => ({ browser, clients: [] }),
		after: async (state) => {
			for (const client of state.clients) {
				await client.hangup().catch(() => {});
				await client.sign_out().catch(() => {});
			}
			await busywait(5, async () => !(await sluicectl('show',
				'registrations')).registrations.length);
			for (const client of state.clients)
				await client.close();
		},
	});
	await browser.close();
}

main().catch((e) => {
	console.log(`Bail out! ${e.stack}`);
	process.exit(99);
});
