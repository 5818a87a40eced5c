// SPDX-License-Identifier: Apache-2.0
/*
 * Nanoseconds of the XDP program a packet, from the frame that arrives to the
 * one that leaves, by BPF_PROG_TEST_RUN: relaying SRTP to RTP and back, plain
 * forwarding, how that grows with the number of calls, and an answer to a
 * consent check. What putting the next frame in place costs is measured beside
 * and taken off. Medians; calls are visited in random order.
 *
 * ROUNDS= measurements of each (7).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/srtp_oracle.h"
#include "datapath/xdp.h"
#include "drive.h"

#define STREAMS		4096
#define ROUNDS_MAX	31

static struct drive drive;
static int rounds = 7;

static double program_ns(enum drive_side side)
{
	double v[ROUNDS_MAX];
	int i;

	for (i = 0; i < rounds; i++) {
		v[i] = drive_relay(&drive, side);
		v[i] -= drive_empty(&drive, side);
	}
	return median(v, rounds);
}

/* Both directions in equal parts. */
static double both_ns(uint32_t profile, uint32_t streams, double *ret_web,
		      double *ret_sip)
{
	double web, sip;

	drive_calls(&drive, profile, streams);
	web = program_ns(DRIVE_TO_WEB);
	sip = program_ns(DRIVE_TO_SIP);
	if (ret_web)
		*ret_web = web;
	if (ret_sip)
		*ret_sip = sip;
	return (web + sip) / 2;
}

static void relaying(void)
{
	static const struct {
		uint32_t profile;
		const char *name;
	} profiles[] = {
		{ SLUICE_SRTP_AEAD_AES_128_GCM, "gcm" },
		{ SLUICE_SRTP_AES128_CM_SHA1_80, "cm" },
		{ SLUICE_SRTP_AEAD_AES_256_GCM, "gcm256" },
	};
	double plain = both_ns(SLUICE_SRTP_NONE, STREAMS, NULL, NULL);
	double both, web, sip;
	char name[64];
	unsigned int p;

	figure("xdp_plain_160_ns", plain, "ns", NULL, 0);
	for (p = 0; p < sizeof(profiles) / sizeof(profiles[0]); p++) {
		both = both_ns(profiles[p].profile, STREAMS, &web, &sip);
		snprintf(name, sizeof(name), "xdp_%s_160_ns", profiles[p].name);
		figure(name, both, "ns", "xdp_plain_160_ns", both / plain);
		snprintf(name, sizeof(name), "xdp_%s_160_to_web_ns",
			 profiles[p].name);
		figure(name, web, "ns", "xdp_plain_160_ns", web / plain);
		snprintf(name, sizeof(name), "xdp_%s_160_to_sip_ns",
			 profiles[p].name);
		figure(name, sip, "ns", "xdp_plain_160_ns", sip / plain);
		if (!xdp_has_arenas())
			continue;
		drive.wants_plain = true;
		both = both_ns(profiles[p].profile, STREAMS, NULL, NULL);
		drive.wants_plain = false;
		snprintf(name, sizeof(name), "xdp_%s_160_plain_object_ns",
			 profiles[p].name);
		figure(name, both, "ns", "xdp_plain_160_ns", both / plain);
	}
}

static void scaling(void)
{
	static const uint32_t streams[] = { 1, 100, 1000, 10000 };
	double ns, one = 0;
	char name[64];
	unsigned int i;

	for (i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		ns = both_ns(SLUICE_SRTP_AEAD_AES_128_GCM, streams[i], NULL,
			     NULL);
		if (!i)
			one = ns;
		snprintf(name, sizeof(name), "xdp_gcm_160_%u_streams_ns",
			 streams[i]);
		figure(name, ns, "ns", "xdp_gcm_160_1_streams_ns", ns / one);
	}
	figure("scale_10000_ratio", ns / one, "", "xdp_gcm_160_1_streams_ns",
	       ns / one);
}

static void consent(void)
{
	double v[ROUNDS_MAX], ns;
	int i;

	drive_calls(&drive, SLUICE_SRTP_AEAD_AES_128_GCM, STREAMS);
	for (i = 0; i < rounds; i++)
		v[i] = drive_consent(&drive);
	ns = median(v, rounds);
	figure("xdp_consent_ns", ns, "ns", NULL, 0);
}

int main(void)
{
	const char *text = getenv("ROUNDS");

	if (geteuid()) {
		printf("# needs root\n");
		return 4;
	}
	if (text && atoi(text) > 0 && atoi(text) <= ROUNDS_MAX)
		rounds = atoi(text);
	drive_open(&drive);
	relaying();
	scaling();
	consent();
	drive_close(&drive);
	return 0;
}
