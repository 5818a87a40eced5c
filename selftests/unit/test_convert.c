/* SPDX-License-Identifier: Apache-2.0 */
/* bpf/lib/convert.h: G.711 by table, clocks of RFC 4733 events. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/convert.h"
#include "tap.h"

/* ITU-T G.711, tables 1 and 2: the value a code stands for, of 16 bits. */
static int pcma_value(uint8_t code)
{
	int c = code ^ 0x55, exponent = c >> 4 & 7, mantissa = (c & 15) << 4;
	int v = exponent ? (mantissa + 0x108) << (exponent - 1) : mantissa + 8;

	return c & 0x80 ? v : -v;
}

static int pcmu_value(uint8_t code)
{
	int c = ~code & 0xff;
	int v = ((((c & 15) << 3) + 0x84) << (c >> 4 & 7)) - 0x84;

	return c & 0x80 ? -v : v;
}

/* How many codes have a nearer one in the other law than the table says. */
static int wrong_codes(const uint8_t *table, int (*from)(uint8_t),
		       int (*to)(uint8_t))
{
	int wrong = 0;

	for (int code = 0; code < 256; code++) {
		int v = from((uint8_t)code);
		int got = abs(to(table[code]) - v);

		/* bit 7 is the sign in both laws */
		if ((table[code] ^ code) & 0x80)
			wrong++;
		for (int other = code & 0x80; other < (code & 0x80) + 128;
		     other++)
			if (abs(to((uint8_t)other) - v) < got)
				wrong++;
	}
	return wrong;
}

static void test_g711(void)
{
	CHECK_INT(wrong_codes(sluice_pcmu_to_pcma, pcmu_value, pcma_value), 0,
		  "pcmu_every_code_nearest_in_pcma");
	CHECK_INT(wrong_codes(sluice_pcma_to_pcmu, pcma_value, pcmu_value), 0,
		  "pcma_every_code_nearest_in_pcmu");
}

static void test_payload(void)
{
	const struct sluice_payload p = { .convert = SLUICE_CONVERT_PCMU_PCMA };
	uint8_t packet[64];
	int wrong = 0;

	for (uint32_t len = 0; len <= 40; len++) {
		memset(packet, 0x00, sizeof(packet));
		sluice_convert_payload(&p, packet, 12, 12 + len, false);
		for (uint32_t i = 0; i < sizeof(packet); i++)
			wrong += packet[i] != (i >= 12 && i < 12 + len ?
					       sluice_pcmu_to_pcma[0] : 0);
	}
	CHECK_INT(wrong, 0, "payload_of_any_length_changed_and_no_more");
	memset(packet, 0x00, sizeof(packet));
	packet[31] = 3;
	sluice_convert_payload(&p, packet, 12, 32, true);
	CHECK(packet[28] == sluice_pcmu_to_pcma[0] && !packet[29] &&
	      packet[31] == 3, "payload_padding_kept");
	packet[31] = 200;
	sluice_convert_payload(&p, packet, 12, 32, true);
	CHECK_INT(packet[31], 200, "payload_padding_beyond_it_left_alone");
}

static void event(const struct sluice_payload *p, uint8_t out[4],
		  uint16_t duration)
{
	uint8_t packet[16] = { [12] = 5, [13] = 0x8a };

	sluice_put16(packet + 14, duration);
	sluice_convert_payload(p, packet, 12, 16, false);
	memcpy(out, packet + 12, 4);
}

static void test_events(void)
{
	const struct sluice_payload up = { .convert = SLUICE_CONVERT_EVENT_UP,
					   .ratio = 6 };
	const struct sluice_payload down = {
		.convert = SLUICE_CONVERT_EVENT_DOWN, .ratio = 6 };
	const struct sluice_payload none = { 0 };
	uint8_t e[4], shorter[14] = { 0 };

	event(&down, e, 4800);
	CHECK_INT(sluice_get16(e + 2), 800, "event_down_duration_divided");
	CHECK(e[0] == 5 && e[1] == 0x8a, "event_digit_and_end_bit_kept");
	event(&up, e, 800);
	CHECK_INT(sluice_get16(e + 2), 4800, "event_up_duration_multiplied");
	event(&up, e, 11000);
	CHECK_INT(sluice_get16(e + 2), 0xffff, "event_up_duration_saturates");
	event(&down, e, 3);
	CHECK_INT(sluice_get16(e + 2), 1, "event_down_begun_stays_begun");
	event(&none, e, 4801);
	CHECK_INT(sluice_get16(e + 2), 4801, "event_same_clock_untouched");
	sluice_convert_payload(&up, shorter, 12, 14, false);
	CHECK(!shorter[12] && !shorter[13], "event_truncated_untouched");

	CHECK_INT(sluice_convert_leaving(&down, 48000 * 5), 8000 * 5,
		  "timestamp_down_same_instant");
	CHECK_INT(sluice_convert_arriving(&up, 8000 * 5), 48000 * 5,
		  "timestamp_up_same_instant");
	CHECK_INT(sluice_convert_arriving(&down, 77), 77,
		  "timestamp_down_maps_as_it_arrives");
	CHECK_INT(sluice_convert_leaving(&up, 77), 77,
		  "timestamp_up_leaves_as_it_maps");
}

int main(void)
{
	test_g711();
	test_payload();
	test_events();
	return tap_done();
}
