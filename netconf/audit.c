/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/catz.h"
#include "lib/mem.h"
#include "lib/rr.h"
#include "netconf/schema.h"
#include "netconf/text.h"

enum { WINDOW = 64, STRING_MAX = 4096 };

struct audit {
	struct session *session;
	struct pool *pool;
	struct elem *root;
	struct dname log; /* _log.C */
};

/* -- one record ----------------------------------------------------------------- */

/* "key=value", with what follows in "key+=..." behind it; false: the end. */
static bool
next_word(const struct rr *rr, size_t *pos, char out[static STRING_MAX])
{
	const uint8_t *s;
	uint8_t size;
	size_t n, next;
	if (!txt_next(rr->rdata, rr->rdata_size, pos, &s, &size))
		return false;
	memcpy(out, s, size);
	n = size;
	for (;;) {
		next = *pos;
		if (!txt_next(rr->rdata, rr->rdata_size, &next, &s, &size))
			break;
		const uint8_t *plus = memchr(s, '+', size);
		if (!plus || plus + 1 >= s + size || plus[1] != '=' ||
		    n + size >= STRING_MAX - 1)
			break;
		if (memcmp(out, s, (size_t)(plus - s)) != 0 || out[plus - s] != '=')
			break;
		size_t skip = (size_t)(plus + 2 - s);
		memcpy(out + n, s + skip, size - skip);
		n += size - skip;
		*pos = next;
	}
	out[n] = '\0';
	return true;
}

static const char *
leaf_of(const char *key)
{
	static const char *const names[][2] = {{"op", "operation"}, {"key", "key"},
	    {"source", "source"}, {"origin", "origin"}, {"serial", "serial"},
	    {"zone", "domain"}, {"id", "member-id"}};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(names[i][0], key) == 0)
			return names[i][1];
	return NULL;
}

static void
put_word(const struct audit *a, struct elem *entry, char *word)
{
	char *eq = strchr(word, '=');
	if (eq)
		*eq = '\0';
	const char *leaf = eq ? leaf_of(word) : NULL;
	if (eq && strcmp(word, "time") == 0) {
		tree_leaf(a->pool, entry, "time", text_time_of(a->pool, eq + 1));
	} else if (leaf && !tree_find(entry, leaf)) {
		tree_leaf(a->pool, entry, leaf, eq + 1);
	} else {
		if (eq)
			*eq = '=';
		tree_leaf(a->pool, entry, "detail", word);
	}
}

static void
put_entry(const struct audit *a, uint64_t number, unsigned line, const struct rr *rr)
{
	char word[STRING_MAX], text[32];
	size_t pos = 0;
	struct elem *e = tree_add(a->pool, a->root, SCHEMA_NS, "entry", NULL);
	snprintf(text, sizeof(text), "%" PRIu64, number);
	tree_key(a->pool, e, "number", text);
	snprintf(text, sizeof(text), "%u", line);
	tree_key(a->pool, e, "line", text);
	while (next_word(rr, &pos, word))
		put_word(a, e, word);
}

/* -- questions ------------------------------------------------------------------ */

static enum err
ask_serial(struct audit *a, uint32_t *serial)
{
	struct msg msg;
	struct msg_cursor c;
	struct rr rr;
	struct buf rdata;
	struct soa soa;
	enum err e = session_query(a->session, &a->log, RR_SOA, &msg);
	if (e)
		return e;
	if (msg_rcode(&msg) != RCODE_NOERROR) {
		char why[SESSION_REASON_MAX];
		session_reason(&msg, why);
		snprintf(a->session->error, sizeof(a->session->error), "%s", why);
		return ERR_DENIED;
	}
	buf_init(&rdata, MSG_MAX);
	msg_walk(&msg, MSG_ANSWER, &c);
	e = msg_next(&c, &rdata, &rr);
	if (!e && rr.type == RR_SOA && !soa_read(rr.rdata, rr.rdata_size, &soa))
		*serial = soa.serial;
	buf_fini(&rdata);
	return e == ERR_NOTFOUND ? OK : e;
}

static void
take_answer(const struct audit *a, uint64_t number, const struct msg *msg)
{
	struct msg_cursor c;
	struct rr rr;
	struct buf rdata;
	unsigned line = 0;
	buf_init(&rdata, MSG_MAX);
	msg_walk(msg, MSG_ANSWER, &c);
	for (; !msg_next(&c, &rdata, &rr); buf_reset(&rdata))
		if (rr.type == RR_TXT)
			put_entry(a, number, ++line, &rr);
	buf_fini(&rdata);
}

static enum err
send_question(const struct audit *a, uint64_t number, uint16_t *id)
{
	char text[24];
	struct dname owner;
	snprintf(text, sizeof(text), "%" PRIu64, number);
	struct label label = label_of(text);
	enum err e = dname_prepend(&label, &a->log, &owner);
	if (e)
		return e;
	return session_send(a->session,
	    session_begin(a->session, OPCODE_QUERY, &owner, RR_TXT), id);
}

/* A window of questions at a time, and answers put in their order. */
static enum err
ask_some(const struct audit *a, uint64_t first, size_t n)
{
	uint16_t ids[WINDOW];
	struct elem *first_of[WINDOW] = {NULL}, *last_of[WINDOW] = {NULL};
	enum err e = OK;
	for (size_t i = 0; i < n && !e; i++)
		e = send_question(a, first + i, &ids[i]);
	for (size_t got = 0; got < n && !e; got++) {
		struct msg msg;
		struct audit part = *a;
		e = session_receive(a->session, &msg);
		for (size_t i = 0; i < n && !e; i++) {
			if (ids[i] != msg.id || first_of[i])
				continue;
			part.root = tree_add(a->pool, NULL, SCHEMA_NS, "audit", NULL);
			take_answer(&part, first + i, &msg);
			first_of[i] = part.root->child;
			last_of[i] = part.root->last;
			break;
		}
	}
	for (size_t i = 0; i < n && !e; i++) {
		if (!first_of[i])
			continue;
		if (a->root->last)
			a->root->last->next = first_of[i];
		else
			a->root->child = first_of[i];
		a->root->last = last_of[i];
	}
	return e;
}

enum err
audit_read(struct session *session, unsigned long n, struct pool *pool,
    struct elem *audit)
{
	struct audit a = {.session = session, .pool = pool, .root = audit};
	uint32_t last = 0;
	enum err e = catz_control_zone("_log", &session->catalog, &a.log);
	if (!e)
		e = ask_serial(&a, &last);
	uint64_t first = last > n ? last - n + 1 : 1;
	while (!e && first <= last) {
		size_t some = last - first + 1 < WINDOW ? (size_t)(last - first + 1)
							: (size_t)WINDOW;
		e = ask_some(&a, first, some);
		first += some;
	}
	return e;
}
