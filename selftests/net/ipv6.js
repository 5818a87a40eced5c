// SPDX-License-Identifier: Apache-2.0
/* See ipv6.sh. WHAT begins the names of the checks. Run in namespace web. */
'use strict';
const { busywait, note, ok, test } = require('../browser/tap.js');
const { continuity, dial, hang_up, lab, moved, numbers, path_of, run, sluicectl } =
	require('./mediacall.js');

const WHAT = process.env.WHAT;
const family = (address) => address.includes(':') ? 6 : 4;
const families = { web: family(process.env.GATEWAY),
	sip: family(process.env.SIP_PBX) };
const connections = (text) => /^c=IN IP(\d) /m.exec(text)[1];

test('media', async () => {
	const pair = await dial();
	const { web, call } = pair;
	const { offer } = await lab.phone.ask('state');

	ok(Number(connections(offer)) === families.sip &&
		Number(connections(call.final.body)) === families.web,
	`${WHAT}_descriptions_are_of_their_sides_families`, offer,
	call.final.body);
	await lab.phone.ask('stream', { count: 100000 });
	const stop = numbers(web);
	const heard = async () => [web.heard.length,
		(await lab.phone.ask('state')).rtp.length];
	const more = async (count) => {
		const [w, s] = await heard();

		return busywait(10, async () => {
			const [nw, ns] = await heard();
			return nw >= w + count && ns >= s + count;
		});
	};

	/* A stream is numbered by the gateway from here on. */
	await more(5);
	web.restart();
	await lab.phone.ask('restart');
	await more(5);
	const first = await path_of();
	const start = await heard();
	for (const path of ['kernel', 'user']) {
		const there = await moved(path);
		ok(there && await more(25), `${WHAT}_media_flows_by_the_${path}`,
			JSON.stringify((await sluicectl('show', 'streams')).streams));
	}
	stop();
	const { rtp } = await lab.phone.ask('state');
	const to_sip = continuity(rtp.slice(start[1]));
	const to_web = continuity(web.heard.slice(start[0]));
	note(`began by the ${first}`);
	ok(!to_sip.bad && !to_web.bad && !web.forged &&
		to_sip.lost + to_web.lost <= 4, `${WHAT}_media_is_whole`,
	JSON.stringify([to_sip, to_web, web.forged]));
	await hang_up(pair);
});

test('called', async () => {
	await lab.phone.ask('reset');
	const done = lab.phone.ask('invite', { user: lab.user.user });
	const call = await lab.user.incoming();

	ok(call && await call.answer(), `${WHAT}_call_of_phone_is_answered`);
	ok(await done === 200, `${WHAT}_answer_reaches_phone`);
	ok((await call.bye()).status === 200, `${WHAT}_call_of_phone_ends`);
	const [trunk] = (await sluicectl('show', 'trunks')).trunks;
	ok(trunk.state === 'up' && (families.sip === 4 ||
		trunk.uri.includes('[2001:db8:2::10]')),
	`${WHAT}_trunk_is_up`, JSON.stringify(trunk));
});

run();
