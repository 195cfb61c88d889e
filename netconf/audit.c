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

enum { STRING_MAX = 4096 };

/* The last records of the transfer: an entry of many zones has many. */
struct line {
	uint64_t number; /* of the entry */
	uint8_t *rdata;
	uint16_t size;
};

struct audit {
	struct pool *pool;
	struct elem *root;
	struct dname log; /* _log.C */
	struct line *ring;
	size_t room, n; /* n: how many there were */
};

/* -- one record ----------------------------------------------------------- */

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
put_line(const struct audit *a, const struct line *l, unsigned nth)
{
	char word[STRING_MAX], text[32];
	const struct rr rr = {.type = RR_TXT, .rdata_size = l->size, .rdata = l->rdata};
	size_t pos = 0;
	struct elem *e = tree_add(a->pool, a->root, SCHEMA_NS, "entry", NULL);
	snprintf(text, sizeof(text), "%" PRIu64, l->number);
	tree_key(a->pool, e, "number", text);
	snprintf(text, sizeof(text), "%u", nth);
	tree_key(a->pool, e, "line", text);
	while (next_word(&rr, &pos, word))
		put_word(a, e, word);
}

/* -- the transfer --------------------------------------------------------- */

static enum err
ask_serial(struct session *s, const struct dname *log, uint32_t *serial)
{
	struct msg msg;
	struct msg_cursor c;
	struct rr rr;
	struct buf rdata;
	struct soa soa;
	enum err e = session_query(s, log, RR_SOA, &msg);
	if (e)
		return e;
	if (msg_rcode(&msg) != RCODE_NOERROR) {
		char why[SESSION_REASON_MAX];
		session_reason(&msg, why);
		snprintf(s->error, sizeof(s->error), "%s", why);
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

static bool
read_number(const struct dname *owner, uint64_t *number)
{
	struct label label;
	if (dname_first_label(owner, &label) || label.size > 19)
		return false;
	*number = 0;
	for (uint8_t i = 0; i < label.size; i++) {
		if (label.data[i] < '0' || label.data[i] > '9')
			return false;
		*number = *number * 10 + (uint64_t)(label.data[i] - '0');
	}
	return true;
}

static enum err
take_rr(void *arg, const struct rr *rr)
{
	struct audit *a = arg;
	uint64_t number;
	if (rr->type != RR_TXT || !read_number(&rr->owner, &number))
		return OK;
	struct line *l = &a->ring[a->n++ % a->room];
	free(l->rdata);
	*l = (struct line){.number = number,
	    .rdata = mem_dup(rr->rdata, rr->rdata_size),
	    .size = rr->rdata_size};
	return OK;
}

/* Lines of an entry stand together. The first one may have lost some. */
static void
put_lines(const struct audit *a)
{
	size_t first = a->n > a->room ? a->n - a->room : 0;
	uint64_t last = 0;
	unsigned nth = 0;
	for (size_t i = first; i < a->n; i++) {
		const struct line *l = &a->ring[i % a->room];
		nth = l->number == last ? nth + 1 : 1;
		last = l->number;
		put_line(a, l, nth);
	}
}

/* What was added since n entries ago is one step of an IXFR. */
enum err
audit_read(struct session *session, unsigned long n, struct pool *pool,
    struct elem *audit)
{
	struct audit a = {.pool = pool, .root = audit, .room = n};
	uint32_t last = 0;
	enum err e = catz_control_zone("_log", &session->catalog, &a.log);
	if (!e)
		e = ask_serial(session, &a.log, &last);
	uint32_t since = last > n ? (uint32_t)(last - n) : 0;
	a.ring = mem_zalloc(n * sizeof(*a.ring));
	if (!e)
		e = session_transfer_since(session, &a.log, since > 0 ? &since : NULL,
		    take_rr, &a);
	if (!e)
		put_lines(&a);
	for (size_t i = 0; i < n; i++)
		free(a.ring[i].rdata);
	free(a.ring);
	return e;
}
