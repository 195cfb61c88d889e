/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/xfr.h"

void
xfr_init(struct xfr *xfr, const struct dname *zone, const uint32_t *serial)
{
	*xfr = (struct xfr){
	    .zone = *zone,
	    .state = XFR_FIRST,
	    .incremental = serial != NULL,
	    .have = serial != NULL ? *serial : 0,
	};
}

/* A difference begins: it must continue where the last one ended. */
static enum err
begin_difference(struct xfr *xfr, uint32_t serial)
{
	if (serial != xfr->have)
		return ERR_FORM;
	xfr->state = XFR_DELETED;
	return OK;
}

static enum err
step_soa(struct xfr *xfr, uint32_t serial)
{
	switch (xfr->state) {
	case XFR_FIRST:
		xfr->serial = serial;
		xfr->state = XFR_SECOND;
		return OK;
	case XFR_SECOND:
		if (xfr->incremental && serial != xfr->serial)
			return begin_difference(xfr, serial);
		break; /* a zone of nothing but its SOA */
	case XFR_FULL: break;
	case XFR_DELETED:
		xfr->have = serial;
		xfr->state = XFR_ADDED;
		return OK;
	case XFR_ADDED:
		if (serial == xfr->serial && xfr->have == serial)
			break;
		return begin_difference(xfr, serial);
	case XFR_DONE: return ERR_FORM;
	}
	if (serial != xfr->serial)
		return ERR_FORM;
	xfr->state = XFR_DONE;
	return OK;
}

enum err
xfr_step(struct xfr *xfr, const struct rr *rr)
{
	if (rr->class != CLASS_IN || rr_type_is_meta(rr->type) ||
	    !dname_is_at_or_below(&rr->owner, &xfr->zone))
		return ERR_FORM;
	if (rr->type == RR_SOA) {
		struct soa soa;
		if (!dname_equal(&rr->owner, &xfr->zone) ||
		    soa_read(rr->rdata, rr->rdata_size, &soa) != OK)
			return ERR_FORM;
		return step_soa(xfr, soa.serial);
	}
	if (xfr->state == XFR_FIRST || xfr->state == XFR_DONE)
		return ERR_FORM;
	if (xfr->state == XFR_SECOND)
		xfr->state = XFR_FULL;
	return OK;
}

bool
xfr_is_done(const struct xfr *xfr)
{
	if (xfr->state == XFR_DONE)
		return true;
	/* A lone SOA says that there is nothing newer (RFC 1995 section 2). */
	return xfr->state == XFR_SECOND && xfr->incremental &&
	       !serial_gt(xfr->serial, xfr->have);
}
