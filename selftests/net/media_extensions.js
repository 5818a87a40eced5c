// SPDX-License-Identifier: Apache-2.0
/*
 * Header extensions (RFC 8285) and transport-cc between the legs, with a
 * gateway that offers RTP/AVPF. See media.sh. Run in namespace web.
 */
'use strict';
const { busywait, ok, test } = require('../browser/tap.js');
const { answer_sdp, offer_sdp } = require('./wsclient.js');
const { at_phone, called, dial, hang_up, lab, moved, numbers, run,
	sluicectl } = require('./mediacall.js');

const LEVEL = 'urn:ietf:params:rtp-hdrext:ssrc-audio-level';
const MID = 'urn:ietf:params:rtp-hdrext:sdes:mid';
const CC = 'http://www.ietf.org/id/' +
	'draft-holmer-rmcat-transport-wide-cc-extensions-01';
const PATHS = ['kernel', 'user'];
/* Audio level -10 dBov with voice, as id 1; transport-wide number 7, as 3. */
const BLOCK = 'bede0002' + '108a3100' + '07000000';

const web_lines = ['a=rtcp-fb:0 transport-cc', `a=extmap:1 ${LEVEL}`,
	`a=extmap:3 ${CC}`, `a=extmap:4 ${MID}`, ''].join('\r\n');
const phone_lines = (...more) => ['m=audio $PORT RTP/AVPF 0', 'a=rtcp:$RTCP',
	'a=sendrecv', ...more];

/* Of the next packets that come, what they have before the payload. */
async function next_extensions(list, count = 8)
{
	const before = (await list()).length;

	await busywait(10, async () => (await list()).length >= before + count);
	return [...new Set((await list()).slice(before).map((p) =>
		p.extension))].join();
}

/* Both ways on both paths. */
async function carried(web, name, to_phone, to_web)
{
	await lab.phone.ask('stream', { count: 100000, extension: BLOCK });
	const stop = numbers(web, Buffer.from(BLOCK, 'hex'));

	for (const path of PATHS) {
		await moved(path);
		/* what was under way is past */
		await next_extensions(at_phone, 1);
		const up = await next_extensions(at_phone);
		const down = await next_extensions(async () => web.heard);

		ok(up === to_phone, `${name}_to_phone_on_the_${path}_path`, up);
		ok(down === to_web, `${name}_to_browser_on_the_${path}_path`, down);
	}
	stop();
}

test('extensions', async () => {
	const pair = await dial(offer_sdp() + web_lines,
		phone_lines(`a=extmap:1 ${LEVEL}`));
	const { offer } = await lab.phone.ask('state');
	const answer = pair.call.final.body;

	ok(/RTP\/AVPF /.test(offer) && offer.includes(`a=extmap:1 ${LEVEL}\r`) &&
		offer.includes(`a=extmap:3 ${CC}\r`) && !offer.includes(MID),
	'extensions_offered_to_the_phone', offer);
	ok(answer.includes(`a=extmap:1 ${LEVEL}\r`) && !answer.includes(CC) &&
		!answer.includes(MID), 'extension_of_both_answered', answer);
	await carried(pair.web, 'extensions_agreed', BLOCK, BLOCK);
	await hang_up(pair);
});

test('declined', async () => {
	const pair = await dial(offer_sdp() + web_lines, phone_lines());

	ok(!/a=extmap/.test(pair.call.final.body), 'extensions_not_answered',
		pair.call.final.body);
	await carried(pair.web, 'extensions_not_agreed', '', '');
	await hang_up(pair);
});

/* Agreed for what the phone sends alone. */
test('one_way', async () => {
	const pair = await dial(offer_sdp() + web_lines,
		phone_lines(`a=extmap:1/sendonly ${LEVEL}`));

	ok(pair.call.final.body.includes(`a=extmap:1/sendonly ${LEVEL}\r`),
		'extension_answered_for_one_direction', pair.call.final.body);
	await carried(pair.web, 'extensions_of_one_direction', '', BLOCK);
	await hang_up(pair);
});

/* ---- transport-cc --------------------------------------------------------- */

const word = (n) => {
	const b = Buffer.alloc(4);

	b.writeUInt32BE(n >>> 0);
	return b;
};

/* From `sender` about `ssrc`: numbers 1 and 2 arrived; filled up with 2 bytes. */
const feedback = (sender, ssrc) => Buffer.concat([
	word(0x80c90001), word(sender),
	word(0xafcd0005), word(sender), word(ssrc),
	Buffer.from('00010002' + '00000700' + '20020402', 'hex')]);
const FCI = '0001000200000700' + '20020402';
const dropped = async (path) => (await sluicectl('show', 'drops')).drops
	.filter((d) => d.reason === 'rtcp-feedback')
	.reduce((n, d) => n + d[path], 0);

/* The phone offers; to the browser it is a part of its own. */
async function call_with(lines, browser_says)
{
	const pair = await called(phone_lines('a=rtcp-mux', ...lines), 'carol',
		(offer) => answer_sdp(offer) + browser_says);

	await lab.phone.ask('stream', { count: 100000 });
	pair.stop = numbers(pair.web);
	await busywait(5, async () => pair.web.heard.length > 2 &&
		(await at_phone()).length > 2);
	return pair;
}

const fci_of = (packet) => packet && packet.subarray(12).toString('hex');

test('transport_cc', async () => {
	const lines = ['a=rtcp-fb:0 transport-cc', `a=extmap:3 ${CC}`];
	const pair = await call_with(lines, `${lines.join('\r\n')}\r\n`);
	const { web } = pair;

	ok(pair.call.invite.body.includes('a=rtcp-fb:0 transport-cc\r') &&
		pair.answer.includes('a=rtcp-fb:0 transport-cc\r') &&
		pair.answer.includes(`a=extmap:3 ${CC}\r`),
	'transport_cc_of_both_agreed', pair.answer);
	for (const path of PATHS) {
		await moved(path);
		const { ssrc: down } = web.heard[web.heard.length - 1];
		const { ssrc: up } = (await at_phone()).pop();
		const source = (await lab.phone.ask('source')).ssrc;

		await lab.phone.ask('forget');
		web.rtcp = [];
		const to_phone = await busywait(5, async () => {
			await web.send_rtcp(feedback(web.ssrc, down));
			return (await lab.phone.ask('state')).rtcp
				.map((h) => Buffer.from(h, 'hex'))
				.map((b) => b.subarray(b.indexOf('afcd', 'hex')))
				.find((b) => b.length === 24);
		});
		ok(fci_of(to_phone) === FCI && to_phone.readUInt32BE(4) === up &&
			to_phone.readUInt32BE(8) === source,
		`transport_cc_to_phone_on_the_${path}_path`,
		to_phone && to_phone.toString('hex'));
		const to_web = await busywait(5, async () => {
			await lab.phone.ask('send_rtcp', { packet: feedback(source, up)
				.toString('hex') });
			return (web.rtcp.find((p) => p.pt === 205 &&
				p.count === 15) || {}).data;
		});
		ok(fci_of(to_web) === FCI && to_web.readUInt32BE(4) === down &&
			to_web.readUInt32BE(8) === web.ssrc >>> 0,
		`transport_cc_to_browser_on_the_${path}_path`,
		to_web && to_web.toString('hex'));
	}
	pair.stop();
	await hang_up(pair);
});

test('transport_cc_not_agreed', async () => {
	const pair = await call_with([], '');
	const { web } = pair;

	for (const path of PATHS) {
		await moved(path);
		const before = await dropped(path);
		const { ssrc } = web.heard[web.heard.length - 1];

		/* alone: what else is in a compound passes */
		ok(await busywait(5, async () => {
			await web.send_rtcp(feedback(web.ssrc, ssrc).subarray(8));
			return await dropped(path) > before;
		}), `transport_cc_not_agreed_is_dropped_on_the_${path}_path`);
	}
	pair.stop();
	await hang_up(pair);
});

run('carol');
