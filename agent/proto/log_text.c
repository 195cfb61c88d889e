/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/log_text.h"

#include <inttypes.h>
#include <string.h>

#include "agent/store/verb.h"
#include "lib/catz.h"
#include "lib/rr.h"

/* -- nodes ------------------------------------------------------------------ */

/*
 * Both lists of an entry are in order of node, so one pass over both meets the
 * records of a node together.
 */
struct node {
	bool is_member;
	struct dname owner; /* relative to C: <id>.zones, or the owner itself */
};

static bool
node_of(const struct work_rr *rr, struct node *node)
{
	struct dname owner;
	struct catz_name name;
	unsigned strip = 0;

	if (dname_join(rr->prefix, rr->prefix_size, &dname_root, &owner) != OK)
		return false;
	catz_classify(&owner, &dname_root, &name);
	node->is_member = name.id.size > 0;
	for (size_t at = 0; node->is_member && at < name.prefix_size;
	     at += 1 + (size_t)name.prefix[at])
		strip++;
	dname_strip(&owner, strip, &node->owner);
	return true;
}

/* The order in which edits are written: other owners first, then ids, both as
 * octets. */
static int
compare_nodes(const struct node *a, const struct node *b)
{
	const uint8_t *x = a->owner.wire, *y = b->owner.wire;
	size_t nx = a->owner.size - 1u, ny = b->owner.size - 1u;
	if (a->is_member != b->is_member)
		return a->is_member ? 1 : -1;
	if (a->is_member) {
		nx = *x++;
		ny = *y++;
	}
	int order = memcmp(x, y, nx < ny ? nx : ny);
	return order != 0 ? order : (int)nx - (int)ny;
}

/* What is to be said about one node. */
struct facts {
	struct node node;
	bool had, has; /* a zone */
	struct dname was_zone, zone;
	char was[200], pattern[200];
	size_t del_from, add_from; /* where its records begin */
};

enum { DETAILS_MAX = 40, DETAIL_SIZE_MAX = 1000 };

static void
take_group(char *out, size_t size, const struct work_rr *rr)
{
	size_t pos = 0, at = strlen(out);
	const uint8_t *s;
	uint8_t n;
	while (txt_next(rr->rdata, rr->rdata_size, &pos, &s, &n)) {
		if (at > 0 && at + 1 < size)
			out[at++] = ' ';
		for (uint8_t i = 0; i < n && at + 1 < size; i++)
			out[at++] = s[i] > ' ' && s[i] < 0x7f ? (char)s[i] : '?';
	}
	out[at < size ? at : size - 1] = '\0';
}

static void
take_rr(const struct work_rr *rr, bool *zone_there, struct dname *zone, char *group,
    size_t group_size)
{
	struct dname owner;
	struct catz_name name;

	if (dname_join(rr->prefix, rr->prefix_size, &dname_root, &owner) != OK)
		return;
	catz_classify(&owner, &dname_root, &name);
	if (name.kind == CATZ_MEMBER && rr->type == RR_PTR)
		*zone_there = dname_from_wire(rr->rdata, rr->rdata_size, zone) == OK;
	else if (name.kind == CATZ_GROUP && rr->type == RR_TXT)
		take_group(group, group_size, rr);
}

/* The next record of a list without taking it. */
static bool
peek(const uint8_t *data, size_t size, size_t pos, size_t *next, struct work_rr *rr,
    struct node *node)
{
	*next = pos;
	return work_rr_next(data, size, next, rr) && node_of(rr, node);
}

/* All records of the lowest node not yet told. False: none are left. */
static bool
next_node(struct log_text *t, struct facts *f)
{
	const struct work *w = &t->work;
	struct work_rr rr;
	struct node del, add;
	size_t next;

	bool some_del = peek(w->del, w->del_size, t->del, &next, &rr, &del);
	bool some_add = peek(w->add, w->add_size, t->add, &next, &rr, &add);
	if (!some_del && !some_add)
		return false;
	bool del_first = some_del && (!some_add || compare_nodes(&del, &add) <= 0);
	f->node = del_first ? del : add;
	f->had = f->has = false;
	f->was[0] = f->pattern[0] = '\0';
	f->del_from = t->del;
	f->add_from = t->add;
	while (peek(w->del, w->del_size, t->del, &next, &rr, &del) &&
	       compare_nodes(&del, &f->node) == 0) {
		take_rr(&rr, &f->had, &f->was_zone, f->was, sizeof(f->was));
		t->del = next;
	}
	while (peek(w->add, w->add_size, t->add, &next, &rr, &add) &&
	       compare_nodes(&add, &f->node) == 0) {
		take_rr(&rr, &f->has, &f->zone, f->pattern, sizeof(f->pattern));
		t->add = next;
	}
	return true;
}

/* -- strings ---------------------------------------------------------------- */

/* "ADDRESS@PORT/tcp origin=NAME" are two strings. */
static void
put_source(struct buf *rdata, const char *source)
{
	size_t n = strcspn(source, " ");
	if (n > 0)
		txt_printf(rdata, "source=%.*s", (int)n, source);
	static const char key[] = " origin=";
	if (strncmp(source + n, key, sizeof(key) - 1) == 0)
		txt_printf(rdata, "origin=%s", source + n + sizeof(key) - 1);
}

static void
put_head(struct buf *rdata, const struct work *w, const char *op)
{
	buf_reset(rdata);
	txt_printf(rdata, "time=%" PRIu64, w->time);
	txt_printf(rdata, "op=%s", op);
	if (w->by[0])
		txt_printf(rdata, "key=%s", w->by);
	put_source(rdata, w->source);
	if (w->serial_to != 0)
		txt_printf(rdata, "serial=%" PRIu32, w->serial_to);
}

/* A string holds 255 octets: the rest of a long name goes into another. */
static void
put_long(struct buf *rdata, const char *key, const char *text)
{
	enum { PIECE = 200 };
	txt_printf(rdata, "%s=%.*s", key, PIECE, text);
	for (size_t n = strlen(text), at = PIECE; at < n; at += PIECE)
		txt_printf(rdata, "%s+=%.*s", key, PIECE, text + at);
}

static void
put_name(struct buf *rdata, const char *key, const struct dname *name)
{
	char text[DNAME_TEXT_MAX];
	put_long(rdata, key, dname_print_short(name, text));
}

static void
put_id(struct buf *rdata, const struct node *node)
{
	struct label label;
	struct dname id;
	if (dname_first_label(&node->owner, &label) == OK &&
	    dname_prepend(&label, &dname_root, &id) == OK)
		put_name(rdata, "id", &id);
}

/* The next line of the entry's text: a zone whose PTR did not change. */
static void
put_kept_zone(struct log_text *t, struct buf *rdata)
{
	char text[DNAME_TEXT_MAX];
	size_t n = strcspn(t->zones, "\n");
	if (n == 0 || n >= sizeof(text))
		return;
	memcpy(text, t->zones, n);
	text[n] = '\0';
	t->zones += n + (t->zones[n] == '\n');
	put_long(rdata, "zone", text);
}

/* What zone=, pattern= and was= already tell. */
static bool
is_told(const struct work_rr *rr)
{
	struct dname owner;
	struct catz_name name;

	if (dname_join(rr->prefix, rr->prefix_size, &dname_root, &owner) != OK)
		return true;
	catz_classify(&owner, &dname_root, &name);
	return (name.kind == CATZ_MEMBER && rr->type == RR_PTR) ||
	       (name.kind == CATZ_GROUP && rr->type == RR_TXT);
}

/* del=<owner below the node> TYPE RDATA */
static void
put_detail(struct buf *rdata, const char *key, const struct work_rr *w, bool is_member)
{
	struct buf text;
	struct dname owner;
	struct catz_name name;
	char owner_text[DNAME_TEXT_MAX], type[16];
	struct rr rr = {.type = w->type,
	    .class = CLASS_IN,
	    .rdata_size = w->rdata_size,
	    .rdata = w->rdata};

	buf_init(&text, 0);
	if (dname_join(w->prefix, w->prefix_size, &dname_root, &owner) == OK)
		catz_classify(&owner, &dname_root, &name);
	if (is_member &&
	    dname_join(name.prefix, name.prefix_size, &dname_root, &owner) == OK) {
		buf_puts(&text, dname_print_short(&owner, owner_text));
		buf_puts(&text, " ");
	}
	buf_puts(&text, rr_type_print(rr.type, type));
	buf_puts(&text, " ");
	rr_print_rdata(&rr, &text);
	if (text.err == OK && text.size > DETAIL_SIZE_MAX)
		text.data[DETAIL_SIZE_MAX] = '\0';
	if (text.err == OK)
		put_long(rdata, key, buf_text(&text));
	buf_fini(&text);
}

/* Records before and after, of which nothing else tells. */
static void
put_details(const struct log_text *t, const struct facts *f, struct buf *rdata)
{
	const struct work *w = &t->work;
	struct work_rr rr;
	unsigned n = 0;
	size_t pos = f->del_from;

	while (pos < t->del && work_rr_next(w->del, w->del_size, &pos, &rr))
		if (!is_told(&rr) && n++ < DETAILS_MAX)
			put_detail(rdata, "del", &rr, f->node.is_member);
	pos = f->add_from;
	while (pos < t->add && work_rr_next(w->add, w->add_size, &pos, &rr))
		if (!is_told(&rr) && n++ < DETAILS_MAX)
			put_detail(rdata, "add", &rr, f->node.is_member);
	if (n > DETAILS_MAX)
		txt_printf(rdata, "more=%u", n - DETAILS_MAX);
}

static void
put_member(struct log_text *t, const struct facts *f, struct buf *rdata)
{
	const char *op = f->has && !f->had ? "add" : !f->has && f->had ? "del" : "set";
	put_head(rdata, &t->work, op);
	if (f->has || f->had)
		put_name(rdata, "zone", f->has ? &f->zone : &f->was_zone);
	else
		put_kept_zone(t, rdata);
	put_id(rdata, &f->node);
	bool del = !f->has && f->had;
	if (del ? f->was[0] : f->pattern[0])
		txt_printf(rdata, "pattern=%s", del ? f->was : f->pattern);
	if (f->has && f->had && !dname_equal(&f->zone, &f->was_zone))
		put_name(rdata, "was-zone", &f->was_zone);
	if (!del && f->was[0])
		txt_printf(rdata, "was=%s", f->was);
	/* Backends do not see it yet. Of another id there are two lines. */
	if (t->work.held && f->had && (!f->has || !dname_equal(&f->zone, &f->was_zone)))
		txt_printf(rdata, "guard=held");
	put_details(t, f, rdata);
}

static void
put_owner(struct log_text *t, const struct facts *f, struct buf *rdata)
{
	struct dname name;
	put_head(rdata, &t->work, "set");
	if (dname_join(f->node.owner.wire, f->node.owner.size - 1u, t->apex, &name) ==
	    OK)
		put_name(rdata, "name", &name);
	put_details(t, f, rdata);
}

static void
put_verb(struct log_text *t, const struct verb *verb, struct buf *rdata)
{
	struct dname id;

	put_head(rdata, &t->work, verb_str(verb->kind));
	if (!verb->all) {
		put_name(rdata, "zone", &verb->zone);
		if (dname_prepend(&verb->id, &dname_root, &id) == OK)
			put_name(rdata, "id", &id);
	}
	if (verb->backend[0])
		txt_printf(rdata, "backend=%s", verb->backend);
}

/* A text of words, most of them key=value: each becomes a string. */
static void
put_words(struct buf *rdata, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, " \n");
		if (n > 0)
			txt_printf(rdata, "%.*s", (int)(n > 255 ? 255 : n), text);
		text += n + (text[n] != '\0');
	}
}

static const char *
single_op(enum work_kind kind)
{
	switch (kind) {
	case WORK_MEMBER: return "set";      /* the SOA alone */
	case WORK_COMMAND: return "command"; /* cannot be: verbs have their names */
	case WORK_RELEASE: return "release";
	case WORK_PATTERN: return "patterns";
	case WORK_RESYNC: return "reconcile";
	case WORK_REFUSED: return "refused";
	}
	return "unknown";
}

/* -- the records ------------------------------------------------------------ */

bool
log_text_concerns(const struct work *w, uint8_t catalog)
{
	return w->catalog == catalog || w->catalog == 0;
}

void
log_text_start(struct log_text *t, const struct work *w, const struct dname *apex)
{
	*t = (struct log_text){.apex = apex, .work = *w, .zones = w->text};
}

bool
log_text_next(struct log_text *t, struct buf *rdata)
{
	struct facts f;
	bool nodes = t->work.kind == WORK_MEMBER &&
		     (t->work.del_size > 0 || t->work.add_size > 0);
	if (nodes) {
		if (!next_node(t, &f))
			return false;
		if (f.node.is_member)
			put_member(t, &f, rdata);
		else
			put_owner(t, &f, rdata);
		return true;
	}
	if (t->work.kind == WORK_COMMAND) {
		struct verb verb;
		if (!verb_next(t->work.text, &t->verbs, &verb))
			return false;
		put_verb(t, &verb, rdata);
		return true;
	}
	if (t->done)
		return false;
	t->done = true;
	put_head(rdata, &t->work, single_op(t->work.kind));
	if (t->work.kind == WORK_MEMBER)
		put_name(rdata, "name", t->apex);
	else
		put_words(rdata, t->work.text);
	return true;
}
