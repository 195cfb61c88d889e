/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/await.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/ask.h"
#include "ctl/connect.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/say.h"
#include "lib/mem.h"
#include "lib/observed.h"

enum { POLL_FIRST_MS = 20, POLL_LAST_MS = 1000, COLLECT_MS = 5000 };

/* One zone that is waited for. */
struct watch {
	struct order *order;
	bool there;          /* seen as it should be: not looked at again */
	unsigned n, n_wrong; /* of its records, in this look */
};

/* One look at _status after the other. */
struct look {
	struct await *a;
	struct watch *watches;
	size_t n, n_there;
	size_t n_wrong;   /* without orders: records that are not as they should be */
	bool collect;     /* the last look: note what is missing, and why */
	bool no_backends; /* nobody will ever serve anything */
	bool no_transfer; /* the key may not; ask zone by zone */
	bool arrived;     /* the change that is waited for, at this agent */
	bool looked;
	bool has_serial; /* of _status, at the last transfer */
	uint32_t serial;
	struct watch *asked; /* whose answer is being read */
	/* Whose records were seen. */
	struct seen_backend {
		struct label name;
	} * backends;
	size_t n_backends, backends_room;
	unsigned n_down; /* of them, once all zones are there */
};

void
await_fini(struct await *a)
{
	free(a->missing);
	a->missing = NULL;
	a->n_missing = a->missing_room = 0;
	pool_fini(&a->pool);
}

/* -- records -------------------------------------------------------------- */

static const char *
keep(struct await *a, const char *text)
{
	return text ? pool_strdup(&a->pool, text) : NULL;
}

void
await_note_missing(struct await *a, const char *agent, const char *zone,
    const char *backend, const char *state, const char *error)
{
	a->missing =
	    mem_grow(a->missing, a->n_missing, &a->missing_room, sizeof(*a->missing));
	a->missing[a->n_missing++] = (struct await_missing){
	    .agent = keep(a, agent),
	    .zone = keep(a, zone),
	    .backend = keep(a, backend),
	    .state = keep(a, state),
	    .error = keep(a, error),
	};
}

static void
note_record(struct look *l, const char *zone, const struct rr *rr)
{
	char backend[OBSERVED_VALUE_MAX], state[OBSERVED_VALUE_MAX];
	char error[OBSERVED_VALUE_MAX];
	if (l->collect)
		await_note_missing(l->a, NULL, zone,
		    observed_get(rr, "backend", backend),
		    observed_get(rr, "state", state), observed_get(rr, "error", error));
}

static bool
has_id(const struct rr *rr, const struct order *o)
{
	char text[OBSERVED_VALUE_MAX];
	struct dname id;
	struct label label, wanted = order_id(o);
	if (wanted.size == 0 || !observed_get(rr, "id", text))
		return true;
	return !dname_parse(text, &id) && !dname_first_label(&id, &label) &&
	       label_equal(&label, &wanted);
}

static bool
is_serving(const struct rr *rr)
{
	char state[OBSERVED_VALUE_MAX];
	const char *is = observed_get(rr, "state", state);
	return is && strcmp(is, "serving") == 0;
}

bool
await_is_there(const struct rr *rr, const struct order *o, enum await_end end)
{
	char error[OBSERVED_VALUE_MAX];
	bool ours = has_id(rr, o);
	if (end == AWAIT_GONE)
		return !ours;
	return ours && is_serving(rr) &&
	       (end != AWAIT_CHANGED || !observed_get(rr, "error", error));
}

static void
check_backend(struct look *l, const struct rr *rr)
{
	char backend[OBSERVED_VALUE_MAX];
	struct label name;
	const char *is = observed_get(rr, "backend", backend);
	l->no_backends = l->no_backends || (is && strcmp(is, "-") == 0);
	if (!is || strlen(is) > DNAME_LABEL_MAX)
		return;
	name = label_of(is);
	for (size_t i = 0; i < l->n_backends; i++)
		if (label_equal(&l->backends[i].name, &name))
			return;
	l->backends = mem_grow(l->backends, l->n_backends, &l->backends_room,
	    sizeof(*l->backends));
	l->backends[l->n_backends++].name = name;
}

static void
take_for(struct look *l, struct watch *w, const struct rr *rr)
{
	char zone[DNAME_TEXT_MAX];
	check_backend(l, rr);
	w->n++;
	if (await_is_there(rr, w->order, l->a->end))
		return;
	w->n_wrong++;
	note_record(l, order_zone_text(w->order, zone), rr);
}

/* -- looking by queries ---------------------------------------------------- */

static enum err
name_of(void *arg, size_t i, struct dname *owner)
{
	struct look *l = arg;
	struct watch *w = &l->watches[i];
	struct dname zone;
	if (w->there)
		return ERR_NOTFOUND;
	w->n = w->n_wrong = 0;
	order_zone(w->order, &zone);
	struct label id = order_id(w->order);
	return observed_owner(&zone, &id, &l->a->s->status, owner);
}

static enum err
take_answered(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	struct look *l = arg;
	(void)kind;
	(void)name;
	take_for(l, l->asked, rr);
	return OK;
}

static enum err
answer_of(void *arg, size_t i, const struct msg *msg)
{
	struct look *l = arg;
	l->asked = &l->watches[i];
	enum err e = observed_read(l->a->s, msg, take_answered, l);
	return e == ERR_NOTFOUND ? OK : e;
}

/* -- looking by transfer --------------------------------------------------- */

static int
compare_watch(const void *key, const void *element)
{
	const struct order *o = key;
	const struct watch *w = element;
	return (o > w->order) - (o < w->order);
}

static struct watch *
watch_of(const struct look *l, enum observed_kind kind, const struct dname *name)
{
	if (kind == OBSERVED_ZONE) {
		const struct order *o = orders_find(l->a->orders, name);
		return o ? bsearch(o, l->watches, l->n, sizeof(*l->watches),
			       compare_watch)
			 : NULL;
	}
	struct label id;
	if (dname_first_label(name, &id))
		return NULL;
	for (size_t i = 0; i < l->n; i++) {
		struct label wanted = order_id(l->watches[i].order);
		if (label_equal(&wanted, &id))
			return &l->watches[i];
	}
	return NULL;
}

static enum err
take_transferred(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	struct look *l = arg;
	char zone[DNAME_TEXT_MAX];
	if (kind != OBSERVED_ZONE && kind != OBSERVED_ID)
		return OK;
	if (l->a->orders) {
		struct watch *w = watch_of(l, kind, name);
		if (w && !w->there)
			take_for(l, w, rr);
		return OK;
	}
	check_backend(l, rr);
	if (!is_serving(rr)) {
		const char *text = kind == OBSERVED_ID ? observed_zone(rr, zone) : NULL;
		l->n_wrong++;
		note_record(l, text ? text : dname_print_short(name, zone), rr);
	}
	return OK;
}

/* Whether _status is another than at the last transfer. */
static enum err
ask_serial(struct look *l, bool *changed)
{
	uint32_t serial;
	enum err e = session_serial(l->a->s, &l->a->s->status, &serial);
	*changed = true;
	if (e)
		return e == ERR_NOTFOUND ? OK : e;
	*changed = !l->has_serial || l->serial != serial;
	l->serial = serial;
	l->has_serial = true;
	return OK;
}

/* A follower has the states of before until the change has come to it. */
static enum err
ask_arrival(struct look *l)
{
	uint32_t serial;
	enum err e = session_serial(l->a->s, &l->a->s->catalog, &serial);
	if (!e)
		l->arrived = !serial_gt(l->a->serial, serial);
	return e == ERR_NOTFOUND ? OK : e;
}

static enum err
look_by_transfer(struct look *l)
{
	bool changed;
	enum err e = ask_serial(l, &changed);
	if (e || (!changed && !l->collect))
		return e;
	for (size_t i = 0; i < l->n; i++)
		l->watches[i].n = l->watches[i].n_wrong = 0;
	l->n_wrong = 0;
	e = observed_transfer(l->a->s, take_transferred, l);
	if (e)
		l->has_serial = false;
	return e;
}

/* -- looking at the backends -------------------------------------------------- */

static enum err
name_of_backend(void *arg, size_t i, struct dname *owner)
{
	const struct look *l = arg;
	const struct label under = label_of("_backend");
	struct dname backends;
	enum err e = dname_prepend(&under, &l->a->s->status, &backends);
	return e ? e : dname_prepend(&l->backends[i].name, &backends, owner);
}

static enum err
take_backend(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	struct look *l = arg;
	char state[OBSERVED_VALUE_MAX], error[OBSERVED_VALUE_MAX];
	char backend[DNAME_TEXT_MAX], text[OBSERVED_VALUE_MAX + 32];
	const char *is = observed_get(rr, "state", state);
	if (kind != OBSERVED_BACKEND || !is || strcmp(is, "down") != 0)
		return OK;
	l->n_down++;
	const char *why = observed_get(rr, "error", error);
	snprintf(text, sizeof(text), "the server does not answer the agent%s%s",
	    why ? ": " : "", why ? why : "");
	if (l->collect)
		await_note_missing(l->a, NULL, NULL, dname_print_short(name, backend),
		    "down", text);
	return OK;
}

/* A key that is narrowed to some zones is not told. */
static enum err
answer_of_backend(void *arg, size_t i, const struct msg *msg)
{
	struct look *l = arg;
	(void)i;
	enum err e = observed_read(l->a->s, msg, take_backend, l);
	return e == ERR_NOTFOUND || e == ERR_DENIED ? OK : e;
}

/* What was served when it was seen last need not be so at a server that is down. */
static enum err
look_at_backends(struct look *l)
{
	l->n_down = 0;
	return ask_txt(l->a->s, l->n_backends, name_of_backend, answer_of_backend, l);
}

/* -- one look --------------------------------------------------------------- */

static bool
has_all(const struct look *l)
{
	return l->a->orders ? l->n_there == l->n : l->looked && l->n_wrong == 0;
}

static bool
is_over(const struct look *l)
{
	return has_all(l) && l->n_down == 0;
}

static void
count_there(struct look *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct watch *w = &l->watches[i];
		char zone[DNAME_TEXT_MAX];
		if (w->there)
			continue;
		if (w->n_wrong == 0 && (w->n > 0 || l->a->end == AWAIT_GONE)) {
			w->there = true;
			l->n_there++;
		} else if (w->n == 0 && l->collect) {
			await_note_missing(l->a, NULL, order_zone_text(w->order, zone),
			    NULL, NULL, "not in the catalog");
		}
	}
	if (l->n > 0)
		say_progress("waiting", l->n_there, l->n);
	else
		say_progress("waiting, states to come:", l->n_wrong, 0);
}

static void
note_not_arrived(struct look *l)
{
	char zone[DNAME_TEXT_MAX];
	for (size_t i = 0; i < l->n && l->collect; i++)
		await_note_missing(l->a, NULL,
		    order_zone_text(l->watches[i].order, zone), NULL, NULL,
		    "the change has not come to the agent yet");
}

static enum err
look_once(struct look *l)
{
	enum err e = OK;
	if (!l->arrived)
		e = ask_arrival(l);
	if (!e && !l->arrived)
		note_not_arrived(l);
	if (e || !l->arrived)
		return e;
	if (l->a->orders && (l->n - l->n_there <= OBSERVED_FEW || l->no_transfer)) {
		e = ask_txt(l->a->s, l->n, name_of, answer_of, l);
		l->has_serial = false;
	} else {
		e = look_by_transfer(l);
		if (e == ERR_DENIED && l->a->orders) {
			l->no_transfer = true;
			return look_once(l);
		}
	}
	if (!e) {
		l->looked = true;
		count_there(l);
	}
	if (!e && has_all(l) && l->a->end != AWAIT_GONE && !l->no_backends)
		e = look_at_backends(l);
	return e;
}

/* -- waiting ---------------------------------------------------------------- */

static void
sleep_ms(uint64_t ms)
{
	const struct timespec ts = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
	nanosleep(&ts, NULL);
}

/* Looks that keep the connection less than a quarter busy, between 20 ms and 1 s
 * apart, until all is there or time is up. A lost connection is made anew: the agent
 * may be restarting. */
static enum err
poll_until(struct look *l, uint64_t deadline)
{
	uint64_t pause = POLL_FIRST_MS;
	bool lost = false;
	for (;;) {
		uint64_t start = say_now_ms();
		session_limit_ms(l->a->s, deadline > start ? deadline - start : 0);
		enum err e = lost ? session_reopen(l->a->s) : OK;
		if (!e)
			e = look_once(l);
		lost = e != OK;
		if (e && !session_is_lost(e))
			return e;
		if (!e && (is_over(l) || l->no_backends))
			return OK;
		uint64_t now = say_now_ms(), wait = pause;
		if (now >= deadline)
			return e;
		if (wait < 3 * (now - start))
			wait = 3 * (now - start);
		sleep_ms(wait < deadline - now ? wait : deadline - now);
		pause = pause * 3 / 2 > POLL_LAST_MS ? POLL_LAST_MS : pause * 3 / 2;
	}
}

static void
watch_orders(struct look *l)
{
	const struct orders *orders = l->a->orders;
	l->watches = mem_zalloc((orders->n + 1) * sizeof(*l->watches));
	for (size_t i = 0; i < orders->n; i++) {
		struct order *o = &orders->items[i];
		if (o->state == ORDER_DONE || o->state == ORDER_OPEN)
			l->watches[l->n++].order = o;
	}
}

enum exit_status
await_run(struct await *a)
{
	struct look l = {.a = a, .arrived = !a->has_serial};
	uint64_t deadline = say_now_ms() + (uint64_t)a->timeout_s * 1000;
	if (a->orders)
		watch_orders(&l);
	enum err e = poll_until(&l, deadline);
	if (!e && !is_over(&l)) {
		l.collect = true;
		session_limit_ms(a->s, COLLECT_MS);
		e = look_once(&l);
	}
	say_progress_end();
	free(l.watches);
	free(l.backends);
	if (e) {
		say_error("%s", a->s->error);
		return EXIT_FAILED;
	}
	return is_over(&l) ? EXIT_DONE : EXIT_NOT_SERVED;
}

enum exit_status
await_change(struct ctl *ctl, struct await *a)
{
	enum err e = OK;
	if (ctl->await || a->s->n_moves > 0) {
		e = session_serial(a->s, &a->s->catalog, &a->serial);
		a->has_serial = e == OK;
		if (e == ERR_NOTFOUND) /* a key narrowed to some zones is not told */
			e = OK;
	}
	if (!e && !ctl->await)
		e = connect_return(a->s);
	if (e) {
		say_error("%s", a->s->error);
		return EXIT_FAILED;
	}
	return ctl->await ? ctl->await(ctl, a) : await_run(a);
}

void
await_print(const struct ctl *ctl, const struct await *a)
{
	static const struct column columns[] = {
	    {"agent", NULL, CELL_TEXT, false},
	    {"zone", NULL, CELL_TEXT, false},
	    {"backend", NULL, CELL_TEXT, false},
	    {"state", NULL, CELL_STATE, false},
	    {"error", NULL, CELL_TEXT, false},
	};
	size_t first = ctl->await ? 0 : 1; /* there is but one agent */
	if (!ctl->opt->json)
		return;
	output_table(ctl->out, "missing", columns + first, 5 - first);
	for (size_t i = 0; i < a->n_missing; i++) {
		const struct await_missing *m = &a->missing[i];
		const struct cell row[] = {cell_text(m->agent), cell_text(m->zone),
		    cell_text(m->backend), cell_text(m->state), cell_text(m->error)};
		output_row(ctl->out, row + first);
	}
	output_table_end(ctl->out);
}

static void
say_missing(const struct await_missing *m, const char *to)
{
	bool none = m->backend && strcmp(m->backend, "-") == 0;
	bool applied = m->state && strcmp(m->state, "applied") == 0;
	const char *why = m->error  ? m->error
			  : applied ? "but it has not answered for it yet"
				    : "";
	if (m->state && strcmp(m->state, "serving") == 0 && m->error)
		to = "not changed";
	const char *agent = m->agent ? m->agent : "", *colon = m->agent ? ": " : "";
	if (!m->zone)
		say_error("%s%s%s%s%s", agent, colon, m->backend ? m->backend : "",
		    m->backend ? ": " : "", m->error);
	else if (none || !m->backend)
		say_error("%s%s%s: %s: %s", agent, colon, m->zone, to,
		    none ? "the agent has no backend" : m->error);
	else
		say_error("%s%s%s: %s by %s: %s%s%s", agent, colon, m->zone, to,
		    m->backend, m->state ? m->state : "?", *why ? ", " : "", why);
}

void
await_say(const struct await *a)
{
	for (size_t i = 0; i < a->n_missing; i++)
		say_missing(&a->missing[i],
		    a->end == AWAIT_GONE ? "not gone" : "not served");
}
