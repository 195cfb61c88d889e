/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/change.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/connect.h"
#include "ctl/say.h"
#include "lib/catz.h"
#include "lib/mem.h"
#include "lib/rr.h"

enum { RECONNECTS = 5, LATER_MAX = 300, LATER_MS = 100 };

/*
 * Orders that are still to be sent, in messages of `step` zones. `again`: they
 * were in one message before whose answer was lost, and go as that message.
 */
struct range {
	size_t from, n, step;
	bool again;
};

struct flight {
	uint16_t id;
	struct range range;
};

struct change {
	struct session *s;
	const struct change_kind *kind;
	struct orders *orders;
	struct range *todo; /* a stack */
	size_t n_todo, todo_room;
	struct flight flights[CHANGE_WINDOW];
	size_t n_flights;
	size_t n_settled;
	unsigned n_lost;      /* connections lost since the last answer */
	unsigned n_later;     /* answers in a row that told us to come back */
	const char *last_why; /* reasons repeat: they are kept once */
};

static void
push(struct change *c, struct range range)
{
	c->todo = mem_grow(c->todo, c->n_todo, &c->todo_room, sizeof(*c->todo));
	c->todo[c->n_todo++] = range;
}

static void
pause_ms(long ms)
{
	const struct timespec ts = {ms / 1000, ms % 1000 * 1000000};
	nanosleep(&ts, NULL);
}

/* -- verdicts ------------------------------------------------------------- */

static const char *
keep_reason(struct change *c, const char *why)
{
	if (!c->last_why || strcmp(c->last_why, why) != 0)
		c->last_why = pool_strdup(&c->orders->pool, why);
	return c->last_why;
}

static void
settle(struct change *c, const struct range *r, enum order_state state, const char *why)
{
	for (size_t i = r->from; i < r->from + r->n; i++) {
		struct order *o = &c->orders->items[i];
		if (o->state != ORDER_OPEN)
			continue; /* had no id, and its reason */
		o->state = (uint8_t)state;
		o->reason = why ? keep_reason(c, why) : NULL;
	}
	c->n_settled += r->n;
	say_progress(c->kind->doing, c->n_settled, c->orders->n);
}

/* The chunk may be good but for one zone. */
static bool
is_worth_singly(const struct msg *msg)
{
	switch (msg_rcode(msg)) {
	case RCODE_REFUSED: return session_blames_record(msg);
	case RCODE_YXRRSET:
	case RCODE_NXRRSET:
	case RCODE_YXDOMAIN:
	case RCODE_NXDOMAIN: return true;
	default: return false;
	}
}

/* To the agent that decides: what is on its way here is refused here, too. */
static bool
move(struct change *c, const struct range *r, const struct msg *msg)
{
	if (!connect_move(c->s, msg))
		return false;
	push(c, *r);
	while (c->n_flights > 0)
		push(c, c->flights[--c->n_flights].range);
	return true;
}

static void
judge(struct change *c, const struct range *r, const struct msg *msg)
{
	char why[SESSION_REASON_MAX];
	unsigned rcode = msg_rcode(msg);
	if (session_says_later(msg) && c->n_later < LATER_MAX) {
		c->n_later++;
		pause_ms(LATER_MS);
		push(c, *r);
		return;
	}
	c->n_later = 0;
	if (move(c, r, msg))
		return;
	bool was_done = r->again && rcode == c->kind->again_rcode &&
			(r->n == 1 || c->kind->again_proves_all);
	if (rcode == RCODE_NOERROR || was_done)
		settle(c, r, ORDER_DONE, NULL);
	else if (r->n > 1 && is_worth_singly(msg))
		push(c, (struct range){.from = r->from,
			    .n = r->n,
			    .step = 1,
			    .again = r->again});
	else
		settle(c, r, ORDER_REFUSED, session_reason(msg, why));
}

/* -- sending -------------------------------------------------------------- */

static void
write_message(struct change *c, const struct range *r, struct wire_out *out)
{
	struct orders *orders = c->orders;
	struct dname zone, node;
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = r->from, n = 0; i < r->from + r->n; i++) {
			const struct order *o = &orders->items[i];
			if (o->state != ORDER_OPEN)
				continue;
			struct label id = order_id(o);
			order_zone(o, &zone);
			if (catz_member_owner(&id, &c->s->catalog, &node))
				node = c->s->catalog; /* the agent says no */
			if (pass == 0)
				c->kind->prereq(o, &zone, &node, n++, out);
			else
				c->kind->update(o, &zone, &node, out);
		}
}

/* The next message's worth of orders. */
static struct range
take(struct change *c)
{
	struct range *top = &c->todo[c->n_todo - 1], r = *top;
	if (r.n > r.step)
		r.n = r.step;
	top->from += r.n;
	top->n -= r.n;
	if (top->n == 0)
		c->n_todo--;
	return r;
}

static bool
has_open(const struct change *c, const struct range *r)
{
	for (size_t i = r->from; i < r->from + r->n; i++)
		if (c->orders->items[i].state == ORDER_OPEN)
			return true;
	return false;
}

static enum err
send_next(struct change *c)
{
	struct range r = take(c);
	if (!has_open(c, &r)) {
		c->n_settled += r.n;
		return OK;
	}
	struct wire_out *out =
	    session_begin(c->s, OPCODE_UPDATE, &c->s->catalog, RR_SOA);
	write_message(c, &r, out);
	uint16_t id;
	enum err e = session_send(c->s, out, &id);
	if (e == ERR_SPACE && r.n > 1) {
		r.step = r.n / 2;
		push(c, r);
		return OK;
	}
	if (e == ERR_SPACE) {
		settle(c, &r, ORDER_REFUSED, c->s->error);
		return OK;
	}
	/* If it failed half-way, it counts as sent: see lost(). */
	c->flights[c->n_flights++] = (struct flight){.id = id, .range = r};
	return e;
}

static enum err
receive_one(struct change *c)
{
	struct msg msg;
	enum err e = session_receive(c->s, &msg);
	if (e)
		return e;
	for (size_t i = 0; i < c->n_flights; i++) {
		if (c->flights[i].id != msg.id)
			continue;
		struct range r = c->flights[i].range;
		c->flights[i] = c->flights[--c->n_flights];
		c->n_lost = 0;
		judge(c, &r, &msg);
		break;
	}
	return OK;
}

/* -- a connection that was lost ------------------------------------------- */

static void
give_up(struct change *c, enum err e)
{
	const char *unknown = e == ERR_AUTH ? "sent, but no answer came to be trusted"
					    : "sent, but the answer was not seen";
	say_error("%s", c->s->error);
	for (size_t i = 0; i < c->n_flights; i++)
		settle(c, &c->flights[i].range, ORDER_UNKNOWN, unknown);
	c->n_flights = 0;
	for (size_t i = 0; i < c->n_todo; i++)
		if (c->todo[i].again)
			settle(c, &c->todo[i], ORDER_UNKNOWN, unknown);
		else
			settle(c, &c->todo[i], ORDER_REFUSED, "not sent");
	c->n_todo = 0;
}

/* Whatever was on its way is sent again: an agent that was restarted did it or
 * did not, and the prerequisites tell. */
static void
lost(struct change *c, enum err e)
{
	static const long pauses[RECONNECTS] = {100, 300, 1000, 2000, 3000};
	while (session_is_lost(e) && c->n_lost < RECONNECTS) {
		pause_ms(pauses[c->n_lost++]);
		e = session_reopen(c->s);
		if (e)
			continue;
		while (c->n_flights > 0) {
			struct range r = c->flights[--c->n_flights].range;
			r.again = true;
			push(c, r);
		}
		return;
	}
	give_up(c, e);
}

void
change_run(struct session *s, const struct change_kind *kind, struct orders *orders)
{
	struct change c = {.s = s, .kind = kind, .orders = orders};
	if (orders->n > 0)
		push(&c, (struct range){.n = orders->n, .step = CHANGE_CHUNK});
	while (c.n_todo > 0 || c.n_flights > 0) {
		enum err e = OK;
		if (c.n_todo > 0 && c.n_flights < CHANGE_WINDOW)
			e = send_next(&c);
		else
			e = receive_one(&c);
		if (e)
			lost(&c, e);
	}
	say_progress_end();
	free(c.todo);
}
