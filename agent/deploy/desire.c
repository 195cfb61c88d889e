/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/desire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/deploy/engine.h"
#include "agent/guard/guard.h"
#include "agent/store/catalogs.h"
#include "agent/store/members.h"
#include "lib/rr.h"

/* The catalog that the member's coo property names, if it is one of ours. */
static const struct deploy_catalog *
successor(struct engine *e, struct store_txn *txn, const struct member *m)
{
	static const uint8_t coo[] = "\3coo";
	for (size_t i = 0; i < m->n_rrs; i++) {
		const struct member_rr *rr = &m->rrs[i];
		struct dname name;
		if (rr->type != RR_PTR || rr->prefix_size != sizeof(coo) - 1 ||
		    memcmp(rr->prefix, coo, sizeof(coo) - 1) != 0 ||
		    dname_from_wire(rr->rdata, rr->rdata_size, &name) != OK)
			continue;
		for (size_t j = 0; j < e->conf->n_catalogs; j++) {
			struct catalog_head head;
			uint8_t nr = e->conf->catalogs[j].nr;
			if (catalogs_get(txn, nr, &head) == OK &&
			    dname_equal(&head.name, &name))
				return &e->conf->catalogs[j];
		}
	}
	return NULL;
}

/* As the guard shows it to the backends. */
static bool
member_of(struct store_txn *txn, uint8_t catalog, const struct dname *zone,
    struct member *m, bool *held)
{
	struct label id;
	struct hold h;
	*held = guard_member(txn, catalog, zone, &h, m) == OK;
	return *held || (members_find_zone(txn, catalog, zone, &id) == OK &&
			    members_get(txn, catalog, &id, m) == OK);
}

/* Of the catalog that has it, and m its member there: the last of those that it was
 * handed on to. Where they go round in a circle, it stays. */
static const struct deploy_catalog *
last_heir(struct engine *e, struct store_txn *txn, const struct dname *zone,
    const struct deploy_catalog *owner, struct member *m, bool *held)
{
	const struct deploy_catalog *c = owner, *next;
	for (size_t i = 0; i < e->conf->n_catalogs; i++) {
		next = successor(e, txn, m);
		if (next == NULL || next == c ||
		    !member_of(txn, next->nr, zone, m, held))
			return member_of(txn, c->nr, zone, m, held) ? c : NULL;
		c = next;
	}
	return member_of(txn, owner->nr, zone, m, held) ? owner : NULL;
}

static const struct deploy_catalog *
find_member(struct engine *e, struct store_txn *txn, const struct dname *zone,
    uint8_t owner, struct member *m, struct desire *d)
{
	const struct deploy_catalog *c = owner != 0 ? engine_catalog(e, owner) : NULL;
	if (c != NULL && member_of(txn, c->nr, zone, m, &d->held))
		return last_heir(e, txn, zone, c, m, &d->held);
	d->left = c != NULL;
	for (size_t i = 0; i < e->conf->n_catalogs; i++) {
		c = &e->conf->catalogs[i];
		if (c->nr != owner && member_of(txn, c->nr, zone, m, &d->held))
			return c;
	}
	return NULL;
}

static bool
accepted(const struct deploy_catalog *c, const struct dname *zone)
{
	for (size_t i = 0; i < c->n_accept_zones; i++) {
		if (dname_is_at_or_below(zone, &c->accept_zones[i]))
			return true;
	}
	return c->n_accept_zones == 0;
}

/* Whoever names a zone so that its file is one that others share would have it
 * written, and removed. */
static bool
takes_shared_file(struct engine *e, const struct settings *s, const struct dname *zone,
    char *error, size_t error_size)
{
	if (!settings_file_is_own(s->zonefile))
		return false;
	char *path = settings_zonefile(s, zone);
	const struct pattern *p = pattern_sharing(e->patterns, path);
	if (p != NULL)
		snprintf(error, error_size,
		    "its zone file would be %.80s, which zones of pattern %s share",
		    path, pattern_name(p));
	free(path);
	return p != NULL;
}

static void
find_settings(struct engine *e, const struct deploy_catalog *c, const struct member *m,
    struct desire *d)
{
	const struct pattern *p = NULL;
	const char *fallback =
	    c->default_pattern[0] != '\0' ? c->default_pattern : NULL;
	if (!accepted(c, &m->zone)) {
		snprintf(d->error, sizeof(d->error), "not in accept-zones");
		return;
	}
	if (pattern_of_member(e->patterns, m, fallback, &p, d->error,
		sizeof(d->error)) != OK)
		return;
	snprintf(d->pattern, sizeof(d->pattern), "%s", pattern_name(p));
	struct settings *s = NULL;
	if (pattern_settings(e->patterns, p, m, &s, d->error, sizeof(d->error)) != OK)
		return;
	if (takes_shared_file(e, s, &m->zone, d->error, sizeof(d->error))) {
		settings_unref(s);
		return;
	}
	d->error[0] = '\0';
	d->settings = s;
}

void
desire_read(struct engine *e, struct store_txn *txn, const struct dname *zone,
    uint8_t owner, struct desire *d)
{
	struct member m;
	*d = (struct desire){0};
	member_init(&m);
	const struct deploy_catalog *c = find_member(e, txn, zone, owner, &m, d);
	if (c != NULL) {
		d->found = true;
		d->catalog = c->nr;
		d->id = m.id;
		d->seq = m.seq;
		d->changed = m.changed;
		find_settings(e, c, &m, d);
	}
	member_fini(&m);
}

void
desire_fini(struct desire *d)
{
	settings_unref(d->settings);
	d->settings = NULL;
}

bool
desire_may_miss(struct engine *e, struct store_txn *txn, uint8_t catalog)
{
	struct catalog_head head;
	struct catalog_upstream up = {.loaded = true};
	if (engine_catalog(e, catalog) == NULL ||
	    catalogs_get(txn, catalog, &head) != OK)
		return false;
	/* One that is followed and was never fetched says nothing about any zone. */
	enum err err = catalogs_get_upstream(txn, catalog, &up);
	return (err == OK && up.loaded) || err == ERR_NOTFOUND;
}
