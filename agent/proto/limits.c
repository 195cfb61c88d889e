/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/limits.h"

#include <stdlib.h>
#include <time.h>

#include "lib/mem.h"

enum { REFUSALS_AT_ONCE = 200, REFUSALS_PER_S = 1 };

static struct key_use *
use_of(struct key_use **uses, const struct dname *name)
{
	struct key_use *use = *uses;

	while (use != NULL && !dname_equal(&use->name, name))
		use = use->next;
	if (use != NULL)
		return use;
	use = mem_zalloc(sizeof(*use));
	use->name = *name;
	use->log_credit = REFUSALS_AT_ONCE;
	use->next = *uses;
	return *uses = use;
}

void
limits_attach(struct key_use **uses, struct proto_conf *conf)
{
	for (size_t i = 0; i < conf->n_keys; i++)
		conf->keys[i].use = use_of(uses, key_name(conf->keys[i].key));
}

void
limits_free(struct key_use *uses)
{
	while (uses != NULL) {
		struct key_use *next = uses->next;
		free(uses);
		uses = next;
	}
}

bool
limits_enter(const struct proto_key *key)
{
	if (key->max_connections > 0 && key->use->n_connections >= key->max_connections)
		return false;
	key->use->n_connections++;
	return true;
}

void
limits_leave(struct key_use *use)
{
	if (use != NULL)
		use->n_connections--;
}

/* A bucket that holds one second's worth. */
bool
limits_take(const struct proto_key *key)
{
	struct key_use *use = key->use;
	struct timespec ts;
	uint64_t full = (uint64_t)key->max_rate * 1000;

	if (key->max_rate == 0)
		return true;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	uint64_t now_ms = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	uint64_t passed = now_ms - use->filled_ms;
	use->credit = passed > 1000 ? full : use->credit + passed * key->max_rate;
	use->filled_ms = now_ms;
	if (use->credit > full)
		use->credit = full;
	if (use->credit < 1000)
		return false;
	use->credit -= 1000;
	return true;
}

bool
limits_transfer(const struct proto_key *key)
{
	return key->max_transfers == 0 || key->use->n_transfers < key->max_transfers;
}

bool
limits_may_log(struct key_use *use, uint64_t now_s, unsigned *n_muted)
{
	uint64_t passed = now_s > use->log_s ? now_s - use->log_s : 0;

	use->log_s = now_s;
	if (passed > REFUSALS_AT_ONCE)
		passed = REFUSALS_AT_ONCE;
	use->log_credit += (unsigned)passed * REFUSALS_PER_S;
	if (use->log_credit > REFUSALS_AT_ONCE)
		use->log_credit = REFUSALS_AT_ONCE;
	if (use->log_credit == 0) {
		use->n_muted++;
		return false;
	}
	use->log_credit--;
	*n_muted = use->n_muted;
	use->n_muted = 0;
	return true;
}
