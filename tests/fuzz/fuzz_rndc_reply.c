/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What BIND's channels say. The first octet chooses: 0 a reply as it comes; 1
 * the tables of a reply, to which a good signature is put; 2 the JSON of the
 * statistics channel, whole and in pieces, which must come to the same; 3 the
 * text of a zone.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "agent/backend/bind_body.h"
#include "agent/backend/bind_include.h"
#include "agent/backend/bind_json.h"
#include "agent/backend/rndc_msg.h"
#include "lib/buf.h"
#include "lib/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct key *
the_key(void)
{
	static struct key *key;
	struct dname name;

	if (key == NULL) {
		assert(dname_parse("ctl", &name) == OK);
		assert(key_new(&name, KEY_SHA256, (const uint8_t *)"secret", 6, &key) ==
		       OK);
	}
	return key;
}

static void
try_reply(const uint8_t *body, size_t size)
{
	struct rndc_reply reply;
	enum err err = rndc_decode(body, size, the_key(), &reply);

	assert(err == OK || err == ERR_FORM || err == ERR_AUTH);
	if (err != OK)
		return;
	assert(reply.text != NULL && strlen(reply.err) < RNDC_ERR_MAX);
	assert(reply.good || reply.err[0] != '\0');
	assert(strlen(reply.nonce) < RNDC_NONCE_MAX);
	rndc_reply_fini(&reply);
}

static void
try_signed(const uint8_t *tables, size_t size)
{
	static const uint8_t head[] =
	    "\0\0\0\1\5_auth\2\0\0\0\143\4hsha\1\0\0\0\131\243";
	uint8_t mac[EVP_MAX_MD_SIZE], base64[89] = {0};
	size_t mac_size;
	EVP_MAC_CTX *ctx = key_mac_new(the_key());
	struct buf body;

	assert(ctx != NULL && EVP_MAC_update(ctx, tables, size) == 1 &&
	       EVP_MAC_final(ctx, mac, &mac_size, sizeof(mac)) == 1);
	EVP_MAC_CTX_free(ctx);
	EVP_EncodeBlock(base64, mac, (int)mac_size);
	buf_init(&body, 0);
	buf_put(&body, head, sizeof(head) - 1);
	buf_put(&body, base64, 88);
	buf_put(&body, tables, size);
	try_reply(body.data, body.size);
	buf_fini(&body);
}

/* -- JSON --------------------------------------------------------------------- */

struct seen {
	struct bind_stats stats;
	size_t n;
	uint64_t sum;
};

static enum err
see_zone(void *arg, const char *name, const char *type)
{
	struct seen *s = arg;

	assert(name[0] != '\0' && strlen(name) < BIND_JSON_TEXT_MAX);
	s->n++;
	for (const char *p = name; *p != '\0'; p++) {
		assert(*p >= 0x20 && *p < 0x7f);
		s->sum = s->sum * 31 + (uint8_t)*p;
	}
	s->sum += strlen(type);
	return OK;
}

static enum err
read_json(struct seen *s, const char *text, size_t size, size_t piece)
{
	struct bind_json *json = mem_alloc(sizeof(*json));
	enum err err = OK;

	memset(s, 0, sizeof(*s));
	s->stats.view = "_default";
	s->stats.zone = see_zone;
	s->stats.arg = s;
	bind_json_init(json, bind_stats_take, &s->stats);
	for (size_t at = 0; err == OK && at < size; at += piece)
		err = bind_json_put(json, text + at,
		    size - at < piece ? size - at : piece);
	if (err == OK)
		err = bind_json_end(json);
	free(json);
	return err;
}

static void
try_json(const char *text, size_t size)
{
	struct seen *a = mem_alloc(sizeof(*a)), *b = mem_alloc(sizeof(*b));
	enum err one = read_json(a, text, size, size + 1);
	enum err two = read_json(b, text, size, 3);

	assert(one == OK || one == ERR_FORM);
	assert(one == two && a->n == b->n && a->sum == b->sum);
	assert(strcmp(a->stats.boot, b->stats.boot) == 0);
	(void)bind_stats_time_ms(a->stats.boot);
	free(a);
	free(b);
}

/* -- zones -------------------------------------------------------------------- */

static void
try_zone(const char *text)
{
	struct bind_zone_text *zone = mem_alloc(sizeof(*zone));
	struct bind_include inc;
	char *body = bind_body_of(text);

	if (bind_body_read(text, zone)) {
		assert(body != NULL && body[0] == '{');
		assert(strlen(zone->mark) < MARK_MAX);
		(void)bind_body_is_ours(zone, "/zones");
	}
	bind_include_init(&inc);
	bind_include_parse(&inc, text);
	bind_include_fini(&inc);
	free(body);
	free(zone);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size == 0)
		return 0;
	if (data[0] == 0 || data[0] == '0') {
		try_reply(data + 1, size - 1);
	} else if (data[0] == 1 || data[0] == '1') {
		try_signed(data + 1, size - 1);
	} else if (data[0] == 2 || data[0] == '2') {
		try_json((const char *)data + 1, size - 1);
	} else if (data[0] == 3 || data[0] == '3') {
		text = mem_zalloc(size);
		memcpy(text, data + 1, size - 1);
		try_zone(text);
		free(text);
	}
	return 0;
}
