/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/backend/drivers.h"
#include "lib/hash.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * A name server that is none: it takes every zone and remembers its name. For
 * tests of what stands above the drivers, and for measuring that. So its list lies in
 * shared mappings, as it would in another process: what the agent itself has is its
 * anonymous memory.
 */

enum { BLOCK_ZONES = 256 };

struct zone {
	struct dname name;
	char mark[128];
	struct zone *next; /* when it is free */
};

struct block {
	struct block *next;
	struct zone zones[BLOCK_ZONES];
};

/* Open addressing; a removed zone leaves a tombstone (size 0 with used set). */
struct slot {
	bool used;
	struct zone *zone;
};

struct null {
	int cancel_fd;
	struct slot *slots;
	size_t n_slots, n_used, n_zones;
	struct block *blocks;
	struct zone *free_zones;
};

static void *
map(size_t size)
{
	void *p =
	    mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		log_fatal("null", "no memory");
	return p;
}

static void
give_zone(struct null *null, struct zone *zone)
{
	zone->next = null->free_zones;
	null->free_zones = zone;
}

static struct zone *
take_zone(struct null *null)
{
	if (null->free_zones == NULL) {
		struct block *block = map(sizeof(*block));
		block->next = null->blocks;
		null->blocks = block;
		for (size_t i = BLOCK_ZONES; i > 0; i--)
			give_zone(null, &block->zones[i - 1]);
	}
	struct zone *zone = null->free_zones;
	null->free_zones = zone->next;
	return zone;
}

/* The slot of name, or the one to put it into. */
static struct slot *
find(struct null *null, const struct dname *name)
{
	struct slot *free_slot = NULL;

	for (size_t i = hash_octets(name->wire, name->size);; i++) {
		struct slot *slot = &null->slots[i & (null->n_slots - 1)];

		if (!slot->used)
			return free_slot != NULL ? free_slot : slot;
		if (slot->zone == NULL) {
			if (free_slot == NULL)
				free_slot = slot;
		} else if (dname_equal(&slot->zone->name, name)) {
			return slot;
		}
	}
}

static void
grow(struct null *null)
{
	struct slot *old = null->slots;
	size_t n_old = null->n_slots;

	if (null->n_used * 4 < null->n_slots * 3)
		return;
	while (null->n_zones * 2 >= null->n_slots)
		null->n_slots *= 2;
	null->slots = map(null->n_slots * sizeof(null->slots[0]));
	null->n_used = null->n_zones;
	for (size_t i = 0; i < n_old; i++) {
		struct slot *slot;

		if (old[i].zone == NULL)
			continue;
		slot = find(null, &old[i].zone->name);
		slot->used = true;
		slot->zone = old[i].zone;
	}
	munmap(old, n_old * sizeof(old[0]));
}

static enum err
null_check(const struct backend_conf *conf, struct err_where *where)
{
	(void)conf;
	(void)where;
	return OK;
}

static enum err
null_open(const struct backend_conf *conf, struct err_where *where, void **ctx)
{
	struct null *null = mem_zalloc(sizeof(*null));

	(void)where;
	null->cancel_fd = conf->cancel_fd;
	null->n_slots = 64;
	null->slots = map(null->n_slots * sizeof(null->slots[0]));
	*ctx = null;
	return OK;
}

static void
null_close(void *ctx)
{
	struct null *null = ctx;

	if (null == NULL)
		return;
	for (struct block *b = null->blocks, *next; b != NULL; b = next) {
		next = b->next;
		munmap(b, sizeof(*b));
	}
	munmap(null->slots, null->n_slots * sizeof(null->slots[0]));
	free(null);
}

static enum err
null_identify(void *ctx, struct backend_identity *id, struct backend_error *why)
{
	(void)ctx;
	(void)why;
	memset(id, 0, sizeof(*id));
	strcpy(id->product, "null");
	strcpy(id->version, "1");
	strcpy(id->process, "1");
	return OK;
}

static enum err
null_inventory(void *ctx, backend_zone_fn *fn, void *arg, struct backend_error *why)
{
	struct null *null = ctx;
	enum err err = OK;

	(void)why;
	for (size_t i = 0; err == OK && i < null->n_slots; i++) {
		if (null->slots[i].zone != NULL)
			err = fn(arg, &null->slots[i].zone->name,
			    null->slots[i].zone->mark);
	}
	return err;
}

static enum err
null_lookup(void *ctx, const struct dname *zones, size_t n, backend_zone_fn *fn,
    void *arg, struct backend_error *why)
{
	enum err err = OK;

	(void)why;
	for (size_t i = 0; err == OK && i < n; i++) {
		const struct slot *slot = find(ctx, &zones[i]);

		if (slot->zone != NULL)
			err = fn(arg, &zones[i], slot->zone->mark);
	}
	return err;
}

static enum err
null_prepare(void *ctx, struct settings *const *settings, size_t n,
    enum backend_result *results, struct backend_error *texts,
    struct backend_error *why)
{
	(void)ctx;
	(void)settings;
	(void)why;
	for (size_t i = 0; i < n; i++) {
		results[i] = RESULT_OK;
		texts[i].text[0] = '\0';
	}
	return OK;
}

static void
null_mark_of(void *ctx, const struct settings *s, char mark[static 128])
{
	(void)ctx;
	snprintf(mark, 128, "%s.%s.%s", s->pattern, s->version, s->hash);
}

static enum err
null_retire(void *ctx, const char *const *marks, size_t n, struct backend_error *why)
{
	(void)ctx;
	(void)marks;
	(void)n;
	(void)why;
	return OK;
}

static enum backend_result
put_zone(struct null *null, struct backend_op *op)
{
	struct slot *slot = find(null, &op->zone);
	enum backend_result result = RESULT_OK;

	null_mark_of(null, op->settings, op->mark);
	if (slot->zone == NULL) {
		slot->zone = take_zone(null);
		slot->zone->name = op->zone;
		null->n_used += !slot->used;
		slot->used = true;
		null->n_zones++;
	} else if (strcmp(slot->zone->mark, op->mark) == 0) {
		result = RESULT_ALREADY;
	}
	memcpy(slot->zone->mark, op->mark, sizeof(op->mark));
	grow(null);
	return result;
}

static enum backend_result
remove_zone(struct null *null, const struct dname *name)
{
	struct slot *slot = find(null, name);

	if (slot->zone == NULL)
		return RESULT_ALREADY;
	give_zone(null, slot->zone);
	slot->zone = NULL;
	null->n_zones--;
	return RESULT_OK;
}

static enum err
null_apply(void *ctx, struct backend_op *ops, size_t n, struct backend_error *why)
{
	(void)why;
	for (size_t i = 0; i < n; i++) {
		switch (ops[i].kind) {
		case OP_ADD:
		case OP_CHANGE: ops[i].result = put_zone(ctx, &ops[i]); break;
		case OP_REMOVE: ops[i].result = remove_zone(ctx, &ops[i].zone); break;
		case OP_PURGE: ops[i].result = RESULT_OK; break;
		}
	}
	return OK;
}

static enum err
null_command(void *ctx, enum backend_verb verb, const struct dname *zone,
    struct backend_error *why)
{
	(void)ctx;
	(void)verb;
	(void)zone;
	(void)why;
	return OK;
}

static const char *const options[] = {NULL};

const struct backend_driver null_driver = {
    .name = "null",
    .batch_max = 5000,
    .caps =
	CAP_LIST | CAP_RESTART_ID | CAP_PER_ZONE_SETTINGS | CAP_TYPE_CHANGE | CAP_SIGNS,
    .options = options,
    .check = null_check,
    .open = null_open,
    .close = null_close,
    .identify = null_identify,
    .inventory = null_inventory,
    .lookup = null_lookup,
    .prepare = null_prepare,
    .mark_of = null_mark_of,
    .retire = null_retire,
    .apply = null_apply,
    .command = null_command,
};
