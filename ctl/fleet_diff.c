/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/fleet_diff.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/output.h"
#include "ctl/say.h"
#include "lib/mem.h"

/* -- fetching ------------------------------------------------------------------- */

struct fetch {
	struct peer *peer;
	struct diff_side *side;
	const struct orders *orders; /* NULL: all zones */
	struct observed_reading reading;
};

static enum err
take(void *arg, enum observed_kind kind, const struct dname *name, const struct rr *rr)
{
	struct fetch *f = arg;
	struct session *s = &f->peer->s;
	struct dname zone;
	enum err e;

	if (kind != OBSERVED_ZONE && kind != OBSERVED_ID) {
		e = view_take(&f->peer->next, kind, name, rr);
		return e ? session_fail(s, e, "%s: too many backends or patterns",
			       s->server)
			 : OK;
	}
	if (observed_zone_of(kind, name, rr, &zone) ||
	    (f->orders && !orders_find(f->orders, &zone)))
		return OK;
	e = spool_put(&f->side->spool, &zone, rr);
	if (e == ERR_INVALID)
		return session_fail(s, e, "%s: its zones are not in order", s->server);
	if (e == ERR_RANGE)
		return session_fail(s, e, "%s: too many records for one zone",
		    s->server);
	return e ? session_fail(s, e, "temporary file: %s", mem_errno_text(errno)) : OK;
}

static enum err
begin(void *arg, struct session *s)
{
	struct fetch *f = arg;
	view_fini(&f->peer->next);
	if (spool_begin(&f->side->spool))
		return session_fail(s, ERR_IO, "temporary file: %s",
		    mem_errno_text(errno));
	f->reading =
	    (struct observed_reading){.status = &s->status, .fn = take, .arg = f};
	return session_transfer_begin(s, &s->status, observed_take, &f->reading);
}

static enum err
go_on(void *arg, struct session *s)
{
	(void)arg;
	return session_transfer_go_on(s);
}

static int64_t
end(void *arg, struct session *s, enum err e)
{
	struct fetch *f = arg;
	if (!e && !f->peer->next.answered)
		e = session_fail(s, ERR_NOTFOUND,
		    "%s: the agent says nothing about itself", s->server);
	if (!e && spool_rewind(&f->side->spool))
		e = session_fail(s, ERR_IO, "temporary file: %s",
		    mem_errno_text(errno));
	f->side->is_in = e == OK;
	f->peer->err = e;
	if (f->side->is_in) {
		view_fini(&f->peer->view);
		f->peer->view = f->peer->next;
		f->peer->next = (struct view){0};
		view_end(&f->peer->view);
	} else {
		view_fini(&f->peer->next);
		spool_fini(&f->side->spool);
	}
	return TALK_OVER;
}

/* From all that answered before. */
static void
fetch_all(struct fleet *f, struct diffing *d, const struct orders *orders)
{
	static const struct talk_ops ops = {begin, go_on, end};
	struct fetch *fetches = mem_zalloc((f->n + 1) * sizeof(*fetches));
	struct talk *talks = mem_zalloc((f->n + 1) * sizeof(*talks));
	const struct talk_plan plan = {.timeout_ms = fleet_timeout_ms(f),
	    .doing = "reading"};

	for (size_t i = 0; i < f->n; i++) {
		struct peer *p = &f->peers[i];
		fetches[i] = (struct fetch){p, &d->sides[i], orders, {0}};
		d->sides[i].view = &p->view;
		d->sides[i].is_hub = p->is_hub;
		talks[i] = (struct talk){.s = p->err ? NULL : &p->s,
		    .ops = &ops,
		    .arg = &fetches[i]};
	}
	talk_all(talks, f->n, &plan);
	free(talks);
	free(fetches);
}

/* -- agents ----------------------------------------------------------------------- */

PRINTF(4, 5)
static void
note(struct diffing *d, enum diff_why why, size_t peer, const char *fmt, ...)
{
	char text[VIEW_WHY_MAX];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	say_printable(text);
	d->causes = mem_grow(d->causes, d->n_causes, &d->room, sizeof(*d->causes));
	d->causes[d->n_causes++] = (struct cause){.why = why,
	    .peer = peer,
	    .detail = pool_strdup(&d->pool, text)};
}

static void
note_catalog(struct diffing *d, const struct fleet *f, size_t i)
{
	const struct view *v = &f->peers[i].view;
	bool valid = !v->catalog || strcmp(v->catalog, "valid") == 0;

	if (!valid)
		note(d, WHY_CATALOG, i, "its catalog is %s%s%s%s",
		    strcmp(v->catalog, "none") == 0 ? "not there yet" : v->catalog,
		    v->error ? ": " : "", v->error ? v->error : "",
		    strcmp(v->catalog, "broken") == 0 ? "; the last valid one stays"
						      : "");
	if (!f->has_serial || !v->has_serial)
		return;
	if (serial_gt(f->serial, v->serial))
		note(d, WHY_BEHIND, i,
		    "its catalog has serial %" PRIu32 ", %" PRIu32 " behind %s%s%s",
		    v->serial, f->serial - v->serial, f->serial_of->name,
		    valid && v->error ? ": " : "", valid && v->error ? v->error : "");
	else if (serial_gt(v->serial, f->serial))
		note(d, WHY_AHEAD, i,
		    "its catalog has serial %" PRIu32 ", newer than the %" PRIu32
		    " of %s%s%s",
		    v->serial, f->serial, f->serial_of->name,
		    valid && v->error ? ": " : "", valid && v->error ? v->error : "");
}

static void
note_agent(struct diffing *d, const struct fleet *f, size_t i)
{
	const struct peer *p = &f->peers[i];
	const struct view *v = &p->view;

	if (p->err) {
		note(d, WHY_NOT_COMPARED, i, "not compared: %s", p->s.error);
		return;
	}
	note_catalog(d, f, i);
	if (v->guard && strcmp(v->guard, "holding") == 0)
		note(d, WHY_GUARD, i, "its guard holds %" PRIu64 " zone%s", v->held,
		    v->held == 1 ? "" : "s");
	for (size_t j = 0; j < v->n_backends; j++) {
		const struct view_backend *b = &v->backends[j];
		if (b->state && strcmp(b->state, "up") != 0)
			note(d, WHY_BACKEND_DOWN, i, "%s is %s%s%s", b->name, b->state,
			    b->error ? ": " : "", b->error ? b->error : "");
	}
}

/* -- saying it --------------------------------------------------------------------- */

static const char *const texts[N_WHYS] = {
    [WHY_MISSING] = "not in its catalog",
    [WHY_EXTRA] = "in its catalog, and not in the hub's",
    [WHY_PATTERN_MISSING] = "unassigned",
    [WHY_UNASSIGNED] = "unassigned",
    [WHY_CONFLICT] = "in conflict",
    [WHY_FAILED] = "failed",
    [WHY_PENDING] = "pending",
    [WHY_APPLIED] = "applied, but not answered for yet,",
    [WHY_HELD] = "held by the guard",
    [WHY_REMOVING] = "on the way out",
    [WHY_SERIAL_OLDER] = "with an older serial",
    [WHY_OTHER_ID] = "with another id than elsewhere",
    [WHY_OTHER_PATTERN] = "with another pattern than elsewhere",
    [WHY_UNKNOWN_STATE] = "in a state that this nsherdctl does not know",
};

/* What can be said beside the error of the first zone. */
static void
put_reason(const struct fleet *f, const struct cause *c, struct buf *out)
{
	const struct view *v = &f->peers[c->peer].view;
	bool behind = v->has_serial && f->has_serial && serial_gt(f->serial, v->serial);

	if (c->why == WHY_PATTERN_MISSING)
		buf_printf(out, ": pattern %s is missing there", c->pattern);
	else if (c->detail)
		buf_printf(out, ": %s", c->detail);
	if ((c->why == WHY_MISSING || c->why == WHY_EXTRA) && behind)
		buf_puts(out, ": its catalog is behind");
}

/* A pattern may well be another on each machine; where zones that have it are not
 * served alike, that may be why. */
static void
put_hash(const struct fleet *f, const struct cause *c, struct buf *out)
{
	const struct view *v = &f->peers[c->peer].view;
	const struct view_pattern *mine =
	    c->pattern ? view_pattern_find(v, c->pattern) : NULL;

	for (size_t i = 0; mine && mine->hash && i < f->n; i++) {
		const struct peer *p = &f->peers[i];
		const struct view_pattern *other =
		    i == c->peer ? NULL : view_pattern_find(&p->view, c->pattern);
		if (!other || !other->hash || strcmp(other->hash, mine->hash) == 0)
			continue;
		buf_printf(out, "; its pattern %s is another (%s) than at %s (%s)",
		    c->pattern, mine->hash, p->name, other->hash);
		return;
	}
}

static void
put_text(const struct fleet *f, const struct cause *c, struct buf *out)
{
	if (c->n_zones == 0) {
		buf_puts(out, c->detail ? c->detail : "");
		return;
	}
	buf_printf(out, "%" PRIu64 " zone%s %s", c->n_zones, c->n_zones == 1 ? "" : "s",
	    texts[c->why]);
	if (c->backend && strcmp(c->backend, "-") != 0)
		buf_printf(out, " on %s", c->backend);
	put_reason(f, c, out);
	put_hash(f, c, out);
	for (size_t i = 0; i < c->n_examples; i++)
		buf_printf(out, "%s%s", i == 0 ? " (" : ", ", c->examples[i]);
	buf_puts(out, c->n_zones > c->n_examples ? ", ...)" : ")");
}

static void
print_cause(struct output *o, const struct fleet *f, const struct cause *c)
{
	struct cell_item items[CAUSE_EXAMPLES];
	struct buf text;

	for (size_t i = 0; i < c->n_examples; i++)
		items[i] = (struct cell_item){.value = c->examples[i],
		    .value_size = strlen(c->examples[i])};
	buf_init(&text, 0);
	put_text(f, c, &text);
	const struct cell row[] = {
	    cell_text(f->peers[c->peer].name),
	    cell_text(c->backend),
	    cell_text(diff_why_code(c->why)),
	    cell_text(c->pattern),
	    cell_number(c->n_zones),
	    cell_items(items, c->n_examples),
	    cell_text(buf_text(&text)),
	};
	output_row(o, row);
	buf_fini(&text);
}

static int
compare_causes(const void *a, const void *b)
{
	const struct cause *x = a, *y = b;
	if (x->peer != y->peer)
		return x->peer < y->peer ? -1 : 1;
	if (x->why != y->why)
		return x->why < y->why ? -1 : 1;
	int c = strcmp(x->backend ? x->backend : "", y->backend ? y->backend : "");
	return c ? c
		 : strcmp(x->pattern ? x->pattern : "", y->pattern ? y->pattern : "");
}

static void
print_causes(const struct fleet *f, struct diffing *d)
{
	static const struct column columns[] = {
	    {"agent", "AGENT", CELL_TEXT, false},
	    {"backend", NULL, CELL_TEXT, false},
	    {"why", NULL, CELL_TEXT, false},
	    {"pattern", NULL, CELL_TEXT, false},
	    {"count", NULL, CELL_NUMBER, false},
	    {"examples", NULL, CELL_LIST, false},
	    {"text", "DIFFERENCE", CELL_TEXT, false},
	};
	struct output *o = f->ctl->out;

	if (d->n_causes > 1)
		qsort(d->causes, d->n_causes, sizeof(*d->causes), compare_causes);
	output_table(o, "differences", columns, sizeof(columns) / sizeof(*columns));
	for (size_t i = 0; i < d->n_causes; i++)
		print_cause(o, f, &d->causes[i]);
	output_table_end(o);
	if (d->n_causes == 0)
		output_line(o, "no differences");
}

enum exit_status
fleet_diff(struct fleet *f, const struct orders *orders)
{
	struct diffing d = {.n = f->n,
	    .has_serial = f->has_serial,
	    .serial = f->serial};

	d.sides = mem_zalloc((f->n + 1) * sizeof(*d.sides));
	fetch_all(f, &d, orders);
	diff_merge(&d);
	for (size_t i = 0; i < f->n; i++) {
		struct peer *p = &f->peers[i];
		if (!p->err && !d.sides[i].is_in)
			p->err = session_fail(&p->s, ERR_IO,
			    "temporary file: cannot be read");
		note_agent(&d, f, i);
	}
	print_causes(f, &d);
	for (size_t i = 0; i < f->n; i++)
		spool_fini(&d.sides[i].spool);
	free(d.sides);
	diff_end(&d);
	return fleet_verdict(f);
}
