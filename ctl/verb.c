/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/ask.h"
#include "ctl/commands.h"
#include "ctl/connect.h"
#include "ctl/options.h"
#include "ctl/outcome.h"
#include "ctl/output.h"
#include "ctl/say.h"
#include "lib/catz.h"
#include "lib/mem.h"
#include "lib/observed.h"
#include "lib/order.h"

/*
 * The verbs: UPDATEs of _command.C, a record for each zone, so many in one
 * message. The agent takes all of a message or none; if it blames one of the
 * zones, they are sent one by one. Nothing is sent twice: what a lost
 * connection leaves open is told as such.
 */

enum { CHUNK = 500, LATER_MAX = 300, LATER_MS = 100, BACKEND_MAX = 63 };

struct verb {
	const struct ctl *ctl;
	const char *name; /* as the agent has it, too */
	struct session s;
	struct dname apex; /* _command.C */
	struct orders orders;
	uint64_t *entries; /* of the agent's log, for each order */
	unsigned n_later;
};

/* -- one message ------------------------------------------------------------ */

static void
put_verb(const struct verb *v, const struct dname *owner, struct wire_out *out)
{
	const char *backend = v->ctl->opt->backend;
	struct buf rdata;
	buf_init(&rdata, 0);
	txt_put(&rdata, v->name);
	if (backend)
		txt_printf(&rdata, "backend=%s", backend);
	const struct rr rr = {.owner = *owner,
	    .type = RR_TXT,
	    .class = CLASS_IN,
	    .rdata_size = (uint16_t)rdata.size,
	    .rdata = rdata.data};
	msg_put_rr(out, (enum msg_section)MSG_UPDATES, &rr);
	buf_fini(&rdata);
}

static enum err
exchange_zones(struct verb *v, size_t from, size_t n, struct msg *msg)
{
	uint16_t request;
	struct wire_out *out = session_begin(&v->s, OPCODE_UPDATE, &v->apex, RR_SOA);
	for (size_t i = from; i < from + n; i++) {
		const struct order *o = &v->orders.items[i];
		struct dname zone, owner;
		struct label id = order_id(o);
		if (o->state != ORDER_OPEN)
			continue;
		order_zone(o, &zone);
		if (!observed_owner(&zone, &id, &v->apex, &owner))
			put_verb(v, &owner, out);
	}
	enum err e = session_send(&v->s, out, &request);
	return e ? e : session_receive(&v->s, msg);
}

/* The entry of the agent's log, told beside NOERROR; 0: it was not. */
static uint64_t
read_entry(const struct msg *msg)
{
	char text[64];
	unsigned code;
	if (msg_get_ede(msg, &code, text, sizeof(text)) ||
	    strncmp(text, "seq=", 4) != 0)
		return 0;
	return strtoull(text + 4, NULL, 10);
}

/* Is it about one zone, so that others may pass? */
static bool
blames_zone(const struct msg *msg)
{
	char text[256];
	unsigned code;
	if (msg_get_ede(msg, &code, text, sizeof(text)))
		return true; /* nothing was said: find out */
	return strstr(text, "no-such-member") || strstr(text, "not-permitted");
}

static bool
is_later(struct verb *v, const struct msg *msg)
{
	const struct timespec pause = {0, LATER_MS * 1000000};
	if (!session_says_later(msg) || ++v->n_later > LATER_MAX)
		return false;
	nanosleep(&pause, NULL);
	return true;
}

/* -- many zones ------------------------------------------------------------- */

static void
settle(struct verb *v, size_t from, size_t n, enum order_state state, const char *why)
{
	const char *reason = why ? pool_strdup(&v->orders.pool, why) : NULL;
	for (size_t i = from; i < from + n; i++) {
		struct order *o = &v->orders.items[i];
		if (o->state != ORDER_OPEN)
			continue;
		o->state = (uint8_t)state;
		o->reason = reason;
	}
}

static void
give_up(struct verb *v, size_t from, size_t n)
{
	say_error("%s", v->s.error);
	settle(v, from, n, ORDER_UNKNOWN, "sent, but the answer was not seen");
	settle(v, from + n, v->orders.n - from - n, ORDER_REFUSED, "not sent");
}

static void
judge(struct verb *v, size_t from, size_t n, const struct msg *msg)
{
	char why[SESSION_REASON_MAX];
	v->n_later = 0;
	if (msg_rcode(msg) != RCODE_NOERROR) {
		settle(v, from, n, ORDER_REFUSED, session_reason(msg, why));
		return;
	}
	for (size_t i = from; i < from + n; i++)
		v->entries[i] = read_entry(msg);
	settle(v, from, n, ORDER_DONE, NULL);
}

static void
send_zones(struct verb *v)
{
	size_t at = 0, chunk = CHUNK, singly = 0; /* up to there */
	while (at < v->orders.n) {
		struct msg msg;
		size_t n = at < singly ? 1 : chunk;
		if (n > v->orders.n - at)
			n = v->orders.n - at;
		enum err e = v->orders.items[at].state != ORDER_OPEN && n == 1
				 ? ERR_NOTFOUND /* it has its reason */
				 : exchange_zones(v, at, n, &msg);
		if (e == ERR_SPACE && n > 1) {
			chunk = n / 2;
			continue;
		}
		if (e == ERR_SPACE) {
			settle(v, at, n, ORDER_REFUSED, v->s.error);
		} else if (e && e != ERR_NOTFOUND) {
			give_up(v, at, n);
			return;
		} else if (!e && is_later(v, &msg)) {
			continue;
		} else if (!e && msg_rcode(&msg) == RCODE_REFUSED && n > 1 &&
			   blames_zone(&msg)) {
			singly = at + n;
			continue;
		} else if (!e) {
			judge(v, at, n, &msg);
		}
		at += n;
		say_progress(v->name, at, v->orders.n);
	}
}

/* Names that do not fit below _command.C go by their id. */
static enum err
find_ids(struct verb *v)
{
	static const struct label none;
	for (size_t i = 0; i < v->orders.n; i++) {
		struct dname zone, owner;
		order_zone(&v->orders.items[i], &zone);
		if (observed_owner(&zone, &none, &v->apex, &owner))
			return ask_ids(&v->s, &v->orders);
	}
	return OK;
}

/* -- what is said ------------------------------------------------------------- */

static size_t
count_done(const struct verb *v)
{
	size_t n = 0;
	for (size_t i = 0; i < v->orders.n; i++)
		n += v->orders.items[i].state == ORDER_DONE;
	return n;
}

static void
print_head(const struct verb *v)
{
	output_field(v->ctl->out, "catalog", NULL, CELL_TEXT,
	    cell_text(v->s.catalog_text));
	output_field(v->ctl->out, "verb", NULL, CELL_TEXT, cell_text(v->name));
}

static void
print_zones(const struct verb *v)
{
	static const struct column columns[] = {
	    {"zone", NULL, CELL_TEXT, false},
	    {"result", NULL, CELL_TEXT, false},
	    {"reason", NULL, CELL_TEXT, false},
	};
	char zone[DNAME_TEXT_MAX];
	output_table(v->ctl->out, "zones", columns, 3);
	for (size_t i = 0; i < v->orders.n; i++) {
		const struct order *o = &v->orders.items[i];
		const char *result = o->state == ORDER_DONE      ? "accepted"
				     : o->state == ORDER_UNKNOWN ? "unknown"
								 : "failed";
		const struct cell row[] = {cell_text(order_zone_text(o, zone)),
		    cell_text(result), cell_text(o->reason)};
		output_row(v->ctl->out, row);
	}
	output_table_end(v->ctl->out);
}

static void
print_accepted(const struct verb *v, size_t n_done)
{
	char count[SAY_COUNT_MAX], line[128];
	if (v->ctl->opt->json) {
		print_head(v);
		print_zones(v);
	} else if (n_done > 0) {
		snprintf(line, sizeof(line), "%s: accepted for %s", v->name,
		    say_count(n_done, "zone", count));
		output_line(v->ctl->out, line);
	}
}

static void
say_refused(const struct verb *v)
{
	char zone[DNAME_TEXT_MAX];
	for (size_t i = 0; i < v->orders.n; i++) {
		const struct order *o = &v->orders.items[i];
		if (o->state != ORDER_DONE)
			say_error("%s: %s not accepted: %s", order_zone_text(o, zone),
			    v->name, o->reason ? o->reason : "not sent");
	}
}

static enum exit_status
verdict(const struct outcomes *o)
{
	size_t n_ok = outcomes_count(o, OUTCOME_OK);
	if (n_ok == o->n_rows)
		return EXIT_DONE;
	return n_ok == 0 ? EXIT_FAILED : EXIT_PARTLY;
}

/* What was recorded for the entries that the agent named. */
static enum exit_status
wait_for_outcomes(struct verb *v, struct orders *orders)
{
	struct outcomes o = {.s = &v->s,
	    .verb = v->name,
	    .backend = v->ctl->opt->backend,
	    .orders = orders,
	    .entries = v->entries,
	    .timeout_s = v->ctl->opt->wait_s};
	enum exit_status rc = outcomes_wait(&o);
	if (rc != EXIT_FAILED) {
		outcomes_print(v->ctl, &o);
		output_end(v->ctl->out);
		outcomes_say(&o);
	}
	if (rc == EXIT_DONE)
		rc = verdict(&o);
	outcomes_fini(&o);
	return rc;
}

/* -- running ---------------------------------------------------------------- */

static enum exit_status
open_verb(struct verb *v)
{
	const char *backend = v->ctl->opt->backend;
	if (backend && (!*backend || strlen(backend) > BACKEND_MAX)) {
		say_error("-b \"%s\": no name of a backend", backend);
		return EXIT_USAGE;
	}
	enum exit_status rc = connect_open(&v->s, v->ctl);
	if (!rc && catz_control_zone("_command", &v->s.catalog, &v->apex)) {
		say_error("catalog \"%s\": the name is too long", v->s.catalog_text);
		rc = EXIT_USAGE;
	}
	return rc;
}

static enum exit_status
run_zones(struct verb *v)
{
	if (find_ids(v)) {
		say_error("%s", v->s.error);
		return EXIT_FAILED;
	}
	send_zones(v);
	say_progress_end();
	size_t n = count_done(v);
	enum exit_status rc = n == v->orders.n ? EXIT_DONE
			      : n == 0         ? EXIT_FAILED
					       : EXIT_PARTLY;
	enum exit_status waited = EXIT_DONE;
	print_accepted(v, n);
	if ((v->ctl->opt->given & OPTION_WAIT) && n > 0)
		waited = wait_for_outcomes(v, &v->orders);
	output_end(v->ctl->out);
	say_refused(v);
	return rc ? rc : waited;
}

enum exit_status
verb_run(struct ctl *ctl)
{
	struct verb v = {.ctl = ctl, .name = ctl->opt->args[0]};
	enum exit_status rc = orders_read(ctl, ORDERS_ZONES, &v.orders);
	if (!rc && v.orders.n == 0 && !ctl->opt->from) {
		say_error("which zones? Name them, or --from FILE");
		rc = EXIT_USAGE;
	}
	v.entries = mem_zalloc((v.orders.n + 1) * sizeof(*v.entries));
	if (!rc)
		rc = open_verb(&v);
	if (!rc)
		rc = run_zones(&v);
	session_close(&v.s);
	orders_fini(&v.orders);
	free(v.entries);
	return rc;
}

static enum exit_status
run_agent(struct verb *v)
{
	char why[SESSION_REASON_MAX], line[64];
	struct msg msg;
	enum err e;
	do {
		e = order_send(&v->s, v->name, NULL, 0, v->ctl->opt->backend, &msg);
	} while (!e && is_later(v, &msg));
	if (e || msg_rcode(&msg) != RCODE_NOERROR) {
		say_error("%s: %s", v->name,
		    e ? v->s.error : session_reason(&msg, why));
		return EXIT_FAILED;
	}
	v->entries[0] = read_entry(&msg);
	if (v->ctl->opt->json) {
		print_head(v);
		output_field(v->ctl->out, "result", NULL, CELL_TEXT,
		    cell_text("accepted"));
	} else {
		snprintf(line, sizeof(line), "%s: accepted", v->name);
		output_line(v->ctl->out, line);
	}
	return v->ctl->opt->given & OPTION_WAIT ? wait_for_outcomes(v, NULL)
						: EXIT_DONE;
}

enum exit_status
verb_send_agent(struct ctl *ctl, const char *name)
{
	uint64_t entry = 0;
	struct verb v = {.ctl = ctl, .name = name, .entries = &entry};
	enum exit_status rc = open_verb(&v);
	if (!rc)
		rc = run_agent(&v);
	session_close(&v.s);
	return rc;
}

/* reconcile and reconfigure: about no zone in particular. */
enum exit_status
verb_run_agent(struct ctl *ctl)
{
	return verb_send_agent(ctl, ctl->opt->args[0]);
}
