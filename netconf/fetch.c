/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/catz.h"
#include "lib/mem.h"
#include "lib/observed.h"
#include "netconf/fault.h"

enum { WINDOW = 256 };

/* -- many questions ------------------------------------------------------- */

/* Sends the question of zone i. ERR_NOTFOUND: there is none. */
typedef enum err send_fn(struct fetch *f, size_t i, uint16_t *id);
typedef enum err take_fn(struct fetch *f, size_t i, const struct msg *msg);

struct asking {
	uint16_t ids[WINDOW];
	size_t numbers[WINDOW];
	size_t n;
};

static enum err
receive(struct fetch *f, struct asking *a, take_fn *take)
{
	struct msg msg;
	enum err e = session_receive(f->session, &msg);
	if (e)
		return e;
	for (size_t i = 0; i < a->n; i++) {
		if (a->ids[i] != msg.id)
			continue;
		size_t number = a->numbers[i];
		a->n--;
		a->ids[i] = a->ids[a->n];
		a->numbers[i] = a->numbers[a->n];
		return take(f, number, &msg);
	}
	return OK; /* cannot be: exchange knows what it asked */
}

/* Whoever asks next takes the next answer for his: none is left. */
static void
drain(struct fetch *f, struct asking *a)
{
	struct msg msg;
	for (; a->n > 0; a->n--)
		if (session_receive(f->session, &msg)) {
			exchange_close(f->session->x);
			f->session->x = NULL;
			return;
		}
}

static enum err
ask(struct fetch *f, send_fn *send, take_fn *take)
{
	struct asking *a = mem_zalloc(sizeof(*a));
	enum err e = OK;
	for (size_t i = 0; i < f->n && !e; i++) {
		while (a->n == WINDOW && !e)
			e = receive(f, a, take);
		if (e)
			break;
		e = send(f, i, &a->ids[a->n]);
		if (e == ERR_NOTFOUND) {
			e = OK;
			continue;
		}
		a->numbers[a->n] = i;
		a->n += !e;
	}
	while (a->n > 0 && !e)
		e = receive(f, a, take);
	if (e && !session_is_lost(e)) {
		char error[sizeof(f->session->error)];
		memcpy(error, f->session->error, sizeof(error));
		drain(f, a);
		memcpy(f->session->error, error, sizeof(error));
	}
	free(a);
	return e;
}

static enum err
each_record(struct fetch *f, const struct msg *msg, observed_fn *fn, void *arg)
{
	enum err e = observed_read(f->session, msg, fn, arg);
	return e == ERR_NOTFOUND ? OK : e;
}

/* -- the status ----------------------------------------------------------- */

struct reading {
	struct fetch *f;
	size_t i;
	bool is_sure; /* the id is of one that is not going */
};

static void
take_id(struct reading *r, const struct rr *rr, const char *held)
{
	char text[OBSERVED_VALUE_MAX], state[OBSERVED_VALUE_MAX];
	struct dname id;
	struct label label;
	bool reset = held && strcmp(held, "reset") == 0;
	bool gone = held && (!strcmp(held, "removal") || !strcmp(held, "stray"));
	if (!observed_get(rr, reset ? "new-id" : "id", text) ||
	    dname_parse(text, &id) || dname_first_label(&id, &label))
		return;
	if (gone) {
		if (r->f->held_ids)
			r->f->held_ids[r->i] = label;
		return;
	}
	const char *is = observed_get(rr, "state", state);
	bool going = is && strcmp(is, "removing") == 0;
	if (!going || !r->is_sure)
		r->f->ids[r->i] = label;
	r->is_sure = r->is_sure || !going;
}

static enum err
take_status_rr(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	struct reading *r = arg;
	char held[OBSERVED_VALUE_MAX];
	(void)kind;
	(void)name;
	take_id(r, rr, observed_get(rr, "held", held));
	if (r->f->on_status)
		r->f->on_status(r->f->arg, r->i, rr);
	return OK;
}

static enum err
send_status(struct fetch *f, size_t i, uint16_t *id)
{
	struct dname owner;
	if (observed_owner(&f->zones[i], &f->ids[i], &f->session->status, &owner)) {
		f->n_odd++;
		return ERR_NOTFOUND;
	}
	return session_send(f->session,
	    session_begin(f->session, OPCODE_QUERY, &owner, RR_TXT), id);
}

static enum err
take_status(struct fetch *f, size_t i, const struct msg *msg)
{
	struct reading r = {.f = f, .i = i};
	enum err e = each_record(f, msg, take_status_rr, &r);
	if (e == ERR_DENIED && f->hidden && fault_is_reason(msg, "not-permitted")) {
		f->hidden[i] = true;
		return OK;
	}
	if (e == ERR_DENIED)
		f->refused = &f->zones[i];
	return e;
}

/* -- names that their status cannot carry --------------------------------- */

static enum err
take_ptr(void *arg, const struct rr *rr)
{
	struct fetch *f = arg;
	struct catz_name name;
	struct dname zone;
	if (rr->type != RR_PTR)
		return OK;
	catz_classify(&rr->owner, &f->session->catalog, &name);
	if (name.kind != CATZ_MEMBER ||
	    dname_from_wire(rr->rdata, rr->rdata_size, &zone))
		return OK;
	for (size_t i = 0; i < f->n; i++)
		if (f->ids[i].size == 0 && dname_equal(&f->zones[i], &zone))
			f->ids[i] = name.id;
	return OK;
}

static enum err
send_odd_status(struct fetch *f, size_t i, uint16_t *id)
{
	static const struct label none;
	struct dname owner;
	if (f->ids[i].size == 0 ||
	    !observed_owner(&f->zones[i], &none, &f->session->status, &owner) ||
	    observed_owner(&f->zones[i], &f->ids[i], &f->session->status, &owner))
		return ERR_NOTFOUND;
	return session_send(f->session,
	    session_begin(f->session, OPCODE_QUERY, &owner, RR_TXT), id);
}

static enum err
find_odd(struct fetch *f)
{
	enum err e = session_transfer(f->session, &f->session->catalog, take_ptr, f);
	return e ? e : ask(f, send_odd_status, take_status);
}

/* -- the members ---------------------------------------------------------- */

static enum err
send_node(struct fetch *f, size_t i, uint16_t *id)
{
	struct dname node;
	if (f->ids[i].size == 0 ||
	    catz_member_owner(&f->ids[i], &f->session->catalog, &node))
		return ERR_NOTFOUND;
	return session_send_node(f->session, &node, id);
}

/* Refused: it went meanwhile, and with it the right to know. */
static enum err
take_node(struct fetch *f, size_t i, const struct msg *msg)
{
	struct msg_cursor c;
	struct rr rr;
	struct buf rdata;
	enum err e;
	unsigned rcode = msg_rcode(msg);
	(void)i;
	if (rcode != RCODE_NOERROR && rcode != RCODE_NXDOMAIN &&
	    rcode != RCODE_REFUSED) {
		char why[SESSION_REASON_MAX];
		snprintf(f->session->error, sizeof(f->session->error), "%s: %s",
		    f->session->server, session_reason(msg, why));
		return ERR_FORM;
	}
	buf_init(&rdata, MSG_MAX);
	msg_walk(msg, MSG_ANSWER, &c);
	while (!(e = msg_next(&c, &rdata, &rr))) {
		e = memberlist_take(f->members, &rr);
		buf_reset(&rdata);
	}
	buf_fini(&rdata);
	return e == ERR_NOTFOUND ? OK : e;
}

enum err
fetch_zones(struct fetch *f)
{
	memberlist_begin(f->members, &f->session->catalog);
	f->ids = mem_zalloc((f->n + 1) * sizeof(*f->ids));
	f->refused = NULL;
	f->n_odd = 0;
	enum err e = ask(f, send_status, take_status);
	if (!e && f->n_odd > 0)
		e = find_odd(f);
	if (!e)
		e = ask(f, send_node, take_node);
	if (!e)
		memberlist_end(f->members);
	free(f->ids);
	f->ids = NULL;
	return e;
}
