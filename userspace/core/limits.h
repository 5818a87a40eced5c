/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every quantity that a peer controls, with its limit. What lies in shared
 * memory has its limits in bpf/uapi/sluice.h.
 */
#ifndef CORE_LIMITS_H
#define CORE_LIMITS_H

/* Browser side, wss/ */
#define LIMIT_WSS_CLIENTS		20000	/* connections of all workers */
#define LIMIT_WSS_CLIENTS_PER_IP	1000	/* or IPv6 /64 */
#define LIMIT_WSS_CLIENTS_PER_NET	4000	/* of an IPv6 /48 */
#define LIMIT_WSS_MESSAGE_BYTES		65536	/* a reassembled message */
#define LIMIT_WSS_FRAGMENTS		64	/* frames of one message */
#define LIMIT_WSS_OUTPUT_BYTES		262144	/* queued towards one client */
#define LIMIT_WSS_HANDSHAKE_MS		10000	/* TLS and upgrade */
#define LIMIT_WSS_PING_MS		25000	/* silence before a ping */
#define LIMIT_WSS_IDLE_MS		60000	/* silence before a close */
#define LIMIT_WSS_MESSAGES_PER_S	200	/* from one client */
#define LIMIT_WSS_MESSAGES_PER_S_IP	10000	/* of SIP, from one address */
#define LIMIT_HTTP_HEADER_BYTES		8192
#define LIMIT_HTTP_HEADERS		64
#define LIMIT_HTTP_REQUESTS		64	/* of one connection */
#define LIMIT_PHONE_FILES		256
#define LIMIT_PHONE_BYTES		33554432	/* all files */
#define LIMIT_QUEUE_TO_SIGNALLING	65536	/* messages */
#define LIMIT_QUEUE_TO_WORKER		65536
#define LIMIT_QUEUE_TO_MEDIA		65536
#define LIMIT_QUEUE_BYTES		67108864	/* of any of them */

/* SIP, sip/ */
#define LIMIT_SIP_MESSAGE_BYTES		65536
#define LIMIT_SIP_SOCKET_BYTES		4194304	/* unread, of the UDP socket */
#define LIMIT_SIP_HEADER_BYTES		32768	/* all headers */
#define LIMIT_SIP_HEADERS		128
#define LIMIT_SIP_BODY_BYTES		32768
#define LIMIT_SIP_TRANSACTIONS		50000
#define LIMIT_SIP_REQUESTS_PER_CLIENT	512	/* of a browser, not yet over */
#define LIMIT_SIP_ROUTES		16
#define LIMIT_TLS_FLOWS			64	/* connections of the trunk */
#define LIMIT_TLS_OUTPUT_BYTES		1048576	/* queued towards one */
#define LIMIT_TRUNK_URIS		8	/* pbx and pbx_backup */
#define LIMIT_TRUNK_TARGETS		16	/* their addresses */

/* SDP, sdp/ */
#define LIMIT_SDP_BYTES			32768
#define LIMIT_SDP_LINES			1024
#define LIMIT_SDP_MEDIA			8
#define LIMIT_SDP_CODECS		32	/* payload types of an m-line */
#define LIMIT_SDP_CRYPTO		8	/* a=crypto lines kept of an m-line */
#define LIMIT_SDP_MKI			4	/* bytes of an MKI, SLUICE_MKI_MAX */

/* Calls and registrations */
#define LIMIT_CALLS			50000
#define LIMIT_CALLS_PER_CLIENT		32
#define LIMIT_EARLY_DIALOGS		16	/* remembered of one INVITE */
#define LIMIT_REOFFER_TRIES		4	/* of one that meets 491 */
#define LIMIT_REOFFER_WAIT_MS		10000	/* a browser's, for another's end */
#define LIMIT_DIALOG_REFERS		8	/* remembered of one dialog */
#define LIMIT_FAREWELLS			4000	/* BYEs kept for browsers away */
#define LIMIT_FAREWELL_MS		300000
#define LIMIT_RECONNECT_S		300	/* call.reconnect at most */
#define LIMIT_SESSION_EXPIRES_S		86400
#define LIMIT_FORWARDS			10000	/* requests passed, unanswered */
#define LIMIT_FORWARDS_PER_CLIENT	256	/* once half of that is taken */
#define LIMIT_SUBSCRIPTIONS		20000
#define LIMIT_SUBSCRIPTIONS_PER_CLIENT	64
#define LIMIT_REGISTRATIONS		20000
#define LIMIT_BINDINGS_PER_AOR		10
#define LIMIT_CONTACT_BYTES		255	/* a browser's URI: our R-URI */
#define LIMIT_INSTANCE_BYTES		127	/* its +sip.instance */
#define LIMIT_USER_AGENT_BYTES		127	/* more is cut */
#define LIMIT_AORS_PER_CLIENT		16

/* Media */
#define LIMIT_MEDIA_SESSIONS		50000
#define LIMIT_DATAPATH_STREAMS		131072	/* datapath_streams at most */
#define LIMIT_ICE_REMOTE_TUPLES		16	/* verified pairs of a session */
#define LIMIT_ICE_TUPLE_ALIVE_MS	7000	/* consent comes within 6 s,
						 * RFC 7675 5.1 */
#define LIMIT_DTLS_MTU			1200	/* bytes of a DTLS datagram */
#define LIMIT_DTLS_HANDSHAKE_MS		30000
#define LIMIT_DTLS_RESEND_MS		200	/* a flight not answered, doubled */
#define LIMIT_DTLS_RESEND_MAX_MS	4000	/* up to this */
#define LIMIT_DIGITS			32	/* that wait to be sent; told at once */

/* Control */
#define LIMIT_CTL_CLIENTS		32
#define LIMIT_CTL_LINE_BYTES		65536
#define LIMIT_CTL_STREAM_BYTES		1048576	/* queued for one listener */
#define LIMIT_METRICS_CLIENTS		16	/* connections; the oldest gives way */
#define LIMIT_METRICS_MS		5000	/* of one connection's life */
#define LIMIT_METRICS_REQUEST_BYTES	4096
#define LIMIT_METRICS_ANSWER_BYTES	262144

#endif
