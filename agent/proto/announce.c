/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/announce.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/catalog/catalog.h"
#include "agent/proto/calls.h"
#include "agent/proto/follow.h"
#include "agent/store/catalogs.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * One of these for each target of each catalog. At most one call at a time; what
 * changes meanwhile is told in the next. An attempt is two datagrams and then a
 * connection (RFC 1996 sections 3.5 and 3.6): a datagram is what every server listens
 * for and may be lost, or kept out by a filter; where TLS is wanted there is only the
 * connection. A target that does not answer is tried again, ever less often, for an
 * hour and more: it asks by itself in the end.
 */

enum {
	REPLY_MS = 10000,
	UDP_MS = 1000, /* for the first datagram; for the second, twice that */
	UDP_TRIES = 2,
	GAP_MS = 100, /* from one call to the next */
	PAUSE_MIN_MS = 1000,
	PAUSE_MAX_MS = 60000,
	TRIES_MAX = 70,
	START_MS = 2000, /* spread over it */
};

struct announce {
	struct proto_call call; /* first */
	struct announce *next;
	struct proto *proto;
	uint8_t nr;
	char label[64];
	struct dname name;
	struct proto_remote to; /* holds its key */
	void *line;             /* NULL: none */
	struct ask ask;
	bool is_wanted; /* there is something to tell */
	unsigned n_udp; /* datagrams of this attempt; UDP_TRIES: by connection now */
	unsigned n_failed;
	uint64_t due_ms, end_ms, begun_ms;
	bool is_kept; /* for sync */
};

/* -- a call ----------------------------------------------------------------- */

static void
hang_up(struct announce *a)
{
	if (a->line)
		a->proto->outward->hang_up(a->line);
	a->line = NULL;
	ask_fini(&a->ask);
}

static void
fail(struct announce *a, const char *why)
{
	unsigned shift = a->n_failed < 10 ? a->n_failed : 10;
	uint64_t pause = (uint64_t)PAUSE_MIN_MS << shift;
	char to[ADDR_TEXT_MAX];

	hang_up(a);
	if (pause > PAUSE_MAX_MS)
		pause = PAUSE_MAX_MS;
	a->is_wanted = ++a->n_failed < TRIES_MAX;
	a->due_ms = calls_now(a->proto) + calls_jitter(pause);
	if (a->n_failed == 1 || !a->is_wanted)
		log_warn("notify", "catalog=%s to=%s error=\"%s\"%s", a->label,
		    addr_print(&a->to.addr, to), why,
		    a->is_wanted ? "" : " text=\"giving up until the next change\"");
	else
		log_debug("notify", "catalog=%s to=%s error=\"%s\" tries=%u", a->label,
		    addr_print(&a->to.addr, to), why, a->n_failed);
	calls_arm(a->proto);
}

static enum err
read_head(const struct announce *a, struct catalog_head *head)
{
	struct store_txn *txn = store_read(a->proto->store, STORE_CATALOG);
	enum err err = catalogs_get(txn, a->nr, head);

	store_end(&txn);
	return err;
}

static void
on_up(struct proto_call *call)
{
	struct announce *a = (struct announce *)call;
	struct catalog_head head;
	struct buf rdata;
	struct rr soa;

	enum err err = read_head(a, &head);
	if (err == OK) {
		buf_init(&rdata, 0);
		catalog_soa_rr(&head, &rdata, &soa);
		ask_start(&a->ask, &a->to, OPCODE_NOTIFY, &a->name, RR_SOA);
		a->is_wanted = false; /* what comes from now on is news */
		err = ask_send(&a->ask, a->proto, a->line, &soa, MSG_ANSWER);
		buf_fini(&rdata);
	}
	if (err != OK)
		fail(a, err_str(err));
}

static bool
is_by_udp(const struct announce *a)
{
	return a->n_udp < UDP_TRIES && a->proto->outward->call_udp &&
	       a->to.tls[0] == '\0';
}

static void
connect_to(struct announce *a)
{
	const struct proto_outward *o = a->proto->outward;
	uint64_t now = calls_now(a->proto);

	if (is_by_udp(a)) {
		a->end_ms = now + ((uint64_t)UDP_MS << a->n_udp);
		a->line = o->call_udp(a->proto->net, &a->call, &a->to.addr);
	} else {
		a->end_ms = now + REPLY_MS;
		a->line = o->call(a->proto->net, &a->call, &a->to.addr, a->to.tls);
	}
	if (!a->line)
		fail(a, "cannot be called");
}

/* Nobody there, or not yet. */
static void
next(struct announce *a, const char *why, bool closed)
{
	bool was_udp = is_by_udp(a);

	a->n_udp = closed ? UDP_TRIES : a->n_udp + 1;
	if (!was_udp) {
		fail(a, why);
		return;
	}
	hang_up(a);
	connect_to(a);
	calls_arm(a->proto);
}

static void
on_message(struct proto_call *call, const uint8_t *wire, size_t size)
{
	struct announce *a = (struct announce *)call;
	char why[160], to[ADDR_TEXT_MAX];
	struct msg msg;

	enum err err = ask_take(&a->ask, wire, size, &msg, why, sizeof(why));
	if (err == ERR_FORM && is_by_udp(a))
		return; /* whoever sent that, the reply may still come */
	if (err == OK && msg_rcode(&msg) != RCODE_NOERROR) {
		ask_print_rcode(&msg, why, sizeof(why));
		err = ERR_DENIED;
	}
	if (err != OK) {
		fail(a, why);
		return;
	}
	const char *by = is_by_udp(a) ? "udp" : a->to.tls[0] != '\0' ? "tls" : "tcp";
	hang_up(a);
	log_debug("notify", "catalog=%s to=%s told by=%s", a->label,
	    addr_print(&a->to.addr, to), by);
	if (a->n_failed > 0)
		log_info("notify", "catalog=%s to=%s state=well", a->label,
		    addr_print(&a->to.addr, to));
	a->n_failed = 0;
	a->due_ms = a->begun_ms + GAP_MS;
	calls_arm(a->proto);
}

static void
on_down(struct proto_call *call, const char *why)
{
	struct announce *a = (struct announce *)call;

	a->line = NULL;
	next(a, why, true);
}

static void
begin(struct announce *a, uint64_t now)
{
	/* There is nothing to be had here yet, or no longer. */
	if (follow_why_not(a->proto, a->nr)) {
		a->is_wanted = false;
		return;
	}
	a->begun_ms = now;
	a->n_udp = 0;
	connect_to(a);
}

/* -- what is due ------------------------------------------------------------ */

void
announce_changed(struct proto *proto, uint8_t catalog)
{
	bool any = false;

	for (struct announce *a = proto->announces; a; a = a->next) {
		if (a->nr != catalog)
			continue;
		uint64_t now = calls_now(proto), at = a->begun_ms + GAP_MS;
		/* A target that is away has its own pace, but news is worth a try. */
		if (a->n_failed < 4 || a->n_failed >= TRIES_MAX)
			a->due_ms = a->begun_ms != 0 && at > now ? at : now;
		if (a->n_failed >= TRIES_MAX)
			a->n_failed = 4;
		a->is_wanted = any = true;
	}
	if (any)
		calls_arm(proto);
}

void
announce_run(struct proto *proto)
{
	uint64_t now = calls_now(proto);

	for (struct announce *a = proto->announces; a; a = a->next) {
		if (a->line && now >= a->end_ms)
			next(a, "no answer", false);
		else if (!a->line && a->is_wanted && now >= a->due_ms)
			begin(a, now);
	}
}

uint64_t
announce_next(const struct proto *proto)
{
	uint64_t at = CALLS_NEVER;

	for (const struct announce *a = proto->announces; a; a = a->next) {
		uint64_t next = a->line        ? a->end_ms
				: a->is_wanted ? a->due_ms
					       : CALLS_NEVER;
		if (next < at)
			at = next;
	}
	return at;
}

/* -- life ------------------------------------------------------------------- */

static bool
same_remote(const struct proto_remote *a, const struct proto_remote *b)
{
	return addr_equal(&a->addr, &b->addr) && strcmp(a->tls, b->tls) == 0;
}

static struct announce *
find(struct proto *proto, uint8_t nr, const struct proto_remote *to)
{
	struct announce *a = proto->announces;

	while (a && (a->nr != nr || !same_remote(&a->to, to)))
		a = a->next;
	return a;
}

static void
add(struct proto *proto, const struct proto_catalog *c, const struct proto_remote *to)
{
	struct announce *a = mem_zalloc(sizeof(*a));

	a->call =
	    (struct proto_call){.up = on_up, .message = on_message, .down = on_down};
	a->proto = proto;
	a->nr = c->nr;
	a->name = c->name;
	memcpy(a->label, c->label, sizeof(a->label));
	a->to = *to;
	if (a->to.key)
		key_ref(a->to.key);
	a->is_wanted = a->is_kept = true;
	a->due_ms = calls_now(proto) + calls_spread(START_MS);
	a->next = proto->announces;
	proto->announces = a;
}

static void
sync_one(struct proto *proto, const struct proto_catalog *c,
    const struct proto_remote *to)
{
	struct announce *a = find(proto, c->nr, to);

	if (!a) {
		add(proto, c, to);
		return;
	}
	if (to->key)
		key_ref(to->key);
	key_unref(a->to.key);
	a->to.key = to->key;
	a->is_kept = true;
}

static void
free_one(struct announce *a)
{
	ask_fini(&a->ask);
	key_unref(a->to.key);
	free(a);
}

void
announce_sync(struct proto *proto)
{
	struct announce **at = &proto->announces;

	if (!proto->outward) /* there is no time yet to spread them over */
		return;
	for (struct announce *a = proto->announces; a; a = a->next)
		a->is_kept = false;
	for (size_t i = 0; i < proto->view->conf.n_catalogs; i++) {
		const struct proto_catalog *c = &proto->view->conf.catalogs[i];
		for (size_t j = 0; j < c->n_notify; j++)
			sync_one(proto, c, &c->notify[j]);
	}
	while (*at) {
		struct announce *a = *at;
		if (a->is_kept) {
			at = &a->next;
			continue;
		}
		*at = a->next;
		hang_up(a);
		free_one(a);
	}
}

void
announce_hang_up(struct proto *proto)
{
	for (struct announce *a = proto->announces; a; a = a->next)
		hang_up(a);
}

void
announce_free_all(struct proto *proto)
{
	while (proto->announces) {
		struct announce *a = proto->announces;
		proto->announces = a->next;
		free_one(a);
	}
}
