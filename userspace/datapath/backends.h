/* SPDX-License-Identifier: Apache-2.0 */
/* The two backends, as datapath.c meets them. */
#ifndef DATAPATH_BACKENDS_H
#define DATAPATH_BACKENDS_H

#include "datapath/datapath.h"

/* stats.c; the state has at most SLUICE_SSRCS_PER_STREAM sources */
void datapath_state_stats(const struct sluice_stream *stream,
			  const struct sluice_state *state,
			  struct datapath_stream_stats *ret);

extern const struct datapath_ops datapath_user_ops;
extern const struct datapath_ops datapath_xdp_ops;

int datapath_user_open(const struct datapath_config *config, void **ret);
/* Body of datapath_user_input(); drops are counted here. */
int datapath_user_relay(void *backend, const struct addr *local,
			const struct addr *remote, uint8_t *data, size_t len,
			size_t capacity);
int datapath_user_own(void *backend, uint32_t id, struct datapath_own *p);
void datapath_user_count_drop(void *backend, enum sluice_drop reason);
void datapath_user_count(void *backend, enum sluice_counter counter);
/* Sets flows and ports. */
void datapath_user_usage(const void *backend, struct datapath_usage *ret);

/*
 * reason: one line, on success how it is attached, on failure (-errno) why
 * not.
 */
int datapath_xdp_open(const struct datapath_config *config, void **ret,
		      char *reason, size_t reason_size);
/* Ids below this; of pinned maps what they were made with. */
uint32_t datapath_xdp_size(void *backend);
/* false: this run began with empty maps. */
bool datapath_xdp_adopted(void *backend, uint64_t *ret_absent_ms);
void datapath_xdp_keep(void *backend, bool is_kept);
/* Media that an earlier run left and that a start without XDP would lose. */
bool datapath_xdp_has_media(const char *pin_dir);
/* -EBUSY: another daemon is at work there. */
int datapath_xdp_discard(const char *pin_dir);
/* Puts the program back where others took it away; how many, or -errno. */
int datapath_xdp_attach_missing(void *backend, char *reason,
				size_t reason_size);
/* Number of interfaces filled in. */
int datapath_xdp_interfaces(void *backend, struct datapath_interface *ret,
			    size_t max);

#endif
