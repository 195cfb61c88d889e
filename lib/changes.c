/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/changes.h"

#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/mem.h"
#include "lib/observed.h"

/* In the order of struct change_facts. */
static const char *const keys[] = {"state", "serial", "id", "pattern", "since",
    "last-command", "error"};
enum { N_KEYS = sizeof(keys) / sizeof(*keys) };

/*
 * A zone on a backend. The facts are strings one after the other, each ended by
 * NUL and with a mark in front, "+" or "-" for not known; NULL: no record.
 */
struct seen {
	struct seen *next;    /* in the chain */
	struct seen *touched; /* the next of this transfer */
	bool is_touched;
	unsigned round; /* of the last transfer that had it */
	char *was;      /* as it was told last */
	char *is;       /* in this transfer, if it is touched */
	char *backend;  /* in key */
	char key[];     /* zone NUL backend NUL */
};

void
changes_init(struct changes *c, const struct dname *status)
{
	*c = (struct changes){.status = *status};
	c->last = &c->first;
}

static void
seen_free(struct seen *s)
{
	free(s->was);
	free(s->is);
	free(s);
}

void
changes_fini(struct changes *c)
{
	for (size_t i = 0; i < c->n_slots; i++)
		for (struct seen *s = c->slots[i], *next; s; s = next) {
			next = s->next;
			seen_free(s);
		}
	free(c->slots);
	c->slots = NULL;
	c->n_slots = c->n = 0;
	c->first = NULL;
	c->last = &c->first;
}

/* -- the table -------------------------------------------------------------- */

static size_t
hash(const char *zone, const char *backend)
{
	uint64_t h = UINT64_C(14695981039346656037);
	for (; *zone; zone++)
		h = (h ^ (unsigned char)*zone) * UINT64_C(1099511628211);
	for (; *backend; backend++)
		h = (h ^ (unsigned char)*backend) * UINT64_C(1099511628211);
	return (size_t)(h ^ h >> 32);
}

static void
grow(struct changes *c)
{
	size_t n = c->n_slots > 0 ? 2 * c->n_slots : 64;
	struct seen **slots = mem_zalloc(n * sizeof(struct seen *));
	for (size_t i = 0; i < c->n_slots; i++)
		for (struct seen *s = c->slots[i], *next; s; s = next) {
			struct seen **slot = &slots[hash(s->key, s->backend) & (n - 1)];
			next = s->next;
			s->next = *slot;
			*slot = s;
		}
	free(c->slots);
	c->slots = slots;
	c->n_slots = n;
}

static struct seen **
find(const struct changes *c, const char *zone, const char *backend)
{
	struct seen **slot = &c->slots[hash(zone, backend) & (c->n_slots - 1)];
	while (*slot && (strcmp((*slot)->key, zone) != 0 ||
			    strcmp((*slot)->backend, backend) != 0))
		slot = &(*slot)->next;
	return slot;
}

static struct seen *
find_or_add(struct changes *c, const char *zone, const char *backend)
{
	if (c->n >= c->n_slots)
		grow(c);
	struct seen **slot = find(c, zone, backend), *s = *slot;
	if (s)
		return s;
	size_t n_zone = strlen(zone) + 1, n_backend = strlen(backend) + 1;
	s = mem_zalloc(sizeof(*s) + n_zone + n_backend);
	memcpy(s->key, zone, n_zone);
	memcpy(s->key + n_zone, backend, n_backend);
	s->backend = s->key + n_zone;
	*slot = s;
	c->n++;
	return s;
}

static void
touch(struct changes *c, struct seen *s)
{
	if (s->is_touched)
		return;
	s->is_touched = true;
	s->touched = NULL;
	*c->last = s;
	c->last = &s->touched;
}

/* -- records ---------------------------------------------------------------- */

static char *
pack_facts(const struct rr *rr)
{
	char value[OBSERVED_VALUE_MAX];
	struct buf facts;

	buf_init(&facts, 0);
	for (size_t i = 0; i < N_KEYS; i++) {
		const char *text = observed_get(rr, keys[i], value);
		buf_puts(&facts, text ? "+" : "-");
		buf_puts(&facts, text ? text : "");
		buf_put_u8(&facts, 0);
	}
	char *copy = mem_dup(facts.data, facts.size);
	buf_fini(&facts);
	return copy;
}

static struct change_facts
unpack_facts(const char *packed)
{
	const char *texts[N_KEYS] = {NULL};
	for (size_t i = 0; packed && i < N_KEYS; i++) {
		if (*packed == '+')
			texts[i] = packed + 1;
		packed += strlen(packed) + 1;
	}
	return (struct change_facts){.state = texts[0],
	    .serial = texts[1],
	    .id = texts[2],
	    .pattern = texts[3],
	    .since = texts[4],
	    .last_command = texts[5],
	    .error = texts[6]};
}

static bool
is_wanted(const struct changes *c, const char *zone)
{
	struct dname name;
	if (c->n_zones == 0)
		return true;
	if (dname_parse(zone, &name))
		return false;
	for (size_t i = 0; i < c->n_zones; i++)
		if (dname_equal(&name, &c->zones[i]))
			return true;
	return false;
}

static void
take_zone(struct changes *c, const char *zone, const struct rr *rr)
{
	char backend[OBSERVED_VALUE_MAX];
	bool gone = c->xfr.state == XFR_DELETED;
	if (!observed_get(rr, "backend", backend) || !is_wanted(c, zone) ||
	    (c->backend && strcmp(c->backend, backend) != 0))
		return;
	if (c->overflowed)
		return;
	struct seen *s = find_or_add(c, zone, backend);
	if (c->full && c->keep_max > 0 && c->n > c->keep_max) {
		changes_fini(c);
		c->overflowed = c->forgetful = true;
		return;
	}
	if (c->forgetful && !c->full && gone && !s->is_touched)
		s->was = pack_facts(rr);
	free(s->is);
	s->is = gone ? NULL : pack_facts(rr);
	s->round = c->round;
	touch(c, s);
}

const uint32_t *
changes_begin(struct changes *c)
{
	const uint32_t *serial = c->has_serial ? &c->serial : NULL;
	xfr_init(&c->xfr, &c->status, serial);
	c->round++;
	c->full = c->overflowed = false;
	if (c->forgetful)
		changes_fini(c); /* of a transfer that broke off */
	return serial;
}

enum err
changes_take(void *arg, const struct rr *rr)
{
	struct changes *c = arg;
	enum observed_kind kind;
	struct dname name;
	char text[DNAME_TEXT_MAX];

	enum err e = xfr_step(&c->xfr, rr);
	c->full = c->full || c->xfr.state == XFR_FULL;
	if (e || rr->type != RR_TXT)
		return e;
	observed_classify(&rr->owner, &c->status, &kind, &name);
	if (kind == OBSERVED_ZONE)
		take_zone(c, dname_print_short(&name, text), rr);
	else if (kind == OBSERVED_ID && observed_zone(rr, text))
		take_zone(c, text, rr);
	return OK;
}

/* -- the end of a transfer -------------------------------------------------- */

static bool
same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* since= goes with the state, and with nothing else that anyone asked for. */
static bool
same_facts(const struct change_facts *a, const struct change_facts *b)
{
	return same_text(a->state, b->state) && same_text(a->serial, b->serial) &&
	       same_text(a->id, b->id) && same_text(a->pattern, b->pattern) &&
	       same_text(a->last_command, b->last_command) &&
	       same_text(a->error, b->error);
}

static void
tell(const struct seen *s, change_fn *fn, void *arg)
{
	struct zone_change change = {.zone = s->key,
	    .backend = s->backend,
	    .was = unpack_facts(s->was),
	    .is = unpack_facts(s->is)};
	if (!same_facts(&change.was, &change.is))
		fn(arg, &change);
}

/* All of it was told: what was not among it is gone. */
static void
touch_missing(struct changes *c)
{
	for (size_t i = 0; i < c->n_slots; i++)
		for (struct seen *s = c->slots[i]; s; s = s->next)
			if (s->round != c->round) {
				free(s->is);
				s->is = NULL;
				touch(c, s);
			}
}

static void
forget(struct changes *c, struct seen *s)
{
	struct seen **slot = find(c, s->key, s->backend);
	*slot = s->next;
	c->n--;
	seen_free(s);
}

void
changes_end(struct changes *c, change_fn *fn, void *arg)
{
	c->skipped = c->complete && c->full && c->forgetful;
	if (c->full)
		touch_missing(c);
	for (struct seen *s = c->first, *next; s; s = next) {
		next = s->touched;
		s->is_touched = false;
		if (c->complete && !c->skipped)
			tell(s, fn, arg);
		free(s->was);
		s->was = s->is;
		s->is = NULL;
		if (!s->was || (c->forgetful && !c->full))
			forget(c, s);
	}
	c->first = NULL;
	c->last = &c->first;
	if (c->full)
		c->forgetful = c->overflowed;
	if (c->keep_max > 0 && c->n > c->keep_max) {
		changes_fini(c);
		c->forgetful = true;
	}
	c->serial = c->xfr.serial;
	c->has_serial = c->complete = true;
}

void
changes_spoil(struct changes *c)
{
	if (c->xfr.state > XFR_SECOND)
		c->has_serial = false;
}
