/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/commit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/catz.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/order.h"
#include "lib/rr.h"

enum { CHUNK = 300, WINDOW = 16, COMMIT_MS = 600000, LATER_MAX = 100, LATER_MS = 100 };

/* What one message has. */
struct part {
	size_t from, n; /* of the changes */
};

struct commit {
	struct session *s;
	struct zone_edit **changes;
	size_t n;
	bool loose;
	struct fault *fault;
	struct part *parts;
	size_t n_parts, room, n_answered;
};

/* -- records -------------------------------------------------------------- */

static void
put(struct wire_out *out, enum msg_section section, const struct dname *owner,
    uint16_t class, const void *value, size_t size)
{
	struct buf rdata;
	const uint8_t *p = value;
	buf_init(&rdata, 0);
	while (p && size > 0) {
		size_t n = size > 255 ? 255 : size;
		buf_put_u8(&rdata, (uint8_t)n);
		buf_put(&rdata, p, n);
		p += n;
		size -= n;
	}
	const struct rr rr = {.owner = *owner,
	    .type = RR_TXT,
	    .class = class,
	    .rdata_size = (uint16_t)rdata.size,
	    .rdata = rdata.data};
	msg_put_rr(out, section, &rr);
	buf_fini(&rdata);
}

/* group.<node>, or <param>.nsherd.ext.<node>; what has no room is refused there. */
static struct dname
owner_of(const struct dname *node, const struct label *param)
{
	struct dname owner = *node;
	const struct label group = label_of("group"), ext = label_of("ext"),
			   nsherd = label_of("nsherd");
	const struct label *labels[3] = {&ext, &nsherd, param};
	if (!param) {
		if (dname_prepend(&group, node, &owner))
			owner = *node;
		return owner;
	}
	for (size_t i = 0; i < 3; i++)
		if (dname_prepend(labels[i], &owner, &owner))
			return *node;
	return owner;
}

static bool
same_groups(const struct props *a, const struct props *b)
{
	struct props x = {.has_groups = true, .groups = a->groups},
		     y = {.has_groups = true, .groups = b->groups};
	return props_equal(&x, &y);
}

static bool
same_params(const struct props *a, const struct props *b, const struct label *name)
{
	const struct props_param *p = a->params, *q = b->params;
	for (;;) {
		while (p && !label_equal(&p->name, name))
			p = p->next;
		while (q && !label_equal(&q->name, name))
			q = q->next;
		if (!p || !q)
			return !p && !q;
		if (p->size != q->size || memcmp(p->value, q->value, p->size) != 0)
			return false;
		p = p->next;
		q = q->next;
	}
}

/* The records that were there, as a prerequisite, or are to be. */
static void
put_groups(const struct zone_edit *z, const struct dname *node, struct wire_out *out,
    bool prereq)
{
	struct dname owner = owner_of(node, NULL);
	const struct props_group *g = prereq ? z->was.groups : z->is.groups;
	enum msg_section section =
	    (enum msg_section)(prereq ? MSG_PREREQ : MSG_UPDATES);
	if (prereq && !g)
		put(out, section, &owner, CLASS_NONE, NULL, 0);
	if (!prereq && z->was.groups)
		put(out, section, &owner, CLASS_ANY, NULL, 0);
	for (; g; g = g->next)
		put(out, section, &owner, CLASS_IN, g->data, g->size);
}

static void
put_param(const struct zone_edit *z, const struct label *name, const struct dname *node,
    struct wire_out *out, bool prereq)
{
	struct dname owner = owner_of(node, name);
	const struct props_param *p = prereq ? z->was.params : z->is.params;
	enum msg_section section =
	    (enum msg_section)(prereq ? MSG_PREREQ : MSG_UPDATES);
	bool some = false;
	if (!prereq)
		put(out, section, &owner, CLASS_ANY, NULL, 0);
	for (; p; p = p->next)
		if (label_equal(&p->name, name)) {
			put(out, section, &owner, CLASS_IN, p->value, p->size);
			some = true;
		}
	if (prereq && !some)
		put(out, section, &owner, CLASS_NONE, NULL, 0);
}

static bool
is_first(const struct props_param *list, const struct props_param *p)
{
	while (!label_equal(&list->name, &p->name))
		list = list->next;
	return list == p;
}

static bool
has_param(const struct props *props, const struct label *name)
{
	const struct props_param *p = props->params;
	while (p && !label_equal(&p->name, name))
		p = p->next;
	return p != NULL;
}

/* Those that differ, each once. */
static void
put_params(const struct zone_edit *z, const struct dname *node, struct wire_out *out,
    bool prereq)
{
	for (const struct props_param *p = z->was.params; p; p = p->next)
		if (is_first(z->was.params, p) &&
		    !same_params(&z->was, &z->is, &p->name))
			put_param(z, &p->name, node, out, prereq);
	for (const struct props_param *p = z->is.params; p; p = p->next)
		if (is_first(z->is.params, p) && !has_param(&z->was, &p->name))
			put_param(z, &p->name, node, out, prereq);
}

static void
put_zone_prereqs(const struct commit *c, const struct zone_edit *z,
    const struct dname *node, struct wire_out *out)
{
	if (!z->had) {
		props_write_absent(node, out);
		return;
	}
	props_write_present(&z->zone, node, out);
	if (!z->has || c->loose || z->odd)
		return;
	if (!same_groups(&z->was, &z->is))
		put_groups(z, node, out, true);
	put_params(z, node, out, true);
}

static void
put_zone_updates(const struct zone_edit *z, const struct dname *node,
    struct wire_out *out)
{
	if (!z->had) {
		props_write_add(&z->zone, node, &z->is, out);
		return;
	}
	if (!z->has) {
		props_write_del(node, out);
		return;
	}
	if (!same_groups(&z->was, &z->is))
		put_groups(z, node, out, false);
	put_params(z, node, out, false);
}

/* Prerequisites of all stand before updates of all. */
static void
put_zones(const struct commit *c, const struct part *part, struct wire_out *out)
{
	struct dname node;
	for (size_t i = part->from; i < part->from + part->n; i++)
		if (!catz_member_owner(&c->changes[i]->id, &c->s->catalog, &node))
			put_zone_prereqs(c, c->changes[i], &node, out);
	for (size_t i = part->from; i < part->from + part->n; i++)
		if (!catz_member_owner(&c->changes[i]->id, &c->s->catalog, &node))
			put_zone_updates(c->changes[i], &node, out);
}

/* -- messages ------------------------------------------------------------- */

static enum err
send_part(struct commit *c, struct part *part)
{
	for (;; part->n /= 2) {
		uint16_t id;
		struct wire_out *out =
		    session_begin(c->s, OPCODE_UPDATE, &c->s->catalog, RR_SOA);
		put_zones(c, part, out);
		enum err e = session_send(c->s, out, &id);
		if (e == ERR_SPACE && part->n > 1)
			continue;
		if (e)
			return e;
		c->parts = mem_grow(c->parts, c->n_parts, &c->room, sizeof(*c->parts));
		c->parts[c->n_parts++] = *part;
		return OK;
	}
}

/* -- what went wrong ------------------------------------------------------ */

/* Which zone has the nth record, from 1, of that section (header's count at). */
static const struct zone_edit *
zone_of_record(const struct commit *c, const struct part *part, unsigned nth,
    unsigned at)
{
	uint8_t *wire = mem_alloc(MSG_MAX);
	const struct zone_edit *found = NULL;
	for (size_t i = part->from; i < part->from + part->n && !found; i++) {
		const struct part one = {i, 1};
		struct wire_out out;
		wire_out_init(&out, wire, MSG_MAX);
		msg_start(&out, 0, 0);
		put_zones(c, &one, &out);
		unsigned count = (unsigned)wire[at] << 8 | wire[at + 1];
		if (nth <= count)
			found = c->changes[i];
		nth -= count;
	}
	free(wire);
	return found;
}

/* There is a zone of that name, of which the key may not know. */
static bool
refuse_hidden(struct commit *c, const struct zone_edit *z)
{
	char zone[DNAME_TEXT_MAX];
	for (size_t i = 0; i < c->n && !z; i++)
		if (c->changes[i]->hidden)
			z = c->changes[i];
	if (!z || !z->hidden)
		return false;
	dname_print_short(&z->zone, zone);
	fault_set(c->fault, NC_ERR_ACCESS_DENIED,
	    "%s: it is there, and not for this key", zone);
	fault_zone(c->fault, &z->zone);
	return true;
}

static enum commit_end
refused(struct commit *c, const struct msg *msg, size_t nth_part)
{
	enum { AT_PREREQS = 6, AT_UPDATES = 8 };
	unsigned rr = fault_number(msg, "rr"), number = fault_number(msg, "msg");
	bool prereq = fault_is_reason(msg, "prerequisite");
	const struct zone_edit *z = NULL;
	if (number == 0)
		number = (unsigned)nth_part;
	if (rr > 0 && number > 0 && number <= c->n_parts)
		z = zone_of_record(c, &c->parts[number - 1], rr,
		    prereq ? AT_PREREQS : AT_UPDATES);
	if (prereq || fault_is_reason(msg, "duplicate-zone"))
		return refuse_hidden(c, z) ? COMMIT_FAILED : COMMIT_MOVED;
	fault_refused(c->fault, msg);
	if (z)
		fault_zone(c->fault, &z->zone);
	return COMMIT_FAILED;
}

/* Who asks next on that connection would take an answer to this for his. */
static void
let_go(struct commit *c)
{
	exchange_close(c->s->x);
	c->s->x = NULL;
}

static enum commit_end
lost(struct commit *c, enum err e, bool may_be_done)
{
	let_go(c);
	c->fault->broken = true;
	if (may_be_done)
		fault_set(c->fault, NC_ERR_OP_FAILED,
		    "the agent's answer was not seen: all of it was changed, or nothing "
		    "(%s)",
		    c->s->error);
	else
		fault_unreachable(c->fault, c->s, e);
	return COMMIT_FAILED;
}

/* -- the whole ------------------------------------------------------------ */

static bool
is_later(const struct msg *msg, unsigned *n)
{
	const struct timespec pause = {0, LATER_MS * 1000000};
	if (!session_says_later(msg) || ++*n > LATER_MAX)
		return false;
	nanosleep(&pause, NULL);
	return true;
}

/* All of it fits into one message: no transaction is needed. */
static bool
run_single(struct commit *c, enum commit_end *end)
{
	struct msg msg;
	unsigned n_later = 0;
	enum err e;
	do {
		struct part part = {0, c->n};
		c->n_parts = 0;
		e = send_part(c, &part);
		if (e) {
			*end = lost(c, e, false);
			return true;
		}
		if (part.n < c->n) /* cannot be: looked at before */
			return false;
		e = session_receive(c->s, &msg);
	} while (!e && msg_rcode(&msg) != RCODE_NOERROR && is_later(&msg, &n_later));
	if (e)
		*end = lost(c, e, true);
	else
		*end = msg_rcode(&msg) == RCODE_NOERROR ? COMMIT_DONE
							: refused(c, &msg, 1);
	return true;
}

static bool
fits_one(const struct commit *c)
{
	enum { ROOM = 60000 };
	uint8_t *wire = mem_alloc(ROOM);
	struct wire_out out;
	const struct part all = {0, c->n};
	wire_out_init(&out, wire, ROOM);
	msg_start(&out, 0, 0);
	put_zones(c, &all, &out);
	free(wire);
	return out.err == OK;
}

static bool
begin(struct commit *c, enum commit_end *end)
{
	struct msg msg;
	unsigned n_later = 0;
	enum err e;
	do {
		e = order_send(c->s, "begin", NULL, 0, NULL, &msg);
	} while (!e && msg_rcode(&msg) != RCODE_NOERROR && is_later(&msg, &n_later));
	if (e)
		*end = lost(c, e, false);
	else if (msg_rcode(&msg) != RCODE_NOERROR)
		*end = refused(c, &msg, 0);
	else
		return true;
	return false;
}

/* The connection stays, for it may have the lock. */
static void
give_up(struct commit *c)
{
	struct msg msg;
	enum err e = OK;
	while (c->n_answered < c->n_parts && !e) {
		e = session_receive(c->s, &msg);
		c->n_answered++;
	}
	if (e || order_send(c->s, "abort", NULL, 0, NULL, &msg))
		let_go(c);
}

/* A zone for whose records one message has no room. */
static void
refuse_large(struct commit *c, const struct zone_edit *z)
{
	char zone[DNAME_TEXT_MAX];
	dname_print_short(&z->zone, zone);
	fault_set(c->fault, NC_ERR_TOO_BIG,
	    "%s: more than 64 kB of patterns and parameters, before and after it",
	    zone);
	fault_zone(c->fault, &z->zone);
}

/* Messages are sent ahead of their answers. */
static bool
stage(struct commit *c, enum commit_end *end)
{
	struct part part = {0, 0};
	struct msg msg;
	while (part.from < c->n || c->n_answered < c->n_parts) {
		if (part.from < c->n && c->n_parts - c->n_answered < WINDOW) {
			part.n = c->n - part.from < CHUNK ? c->n - part.from : CHUNK;
			enum err e = send_part(c, &part);
			if (e == ERR_SPACE) {
				refuse_large(c, c->changes[part.from]);
				give_up(c);
				*end = COMMIT_FAILED;
				return false;
			}
			part.from += part.n;
			if (!e)
				continue;
			*end = lost(c, e, false);
			return false;
		}
		enum err e = session_receive(c->s, &msg);
		if (e) {
			*end = lost(c, e, false);
			return false;
		}
		c->n_answered++;
		if (msg_rcode(&msg) != RCODE_NOERROR) {
			*end = refused(c, &msg, c->n_answered);
			give_up(c);
			return false;
		}
	}
	return true;
}

static enum commit_end
run_transaction(struct commit *c)
{
	struct msg msg;
	enum commit_end end;
	if (!begin(c, &end) || !stage(c, &end))
		return end;
	session_allow_ms(c->s, COMMIT_MS);
	enum err e = order_send(c->s, "commit", NULL, 0, NULL, &msg);
	session_allow_ms(c->s, SESSION_TIMEOUT_MS);
	if (e)
		return lost(c, e, true);
	return msg_rcode(&msg) == RCODE_NOERROR ? COMMIT_DONE : refused(c, &msg, 0);
}

enum commit_end
commit_run(struct session *session, struct zset *set, bool loose, struct fault *fault)
{
	struct commit c = {.s = session, .loose = loose, .fault = fault};
	uint64_t order = (uint64_t)clock_unix_ms() * 1000;
	enum commit_end end = COMMIT_DONE;
	c.changes = mem_alloc((set->n + 1) * sizeof(struct zone_edit *));
	for (size_t i = 0; i < set->n; i++) {
		struct zone_edit *z = &set->items[i];
		if (!zone_edit_is_change(z))
			continue;
		if (z->id.size == 0)
			z->id = catz_new_id(order++);
		c.changes[c.n++] = z;
	}
	if (c.n > 0 && (!fits_one(&c) || !run_single(&c, &end)))
		end = run_transaction(&c);
	free(c.parts);
	free(c.changes);
	return end;
}
