/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "agent/catalog/catalog.h"
#include "agent/store/members.h"
#include "lib/catz.h"

/* The catalog by owner: which records a name has, and whether it exists. */

struct reading {
	struct store_txn *txn;
	const struct catalog_head *head;
	const struct dname *owner;
	uint16_t type;
	catalog_rr_fn *fn;
	void *arg;
	bool exists;
};

static enum err
emit(struct reading *r, uint16_t type, uint32_t ttl, const uint8_t *rdata,
    uint16_t rdata_size)
{
	r->exists = true;
	if (r->type != RR_ANY && r->type != type)
		return OK;
	struct rr rr = {.owner = *r->owner,
	    .type = type,
	    .class = CLASS_IN,
	    .ttl = ttl,
	    .rdata_size = rdata_size,
	    .rdata = rdata};
	return r->fn(r->arg, &rr);
}

static enum err
read_soa(struct reading *r)
{
	struct buf rdata;
	struct rr rr;

	buf_init(&rdata, 0);
	catalog_soa_rr(r->head, &rdata, &rr);
	enum err err = emit(r, RR_SOA, rr.ttl, rr.rdata, rr.rdata_size);
	buf_fini(&rdata);
	return err;
}

static bool
ends_in(const uint8_t *name, size_t name_size, const uint8_t *end, size_t end_size)
{
	size_t at = 0;
	while (at < name_size && name_size - at > end_size)
		at += 1 + (size_t)name[at];
	return name_size - at == end_size &&
	       (end_size == 0 || memcmp(name + at, end, end_size) == 0);
}

/* Is the next owner in canonical order below this one? */
struct below {
	const uint8_t *prefix;
	size_t prefix_size;
	bool found;
};

static enum err
look_below(void *arg, const uint8_t *prefix, size_t prefix_size, const uint8_t *data,
    size_t size)
{
	struct below *b = arg;
	(void)data;
	(void)size;
	b->found = ends_in(prefix, prefix_size, b->prefix, b->prefix_size);
	return OK;
}

static enum err
read_global(struct reading *r, const struct catz_name *name)
{
	const uint8_t *data;
	size_t size, pos = 0;
	struct global_rr g;
	struct below below = {.prefix = name->prefix, .prefix_size = name->prefix_size};
	enum err err = globals_get(r->txn, r->head->nr, name->prefix, name->prefix_size,
	    &data, &size);

	if (err != OK && err != ERR_NOTFOUND)
		return err;
	bool found = err == OK;
	err = OK;
	while (found && err == OK && globals_next(data, size, &pos, &g))
		err = emit(r, g.type, g.ttl, g.rdata, g.rdata_size);
	if (err != OK || r->exists)
		return err;
	err = globals_each(r->txn, r->head->nr, name->prefix, name->prefix_size, 1,
	    look_below, &below);
	r->exists = below.found;
	return err;
}

static enum err
read_member(struct reading *r, const struct catz_name *name)
{
	struct member m;
	member_init(&m);
	enum err err = members_get(r->txn, r->head->nr, &name->id, &m);
	if (err != OK)
		goto out;
	if (name->prefix_size == 0)
		err = emit(r, RR_PTR, m.ttl, m.zone.wire, m.zone.size);
	for (size_t i = 0; i < m.n_rrs && err == OK; i++) {
		const struct member_rr *rr = &m.rrs[i];
		if (rr->prefix_size == name->prefix_size &&
		    ends_in(rr->prefix, rr->prefix_size, name->prefix,
			name->prefix_size))
			err = emit(r, rr->type, rr->ttl, rr->rdata, rr->rdata_size);
		else if (ends_in(rr->prefix, rr->prefix_size, name->prefix,
			     name->prefix_size))
			r->exists = true;
	}
out:
	member_fini(&m);
	return err == ERR_NOTFOUND ? OK : err;
}

enum err
catalog_each_at(struct store_txn *txn, const struct catalog_head *head,
    const struct dname *owner, uint16_t type, catalog_rr_fn *fn, void *arg,
    bool *exists)
{
	struct catz_name name;
	struct reading r = {.txn = txn,
	    .head = head,
	    .owner = owner,
	    .type = type,
	    .fn = fn,
	    .arg = arg};
	enum err err = OK;

	catz_classify(owner, &head->name, &name);
	switch (name.kind) {
	case CATZ_OUTSIDE: break;
	case CATZ_MEMBER:
	case CATZ_GROUP:
	case CATZ_COO:
	case CATZ_MEMBER_EXT:
	case CATZ_MEMBER_OTHER: err = read_member(&r, &name); break;
	case CATZ_APEX:
		err = read_soa(&r);
		if (err == OK)
			err = read_global(&r, &name);
		break;
	case CATZ_ZONES:
		r.exists = head->n_members > 0;
		err = read_global(&r, &name);
		break;
	case CATZ_VERSION:
	case CATZ_EXT:
	case CATZ_OTHER: err = read_global(&r, &name); break;
	}
	if (err == OK)
		*exists = r.exists;
	return err;
}

enum err
catalog_each_of_member(struct store_txn *txn, const struct catalog_head *head,
    const struct dname *owner, catalog_rr_fn *fn, void *arg, bool *exists)
{
	struct dname name;
	struct reading r = {.owner = owner, .type = RR_ANY, .fn = fn, .arg = arg};
	struct catz_name node;
	struct member m;

	catz_classify(owner, &head->name, &node);
	member_init(&m);
	enum err err = members_get(txn, head->nr, &node.id, &m);
	if (err == OK)
		err = emit(&r, RR_PTR, m.ttl, m.zone.wire, m.zone.size);
	r.owner = &name;
	for (size_t i = 0; i < m.n_rrs && err == OK; i++) {
		const struct member_rr *rr = &m.rrs[i];
		err = dname_join(rr->prefix, rr->prefix_size, owner, &name);
		if (err == OK)
			err = emit(&r, rr->type, rr->ttl, rr->rdata, rr->rdata_size);
	}
	member_fini(&m);
	*exists = r.exists;
	return err == ERR_NOTFOUND ? OK : err;
}
