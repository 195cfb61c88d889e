/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "agent/catalog/edit.h"
#include "agent/store/members.h"

/*
 * The after-image must be a valid catalog (RFC 9432 section 4). Only what the
 * edit changed is looked at: the rest was valid before.
 */

static char *
print_id(const struct label *id, char out[static DNAME_TEXT_MAX])
{
	struct dname name;
	if (dname_prepend(id, &dname_root, &name) != OK)
		out[0] = '\0';
	else
		dname_print_short(&name, out);
	return out;
}

static enum err
check_size(const struct edit_node *node, struct catalog_refusal *why)
{
	size_t size = 0;
	for (size_t i = 0; i < node->n_after; i++)
		size += node->after[i].prefix_size + (size_t)node->after[i].rdata_size;
	if (node->n_after > NODE_RRS_MAX)
		return edit_deny(why, node->n_first, "too-many-records max=%d",
		    NODE_RRS_MAX);
	if (size > NODE_BYTES_MAX)
		return edit_deny(why, node->n_first, "too-large max=%d",
		    NODE_BYTES_MAX);
	return OK;
}

/* A member that is gone takes along what it had, never what is new. */
static enum err
check_gone(struct edit_node *node, struct catalog_refusal *why)
{
	size_t hint = 0;
	for (size_t i = 0; i < node->n_after; i++)
		if (!edit_rr_among(&node->after[i], false, node->before, node->n_before,
			&hint))
			return edit_deny(why, node->n_other, "property-without-member");
	node->n_after = 0;
	return OK;
}

/* One that is left over. */
static enum err
check_orphan(const struct edit_node *node, struct catalog_refusal *why)
{
	char text[DNAME_TEXT_MAX];
	struct label id = {.size = node->key_size};

	if (node->n_after == 0)
		return OK;
	memcpy(id.data, node->key, id.size);
	return edit_deny(why, 0, "property-without-member id=%s", print_id(&id, text));
}

/* RFC 9432 section 4.3.1: one coo at most. */
static enum err
check_coo(const struct edit_node *node, struct catalog_refusal *why)
{
	static const uint8_t coo[] = {3, 'c', 'o', 'o'};
	size_t n = 0;
	for (size_t i = 0; i < node->n_after; i++)
		n += node->after[i].type == RR_PTR &&
		     edit_rr_is_at(&node->after[i], coo, sizeof(coo));
	return n <= 1 ? OK : edit_deny(why, node->n_other, "two-coo");
}

static enum err
check_zone_name(const struct catalog_edit *edit, const struct edit_node *node,
    const struct dname *zone, struct catalog_refusal *why)
{
	if (zone->size == 1)
		return edit_deny(why, node->n_ptr, "root-zone");
	for (size_t i = 0; i < edit->n_reserved; i++)
		if (dname_is_at_or_below(zone, &edit->reserved[i]))
			return edit_deny(why, node->n_ptr, "control-zone");
	return OK;
}

/* The zone may stand in the store under another id that this edit takes it
 * from. */
static enum err
check_zone_free(const struct catalog_edit *edit, const struct edit_node *node,
    const struct dname *zone, struct catalog_refusal *why)
{
	struct label id;
	char text[DNAME_TEXT_MAX];
	const struct member_rr *ptr = NULL;
	enum err err = members_find_zone(edit->txn, edit->before.nr, zone, &id);

	if (err != OK)
		return err == ERR_NOTFOUND ? OK : err;
	const struct edit_node *other = edit_node_find(edit, true, id.data, id.size);
	if (other == node)
		return OK;
	bool left =
	    other && (edit_count_ptrs(other->after, other->n_after, &ptr) != 1 ||
			 ptr->rdata_size != zone->size ||
			 memcmp(ptr->rdata, zone->wire, zone->size) != 0);
	return left ? OK
		    : edit_deny(why, node->n_ptr, "duplicate-zone id=%s",
			  print_id(&id, text));
}

/* -- two new nodes of one zone ---------------------------------------------- */

struct zone_set {
	const struct member_rr **slots;
	size_t n_slots;
};

static bool
zone_set_add(struct zone_set *set, const struct member_rr *ptr)
{
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < ptr->rdata_size; i++)
		h = (h ^ ptr->rdata[i]) * 16777619u;
	size_t at = (h ^ h >> 15) & (set->n_slots - 1);
	for (; set->slots[at]; at = (at + 1) & (set->n_slots - 1))
		if (edit_rr_equal(set->slots[at], ptr))
			return false;
	set->slots[at] = ptr;
	return true;
}

static void
zone_set_init(struct zone_set *set, struct catalog_edit *edit)
{
	set->n_slots = 4;
	while (set->n_slots < 2 * edit->n_nodes)
		set->n_slots *= 2;
	set->slots = arena_alloc(&edit->arena, set->n_slots * sizeof(*set->slots));
	memset(set->slots, 0, set->n_slots * sizeof(*set->slots));
}

/* -- as received ------------------------------------------------------------ */

/* RFC 9432 sections 4 and 4.2.1: there are NS, and version is one TXT "2". */
static enum err
check_global(const struct edit_node *node, struct catalog_refusal *why)
{
	static const uint8_t version[] = {7, 'v', 'e', 'r', 's', 'i', 'o', 'n'};
	static const uint8_t two[] = {1, '2'};
	bool is_version = node->key_size == sizeof(version) &&
			  memcmp(node->key, version, sizeof(version)) == 0;
	uint16_t type = is_version ? RR_TXT : RR_NS;
	size_t n = 0;
	bool known = false;

	if (!is_version && node->key_size > 0)
		return OK;
	for (size_t i = 0; i < node->n_after; i++) {
		const struct member_rr *rr = &node->after[i];
		n += rr->type == type;
		known |= rr->type == type && rr->rdata_size == sizeof(two) &&
			 memcmp(rr->rdata, two, sizeof(two)) == 0;
	}
	if (!is_version)
		return n > 0 ? OK : edit_deny(why, 0, "no-ns");
	if (n == 0)
		return edit_deny(why, 0, "no-version");
	if (n > 1)
		return edit_deny(why, 0, "two-versions");
	return known ? OK : edit_deny(why, 0, "unknown-version");
}

enum err
edit_check_received(const struct catalog_edit *edit, const struct edit_node *node,
    struct catalog_refusal *why)
{
	const struct member_rr *ptr = NULL;
	struct dname zone;
	enum err err = check_size(node, why);

	if (err == OK && !node->is_member)
		return check_global(node, why);
	size_t n_ptrs = edit_count_ptrs(node->after, node->n_after, &ptr);
	if (err == OK && n_ptrs == 0)
		return check_orphan(node, why);
	if (err == OK && n_ptrs > 1)
		return edit_deny(why, node->n_ptr, "two-zones-at-one-node");
	if (err == OK)
		err = check_coo(node, why);
	if (err == OK)
		err = dname_from_wire(ptr->rdata, ptr->rdata_size, &zone);
	return err == OK ? check_zone_name(edit, node, &zone, why) : err;
}

/* -- all -------------------------------------------------------------------- */

static enum err
check_member(struct catalog_edit *edit, struct edit_node *node, struct zone_set *set,
    struct catalog_refusal *why)
{
	const struct member_rr *ptr = NULL;
	struct dname zone;
	size_t hint = 0;
	size_t n_ptrs = edit_count_ptrs(node->after, node->n_after, &ptr);

	if (n_ptrs == 0)
		return edit->received ? check_orphan(node, why) : check_gone(node, why);
	if (n_ptrs > 1)
		return edit_deny(why, node->n_ptr, "two-zones-at-one-node");
	enum err err = check_coo(node, why);
	if (err == OK)
		err = check_size(node, why);
	if (err != OK || edit_rr_among(ptr, false, node->before, node->n_before, &hint))
		return err;
	err = dname_from_wire(ptr->rdata, ptr->rdata_size, &zone);
	if (err == OK)
		err = check_zone_name(edit, node, &zone, why);
	if (err == OK && !zone_set_add(set, ptr))
		return edit_deny(why, node->n_ptr, "duplicate-zone");
	return err == OK ? check_zone_free(edit, node, &zone, why) : err;
}

/* Members that go first: whether a zone is free must not depend on the order. */
enum err
catalog_edit_check(struct catalog_edit *edit, struct catalog_refusal *why)
{
	struct zone_set set;
	enum err err = OK;

	zone_set_init(&set, edit);
	for (size_t i = 0; i < edit->n_nodes && err == OK; i++) {
		struct edit_node *node = edit->nodes[i];
		if (!node->changed)
			continue;
		err = node->is_member ? check_member(edit, node, &set, why)
				      : check_size(node, why);
		if (err == OK && edit->received && !node->is_member)
			err = check_global(node, why);
	}
	return err;
}
