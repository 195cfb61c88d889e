/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/hmac.h>

#include "lib/tsig.h"
#include "tests/unit/hexfile.h"

enum { NOW = 0x6b026000, YADIFA_NOW = 0x6b0263b2, BIG = 8192 };
#define DNSPYTHON "tests/data/tsig.hex"
#define YADIFA    "tests/data/tsig-yadifa.hex"

/* A message in memory of its own, exactly as large, so that ASan sees the end. */
struct wire {
	uint8_t *data;
	size_t size;
};

static struct wire
wire_of(const uint8_t *data, size_t size)
{
	struct wire w = {.data = malloc(size), .size = size};
	assert_non_null(w.data);
	memcpy(w.data, data, size);
	return w;
}

static struct wire
load(const char *path, const char *label)
{
	uint8_t data[BIG];
	return wire_of(data, hexfile_load(path, label, data, sizeof(data)));
}

static struct key *
key_of(const char *name, enum key_alg alg, const uint8_t *secret, size_t size)
{
	struct dname dname;
	struct key *key;

	assert_int_equal(dname_parse(name, &dname), OK);
	assert_int_equal(key_new(&dname, alg, secret, size, &key), OK);
	return key;
}

/* As in tests/data/make-tsig. */
static struct key *
counted_key(const char *name, enum key_alg alg)
{
	uint8_t secret[64];

	for (unsigned i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)(i + 1);
	return key_of(name, alg, secret, key_alg_mac_size(alg));
}

static struct key *
yadifa_key(void)
{
	return key_of("ctl-key", KEY_SHA256,
	    (const uint8_t *)"thisisasecretkeythisisasecret", 29);
}

static struct key *
find(void *arg, const struct dname *name)
{
	struct key *key = arg;
	return dname_equal(name, key_name(key)) ? key : NULL;
}

static enum tsig_verdict
verify(struct wire w, struct key *key, uint64_t now, struct tsig *tsig)
{
	struct msg msg;

	assert_int_equal(msg_frame(w.data, w.size, &msg), OK);
	return tsig_verify_request(&msg, find, key, now, tsig);
}

static enum err
verify_reply(struct tsig *tsig, struct wire w, uint64_t now, unsigned *rcode)
{
	struct msg msg;

	assert_int_equal(msg_frame(w.data, w.size, &msg), OK);
	return tsig_verify_reply(tsig, &msg, now, rcode);
}

/* The message before it was signed, to be signed again. */
static void
strip(struct wire w, struct wire_out *out, uint8_t *room, size_t size)
{
	struct msg msg;

	assert_int_equal(msg_frame(w.data, w.size, &msg), OK);
	assert_true(msg.tsig_at > 0);
	wire_out_init(out, room, size);
	wire_put_bytes(out, w.data, msg.tsig_at);
	wire_patch_u16(out, 10, (uint16_t)(msg.count[MSG_ADDITIONAL] - 1));
}

static void
assert_same(const struct wire_out *out, struct wire expected)
{
	assert_int_equal(out->err, OK);
	assert_int_equal(out->size, expected.size);
	assert_memory_equal(out->msg, expected.data, expected.size);
}

/*
 * A signer of its own: any field can be wrong, and it shares no line with the
 * one that is tested.
 */
struct forgery {
	const char *name_wire, *alg_wire; /* with the final NUL */
	uint64_t time;
	uint16_t fudge, error;
	size_t mac_size; /* cut or stretched to this */
	bool spoil_mac;
	const void *other;
	uint16_t other_size;
	uint16_t rdata_extra; /* octets after the last field */
};

static struct forgery
honest(void)
{
	return (struct forgery){.name_wire = "\3ctl\3key",
	    .alg_wire = "\013hmac-sha256",
	    .time = NOW,
	    .fudge = 300,
	    .mac_size = 32};
}

static struct wire
forge(const struct forgery *f, const EVP_MD *md, size_t secret_size)
{
	static const uint8_t query[] =
	    "\x12\x34\0\0\0\1\0\0\0\0\0\0\7example\0\0\6\0\1";
	size_t query_size = sizeof(query) - 1;
	uint8_t secret[64], data[2048], message[2048], mac[128] = {0};
	unsigned mac_size;
	struct wire_out d, m;

	for (unsigned i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)(i + 1);
	wire_out_init(&d, data, sizeof(data));
	wire_put_bytes(&d, query, query_size);
	wire_put_bytes(&d, f->name_wire, strlen(f->name_wire) + 1);
	wire_put_u16(&d, 255);
	wire_put_u32(&d, 0);
	wire_put_bytes(&d, f->alg_wire, strlen(f->alg_wire) + 1);
	wire_put_u48(&d, f->time);
	wire_put_u16(&d, f->fudge);
	wire_put_u16(&d, f->error);
	wire_put_u16(&d, f->other_size);
	wire_put_bytes(&d, f->other, f->other_size);
	assert_non_null(
	    HMAC(md, secret, (int)secret_size, data, d.size, mac, &mac_size));
	mac[0] ^= f->spoil_mac;

	wire_out_init(&m, message, sizeof(message));
	wire_put_bytes(&m, query, query_size);
	wire_patch_u16(&m, 10, 1);
	wire_put_bytes(&m, f->name_wire, strlen(f->name_wire) + 1);
	wire_put_u16(&m, RR_TSIG);
	wire_put_u16(&m, CLASS_ANY);
	wire_put_u32(&m, 0);
	wire_put_u16(&m, (uint16_t)(strlen(f->alg_wire) + 17 + f->mac_size +
				    f->other_size + f->rdata_extra));
	wire_put_bytes(&m, f->alg_wire, strlen(f->alg_wire) + 1);
	wire_put_u48(&m, f->time);
	wire_put_u16(&m, f->fudge);
	wire_put_u16(&m, (uint16_t)f->mac_size);
	wire_put_bytes(&m, mac, f->mac_size);
	wire_put_u16(&m, 0x1234);
	wire_put_u16(&m, f->error);
	wire_put_u16(&m, f->other_size);
	wire_put_bytes(&m, f->other, f->other_size);
	for (unsigned i = 0; i < f->rdata_extra; i++)
		wire_put_u8(&m, 0);
	assert_int_equal(m.err, OK);
	return wire_of(message, m.size);
}

static enum tsig_verdict
judge_forgery(const struct forgery *f, uint64_t now, struct tsig *tsig)
{
	struct key *key = counted_key("ctl.key", KEY_SHA256);
	struct wire w = forge(f, EVP_sha256(), 32);
	enum tsig_verdict verdict = verify(w, key, now, tsig);

	assert_int_equal(verdict, tsig->verdict);
	free(w.data);
	key_unref(key);
	tsig->key = tsig->key != NULL ? (struct key *)-1 : NULL; /* only whether */
	return verdict;
}

/* -- against dnspython and YADIFA ----------------------------------------- */

static const struct {
	const char *label, *name;
	enum key_alg alg;
} pairs[] = {
    {"sha256", "ctl.key", KEY_SHA256},
    {"sha384", "ctl.key", KEY_SHA384},
    {"sha512", "ctl.key", KEY_SHA512},
    {"case", "ctl.key", KEY_SHA256},
    {"compressed", "key.catalog.example", KEY_SHA256},
};

static void
tsig_verify__dnspython_pairs__are_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char label[64];
		struct tsig tsig;
		unsigned rcode;
		struct key *key = counted_key(pairs[i].name, pairs[i].alg);

		snprintf(label, sizeof(label), "%s-request", pairs[i].label);
		struct wire request = load(DNSPYTHON, label);
		snprintf(label, sizeof(label), "%s-reply", pairs[i].label);
		struct wire reply = load(DNSPYTHON, label);
		assert_int_equal(verify(request, key, NOW, &tsig), TSIG_GOOD);
		assert_ptr_equal(tsig.key, key);
		assert_int_equal(tsig.time_signed, NOW);
		assert_int_equal(tsig.original_id, 0x1234);
		/* The client's state after signing is the server's after verifying. */
		assert_int_equal(verify_reply(&tsig, reply, NOW, &rcode), OK);
		free(request.data);
		free(reply.data);
		key_unref(key);
	}
}

static void
tsig_sign__dnspython_pairs__gives_the_same_octets(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) { /* those in lower case, not compressed */
		char label[64];
		uint8_t room[BIG];
		struct wire_out out;
		struct tsig client, server;
		struct key *key = counted_key(pairs[i].name, pairs[i].alg);

		snprintf(label, sizeof(label), "%s-request", pairs[i].label);
		struct wire request = load(DNSPYTHON, label);
		snprintf(label, sizeof(label), "%s-reply", pairs[i].label);
		struct wire reply = load(DNSPYTHON, label);
		strip(request, &out, room, sizeof(room));
		assert_int_equal(tsig_sign_request(key, &out, NOW, &client), OK);
		assert_same(&out, request);
		assert_int_equal(verify(request, key, NOW, &server), TSIG_GOOD);
		strip(reply, &out, room, sizeof(room));
		assert_int_equal(tsig_sign_reply(&server, &out, NOW + 1), OK);
		assert_same(&out, reply);
		free(request.data);
		free(reply.data);
		key_unref(key);
	}
}

static void
tsig__dnspython_transfer__is_signed_and_verified_as_a_chain(void **state)
{
	uint8_t room[BIG];
	struct wire_out out;
	struct tsig client, server;
	unsigned rcode;
	struct key *key = counted_key("ctl.key", KEY_SHA256);
	struct wire request = load(DNSPYTHON, "axfr-request");

	(void)state;
	strip(request, &out, room, sizeof(room));
	assert_int_equal(tsig_sign_request(key, &out, NOW, &client), OK);
	assert_same(&out, request);
	assert_int_equal(verify(request, key, NOW, &server), TSIG_GOOD);
	for (unsigned i = 0; i < 4; i++) {
		char label[64];
		snprintf(label, sizeof(label), "axfr-reply%u", i);
		struct wire reply = load(DNSPYTHON, label);
		strip(reply, &out, room, sizeof(room));
		assert_int_equal(tsig_sign_reply(&server, &out, NOW + i), OK);
		assert_same(&out, reply);
		assert_int_equal(verify_reply(&client, reply, NOW, &rcode), OK);
		assert_int_equal(client.n_replies, i + 1);
		free(reply.data);
	}
	free(request.data);
	key_unref(key);
}

static enum err
verify_next(struct tsig *tsig, struct tsig_gap *gap, const char *label)
{
	struct wire w = load(DNSPYTHON, label);
	unsigned rcode;
	struct msg msg;

	assert_int_equal(msg_frame(w.data, w.size, &msg), OK);
	enum err err = tsig_verify_next(tsig, gap, &msg, NOW, &rcode);
	free(w.data);
	return err;
}

static void
tsig__dnspython_transfer_with_a_gap__is_verified_by_the_next_that_is_signed(
    void **state)
{
	struct tsig tsig;
	struct tsig_gap gap = {.n = 0};
	struct key *key = counted_key("ctl.key", KEY_SHA256);
	struct wire request = load(DNSPYTHON, "axfr-request");

	(void)state;
	assert_int_equal(verify(request, key, NOW, &tsig), TSIG_GOOD);
	assert_int_equal(verify_next(&tsig, &gap, "gap-reply1"), ERR_AUTH);
	assert_int_equal(verify_next(&tsig, &gap, "gap-reply0"), OK);
	assert_int_equal(verify_next(&tsig, &gap, "gap-reply1"), OK);
	assert_int_equal(gap.n, 1);
	/* one is missing */
	assert_int_equal(verify_next(&tsig, &gap, "gap-reply3"), ERR_AUTH);
	assert_int_equal(verify_next(&tsig, &gap, "gap-reply2"), OK);
	assert_int_equal(gap.n, 2);
	assert_int_equal(verify_next(&tsig, &gap, "gap-reply3"), OK);
	assert_int_equal(gap.n, 0);
	for (unsigned i = 0; i < TSIG_GAP_MAX; i++)
		assert_int_equal(verify_next(&tsig, &gap, "gap-reply1"), OK);
	assert_int_equal(verify_next(&tsig, &gap, "gap-reply1"), ERR_AUTH);
	tsig_gap_fini(&gap);
	free(request.data);
	key_unref(key);
}

static void
tsig__chain_with_a_gap_or_a_repetition__is_an_error(void **state)
{
	unsigned rcode;
	struct tsig tsig;
	struct key *key = counted_key("ctl.key", KEY_SHA256);
	struct wire request = load(DNSPYTHON, "axfr-request");
	struct wire first = load(DNSPYTHON, "axfr-reply0");
	struct wire third = load(DNSPYTHON, "axfr-reply2");

	(void)state;
	assert_int_equal(verify(request, key, NOW, &tsig), TSIG_GOOD);
	assert_int_equal(verify_reply(&tsig, first, NOW, &rcode), OK);
	assert_int_equal(verify_reply(&tsig, third, NOW, &rcode), ERR_AUTH);
	assert_int_equal(verify_reply(&tsig, first, NOW, &rcode), ERR_AUTH);
	assert_int_equal(rcode, 0);
	free(request.data);
	free(first.data);
	free(third.data);
	key_unref(key);
}

static void
tsig__yadifa_vectors__are_good(void **state)
{
	struct tsig tsig;
	unsigned rcode;
	uint8_t room[BIG];
	struct wire_out out;
	struct key *key = yadifa_key();
	struct wire reload = load(YADIFA, "cfgreload-request");
	struct wire reply = load(YADIFA, "cfgreload-reply");
	struct wire zone = load(YADIFA, "zonecfgreload-request");

	(void)state;
	strip(reload, &out, room, sizeof(room));
	assert_int_equal(tsig_sign_request(key, &out, YADIFA_NOW, &tsig), OK);
	assert_same(&out, reload);
	assert_int_equal(verify_reply(&tsig, reply, YADIFA_NOW, &rcode), OK);
	assert_int_equal(verify(zone, key, YADIFA_NOW, &tsig), TSIG_GOOD);
	free(reload.data);
	free(reply.data);
	free(zone.data);
	key_unref(key);
}

/* -- time ----------------------------------------------------------------- */

static void
tsig_sign_reply__badtime__is_signed_with_both_times(void **state)
{
	/* From the algorithm name on, as BIND, Knot and dnspython expect it. */
	static const uint8_t head[] = "\003ctl\003key\0\0\xfa\0\xff\0\0\0\0\0\x43"
				      "\013hmac-sha256\0\0\0\x6b\2\x50\x60\1\x2c\0\x20";
	static const uint8_t tail[] = "\xf3\x6c\0\x12\0\6\0\0\x6b\2\x60\0";
	uint8_t room[BIG];
	struct wire_out out;
	struct tsig client, server;
	unsigned rcode;
	struct key *key = counted_key("ctl.key", KEY_SHA256);
	struct wire request = load(DNSPYTHON, "badtime-request");
	struct wire reply = load(DNSPYTHON, "badtime-reply");

	(void)state;
	assert_int_equal(verify(request, key, NOW, &server), TSIG_BADTIME);
	client = server;
	strip(reply, &out, room, sizeof(room));
	size_t at = out.size;
	assert_int_equal(tsig_room(&server), reply.size - at);
	assert_int_equal(tsig_sign_reply(&server, &out, NOW), OK);
	assert_same(&out, reply);
	assert_memory_equal(out.msg + at, head, sizeof(head) - 1);
	assert_memory_equal(out.msg + out.size - (sizeof(tail) - 1), tail,
	    sizeof(tail) - 1);
	assert_int_equal(verify_reply(&client, reply, NOW, &rcode), ERR_AUTH);
	assert_int_equal(rcode, RCODE_BADTIME);
	assert_int_equal(client.n_replies, 0);
	free(request.data);
	free(reply.data);
	key_unref(key);
}

static void
tsig_verify_request__time__may_differ_by_the_fudge_but_not_by_more_than_ours(
    void **state)
{
	static const struct {
		uint64_t time, now;
		uint16_t fudge;
		enum tsig_verdict verdict;
	} cases[] = {
	    {NOW, NOW + 300, 300, TSIG_GOOD},
	    {NOW, NOW - 300, 300, TSIG_GOOD},
	    {NOW, NOW + 301, 300, TSIG_BADTIME},
	    {NOW, NOW - 301, 300, TSIG_BADTIME},
	    {NOW, NOW, 0, TSIG_GOOD},
	    {NOW, NOW + 1, 0, TSIG_BADTIME},
	    {NOW, NOW - 1, 0, TSIG_BADTIME},
	    /* A large fudge must not outlive the memory against replay. */
	    {NOW, NOW + 300, 65535, TSIG_GOOD},
	    {NOW, NOW + 301, 65535, TSIG_BADTIME},
	    {0, NOW, 300, TSIG_BADTIME},
	    {0xffffffffffff, NOW, 65535, TSIG_BADTIME},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct forgery f = honest();
		struct tsig tsig;
		f.time = cases[i].time;
		f.fudge = cases[i].fudge;
		assert_int_equal(judge_forgery(&f, cases[i].now, &tsig),
		    cases[i].verdict);
	}
}

static void
tsig_verify_reply__out_of_time__is_an_error_that_says_so(void **state)
{
	struct tsig tsig;
	unsigned rcode;
	struct key *key = counted_key("ctl.key", KEY_SHA256);
	struct wire request = load(DNSPYTHON, "sha256-request");
	struct wire reply = load(DNSPYTHON, "sha256-reply");

	(void)state;
	assert_int_equal(verify(request, key, NOW, &tsig), TSIG_GOOD);
	assert_int_equal(verify_reply(&tsig, reply, NOW + 302, &rcode), ERR_AUTH);
	assert_int_equal(rcode, RCODE_BADTIME);
	assert_int_equal(verify_reply(&tsig, reply, NOW + 301, &rcode), OK);
	free(request.data);
	free(reply.data);
	key_unref(key);
}

/* -- what must not pass --------------------------------------------------- */

static void
tsig_verify_request__any_octet_changed__is_not_good(void **state)
{
	struct key *key = counted_key("ctl.key", KEY_SHA256);
	struct wire w = load(DNSPYTHON, "sha256-request");

	(void)state;
	for (size_t i = 2; i < w.size; i++) { /* the id is not covered */
		struct msg msg;
		struct tsig tsig;
		w.data[i] ^= 1;
		if (msg_frame(w.data, w.size, &msg) == OK)
			assert_int_not_equal(tsig_verify_request(&msg, find, key, NOW,
						 &tsig),
			    TSIG_GOOD);
		w.data[i] ^= 1;
	}
	free(w.data);
	key_unref(key);
}

static void
tsig_verify_request__id_rewritten_by_a_forwarder__is_good(void **state)
{
	struct tsig tsig;
	struct key *key = counted_key("ctl.key", KEY_SHA256);
	struct wire w = load(DNSPYTHON, "sha256-request");

	(void)state;
	w.data[0] ^= 0x55;
	w.data[1] ^= 0x55;
	assert_int_equal(verify(w, key, NOW, &tsig), TSIG_GOOD);
	assert_int_equal(tsig.original_id, 0x1234);
	free(w.data);
	key_unref(key);
}

static void
tsig_verify_request__no_tsig__is_none_and_the_reply_is_not_signed(void **state)
{
	uint8_t room[BIG];
	struct wire_out out;
	struct tsig tsig;
	struct key *key = counted_key("ctl.key", KEY_SHA256);
	struct wire w = load(DNSPYTHON, "sha256-request");

	(void)state;
	strip(w, &out, room, sizeof(room));
	size_t size = out.size;
	struct wire bare = wire_of(out.msg, size);
	assert_int_equal(verify(bare, key, NOW, &tsig), TSIG_NONE);
	assert_null(tsig.key);
	assert_int_equal(tsig_room(&tsig), 0);
	assert_int_equal(tsig_sign_reply(&tsig, &out, NOW), OK);
	assert_int_equal(out.size, size);
	free(bare.data);
	free(w.data);
	key_unref(key);
}

/* The reply to a request that was not believed has a TSIG without a MAC. */
static void
assert_unsigned_reply(struct wire request, struct key *key, enum tsig_verdict verdict,
    unsigned error)
{
	uint8_t room[BIG];
	struct wire_out out;
	struct tsig server, client;
	struct msg msg;
	unsigned rcode;

	assert_int_equal(verify(request, key, NOW, &server), verdict);
	assert_int_equal(msg_frame(request.data, request.size, &msg), OK);
	wire_out_init(&out, room, sizeof(room));
	msg_start_reply(&out, &msg, RCODE_NOTAUTH, false);
	size_t at = out.size;
	assert_int_equal(tsig_sign_reply(&server, &out, NOW), OK);
	assert_int_equal(out.size - at, tsig_room(&server));
	assert_int_equal(out.size - at, 9 + 10 + 13 + 16);
	assert_int_equal(out.msg[11], 1);
	assert_int_equal(out.msg[out.size - 3], error);
	client = server;
	client.key = key;
	assert_int_equal(verify_reply(&client, (struct wire){out.msg, out.size}, NOW,
			     &rcode),
	    ERR_AUTH);
	assert_int_equal(rcode, error);
}

static void
tsig__unknown_key__is_badkey_unsigned(void **state)
{
	struct key *key = counted_key("other.key", KEY_SHA256);
	struct wire w = load(DNSPYTHON, "sha256-request");

	(void)state;
	assert_unsigned_reply(w, key, TSIG_BADKEY, RCODE_BADKEY);
	free(w.data);
	key_unref(key);
}

static void
tsig__other_algorithm_than_the_keys__is_badkey_unsigned(void **state)
{
	struct tsig tsig;
	struct key *key = counted_key("ctl.key", KEY_SHA512);
	struct wire w = load(DNSPYTHON, "sha256-request");

	(void)state;
	assert_unsigned_reply(w, key, TSIG_BADKEY, RCODE_BADKEY);
	assert_int_equal(verify(w, key, NOW, &tsig), TSIG_BADKEY);
	assert_null(tsig.key);
	free(w.data);
	key_unref(key);
}

static void
tsig__wrong_secret__is_badsig_unsigned(void **state)
{
	struct key *key = key_of("ctl.key", KEY_SHA256, (const uint8_t *)"x", 1);
	struct wire w = load(DNSPYTHON, "sha256-request");

	(void)state;
	assert_unsigned_reply(w, key, TSIG_BADSIG, RCODE_BADSIG);
	free(w.data);
	key_unref(key);
}

static void
tsig_verify_request__order__is_key_mac_time_truncation(void **state)
{
	struct forgery f = honest();
	struct tsig tsig;

	(void)state;
	f.time = 1;
	f.mac_size = 16;
	f.spoil_mac = true;
	f.name_wire = "\3ctl\3kex";
	assert_int_equal(judge_forgery(&f, NOW, &tsig), TSIG_BADKEY);
	assert_null(tsig.key);
	f.name_wire = "\3ctl\3key";
	assert_int_equal(judge_forgery(&f, NOW, &tsig), TSIG_BADSIG);
	f.spoil_mac = false;
	assert_int_equal(judge_forgery(&f, NOW, &tsig), TSIG_BADTIME);
	f.time = NOW;
	assert_int_equal(judge_forgery(&f, NOW, &tsig), TSIG_BADTRUNC);
	f.mac_size = 32;
	assert_int_equal(judge_forgery(&f, NOW, &tsig), TSIG_GOOD);
	assert_non_null(tsig.key);
}

static void
tsig_verify_request__every_mac_size__has_its_verdict(void **state)
{
	static const struct {
		enum key_alg alg;
		const char *wire;
		const EVP_MD *(*md)(void);
		size_t shortest; /* the larger of 10 and half */
	} algs[] = {
	    {KEY_SHA256, "\013hmac-sha256", EVP_sha256, 16},
	    {KEY_SHA384, "\013hmac-sha384", EVP_sha384, 24},
	    {KEY_SHA512, "\013hmac-sha512", EVP_sha512, 32},
	};
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct key *key = counted_key("ctl.key", algs[i].alg);
		size_t full = key_alg_mac_size(algs[i].alg);
		for (size_t size = 0; size <= 80; size++) {
			struct forgery f = honest();
			struct tsig tsig;
			f.alg_wire = algs[i].wire;
			f.mac_size = size;
			struct wire w = forge(&f, algs[i].md(), full);
			enum tsig_verdict want = size < algs[i].shortest || size > full
						     ? TSIG_FORMERR
						 : size < full ? TSIG_BADTRUNC
							       : TSIG_GOOD;
			assert_int_equal(verify(w, key, NOW, &tsig), want);
			free(w.data);
		}
		key_unref(key);
	}
}

static void
tsig_sign_reply__badtrunc__covers_the_mac_as_it_came(void **state)
{
	struct forgery f = honest();
	struct key *key = counted_key("ctl.key", KEY_SHA256);
	struct tsig server, client;
	struct wire_out out;
	uint8_t room[BIG];
	unsigned rcode;
	struct msg msg;

	(void)state;
	f.mac_size = 20;
	struct wire w = forge(&f, EVP_sha256(), 32);
	assert_int_equal(verify(w, key, NOW, &server), TSIG_BADTRUNC);
	assert_int_equal(server.mac_size, 20);
	client = server;
	assert_int_equal(msg_frame(w.data, w.size, &msg), OK);
	wire_out_init(&out, room, sizeof(room));
	msg_start_reply(&out, &msg, RCODE_NOTAUTH, false);
	assert_int_equal(tsig_sign_reply(&server, &out, NOW), OK);
	assert_int_equal(verify_reply(&client, (struct wire){out.msg, out.size}, NOW,
			     &rcode),
	    ERR_AUTH);
	assert_int_equal(rcode, RCODE_BADTRUNC); /* so the signature was good */
	free(w.data);
	key_unref(key);
}

static void
tsig_verify_request__malformed_rdata__is_formerr_and_the_reply_is_not_signed(
    void **state)
{
	struct forgery f = honest();
	struct tsig tsig;
	struct wire_out out;
	uint8_t room[64] = {0};

	(void)state;
	f.rdata_extra = 1;
	assert_int_equal(judge_forgery(&f, NOW, &tsig), TSIG_FORMERR);
	assert_int_equal(tsig_room(&tsig), 0);
	wire_out_init(&out, room, sizeof(room));
	wire_put_bytes(&out, room, MSG_HEADER);
	assert_int_equal(tsig_sign_reply(&tsig, &out, NOW), OK);
	assert_int_equal(out.size, MSG_HEADER);
}

static void
tsig_verify_request__cut_anywhere_in_the_rdata__is_formerr(void **state)
{
	struct key *key = counted_key("ctl.key", KEY_SHA256);
	struct wire w = load(DNSPYTHON, "sha256-request");
	struct msg msg;
	struct tsig tsig;

	(void)state;
	assert_int_equal(msg_frame(w.data, w.size, &msg), OK);
	size_t rdata = msg.tsig_at + 9 + 10;
	for (size_t size = rdata; size < w.size; size++) {
		struct wire cut = wire_of(w.data, size);
		cut.data[rdata - 2] = 0;
		cut.data[rdata - 1] = (uint8_t)(size - rdata);
		assert_int_equal(verify(cut, key, NOW, &tsig), TSIG_FORMERR);
		free(cut.data);
	}
	free(w.data);
	key_unref(key);
}

static void
tsig_verify_request__other_data__is_covered(void **state)
{
	static uint8_t other[1000];
	struct forgery f = honest();
	struct tsig tsig;

	(void)state;
	f.other = other;
	f.other_size = sizeof(other);
	f.error = 5;
	assert_int_equal(judge_forgery(&f, NOW, &tsig), TSIG_GOOD);
}

/* -- client --------------------------------------------------------------- */

static void
tsig_verify_reply__unsigned_or_of_another_exchange__is_an_error(void **state)
{
	uint8_t room[BIG];
	struct wire_out out;
	struct tsig tsig;
	unsigned rcode = 99;
	struct key *key = counted_key("ctl.key", KEY_SHA256);
	struct key *other = counted_key("other.key", KEY_SHA256);
	struct key *longer = counted_key("ctl.key", KEY_SHA384);
	struct wire request = load(DNSPYTHON, "axfr-request");
	struct wire reply = load(DNSPYTHON, "sha256-reply");

	(void)state;
	strip(request, &out, room, sizeof(room));
	assert_int_equal(tsig_sign_request(key, &out, NOW, &tsig), OK);
	assert_int_equal(verify_reply(&tsig, reply, NOW, &rcode), ERR_AUTH);
	assert_int_equal(rcode, 0);
	strip(request, &out, room, sizeof(room));
	assert_int_equal(tsig_sign_request(other, &out, NOW, &tsig), OK);
	assert_int_equal(verify_reply(&tsig, reply, NOW, &rcode), ERR_AUTH);
	strip(request, &out, room, sizeof(room));
	assert_int_equal(tsig_sign_request(longer, &out, NOW, &tsig), OK);
	assert_int_equal(verify_reply(&tsig, reply, NOW, &rcode), ERR_AUTH);
	strip(reply, &out, room, sizeof(room));
	assert_int_equal(verify_reply(&tsig, (struct wire){out.msg, out.size}, NOW,
			     &rcode),
	    ERR_AUTH);
	assert_int_equal(rcode, 0);
	free(request.data);
	free(reply.data);
	key_unref(key);
	key_unref(other);
	key_unref(longer);
}

static void
tsig_verify_reply__truncated_mac__is_an_error(void **state)
{
	struct forgery f = honest();
	struct key *key = counted_key("ctl.key", KEY_SHA256);
	struct tsig tsig = {.verdict = TSIG_GOOD,
	    .key = key,
	    .key_name = *key_name(key)};
	unsigned rcode;

	(void)state;
	tsig.alg_name = *key_alg_name(KEY_SHA256);
	f.mac_size = 16; /* with no MAC before it, a request verifies as a reply */
	struct wire w = forge(&f, EVP_sha256(), 32);
	assert_int_equal(verify_reply(&tsig, w, NOW, &rcode), ERR_AUTH);
	free(w.data);
	f.mac_size = 32;
	w = forge(&f, EVP_sha256(), 32);
	assert_int_equal(verify_reply(&tsig, w, NOW, &rcode), OK);
	free(w.data);
	key_unref(key);
}

/* -- signing -------------------------------------------------------------- */

static void
tsig_sign__no_room__leaves_the_message_alone(void **state)
{
	uint8_t room[BIG], before[BIG];
	struct wire_out out;
	struct tsig server, client;
	struct key *key = counted_key("ctl.key", KEY_SHA256);
	struct wire request = load(DNSPYTHON, "sha256-request");

	(void)state;
	assert_int_equal(verify(request, key, NOW, &server), TSIG_GOOD);
	strip(request, &out, room, sizeof(room));
	size_t size = out.size;
	memcpy(before, room, size);
	out.room = size + tsig_room(&server) - 1;
	assert_int_equal(tsig_sign_reply(&server, &out, NOW), ERR_SPACE);
	assert_int_equal(tsig_sign_request(key, &out, NOW, &client), ERR_SPACE);
	assert_int_equal(out.size, size);
	assert_int_equal(out.err, OK);
	assert_memory_equal(room, before, size);
	assert_int_equal(server.n_replies, 0);
	out.room++;
	assert_int_equal(tsig_sign_reply(&server, &out, NOW), OK);
	assert_int_equal(out.size, out.room);
	free(request.data);
	key_unref(key);
}

static void
tsig_sign__message_with_opt__round_trip(void **state)
{
	uint8_t room[BIG];
	struct wire_out out;
	struct tsig server, client;
	struct msg msg;
	unsigned rcode;
	struct key *key = counted_key("ctl.key", KEY_SHA384);

	(void)state;
	wire_out_init(&out, room, sizeof(room));
	msg_start(&out, 7, 0);
	msg_put_question(&out, key_name(key), RR_SOA, CLASS_IN);
	msg_put_opt(&out, 1232, 0, 0, NULL);
	assert_int_equal(tsig_sign_request(key, &out, NOW, &client), OK);
	struct wire request = wire_of(out.msg, out.size);
	assert_int_equal(verify(request, key, NOW, &server), TSIG_GOOD);
	assert_int_equal(msg_frame(request.data, request.size, &msg), OK);
	wire_out_init(&out, room, sizeof(room));
	msg_start_reply(&out, &msg, RCODE_REFUSED, false);
	msg_put_opt(&out, 1232, RCODE_REFUSED, EDE_PROHIBITED, "reason=test");
	assert_int_equal(tsig_sign_reply(&server, &out, NOW), OK);
	assert_int_equal(verify_reply(&client, (struct wire){out.msg, out.size}, NOW,
			     &rcode),
	    OK);
	free(request.data);
	key_unref(key);
}

/* -- threads -------------------------------------------------------------- */

static void *
verify_often(void *arg)
{
	struct key *key = arg;
	size_t n_good = 0;
	struct wire w = load(DNSPYTHON, "sha256-request");

	for (unsigned i = 0; i < 500; i++) {
		struct tsig tsig;
		struct key *mine = key_ref(key);
		n_good += verify(w, mine, NOW, &tsig) == TSIG_GOOD;
		key_unref(mine);
	}
	free(w.data);
	return n_good == 500 ? key : NULL;
}

static void
tsig_verify_request__one_key_in_many_threads__is_good_in_each(void **state)
{
	pthread_t threads[4];
	struct key *key = counted_key("ctl.key", KEY_SHA256);

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, verify_often, key),
		    0);
	for (size_t i = 0; i < 4; i++) {
		void *result;
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_ptr_equal(result, key);
	}
	key_unref(key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tsig_verify__dnspython_pairs__are_good),
	    cmocka_unit_test(tsig_sign__dnspython_pairs__gives_the_same_octets),
	    cmocka_unit_test(
		tsig__dnspython_transfer_with_a_gap__is_verified_by_the_next_that_is_signed),
	    cmocka_unit_test(
		tsig__dnspython_transfer__is_signed_and_verified_as_a_chain),
	    cmocka_unit_test(tsig__chain_with_a_gap_or_a_repetition__is_an_error),
	    cmocka_unit_test(tsig__yadifa_vectors__are_good),
	    cmocka_unit_test(tsig_sign_reply__badtime__is_signed_with_both_times),
	    cmocka_unit_test(
		tsig_verify_request__time__may_differ_by_the_fudge_but_not_by_more_than_ours),
	    cmocka_unit_test(tsig_verify_reply__out_of_time__is_an_error_that_says_so),
	    cmocka_unit_test(tsig_verify_request__any_octet_changed__is_not_good),
	    cmocka_unit_test(tsig_verify_request__id_rewritten_by_a_forwarder__is_good),
	    cmocka_unit_test(
		tsig_verify_request__no_tsig__is_none_and_the_reply_is_not_signed),
	    cmocka_unit_test(tsig__unknown_key__is_badkey_unsigned),
	    cmocka_unit_test(tsig__other_algorithm_than_the_keys__is_badkey_unsigned),
	    cmocka_unit_test(tsig__wrong_secret__is_badsig_unsigned),
	    cmocka_unit_test(tsig_verify_request__order__is_key_mac_time_truncation),
	    cmocka_unit_test(tsig_verify_request__every_mac_size__has_its_verdict),
	    cmocka_unit_test(tsig_sign_reply__badtrunc__covers_the_mac_as_it_came),
	    cmocka_unit_test(
		tsig_verify_request__malformed_rdata__is_formerr_and_the_reply_is_not_signed),
	    cmocka_unit_test(
		tsig_verify_request__cut_anywhere_in_the_rdata__is_formerr),
	    cmocka_unit_test(tsig_verify_request__other_data__is_covered),
	    cmocka_unit_test(
		tsig_verify_reply__unsigned_or_of_another_exchange__is_an_error),
	    cmocka_unit_test(tsig_verify_reply__truncated_mac__is_an_error),
	    cmocka_unit_test(tsig_sign__no_room__leaves_the_message_alone),
	    cmocka_unit_test(tsig_sign__message_with_opt__round_trip),
	    cmocka_unit_test(
		tsig_verify_request__one_key_in_many_threads__is_good_in_each),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
