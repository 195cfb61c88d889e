/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/fleet_diff.h"
#include "ctl/say.h"
#include "lib/mem.h"

/* The comparison: spools side by side, zone by zone, and what is odd, by cause. */

static const char *const codes[N_WHYS] = {
    [WHY_NOT_COMPARED] = "not-compared",
    [WHY_CATALOG] = "catalog",
    [WHY_BEHIND] = "catalog-behind",
    [WHY_AHEAD] = "catalog-ahead",
    [WHY_GUARD] = "guard",
    [WHY_BACKEND_DOWN] = "backend-down",
    [WHY_MISSING] = "missing",
    [WHY_EXTRA] = "extra",
    [WHY_PATTERN_MISSING] = "pattern-missing",
    [WHY_UNASSIGNED] = "unassigned",
    [WHY_CONFLICT] = "conflict",
    [WHY_FAILED] = "failed",
    [WHY_PENDING] = "pending",
    [WHY_APPLIED] = "applied",
    [WHY_HELD] = "held",
    [WHY_REMOVING] = "removing",
    [WHY_SERIAL_OLDER] = "serial-older",
    [WHY_OTHER_ID] = "other-id",
    [WHY_OTHER_PATTERN] = "other-pattern",
    [WHY_UNKNOWN_STATE] = "unknown-state",
};

const char *
diff_why_code(enum diff_why why)
{
	return codes[why];
}

void
diff_end(struct diffing *d)
{
	free(d->causes);
	free(d->rows);
	free(d->row_sides);
	pool_fini(&d->pool);
}

/* -- causes ------------------------------------------------------------------- */

static bool
is_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool
is_cause(const struct cause *c, enum diff_why why, size_t peer, const char *backend,
    const char *pattern)
{
	return c->why == why && c->peer == peer && is_same(c->backend, backend) &&
	       is_same(c->pattern, pattern);
}

static const char *
keep(struct diffing *d, const char *text)
{
	return text && *text ? pool_strdup(&d->pool, text) : NULL;
}

/* Found where it was before, or moved there: zones with like names are alike. */
static struct cause *
find_cause(struct diffing *d, enum diff_why why, size_t peer, const char *backend,
    const char *pattern)
{
	size_t i = d->n_causes;
	while (i > 0 && !is_cause(&d->causes[i - 1], why, peer, backend, pattern))
		i--;
	if (i == 0)
		return NULL;
	struct cause found = d->causes[i - 1];
	d->causes[i - 1] = d->causes[d->n_causes - 1];
	d->causes[d->n_causes - 1] = found;
	return &d->causes[d->n_causes - 1];
}

static struct cause *
cause_of(struct diffing *d, enum diff_why why, size_t peer, const char *backend,
    const char *pattern)
{
	backend = backend && *backend ? backend : NULL;
	pattern = pattern && *pattern ? pattern : NULL;
	struct cause *found = find_cause(d, why, peer, backend, pattern);
	if (!found && d->sides[peer].n_causes >= CAUSES_OF_PEER) {
		backend = pattern = NULL;
		found = find_cause(d, why, peer, NULL, NULL);
	}
	if (found)
		return found;
	d->sides[peer].n_causes++;
	d->causes = mem_grow(d->causes, d->n_causes, &d->room, sizeof(*d->causes));
	struct cause *c = &d->causes[d->n_causes++];
	*c = (struct cause){.why = why,
	    .peer = peer,
	    .backend = keep(d, backend),
	    .pattern = keep(d, pattern)};
	return c;
}

/* The zone of the rows, at that peer. detail: of the first. */
static void
add_zone(struct diffing *d, struct cause *c, const struct spool_row *row,
    const char *detail)
{
	char text[DNAME_TEXT_MAX];
	struct dname zone;
	if (c->n_zones++ == 0)
		c->detail = keep(d, detail);
	if (c->n_examples == CAUSE_EXAMPLES ||
	    dname_from_key(row->key, row->key_size, &zone))
		return;
	c->examples[c->n_examples++] =
	    pool_strdup(&d->pool, dname_print_short(&zone, text));
}

/* -- one zone ------------------------------------------------------------------ */

/* What the rows of a zone are held against. */
struct norm {
	bool has_serial;
	uint32_t serial;               /* the newest that is served */
	const struct spool_row *model; /* of the hub, or else one that is served */
	bool is_member;                /* of the catalog, as far as is known */
};

static bool
is_going(const struct spool_row *r)
{
	return r->state == SPOOL_REMOVING || r->state == SPOOL_HELD;
}

static bool
is_behind(const struct diffing *d, size_t side)
{
	const struct view *v = d->sides[side].view;
	return d->has_serial && (!v->has_serial || serial_gt(d->serial, v->serial));
}

static bool
hub_is_in(const struct diffing *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->sides[i].is_hub && d->sides[i].is_in)
			return true;
	return false;
}

static void
find_norm(const struct diffing *d, struct norm *norm)
{
	const struct spool_row *served = NULL, *any = NULL;
	*norm = (struct norm){0};
	for (size_t i = 0; i < d->n_rows; i++) {
		const struct spool_row *r = &d->rows[i];
		bool hub = d->sides[d->row_sides[i]].is_hub;
		if (r->state == SPOOL_SERVING && r->has_serial &&
		    (!norm->has_serial || serial_gt(r->serial, norm->serial))) {
			norm->has_serial = true;
			norm->serial = r->serial;
		}
		if (hub && !is_going(r) && !norm->model)
			norm->model = r;
		if (r->state == SPOOL_SERVING && !served &&
		    !is_behind(d, d->row_sides[i]))
			served = r;
		if (!is_going(r) && !is_behind(d, d->row_sides[i]))
			any = r;
	}
	bool told = norm->model != NULL;
	if (!norm->model && !hub_is_in(d))
		norm->model = served ? served : any;
	norm->is_member = told || norm->model;
}

static bool
differs(const char *a, const char *b)
{
	return *a && *b && strcmp(a, b) != 0;
}

static enum diff_why
why_serving(const struct diffing *d, const struct spool_row *r, size_t side,
    const struct norm *norm)
{
	bool older =
	    norm->has_serial && r->has_serial && serial_gt(norm->serial, r->serial);
	if (older)
		return WHY_SERIAL_OLDER;
	if (!norm->model || is_behind(d, side))
		return N_WHYS;
	if (differs(r->id, norm->model->id))
		return WHY_OTHER_ID;
	if (differs(r->pattern, norm->model->pattern))
		return WHY_OTHER_PATTERN;
	return N_WHYS;
}

/* N_WHYS: there is nothing odd about it. */
static enum diff_why
why_of(const struct diffing *d, const struct spool_row *r, size_t side,
    const struct norm *norm)
{
	const struct view *v = d->sides[side].view;
	if (!norm->is_member && !is_going(r) && r->state != SPOOL_CONFLICT)
		return WHY_EXTRA;
	if (strcmp(r->backend, "-") == 0)
		return N_WHYS; /* it only hands the catalog on */
	switch (r->state) {
	case SPOOL_SERVING: return why_serving(d, r, side, norm);
	case SPOOL_PENDING: return WHY_PENDING;
	case SPOOL_APPLIED: return WHY_APPLIED;
	case SPOOL_FAILED: return WHY_FAILED;
	case SPOOL_CONFLICT: return WHY_CONFLICT;
	case SPOOL_UNASSIGNED:
		return *r->pattern && !view_pattern_find(v, r->pattern)
			   ? WHY_PATTERN_MISSING
			   : WHY_UNASSIGNED;
	case SPOOL_HELD: return WHY_HELD;
	case SPOOL_REMOVING: return WHY_REMOVING;
	case SPOOL_OTHER: break;
	}
	return WHY_UNKNOWN_STATE;
}

static void
judge_row(struct diffing *d, size_t i, const struct norm *norm)
{
	const struct spool_row *r = &d->rows[i];
	enum diff_why why = why_of(d, r, d->row_sides[i], norm);
	char detail[SPOOL_TEXT_MAX];

	if (why == N_WHYS)
		return;
	snprintf(detail, sizeof(detail), "%s", r->error);
	if (why == WHY_SERIAL_OLDER)
		snprintf(detail, sizeof(detail), "%u, and %u elsewhere",
		    (unsigned)r->serial, (unsigned)norm->serial);
	if (why == WHY_OTHER_PATTERN)
		snprintf(detail, sizeof(detail), "%.100s, and %.100s elsewhere",
		    r->pattern, norm->model->pattern);
	say_printable(detail);
	add_zone(d, cause_of(d, why, d->row_sides[i], r->backend, r->pattern), r,
	    detail);
}

static void
judge_zone(struct diffing *d)
{
	struct norm norm;
	find_norm(d, &norm);
	for (size_t i = 0; i < d->n_rows; i++)
		judge_row(d, i, &norm);
	if (!norm.is_member)
		return;
	for (size_t side = 0, i = 0; side < d->n; side++) {
		size_t first = i;
		while (i < d->n_rows && d->row_sides[i] == side)
			i++;
		if (i == first && d->sides[side].is_in)
			add_zone(d, cause_of(d, WHY_MISSING, side, NULL, NULL),
			    &d->rows[0], NULL);
	}
}

/* -- side by side --------------------------------------------------------------- */

static void
advance(struct diff_side *s)
{
	enum err e = spool_next(&s->spool, &s->next);
	s->at_end = e != OK;
	if (e == ERR_IO)
		s->is_in = false;
}

static const struct spool_row *
least(const struct diffing *d)
{
	const struct spool_row *best = NULL;
	for (size_t i = 0; i < d->n; i++) {
		const struct diff_side *s = &d->sides[i];
		if (!s->is_in || s->at_end)
			continue;
		if (!best || spool_compare_keys(s->next.key, s->next.key_size,
				 best->key, best->key_size) < 0)
			best = &s->next;
	}
	return best;
}

static void
take_row(struct diffing *d, size_t side)
{
	d->rows = mem_grow(d->rows, d->n_rows, &d->rows_room, sizeof(*d->rows));
	d->row_sides = mem_grow(d->row_sides, d->n_rows, &d->row_sides_room,
	    sizeof(*d->row_sides));
	d->rows[d->n_rows] = d->sides[side].next;
	d->row_sides[d->n_rows++] = side;
	advance(&d->sides[side]);
}

void
diff_merge(struct diffing *d)
{
	const struct spool_row *first;

	for (size_t i = 0; i < d->n; i++)
		if (d->sides[i].is_in)
			advance(&d->sides[i]);
	while ((first = least(d)) != NULL) {
		uint8_t key[DNAME_KEY_MAX];
		size_t size = first->key_size;
		memcpy(key, first->key, size);
		d->n_rows = 0;
		for (size_t i = 0; i < d->n; i++) {
			struct diff_side *s = &d->sides[i];
			while (s->is_in && !s->at_end &&
			       spool_compare_keys(s->next.key, s->next.key_size, key,
				   size) == 0)
				take_row(d, i);
		}
		judge_zone(d);
	}
}
