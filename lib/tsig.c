/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/tsig.h"

#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "lib/rr.h"

enum { OTHER_MAX = 6, VARIABLES_MAX = 2 * DNAME_WIRE_MAX + 18 + OTHER_MAX };

/* One TSIG record, as read or to be written (RFC 8945 section 4.2). */
struct record {
	struct dname key_name;
	struct dname alg_name;
	uint64_t time_signed;
	uint16_t fudge;
	uint16_t mac_size;
	const uint8_t *mac;
	uint16_t original_id;
	uint16_t error;
	uint16_t other_size;
	const uint8_t *other;
};

/* -- the digest ----------------------------------------------------------- */

/* What a MAC is made of (sections 4.3 and 5.3). */
struct digest {
	struct key *key;
	const uint8_t *prior;     /* MAC of the message before this one */
	size_t prior_size;        /* 0: a request */
	bool timers_only;         /* second and later replies (section 5.3.1) */
	const EVP_MAC_CTX *begun; /* has prior in it, and more; NULL: nothing has */
};

/* What goes into a MAC, gathered: of a small message each piece by itself would cost
 * as much as hashing it. */
struct sink {
	EVP_MAC_CTX *mac;
	bool failed;
	size_t size;
	uint8_t octets[1024];
};

static void
sink_init(struct sink *sink, EVP_MAC_CTX *mac)
{
	sink->mac = mac;
	sink->failed = mac == NULL;
	sink->size = 0;
}

static void
hash(struct sink *sink, const void *data, size_t size)
{
	if (size > 0 && !sink->failed)
		sink->failed = EVP_MAC_update(sink->mac, data, size) != 1;
}

/* Returns whether all went well. */
static bool
sink_flush(struct sink *sink)
{
	hash(sink, sink->octets, sink->size);
	sink->size = 0;
	return !sink->failed;
}

static void
add(struct sink *sink, const void *data, size_t size)
{
	if (size > sizeof(sink->octets) - sink->size)
		(void)sink_flush(sink);
	if (size > sizeof(sink->octets)) {
		hash(sink, data, size);
	} else if (size > 0) {
		memcpy(sink->octets + sink->size, data, size);
		sink->size += size;
	}
}

static void
add_prior(struct sink *sink, const struct digest *d)
{
	const uint8_t size[2] = {(uint8_t)(d->prior_size >> 8), (uint8_t)d->prior_size};

	if (d->prior_size == 0)
		return;
	add(sink, size, sizeof(size));
	add(sink, d->prior, d->prior_size);
}

/* The message as it was before the TSIG was added, with its first id. */
static void
add_message(struct sink *sink, const uint8_t *wire, size_t size, uint16_t id,
    uint16_t n_additional)
{
	uint8_t header[MSG_HEADER];

	memcpy(header, wire, sizeof(header));
	header[0] = (uint8_t)(id >> 8);
	header[1] = (uint8_t)id;
	header[10] = (uint8_t)(n_additional >> 8);
	header[11] = (uint8_t)n_additional;
	add(sink, header, sizeof(header));
	add(sink, wire + MSG_HEADER, size - MSG_HEADER);
}

static void
add_variables(struct sink *sink, const struct digest *d, const struct record *r)
{
	uint8_t octets[VARIABLES_MAX];
	struct wire_out out;

	wire_out_init(&out, octets, sizeof(octets));
	if (!d->timers_only) {
		wire_put_name_plain(&out, key_name(d->key));
		wire_put_u16(&out, CLASS_ANY);
		wire_put_u32(&out, 0);
		wire_put_name_plain(&out, key_alg_name(key_algorithm(d->key)));
	}
	wire_put_u48(&out, r->time_signed);
	wire_put_u16(&out, r->fudge);
	if (!d->timers_only) {
		wire_put_u16(&out, r->error);
		wire_put_u16(&out, r->other_size);
	}
	assert(out.err == OK);
	add(sink, octets, out.size);
	/* A peer may send any amount of it. */
	if (!d->timers_only)
		add(sink, r->other, r->other_size);
}

static enum err
compute(const struct digest *d, const uint8_t *wire, size_t size, uint16_t n_additional,
    const struct record *r, uint8_t out[static TSIG_MAC_MAX])
{
	EVP_MAC_CTX *mac =
	    d->begun != NULL ? EVP_MAC_CTX_dup(d->begun) : key_mac_take(d->key);
	size_t out_size = 0;
	struct sink sink;

	sink_init(&sink, mac);
	if (d->begun == NULL)
		add_prior(&sink, d);
	add_message(&sink, wire, size, r->original_id, n_additional);
	add_variables(&sink, d, r);
	bool good =
	    sink_flush(&sink) && EVP_MAC_final(mac, out, &out_size, TSIG_MAC_MAX) == 1;

	if (d->begun != NULL)
		EVP_MAC_CTX_free(mac);
	else
		key_mac_give(d->key, mac);
	return good ? OK : ERR_IO;
}

/* -- reading -------------------------------------------------------------- */

/* The record at msg->tsig_at, which must end where the message ends. */
static enum err
read_record(const struct msg *msg, struct record *r)
{
	struct wire_in in;

	wire_in_init(&in, msg->wire, msg->size);
	in.pos = msg->tsig_at;
	wire_get_name(&in, &r->key_name);
	uint16_t type = wire_get_u16(&in);
	uint16_t class = wire_get_u16(&in);
	uint32_t ttl = wire_get_u32(&in);
	uint16_t rdata_size = wire_get_u16(&in);
	if (in.err != OK || type != RR_TSIG || class != CLASS_ANY || ttl != 0 ||
	    rdata_size != wire_left(&in))
		return ERR_FORM;
	wire_get_name(&in, &r->alg_name);
	r->time_signed = wire_get_u48(&in);
	r->fudge = wire_get_u16(&in);
	r->mac_size = wire_get_u16(&in);
	r->mac = wire_get_bytes(&in, r->mac_size);
	r->original_id = wire_get_u16(&in);
	r->error = wire_get_u16(&in);
	r->other_size = wire_get_u16(&in);
	r->other = wire_get_bytes(&in, r->other_size);
	return in.err == OK && wire_left(&in) == 0 ? OK : ERR_FORM;
}

static bool
in_time(const struct record *r, uint64_t now)
{
	uint64_t apart =
	    now > r->time_signed ? now - r->time_signed : r->time_signed - now;

	/*
	 * The peer's fudge only narrows our window: what keeps replayed
	 * messages out remembers them for TSIG_FUDGE seconds.
	 */
	return apart <= (r->fudge < TSIG_FUDGE ? r->fudge : TSIG_FUDGE);
}

static bool
mac_matches(const struct digest *d, const struct msg *msg, const struct record *r)
{
	uint8_t mac[TSIG_MAC_MAX];
	uint16_t n_additional = (uint16_t)(msg->count[MSG_ADDITIONAL] - 1);

	if (compute(d, msg->wire, msg->tsig_at, n_additional, r, mac) != OK)
		return false; /* fail closed */
	return CRYPTO_memcmp(mac, r->mac, r->mac_size) == 0;
}

/* -- server --------------------------------------------------------------- */

/* Key, MAC, time, truncation: in this order (section 5.2). */
static enum tsig_verdict
judge(const struct msg *msg, const struct record *r, struct key *key, uint64_t now,
    struct tsig *tsig)
{
	if (key == NULL || !dname_equal(&r->alg_name, key_alg_name(key_algorithm(key))))
		return TSIG_BADKEY;
	tsig->key = key;

	size_t full = key_alg_mac_size(key_algorithm(key));
	if (r->mac_size > full || r->mac_size < 10 || r->mac_size < full / 2)
		return TSIG_FORMERR; /* section 5.2.2.1 */
	struct digest d = {.key = key};
	if (!mac_matches(&d, msg, r))
		return TSIG_BADSIG;
	/* As it came: a reply to a truncated MAC covers the truncated one. */
	memcpy(tsig->mac, r->mac, r->mac_size);
	tsig->mac_size = (uint8_t)r->mac_size;
	if (!in_time(r, now))
		return TSIG_BADTIME;
	return r->mac_size < full ? TSIG_BADTRUNC : TSIG_GOOD;
}

enum tsig_verdict
tsig_verify_request(const struct msg *msg, tsig_find_key_fn *find, void *arg,
    uint64_t now, struct tsig *tsig)
{
	struct record r;

	memset(tsig, 0, sizeof(*tsig));
	tsig->verdict = TSIG_NONE;
	tsig->key_name = tsig->alg_name = dname_root;
	if (msg->tsig_at == 0)
		return tsig->verdict;
	if (read_record(msg, &r) != OK) {
		tsig->verdict = TSIG_FORMERR;
		return tsig->verdict;
	}
	tsig->key_name = r.key_name;
	tsig->alg_name = r.alg_name;
	tsig->time_signed = r.time_signed;
	tsig->fudge = r.fudge;
	tsig->original_id = r.original_id;
	tsig->verdict = judge(msg, &r, find(arg, &r.key_name), now, tsig);
	return tsig->verdict;
}

/* -- writing -------------------------------------------------------------- */

static size_t
record_size(const struct record *r)
{
	return (size_t)r->key_name.size + 10 + r->alg_name.size + 16 + r->mac_size +
	       r->other_size;
}

static void
write_record(struct wire_out *out, const struct record *r)
{
	wire_put_name_plain(out, &r->key_name);
	wire_put_u16(out, RR_TSIG);
	wire_put_u16(out, CLASS_ANY);
	wire_put_u32(out, 0);
	wire_put_u16(out, (uint16_t)(record_size(r) - r->key_name.size - 10));
	wire_put_name_plain(out, &r->alg_name);
	wire_put_u48(out, r->time_signed);
	wire_put_u16(out, r->fudge);
	wire_put_u16(out, r->mac_size);
	wire_put_bytes(out, r->mac, r->mac_size);
	wire_put_u16(out, r->original_id);
	wire_put_u16(out, r->error);
	wire_put_u16(out, r->other_size);
	wire_put_bytes(out, r->other, r->other_size);
}

/* Append r to the message, signed over d if there is one. mac gets the MAC. */
static enum err
append(struct wire_out *out, const struct digest *d, struct record *r,
    uint8_t mac[static TSIG_MAC_MAX])
{
	if (out->err != OK)
		return out->err;
	assert(out->size >= MSG_HEADER);
	uint16_t n_additional = (uint16_t)(out->msg[10] << 8 | out->msg[11]);
	if (n_additional == UINT16_MAX || out->room - out->size < record_size(r))
		return ERR_SPACE;
	if (d != NULL) {
		enum err err = compute(d, out->msg, out->size, n_additional, r, mac);
		if (err != OK)
			return err;
	}
	write_record(out, r);
	wire_patch_u16(out, 10, (uint16_t)(n_additional + 1));
	return out->err;
}

/* The record that the verdict asks for, but for the MAC's octets. */
static void
make_reply_record(const struct tsig *tsig, uint64_t now,
    uint8_t other[static OTHER_MAX], struct record *r)
{
	*r = (struct record){
	    .key_name = tsig->key_name,
	    .alg_name = tsig->alg_name,
	    .time_signed = tsig->time_signed,
	    .fudge = TSIG_FUDGE,
	    .original_id = tsig->original_id,
	};
	switch (tsig->verdict) {
	case TSIG_NONE:
	case TSIG_FORMERR: assert(!"no TSIG belongs here"); return;
	/*
	 * Unsigned, and with the request's time: a client with a wrong clock is
	 * to hear of its key, not of a time that nobody signed.
	 */
	case TSIG_BADKEY: r->error = RCODE_BADKEY; return;
	case TSIG_BADSIG: r->error = RCODE_BADSIG; return;
	case TSIG_BADTIME: /* signed, with the request's time (section 5.2.3) */
		r->error = RCODE_BADTIME;
		for (unsigned i = 0; i < OTHER_MAX; i++)
			other[i] = (uint8_t)(now >> 8 * (OTHER_MAX - 1 - i));
		r->other = other;
		r->other_size = OTHER_MAX;
		break;
	case TSIG_BADTRUNC:
		r->error = RCODE_BADTRUNC;
		r->time_signed = now;
		break;
	case TSIG_GOOD: r->time_signed = now; break;
	}
	r->mac_size = (uint16_t)key_alg_mac_size(key_algorithm(tsig->key));
}

static bool
wants_record(const struct tsig *tsig)
{
	return tsig->verdict != TSIG_NONE && tsig->verdict != TSIG_FORMERR;
}

enum err
tsig_sign_reply(struct tsig *tsig, struct wire_out *out, uint64_t now)
{
	uint8_t other[OTHER_MAX], mac[TSIG_MAC_MAX];
	struct record r;

	if (!wants_record(tsig))
		return out->err;
	make_reply_record(tsig, now, other, &r);
	r.mac = mac;
	struct digest d = {
	    .key = tsig->key,
	    .prior = tsig->mac,
	    .prior_size = tsig->mac_size,
	    .timers_only = tsig->n_replies > 0,
	};
	enum err err = append(out, r.mac_size > 0 ? &d : NULL, &r, mac);
	if (err != OK)
		return err;
	memcpy(tsig->mac, mac, r.mac_size);
	tsig->mac_size = (uint8_t)r.mac_size;
	tsig->n_replies++;
	return OK;
}

size_t
tsig_room(const struct tsig *tsig)
{
	uint8_t other[OTHER_MAX];
	struct record r;

	if (!wants_record(tsig))
		return 0;
	make_reply_record(tsig, 0, other, &r);
	return record_size(&r);
}

/* -- client --------------------------------------------------------------- */

enum err
tsig_sign_request(struct key *key, struct wire_out *out, uint64_t now,
    struct tsig *tsig)
{
	uint8_t mac[TSIG_MAC_MAX];
	enum key_alg alg = key_algorithm(key);
	struct digest d = {.key = key};

	if (out->err != OK)
		return out->err;
	assert(out->size >= MSG_HEADER);
	struct record r = {
	    .key_name = *key_name(key),
	    .alg_name = *key_alg_name(alg),
	    .time_signed = now,
	    .fudge = TSIG_FUDGE,
	    .mac_size = (uint16_t)key_alg_mac_size(alg),
	    .mac = mac,
	    .original_id = (uint16_t)(out->msg[0] << 8 | out->msg[1]),
	};
	enum err err = append(out, &d, &r, mac);
	if (err != OK)
		return err;
	*tsig = (struct tsig){
	    .verdict = TSIG_GOOD,
	    .key = key,
	    .key_name = r.key_name,
	    .alg_name = r.alg_name,
	    .time_signed = now,
	    .fudge = TSIG_FUDGE,
	    .original_id = r.original_id,
	    .mac_size = (uint8_t)r.mac_size,
	};
	memcpy(tsig->mac, mac, r.mac_size);
	return OK;
}

static enum err
verify_reply(struct tsig *tsig, const EVP_MAC_CTX *begun, const struct msg *msg,
    uint64_t now, unsigned *rcode)
{
	struct record r;

	*rcode = 0;
	if (msg->tsig_at == 0 || read_record(msg, &r) != OK)
		return ERR_AUTH;
	if (r.mac_size == 0) {
		*rcode = r.error; /* unsigned: only a hint for people */
		return ERR_AUTH;
	}
	if (!dname_equal(&r.key_name, &tsig->key_name) ||
	    !dname_equal(&r.alg_name, &tsig->alg_name) ||
	    r.mac_size != key_alg_mac_size(key_algorithm(tsig->key)))
		return ERR_AUTH;
	struct digest d = {
	    .key = tsig->key,
	    .prior = tsig->mac,
	    .prior_size = tsig->mac_size,
	    .timers_only = tsig->n_replies > 0,
	    .begun = begun,
	};
	if (!mac_matches(&d, msg, &r))
		return ERR_AUTH;
	*rcode = r.error;
	if (r.error != 0)
		return ERR_AUTH;
	if (!in_time(&r, now)) {
		*rcode = RCODE_BADTIME;
		return ERR_AUTH;
	}
	memcpy(tsig->mac, r.mac, r.mac_size);
	tsig->mac_size = (uint8_t)r.mac_size;
	tsig->n_replies++;
	return OK;
}

enum err
tsig_verify_reply(struct tsig *tsig, const struct msg *msg, uint64_t now,
    unsigned *rcode)
{
	return verify_reply(tsig, NULL, msg, now, rcode);
}

/* -- gaps ----------------------------------------------------------------- */

void
tsig_gap_fini(struct tsig_gap *gap)
{
	EVP_MAC_CTX_free(gap->mac);
	*gap = (struct tsig_gap){.n = 0};
}

/* The whole message as it came. */
static enum err
widen_gap(const struct tsig *tsig, struct tsig_gap *gap, const struct msg *msg)
{
	const struct digest d = {
	    .key = tsig->key,
	    .prior = tsig->mac,
	    .prior_size = tsig->mac_size,
	};

	if (tsig->n_replies == 0 || gap->n == TSIG_GAP_MAX)
		return ERR_AUTH;
	bool is_new = gap->mac == NULL;
	struct sink sink;

	if (is_new)
		gap->mac = key_mac_new(tsig->key);
	sink_init(&sink, gap->mac);
	if (is_new)
		add_prior(&sink, &d);
	add(&sink, msg->wire, msg->size);
	gap->n++;
	return sink_flush(&sink) ? OK : ERR_IO;
}

enum err
tsig_verify_next(struct tsig *tsig, struct tsig_gap *gap, const struct msg *msg,
    uint64_t now, unsigned *rcode)
{
	*rcode = 0;
	if (msg->tsig_at == 0)
		return widen_gap(tsig, gap, msg);
	enum err err = verify_reply(tsig, gap->mac, msg, now, rcode);
	if (err == OK)
		tsig_gap_fini(gap);
	return err;
}
