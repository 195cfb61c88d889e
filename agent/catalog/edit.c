/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/catalog/edit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/members.h"
#include "lib/mem.h"

/* -- life ------------------------------------------------------------------- */

struct catalog_edit *
catalog_edit_new(struct store_txn *txn, const struct catalog_head *head,
    const struct dname *reserved, size_t n_reserved, size_t bytes_max)
{
	struct catalog_edit *edit = mem_alloc(sizeof(*edit));

	edit->txn = txn;
	edit->before = edit->after = *head;
	edit->reserved = reserved;
	edit->n_reserved = n_reserved;
	edit->bytes_max = bytes_max > 0 ? bytes_max : EDIT_BYTES_MAX;
	edit->n_global = 0;
	edit->received = false;
	edit->n_nodes = 0;
	memset(&edit->guard, 0, sizeof(edit->guard));
	member_init(&edit->unpacked);
	member_init(&edit->view[0]);
	member_init(&edit->view[1]);
	arena_init(&edit->arena);
	edit->room = NODE_SLOTS_MIN / 2;
	edit->nodes = arena_alloc(&edit->arena, edit->room * sizeof(*edit->nodes));
	edit->n_slots = NODE_SLOTS_MIN;
	edit->slots = arena_alloc(&edit->arena, edit->n_slots * sizeof(*edit->slots));
	memset(edit->slots, 0, edit->n_slots * sizeof(*edit->slots));
	return edit;
}

void
catalog_edit_free(struct catalog_edit *edit)
{
	if (!edit)
		return;
	member_fini(&edit->unpacked);
	member_fini(&edit->view[0]);
	member_fini(&edit->view[1]);
	arena_fini(&edit->arena);
	free(edit);
}

enum err
edit_deny(struct catalog_refusal *why, unsigned rr, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why->reason, sizeof(why->reason), fmt, ap);
	va_end(ap);
	why->rr = rr;
	return ERR_DENIED;
}

/* -- records ---------------------------------------------------------------- */

uint32_t
edit_ttl(uint32_t ttl)
{
	return ttl > INT32_MAX ? 0 : ttl;
}

bool
edit_rr_is_at(const struct member_rr *rr, const uint8_t *prefix, size_t prefix_size)
{
	return rr->prefix_size == prefix_size &&
	       (prefix_size == 0 || memcmp(rr->prefix, prefix, prefix_size) == 0);
}

bool
edit_rr_is_ptr(const struct member_rr *rr)
{
	return rr->type == RR_PTR && rr->prefix_size == 0;
}

bool
edit_rr_equal(const struct member_rr *a, const struct member_rr *b)
{
	return a->type == b->type && a->rdata_size == b->rdata_size &&
	       edit_rr_is_at(a, b->prefix, b->prefix_size) &&
	       (a->rdata_size == 0 || memcmp(a->rdata, b->rdata, a->rdata_size) == 0);
}

static bool
is_same(const struct member_rr *a, const struct member_rr *b, bool with_ttl)
{
	return (!with_ttl || a->ttl == b->ttl) && edit_rr_equal(a, b);
}

/* What the store lends is gone with the first write. */
void
edit_rr_copy(struct catalog_edit *edit, const struct member_rr *rr,
    struct member_rr *out)
{
	*out = *rr;
	out->prefix = arena_copy(&edit->arena, rr->prefix, rr->prefix_size);
	out->rdata = arena_copy(&edit->arena, rr->rdata, rr->rdata_size);
}

/* The two lists of a node keep their order, so the first look mostly hits. */
bool
edit_rr_among(const struct member_rr *rr, bool with_ttl, const struct member_rr *rrs,
    size_t n, size_t *hint)
{
	for (size_t i = 0; i < n; i++) {
		size_t at = *hint + i < n ? *hint + i : *hint + i - n;
		if (!is_same(&rrs[at], rr, with_ttl))
			continue;
		*hint = at + 1 < n ? at + 1 : 0;
		return true;
	}
	return false;
}

size_t
edit_count_ptrs(const struct member_rr *rrs, size_t n, const struct member_rr **ptr)
{
	size_t n_ptrs = 0;
	for (size_t i = 0; i < n; i++) {
		if (!edit_rr_is_ptr(&rrs[i]))
			continue;
		n_ptrs++;
		*ptr = &rrs[i];
	}
	return n_ptrs;
}

/* -- nodes ------------------------------------------------------------------ */

static size_t
hash_of(bool is_member, const uint8_t *key, size_t size)
{
	uint32_t h = 2166136261u ^ is_member;
	for (size_t i = 0; i < size; i++)
		h = (h ^ key[i]) * 16777619u;
	return h ^ h >> 15;
}

static size_t
slot_of(const struct catalog_edit *edit, bool is_member, const uint8_t *key,
    size_t size)
{
	size_t slot = hash_of(is_member, key, size) & (edit->n_slots - 1);
	for (; edit->slots[slot] != 0; slot = (slot + 1) & (edit->n_slots - 1)) {
		const struct edit_node *node = edit->nodes[edit->slots[slot] - 1];
		if (node->is_member == is_member && node->key_size == size &&
		    (size == 0 || memcmp(node->key, key, size) == 0))
			break;
	}
	return slot;
}

struct edit_node *
edit_node_find(const struct catalog_edit *edit, bool is_member, const uint8_t *key,
    size_t key_size)
{
	uint32_t at = edit->slots[slot_of(edit, is_member, key, key_size)];
	return at ? edit->nodes[at - 1] : NULL;
}

static void
grow(struct catalog_edit *edit)
{
	struct edit_node **nodes = edit->nodes;
	edit->room *= 2;
	edit->nodes = arena_alloc(&edit->arena, edit->room * sizeof(*nodes));
	memcpy(edit->nodes, nodes, edit->n_nodes * sizeof(*nodes));
	edit->n_slots *= 2;
	edit->slots = arena_alloc(&edit->arena, edit->n_slots * sizeof(*edit->slots));
	memset(edit->slots, 0, edit->n_slots * sizeof(*edit->slots));
	for (size_t i = 0; i < edit->n_nodes; i++) {
		struct edit_node *node = edit->nodes[i];
		edit->slots[slot_of(edit, node->is_member, node->key, node->key_size)] =
		    (uint32_t)i + 1;
	}
}

static struct edit_node *
node_add(struct catalog_edit *edit, bool is_member, const uint8_t *key, size_t key_size)
{
	if (edit->n_nodes == edit->room)
		grow(edit);
	size_t slot = slot_of(edit, is_member, key, key_size);
	struct edit_node *node = arena_alloc(&edit->arena, sizeof(*node));
	*node = (struct edit_node){.is_member = is_member,
	    .key_size = (uint8_t)key_size,
	    .key = arena_copy(&edit->arena, key, key_size)};
	edit->nodes[edit->n_nodes++] = node;
	edit->slots[slot] = (uint32_t)edit->n_nodes;
	return node;
}

static void
take_member(struct catalog_edit *edit, const struct member *m, struct edit_node *node)
{
	struct member_rr ptr = {.type = RR_PTR,
	    .ttl = m->ttl,
	    .rdata_size = m->zone.size,
	    .rdata = m->zone.wire};

	node->before =
	    arena_alloc(&edit->arena, (m->n_rrs + 1) * sizeof(*node->before));
	edit_rr_copy(edit, &ptr, &node->before[node->n_before++]);
	for (size_t i = 0; i < m->n_rrs; i++)
		edit_rr_copy(edit, &m->rrs[i], &node->before[node->n_before++]);
	node->seq = m->seq;
	node->changed_at = m->changed;
	node->by = (const char *)arena_copy(&edit->arena, m->by, strlen(m->by) + 1);
}

static void
take_global(struct catalog_edit *edit, const uint8_t *data, size_t size,
    struct edit_node *node)
{
	struct global_rr g;
	size_t pos = 0, n = 0;

	while (globals_next(data, size, &pos, &g))
		n++;
	node->before = arena_alloc(&edit->arena, (n + 1) * sizeof(*node->before));
	pos = 0;
	while (node->n_before < n && globals_next(data, size, &pos, &g)) {
		struct member_rr rr = {.type = g.type,
		    .ttl = g.ttl,
		    .rdata_size = g.rdata_size,
		    .rdata = g.rdata};
		edit_rr_copy(edit, &rr, &node->before[node->n_before++]);
	}
}

static enum err
load(struct catalog_edit *edit, const struct catz_name *name, struct edit_node *node)
{
	enum err err;
	if (node->is_member) {
		err =
		    members_get(edit->txn, edit->before.nr, &name->id, &edit->unpacked);
		if (err == OK)
			take_member(edit, &edit->unpacked, node);
	} else {
		const uint8_t *data;
		size_t size;
		err = globals_get(edit->txn, edit->before.nr, node->key, node->key_size,
		    &data, &size);
		if (err == OK)
			take_global(edit, data, size, node);
	}
	node->after = node->before;
	node->n_after = node->n_before;
	return err == ERR_NOTFOUND ? OK : err;
}

bool
edit_is_member_kind(enum catz_kind kind)
{
	switch (kind) {
	case CATZ_MEMBER:
	case CATZ_GROUP:
	case CATZ_COO:
	case CATZ_MEMBER_EXT:
	case CATZ_MEMBER_OTHER: return true;
	case CATZ_OUTSIDE:
	case CATZ_APEX:
	case CATZ_VERSION:
	case CATZ_ZONES:
	case CATZ_EXT:
	case CATZ_OTHER: return false;
	}
	return false;
}

enum err
edit_node_at(struct catalog_edit *edit, const struct dname *owner,
    struct catz_name *name, struct edit_node **node)
{
	catz_classify(owner, &edit->before.name, name);
	bool is_member = edit_is_member_kind(name->kind);
	const uint8_t *key = is_member ? name->id.data : name->prefix;
	size_t key_size = is_member ? name->id.size : name->prefix_size;

	if (name->kind == CATZ_OUTSIDE)
		return ERR_INVALID;
	*node = edit_node_find(edit, is_member, key, key_size);
	if (*node)
		return OK;
	if (edit->arena.used > edit->bytes_max)
		return ERR_DENIED;
	*node = node_add(edit, is_member, key, key_size);
	return load(edit, name, *node);
}

/* -- as it is so far -------------------------------------------------------------- */

static bool
is_apex_soa(const struct catz_name *name, uint16_t type)
{
	return name->kind == CATZ_APEX && (type == RR_SOA || type == RR_ANY);
}

/* Where the owner's records begin within its node. */
static size_t
prefix_in_node(const struct edit_node *node, const struct catz_name *name)
{
	return node->is_member ? name->prefix_size : 0;
}

enum err
catalog_edit_name_in_use(struct catalog_edit *edit, const struct dname *owner,
    bool *in_use)
{
	struct catz_name name;
	struct edit_node *node;
	enum err err = edit_node_at(edit, owner, &name, &node);
	if (err != OK)
		return err;
	size_t prefix_size = prefix_in_node(node, &name);
	*in_use = name.kind == CATZ_APEX;
	for (size_t i = 0; i < node->n_after && !*in_use; i++)
		*in_use = edit_rr_is_at(&node->after[i], name.prefix, prefix_size);
	return OK;
}

enum err
catalog_edit_each(struct catalog_edit *edit, const struct dname *owner, uint16_t type,
    catalog_rr_fn *fn, void *arg)
{
	struct catz_name name;
	struct edit_node *node;
	struct buf soa;
	struct rr rr;
	enum err err = edit_node_at(edit, owner, &name, &node);

	if (err == OK && is_apex_soa(&name, type)) {
		buf_init(&soa, 0);
		catalog_soa_rr(&edit->after, &soa, &rr);
		err = fn(arg, &rr);
		buf_fini(&soa);
	}
	if (err != OK)
		return err;
	size_t prefix_size = prefix_in_node(node, &name);
	rr = (struct rr){.owner = *owner, .class = CLASS_IN};
	for (size_t i = 0; i < node->n_after && err == OK; i++) {
		const struct member_rr *b = &node->after[i];
		if (!edit_rr_is_at(b, name.prefix, prefix_size) ||
		    (type != RR_ANY && type != b->type))
			continue;
		rr.type = b->type;
		rr.ttl = b->ttl;
		rr.rdata_size = b->rdata_size;
		rr.rdata = b->rdata;
		err = fn(arg, &rr);
	}
	return err;
}
