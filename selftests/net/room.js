// SPDX-License-Identifier: Apache-2.0
/* See life.sh. Run in namespace web; datapath_streams = 4: one call's. */
'use strict';
const { ok, run_all, test } = require('../browser/tap.js');
const { MS, call_out, hang_up, no_calls, online, status } =
	require('./incall.js');
const { log, peer } = require('./lab.js');
const { Party } = require('./party.js');
const { offer_sdp } = require('./wsclient.js');

async function failed()
{
	const text = (await peer('sluicectl', '-j', 'status')).out;

	return Number(/"failed_by_us_total":\s*(\d+)/.exec(text)[1]);
}

test('full', async (s) => {
	const before = await failed();
	const one = await call_out(s);
	const two = s.alice.dial('2001', { body: offer_sdp(), ms: MS });

	await two.done;
	ok(status(two.final) === 503 && /no media session left/.test(
		two.final.get('Reason')), 'call_beyond_room_gets_503',
	two.final && two.final.text);
	ok(await failed() === before + 1, 'call_beyond_room_is_counted');
	ok(/503: no media session left \(datapath_streams\)/.test(log('gateway')),
		'call_beyond_room_is_logged');
	await hang_up(s, one);
	ok(await no_calls(), 'call_within_room_is_gone');
	await hang_up(s, await call_out(s));
});

async function main()
{
	const s = { alice: await online('alice'), sip: await Party.open() };
	const rc = await run_all({ before: (name) => ({ name, ...s }) });

	await s.sip.close();
	process.exit(rc);
}

main();
