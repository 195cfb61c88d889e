/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/ask.h"

#include <string.h>

#include "ctl/say.h"
#include "lib/catz.h"
#include "lib/observed.h"
#include "lib/rr.h"

enum { ASK_WINDOW = 64 };

static enum err
receive_one(struct session *s, uint16_t ids[static ASK_WINDOW],
    size_t numbers[static ASK_WINDOW], size_t *n, ask_answer_fn *answer, void *arg)
{
	struct msg msg;
	enum err e = session_receive(s, &msg);
	if (e)
		return e;
	for (size_t i = 0; i < *n; i++) {
		if (ids[i] != msg.id)
			continue;
		size_t number = numbers[i];
		ids[i] = ids[--*n];
		numbers[i] = numbers[*n];
		return answer(arg, number, &msg);
	}
	return OK; /* cannot be: exchange knows what it asked */
}

enum err
ask_txt(struct session *s, size_t n, ask_name_fn *name, ask_answer_fn *answer,
    void *arg)
{
	uint16_t ids[ASK_WINDOW];
	size_t numbers[ASK_WINDOW], n_out = 0;
	struct dname owner;
	enum err e = OK;
	for (size_t i = 0; i < n && !e; i++) {
		if (name(arg, i, &owner))
			continue;
		while (n_out == ASK_WINDOW && !e)
			e = receive_one(s, ids, numbers, &n_out, answer, arg);
		if (e)
			break;
		e = session_send(s, session_begin(s, OPCODE_QUERY, &owner, RR_TXT),
		    &ids[n_out]);
		numbers[n_out] = i;
		n_out += !e;
	}
	while (n_out > 0 && !e)
		e = receive_one(s, ids, numbers, &n_out, answer, arg);
	return e;
}

/* -- ids ------------------------------------------------------------------ */

struct finder {
	struct session *s;
	struct orders *orders;
	struct order *order; /* whose answer is being read */
	size_t n_odd;        /* names that their status cannot carry */
};

static void
refuse(struct finder *f, struct order *o, const char *why)
{
	o->state = ORDER_REFUSED;
	o->reason = pool_strdup(&f->orders->pool, why);
}

static enum err
name_of(void *arg, size_t i, struct dname *owner)
{
	struct finder *f = arg;
	const struct order *o = &f->orders->items[i];
	static const struct label none;
	struct dname zone;
	if (o->state != ORDER_OPEN || o->id_size > 0)
		return ERR_NOTFOUND;
	order_zone(o, &zone);
	if (!observed_owner(&zone, &none, &f->s->status, owner))
		return OK;
	f->n_odd++;
	return ERR_NOTFOUND;
}

/* The id a zone has in the catalog. Where the guard holds that it is gone it has
 * none, and where it holds another id, the record says both. */
static enum err
read_id(const struct rr *rr, struct label *label)
{
	char text[OBSERVED_VALUE_MAX], held[OBSERVED_VALUE_MAX];
	struct dname id;
	const char *is = observed_get(rr, "held", held);
	bool reset = is && strcmp(is, "reset") == 0;
	if ((is && (!strcmp(is, "removal") || !strcmp(is, "stray"))) ||
	    !observed_get(rr, reset ? "new-id" : "id", text) || dname_parse(text, &id))
		return ERR_NOTFOUND;
	return dname_first_label(&id, label);
}

/* One record for each backend. One that is being removed may carry the id of a
 * member that is no more. */
static enum err
take_id(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	struct finder *f = arg;
	char state[OBSERVED_VALUE_MAX];
	struct label label;
	(void)kind;
	(void)name;
	if (read_id(rr, &label))
		return OK;
	const char *is = observed_get(rr, "state", state);
	bool going = is && strcmp(is, "removing") == 0;
	if (f->order->id_size == 0 || !going)
		order_set_id(f->orders, f->order, &label);
	return OK;
}

static enum err
answer_of(void *arg, size_t i, const struct msg *msg)
{
	struct finder *f = arg;
	char why[SESSION_REASON_MAX];
	f->order = &f->orders->items[i];
	enum err e = observed_read(f->s, msg, take_id, f);
	if (e == ERR_DENIED)
		refuse(f, f->order, session_reason(msg, why));
	return e == ERR_DENIED || e == ERR_NOTFOUND ? OK : e;
}

static enum err
take_member(void *arg, const struct rr *rr)
{
	struct finder *f = arg;
	struct catz_name name;
	struct dname zone;
	if (rr->type != RR_PTR)
		return OK;
	catz_classify(&rr->owner, &f->s->catalog, &name);
	if (name.kind != CATZ_MEMBER ||
	    dname_from_wire(rr->rdata, rr->rdata_size, &zone))
		return OK;
	struct order *o = orders_find(f->orders, &zone);
	if (o && o->state == ORDER_OPEN && o->id_size == 0)
		order_set_id(f->orders, o, &name.id);
	return OK;
}

static enum err
by_queries(struct finder *f)
{
	f->n_odd = 0;
	return ask_txt(f->s, f->orders->n, name_of, answer_of, f);
}

static enum err
by_transfer(struct finder *f)
{
	return session_transfer(f->s, &f->s->catalog, take_member, f);
}

enum err
ask_ids(struct session *s, struct orders *orders)
{
	struct finder f = {.s = s, .orders = orders};
	enum err e = OK;
	if (orders->n > OBSERVED_FEW) {
		e = by_transfer(&f);
		if (e == ERR_DENIED) /* a key narrowed to some zones: ask for them */
			e = by_queries(&f);
	} else {
		e = by_queries(&f);
		if (!e && f.n_odd > 0)
			e = by_transfer(&f);
	}
	for (size_t i = 0; i < orders->n && !e; i++)
		if (orders->items[i].state == ORDER_OPEN &&
		    orders->items[i].id_size == 0)
			refuse(&f, &orders->items[i], "not in the catalog");
	return e;
}

/* -- what is held ---------------------------------------------------------- */

static enum err
look_for_held(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	char value[OBSERVED_VALUE_MAX];
	(void)name;
	if (kind == OBSERVED_AGENT && !observed_get(rr, "held", value))
		*(bool *)arg = false;
	return OK;
}

static enum err
take_held(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	struct finder *f = arg;
	char text[OBSERVED_VALUE_MAX];
	struct dname id;
	struct label label;
	(void)kind;
	(void)name;
	const char *held = observed_get(rr, "held", text);
	bool is_none = held && (!strcmp(held, "removal") || !strcmp(held, "stray"));
	if (is_none && observed_get(rr, "id", text) && !dname_parse(text, &id) &&
	    !dname_first_label(&id, &label))
		order_set_id(f->orders, f->order, &label);
	return OK;
}

static enum err
held_answer(void *arg, size_t i, const struct msg *msg)
{
	struct finder *f = arg;
	f->order = &f->orders->items[i];
	enum err e = observed_read(f->s, msg, take_held, f);
	return e == ERR_DENIED || e == ERR_NOTFOUND ? OK : e;
}

enum err
ask_held_ids(struct session *s, struct orders *orders)
{
	struct finder f = {.s = s, .orders = orders};
	bool some = true; /* a key narrowed to some zones is not told */
	enum err e = observed_query(s, &s->status, look_for_held, &some);
	if (e && e != ERR_DENIED && e != ERR_NOTFOUND)
		return e;
	return some ? ask_txt(s, orders->n, name_of, held_answer, &f) : OK;
}
