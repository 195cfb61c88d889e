/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/follow.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/proto/follow_inside.h"
#include "agent/store/catalogs.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * Following primaries: one struct follow for each catalog that is followed. Here is
 * when something is due: attempts (follow_attempt.c), which a NOTIFY (RFC 1996) may
 * hasten, and the end of what a catalog is good for without a primary (RFC 1034
 * section 4.3.5). What comes of an attempt is kept by follow_store.c.
 */

enum {
	INTERVAL_MAX_S = 28 * 86400,
	NOTIFY_PAUSE_MS = 200,
	NOTIFY_PAUSE_LONG_MS = 5000,
	NOTIFY_FAILURES = 3, /* and from then on the longer one */
};

const struct proto_catalog *
follow_conf(const struct follow *f)
{
	return view_catalog(f->proto->view, f->nr);
}

uint64_t
follow_interval_ms(uint32_t seconds)
{
	if (seconds < 1)
		seconds = 1;
	if (seconds > INTERVAL_MAX_S)
		seconds = INTERVAL_MAX_S;
	return (uint64_t)seconds * 1000;
}

uint64_t
follow_notify_pause_ms(const struct follow *f)
{
	return f->n_failed < NOTIFY_FAILURES ? NOTIFY_PAUSE_MS : NOTIFY_PAUSE_LONG_MS;
}

/* Time enough to ask and to ask again, whatever the SOA says. */
static uint64_t
lifetime_s(const struct follow *f)
{
	const struct soa *soa = &f->soa;
	uint64_t min =
	    (follow_interval_ms(soa->refresh) + follow_interval_ms(soa->retry)) / 1000;

	return soa->expire > min ? soa->expire : min;
}

static uint64_t
expires(const struct follow *f)
{
	return f->checked + lifetime_s(f);
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

/* -- what is due ------------------------------------------------------------ */

static void
check_expiry(struct follow *f)
{
	uint64_t now = (uint64_t)time(NULL);

	if (f->checked > now) /* the clock was set back */
		f->checked = now;
	if (!f->loaded || f->is_expired || now < expires(f))
		return;
	f->is_expired = true;
	log_error("follow",
	    "catalog=%s state=expired text=\"no primary has spoken for it in %" PRIu64
	    " s; nothing is removed, and nobody is answered from it\"",
	    f->label, lifetime_s(f));
	/* Nobody was asked: the clock was set, or the machine slept. */
	if (f->stage == FOLLOW_IDLE && f->n_failed == 0)
		f->due_ms = calls_now(f->proto);
	follow_store_status(f);
}

static void
run(struct follow *f, uint64_t now)
{
	check_expiry(f);
	if (f->stage != FOLLOW_IDLE)
		follow_attempt_check(f, now);
	else if (now >= f->due_ms)
		follow_attempt_begin(f);
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
	uint64_t at = f->stage == FOLLOW_IDLE ? f->due_ms : follow_attempt_next(f);
	uint64_t unix_now = (uint64_t)time(NULL);

	if (!f->loaded || f->is_expired)
		return at;
	uint64_t left = expires(f) > unix_now ? expires(f) - unix_now : 0;
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

	if (!f || !proto->outward)
		return;
	/* After failures it says that the primary is there again. */
	bool is_well = f->loaded && !f->is_expired && !f->is_broken && f->n_failed == 0;
	if (serial && *serial == f->soa.serial && is_well)
		return;
	if (f->stage != FOLLOW_IDLE) {
		f->again = true;
		return;
	}
	/* The one that told is asked first (RFC 1996 section 3.11). */
	f->at = primary;
	uint64_t now = calls_now(proto), at = f->begun_ms + follow_notify_pause_ms(f);
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
		follow_store_role(f->proto->store, f->nr, true);
	}
}

static struct follow *
follow_new(struct proto *proto, const struct proto_catalog *c)
{
	struct follow *f = mem_zalloc(sizeof(*f));

	f->call = follow_attempt_call;
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
	follow_attempt_cancel(f);
	f->is_gone = true;
	follow_free(f);
}

/* Also one that was followed before it was out of the configuration for a while. */
static void
end_following(struct proto *proto, uint8_t catalog)
{
	struct store_txn *txn = store_read(proto->store, STORE_CATALOG);
	struct catalog_upstream up;
	enum err err = catalogs_get_upstream(txn, catalog, &up);

	store_end(&txn);
	if (err == OK)
		follow_store_role(proto->store, catalog, false);
}

void
follow_sync(struct proto *proto)
{
	for (struct follow *f = proto->follows, *next; f; f = next) {
		const struct proto_catalog *c = view_catalog(proto->view, f->nr);
		next = f->next;
		if (!f->is_gone && (!c || c->primary || c->n_primaries == 0))
			drop(f);
		else if (!f->is_gone) {
			/* There may be others now, or what is valid is another. */
			f->is_fault_known = false;
			f->due_ms = calls_now(proto);
		}
	}
	for (size_t i = 0; i < proto->view->conf.n_catalogs; i++) {
		const struct proto_catalog *c = &proto->view->conf.catalogs[i];
		if (c->primary)
			end_following(proto, c->nr);
		else if (c->n_primaries > 0 && !find(proto, c->nr))
			(void)follow_new(proto, c);
	}
}

void
follow_hang_up(struct proto *proto)
{
	for (struct follow *f = proto->follows; f; f = f->next) {
		follow_attempt_cancel(f);
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
