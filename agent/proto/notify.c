/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/notify.h"

#include "agent/proto/follow.h"
#include "agent/proto/reply.h"
#include "lib/log.h"

static bool
is_from(const struct request *req, const struct proto_remote *p)
{
	if (addr_equal_host(&req->from, &p->addr))
		return true;
	return req->key && p->key &&
	       dname_equal(key_name(req->key->key), key_name(p->key));
}

/* What it says the serial is (section 3.7); a hint and no more. */
static bool
read_hint(const struct msg *msg, uint32_t *serial)
{
	struct msg_cursor c;
	struct buf rdata;
	struct soa soa;
	struct rr rr;

	buf_init(&rdata, 0);
	msg_walk(msg, MSG_ANSWER, &c);
	bool found = msg_next(&c, &rdata, &rr) == OK && rr.type == RR_SOA &&
		     dname_equal(&rr.owner, &msg->qname) &&
		     soa_read(rr.rdata, rr.rdata_size, &soa) == OK;
	buf_fini(&rdata);
	if (found)
		*serial = soa.serial;
	return found;
}

static const struct proto_catalog *
find_catalog(const struct request *req)
{
	const struct msg *msg = req->msg;
	const struct view_zone *zone = view_zone_of(req->view, &msg->qname);

	if (!zone || zone->kind != ZONE_CATALOG ||
	    !dname_equal(&zone->name, &msg->qname))
		return NULL;
	return zone->catalog;
}

static void
take(struct request *req, const struct proto_catalog *c, size_t primary)
{
	uint32_t serial = 0;
	bool hint = read_hint(req->msg, &serial);
	char source[80];
	struct reply r;

	request_source(req, source, sizeof(source));
	log_debug("follow", "catalog=%s notify from=%s serial=%u", c->label, source,
	    (unsigned)serial);
	reply_start(&r, req, RCODE_NOERROR, true);
	reply_send(&r, 0, NULL);
	follow_notified(req->session->proto, c->nr, primary, hint ? &serial : NULL);
}

bool
notify_receive(struct request *req)
{
	const struct proto_catalog *c = find_catalog(req);

	for (size_t i = 0; c && i < c->n_primaries; i++) {
		if (!is_from(req, &c->primaries[i]))
			continue;
		if (req->msg->qtype == RR_SOA && req->msg->qclass == CLASS_IN)
			take(req, c, i);
		else
			reply_error(req, RCODE_FORMERR, 0, NULL);
		return true;
	}
	if (!req->key)
		return false;
	if (!c)
		reply_error(req, RCODE_NOTAUTH, EDE_OTHER, "reason=no-such-zone");
	else if (c->primary)
		reply_error(req, RCODE_REFUSED, EDE_NOT_SUPPORTED,
		    "reason=no-follower");
	else
		reply_error(req, RCODE_REFUSED, EDE_PROHIBITED, "reason=not-a-primary");
	return true;
}
