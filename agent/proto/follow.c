/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/catalog/catalog.h"
#include "agent/proto/announce.h"
#include "agent/proto/follow_inside.h"
#include "agent/store/catalogs.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * Following a primary (RFC 1034 section 4.3.5, RFC 1995, RFC 1996):
 *
 *   idle -> call -> soa -+-> idle (there is nothing newer)
 *                        +-> ixfr -+-> store -> idle
 *                        +-> axfr -+
 *
 * All of an attempt is one connection to one primary; when it fails, the next
 * primary is asked, and after the last one comes a pause that grows up to the SOA's
 * RETRY. An IXFR that does not do is followed by an AXFR from the same primary.
 * Nothing of a transfer counts before all of it is here, verified, valid and on
 * disk: until then, and whatever is wrong with it, the last valid version stays.
 */

enum {
	SILENT_MS = 15000,    /* a primary that says nothing for so long */
	TRANSFER_MS = 900000, /* or sends for so long */
	PAUSE_MIN_MS = 1000,
	LOADING_PAUSE_MAX_MS = 60000, /* while we have nothing at all */
	INTERVAL_MAX_S = 28 * 86400,  /* of what an SOA may ask for */
	NOTIFY_PAUSE_MS = 200,        /* between attempts that NOTIFYs cause */
};

static void begin_call(struct follow *f);

/* -- who and when ----------------------------------------------------------- */

const struct proto_catalog *
follow_conf(const struct follow *f)
{
	return view_catalog(f->proto->view, f->nr);
}

static const struct proto_remote *
primary_of(const struct follow *f)
{
	const struct proto_catalog *c = follow_conf(f);

	return &c->primaries[f->at % c->n_primaries];
}

static uint64_t
interval_ms(uint32_t seconds)
{
	if (seconds < 1)
		seconds = 1;
	if (seconds > INTERVAL_MAX_S)
		seconds = INTERVAL_MAX_S;
	return (uint64_t)seconds * 1000;
}

/* 1 s, 2 s, 4 s, ... up to what the SOA says. */
static uint64_t
pause_ms(const struct follow *f)
{
	uint64_t max = f->loaded ? interval_ms(f->soa.retry) : LOADING_PAUSE_MAX_MS;
	unsigned shift = f->n_failed < 20 ? f->n_failed : 20;
	uint64_t pause = (uint64_t)PAUSE_MIN_MS << shift;

	return pause < max ? pause : max;
}

uint64_t
follow_expires(const struct follow *f)
{
	return f->checked + f->soa.expire;
}

static struct follow *
find(const struct proto *proto, uint8_t nr)
{
	struct follow *f = proto->follows;

	while (f && (f->nr != nr || f->is_gone))
		f = f->next;
	return f;
}

const char *
follow_why_not(const struct proto *proto, uint8_t catalog)
{
	const struct follow *f = find(proto, catalog);

	if (!f)
		return NULL;
	if (!f->loaded)
		return "reason=no-version-yet";
	return f->is_expired ? "reason=expired" : NULL;
}

/* -- the end of an attempt -------------------------------------------------- */

static void
hang_up(struct follow *f)
{
	if (f->line)
		f->proto->outward->hang_up(f->line);
	f->line = NULL;
	ask_fini(&f->ask);
	reception_fini(&f->rx);
}

static void
rest(struct follow *f, uint64_t pause)
{
	uint64_t now = calls_now(f->proto);

	f->stage = FOLLOW_IDLE;
	f->want_whole = false;
	f->due_ms = now + calls_jitter(pause);
	if (f->again && pause > NOTIFY_PAUSE_MS)
		f->due_ms = now + NOTIFY_PAUSE_MS;
	f->again = false;
	follow_store_status(f);
	calls_arm(f->proto);
}

static void
clear_error(struct follow *f)
{
	if (f->n_failed > 0 && !f->is_broken)
		log_info("follow", "catalog=%s primary=%s well again", f->label,
		    f->server);
	if (!f->is_broken)
		f->error[0] = '\0';
}

/* Some primary spoke for what we have. */
static void
end_current(struct follow *f)
{
	hang_up(f);
	if (f->is_expired)
		log_info("follow", "catalog=%s no longer expired", f->label);
	f->is_expired = false;
	if (f->has_behind && !f->has_equal) {
		snprintf(f->error, sizeof(f->error),
		    "serial-behind: the primary has an older serial than ours, %u",
		    (unsigned)f->soa.serial);
		log_warn("follow", "catalog=%s primary=%s %s", f->label, f->server,
		    f->error);
	} else {
		clear_error(f);
	}
	f->n_failed = 0;
	if (f->loaded) {
		f->checked = (uint64_t)time(NULL);
		follow_store_checked(f);
	}
	rest(f, interval_ms(f->loaded ? f->soa.refresh : 60));
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
	uint64_t pause = pause_ms(f);
	f->n_failed++;
	rest(f, pause);
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
	hang_up(f);
	if (f->stage == FOLLOW_IXFR && !f->want_whole) {
		log_info("follow", "catalog=%s primary=%s ixfr failed: %s: trying axfr",
		    f->label, f->server, why);
		f->want_whole = true;
		begin_call(f);
		return;
	}
	snprintf(f->error, sizeof(f->error), "%s: %s", f->server, why);
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

	reception_fini(&f->rx);
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

static void
begin(struct follow *f)
{
	f->n_tried = 0;
	f->has_behind = f->has_equal = f->want_whole = f->again = false;
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
	bool same_fault = f->is_broken && soa.serial == f->broken_serial;
	if (f->loaded && soa.serial != f->soa.serial && !same_fault &&
	    !serial_gt(soa.serial, f->soa.serial)) {
		f->has_behind = true;
		hang_up(f);
		next_primary(f);
	} else if (same_fault) {
		end_current(f);
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
	if (f->rx.is_current) {
		f->has_equal = true;
		end_current(f);
		return;
	}
	if (f->loaded && !serial_gt(f->rx.soa.serial, f->soa.serial)) {
		f->has_behind = true;
		hang_up(f);
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

/* -- what the store made of it ---------------------------------------------- */

void
follow_stored(struct follow *f, enum follow_outcome outcome)
{
	bool was_whole = f->want_whole;

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
		rest(f, interval_ms(f->soa.refresh));
		break;
	case FOLLOW_BROKEN:
		f->is_expired = false;
		f->is_broken = true;
		rest(f, interval_ms(f->loaded ? f->soa.refresh : 60));
		break;
	case FOLLOW_OUT_OF_STEP:
		if (!was_whole) {
			f->want_whole = true;
			begin_call(f);
			break;
		}
		/* fallthrough */
	case FOLLOW_NOT_STORED: next_primary(f); break;
	}
}

/* -- what is due ------------------------------------------------------------ */

static void
check_expiry(struct follow *f)
{
	uint64_t now = (uint64_t)time(NULL);

	if (f->checked > now) /* the clock was set back */
		f->checked = now;
	if (!f->loaded || f->is_expired || now < follow_expires(f))
		return;
	f->is_expired = true;
	log_error("follow",
	    "catalog=%s expired: no primary has spoken for it in %u s; nothing is "
	    "removed, and nobody is answered from it",
	    f->label, (unsigned)f->soa.expire);
	follow_store_status(f);
}

static void
run(struct follow *f, uint64_t now)
{
	check_expiry(f);
	if (f->stage == FOLLOW_IDLE && now >= f->due_ms)
		begin(f);
	else if (f->stage == FOLLOW_CALL && now >= f->silent_ms)
		fail(f, "no connection in %d s", SILENT_MS / 1000);
	else if (f->stage == FOLLOW_IDLE || f->stage == FOLLOW_STORE)
		return;
	else if (now >= f->silent_ms)
		fail(f, "no answer in %d s", SILENT_MS / 1000);
	else if (now >= f->end_ms)
		fail(f, "the transfer takes more than %d s", TRANSFER_MS / 1000);
}

void
follow_run(struct proto *proto)
{
	uint64_t now = calls_now(proto);

	for (struct follow *f = proto->follows; f; f = f->next)
		if (!f->is_gone)
			run(f, now);
}

static uint64_t
next_of(const struct follow *f, uint64_t now)
{
	uint64_t at = f->due_ms, unix_now = (uint64_t)time(NULL);

	if (f->stage == FOLLOW_STORE)
		at = CALLS_NEVER;
	else if (f->stage != FOLLOW_IDLE)
		at = f->silent_ms < f->end_ms ? f->silent_ms : f->end_ms;
	if (!f->loaded || f->is_expired)
		return at;
	uint64_t left = follow_expires(f) > unix_now ? follow_expires(f) - unix_now : 0;
	uint64_t expiry = now + left * 1000;
	return expiry < at ? expiry : at;
}

uint64_t
follow_next(const struct proto *proto)
{
	uint64_t now = calls_now(proto), at = CALLS_NEVER;

	for (const struct follow *f = proto->follows; f; f = f->next) {
		uint64_t next = f->is_gone ? CALLS_NEVER : next_of(f, now);
		if (next < at)
			at = next;
	}
	return at;
}

void
follow_notified(struct proto *proto, uint8_t catalog, size_t primary,
    const uint32_t *serial)
{
	struct follow *f = find(proto, catalog);

	if (!f || !proto->outward ||
	    (serial && f->loaded && *serial == f->soa.serial && !f->is_broken))
		return;
	if (f->stage != FOLLOW_IDLE) {
		f->again = true;
		return;
	}
	/* The one that told is asked first (RFC 1996 section 3.11). */
	f->at = primary;
	uint64_t now = calls_now(proto), at = f->begun_ms + NOTIFY_PAUSE_MS;
	if (f->begun_ms == 0 || at < now)
		at = now;
	if (at < f->due_ms)
		f->due_ms = at;
	calls_arm(proto);
}

/* -- life ------------------------------------------------------------------- */

static void
read_store(struct follow *f)
{
	struct store_txn *txn = store_read(f->proto->store, STORE_CATALOG);
	struct catalog_head head;
	struct catalog_upstream up;

	if (catalogs_get(txn, f->nr, &head) == OK)
		f->soa = head.soa;
	enum err err = catalogs_get_upstream(txn, f->nr, &up);
	store_end(&txn);
	if (err == OK) {
		f->loaded = up.loaded;
		f->checked = up.checked;
	} else if (err == ERR_NOTFOUND) {
		follow_store_role(f, true);
	}
}

static struct follow *
follow_new(struct proto *proto, const struct proto_catalog *c)
{
	struct follow *f = mem_zalloc(sizeof(*f));

	f->call =
	    (struct proto_call){.up = on_up, .message = on_message, .down = on_down};
	f->proto = proto;
	f->nr = c->nr;
	f->name = c->name;
	memcpy(f->label, c->label, sizeof(f->label));
	read_store(f);
	check_expiry(f);
	follow_store_status(f);
	f->next = proto->follows;
	proto->follows = f;
	return f;
}

static void
unlink_and_free(struct follow *f)
{
	struct follow **at = &f->proto->follows;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	free(f);
}

/* Its jobs come back first. */
void
follow_free(struct follow *f)
{
	if (f->is_gone && f->n_jobs == 0)
		unlink_and_free(f);
}

static void
drop(struct follow *f)
{
	hang_up(f);
	f->is_gone = true;
	follow_free(f);
}

void
follow_sync(struct proto *proto)
{
	for (struct follow *f = proto->follows, *next; f; f = next) {
		const struct proto_catalog *c = view_catalog(proto->view, f->nr);
		next = f->next;
		if (!f->is_gone && c && c->primary)
			follow_store_role(f, false);
		if (!f->is_gone && (!c || c->primary || c->n_primaries == 0))
			drop(f);
		else if (f->n_failed > 0) /* there may be others now */
			f->due_ms = calls_now(proto);
	}
	for (size_t i = 0; i < proto->view->conf.n_catalogs; i++) {
		const struct proto_catalog *c = &proto->view->conf.catalogs[i];
		if (!c->primary && c->n_primaries > 0 && !find(proto, c->nr))
			(void)follow_new(proto, c);
	}
}

void
follow_hang_up(struct proto *proto)
{
	for (struct follow *f = proto->follows; f; f = f->next) {
		hang_up(f);
		if (f->stage != FOLLOW_STORE)
			f->stage = FOLLOW_IDLE;
	}
}

void
follow_free_all(struct proto *proto)
{
	while (proto->follows) {
		struct follow *f = proto->follows;
		proto->follows = f->next;
		reception_fini(&f->rx);
		free(f);
	}
}
