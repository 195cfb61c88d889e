/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/plan.h"

#include <string.h>

#include "agent/store/catalogs.h"
#include "agent/store/holds.h"
#include "agent/store/members.h"
#include "agent/store/worklog.h"
#include "lib/rr.h"

struct reader {
	struct store_txn *txn;
	struct plan_cursor *cursor;
	const bool *catalogs;
	plan_fn *fn;
	void *arg;
	/* the last property touched: the others of that member say nothing new */
	uint64_t property_seq;
	uint8_t property_catalog;
	struct label property_id;
};

/* The member a record belongs to: prefix is [labels...] <id> "zones". */
static bool
node_of(const struct work_rr *rr, struct label *id, bool *at_node)
{
	static const uint8_t zones[] = "\5zones";
	size_t end = rr->prefix_size, id_at = 0, n = 0;
	if (end <= sizeof(zones) - 1 || memcmp(rr->prefix + end - (sizeof(zones) - 1),
					    zones, sizeof(zones) - 1) != 0)
		return false;
	end -= sizeof(zones) - 1;
	/* The six octets might as well be the end of a longer label. */
	for (size_t at = 0; at < end; n++) {
		id_at = at;
		at += (size_t)rr->prefix[at] + 1;
		if (rr->prefix[id_at] == 0 || rr->prefix[id_at] > DNAME_LABEL_MAX ||
		    at > end)
			return false;
	}
	id->size = rr->prefix[id_at];
	memcpy(id->data, rr->prefix + id_at + 1, id->size);
	*at_node = n == 1;
	return true;
}

/* The catalog named by the coo among a member's records, which follow its PTR. */
static uint8_t
heir_of(struct store_txn *txn, const uint8_t *data, size_t size, size_t next,
    const struct label *id)
{
	static const uint8_t coo[] = "\3coo";
	struct catalog_head head;
	struct work_rr rr;
	struct label of;
	bool at_node;
	while (work_rr_next(data, size, &next, &rr) && node_of(&rr, &of, &at_node) &&
	       label_equal(&of, id)) {
		struct dname name;
		if (rr.type == RR_PTR && memcmp(rr.prefix, coo, sizeof(coo) - 1) == 0 &&
		    dname_from_wire(rr.rdata, rr.rdata_size, &name) == OK)
			return catalogs_find(txn, &name, &head) == OK ? head.nr : 0;
	}
	return 0;
}

static enum touch_kind
kind_of(const struct work *w, bool add, const struct label *id)
{
	if (w->kind == WORK_RELEASE && add)
		return label_is(id, hold_kind_str(HOLD_STRAY)) ? TOUCH_STRAY
							       : TOUCH_PROPERTY;
	if (!add)
		return w->held ? TOUCH_PROPERTY : TOUCH_DEL;
	return TOUCH_ADD;
}

/* ERR_NOTFOUND: nothing that touches a zone. */
static enum err
touch_of(struct reader *r, const struct work *w, const struct work_rr *rr, bool add,
    struct touch *t)
{
	bool at_node;
	*t = (struct touch){.seq = w->seq, .time = w->time, .catalog = w->catalog};
	if (!node_of(rr, &t->id, &at_node))
		return ERR_NOTFOUND;
	if (at_node && rr->type == RR_PTR) {
		t->kind = kind_of(w, add, &t->id);
		if (dname_from_wire(rr->rdata, rr->rdata_size, &t->zone) != OK)
			return ERR_NOTFOUND;
		return OK;
	}
	if (r->property_seq == w->seq && r->property_catalog == w->catalog &&
	    label_equal(&r->property_id, &t->id))
		return ERR_NOTFOUND;
	/* A member that is gone by now is touched by the removal of its PTR. */
	struct member m;
	member_init(&m);
	enum err err = members_get(r->txn, w->catalog, &t->id, &m);
	t->kind = TOUCH_PROPERTY;
	t->zone = m.zone;
	member_fini(&m);
	if (err != OK)
		return ERR_NOTFOUND;
	r->property_seq = w->seq;
	r->property_catalog = w->catalog;
	r->property_id = t->id;
	return OK;
}

static enum err
read_side(struct reader *r, const struct work *w, bool add)
{
	const uint8_t *data = add ? w->add : w->del;
	size_t size = add ? w->add_size : w->del_size;
	size_t *pos = add ? &r->cursor->add_pos : &r->cursor->del_pos;
	struct work_rr rr;
	struct touch t;
	for (size_t next = *pos; work_rr_next(data, size, &next, &rr); *pos = next) {
		if (touch_of(r, w, &rr, add, &t) != OK)
			continue;
		if (t.kind == TOUCH_DEL)
			t.heir = heir_of(r->txn, data, size, next, &t.id);
		enum err err = r->fn(r->arg, &t);
		if (err != OK) {
			r->property_seq = 0;
			return err;
		}
	}
	return OK;
}

static enum err
read_entry(void *arg, const struct work *w)
{
	struct reader *r = arg;
	struct plan_cursor *c = r->cursor;
	enum err err = OK;
	if (w->kind == WORK_RESYNC) {
		struct touch t = {.kind = TOUCH_RESYNC, .seq = w->seq, .time = w->time};
		err = r->fn(r->arg, &t);
	} else if ((w->kind == WORK_MEMBER || w->kind == WORK_RELEASE) &&
		   r->catalogs[w->catalog]) {
		if (!c->adds)
			err = read_side(r, w, false);
		if (err == OK) {
			c->adds = true;
			err = read_side(r, w, true);
		}
	}
	if (err == OK)
		*c = (struct plan_cursor){.seq = w->seq};
	return err;
}

enum err
plan_read(struct store_txn *txn, struct plan_cursor *cursor,
    const bool catalogs[static 256], size_t max, plan_fn *fn, void *arg)
{
	struct reader r = {.txn = txn,
	    .cursor = cursor,
	    .catalogs = catalogs,
	    .fn = fn,
	    .arg = arg};
	return worklog_each(txn, cursor->seq, max, read_entry, &r);
}
