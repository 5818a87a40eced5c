/* SPDX-License-Identifier: Apache-2.0 */
#include "wss/peers.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"

#define BUCKETS		4096

struct peer {
	struct peer *next;
	uint8_t key[16];
	uint32_t count;
};

struct peers {
	pthread_mutex_t lock;
	uint32_t limit;
	uint32_t limit_per_address;
	uint32_t count;
	uint32_t seed;	/* chains cannot be made long from outside */
	struct peer *buckets[BUCKETS];
};

int peers_create(uint32_t limit, uint32_t limit_per_address,
		 struct peers **ret)
{
	struct peers *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	pthread_mutex_init(&p->lock, NULL);
	p->limit = limit;
	p->limit_per_address = limit_per_address;
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

int peers_enter(struct peers *p, const struct addr *a)
{
	struct peer **at, *peer;
	uint8_t key[16];
	int err = 0;

	make_key(a, key);
	pthread_mutex_lock(&p->lock);
	at = find(p, key);
	if (p->count >= p->limit) {
		err = -EMFILE;
	} else if (*at && (*at)->count >= p->limit_per_address) {
		err = -EUSERS;
	} else if (!*at) {
		peer = calloc(1, sizeof(*peer));
		if (peer) {
			memcpy(peer->key, key, sizeof(peer->key));
			*at = peer;
		} else {
			err = -ENOMEM;
		}
	}
	if (!err) {
		(*at)->count++;
		p->count++;
	}
	pthread_mutex_unlock(&p->lock);
	return err;
}

void peers_leave(struct peers *p, const struct addr *a)
{
	struct peer **at, *gone;
	uint8_t key[16];

	make_key(a, key);
	pthread_mutex_lock(&p->lock);
	at = find(p, key);
	if (*at) {
		p->count--;
		if (!--(*at)->count) {
			gone = *at;
			*at = gone->next;
			free(gone);
		}
	}
	pthread_mutex_unlock(&p->lock);
}
