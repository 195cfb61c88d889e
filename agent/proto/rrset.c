/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/rrset.h"

#include <string.h>

/* Size of the owner, owner, type, size of RDATA, RDATA. */

void
rrset_put(struct buf *set, const struct rr *rr)
{
	buf_put_u8(set, rr->owner.size);
	buf_put(set, rr->owner.wire, rr->owner.size);
	buf_put_u16(set, rr->type);
	buf_put_u16(set, rr->rdata_size);
	buf_put(set, rr->rdata, rr->rdata_size);
}

bool
rrset_next(const struct buf *set, size_t *pos, struct rr *rr)
{
	struct wire_in in;

	if (*pos >= set->size)
		return false;
	wire_in_init(&in, set->data + *pos, set->size - *pos);
	size_t size = wire_get_u8(&in);
	const uint8_t *owner = wire_get_bytes(&in, size);
	*rr = (struct rr){.class = CLASS_IN};
	rr->type = wire_get_u16(&in);
	rr->rdata_size = wire_get_u16(&in);
	rr->rdata = wire_get_bytes(&in, rr->rdata_size);
	if (in.err != OK || dname_from_wire(owner, size, &rr->owner) != OK)
		return false;
	*pos += in.pos;
	return true;
}

static bool
has(const struct buf *set, const uint8_t *item, size_t size)
{
	struct rr rr;
	size_t pos = 0, at = 0;

	while (rrset_next(set, &pos, &rr)) {
		if (pos - at == size && memcmp(set->data + at, item, size) == 0)
			return true;
		at = pos;
	}
	return false;
}

bool
rrset_next_missing(const struct buf *set, const struct buf *other, size_t *pos,
    struct rr *rr)
{
	size_t at = *pos;

	while (rrset_next(set, pos, rr)) {
		if (!has(other, set->data + at, *pos - at))
			return true;
		at = *pos;
	}
	return false;
}
