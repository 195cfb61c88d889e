/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "agent/catalog/edit.h"
#include "agent/store/members.h"

/*
 * The edit before the guard: every zone that leaves its id counts, whatever made
 * it do so. Only one that is handed over to another catalog, as RFC 9432 section
 * 4.3.1 has it, goes on being served with all it has.
 */

static bool
is_heir(const struct catalog_edit *edit, uint8_t catalog)
{
	const uint8_t *heirs = edit->guard.limit.heirs;
	return catalog != edit->before.nr && (heirs[catalog / 8] >> catalog % 8 & 1);
}

/* Its coo property, as it was, names a catalog that has it, under the same id. */
static bool
is_handed_over(struct catalog_edit *edit, const struct member *m)
{
	static const uint8_t coo[] = {3, 'c', 'o', 'o'};
	for (size_t i = 0; i < m->n_rrs; i++) {
		const struct member_rr *rr = &m->rrs[i];
		struct catalog_head head;
		struct dname name;
		struct label id;
		if (rr->type == RR_PTR && edit_rr_is_at(rr, coo, sizeof(coo)) &&
		    dname_from_wire(rr->rdata, rr->rdata_size, &name) == OK &&
		    catalogs_find(edit->txn, &name, &head) == OK &&
		    is_heir(edit, head.nr) &&
		    members_find_zone(edit->txn, head.nr, &m->zone, &id) == OK &&
		    label_equal(&id, &m->id))
			return true;
	}
	return false;
}

void
edit_guard_begin(struct catalog_edit *edit, const struct catalog_origin *origin)
{
	guard_begin(&edit->guard, edit->txn, edit->before.nr, origin->limit,
	    edit->before.n_members, origin->now, origin->by);
}

bool
edit_guard_count(struct catalog_edit *edit, const struct edit_node *node)
{
	struct member *m = &edit->view[0];

	return node->is_member && !edit_same_zone(node) &&
	       edit_fill_member(node, node->before, node->n_before, m) &&
	       !is_handed_over(edit, m) && guard_count(&edit->guard, &m->zone);
}

void
edit_guard_came(struct catalog_edit *edit, const struct edit_node *node)
{
	struct member *m = &edit->view[0];

	if (node->is_member && !edit_same_zone(node) &&
	    edit_fill_member(node, node->after, node->n_after, m))
		guard_came(&edit->guard, &m->zone, &m->id);
}

bool
edit_guard_weigh(struct catalog_edit *edit, struct edit_node *const *nodes, size_t n,
    const struct catalog_origin *origin)
{
	edit_guard_begin(edit, origin);
	for (size_t i = 0; i < n; i++)
		nodes[i]->counted = edit_guard_count(edit, nodes[i]);
	for (size_t i = 0; i < n && !guard_is_idle(&edit->guard); i++)
		edit_guard_came(edit, nodes[i]);
	return guard_weigh(&edit->guard);
}

void
edit_guard_settle_node(struct catalog_edit *edit, const struct edit_node *node,
    bool again)
{
	struct member *m = &edit->view[0];

	if (!edit_fill_member(node, node->before, node->n_before, m))
		return;
	m->seq = node->seq;
	m->changed = node->changed_at;
	memcpy(m->by, node->by, strlen(node->by) + 1);
	guard_settle(&edit->guard, m, again ? HOLD_RESET : HOLD_REMOVAL);
}

void
edit_guard_settle(struct catalog_edit *edit, struct edit_node *const *nodes, size_t n)
{
	struct dname zone;
	struct label id;

	for (size_t i = 0; i < n; i++) {
		const struct edit_node *node = nodes[i];
		if (!node->counted || !edit_zone_before(node, &zone))
			continue;
		edit_guard_settle_node(edit, node,
		    members_find_zone(edit->txn, edit->before.nr, &zone, &id) == OK);
	}
	guard_end(&edit->guard);
}

enum err
catalog_release(struct store_txn *txn, const struct catalog_head *head,
    const struct catalog_origin *origin, uint64_t *seq, uint64_t *n)
{
	struct guard_origin o = {.by = origin->by,
	    .source = origin->source,
	    .now = origin->now,
	    .serial = head->soa.serial};
	return guard_release(txn, head->nr, &o, seq, n);
}

enum err
catalog_guard_facts(struct store_txn *txn, const struct catalog_head *head,
    const struct limit *limit, uint64_t now, struct guard_facts *facts)
{
	return guard_get_facts(txn, head->nr, limit, head->n_members, now, facts);
}

void
catalog_guard_log(const struct guard_verdict *v, const char *catalog, const char *by)
{
	guard_log(v, catalog, by);
}
