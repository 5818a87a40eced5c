// SPDX-License-Identifier: Apache-2.0
/* What SIP and the browser say, in words for a person. */

const SIP = {
	400: 'the server did not understand the request',
	401: 'user or password is wrong',
	403: 'not allowed',
	404: 'no such number or user',
	407: 'user or password is wrong',
	408: 'no answer from the server',
	410: 'this number is gone',
	480: 'not available now',
	482: 'the call went in a circle',
	483: 'the call went through too many servers',
	484: 'the number is incomplete',
	486: 'busy',
	487: 'cancelled',
	488: 'no common audio format',
	500: 'the server failed',
	502: 'the telephone network failed',
	503: 'the service is not available now',
	504: 'the telephone network did not answer',
	600: 'busy',
	603: 'declined',
	604: 'no such number or user',
};

const CAUSES = {
	'Connection Error': 'no connection to the server',
	'Request Timeout': 'no answer from the server',
	'SIP Failure Code': 'the server refused',
	'Internal Error': 'the phone failed',
	'Busy': 'busy',
	'Rejected': 'declined',
	'Redirected': 'redirected',
	'Unavailable': 'not available now',
	'Not Found': 'no such number or user',
	'Address Incomplete': 'the number is incomplete',
	'Incompatible SDP': 'no common audio format',
	'Authentication Error': 'user or password is wrong',
	'Dialog Error': 'the call is not known to the other side any more',
	'WebRTC Error': 'the browser could not set up audio',
	'Canceled': 'cancelled',
	'No Answer': 'not answered',
	'Expires': 'not answered in time',
	'No ACK': 'the other side did not confirm',
	'RTP Timeout': 'no audio came any more',
	'User Denied Media Access': 'microphone or camera is not allowed',
	'Bad Media Description': 'the audio description was not understood',
};

/*
 * JsSIP's { cause, message } of a call, { cause, response } of a registration
 * as "busy (486 Busy Here)".
 */
export function reason_of(event)
{
	const answer = event && (event.message || event.response);
	const code = answer && answer.status_code;
	const cause = (event && event.cause) || '';

	if (code)
		return `${SIP[code] || CAUSES[cause] || 'refused'} ` +
			`(${code} ${answer.reason_phrase || ''})`.replace(' )',
				')');
	/* RFC 3326: a BYE or CANCEL may carry why. */
	const reason = answer && answer.getHeader &&
		answer.getHeader('Reason');
	const words = CAUSES[cause] || cause.toLowerCase();
	return reason ? `${words} (${reason})` : words;
}

const MEDIA = {
	new: 'waiting', checking: 'trying paths', connecting: 'in progress',
	connected: 'connected', completed: 'connected',
	disconnected: 'interrupted', failed: 'failed', closed: 'closed',
};

/* States of RTCIceTransport and RTCDtlsTransport as one line. */
export function path_of(ice, dtls)
{
	if (!ice)
		return '';
	return `Network path: ${MEDIA[ice] || ice} · ` +
		`Encryption: ${MEDIA[dtls] || dtls || 'waiting'}`;
}

export function duration_of(seconds)
{
	const two = (n) => String(n).padStart(2, '0');
	const h = Math.floor(seconds / 3600);
	const rest = `${two(Math.floor(seconds / 60) % 60)}:` +
		two(Math.floor(seconds) % 60);
	return h ? `${h}:${rest}` : rest;
}
