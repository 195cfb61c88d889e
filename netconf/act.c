/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/act.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libyang/libyang.h>

#include "lib/catz.h"
#include "lib/mem.h"
#include "lib/observed.h"
#include "lib/order.h"
#include "netconf/fetch.h"
#include "netconf/text.h"
#include "netconf/tree.h"

enum { LATER_MAX = 100, LATER_MS = 100 };

struct act {
	struct request *rq;
	const char *verb, *backend;
	struct dname *zones;
	size_t n;
};

/* -- the verb ------------------------------------------------------------- */

/* Names that do not fit below _command.C go by their ids. */
static enum err
find_owners(struct act *a, struct session *s, struct dname *owners)
{
	struct dname command;
	struct memberlist members = {0};
	struct label id = {0};
	enum err e = catz_control_zone("_command", &s->catalog, &command);
	bool fits = true;
	for (size_t i = 0; i < a->n && fits && !e; i++)
		fits = !observed_owner(&a->zones[i], &id, &command, &owners[i]);
	if (e || fits)
		return e;
	struct fetch f = {.session = s,
	    .zones = a->zones,
	    .n = a->n,
	    .members = &members};
	e = fetch_zones(&f);
	for (size_t i = 0; i < a->n && !e; i++) {
		const struct memberlist_entry *m =
		    memberlist_find(&members, &a->zones[i]);
		if (!m) {
			fault_set(&a->rq->fault, NC_ERR_DATA_MISSING,
			    "a zone is not in the catalog");
			e = ERR_INVALID;
			break;
		}
		id.size = m->id_size;
		memcpy(id.data, m->id, m->id_size);
		e = observed_owner(&a->zones[i], &id, &command, &owners[i]);
	}
	memberlist_fini(&members);
	return e;
}

static enum err
send_verb(struct act *a, struct session *s, const struct dname *owners, struct msg *msg)
{
	const struct timespec pause = {0, LATER_MS * 1000000};
	enum err e = OK;
	for (unsigned i = 0; i < LATER_MAX; i++) {
		e = order_send(s, a->verb, owners, a->n, a->backend, msg);
		if (e || msg_rcode(msg) == RCODE_NOERROR || !session_says_later(msg))
			break;
		nanosleep(&pause, NULL);
	}
	return e;
}

static enum err
refused(struct act *a, const struct msg *msg)
{
	unsigned rr = fault_number(msg, "rr");
	fault_refused(&a->rq->fault, msg);
	if (rr > 0 && rr <= a->n)
		fault_zone(&a->rq->fault, &a->zones[rr - 1]);
	return ERR_INVALID;
}

static struct nc_server_reply *
reply_entry(struct request *rq, const struct msg *msg)
{
	char text[64];
	unsigned code;
	struct lyd_node *data = NULL;
	bool told = !msg_get_ede(msg, &code, text, sizeof(text)) &&
		    strncmp(text, "seq=", 4) == 0;
	if (lyd_dup_single(rq->rpc, NULL, 0, &data) ||
	    (told && lyd_new_term(data, NULL, "entry", text + 4, 1, NULL))) {
		lyd_free_all(data);
		return nc_server_reply_ok();
	}
	return nc_server_reply_data(data, NC_WD_UNKNOWN, NC_PARAMTYPE_FREE);
}

static struct nc_server_reply *
run(struct act *a)
{
	struct session *s = request_agent(a->rq);
	struct dname *owners = mem_alloc((a->n + 1) * sizeof(*owners));
	struct nc_server_reply *reply = NULL;
	struct msg msg;
	enum err e = s ? find_owners(a, s, owners) : ERR_INVALID;
	if (!e)
		e = send_verb(a, s, owners, &msg);
	if (e == ERR_SPACE)
		fault_set(&a->rq->fault, NC_ERR_TOO_BIG,
		    "more zones than one message has room for");
	else if (e && s)
		fault_unreachable(&a->rq->fault, s, e);
	else if (!e && msg_rcode(&msg) != RCODE_NOERROR)
		refused(a, &msg);
	else if (!e)
		reply = reply_entry(a->rq, &msg);
	/* A verb that may have been accepted is not given again. */
	a->rq->fault.lost = false;
	free(owners);
	return reply;
}

/* -- what is asked for ---------------------------------------------------- */

static enum err
add_zone(struct act *a, const char *text)
{
	enum err e = text_zone(text, &a->zones[a->n]);
	if (e)
		return fault_set(&a->rq->fault, NC_ERR_INVALID_VALUE,
		    "domain: \"%.300s\" is not the name of a zone as it is to be "
		    "written",
		    text);
	a->n++;
	return OK;
}

struct nc_server_reply *
act_on_zone(struct request *rq)
{
	struct dname zone;
	struct act a = {.rq = rq,
	    .verb = rq->rpc->schema->name,
	    .backend = tree_input(rq->rpc, "backend"),
	    .zones = &zone};
	const char *domain = tree_input(lyd_parent(rq->rpc), "domain");
	return add_zone(&a, domain ? domain : "") ? NULL : run(&a);
}

struct nc_server_reply *
act_zone_command(struct request *rq)
{
	struct act a = {.rq = rq,
	    .verb = tree_input(rq->rpc, "verb"),
	    .backend = tree_input(rq->rpc, "backend")};
	struct nc_server_reply *reply = NULL;
	size_t n = 0;
	enum err e = OK;
	for (const struct lyd_node *c = lyd_child(rq->rpc); c; c = c->next)
		n++;
	a.zones = mem_alloc((n + 1) * sizeof(*a.zones));
	for (const struct lyd_node *c = lyd_child(rq->rpc); c && !e; c = c->next)
		if (c->schema && strcmp(c->schema->name, "domain") == 0)
			e = add_zone(&a, lyd_get_value(c));
	if (!e && !a.verb)
		e = fault_element(&rq->fault, NC_ERR_MISSING_ELEM, "verb", "no verb");
	if (!e && a.n == 0 && !tree_input(rq->rpc, "all"))
		e = fault_element(&rq->fault, NC_ERR_MISSING_ELEM, "domain",
		    "neither zones nor all");
	if (!e)
		reply = run(&a);
	free(a.zones);
	return reply;
}

static struct nc_server_reply *
run_for_all(struct request *rq, const char *verb, const char *backend)
{
	struct act a = {.rq = rq, .verb = verb, .backend = backend};
	return run(&a);
}

struct nc_server_reply *
act_reconcile(struct request *rq)
{
	return run_for_all(rq, "reconcile", tree_input(rq->rpc, "backend"));
}

struct nc_server_reply *
act_reconfigure(struct request *rq)
{
	return run_for_all(rq, "reconfigure", NULL);
}

struct nc_server_reply *
act_release(struct request *rq)
{
	return run_for_all(rq, "release", NULL);
}

/* -- rights --------------------------------------------------------------- */

/* By an UPDATE that changes nothing. */
enum err
act_check_update(struct request *rq)
{
	struct msg msg;
	uint16_t id;
	struct session *s = request_agent(rq);
	if (!s)
		return ERR_INVALID;
	enum err e =
	    session_send(s, session_begin(s, OPCODE_UPDATE, &s->catalog, RR_SOA), &id);
	if (!e)
		e = session_receive(s, &msg);
	if (e)
		return fault_unreachable(&rq->fault, s, e);
	if (msg_rcode(&msg) == RCODE_NOERROR || fault_is_reason(&msg, "locked"))
		return OK;
	return fault_refused(&rq->fault, &msg);
}

enum err
act_check_admin(struct request *rq)
{
	struct msg msg;
	if (rq->peer->holds_running)
		return OK; /* or it would not have got it */
	struct session *s = request_agent(rq);
	if (!s)
		return ERR_INVALID;
	/* It has no lock, and is told so only if it might have one. */
	enum err e = order_send(s, "unlock", NULL, 0, NULL, &msg);
	if (e)
		return fault_unreachable(&rq->fault, s, e);
	if (msg_rcode(&msg) == RCODE_NOERROR || fault_is_reason(&msg, "not-locked"))
		return OK;
	return fault_refused(&rq->fault, &msg);
}
