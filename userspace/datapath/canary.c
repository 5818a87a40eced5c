// SPDX-License-Identifier: Apache-2.0
#include "datapath/canary.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#define CANARY_FRAME_LEN	60

/* struct sluice_canary of the program; not a part of the contract. */
struct canary {
	uint32_t ifindex;
	int32_t err;
	uint32_t sent;
	uint32_t drops;
};

int canary_send(struct bpf_object *object, int ifindex, const uint8_t mac[6])
{
	int map = bpf_object__find_map_fd_by_name(object, "sl_canary");
	struct bpf_program *program =
		bpf_object__find_program_by_name(object, "sluice_canary");
	struct canary c = { .ifindex = (uint32_t)ifindex };
	uint8_t frame[CANARY_FRAME_LEN] = { 0 };
	uint32_t zero = 0;
	int err, seen;

	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame,
		    .data_size_in = sizeof(frame), .repeat = 1,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES);

	if (map < 0 || !program)
		return -ENOENT;
	memcpy(frame, mac, 6);
	memcpy(frame + 6, mac, 6);
	frame[12] = 0x88;
	frame[13] = 0xb5;
	if (bpf_map_update_elem(map, &zero, &c, BPF_ANY))
		return -errno;
	err = bpf_prog_test_run_opts(bpf_program__fd(program), &opts);
	seen = bpf_map_lookup_elem(map, &zero, &c);
	/* disarm */
	bpf_map_update_elem(map, &zero, &(struct canary){ 0 }, BPF_ANY);
	if (err)
		return err;
	if (seen)
		return -ENODATA;
	if (c.drops || c.err < 0)
		return c.err < 0 ? c.err : -EIO;
	return c.sent ? 0 : -ENODATA;
}
