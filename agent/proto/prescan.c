/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/prescan.h"

static unsigned
scan_prereq(const struct rr *rr, const struct dname *zone)
{
	if (rr->ttl != 0)
		return RCODE_FORMERR;
	if (!dname_is_at_or_below(&rr->owner, zone))
		return RCODE_NOTZONE;
	switch (rr->class) {
	case CLASS_ANY:
	case CLASS_NONE:
		if (rr->rdata_size != 0)
			return RCODE_FORMERR;
		return rr->type != RR_ANY && rr_type_is_meta(rr->type) ? RCODE_FORMERR
								       : RCODE_NOERROR;
	case CLASS_IN: return rr_type_is_meta(rr->type) ? RCODE_FORMERR : RCODE_NOERROR;
	default: return RCODE_FORMERR;
	}
}

static unsigned
scan_update(const struct rr *rr, const struct dname *zone)
{
	if (!dname_is_at_or_below(&rr->owner, zone))
		return RCODE_NOTZONE;
	bool meta = rr_type_is_meta(rr->type);
	switch (rr->class) {
	case CLASS_IN: return meta ? RCODE_FORMERR : RCODE_NOERROR;
	case CLASS_ANY:
		if (rr->ttl != 0 || rr->rdata_size != 0)
			return RCODE_FORMERR;
		return meta && rr->type != RR_ANY ? RCODE_FORMERR : RCODE_NOERROR;
	case CLASS_NONE: return rr->ttl != 0 || meta ? RCODE_FORMERR : RCODE_NOERROR;
	default: return RCODE_FORMERR;
	}
}

typedef unsigned scan_fn(const struct rr *rr, const struct dname *zone);

static unsigned
scan(const struct rrlist *list, const struct dname *zone, scan_fn *fn, unsigned *rr)
{
	for (size_t i = 0; i < list->n; i++) {
		unsigned rcode = fn(&list->items[i], zone);
		if (rcode != RCODE_NOERROR) {
			*rr = (unsigned)i + 1;
			return rcode;
		}
	}
	return RCODE_NOERROR;
}

unsigned
prescan_prereqs(const struct rrlist *list, const struct dname *zone, unsigned *rr)
{
	return scan(list, zone, scan_prereq, rr);
}

unsigned
prescan_updates(const struct rrlist *list, const struct dname *zone, unsigned *rr)
{
	return scan(list, zone, scan_update, rr);
}
