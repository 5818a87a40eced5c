// SPDX-License-Identifier: Apache-2.0
/*
 * Milliseconds until 10,000 streams (5,000 calls with audio: two keys, two
 * transports, two flows, two ports, a ufrag and two streams each) are in a
 * backend, by the operations the daemon uses, and until they are out again.
 * The kernel's is on veth in a namespace of its own; next hops are resolved.
 *
 * ROUNDS= measurements (3).
 */
/* backend_rig.h's pin folder */
#define PINS	pins
static char pins[64];

#include "../bpf/backend_rig.h"
#include "core/log.h"
#include "drive.h"

#define CALLS		5000
#define ROUNDS_MAX	31

struct subject {
	const char *name;
	const struct datapath_ops *ops;
	int (*open)(void **ret);
};

static struct sluice_key key;

static int open_xdp(void **ret)
{
	struct datapath_config config = { .web = web_local, .sip = sip_local,
					  .pin_dir = PINS, .object = object,
					  .streams = 2 * CALLS + 2 };
	char reason[256] = "";
	int err = datapath_xdp_open(&config, ret, reason, sizeof(reason));

	if (err)
		fprintf(stderr, "xdp: %s\n", reason);
	return err;
}

static int open_user(void **ret)
{
	struct datapath_config config = { .streams = 2 * CALLS + 2 };

	return datapath_user_open(&config, ret);
}

/* One side of a call; is_there: false takes it out. */
static int side(const struct datapath_ops *ops, void *x, uint32_t call,
		bool is_web, bool is_there)
{
	uint32_t id = 2 * call + 1 + !is_web;
	struct addr local = is_web ? web_local : sip_local;
	struct addr remote = is_web ? web_remote : sip_remote;
	struct sluice_port_key door;
	struct sluice_port port = { SLUICE_PORT_SIP, id };
	struct sluice_flow_key flow_key;
	struct sluice_flow flow = { .transport = id };
	struct sluice_transport t = {
		.flags = SLUICE_TRANSPORT_READY |
			 (is_web ? SLUICE_TRANSPORT_WEB : 0),
		.rx_key = is_web ? id : 0, .tx_key = is_web ? id + 1 : 0,
		.streams = { id } };
	struct sluice_stream s = { .flags = SLUICE_STREAM_ACTIVE, .from = id,
				   .to = is_web ? id + 1 : id - 1,
				   .out_ssrc = id, .clock_hz = 8000 };
	int err;

	if (is_web)
		remote.port = (uint16_t)(20000 + call);
	else
		local.port = (uint16_t)(16384 + 2 * call);
	door = (struct sluice_port_key){ contract(&local), htons(local.port),
					 0 };
	flow_key = (struct sluice_flow_key){ contract(&local),
		contract(&remote), htons(local.port), htons(remote.port), 0 };
	t.local = contract(&local);
	t.remote = contract(&remote);
	t.local_port = htons(local.port);
	t.remote_port = htons(remote.port);
	err = is_web ? 0 : ops->port_set(x, &door, is_there ? &port : NULL);
	if (!err && is_web)
		err = ops->key_set(x, id, is_there ? &key : NULL);
	if (!err && is_web)
		err = ops->key_set(x, id + 1, is_there ? &key : NULL);
	if (!err)
		err = ops->transport_set(x, id, is_there ? &t : NULL);
	if (!err)
		err = ops->stream_set(x, id, is_there ? &s : NULL, NULL);
	if (!err)
		err = ops->flow_set(x, &flow_key, is_there ? &flow : NULL);
	if (err)
		fprintf(stderr, "%s: call %u: %s\n", ops->name, call,
			strerror(-err));
	return err;
}

static double all(const struct datapath_ops *ops, void *x, bool is_there)
{
	uint64_t start = clock_ns();
	uint32_t call;

	for (call = 0; call < CALLS; call++) {
		struct sluice_ufrag ufrag = { .transport = 2 * call + 1 };
		struct sluice_ice_key password = { 0 };
		struct sluice_ufrag_key name;
		char text[SLUICE_UFRAG_LEN + 1];

		snprintf(text, sizeof(text), "%08x", call);
		memcpy(name.ufrag, text, sizeof(name.ufrag));
		must(ops->ufrag_set(x, &name, is_there ? &ufrag : NULL,
				    is_there ? &password : NULL) ||
		     side(ops, x, call, true, is_there) ||
		     side(ops, x, call, false, is_there), "adding a call");
	}
	return (double)(clock_ns() - start) / 1e6;
}

int main(void)
{
	static const struct subject subjects[] = {
		{ "user", &datapath_user_ops, open_user },
		{ "xdp", &datapath_xdp_ops, open_xdp },
	};
	struct oracle_master m = oracle_master(SLUICE_SRTP_AEAD_AES_128_GCM, 1);
	double add[2][ROUNDS_MAX], out[2][ROUNDS_MAX], ms[2];
	const char *text = getenv("ROUNDS");
	int rounds = text ? atoi(text) : 3, i, k;
	char name[64];
	void *x;

	if (geteuid()) {
		printf("# needs root\n");
		return 4;
	}
	if (rounds < 1 || rounds > ROUNDS_MAX)
		rounds = 3;
	snprintf(pins, sizeof(pins), "/sys/fs/bpf/sluice-bench-%d", getpid());
	log_set_level(LOG_LEVEL_ERR);
	key = oracle_expand(&m);
	lay_out();
	for (k = 0; k < 2; k++)
		for (i = 0; i < rounds; i++) {
			must(subjects[k].open(&x), subjects[k].name);
			add[k][i] = all(subjects[k].ops, x, true);
			out[k][i] = all(subjects[k].ops, x, false);
			subjects[k].ops->close(x);
		}
	for (k = 0; k < 2; k++) {
		ms[k] = median(add[k], rounds);
		snprintf(name, sizeof(name), "%s_add_10000_streams_ms",
			 subjects[k].name);
		figure(name, ms[k], "ms", k ? "user_add_10000_streams_ms" :
					      NULL, ms[k] / ms[0]);
		snprintf(name, sizeof(name), "%s_remove_10000_streams_ms",
			 subjects[k].name);
		figure(name, median(out[k], rounds), "ms",
		       "user_add_10000_streams_ms",
		       median(out[k], rounds) / ms[0]);
	}
	kill(peers[0], SIGKILL);
	kill(peers[1], SIGKILL);
	return 0;
}
