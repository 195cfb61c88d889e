/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/snapshot.h"

#include <time.h>

#include "agent/catalog/catalog.h"
#include "agent/store/past.h"
#include "agent/store/status.h"
#include "agent/store/worklog.h"

uint32_t
snapshot_as_serial(uint64_t n)
{
	uint32_t serial = (uint32_t)n;
	return serial != 0 ? serial : UINT32_MAX;
}

/* Whatever a record of _status.C is made of makes one of the three grow. */
static enum err
find_status_serial(struct snapshot *s)
{
	uint64_t version;
	enum err err = status_version(s->status, &version);
	if (err == OK)
		err = past_number(s->status, &s->status_past);
	if (err == OK)
		err = past_number(s->txn, &s->catalog_past);
	if (err == OK)
		s->serial = snapshot_as_serial(version + s->log_last + s->catalog_past);
	return err;
}

static enum err
find_serial(struct snapshot *s)
{
	enum err err = OK;
	switch (s->zone->kind) {
	case ZONE_CATALOG: s->serial = s->head.soa.serial; break;
	case ZONE_STATUS:
		err = catalog_guard_facts(s->txn, &s->head, &s->zone->catalog->limit,
		    (uint64_t)time(NULL), &s->guard);
		if (err == OK)
			err = find_status_serial(s);
		break;
	case ZONE_COMMAND:
	case ZONE_LOG: s->serial = snapshot_as_serial(s->log_last); break;
	}
	return err;
}

enum err
snapshot_status_serial(struct store *store, uint32_t *serial)
{
	struct snapshot s = {.status = store_read(store, STORE_STATUS),
	    .txn = store_read(store, STORE_CATALOG)};
	enum err err = worklog_range(s.txn, &s.log_first, &s.log_last);
	if (err == OK)
		err = find_status_serial(&s);
	if (err == OK)
		*serial = s.serial;
	snapshot_close(&s);
	return err;
}

enum err
snapshot_open(struct store *store, const struct view *view,
    const struct view_zone *zone, struct snapshot *s)
{
	*s = (struct snapshot){.view = view, .zone = zone};
	/* The status first: it may lag behind the catalog, which looks like
	 * pending, but never be ahead of it. */
	if (zone->kind == ZONE_STATUS)
		s->status = store_read(store, STORE_STATUS);
	s->txn = store_read(store, STORE_CATALOG);
	enum err err = catalogs_get(s->txn, zone->catalog->nr, &s->head);
	if (err == OK)
		err = worklog_range(s->txn, &s->log_first, &s->log_last);
	if (err == OK)
		err = find_serial(s);
	if (err == OK)
		return OK;
	snapshot_close(s);
	return err == ERR_NOTFOUND ? ERR_CORRUPT : err;
}

void
snapshot_close(struct snapshot *s)
{
	store_end(&s->txn);
	store_end(&s->status);
}

void
snapshot_soa(const struct snapshot *s, struct buf *rdata, struct rr *rr)
{
	struct catalog_head head = s->head;
	buf_reset(rdata);
	head.name = s->zone->name;
	head.soa.serial = s->serial;
	catalog_soa_rr(&head, rdata, rr);
}

void
snapshot_ns(const struct snapshot *s, struct rr *rr)
{
	static const uint8_t invalid[] = {7, 'i', 'n', 'v', 'a', 'l', 'i', 'd', 0};
	*rr = (struct rr){.owner = s->zone->name,
	    .type = RR_NS,
	    .class = CLASS_IN,
	    .rdata_size = sizeof(invalid),
	    .rdata = invalid};
}
