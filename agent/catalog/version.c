/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/catalog/version.h"

#include <stdlib.h>
#include <string.h>

#include "agent/catalog/version_inside.h"
#include "agent/store/members.h"
#include "agent/store/worklog.h"
#include "lib/digest.h"
#include "lib/mem.h"

/* -- life ------------------------------------------------------------------- */

enum err
catalog_version_new(struct store *store, const struct dname *name,
    struct catalog_version **out)
{
	struct scratch *map;
	enum err err = scratch_open(store, &map);

	if (err != OK)
		return err;
	struct catalog_version *v = mem_zalloc(sizeof(*v));
	v->name = *name;
	v->map = map;
	buf_init(&v->packed, 0);
	*out = v;
	return OK;
}

void
catalog_version_free(struct catalog_version *v)
{
	if (!v)
		return;
	scratch_close(v->map);
	buf_fini(&v->packed);
	free(v);
}

/* -- collecting ------------------------------------------------------------- */

struct map_key {
	size_t size;
	uint8_t data[SCRATCH_KEY_MAX];
};

static void
key_start(struct map_key *key, char kind, const uint8_t *node, size_t size)
{
	key->data[0] = (uint8_t)kind;
	if (size > 0)
		memcpy(key->data + 1, node, size);
	memset(key->data + 1 + size, 0, 2);
	key->size = 1 + size + 2;
}

static void
key_number(struct map_key *key, uint32_t n)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		key->data[key->size++] = (uint8_t)(n >> shift);
}

/* What has no place in a key goes by its digest. */
static void
key_of_zone(struct map_key *key, const struct dname *zone)
{
	enum { PLAIN_MAX = 400 };
	uint8_t sort[DNAME_KEY_MAX];
	char hex[DIGEST_HEX_MAX + 1];
	size_t size = dname_key(zone, sort);

	if (size <= PLAIN_MAX) {
		key_start(key, KIND_ZONE, sort, size);
		return;
	}
	digest_hex(zone->wire, zone->size, DIGEST_HEX_MAX, hex);
	key_start(key, KIND_LONG_ZONE, (const uint8_t *)hex, DIGEST_HEX_MAX);
}

/* Labels without root as a name, and its place in the canonical order. */
static size_t
order_of(const uint8_t *labels, size_t size, uint8_t key[static DNAME_KEY_MAX])
{
	struct dname name;

	if (dname_join(labels, size, &dname_root, &name) != OK)
		return 0;
	return dname_key(&name, key);
}

static size_t
order_of_id(const uint8_t *id, size_t size, uint8_t key[static DNAME_KEY_MAX])
{
	uint8_t label[1 + DNAME_LABEL_MAX];

	label[0] = (uint8_t)size;
	memcpy(label + 1, id, size);
	return order_of(label, 1 + size, key);
}

static void
add_zone(struct catalog_version *v, const struct catz_name *name, const struct rr *rr)
{
	struct map_key key;
	struct dname zone;

	if (dname_from_wire(rr->rdata, rr->rdata_size, &zone) != OK)
		return;
	key_of_zone(&key, &zone);
	key_number(&key, v->n_rrs);
	scratch_put_raw(v->map, key.data, key.size, name->id.data, name->id.size);
}

void
catalog_version_add(struct catalog_version *v, const struct rr *rr)
{
	uint8_t sort[DNAME_KEY_MAX];
	struct catz_name name;
	struct map_key key;

	catz_classify(&rr->owner, &v->name, &name);
	if (name.kind == CATZ_OUTSIDE || (name.kind == CATZ_APEX && rr->type == RR_SOA))
		return;
	bool member = edit_is_member_kind(name.kind);
	struct work_rr w = {.type = rr->type,
	    .ttl = edit_ttl(rr->ttl),
	    .rdata_size = rr->rdata_size,
	    .rdata = rr->rdata};
	if (member) {
		w.prefix = name.prefix;
		w.prefix_size = (uint8_t)name.prefix_size;
		key_start(&key, KIND_MEMBER, sort,
		    order_of_id(name.id.data, name.id.size, sort));
	} else {
		key_start(&key, KIND_GLOBAL, sort,
		    order_of(name.prefix, name.prefix_size, sort));
	}
	key_number(&key, v->n_rrs);
	buf_reset(&v->packed);
	work_rr_put(&v->packed, &w);
	scratch_put_raw(v->map, key.data, key.size, v->packed.data, v->packed.size);
	if (member && rr->type == RR_PTR && name.prefix_size == 0)
		add_zone(v, &name, rr);
	v->n_rrs++;
}

enum err
catalog_version_end(struct catalog_version *v, const struct soa *soa, uint32_t soa_ttl)
{
	v->soa = *soa;
	v->soa_ttl = edit_ttl(soa_ttl);
	return scratch_sort(v->map);
}

/* -- looking up ------------------------------------------------------------- */

static bool
has_prefix(const struct scratch_entry *e, const struct map_key *key)
{
	return e->key_size == key->size + 4 &&
	       memcmp(e->key, key->data, key->size) == 0;
}

/* In the midst of a walk, which must not be moved. */
static enum err
peek(struct catalog_version *v, const struct map_key *key, struct scratch_entry *e)
{
	enum err err = scratch_peek(v->map, key->data, key->size, e);

	return err == OK && !has_prefix(e, key) ? ERR_NOTFOUND : err;
}

enum err
version_find_zone(struct catalog_version *v, const struct dname *zone, struct label *id)
{
	struct map_key key;
	struct scratch_entry e;

	key_of_zone(&key, zone);
	enum err err = peek(v, &key, &e);
	if (err != OK)
		return err;
	if (e.size == 0 || e.size > DNAME_LABEL_MAX)
		return ERR_NOTFOUND;
	id->size = (uint8_t)e.size;
	memcpy(id->data, e.value, e.size);
	return OK;
}

enum err
version_find_global(struct catalog_version *v, const uint8_t *labels, size_t size)
{
	uint8_t sort[DNAME_KEY_MAX];
	struct map_key key;
	struct scratch_entry e;

	key_start(&key, KIND_GLOBAL, sort, order_of(labels, size, sort));
	return peek(v, &key, &e);
}

static enum err
deny_twice(const struct scratch_entry *e, struct catalog_refusal *why)
{
	struct dname zone;
	char text[DNAME_TEXT_MAX] = "?";

	if (e->key[0] == KIND_ZONE &&
	    dname_from_key(e->key + 1, e->key_size - 1 - KEY_TAIL, &zone) == OK)
		dname_print_short(&zone, text);
	return edit_deny(why, 0, "duplicate-zone zone=%s", text);
}

static enum err
check_zones_of(struct catalog_version *v, char kind, struct catalog_refusal *why)
{
	struct scratch_entry last = {0}, e;
	uint8_t start = (uint8_t)kind;
	enum err err = scratch_seek(v->map, &start, 1, &e);

	for (; err == OK && e.key[0] == start; err = scratch_step(v->map, &e)) {
		bool same_zone = last.key_size == e.key_size &&
				 memcmp(last.key, e.key, e.key_size - 4) == 0;
		if (same_zone &&
		    (last.size != e.size || memcmp(last.value, e.value, e.size) != 0))
			return deny_twice(&e, why);
		last = e;
	}
	return err == ERR_NOTFOUND ? OK : err;
}

enum err
version_check_zones(struct catalog_version *v, struct catalog_refusal *why)
{
	enum err err = check_zones_of(v, KIND_LONG_ZONE, why);

	return err == OK ? check_zones_of(v, KIND_ZONE, why) : err;
}

/* -- the walk --------------------------------------------------------------- */

void
version_walk_init(struct version_walk *w, struct catalog_edit *edit,
    struct catalog_version *v, char kind)
{
	memset(w, 0, sizeof(*w));
	w->edit = edit;
	w->v = v;
	w->kind = kind;
	buf_init(&w->old_packed, 0);
	member_init(&w->member);
}

void
version_walk_fini(struct version_walk *w)
{
	buf_fini(&w->old_packed);
	member_fini(&w->member);
	free(w->before);
	free(w->after);
}

/* Copied, as what the store lends is gone with the next write. */
static enum err
take_old_member(void *arg, const struct member *m)
{
	struct version_walk *w = arg;

	buf_reset(&w->old_packed);
	member_pack(m, &w->old_packed);
	memcpy(w->old_name, m->id.data, m->id.size);
	w->old_name_size = m->id.size;
	w->old_key_size = order_of_id(m->id.data, m->id.size, w->old_key);
	w->has_old = true;
	return w->old_packed.err;
}

static enum err
take_old_global(void *arg, const uint8_t *prefix, size_t prefix_size,
    const uint8_t *data, size_t size)
{
	struct version_walk *w = arg;

	buf_reset(&w->old_packed);
	buf_put(&w->old_packed, data, size);
	if (prefix_size > 0)
		memcpy(w->old_name, prefix, prefix_size);
	w->old_name_size = prefix_size;
	w->old_key_size = order_of(prefix, prefix_size, w->old_key);
	w->has_old = true;
	return w->old_packed.err;
}

static enum err
load_old(struct version_walk *w)
{
	const struct catalog_edit *e = w->edit;
	struct label id = {.size = (uint8_t)w->old_name_size};
	enum err err;

	if (w->has_old || w->old_end || w->only_new)
		return OK;
	if (w->kind == KIND_MEMBER) {
		memcpy(id.data, w->old_name, id.size);
		err = members_each(e->txn, e->before.nr, w->old_started ? &id : NULL, 1,
		    take_old_member, w);
	} else {
		uint8_t after[DNAME_WIRE_MAX];
		memcpy(after, w->old_name, w->old_name_size);
		err = globals_each(e->txn, e->before.nr, after,
		    w->old_started ? w->old_name_size : SIZE_MAX, 1, take_old_global,
		    w);
	}
	w->old_started = true;
	w->old_end = !w->has_old;
	return err;
}

static enum err
load_new(struct version_walk *w)
{
	uint8_t start = (uint8_t)w->kind;
	enum err err = OK;

	if (!w->started) {
		err = scratch_seek(w->v->map, &start, 1, &w->entry);
		w->has_entry = err == OK && w->entry.key[0] == start;
	}
	w->started = true;
	return err == ERR_NOTFOUND ? OK : err;
}

static enum err
step_new(struct version_walk *w)
{
	enum err err = scratch_step(w->v->map, &w->entry);

	w->has_entry = err == OK && w->entry.key[0] == (uint8_t)w->kind;
	return err == ERR_NOTFOUND ? OK : err;
}

static void
put_before(struct version_walk *w, const struct member_rr *rr)
{
	struct edit_node *n = &w->node;

	w->before =
	    mem_grow(w->before, n->n_before, &w->before_room, sizeof(*w->before));
	w->before[n->n_before++] = *rr;
	n->before = w->before;
}

static enum err
fill_before(struct version_walk *w)
{
	struct edit_node *n = &w->node;
	struct member *m = &w->member;
	struct global_rr g;
	size_t pos = 0;

	w->has_old = false;
	if (w->kind == KIND_GLOBAL) {
		while (globals_next(w->old_packed.data, w->old_packed.size, &pos, &g)) {
			struct member_rr rr = {.type = g.type,
			    .ttl = g.ttl,
			    .rdata_size = g.rdata_size,
			    .rdata = g.rdata};
			put_before(w, &rr);
		}
		return OK;
	}
	enum err err = member_unpack(w->old_packed.data, w->old_packed.size, m);
	if (err != OK)
		return err;
	struct member_rr ptr = {.type = RR_PTR,
	    .ttl = m->ttl,
	    .rdata_size = m->zone.size,
	    .rdata = m->zone.wire};
	put_before(w, &ptr);
	for (size_t i = 0; i < m->n_rrs; i++)
		put_before(w, &m->rrs[i]);
	n->seq = m->seq;
	n->changed_at = m->changed;
	n->by = m->by;
	return OK;
}

/* The same record may come twice; what is too much is counted, not kept. */
static void
put_after(struct version_walk *w, const struct work_rr *rr, size_t *hint)
{
	struct edit_node *n = &w->node;
	struct member_rr m = {.prefix = rr->prefix,
	    .prefix_size = rr->prefix_size,
	    .type = rr->type,
	    .ttl = rr->ttl,
	    .rdata_size = rr->rdata_size,
	    .rdata = rr->rdata};

	if (n->n_after > NODE_RRS_MAX ||
	    edit_rr_among(&m, false, w->after, n->n_after, hint))
		return;
	w->after = mem_grow(w->after, n->n_after, &w->after_room, sizeof(*w->after));
	w->after[n->n_after++] = m;
	n->after = w->after;
}

static enum err
fill_after(struct version_walk *w)
{
	const struct scratch_entry first = w->entry;
	size_t key_size = first.key_size - 4, hint = 0;
	enum err err = OK;

	while (err == OK && w->has_entry && w->entry.key_size == first.key_size &&
	       memcmp(w->entry.key, first.key, key_size) == 0) {
		struct work_rr rr;
		size_t pos = 0;
		if (!work_rr_next(w->entry.value, w->entry.size, &pos, &rr))
			return ERR_CORRUPT;
		put_after(w, &rr, &hint);
		err = step_new(w);
	}
	return err;
}

static enum err
name_of_entry(struct version_walk *w, size_t *size)
{
	const struct scratch_entry *e = &w->entry;
	struct dname name;
	size_t skip = w->kind == KIND_MEMBER;

	if (e->key_size < 1 + KEY_TAIL ||
	    dname_from_key(e->key + 1, e->key_size - 1 - KEY_TAIL, &name) != OK)
		return ERR_CORRUPT;
	*size = name.size - 1u - skip;
	memcpy(w->name, name.wire + skip, *size);
	return OK;
}

/* <0: the store's comes first, >0: the version's, 0: it is in both. */
static int
compare(const struct version_walk *w)
{
	if (!w->has_entry || !w->has_old)
		return w->has_entry ? 1 : -1;
	size_t size = w->entry.key_size - 1 - KEY_TAIL;
	size_t n = size < w->old_key_size ? size : w->old_key_size;
	int order = n > 0 ? memcmp(w->old_key, w->entry.key + 1, n) : 0;
	if (order == 0)
		order = (w->old_key_size > size) - (w->old_key_size < size);
	return order;
}

enum err
version_walk_next(struct version_walk *w)
{
	size_t size = 0;
	enum err err = load_new(w);

	if (err == OK)
		err = load_old(w);
	if (err != OK)
		return err;
	if (!w->has_entry && !w->has_old)
		return ERR_NOTFOUND;
	int order = compare(w);
	w->node = (struct edit_node){.is_member = w->kind == KIND_MEMBER,
	    .changed = true,
	    .by = ""};
	if (order < 0) {
		size = w->old_name_size;
		memcpy(w->name, w->old_name, size);
	} else {
		err = name_of_entry(w, &size);
	}
	w->node.key = w->name;
	w->node.key_size = (uint8_t)size;
	if (err == OK && order <= 0)
		err = fill_before(w);
	if (err == OK && order >= 0)
		err = fill_after(w);
	return err;
}
