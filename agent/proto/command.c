/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/command.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "agent/catalog/catalog.h"
#include "agent/proto/rights.h"
#include "agent/store/members.h"
#include "agent/store/verb.h"
#include "agent/store/worklog.h"
#include "lib/catz.h"

struct command {
	struct store_txn *txn;
	struct update *u;
	struct dname apex; /* _command.C */
	struct buf text;   /* of the entry */
	bool reconfigure, release;
};

/* Those that are about the agent, and need admin. */
static bool
is_admins(enum verb_kind kind)
{
	return kind == VERB_KIND_RECONFIGURE || kind == VERB_KIND_RELEASE;
}

/* A record is refused. */
static enum err
deny(struct command *c, const char *reason)
{
	snprintf(c->u->why.reason, sizeof(c->u->why.reason), "%s", reason);
	return ERR_DENIED;
}

/* -- form ------------------------------------------------------------------- */

const char *
command_scan(const struct update *u, unsigned *rr)
{
	const struct proto_key *key = u->req.key;

	if (!rights_have(key, RIGHT_COMMAND) && !rights_have(key, RIGHT_ADMIN))
		return "no-command-right";
	if (u->prereqs.n > 0)
		return "prerequisites-not-here";
	for (size_t i = 0; i < u->updates.n; i++) {
		const struct rr *r = &u->updates.items[i];
		*rr = (unsigned)i + 1;
		if (r->class != CLASS_IN)
			return "only-additions";
		if (r->type != RR_TXT)
			return "not-a-verb";
	}
	*rr = 0;
	return NULL;
}

/* "<verb>" ["backend=<name>"] */
static enum err
parse_strings(struct command *c, const struct rr *rr, struct verb *verb)
{
	static const char backend[] = "backend=";
	const size_t head = sizeof(backend) - 1;
	size_t pos = 0;
	const uint8_t *s;
	uint8_t n;

	if (!txt_next(rr->rdata, rr->rdata_size, &pos, &s, &n) ||
	    !verb_find(s, n, &verb->kind))
		return deny(c, "unknown-verb");
	assert(verb->kind < VERB_KIND_BEGIN); /* these were seen to before */
	while (txt_next(rr->rdata, rr->rdata_size, &pos, &s, &n)) {
		bool fits = n > head && n - head < sizeof(verb->backend) &&
			    memcmp(s, backend, head) == 0 && memchr(s, 0, n) == NULL;
		if (!fits || verb->backend[0] != '\0' || is_admins(verb->kind))
			return deny(c, "unknown-argument");
		memcpy(verb->backend, s + head, n - head);
	}
	return OK;
}

/* -- who may ---------------------------------------------------------------- */

static enum err
check_right(struct command *c, const struct verb *verb)
{
	const struct proto_key *key = c->u->req.key;
	bool admin = is_admins(verb->kind);

	if (!rights_have(key, admin ? RIGHT_ADMIN : RIGHT_COMMAND))
		return deny(c, admin ? "no-admin-right" : "no-command-right");
	return OK;
}

static enum err
check_all(struct command *c, const struct verb *verb)
{
	if (rights_narrowed(c->u->req.key))
		return deny(c, "not-permitted");
	if (!verb->all && !verb_is_zonal(verb->kind))
		return deny(c, "only-for-all");
	return OK;
}

/* -- which zone ------------------------------------------------------------- */

/* The member an owner names. ERR_NOTFOUND: no such name can be. */
static enum err
find_id(struct command *c, const struct dname *owner, struct verb *verb)
{
	uint8_t nr = c->u->catalog->nr;
	unsigned n = dname_n_labels(owner) - dname_n_labels(&c->apex);
	struct label last;
	struct dname rest;

	dname_strip(owner, n - 1, &rest);
	enum err err = dname_first_label(&rest, &last);
	if (err != OK)
		return err;
	if (n == 2 && label_is(&last, "_id"))
		return dname_first_label(owner, &verb->id);
	if (last.data[0] == '_')
		return ERR_NOTFOUND;
	err = dname_join(owner->wire, (size_t)(owner->size - c->apex.size), &dname_root,
	    &verb->zone);
	if (err != OK)
		return ERR_NOTFOUND;
	return members_find_zone(c->txn, nr, &verb->zone, &verb->id);
}

/* To a narrowed key what is not there is as what it may not see. */
static enum err
find_member(struct command *c, const struct dname *owner, struct verb *verb)
{
	const struct proto_key *key = c->u->req.key;
	bool permitted = true;
	struct member m;

	member_init(&m);
	enum err err = find_id(c, owner, verb);
	if (err == OK)
		err = members_get(c->txn, c->u->catalog->nr, &verb->id, &m);
	if (err == OK) {
		verb->zone = m.zone;
		permitted = rights_member(key, c->u->catalog, &m);
	}
	member_fini(&m);
	if (err == ERR_NOTFOUND)
		return deny(c,
		    rights_narrowed(key) ? "not-permitted" : "no-such-member");
	if (err == OK && !permitted)
		return deny(c, "not-permitted");
	return err;
}

static enum err
find_target(struct command *c, const struct dname *owner, struct verb *verb)
{
	const struct label all = label_of("_all");
	struct dname name;

	if (dname_equal(owner, &c->apex))
		return deny(c, "no-zone-named");
	verb->all =
	    dname_prepend(&all, &c->apex, &name) == OK && dname_equal(owner, &name);
	if (verb->all || !verb_is_zonal(verb->kind))
		return check_all(c, verb);
	return find_member(c, owner, verb);
}

static enum err
check_backend(struct command *c, const struct verb *verb)
{
	const struct proto_backend *b;

	if (verb->backend[0] == '\0')
		return OK;
	for (size_t i = 0; (b = view_backend(c->u->req.view, c->u->catalog->nr, i));
	     i++)
		if (strcmp(b->name, verb->backend) == 0)
			return OK;
	return deny(c, "no-such-backend");
}

/* -- the whole -------------------------------------------------------------- */

static enum err
take(struct command *c, const struct rr *rr)
{
	struct verb verb = {.all = false};
	enum err err = parse_strings(c, rr, &verb);

	if (err == OK)
		err = check_right(c, &verb);
	if (err == OK)
		err = find_target(c, &rr->owner, &verb);
	if (err == OK)
		err = check_backend(c, &verb);
	if (err != OK)
		return err;
	c->reconfigure |= verb.kind == VERB_KIND_RECONFIGURE;
	c->release |= verb.kind == VERB_KIND_RELEASE;
	/* That one has a log entry of its own. */
	if (verb.kind != VERB_KIND_RELEASE)
		verb_put(&c->text, &verb);
	return c->text.err;
}

/* Those who carry out the others look for them in WORK_COMMAND. */
static enum err
release(struct command *c, const struct catalog_head *head)
{
	struct update *u = c->u;
	struct catalog_origin origin = {.by = key_name_text(u->req.tsig.key),
	    .source = u->source,
	    .now = u->req.now};

	u->changed = u->release = true;
	return catalog_release(c->txn, head, &origin, &u->seq, &u->n_released);
}

enum err
command_append(struct store_txn *txn, struct update *u, struct buf *text)
{
	struct work w = {.kind = WORK_COMMAND,
	    .catalog = u->catalog->nr,
	    .time = u->req.now,
	    .serial_from = u->serial,
	    .serial_to = u->serial,
	    .text = buf_text(text)};

	snprintf(w.by, sizeof(w.by), "%s", key_name_text(u->req.tsig.key));
	snprintf(w.source, sizeof(w.source), "%s", u->source);
	worklog_append(txn, &w);
	u->seq = w.seq;
	u->changed = true;
	return store_err(txn);
}

static enum err
take_all(struct command *c, const struct catalog_head *head)
{
	struct update *u = c->u;
	enum err err = OK;

	for (size_t i = 0; i < u->updates.n && err == OK; i++) {
		u->why.rr = (unsigned)i + 1;
		err = take(c, &u->updates.items[i]);
	}
	if (err == ERR_DENIED) {
		u->rcode = RCODE_REFUSED;
		return OK;
	}
	u->why.rr = 0;
	u->reconfigure = err == OK && c->reconfigure;
	if (err == OK && c->release)
		err = release(c, head);
	return err == OK && c->text.size > 0 ? command_append(c->txn, u, &c->text)
					     : err;
}

enum err
command_run(struct store_txn *txn, struct update *u)
{
	struct command c = {.txn = txn, .u = u};
	struct catalog_head head;
	enum err err = catalogs_get(txn, u->catalog->nr, &head);

	if (err == OK)
		err = catz_control_zone("_command", &head.name, &c.apex);
	if (err != OK)
		return err == ERR_NOTFOUND ? ERR_CORRUPT : err;
	u->serial = head.soa.serial;
	buf_init(&c.text, 0);
	err = take_all(&c, &head);
	buf_fini(&c.text);
	return err;
}
