/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/session.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/catz.h"
#include "lib/tls.h"

enum {
	TIMEOUT_LEAST_MS = 1000,
	EDNS_SIZE = 1232,
	EDE_TEXT_MAX = 400,
};

/* -- failures in plain words ---------------------------------------------- */

enum err
session_fail(struct session *s, enum err err, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(s->error, sizeof(s->error), fmt, ap);
	va_end(ap);
	return err;
}

static enum err
fail_exchange(struct session *s, enum err err)
{
	const char *text = s->x ? exchange_error(s->x) : "";
	session_fail(s, err, "%s", *text ? text : err_str(err));
	/* "address: Connection refused" is the system's spelling, not ours. */
	char *word = strstr(s->error, ": ");
	if (word && isupper((unsigned char)word[2]) && islower((unsigned char)word[3]))
		word[2] = (char)tolower((unsigned char)word[2]);
	return err;
}

/* What a TSIG record says went wrong (RFC 8945 section 4.2). */
struct complaint {
	unsigned error;
	uint64_t signed_at, server_time; /* server_time 0: not told */
};

static enum err
read_complaint(const struct msg *msg, struct complaint *c)
{
	struct wire_in in;
	if (msg->tsig_at == 0)
		return ERR_NOTFOUND;
	wire_in_init(&in, msg->wire, msg->size);
	in.pos = msg->tsig_at;
	wire_skip_name(&in);
	wire_get_bytes(&in, 10); /* type, class, TTL, size */
	wire_skip_name(&in);     /* algorithm */
	c->signed_at = wire_get_u48(&in);
	wire_get_u16(&in); /* fudge */
	wire_get_bytes(&in, wire_get_u16(&in));
	wire_get_u16(&in); /* original id */
	c->error = wire_get_u16(&in);
	c->server_time = wire_get_u16(&in) == 6 ? wire_get_u48(&in) : 0;
	return in.err;
}

static enum err
fail_clock(struct session *s, const struct complaint *c)
{
	int64_t ahead = (int64_t)c->server_time - (int64_t)time(NULL);
	if (c->server_time == 0)
		return session_fail(s, ERR_AUTH,
		    "%s: the clocks differ too much (BADTIME)", s->server);
	return session_fail(s, ERR_AUTH,
	    "%s: the agent's clock is %" PRId64 " s %s ours, too much (BADTIME)",
	    s->server, ahead < 0 ? -ahead : ahead, ahead < 0 ? "behind" : "ahead of");
}

static enum err
fail_auth(struct session *s, const struct msg *msg)
{
	const char *key = key_name_text(s->conf.key);
	struct complaint c = {0};
	if (read_complaint(msg, &c) || c.error == 0) {
		char why[SESSION_REASON_MAX];
		if (msg_rcode(msg) == RCODE_NOERROR)
			return fail_exchange(s, ERR_AUTH);
		return session_fail(s, ERR_AUTH, "%s: an answer that is not signed: %s",
		    s->server, session_reason(msg, why));
	}
	switch (c.error) {
	case RCODE_BADKEY:
		return session_fail(s, ERR_AUTH,
		    "key %s: the agent does not know this key (BADKEY)", key);
	case RCODE_BADSIG:
		return session_fail(s, ERR_AUTH,
		    "key %s: the agent has another secret for this key (BADSIG)", key);
	case RCODE_BADTIME: return fail_clock(s, &c);
	default: return fail_exchange(s, ERR_AUTH);
	}
}

static const char *
plain_rcode(unsigned rcode)
{
	switch (rcode) {
	case RCODE_NOTAUTH: return "the agent has no such catalog (NOTAUTH)";
	case RCODE_SERVFAIL: return "the agent could not do it (SERVFAIL)";
	case RCODE_REFUSED: return "refused";
	case RCODE_NOTZONE: return "a name outside of the catalog (NOTZONE)";
	case RCODE_YXRRSET: return "its id is taken (YXRRSET)";
	case RCODE_NXRRSET: return "not in the catalog any more (NXRRSET)";
	case RCODE_NXDOMAIN: return "not in the catalog";
	default: return rcode_str(rcode);
	}
}

/* It may go to a terminal. */
static void
make_printable(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

/* The agent's words for why, and ours. */
static const struct {
	const char *reason, *plain;
} plain_reasons[] = {
    {"duplicate-zone", "already in the catalog"},
    {"not-permitted", "this key may not do that"},
    {"no-update-right", "this key may not change the catalog"},
    {"no-read-right", "this key may not read"},
    {"no-command-right", "this key may not command"},
    {"no-admin-right", "this key may not do that: it takes the right admin"},
    {"no-such-member", "not in the catalog"},
    {"no-such-backend", "the agent has no such backend for this catalog"},
    {"no-such-zone", "the agent has no such catalog"},
    {"not-primary", "the agent follows another, and changes nothing itself"},
    {"control-zone", "it is, or lies below, a zone of the agent itself"},
    {"too-many-records", "too many records for one zone"},
    {"too-much", "too many records for one zone"},
    {"too-large", "the properties of one zone are too large"},
    {"transaction-too-large",
	"more records than the agent's max-transaction for one transaction"},
    {"message-was-refused", "a part of the transaction was refused or is too old"},
    {"no-transaction", "the agent has no transaction of this connection"},
    {"locked", "somebody else has locked the catalog"},
    {"storage-full", "the agent's disk is full"},
    {"storage-failed", "the agent's disk failed"},
    {"busy", "the agent is too busy"},
    {"signed-before-start", "the agent has just started"},
};

/* "reason=word rr=3" -> "word"; anything else is left as it is. */
static char *
bare_reason(char *text)
{
	char *rr = strstr(text, " rr=");
	if (rr && strspn(rr + 4, "0123456789") == strlen(rr + 4))
		*rr = '\0';
	return strncmp(text, "reason=", 7) == 0 ? text + 7 : text;
}

/* text: of the Extended DNS Error, "" if there was none; spoilt. */
static void
put_reason(unsigned rcode, char *text, char *out, size_t size)
{
	make_printable(text);
	char *reason = bare_reason(text);
	size_t word = strcspn(reason, " "); /* what follows are particulars */
	for (size_t i = 0; i < sizeof(plain_reasons) / sizeof(*plain_reasons); i++)
		if (strlen(plain_reasons[i].reason) == word &&
		    memcmp(plain_reasons[i].reason, reason, word) == 0) {
			snprintf(out, size, "%s (%s)", plain_reasons[i].plain, reason);
			return;
		}
	snprintf(out, size, "%s%s%s", plain_rcode(rcode), *reason ? ": " : "", reason);
}

char *
session_reason(const struct msg *msg, char out[static SESSION_REASON_MAX])
{
	char text[EDE_TEXT_MAX];
	unsigned code, rcode = msg_rcode(msg);
	/* Of a prerequisite the rcode says it all. */
	if (rcode == RCODE_YXRRSET || rcode == RCODE_NXRRSET ||
	    msg_get_ede(msg, &code, text, sizeof(text)))
		text[0] = '\0';
	put_reason(rcode, text, out, SESSION_REASON_MAX);
	return out;
}

bool
session_blames_record(const struct msg *msg)
{
	char text[EDE_TEXT_MAX];
	unsigned code;
	if (msg_get_ede(msg, &code, text, sizeof(text)))
		return true; /* nothing was said: find out */
	return strstr(text, " rr=") != NULL;
}

bool
session_says_later(const struct msg *msg)
{
	char text[EDE_TEXT_MAX];
	unsigned code;
	if (msg_get_ede(msg, &code, text, sizeof(text)))
		return false;
	return code == EDE_NOT_READY || strstr(text, "signed-before-start");
}

/* -- the connection ------------------------------------------------------- */

void
session_init(struct session *s)
{
	*s = (struct session){
	    .conf = {.timeout_ms = SESSION_TIMEOUT_MS, .cancel_fd = -1}};
}

enum err
session_set_catalog(struct session *s, const struct dname *catalog)
{
	s->catalog = *catalog;
	dname_print_short(catalog, s->catalog_text);
	return catz_control_zone("_status", catalog, &s->status);
}

enum err
session_reopen(struct session *s)
{
	exchange_close(s->x);
	s->x = NULL;
	enum err e = exchange_open(&s->conf, &s->x);
	return e ? fail_exchange(s, e) : OK;
}

enum err
session_start(struct session *s)
{
	exchange_close(s->x);
	s->x = NULL;
	enum err e = exchange_start(&s->conf, &s->x);
	return e ? fail_exchange(s, e) : OK;
}

enum err
session_started(struct session *s)
{
	enum err e = exchange_opened(s->x);
	return e && e != ERR_BUSY ? fail_exchange(s, e) : e;
}

void
session_close(struct session *s)
{
	exchange_close(s->x);
	s->x = NULL;
	if (s->conf.key)
		key_unref(s->conf.key);
	s->conf.key = NULL;
	tls_ctx_unref(s->conf.tls);
	s->conf.tls = NULL;
	tls_ctx_unref(s->named.tls);
	s->named.tls = NULL;
	free(s->key_file);
	free(s->tls_cert);
	free(s->tls_key);
	free(s->tls_ca);
	s->key_file = s->tls_cert = s->tls_key = s->tls_ca = NULL;
}

void
session_limit_ms(struct session *s, uint64_t left_ms)
{
	unsigned ms = SESSION_TIMEOUT_MS;
	if (left_ms < SESSION_TIMEOUT_MS)
		ms = left_ms < TIMEOUT_LEAST_MS ? TIMEOUT_LEAST_MS : (unsigned)left_ms;
	s->conf.timeout_ms = ms;
	if (s->x)
		exchange_set_timeout(s->x, ms);
}

void
session_allow_ms(struct session *s, unsigned ms)
{
	s->conf.timeout_ms = ms;
	if (s->x)
		exchange_set_timeout(s->x, ms);
}

void
session_cancel_by(struct session *s, int fd)
{
	s->conf.cancel_fd = fd;
	if (s->x)
		exchange_set_cancel(s->x, fd);
}

bool
session_is_lost(enum err err)
{
	return err == ERR_CLOSED || err == ERR_IO || err == ERR_TIMEOUT;
}

struct wire_out *
session_begin(struct session *s, enum opcode opcode, const struct dname *name,
    uint16_t type)
{
	struct wire_out *out = exchange_begin(s->x);
	msg_start(out, 0, (uint16_t)(opcode << 11));
	msg_put_question(out, name, type, CLASS_IN);
	return out;
}

static enum err
finish(struct session *s, struct wire_out *out, uint16_t *id)
{
	if (out->err)
		return session_fail(s, ERR_SPACE,
		    "the request is too large for one message");
	enum err e = exchange_send(s->x, id);
	return e ? fail_exchange(s, e) : OK;
}

enum err
session_send(struct session *s, struct wire_out *out, uint16_t *id)
{
	bool is_update = out->size > 2 && (out->msg[2] >> 3 & 0xf) == OPCODE_UPDATE;
	if (is_update && s->origin[0])
		msg_put_opt_option(out, EDNS_SIZE, OPTION_ORIGIN, s->origin,
		    (uint16_t)strlen(s->origin));
	else
		msg_put_opt(out, EDNS_SIZE, 0, 0, NULL);
	return finish(s, out, id);
}

enum err
session_send_node(struct session *s, const struct dname *node, uint16_t *id)
{
	struct wire_out *out = session_begin(s, OPCODE_QUERY, node, RR_ANY);
	msg_put_opt_option(out, EDNS_SIZE, OPTION_NODE, "", 0);
	return finish(s, out, id);
}

enum err
session_receive(struct session *s, struct msg *msg)
{
	enum err e = exchange_receive(s->x, msg);
	if (e == ERR_AUTH)
		return fail_auth(s, msg);
	return e ? fail_exchange(s, e) : OK;
}

enum err
session_query(struct session *s, const struct dname *name, uint16_t type,
    struct msg *msg)
{
	uint16_t id;
	enum err e = session_send(s, session_begin(s, OPCODE_QUERY, name, type), &id);
	return e ? e : session_receive(s, msg);
}

enum err
session_read_serial(const struct msg *msg, uint32_t *serial)
{
	struct msg_cursor c;
	struct rr rr;
	struct soa soa;
	struct buf rdata;
	enum err e = ERR_NOTFOUND;
	buf_init(&rdata, MSG_MAX);
	msg_walk(msg, MSG_ANSWER, &c);
	if (!msg_next(&c, &rdata, &rr) && rr.type == RR_SOA &&
	    !soa_read(rr.rdata, rr.rdata_size, &soa)) {
		*serial = soa.serial;
		e = OK;
	}
	buf_fini(&rdata);
	return e;
}

enum err
session_serial(struct session *s, const struct dname *zone, uint32_t *serial)
{
	struct msg msg;
	enum err e = session_query(s, zone, RR_SOA, &msg);
	if (e)
		return e;
	e = session_read_serial(&msg, serial);
	return e ? session_fail(s, e, "%s: the agent tells no serial", s->server) : OK;
}

/* A transfer was refused: exchange_error() is "address: RCODE[: text]". */
static enum err
fail_refused(struct session *s, unsigned rcode)
{
	char text[EDE_TEXT_MAX], why[SESSION_REASON_MAX], start[ADDR_TEXT_MAX + 64];
	int n = snprintf(start, sizeof(start), "%s: %s: ", s->server, rcode_str(rcode));
	const char *error = exchange_error(s->x);
	bool told = strncmp(error, start, (size_t)n) == 0;
	snprintf(text, sizeof(text), "%s", told ? error + n : "");
	put_reason(rcode, text, why, sizeof(why));
	return session_fail(s, ERR_DENIED, "%s: %s", s->catalog_text, why);
}

/* A transfer does not show the reply that was wrong, one question does. */
static enum err
fail_transfer_auth(struct session *s, const struct dname *zone)
{
	struct msg msg;
	char text[sizeof(s->error)];
	fail_exchange(s, ERR_AUTH);
	memcpy(text, s->error, sizeof(text));
	if (session_reopen(s) || session_query(s, zone, RR_SOA, &msg) != ERR_AUTH)
		memcpy(s->error, text, sizeof(text));
	return ERR_AUTH;
}

enum err
session_transfer(struct session *s, const struct dname *zone, exchange_rr_fn *fn,
    void *arg)
{
	return session_transfer_since(s, zone, NULL, fn, arg);
}

enum err
session_transfer_begin(struct session *s, const struct dname *zone, exchange_rr_fn *fn,
    void *arg)
{
	enum err e = exchange_transfer_begin(s->x, zone, NULL, fn, arg);
	return e ? fail_exchange(s, e) : OK;
}

enum err
session_transfer_go_on(struct session *s)
{
	unsigned rcode = RCODE_NOERROR;
	enum err e = exchange_transfer_go_on(s->x, &rcode);
	if (e == ERR_DENIED && rcode != RCODE_NOERROR)
		return fail_refused(s, rcode);
	return e && e != ERR_BUSY ? fail_exchange(s, e) : e;
}

enum err
session_transfer_since(struct session *s, const struct dname *zone,
    const uint32_t *serial, exchange_rr_fn *fn, void *arg)
{
	unsigned rcode = RCODE_NOERROR;
	enum err e = exchange_transfer(s->x, zone, serial, fn, arg, &rcode);
	if (e == ERR_DENIED && rcode != RCODE_NOERROR)
		return fail_refused(s, rcode);
	if (e == ERR_AUTH)
		return fail_transfer_auth(s, zone);
	return e ? fail_exchange(s, e) : OK;
}
