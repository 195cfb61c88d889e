/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/catalog/catalog.h"

#include <string.h>

#include "agent/store/members.h"
#include "lib/catz.h"

/*
 * A catalog zone C is kept as members (PTR and properties in one record of the
 * store), other owners ("globals": NS and version and ext.C), and a head with
 * the SOA. This room knows which of their combinations are a valid catalog.
 *
 * A change is one edit: the nodes that a message touches are loaded
 * (edit.c), the records applied to copies (edit_apply.c), shown to whoever
 * checks rights (edit_nodes.c), the outcome judged (edit_check.c) and written
 * with one work log entry and one new serial (edit_commit.c). Nothing is
 * written before the commit, and a commit either writes all or fails sticky in
 * the transaction: so a refused edit costs others in the same group nothing.
 *
 * Runs in the thread of its transaction and keeps nothing beyond it.
 */

/* RFC 9432 section 4 and its example. */
enum err
catalog_create(struct store_txn *txn, const struct dname *name,
    struct catalog_head *head)
{
	static const uint8_t invalid[] = {7, 'i', 'n', 'v', 'a', 'l', 'i', 'd', 0};
	static const uint8_t version[] = {7, 'v', 'e', 'r', 's', 'i', 'o', 'n'};
	static const uint8_t two[] = {1, '2'};
	struct catalog_head new = {.name = *name,
	    .soa = {.serial = 1,
		.refresh = 3600,
		.retry = 600,
		.expire = 2147483646,
		.minimum = 0}};
	struct global_rr ns = {.type = RR_NS,
	    .rdata_size = sizeof(invalid),
	    .rdata = invalid};
	struct global_rr txt = {.type = RR_TXT,
	    .rdata_size = sizeof(two),
	    .rdata = two};
	struct buf packed;

	enum err err = dname_from_wire(invalid, sizeof(invalid), &new.soa.mname);
	new.soa.rname = new.soa.mname;
	if (err == OK)
		err = catalogs_add(txn, &new);
	if (err != OK)
		return err;
	buf_init(&packed, 0);
	globals_pack(&packed, &ns);
	globals_put(txn, new.nr, NULL, 0, packed.data, packed.size);
	buf_reset(&packed);
	globals_pack(&packed, &txt);
	globals_put(txn, new.nr, version, sizeof(version), packed.data, packed.size);
	buf_fini(&packed);
	*head = new;
	return store_err(txn);
}

void
catalog_soa_rr(const struct catalog_head *head, struct buf *rdata, struct rr *rr)
{
	size_t start = rdata->size;
	soa_write(&head->soa, rdata);
	*rr = (struct rr){.owner = head->name,
	    .type = RR_SOA,
	    .class = CLASS_IN,
	    .ttl = head->soa_ttl,
	    .rdata_size = (uint16_t)(rdata->size - start),
	    .rdata = rdata->data + start};
}
