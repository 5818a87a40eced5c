/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers and what they share. Inside ctl/; arg is struct ctl_context. */
#ifndef CTL_SHOW_PARTS_H
#define CTL_SHOW_PARTS_H

#include "ctl/show.h"
#include "ctl/text.h"

ctl_handler show_status, show_trunks, show_registrations, show_reload;
ctl_handler show_calls, show_call, show_streams, show_terminate, show_move;
ctl_handler show_drops, show_datapath, show_interfaces, show_detach, show_adopt;
ctl_handler show_resources;

/* "192.0.2.1:5060", or null if it is unset. */
json_t *show_addr(const struct addr *a);
/* Share in percent, two digits behind the point; 0 of 0 is 0. */
json_t *show_percent(uint64_t part, uint64_t whole);
const char *show_backend_name(uint32_t backend);
json_t *show_interface_list(const struct ctl_context *x);
/* A warning for each interface without its program; false: there is none. */
bool show_warn_interfaces(const struct ctl_context *x, json_t *warnings);

/* Two digits behind the point. */
double show_round(double value);
/* What status says of the calls that are up. */
json_t *show_quality(const struct ctl_context *x);

/* Packets one way only for seconds on a call that is up. */
bool show_is_one_way(const struct call_info *info);
/* args.id, or sets the reply to "usage". */
const char *show_id(const json_t *args, struct ctl_reply *ret);
/* code and error of the reply. */
void show_refuse(struct ctl_reply *ret, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
