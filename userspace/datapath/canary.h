/* SPDX-License-Identifier: Apache-2.0 */
/* Does the driver send what XDP gives it? Asked before a call depends on it. */
#ifndef DATAPATH_CANARY_H
#define DATAPATH_CANARY_H

#include <stdint.h>

struct bpf_object;

/*
 * Sends one frame of the local experimental ethertype (IEEE 802 88b5) from
 * and to this interface's own address by XDP redirect. The device must be in
 * sl_devices and the watch programs attached.
 *
 * -errno of the driver, e.g. -ENXIO: a veth whose peer has no NAPI;
 * -EOPNOTSUPP: no ndo_xdp_xmit; -ENODATA: nobody saw it leave.
 */
int canary_send(struct bpf_object *object, int ifindex, const uint8_t mac[6]);

#endif
