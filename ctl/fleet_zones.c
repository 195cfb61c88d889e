/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/fleet_zones.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/mem.h"

enum { SEEN = 1, WRONG = 2 };
enum { LAST_LOOK_MS = 5000 };
enum { ROWS_OF_ZONE = 16, ROWS_MISSING = 10000, MISSING_MAX = 100 };

/* -- marks: two bits of each order ------------------------------------------- */

static void
mark(struct zone_look *l, size_t i, unsigned bits)
{
	l->marks[i / 4] |= (uint8_t)(bits << i % 4 * 2);
}

static unsigned
marks_of(const struct zone_look *l, size_t i)
{
	return l->marks[i / 4] >> i % 4 * 2 & 3;
}

static bool
is_wanted(const struct order *o)
{
	return o->state == ORDER_DONE || o->state == ORDER_OPEN;
}

/* -- judging zones ---------------------------------------------------------- */

static bool
is_there(const struct zone_look *l, size_t i)
{
	unsigned m = marks_of(l, i);
	if (l->all->end == AWAIT_GONE)
		return !(m & WRONG);
	return m == SEEN;
}

/* They are served everywhere, as far as it was seen. */
static bool
has_all(const struct zone_look *l)
{
	const struct orders *orders = l->all->orders;
	for (size_t i = 0; i < orders->n; i++)
		if (is_wanted(&orders->items[i]) && !is_there(l, i))
			return false;
	return l->arrived;
}

/* -- records ---------------------------------------------------------------- */

static const char *
keep(struct zone_look *l, const struct rr *rr, const char *key)
{
	char value[OBSERVED_VALUE_MAX];
	const char *text = observed_get(rr, key, value);
	return text ? pool_strdup(&l->pool, text) : NULL;
}

/* Its error, or what it waits for. */
static const char *
keep_error(struct zone_look *l, const struct rr *rr)
{
	char value[OBSERVED_VALUE_MAX], text[OBSERVED_VALUE_MAX + 16];
	const char *error = keep(l, rr, "error");
	if (error || !observed_get(rr, "waiting", value))
		return error;
	snprintf(text, sizeof(text), "waits for %s", value);
	return pool_strdup(&l->pool, text);
}

/* An agent without backends only hands the catalog on: nothing is to be served. */
static bool
has_no_backend(const struct rr *rr)
{
	char value[OBSERVED_VALUE_MAX];
	const char *backend = observed_get(rr, "backend", value);
	return backend && strcmp(backend, "-") == 0;
}

static void
note_backend(struct zone_look *l, const struct rr *rr)
{
	char value[OBSERVED_VALUE_MAX];
	const char *backend = observed_get(rr, "backend", value);
	if (!backend || strlen(backend) > DNAME_LABEL_MAX)
		return;
	const struct label name = label_of(backend);
	for (size_t i = 0; i < l->n_backends; i++)
		if (label_equal(&l->backends[i], &name))
			return;
	l->backends = mem_grow(l->backends, l->n_backends, &l->backends_room,
	    sizeof(*l->backends));
	l->backends[l->n_backends++] = name;
}

/* An agent may send what it likes. */
static size_t
rows_max(const struct fleet_zones *z)
{
	size_t n = ROWS_OF_ZONE * z->n_wanted;
	return z->keep_all || n < ROWS_MISSING ? n : ROWS_MISSING;
}

static void
take_for(struct zone_look *l, size_t i, const struct rr *rr)
{
	const struct order *o = &l->all->orders->items[i];
	bool no_backend = has_no_backend(rr);
	bool there = no_backend || await_is_there(rr, o, l->all->end);

	mark(l, i, SEEN | (there ? 0 : WRONG));
	if (!no_backend)
		note_backend(l, rr);
	if ((there && !l->all->keep_all) || l->n_rows >= rows_max(l->all))
		return;
	l->rows = mem_grow(l->rows, l->n_rows, &l->rows_room, sizeof(*l->rows));
	l->rows[l->n_rows++] = (struct zone_row){
	    .at = i,
	    .backend = no_backend ? NULL : keep(l, rr, "backend"),
	    .state = no_backend ? NULL : keep(l, rr, "state"),
	    .serial = keep(l, rr, "serial"),
	    .pattern = keep(l, rr, "pattern"),
	    .error = no_backend ? "has no backends" : keep_error(l, rr),
	    .is_there = there,
	};
}

/* Of an answer: the order that was asked for. */
static enum err
take_answered(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	struct zone_look *l = arg;
	(void)kind;
	(void)name;
	take_for(l, l->reading_at, rr);
	return OK;
}

/* Of a transfer: the order, if it is one. */
static enum err
take_transferred(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	struct zone_look *l = arg;
	struct orders *orders = l->all->orders;
	struct dname zone;

	if (observed_zone_of(kind, name, rr, &zone))
		return OK;
	const struct order *o = orders_find(orders, &zone);
	if (o && is_wanted(o))
		take_for(l, (size_t)(o - orders->items), rr);
	return OK;
}

/* Of an answer about a backend. */
static enum err
take_backend(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	struct zone_look *l = arg;
	char state[OBSERVED_VALUE_MAX], backend[DNAME_TEXT_MAX];
	const char *is = observed_get(rr, "state", state);
	if (kind != OBSERVED_BACKEND || !is || strcmp(is, "down") != 0)
		return OK;
	l->n_down++;
	l->rows = mem_grow(l->rows, l->n_rows, &l->rows_room, sizeof(*l->rows));
	l->rows[l->n_rows++] = (struct zone_row){
	    .at = SIZE_MAX,
	    .backend = pool_strdup(&l->pool, dname_print_short(name, backend)),
	    .state = "down",
	    .error = keep(l, rr, "error"),
	};
	return OK;
}

/* -- asking ----------------------------------------------------------------- */

static enum err
ask_next(struct zone_look *l, struct session *s, const struct dname *name,
    uint16_t type, size_t order)
{
	enum err e = session_send(s, session_begin(s, OPCODE_QUERY, name, type),
	    &l->ids[l->n_asked]);
	l->asked[l->n_asked] = order;
	l->n_asked += !e;
	return e;
}

static bool
owner_of(const struct fleet_zones *z, size_t i, const struct session *s,
    struct dname *owner)
{
	const struct order *o = &z->orders->items[i];
	struct label id = order_id(o);
	struct dname zone;
	order_zone(o, &zone);
	return observed_owner(&zone, &id, &s->status, owner) == OK;
}

static bool
is_by_transfer(const struct fleet_zones *z, const struct session *s)
{
	struct dname owner;
	if (z->n_wanted > OBSERVED_FEW)
		return true;
	for (size_t i = 0; i < z->orders->n; i++)
		if (is_wanted(&z->orders->items[i]) && !owner_of(z, i, s, &owner))
			return true;
	return false;
}

static enum err
begin(void *arg, struct session *s)
{
	struct zone_look *l = arg;
	const struct fleet_zones *z = l->all;
	struct dname owner;

	pool_fini(&l->pool);
	memset(l->marks, 0, z->orders->n / 4 + 1);
	l->n_rows = l->n_asked = l->n_answered = 0;
	l->n_backends = l->n_backends_asked = l->n_down = 0;
	l->arrived = l->has_serial = l->answered = l->transferring = false;
	l->begun_ms = clock_ms();
	/* The SOA of C goes first: what comes later is of that version at least. */
	enum err e = ask_next(l, s, &s->catalog, RR_SOA, SIZE_MAX);
	if (is_by_transfer(z, s))
		return e;
	for (size_t i = 0; i < z->orders->n && !e; i++)
		if (is_wanted(&z->orders->items[i]) && owner_of(z, i, s, &owner))
			e = ask_next(l, s, &owner, RR_TXT, i);
	return e;
}

static void
take_serial(struct zone_look *l, const struct msg *msg)
{
	l->has_serial = session_read_serial(msg, &l->serial) == OK;
	l->arrived = !l->all->has_serial ||
		     (l->has_serial && !serial_gt(l->all->serial, l->serial));
}

static enum err
take_answer(struct zone_look *l, struct session *s, const struct msg *msg)
{
	size_t i = 0;
	while (i < l->n_asked && l->ids[i] != msg->id)
		i++;
	l->n_answered++;
	if (i == l->n_asked)
		return OK;             /* cannot be: exchange knows what it asked */
	if (l->n_backends_asked > 0) { /* a key that is narrowed is not told */
		enum err e = observed_read(s, msg, take_backend, l);
		return e == ERR_NOTFOUND || e == ERR_DENIED ? OK : e;
	}
	if (l->asked[i] == SIZE_MAX) {
		take_serial(l, msg);
		return OK;
	}
	l->reading_at = l->asked[i];
	enum err e = observed_read(s, msg, take_answered, l);
	return e == ERR_NOTFOUND ? OK : e;
}

static enum err
go_on_transferring(struct zone_look *l, struct session *s)
{
	if (!l->transferring) {
		l->transferring = true;
		l->reading = (struct observed_reading){.status = &s->status,
		    .fn = take_transferred,
		    .arg = l};
		enum err e =
		    session_transfer_begin(s, &s->status, observed_take, &l->reading);
		return e ? e : ERR_BUSY;
	}
	return session_transfer_go_on(s);
}

/* The next of them, which is all in nearly every case. */
static enum err
ask_backends(struct zone_look *l, struct session *s)
{
	const struct label under = label_of("_backend");
	struct dname backends, owner;
	enum err e = dname_prepend(&under, &s->status, &backends);

	l->n_asked = l->n_answered = 0;
	while (!e && l->n_asked < OBSERVED_FEW && l->n_backends_asked < l->n_backends) {
		const struct label *name = &l->backends[l->n_backends_asked++];
		e = dname_prepend(name, &backends, &owner);
		if (!e)
			e = ask_next(l, s, &owner, RR_TXT, 0);
	}
	return e ? e : ERR_BUSY;
}

static enum err
go_on(void *arg, struct session *s)
{
	struct zone_look *l = arg;
	struct msg msg;
	enum err e = OK;

	while (l->n_answered < l->n_asked && !e) {
		e = session_receive(s, &msg);
		if (!e)
			e = take_answer(l, s, &msg);
	}
	if (e == ERR_TIMEOUT)
		return ERR_BUSY;
	/* Before the change has come the rest says nothing. */
	if (!e && l->n_backends_asked == 0 && is_by_transfer(l->all, s) &&
	    (l->all->keep_all || l->arrived))
		e = go_on_transferring(l, s);
	if (!e && l->all->end != AWAIT_GONE && l->n_backends_asked < l->n_backends &&
	    has_all(l))
		e = ask_backends(l, s);
	return e;
}

/* -- judging ---------------------------------------------------------------- */

/* Answers come in any order. */
static int
compare_rows(const void *a, const void *b)
{
	const struct zone_row *x = a, *y = b;
	const char *p = x->backend ? x->backend : "", *q = y->backend ? y->backend : "";
	return x->at != y->at ? (x->at > y->at) - (x->at < y->at) : strcmp(p, q);
}

static void
judge(struct zone_look *l)
{
	if (l->n_rows > 1)
		qsort(l->rows, l->n_rows, sizeof(*l->rows), compare_rows);
	l->is_done = has_all(l) && l->n_down == 0;
}

static int64_t
end(void *arg, struct session *s, enum err e)
{
	struct zone_look *l = arg;
	(void)s;
	l->peer->err = e;
	l->answered = e == OK;
	if (!e)
		judge(l);
	if (l->is_done || l->all->until_ms == 0)
		return TALK_OVER;
	/* Who did not answer has had no work with it. */
	return fleet_pause(&l->pause_ms, e ? 0 : clock_ms() - l->begun_ms);
}

/* With all that are not done. until_ms 0: once. */
static void
hold_talks(struct fleet_zones *z, unsigned timeout_ms, int64_t until_ms)
{
	static const struct talk_ops ops = {begin, go_on, end};
	struct fleet *f = z->fleet;
	struct talk *talks = mem_zalloc((f->n + 1) * sizeof(*talks));
	const struct talk_plan plan = {.timeout_ms = timeout_ms,
	    .until_ms = until_ms,
	    .doing = until_ms ? "waiting" : "asking"};

	z->until_ms = until_ms;
	for (size_t i = 0; i < f->n; i++) {
		struct zone_look *l = &z->looks[i];
		talks[i] = (struct talk){.s = l->is_done ? NULL : &f->peers[i].s,
		    .ops = &ops,
		    .arg = l};
	}
	talk_all(talks, f->n, &plan);
	free(talks);
}

void
fleet_zones_look(struct fleet_zones *z, unsigned seconds)
{
	struct fleet *f = z->fleet;
	unsigned timeout_ms = fleet_timeout_ms(f);

	z->n_wanted = 0;
	for (size_t i = 0; i < z->orders->n; i++)
		z->n_wanted += is_wanted(&z->orders->items[i]);
	z->looks = mem_zalloc((f->n + 1) * sizeof(*z->looks));
	for (size_t i = 0; i < f->n; i++) {
		z->looks[i].all = z;
		z->looks[i].peer = &f->peers[i];
		z->looks[i].marks = mem_zalloc(z->orders->n / 4 + 1);
	}
	if (seconds)
		hold_talks(z, timeout_ms, clock_ms() + (int64_t)seconds * 1000);
	/* A look that the end of the time has cut short told nothing. */
	if (!fleet_zones_are_there(z))
		hold_talks(z,
		    seconds && timeout_ms > LAST_LOOK_MS ? LAST_LOOK_MS : timeout_ms,
		    0);
}

void
fleet_zones_fini(struct fleet_zones *z)
{
	for (size_t i = 0; z->looks && i < z->fleet->n; i++) {
		free(z->looks[i].rows);
		free(z->looks[i].marks);
		free(z->looks[i].backends);
		pool_fini(&z->looks[i].pool);
	}
	free(z->looks);
	z->looks = NULL;
}

bool
fleet_zones_are_there(const struct fleet_zones *z)
{
	for (size_t i = 0; i < z->fleet->n; i++)
		if (!z->looks[i].is_done)
			return false;
	return true;
}

/* -- what is missing --------------------------------------------------------- */

/* One zone of those that are not as they should be; from row on are its rows. */
static void
note_zone(const struct zone_look *l, size_t order, size_t row, struct await *a)
{
	const char *agent = l->peer->name;
	char zone[DNAME_TEXT_MAX];
	bool any = false;

	order_zone_text(&l->all->orders->items[order], zone);
	for (; row < l->n_rows && l->rows[row].at == order; row++) {
		const struct zone_row *r = &l->rows[row];
		if (!r->is_there)
			await_note_missing(a, agent, zone, r->backend, r->state,
			    r->error);
		any = any || !r->is_there;
	}
	if (!any)
		await_note_missing(a, agent, zone, NULL, NULL,
		    marks_of(l, order) ? "too many to tell" : "not in its catalog");
}

static void
note_down(const struct zone_look *l, struct await *a)
{
	char text[OBSERVED_VALUE_MAX + 32];

	for (size_t i = 0; i < l->n_rows; i++) {
		const struct zone_row *r = &l->rows[i];
		if (r->at != SIZE_MAX)
			continue;
		snprintf(text, sizeof(text), "the server does not answer the agent%s%s",
		    r->error ? ": " : "", r->error ? r->error : "");
		await_note_missing(a, l->peer->name, NULL, r->backend, r->state, text);
	}
}

/* The first of them each, the others as a number. */
static void
missing_at(const struct zone_look *l, struct await *a)
{
	const struct orders *orders = l->all->orders;
	size_t n = 0, row = 0;
	char more[64];

	for (size_t i = 0; i < orders->n; i++) {
		if (!is_wanted(&orders->items[i]) || is_there(l, i))
			continue;
		while (row < l->n_rows && l->rows[row].at < i)
			row++;
		if (n++ < MISSING_MAX)
			note_zone(l, i, row, a);
	}
	note_down(l, a);
	if (n <= MISSING_MAX)
		return;
	snprintf(more, sizeof(more), "and %zu zones more", n - MISSING_MAX);
	await_note_missing(a, l->peer->name, NULL, NULL, NULL, more);
}

void
fleet_zones_missing(const struct fleet_zones *z, struct await *a)
{
	char why[128];

	for (size_t i = 0; i < z->fleet->n; i++) {
		const struct zone_look *l = &z->looks[i];
		if (l->is_done)
			continue;
		if (!l->answered) {
			await_note_missing(a, l->peer->name, NULL, NULL, NULL,
			    l->peer->s.error);
		} else if (!l->arrived) {
			if (l->has_serial)
				snprintf(why, sizeof(why),
				    "its catalog has serial %u, not %u yet",
				    (unsigned)l->serial, (unsigned)z->serial);
			else
				snprintf(why, sizeof(why), "it has no catalog");
			await_note_missing(a, l->peer->name, NULL, NULL, NULL, why);
		} else {
			missing_at(l, a);
		}
	}
}
