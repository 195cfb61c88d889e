/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/update.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/proto/announce.h"
#include "agent/proto/command.h"
#include "agent/proto/control.h"
#include "agent/proto/prescan.h"
#include "agent/proto/reply.h"
#include "agent/proto/rights.h"
#include "agent/proto/transaction.h"
#include "lib/counters.h"
#include "lib/log.h"
#include "lib/mem.h"

enum { ORIGIN_MAX = 63 };

/* -- before the store ------------------------------------------------------- */

static void
decide(struct update *u, unsigned rcode, unsigned rr, const char *reason)
{
	u->early_rcode = rcode;
	u->early_why.rr = rr;
	snprintf(u->early_why.reason, sizeof(u->early_why.reason), "%s", reason);
}

/* The one to go to is the first of its configuration. */
static void
decide_follower(struct update *u)
{
	const struct proto_catalog *c = u->catalog;
	char text[ADDR_TEXT_MAX], reason[sizeof(u->early_why.reason)];

	if (c->n_primaries == 0) {
		decide(u, RCODE_REFUSED, 0, "not-primary");
		return;
	}
	const struct proto_remote *p = &c->primaries[0];
	int n = snprintf(reason, sizeof(reason), "not-primary primary=%s",
	    addr_print(&p->addr, text));
	/* A name that is too long is left out, not cut. */
	if (p->tls[0] != '\0' && strlen(p->tls) + 6 < sizeof(reason) - (size_t)n)
		snprintf(reason + n, sizeof(reason) - (size_t)n, " tls=%.90s", p->tls);
	decide(u, RCODE_REFUSED, 0, reason);
}

static void
scan_command(struct update *u, const struct dname *apex)
{
	unsigned rr = 0;
	const char *reason = control_scan(u, apex);

	u->is_command = true;
	if (reason == NULL && u->control == VERB_KINDS)
		reason = command_scan(u, &rr);
	if (reason != NULL && strcmp(reason, "not-primary") == 0)
		decide_follower(u);
	else if (reason != NULL)
		decide(u, RCODE_REFUSED, rr, reason);
}

/* RFC 2136 section 3.1, then the form of all records. */
static void
scan(struct update *u, const struct msg *msg)
{
	const struct view_zone *zone = view_zone_of(u->req.view, &msg->qname);
	unsigned rr = 0, rcode;

	if (msg->qtype != RR_SOA) {
		decide(u, RCODE_FORMERR, 0, "zone-type");
		return;
	}
	if (msg->qclass != CLASS_IN || !zone ||
	    !dname_equal(&zone->name, &msg->qname)) {
		decide(u, RCODE_NOTAUTH, 0, "no-such-zone");
		return;
	}
	u->catalog = zone->catalog;
	if (rrlist_read(msg, MSG_PREREQ, &u->prereqs) != OK ||
	    rrlist_read(msg, MSG_UPDATES, &u->updates) != OK) {
		decide(u, RCODE_FORMERR, 0, "malformed-record");
		return;
	}
	if ((rcode = prescan_prereqs(&u->prereqs, &zone->name, &rr)) != RCODE_NOERROR)
		decide(u, rcode, rr, "prerequisite");
	else if ((rcode = prescan_updates(&u->updates, &zone->name, &rr)) !=
		 RCODE_NOERROR)
		decide(u, rcode, rr, "update");
	else if (zone->kind == ZONE_STATUS || zone->kind == ZONE_LOG)
		decide(u, RCODE_REFUSED, 0, "read-only-zone");
	else if (zone->kind == ZONE_COMMAND)
		scan_command(u, &zone->name);
	else if (!rights_have(u->req.key, RIGHT_UPDATE))
		decide(u, RCODE_REFUSED, 0, "no-update-right");
	else if (!zone->catalog->primary)
		decide_follower(u);
}

/* What the reply needs of the message: header and question. */
static void
keep_head(struct update *u, const struct msg *msg)
{
	size_t size = msg->start[MSG_ANSWER];
	if (size > sizeof(u->head))
		size = sizeof(u->head);
	memcpy(u->head, msg->wire, size);
	u->msg = *msg;
	u->msg.wire = u->head;
	u->msg.size = size;
	u->req.msg = &u->msg;
}

/* -- after the commit ------------------------------------------------------- */

static void
free_update(struct update *u)
{
	struct proto_session *session = u->req.session;
	struct view *view = u->req.view;

	session->proto->update_bytes -= u->bytes;
	rrlist_fini(&u->prereqs);
	rrlist_fini(&u->updates);
	transaction_unref(u->transaction);
	free(u);
	view_unref(view);
	session_release(session);
}

static void
log_outcome(const struct update *u)
{
	const char *catalog = u->catalog ? u->catalog->label : "-";
	if (u->rcode == RCODE_NOERROR && u->changed)
		log_info("update", "catalog=%s key=%s source=%s serial=%u", catalog,
		    key_name_text(u->req.tsig.key), u->source, u->serial);
	else if (u->rcode == RCODE_NOERROR)
		log_debug("update", "catalog=%s key=%s source=%s serial=%u changed=%d",
		    catalog, key_name_text(u->req.tsig.key), u->source, u->serial,
		    u->changed);
	else
		log_info("update", "catalog=%s key=%s source=%s rcode=%s reason=%s",
		    catalog, key_name_text(u->req.tsig.key), u->source,
		    rcode_str(u->rcode), u->why.reason);
}

/* What is on disk now. */
static void
log_guard(const struct update *u)
{
	if (u->rcode != RCODE_NOERROR || u->again || !u->catalog)
		return;
	catalog_guard_log(&u->verdict, u->catalog->label,
	    key_name_text(u->req.tsig.key));
	if (u->release)
		log_warn("guard", "catalog=%s released=%" PRIu64 " by=%s source=%s",
		    u->catalog->label, u->n_released, key_name_text(u->req.tsig.key),
		    u->source);
}

void
update_print_why(const struct update *u, char *out, size_t size)
{
	char msg[24] = "", rr[24] = "";

	if (u->why_msg > 0)
		snprintf(msg, sizeof(msg), " msg=%u", u->why_msg);
	if (u->why.rr > 0)
		snprintf(rr, sizeof(rr), " rr=%u", u->why.rr);
	snprintf(out, size, "reason=%s%s%s", u->why.reason, msg, rr);
}

static void
send_outcome(struct update *u)
{
	struct reply r;
	char text[160];

	/* By this a client finds the outcome of its commands. */
	bool seq = u->rcode == RCODE_NOERROR && u->seq != 0;
	counter_add(&counters.updates[u->catalog ? u->catalog->nr : 0]
				     [counters_rcode(u->rcode)]);
	if (u->why.reason[0] != '\0')
		update_print_why(u, text, sizeof(text));
	if (seq)
		snprintf(text, sizeof(text), "seq=%" PRIu64, u->seq);
	reply_start(&r, &u->req, u->rcode, false);
	reply_send(&r, u->rcode == RCODE_REFUSED ? EDE_PROHIBITED : EDE_OTHER,
	    seq || u->why.reason[0] ? text : NULL);
}

static void
update_done(struct store_job *job, enum err err)
{
	struct update *u = (struct update *)job;
	if (err != OK) {
		u->rcode = err_rcode(err);
		u->why.rr = u->why_msg = 0;
		snprintf(u->why.reason, sizeof(u->why.reason), "%s",
		    err == ERR_FULL ? "storage-full" : "storage-failed");
	}
	if (u->control != VERB_KINDS)
		control_done(u);
	log_outcome(u);
	if (err == OK && u->changed && u->catalog)
		announce_changed(u->req.session->proto, u->catalog->nr);
	if (err == OK)
		log_guard(u);
	send_outcome(u);
	const struct proto *proto = u->req.session->proto;
	if (u->rcode == RCODE_NOERROR && u->reconfigure && proto->reconfigure != NULL)
		proto->reconfigure(proto->reconfigure_arg);
	free_update(u);
}

/* -- taking one ------------------------------------------------------------- */

/* What the client says on whose behalf it comes: a word for the history, which rights
 * have nothing to do with. */
static void
append_origin(const struct msg *msg, char *source, size_t room)
{
	const uint8_t *origin;
	size_t n;
	if (msg_get_option(msg, OPTION_ORIGIN, &origin, &n) != OK || n == 0)
		return;
	size_t at = strlen(source);
	at += (size_t)snprintf(source + at, room - at, " origin=");
	for (size_t i = 0; i < n && i < ORIGIN_MAX && at + 1 < room; i++) {
		bool plain = origin[i] > ' ' && origin[i] < 0x7f && origin[i] != '"' &&
			     origin[i] != '\\';
		source[at++] = plain ? (char)origin[i] : '?';
	}
	source[at] = '\0';
}

static struct update *
update_new(struct request *req)
{
	struct update *u = mem_alloc(sizeof(*u));

	/* Not cleared as a whole: head and the rest are large, and this is the
	 * path of every UPDATE. */
	u->job =
	    (struct store_job){.run = update_run, .done = update_done, .reap = true};
	u->req = *req;
	view_ref(u->req.view);
	session_hold(u->req.session);
	u->catalog = NULL;
	u->is_command = false;
	u->control = VERB_KINDS;
	u->transaction = NULL;
	u->staged = NULL;
	u->seq = 0;
	u->reconfigure = u->release = u->unlocked = false;
	memset(&u->verdict, 0, sizeof(u->verdict));
	memset(&u->prereqs, 0, sizeof(u->prereqs));
	memset(&u->updates, 0, sizeof(u->updates));
	u->early_rcode = RCODE_NOERROR;
	u->early_why.rr = 0;
	u->early_why.reason[0] = '\0';
	request_source(req, u->source, sizeof(u->source));
	append_origin(req->msg, u->source, sizeof(u->source));
	return u;
}

static bool
is_busy(const struct request *req)
{
	const struct proto *proto = req->session->proto;
	return proto->update_bytes > UPDATE_BYTES_MAX ||
	       store_queued(proto->store, STORE_CATALOG) > UPDATES_MAX;
}

/* What the connection has to do with it: transactions. */
static void
scan_session(struct update *u, const struct msg *msg)
{
	const char *reason = NULL;

	if (u->control != VERB_KINDS && u->early_rcode == RCODE_NOERROR)
		reason = control_take(u);
	else if (!u->is_command && u->catalog != NULL)
		reason = control_stage(u, msg);
	else if (u->catalog == NULL)
		control_spoil(u->req.session); /* who knows what it was to be of */
	if (reason != NULL)
		decide(u, RCODE_REFUSED, 0, reason);
}

void
update_receive(struct request *req)
{
	struct proto *proto = req->session->proto;

	if (is_busy(req)) {
		control_spoil(req->session);
		counter_add(&counters.updates[0][RCODE_SERVFAIL]);
		reply_error(req, RCODE_SERVFAIL, EDE_NOT_READY, "reason=busy");
		return;
	}
	struct update *u = update_new(req);
	scan(u, req->msg);
	scan_session(u, req->msg);
	keep_head(u, req->msg);
	u->bytes = sizeof(*u) + rrlist_bytes(&u->prereqs) + rrlist_bytes(&u->updates);
	proto->update_bytes += u->bytes;
	store_submit(proto->store, STORE_CATALOG, &u->job);
}
