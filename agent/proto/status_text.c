/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/status_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/proto/status_zone.h"
#include "agent/store/tally.h"

static void
put_id(struct buf *rdata, const char *key, const struct label *id)
{
	struct dname name;
	char text[DNAME_TEXT_MAX];
	if (dname_prepend(id, &dname_root, &name) == OK)
		txt_printf(rdata, "%s=%s", key, dname_print_short(&name, text));
}

/* Where the owner does not say it. A name may be longer than a character-string. */
static void
put_name(struct buf *rdata, const struct dname *zone)
{
	enum { PIECE = 250 };
	char text[DNAME_TEXT_MAX];
	dname_print_short(zone, text);
	for (size_t at = 0; text[at] != '\0'; at += strnlen(text + at, PIECE))
		txt_printf(rdata, "zone=%.*s", PIECE, text + at);
}

/* -- zones ------------------------------------------------------------------ */

void
status_member_set(struct status_member *out, const struct member *m,
    const struct proto_catalog *catalog)
{
	out->id = m->id;
	out->zone = m->zone;
	out->seq = m->seq;
	out->changed = m->changed;
	memcpy(out->by, m->by, sizeof(out->by));
	if (!member_group(m, 0, out->pattern))
		snprintf(out->pattern, sizeof(out->pattern), "%s",
		    catalog->default_pattern);
	out->is_held = false;
}

void
status_member_hold(struct status_member *out, const struct hold *h,
    const struct label *new_id)
{
	out->is_held = true;
	out->hold = *h;
	out->new_id.size = 0;
	if (new_id)
		out->new_id = *new_id;
	memcpy(out->by, h->by, sizeof(out->by));
}

/* The member has changed, or is new, since that state was entered. */
static bool
is_pending(const struct status_member *m, const struct zone_status *z)
{
	return !z || !label_equal(&z->id, &m->id) || z->seq < m->seq;
}

/* Without a member all states but these are on the way out. */
static enum zone_state
state_without_member(const struct zone_status *z)
{
	return z->state == ZONE_HELD || z->state == ZONE_FAILED ||
		       z->state == ZONE_CONFLICT
		   ? z->state
		   : ZONE_REMOVING;
}

/* It is there as ever, and that is the point. */
static bool
shows_held(const struct status_member *m, enum zone_state state)
{
	return m && m->is_held &&
	       (state == ZONE_APPLIED || state == ZONE_SERVING ||
		   state == ZONE_REMOVING);
}

/*
 * Why it is pending, where the catalog has an apply-delay, and until when. Of a
 * removal the time is not on record with the zone: as long as it is served nothing
 * was done about it.
 */
static void
put_waiting(struct buf *rdata, unsigned delay_s, const struct status_member *m,
    const struct zone_status *z, enum zone_state state)
{
	bool leaves = !m && state == ZONE_REMOVING && z->state != ZONE_REMOVING;
	if (delay_s == 0 || (state != ZONE_PENDING && !leaves))
		return;
	txt_printf(rdata, "waiting=apply-delay");
	if (m)
		txt_printf(rdata, "until=%" PRIu64, m->changed + delay_s);
}

static void
put_zone(struct buf *rdata, const char *backend, unsigned delay_s,
    const struct status_member *m, const struct zone_status *z)
{
	bool pending = m && is_pending(m, z);
	bool same = z && (!m || label_equal(&z->id, &m->id));
	enum zone_state state = ZONE_PENDING;
	if (!pending && z)
		state = m ? z->state : state_without_member(z);
	const char *pattern = m ? m->pattern : "";
	if (!pending && z && z->pattern[0])
		pattern = z->pattern;

	uint64_t since = pending ? m->changed : z->since;
	if (shows_held(m, state)) {
		state = ZONE_HELD;
		since = m->hold.time;
	}
	txt_printf(rdata, "backend=%s", backend);
	txt_printf(rdata, "state=%s", zone_state_str(state));
	if (m && m->is_held) {
		txt_printf(rdata, "held=%s", hold_kind_str(m->hold.kind));
		txt_printf(rdata, "step=%" PRIu64, m->hold.step);
	} else if (!m && state == ZONE_HELD) {
		txt_printf(rdata, "held=%s", hold_kind_str(HOLD_STRAY));
	}
	if (same && z->has_serial)
		txt_printf(rdata, "serial=%" PRIu32, z->serial);
	if (same && z->seen != 0)
		txt_printf(rdata, "seen=%" PRIu64, z->seen);
	if (pattern[0])
		txt_printf(rdata, "pattern=%s", pattern);
	put_id(rdata, "id", m ? &m->id : &z->id);
	if (m && m->is_held && m->new_id.size > 0)
		put_id(rdata, "new-id", &m->new_id);
	if (m && m->by[0])
		txt_printf(rdata, "by=%s", m->by);
	txt_printf(rdata, "since=%" PRIu64, since);
	if (same && z->command[0])
		txt_printf(rdata, "last-command=%s", z->command);
	if (!pending && z->error[0])
		txt_printf(rdata, "error=%s", z->error);
	put_waiting(rdata, delay_s, m, z, state);
}

enum err
status_text_zone(const struct snapshot *s, const struct dname *zone,
    const struct status_member *m, const struct proto_backend *backend,
    struct buf *rdata)
{
	struct zone_status z;
	enum err err = ERR_NOTFOUND;
	unsigned delay_s = backend ? s->zone->catalog->apply_delay_s : 0;

	buf_reset(rdata);
	if (backend)
		err = status_get(s->status, s->head.nr, zone, backend->nr, &z);
	if (err == ERR_NOTFOUND && m)
		put_zone(rdata, backend ? backend->name : "-", delay_s, m, NULL);
	else if (err == OK)
		put_zone(rdata, backend->name, delay_s, m, &z);
	else
		return err;
	if (!status_zone_fits(&s->zone->name, zone))
		put_name(rdata, zone);
	return rdata->err;
}

/* -- backends --------------------------------------------------------------- */

static void
put_count(struct buf *rdata, const struct tally *t, enum zone_state state)
{
	if (t->counts.by_state[state] > 0)
		txt_printf(rdata, "%s=%" PRIu64, zone_state_str(state),
		    t->counts.by_state[state]);
}

enum err
status_text_backend(const struct snapshot *s, const struct proto_backend *backend,
    struct buf *rdata)
{
	const struct tally_from from = {.status = s->status,
	    .catalog = s->txn,
	    .head = &s->head,
	    .guard = &s->guard,
	    .log_last = s->log_last};
	struct tally t;

	buf_reset(rdata);
	enum err err = tally_take(&from, backend->nr, &t);
	if (err != OK)
		return err;
	txt_printf(rdata, "driver=%s", backend->driver);
	txt_printf(rdata, "server=%s", t.status.server);
	txt_printf(rdata, "state=%s", t.status.state);
	if (t.has_applied)
		txt_printf(rdata, "applied=%" PRIu32, t.applied);
	txt_printf(rdata, "serving=%" PRIu64, t.counts.by_state[ZONE_SERVING]);
	txt_printf(rdata, "pending=%" PRIu64, t.pending);
	txt_printf(rdata, "failed=%" PRIu64, t.counts.by_state[ZONE_FAILED]);
	put_count(rdata, &t, ZONE_CONFLICT);
	put_count(rdata, &t, ZONE_UNASSIGNED);
	put_count(rdata, &t, ZONE_HELD);
	put_count(rdata, &t, ZONE_REMOVING);
	txt_printf(rdata, "queue=%" PRIu64, t.queue);
	if (t.status.command[0])
		txt_printf(rdata, "last-command=%s", t.status.command);
	if (t.status.error[0])
		txt_printf(rdata, "error=%s", t.status.error);
	return rdata->err;
}

/* -- patterns and the agent ------------------------------------------------- */

enum err
status_text_pattern(const struct snapshot *s, const struct pattern_status *p,
    struct buf *rdata)
{
	uint64_t most = 0;
	const struct proto_backend *b;

	buf_reset(rdata);
	/* A zone on two backends is one zone. */
	for (size_t i = 0; (b = view_backend(s->view, s->head.nr, i)); i++) {
		uint64_t n;
		enum err err = status_count_pattern(s->status, b->nr, p->name, &n);
		if (err != OK)
			return err;
		if (n > most)
			most = n;
	}
	txt_printf(rdata, "hash=%s", p->hash);
	txt_printf(rdata, "zones=%" PRIu64, most);
	txt_printf(rdata, "usable=%s", p->usable);
	for (const char *at = p->service; *at != '\0';) {
		size_t n = strcspn(at, "\n");
		txt_printf(rdata, "%.*s", (int)(n > 255 ? 255 : n), at);
		at += n + (at[n] == '\n');
	}
	if (p->error[0])
		txt_printf(rdata, "error=%s", p->error);
	return rdata->err;
}

/* The agent's verdict, as it is in its file; of all catalogs. */
static enum err
put_health(const struct snapshot *s, struct buf *rdata)
{
	struct health_status h = {.state = "unknown"};
	enum err err = status_get_health(s->status, &h);

	if (err != OK && err != ERR_NOTFOUND)
		return err;
	txt_printf(rdata, "health=%s", h.state);
	if (h.since != 0)
		txt_printf(rdata, "health-since=%" PRIu64, h.since);
	if (h.reason[0])
		txt_printf(rdata, "health-reason=%s", h.reason);
	return OK;
}

static void
put_guard(struct buf *rdata, const struct guard_facts *g)
{
	txt_printf(rdata, "guard=%s", g->holding ? "holding" : "open");
	if (g->holding)
		txt_printf(rdata, "guard-since=%" PRIu64, g->since);
	if (g->n_held > 0)
		txt_printf(rdata, "held=%" PRIu64, g->n_held);
	if (g->off) {
		txt_printf(rdata, "guard-limit=off");
		return;
	}
	txt_printf(rdata, "guard-used=%" PRIu64, g->used);
	txt_printf(rdata, "guard-limit=%" PRIu64, g->limit);
	txt_printf(rdata, "guard-window=%u", g->window_s);
}

static enum err
put_upstream(const struct snapshot *s, struct buf *rdata)
{
	struct upstream_status u = {.state = "none"};

	if (s->zone->catalog->primary) {
		txt_printf(rdata, "catalog=valid");
		return OK;
	}
	enum err err = status_get_upstream(s->status, s->head.nr, &u);
	if (err != OK && err != ERR_NOTFOUND)
		return err;
	txt_printf(rdata, "catalog=%s", u.state);
	if (u.primary[0])
		txt_printf(rdata, "primary=%s", u.primary);
	if (u.refreshed != 0)
		txt_printf(rdata, "refreshed=%" PRIu64, u.refreshed);
	if (u.error[0])
		txt_printf(rdata, "error=%s", u.error);
	return OK;
}

enum err
status_text_agent(const struct snapshot *s, struct buf *rdata)
{
	buf_reset(rdata);
	txt_printf(rdata, "agent=%s", s->view->conf.agent);
	txt_printf(rdata, "version=%s", s->view->conf.version);
	txt_printf(rdata, "catalog-serial=%" PRIu32, s->head.soa.serial);
	txt_printf(rdata, "role=%s",
	    s->zone->catalog->primary ? "primary" : "follower");
	enum err err = put_upstream(s, rdata);
	if (err != OK)
		return err;
	put_guard(rdata, &s->guard);
	err = put_health(s, rdata);
	return err == OK ? rdata->err : err;
}
