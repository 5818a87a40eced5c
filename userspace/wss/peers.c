/* SPDX-License-Identifier: Apache-2.0 */
#include "wss/peers.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "wss/wss.h"

#define BUCKETS		4096

struct peer {
	struct peer *next;
	uint8_t key[16];
	uint32_t count;
	uint64_t filled_ms;
	uint64_t tokens;	/* thousandths of a message */
};

struct peers {
	pthread_mutex_t lock;
	uint32_t limit, limit_per_address, limit_per_net;
	uint32_t messages_per_s;
	uint32_t count;
	uint32_t seed;	/* chains cannot be made long from outside */
	struct peer *buckets[BUCKETS];
};

int peers_create(const struct wss_limits *limits, struct peers **ret)
{
	struct peers *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	pthread_mutex_init(&p->lock, NULL);
	p->limit = limits->clients;
	p->limit_per_address = limits->clients_per_ip;
	p->limit_per_net = limits->clients_per_net;
	p->messages_per_s = limits->messages_per_s_ip;
	p->seed = random_u32();
	*ret = p;
	return 0;
}

void peers_free(struct peers *p)
{
	struct peer *peer, *next;
	unsigned int i;

	if (!p)
		return;
	for (i = 0; i < BUCKETS; i++) {
		for (peer = p->buckets[i]; peer; peer = next) {
			next = peer->next;
			free(peer);
		}
	}
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static void make_key(const struct addr *a, uint8_t ret_key[16])
{
	memset(ret_key, 0, 16);
	memcpy(ret_key, a->ip, addr_is_v4(a) ? 16 : 8);
}

/* Of an IPv6 address; like none of the above. */
static void make_net_key(const struct addr *a, uint8_t ret_key[16])
{
	memset(ret_key, 0, 16);
	memcpy(ret_key, a->ip, 6);
	ret_key[15] = 48;
}

static struct peer **find(struct peers *p, const uint8_t key[16])
{
	uint32_t h = p->seed;
	struct peer **at;
	int i;

	for (i = 0; i < 16; i++) {
		h = (h ^ key[i]) * 0x9e3779b1u;
		h ^= h >> 15;
	}
	for (at = &p->buckets[h % BUCKETS]; *at; at = &(*at)->next)
		if (!memcmp((*at)->key, key, 16))
			break;
	return at;
}

/* One more of the key; full: what to return at the limit. */
static int take(struct peers *p, const uint8_t key[16], uint32_t limit,
		int full)
{
	struct peer **at = find(p, key);

	if (*at && (*at)->count >= limit)
		return full;
	if (!*at) {
		*at = calloc(1, sizeof(**at));
		if (!*at)
			return -ENOMEM;
		memcpy((*at)->key, key, sizeof((*at)->key));
		(*at)->tokens = p->messages_per_s * 1000ULL;
	}
	(*at)->count++;
	return 0;
}

static bool give_back(struct peers *p, const uint8_t key[16])
{
	struct peer **at = find(p, key), *gone = *at;

	if (!gone)
		return false;
	if (!--gone->count) {
		*at = gone->next;
		free(gone);
	}
	return true;
}

int peers_enter(struct peers *p, const struct addr *a)
{
	uint8_t key[16], net[16];
	int err = -EMFILE;

	make_key(a, key);
	make_net_key(a, net);
	pthread_mutex_lock(&p->lock);
	if (p->count < p->limit)
		err = take(p, key, p->limit_per_address, -EUSERS);
	if (!err && !addr_is_v4(a)) {
		err = take(p, net, p->limit_per_net, -EDQUOT);
		if (err)
			give_back(p, key);
	}
	p->count += !err;
	pthread_mutex_unlock(&p->lock);
	return err;
}

void peers_leave(struct peers *p, const struct addr *a)
{
	uint8_t key[16], net[16];

	make_key(a, key);
	make_net_key(a, net);
	pthread_mutex_lock(&p->lock);
	if (give_back(p, key)) {
		p->count--;
		if (!addr_is_v4(a))
			give_back(p, net);
	}
	pthread_mutex_unlock(&p->lock);
}

/* A bucket of one second's worth, as each client has its own. */
bool peers_spend(struct peers *p, const struct addr *a, uint64_t now_ms)
{
	uint64_t full = p->messages_per_s * 1000ULL;
	struct peer *peer;
	uint8_t key[16];
	bool is_within;

	make_key(a, key);
	pthread_mutex_lock(&p->lock);
	peer = *find(p, key);
	/* The workers' clocks are read before the lock. */
	if (peer && now_ms > peer->filled_ms) {
		peer->tokens += (now_ms - peer->filled_ms) * p->messages_per_s;
		peer->filled_ms = now_ms;
		if (peer->tokens > full)
			peer->tokens = full;
	}
	is_within = peer && peer->tokens >= 1000;
	if (is_within)
		peer->tokens -= 1000;
	pthread_mutex_unlock(&p->lock);
	return is_within;
}
