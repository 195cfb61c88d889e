/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/catalog/catalog.h"
#include "agent/proto/announce.h"
#include "agent/proto/follow_inside.h"
#include "lib/counters.h"
#include "lib/log.h"

/*
 * One attempt (RFC 1034 section 4.3.5, RFC 1995):
 *
 *   idle -> call -> soa -+-> idle (there is nothing newer)
 *                        +-> ixfr -+-> store -> idle
 *                        +-> axfr -+
 *
 * All of it is one connection to one primary; when it fails, the next primary is
 * asked, and after the last one comes a pause that grows up to the SOA's RETRY. An
 * IXFR that does not do is followed by an AXFR from the same primary.
 * Nothing of a transfer counts before all of it is here, verified, valid and on
 * disk: until then, and whatever is wrong with it, the last valid version stays.
 */

enum {
	SILENT_MS = 15000,    /* a primary that says nothing for so long */
	TRANSFER_MS = 900000, /* or sends for so long */
	PAUSE_MIN_MS = 1000,
	LOADING_PAUSE_MAX_MS = 60000, /* while we have nothing at all */
};

static void begin_call(struct follow *f);

/* -- whom, and how often ------------------------------------------------------ */

static const struct proto_remote *
primary_of(const struct follow *f)
{
	const struct proto_catalog *c = follow_conf(f);

	return &c->primaries[f->at % c->n_primaries];
}

/* 1 s, 2 s, 4 s, ... up to what the SOA says. */
static uint64_t
pause_ms(const struct follow *f)
{
	uint64_t max =
	    f->loaded ? follow_interval_ms(f->soa.retry) : LOADING_PAUSE_MAX_MS;
	unsigned shift = f->n_failed < 20 ? f->n_failed : 20;
	uint64_t pause = (uint64_t)PAUSE_MIN_MS << shift;

	return pause < max ? pause : max;
}

/* -- the end of an attempt -------------------------------------------------- */

void
follow_attempt_cancel(struct follow *f)
{
	if (f->line)
		f->proto->outward->hang_up(f->line);
	f->line = NULL;
	ask_fini(&f->ask);
	follow_store_drop(f->proto->store, &f->rx);
}

static void
rest(struct follow *f, uint64_t pause)
{
	uint64_t now = calls_now(f->proto);

	f->stage = FOLLOW_IDLE;
	f->want_whole = false;
	f->due_ms = now + calls_jitter(pause);
	if (f->again && pause > follow_notify_pause_ms(f))
		f->due_ms = now + follow_notify_pause_ms(f);
	f->again = false;
	follow_store_status(f);
	calls_arm(f->proto);
}

static void
clear_error(struct follow *f)
{
	if (f->n_failed > 0 && !f->is_broken)
		log_info("follow", "catalog=%s primary=%s state=well", f->label,
		    f->server);
	f->error[0] = '\0';
}

/* Some primary spoke for what we have. */
static void
end_current(struct follow *f)
{
	follow_attempt_cancel(f);
	if (f->is_expired) {
		f->is_expired = false;
		log_info("follow", "catalog=%s state=valid text=\"no longer expired\"",
		    f->label);
		announce_changed(f->proto, f->nr); /* they could not have it */
	}
	if (f->has_behind && !f->has_equal) {
		snprintf(f->error, sizeof(f->error),
		    "serial-behind: the primary has an older serial than ours, %u",
		    (unsigned)f->soa.serial);
		log_warn("follow", "catalog=%s primary=%s error=\"%s\"", f->label,
		    f->server, f->error);
	} else if (!f->has_newer) {
		clear_error(f);
	}
	f->n_failed = 0;
	/* One that stands still must not hide what another one has. */
	if (f->has_equal)
		f->at++;
	if (f->loaded) {
		f->checked = (uint64_t)time(NULL);
		follow_store_checked(f);
	}
	rest(f, follow_interval_ms(f->loaded ? f->soa.refresh : 60));
}

static void
rest_failed(struct follow *f)
{
	uint64_t pause = pause_ms(f);

	f->n_failed++;
	rest(f, pause);
}

static void
next_primary(struct follow *f)
{
	f->want_whole = false;
	f->at++;
	if (++f->n_tried < follow_conf(f)->n_primaries) {
		begin_call(f);
		return;
	}
	if (f->has_equal || f->has_behind) {
		end_current(f);
		return;
	}
	rest_failed(f);
}

static void
count_transfer(const struct follow *f, bool whole, enum count_outcome outcome)
{
	counter_add(&counters.transfers[f->nr][COUNT_IN]
				       [whole ? COUNT_AXFR : COUNT_IXFR][outcome]);
}

PRINTF(2, 3)
static void
fail(struct follow *f, const char *fmt, ...)
{
	char why[128];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	if (f->stage == FOLLOW_IXFR || f->stage == FOLLOW_AXFR)
		count_transfer(f, f->stage == FOLLOW_AXFR, COUNT_FAILED);
	follow_attempt_cancel(f);
	if (f->stage == FOLLOW_IXFR && !f->want_whole) {
		log_info("follow",
		    "catalog=%s primary=%s ixfr=failed error=\"%s\" text=\"trying axfr\"",
		    f->label, f->server, why);
		f->want_whole = true;
		begin_call(f);
		return;
	}
	size_t at = f->has_failed ? strlen(f->error) : 0;
	snprintf(f->error + at, sizeof(f->error) - at, "%s%s: %s", at > 0 ? "; " : "",
	    f->server, why);
	f->has_failed = true;
	f->has_newer |= f->stage == FOLLOW_AXFR;
	log_warn("follow", "catalog=%s primary=%s error=\"%s\"", f->label, f->server,
	    why);
	next_primary(f);
}

/* -- the questions ---------------------------------------------------------- */

static void
wait_for_reply(struct follow *f)
{
	f->silent_ms = calls_now(f->proto) + SILENT_MS;
	calls_arm(f->proto);
}

static void
ask(struct follow *f, enum follow_stage stage, uint16_t type)
{
	struct catalog_head head = {.name = f->name, .soa = f->soa};
	struct buf rdata;
	struct rr soa;

	f->stage = stage;
	ask_start(&f->ask, primary_of(f), OPCODE_QUERY, &f->name, type);
	buf_init(&rdata, 0);
	catalog_soa_rr(&head, &rdata, &soa);
	enum err err = ask_send(&f->ask, f->proto, f->line,
	    type == RR_IXFR ? &soa : NULL, MSG_AUTHORITY);
	buf_fini(&rdata);
	if (err != OK)
		fail(f, "cannot ask: %s", err_str(err));
	else
		wait_for_reply(f);
}

static void
ask_transfer(struct follow *f)
{
	bool whole = f->want_whole || !f->loaded;
	uint64_t max = follow_conf(f)->max_records;

	follow_store_drop(f->proto->store, &f->rx);
	reception_init(&f->rx, f->proto->store, &f->name, whole ? NULL : &f->soa.serial,
	    max);
	f->end_ms = calls_now(f->proto) + TRANSFER_MS;
	ask(f, whole ? FOLLOW_AXFR : FOLLOW_IXFR, whole ? RR_AXFR : RR_IXFR);
}

static void
on_up(struct proto_call *call)
{
	struct follow *f = (struct follow *)call;

	/* What is broken, or is ours, is not fetched again as long as it is the same.
	 */
	if ((f->loaded || f->is_broken) && !f->want_whole)
		ask(f, FOLLOW_SOA, RR_SOA);
	else
		ask_transfer(f);
}

static void
begin_call(struct follow *f)
{
	const struct proto_remote *p = primary_of(f);
	struct proto *proto = f->proto;

	addr_print(&p->addr, f->server);
	snprintf(f->source, sizeof(f->source), "%.59s/%s", f->server,
	    p->tls[0] != '\0' ? "tls" : "tcp");
	snprintf(f->by, sizeof(f->by), "%s", p->key ? key_name_text(p->key) : "-");
	f->stage = FOLLOW_CALL;
	f->end_ms = CALLS_NEVER;
	f->line = proto->outward->call(proto->net, &f->call, &p->addr, p->tls);
	if (!f->line)
		fail(f, "cannot be called");
	else
		wait_for_reply(f);
}

void
follow_attempt_begin(struct follow *f)
{
	f->n_tried = 0;
	f->has_behind = f->has_equal = f->want_whole = f->again = false;
	f->has_failed = f->has_newer = false;
	f->begun_ms = calls_now(f->proto);
	begin_call(f);
}

/* -- the answers ------------------------------------------------------------ */

/* The SOA of the answer section. */
static enum err
read_soa(const struct follow *f, const struct msg *msg, struct soa *soa)
{
	struct msg_cursor c;
	struct buf rdata;
	struct rr rr;
	enum err err;

	buf_init(&rdata, 0);
	msg_walk(msg, MSG_ANSWER, &c);
	while ((err = msg_next(&c, &rdata, &rr)) == OK) {
		if (rr.type == RR_SOA && rr.class == CLASS_IN &&
		    dname_equal(&rr.owner, &f->name)) {
			err = soa_read(rr.rdata, rr.rdata_size, soa);
			break;
		}
		buf_reset(&rdata);
	}
	buf_fini(&rdata);
	return err;
}

static void
take_soa(struct follow *f, const struct msg *msg)
{
	struct soa soa;

	if (!(msg->flags & FLAG_AA)) {
		fail(f, "it is not authoritative for the catalog");
		return;
	}
	if (read_soa(f, msg, &soa) != OK) {
		fail(f, "its answer has no SOA");
		return;
	}
	bool same_fault =
	    f->is_broken && f->is_fault_known && soa.serial == f->broken_serial;
	if (f->loaded && soa.serial != f->soa.serial && !same_fault &&
	    !serial_gt(soa.serial, f->soa.serial)) {
		f->has_behind = true;
		follow_attempt_cancel(f);
		next_primary(f);
	} else if (same_fault) {
		/* It speaks for what we have, but another one may have better. */
		f->has_equal = true;
		follow_attempt_cancel(f);
		next_primary(f);
	} else if (f->loaded && soa.serial == f->soa.serial) {
		/* A version that was broken has been taken back. */
		f->is_broken = false;
		f->has_equal = true;
		end_current(f);
	} else {
		ask_transfer(f);
	}
}

static void
take_transfer(struct follow *f, const struct msg *msg)
{
	if (reception_take(&f->rx, msg) != OK) {
		char why[sizeof(f->rx.why)];
		memcpy(why, f->rx.why, sizeof(why));
		fail(f, "%s", why);
		return;
	}
	if (!f->rx.is_done) {
		wait_for_reply(f);
		return;
	}
	if (!ask_is_vouched(&f->ask)) {
		fail(f, "the last message is not signed");
		return;
	}
	if (f->loaded && f->rx.soa.serial == f->soa.serial) {
		f->has_equal = true;
		end_current(f);
		return;
	}
	if (f->loaded && !serial_gt(f->rx.soa.serial, f->soa.serial)) {
		f->has_behind = true;
		follow_attempt_cancel(f);
		next_primary(f);
		return;
	}
	f->proto->outward->hang_up(f->line);
	f->line = NULL;
	ask_fini(&f->ask);
	bool whole = f->rx.version != NULL;
	log_debug("follow", "catalog=%s primary=%s received=%s serial=%u records=%llu",
	    f->label, f->server, whole ? "axfr" : "ixfr", (unsigned)f->rx.soa.serial,
	    (unsigned long long)f->rx.n_records);
	f->want_whole = whole;
	f->stage = FOLLOW_STORE;
	follow_store_take(f);
}

static void
on_message(struct proto_call *call, const uint8_t *wire, size_t size)
{
	struct follow *f = (struct follow *)call;
	struct msg msg;
	char why[160];

	if (ask_take(&f->ask, wire, size, &msg, why, sizeof(why)) != OK) {
		fail(f, "%s", why);
		return;
	}
	if (msg_rcode(&msg) != RCODE_NOERROR) {
		ask_print_rcode(&msg, why, sizeof(why));
		fail(f, "%s", why);
		return;
	}
	if (f->stage == FOLLOW_SOA)
		take_soa(f, &msg);
	else
		take_transfer(f, &msg);
}

static void
on_down(struct proto_call *call, const char *why)
{
	struct follow *f = (struct follow *)call;

	f->line = NULL;
	fail(f, "%s", why);
}

const struct proto_call follow_attempt_call = {
    .up = on_up,
    .message = on_message,
    .down = on_down,
};

/* -- patience --------------------------------------------------------------- */

uint64_t
follow_attempt_next(const struct follow *f)
{
	if (f->stage == FOLLOW_IDLE || f->stage == FOLLOW_STORE)
		return CALLS_NEVER;
	return f->silent_ms < f->end_ms ? f->silent_ms : f->end_ms;
}

void
follow_attempt_check(struct follow *f, uint64_t now)
{
	if (now < follow_attempt_next(f))
		return;
	if (now < f->silent_ms)
		fail(f, "the transfer takes more than %d s", TRANSFER_MS / 1000);
	else if (f->stage == FOLLOW_CALL)
		fail(f, "no connection in %d s", SILENT_MS / 1000);
	else
		fail(f, "no answer in %d s", SILENT_MS / 1000);
}

/* -- what the store made of it ---------------------------------------------- */

void
follow_attempt_stored(struct follow *f, enum follow_outcome outcome)
{
	bool was_whole = f->want_whole;

	count_transfer(f, was_whole, outcome == FOLLOW_TAKEN ? COUNT_OK : COUNT_FAILED);
	if (!f->proto->outward) { /* the agent stops */
		f->stage = FOLLOW_IDLE;
		return;
	}
	switch (outcome) {
	case FOLLOW_TAKEN:
		f->is_broken = f->is_expired = false;
		clear_error(f);
		f->n_failed = 0;
		announce_changed(f->proto, f->nr);
		rest(f, follow_interval_ms(f->soa.refresh));
		break;
	case FOLLOW_BROKEN:
		f->is_expired = false;
		f->is_broken = true;
		f->n_failed = 0;
		f->error[0] = '\0';
		rest(f, follow_interval_ms(f->loaded ? f->soa.refresh : 60));
		break;
	case FOLLOW_OUT_OF_STEP:
		if (!was_whole) {
			f->want_whole = true;
			begin_call(f);
			break;
		}
		/* fallthrough */
	case FOLLOW_NOT_STORED: /* another primary cannot mend it */
		rest_failed(f);
		break;
	}
}
