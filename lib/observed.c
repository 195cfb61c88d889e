/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/observed.h"

#include <stdio.h>
#include <string.h>

static enum observed_kind
kind_of_label(const struct label *label)
{
	if (label_is(label, "_id"))
		return OBSERVED_ID;
	if (label_is(label, "_backend"))
		return OBSERVED_BACKEND;
	if (label_is(label, "_pattern"))
		return OBSERVED_PATTERN;
	return label->data[0] == '_' ? OBSERVED_OTHER : OBSERVED_ZONE;
}

/* The owner without its last n labels, as a name of its own. */
static void
without_last(const struct dname *owner, unsigned n, struct dname *out)
{
	struct dname rest;
	dname_strip(owner, dname_n_labels(owner) - n, &rest);
	if (dname_join(owner->wire, (size_t)(owner->size - rest.size), &dname_root,
		out))
		*out = dname_root; /* cannot be: it is shorter */
}

void
observed_classify(const struct dname *owner, const struct dname *status,
    enum observed_kind *kind, struct dname *name)
{
	*name = dname_root;
	*kind = OBSERVED_OTHER;
	if (dname_equal(owner, status))
		*kind = OBSERVED_AGENT;
	if (!dname_is_below(owner, status))
		return;
	unsigned n_status = dname_n_labels(status), n = dname_n_labels(owner);
	struct dname last;
	struct label label;
	dname_strip(owner, n - n_status - 1, &last);
	if (dname_first_label(&last, &label))
		return;
	*kind = kind_of_label(&label);
	if (*kind == OBSERVED_ZONE)
		without_last(owner, n_status, name);
	else if (n > n_status + 1)
		without_last(owner, n_status + 1, name);
	else
		*kind = OBSERVED_OTHER;
}

enum err
observed_owner(const struct dname *zone, const struct label *id,
    const struct dname *status, struct dname *owner)
{
	struct dname top;
	struct label label;
	dname_strip(zone, dname_n_labels(zone) - 1, &top);
	bool fits = !dname_first_label(&top, &label) && label.data[0] != '_' &&
		    !dname_join(zone->wire, (size_t)zone->size - 1, status, owner);
	if (fits)
		return OK;
	if (id->size == 0)
		return ERR_NOTFOUND;
	struct label under = label_of("_id");
	struct dname ids;
	enum err e = dname_prepend(&under, status, &ids);
	return e ? e : dname_prepend(id, &ids, owner);
}

const char *
observed_get(const struct rr *rr, const char *key,
    char value[static OBSERVED_VALUE_MAX])
{
	if (txt_get(rr->rdata, rr->rdata_size, key, value, OBSERVED_VALUE_MAX))
		return NULL;
	return value;
}

/* In pieces, if it is longer than a character-string. */
const char *
observed_zone(const struct rr *rr, char zone[static DNAME_TEXT_MAX])
{
	static const char key[] = {'z', 'o', 'n', 'e', '='};
	const uint8_t *piece;
	uint8_t piece_size;
	size_t pos = 0, size = 0;
	while (txt_next(rr->rdata, rr->rdata_size, &pos, &piece, &piece_size)) {
		size_t n = piece_size;
		if (n < sizeof(key) || memcmp(piece, key, sizeof(key)) != 0)
			continue;
		n -= sizeof(key);
		if (n >= DNAME_TEXT_MAX - size)
			return NULL;
		memcpy(zone + size, piece + sizeof(key), n);
		size += n;
	}
	zone[size] = '\0';
	return size > 0 && strlen(zone) == size ? zone : NULL;
}

enum err
observed_zone_of(enum observed_kind kind, const struct dname *name, const struct rr *rr,
    struct dname *zone)
{
	char text[DNAME_TEXT_MAX];
	*zone = *name;
	if (kind == OBSERVED_ZONE)
		return OK;
	if (kind == OBSERVED_ID && observed_zone(rr, text) && !dname_parse(text, zone))
		return OK;
	return ERR_NOTFOUND;
}

enum err
observed_take(void *arg, const struct rr *rr)
{
	struct observed_reading *r = arg;
	enum observed_kind kind;
	struct dname name;
	if (rr->type != RR_TXT)
		return OK;
	observed_classify(&rr->owner, r->status, &kind, &name);
	r->head_ended = kind == OBSERVED_ZONE || kind == OBSERVED_ID;
	if (r->head_only && r->head_ended)
		return ERR_CANCELED;
	return r->fn(r->arg, kind, &name, rr);
}

enum err
observed_transfer(struct session *s, observed_fn *fn, void *arg)
{
	struct observed_reading r = {.status = &s->status, .fn = fn, .arg = arg};
	return session_transfer(s, &s->status, observed_take, &r);
}

enum err
observed_transfer_head(struct session *s, observed_fn *fn, void *arg)
{
	struct observed_reading r = {.status = &s->status,
	    .fn = fn,
	    .arg = arg,
	    .head_only = true};
	enum err e = session_transfer(s, &s->status, observed_take, &r);
	return r.head_ended && e == ERR_CANCELED ? OK : e;
}

static enum err
read_answer(const struct msg *msg, struct observed_reading *r, unsigned *n)
{
	struct msg_cursor c;
	struct rr rr;
	struct buf rdata;
	enum err e;
	buf_init(&rdata, MSG_MAX);
	msg_walk(msg, MSG_ANSWER, &c);
	for (*n = 0; !(e = msg_next(&c, &rdata, &rr)); buf_reset(&rdata)) {
		*n += rr.type == RR_TXT;
		e = observed_take(r, &rr);
		if (e)
			break;
	}
	buf_fini(&rdata);
	return e == ERR_NOTFOUND ? OK : e;
}

enum err
observed_read(struct session *s, const struct msg *msg, observed_fn *fn, void *arg)
{
	struct observed_reading r = {.status = &s->status, .fn = fn, .arg = arg};
	char why[SESSION_REASON_MAX];
	unsigned n;
	if (msg_rcode(msg) == RCODE_NXDOMAIN)
		return ERR_NOTFOUND;
	if (msg_rcode(msg) != RCODE_NOERROR) {
		snprintf(s->error, sizeof(s->error), "%s: %s", s->server,
		    session_reason(msg, why));
		return ERR_DENIED;
	}
	enum err e = read_answer(msg, &r, &n);
	if (e == ERR_FORM)
		snprintf(s->error, sizeof(s->error), "%s: a malformed answer",
		    s->server);
	return e ? e : n > 0 ? OK : ERR_NOTFOUND;
}

enum err
observed_query(struct session *s, const struct dname *owner, observed_fn *fn, void *arg)
{
	struct msg msg;
	enum err e = session_query(s, owner, RR_TXT, &msg);
	return e ? e : observed_read(s, &msg, fn, arg);
}
