/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/outcome.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/ask.h"
#include "ctl/output.h"
#include "ctl/say.h"
#include "lib/mem.h"
#include "lib/observed.h"

enum { POLL_FIRST_MS = 20, POLL_LAST_MS = 1000 };

static const char *const results[] = {
    [OUTCOME_OK] = "ok",
    [OUTCOME_UNSUPPORTED] = "unsupported",
    [OUTCOME_FAILED] = "failed",
    [OUTCOME_PENDING] = "pending",
    [OUTCOME_UNKNOWN] = "unknown",
};

/* -- the text --------------------------------------------------------------- */

static bool
parse_number(const char **text, uint64_t *number)
{
	size_t n = strspn(*text, "0123456789");
	if (n == 0 || n > 19)
		return false;
	*number = strtoull(*text, NULL, 10);
	*text += n;
	return true;
}

enum err
outcome_parse(const char *text, struct outcome *o)
{
	const char *colon = strchr(text, ':'), *at = strchr(text, '@');
	if (!colon || !at || at < colon)
		return ERR_FORM;
	size_t size = (size_t)(at - colon - 1), i = OUTCOME_OK;
	while (i <= OUTCOME_FAILED &&
	       (strlen(results[i]) != size || memcmp(results[i], colon + 1, size) != 0))
		i++;
	at++;
	if (i > OUTCOME_FAILED || !parse_number(&at, &o->time) ||
	    strncmp(at, " seq=", 5) != 0)
		return ERR_FORM;
	at += 5;
	if (!parse_number(&at, &o->seq) || (*at && *at != ' '))
		return ERR_FORM;
	o->result = (enum outcome_result)i;
	o->text = *at ? at + 1 : at;
	return OK;
}

/* -- looking ---------------------------------------------------------------- */

struct look {
	struct outcomes *o;
	bool *there; /* of each order: its rows are complete */
	size_t n_there;
	size_t i; /* the order whose answer is read */
	unsigned n_pending;
	bool collect; /* the last look: keep what is pending, too */
	bool no_backends;
};

static void
add_row(struct look *l, const char *zone, const char *backend, const struct outcome *is)
{
	struct outcomes *o = l->o;
	o->rows = mem_grow(o->rows, o->n_rows, &o->rows_room, sizeof(*o->rows));
	o->rows[o->n_rows++] = (struct outcome_row){
	    .zone = zone ? pool_strdup(&o->pool, zone) : NULL,
	    .backend = pool_strdup(&o->pool, backend),
	    .text = *is->text ? pool_strdup(&o->pool, is->text) : NULL,
	    .result = is->result,
	    .time = is->time,
	    .at = l->i,
	};
}

static void
take(struct look *l, const char *zone, const char *backend, uint64_t entry,
    const struct rr *rr)
{
	char value[OBSERVED_VALUE_MAX], error[OBSERVED_VALUE_MAX];
	struct outcome is = {.result = OUTCOME_PENDING};
	if (l->o->backend && strcmp(l->o->backend, backend) != 0)
		return;
	const char *last = observed_get(rr, "last-command", value);
	if (!last || outcome_parse(last, &is) || is.seq < entry) {
		/* What is wrong with the zone or backend may be what it waits for. */
		const char *why = observed_get(rr, "error", error);
		is =
		    (struct outcome){.result = OUTCOME_PENDING, .text = why ? why : ""};
		l->n_pending++;
	} else if (is.seq > entry) {
		is.result = OUTCOME_UNKNOWN;
		is.text = last;
	}
	add_row(l, zone, backend, &is);
}

/* -- zones ------------------------------------------------------------------ */

static enum err
name_of(void *arg, size_t i, struct dname *owner)
{
	struct look *l = arg;
	const struct order *order = &l->o->orders->items[i];
	struct dname zone;
	if (l->there[i] || order->state != ORDER_DONE)
		return ERR_NOTFOUND;
	order_zone(order, &zone);
	struct label id = order_id(order);
	return observed_owner(&zone, &id, &l->o->s->status, owner);
}

static enum err
take_zone(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	struct look *l = arg;
	char zone[DNAME_TEXT_MAX], backend[OBSERVED_VALUE_MAX];
	(void)kind;
	(void)name;
	if (!observed_get(rr, "backend", backend))
		return OK;
	l->no_backends |= strcmp(backend, "-") == 0;
	take(l, order_zone_text(&l->o->orders->items[l->i], zone), backend,
	    l->o->entries[l->i], rr);
	return OK;
}

static enum err
answer_of(void *arg, size_t i, const struct msg *msg)
{
	struct look *l = arg;
	size_t first = l->o->n_rows;
	l->i = i;
	l->n_pending = 0;
	enum err e = observed_read(l->o->s, msg, take_zone, l);
	if (e && e != ERR_NOTFOUND) /* not found: it is no member any more */
		return e;
	if (l->n_pending == 0) {
		l->there[i] = true;
		l->n_there++;
	} else if (!l->collect) {
		l->o->n_rows = first; /* look again */
	}
	return OK;
}

static size_t
count_done(const struct orders *orders)
{
	size_t n = 0;
	for (size_t i = 0; i < orders->n; i++)
		n += orders->items[i].state == ORDER_DONE;
	return n;
}

static enum err
look_at_zones(struct look *l, bool *over)
{
	size_t n = count_done(l->o->orders);
	enum err e = ask_txt(l->o->s, l->o->orders->n, name_of, answer_of, l);
	*over = l->n_there == n || l->no_backends;
	say_progress("waiting", l->n_there, n);
	return e;
}

/* -- backends --------------------------------------------------------------- */

static enum err
take_backend(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	struct look *l = arg;
	char backend[DNAME_TEXT_MAX];
	if (kind == OBSERVED_BACKEND)
		take(l, NULL, dname_print_short(name, backend), l->o->entries[0], rr);
	return OK;
}

static enum err
look_at_backends(struct look *l, bool *over)
{
	l->n_pending = 0;
	l->o->n_rows = 0;
	enum err e = session_reopen(l->o->s);
	if (!e)
		e = observed_transfer_head(l->o->s, take_backend, l);
	*over = l->n_pending == 0;
	return e;
}

/* -- waiting ---------------------------------------------------------------- */

static void
sleep_ms(uint64_t ms)
{
	const struct timespec ts = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
	nanosleep(&ts, NULL);
}

static enum err
look_once(struct look *l, bool *over)
{
	return l->o->orders ? look_at_zones(l, over) : look_at_backends(l, over);
}

/* A lost connection is made anew: the agent may be restarting. */
static enum err
poll_until(struct look *l, uint64_t deadline, bool *over)
{
	uint64_t pause = POLL_FIRST_MS;
	bool lost = false;
	for (;;) {
		uint64_t start = say_now_ms();
		enum err e = lost ? session_reopen(l->o->s) : OK;
		if (!e)
			e = look_once(l, over);
		lost = e != OK;
		if ((e && !session_is_lost(e)) || (!e && *over))
			return e;
		uint64_t now = say_now_ms(), wait = pause;
		if (now >= deadline)
			return e;
		if (wait < 3 * (now - start))
			wait = 3 * (now - start);
		sleep_ms(wait < deadline - now ? wait : deadline - now);
		pause = pause * 3 / 2 > POLL_LAST_MS ? POLL_LAST_MS : pause * 3 / 2;
	}
}

/* They ended in any order. */
static int
compare_rows(const void *a, const void *b)
{
	const struct outcome_row *x = a, *y = b;
	return x->at != y->at ? (x->at > y->at) - (x->at < y->at)
			      : strcmp(x->backend, y->backend);
}

enum exit_status
outcomes_wait(struct outcomes *o)
{
	struct look l = {.o = o};
	bool over = false;
	if (o->orders)
		l.there = mem_zalloc(o->orders->n + 1);
	enum err e =
	    poll_until(&l, say_now_ms() + (uint64_t)o->timeout_s * 1000, &over);
	if (!e && (!over || l.no_backends)) {
		l.collect = true;
		e = look_once(&l, &over);
	}
	say_progress_end();
	free(l.there);
	if (o->n_rows > 1)
		qsort(o->rows, o->n_rows, sizeof(*o->rows), compare_rows);
	if (e) {
		say_error("%s", o->s->error);
		return EXIT_FAILED;
	}
	return over && !l.no_backends ? EXIT_DONE : EXIT_NOT_SERVED;
}

void
outcomes_fini(struct outcomes *o)
{
	free(o->rows);
	o->rows = NULL;
	o->n_rows = o->rows_room = 0;
	pool_fini(&o->pool);
}

/* -- saying ----------------------------------------------------------------- */

void
outcomes_print(const struct ctl *ctl, const struct outcomes *o)
{
	static const struct column columns[] = {
	    {"zone", "ZONE", CELL_TEXT, true},
	    {"backend", "BACKEND", CELL_TEXT, false},
	    {"result", "RESULT", CELL_STATE, false},
	    {"time", NULL, CELL_TIME, false},
	    {"text", "TEXT", CELL_TEXT, true},
	};
	output_table(ctl->out, "outcomes", columns, 5);
	for (size_t i = 0; i < o->n_rows; i++) {
		const struct outcome_row *r = &o->rows[i];
		const struct cell row[] = {cell_text(r->zone), cell_text(r->backend),
		    cell_text(results[r->result]),
		    r->time ? cell_number(r->time) : cell_none(), cell_text(r->text)};
		output_row(ctl->out, row);
	}
	output_table_end(ctl->out);
}

void
outcomes_say(const struct outcomes *o)
{
	for (size_t i = 0; i < o->n_rows; i++) {
		const struct outcome_row *r = &o->rows[i];
		const char *zone = r->zone ? r->zone : "",
			   *text = r->text ? r->text : "";
		const char *is = r->result == OUTCOME_PENDING   ? "not done yet"
				 : r->result == OUTCOME_UNKNOWN ? "a later verb came"
								: results[r->result];
		if (r->result == OUTCOME_OK)
			continue;
		if (strcmp(r->backend, "-") == 0)
			say_error("%s: the agent has no backend", zone);
		else
			say_error("%s%s%s: %s %s%s%s", zone, *zone ? ": " : "",
			    r->backend, o->verb, is, *text ? ": " : "", text);
	}
}

size_t
outcomes_count(const struct outcomes *o, enum outcome_result result)
{
	size_t n = 0;
	for (size_t i = 0; i < o->n_rows; i++)
		n += o->rows[i].result == result;
	return n;
}
