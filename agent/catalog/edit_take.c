/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "agent/catalog/edit.h"

/*
 * The differences of an IXFR (RFC 1995), as a primary sent them: any owner and
 * type, in order, and exact. What comes of them is judged as a whole by
 * catalog_edit_check().
 */

/* ERR_NOTFOUND: there is none, so the two ends are not in step. */
static enum err
take_away(struct catalog_edit *edit, struct edit_node *node, const struct member_rr *rr)
{
	edit_own_after(edit, node);
	for (size_t i = 0; i < node->n_after; i++) {
		if (!edit_rr_equal(&node->after[i], rr))
			continue;
		memmove(&node->after[i], &node->after[i + 1],
		    (node->n_after - i - 1) * sizeof(*rr));
		node->n_after--;
		return OK;
	}
	return ERR_NOTFOUND;
}

static void
put(struct catalog_edit *edit, struct edit_node *node, const struct member_rr *rr)
{
	edit_own_after(edit, node);
	for (size_t i = 0; i < node->n_after; i++) {
		if (edit_rr_equal(&node->after[i], rr)) {
			node->after[i].ttl = rr->ttl;
			return;
		}
	}
	edit_rr_copy(edit, rr, &node->after[node->n_after++]);
}

enum err
catalog_edit_take(struct catalog_edit *edit, const struct rr *rr, bool add,
    struct catalog_refusal *why)
{
	struct catz_name name;
	struct edit_node *node;

	edit->received = true;
	enum err err = edit_node_at(edit, &rr->owner, &name, &node);
	if (err == OK && edit->arena.used > edit->bytes_max)
		err = ERR_DENIED;
	if (err != OK)
		return err == ERR_DENIED ? edit_deny(why, 0, "too-much") : err;
	if (add && node->n_after >= 2 * NODE_RRS_MAX)
		return edit_deny(why, 0, "too-many-records");
	struct member_rr m = {.prefix = name.prefix,
	    .prefix_size = (uint8_t)(node->is_member ? name.prefix_size : 0),
	    .type = rr->type,
	    .ttl = edit_ttl(rr->ttl),
	    .rdata_size = rr->rdata_size,
	    .rdata = rr->rdata};
	node->touched = true;
	if (!add)
		return take_away(edit, node, &m);
	put(edit, node, &m);
	return OK;
}

void
catalog_edit_take_soa(struct catalog_edit *edit, const struct soa *soa, uint32_t ttl)
{
	edit->received = true;
	edit->after.soa = *soa;
	edit->after.soa_ttl = edit_ttl(ttl);
}
