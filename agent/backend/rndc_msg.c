/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/rndc_msg.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "lib/mem.h"
#include "lib/wire.h"

enum {
	VERSION = 1,
	TYPE_BINARY = 1,
	TYPE_TABLE = 2,
	LIFETIME_S = 60,
	MAC_TEXT_SIZE = 88,                 /* base64, filled up with NULs */
	SIGNATURE_SIZE = 1 + MAC_TEXT_SIZE, /* with the octet of the algorithm */
};

static uint8_t
alg_octet(const struct key *key)
{
	switch (key_algorithm(key)) {
	case KEY_SHA256: return 163;
	case KEY_SHA384: return 164;
	case KEY_SHA512: return 165;
	}
	return 0;
}

static enum err
sign(const struct key *key, const uint8_t *data, size_t size,
    uint8_t signature[static SIGNATURE_SIZE])
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	char base64[MAC_TEXT_SIZE + 1] = "";
	size_t mac_size = 0;
	EVP_MAC_CTX *ctx = key_mac_new(key);
	bool good = ctx != NULL && EVP_MAC_update(ctx, data, size) == 1 &&
		    EVP_MAC_final(ctx, mac, &mac_size, sizeof(mac)) == 1 &&
		    mac_size <= MAC_TEXT_SIZE / 4 * 3 - 2;

	EVP_MAC_CTX_free(ctx);
	if (!good)
		return ERR_IO;
	EVP_EncodeBlock((unsigned char *)base64, mac, (int)mac_size);
	signature[0] = alg_octet(key);
	memcpy(signature + 1, base64, MAC_TEXT_SIZE);
	return OK;
}

/* -- requests ----------------------------------------------------------------- */

static void
put_head(struct buf *out, const char *name, uint8_t type, size_t size)
{
	buf_put_u8(out, (uint8_t)strlen(name));
	buf_puts(out, name);
	buf_put_u8(out, type);
	buf_put_u32(out, (uint32_t)size);
}

static void
put_text(struct buf *out, const char *name, const char *text)
{
	put_head(out, name, TYPE_BINARY, strlen(text));
	buf_puts(out, text);
}

static void
put_number(struct buf *out, const char *name, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	put_text(out, name, text);
}

static void
put_table(struct buf *out, const char *name, struct buf *table)
{
	put_head(out, name, TYPE_TABLE, table->size);
	buf_put(out, table->data, table->size);
	buf_reset(table);
}

enum err
rndc_encode(const struct rndc_request *request, const struct key *key, struct buf *out)
{
	uint8_t signature[SIGNATURE_SIZE];
	struct buf body, table;
	enum err err = OK;

	buf_init(&body, 0);
	buf_init(&table, 0);
	put_number(&table, "_ser", request->serial);
	put_number(&table, "_tim", request->time_s);
	put_number(&table, "_exp", request->time_s + LIFETIME_S);
	if (request->nonce[0] != '\0')
		put_text(&table, "_nonce", request->nonce);
	put_table(&body, "_ctrl", &table);
	put_text(&table, "type", request->command);
	put_table(&body, "_data", &table);
	err = sign(key, body.data, body.size, signature);
	put_head(&table, "hsha", TYPE_BINARY, sizeof(signature));
	buf_put(&table, signature, sizeof(signature));
	if (err == OK) {
		size_t at = out->size;

		buf_put_u32(out, 0);
		buf_put_u32(out, VERSION);
		put_table(out, "_auth", &table);
		buf_put(out, body.data, body.size);
		if (out->err == OK && out->size - at - 4 > RNDC_REQUEST_MAX)
			err = ERR_RANGE;
		for (unsigned i = 0; out->err == OK && i < 4; i++)
			out->data[at + i] =
			    (uint8_t)((out->size - at - 4) >> (24 - 8 * i));
		if (out->err != OK)
			err = ERR_RANGE;
	}
	buf_fini(&table);
	buf_fini(&body);
	return err;
}

/* -- replies ------------------------------------------------------------------ */

struct entry {
	char name[256];
	uint8_t type;
	const uint8_t *value;
	size_t size;
};

/* The next entry of a table; false at its end, or if it is none. */
static bool
next_entry(struct wire_in *in, struct entry *e)
{
	size_t size;
	const uint8_t *name;

	if (in->err != OK || wire_left(in) == 0)
		return false;
	size = wire_get_u8(in);
	name = wire_get_bytes(in, size);
	if (name != NULL)
		memcpy(e->name, name, size);
	e->name[name != NULL ? size : 0] = '\0';
	e->type = wire_get_u8(in);
	e->size = wire_get_u32(in);
	e->value = wire_get_bytes(in, e->size);
	return in->err == OK;
}

/* An entry of that name and type. */
static bool
is_entry(const struct entry *e, const char *name, uint8_t type)
{
	return e->type == type && strcmp(e->name, name) == 0;
}

/* Without the NUL that named puts at the end of some. */
static void
copy_text(const struct entry *e, char *out, size_t room)
{
	size_t size = e->size < room - 1 ? e->size : room - 1;

	memcpy(out, e->value, size);
	out[size] = '\0';
}

static enum err
check_signature(struct wire_in *in, const struct key *key)
{
	uint8_t signature[SIGNATURE_SIZE];
	struct entry auth, mac;
	struct wire_in table;
	enum err err;

	if (!next_entry(in, &auth) || !is_entry(&auth, "_auth", TYPE_TABLE))
		return ERR_FORM;
	wire_in_init(&table, auth.value, auth.size);
	if (!next_entry(&table, &mac) || !is_entry(&mac, "hsha", TYPE_BINARY) ||
	    mac.size != SIGNATURE_SIZE || wire_left(&table) != 0)
		return ERR_AUTH;
	err = sign(key, in->msg + in->pos, in->size - in->pos, signature);
	if (err == OK && CRYPTO_memcmp(signature, mac.value, SIGNATURE_SIZE) != 0)
		err = ERR_AUTH;
	return err;
}

static bool
read_number(const struct entry *e, uint32_t *number)
{
	uint64_t n = 0;

	if (e->size == 0 || e->size > 10)
		return false;
	for (size_t i = 0; i < e->size; i++) {
		if (e->value[i] < '0' || e->value[i] > '9')
			return false;
		n = n * 10 + (e->value[i] - '0');
	}
	*number = (uint32_t)n;
	return n <= UINT32_MAX;
}

static enum err
read_control(const struct entry *from, struct rndc_reply *reply)
{
	struct wire_in in;
	struct entry e;
	bool has_serial = false, is_reply = false;

	wire_in_init(&in, from->value, from->size);
	while (next_entry(&in, &e)) {
		if (is_entry(&e, "_ser", TYPE_BINARY))
			has_serial = read_number(&e, &reply->serial);
		else if (is_entry(&e, "_rpl", TYPE_BINARY))
			is_reply = e.size == 1 && e.value[0] == '1';
		else if (is_entry(&e, "_nonce", TYPE_BINARY))
			copy_text(&e, reply->nonce, sizeof(reply->nonce));
	}
	return in.err == OK && has_serial && is_reply ? OK : ERR_FORM;
}

static enum err
read_data(const struct entry *from, struct rndc_reply *reply)
{
	struct wire_in in;
	struct entry e;
	uint32_t result = 0;
	bool has_result = false;

	wire_in_init(&in, from->value, from->size);
	while (next_entry(&in, &e)) {
		if (is_entry(&e, "result", TYPE_BINARY)) {
			has_result = read_number(&e, &result);
		} else if (is_entry(&e, "err", TYPE_BINARY)) {
			copy_text(&e, reply->err, sizeof(reply->err));
		} else if (is_entry(&e, "text", TYPE_BINARY)) {
			free(reply->text);
			reply->text = mem_alloc(e.size + 1);
			copy_text(&e, reply->text, e.size + 1);
		}
	}
	if (in.err != OK || !has_result)
		return ERR_FORM;
	/* Of the numbers only 0 means the same in all versions. */
	reply->good = result == 0;
	if (!reply->good && reply->err[0] == '\0')
		snprintf(reply->err, sizeof(reply->err), "result %u", (unsigned)result);
	return OK;
}

static enum err
read_tables(struct wire_in *in, struct rndc_reply *reply)
{
	struct entry e;
	bool has_control = false, has_data = false;
	enum err err = OK;

	while (err == OK && next_entry(in, &e)) {
		if (is_entry(&e, "_ctrl", TYPE_TABLE)) {
			err = has_control ? ERR_FORM : read_control(&e, reply);
			has_control = true;
		} else if (is_entry(&e, "_data", TYPE_TABLE)) {
			err = has_data ? ERR_FORM : read_data(&e, reply);
			has_data = true;
		}
	}
	if (err == OK && (in->err != OK || !has_control || !has_data))
		err = ERR_FORM;
	return err;
}

enum err
rndc_decode(const uint8_t *body, size_t size, const struct key *key,
    struct rndc_reply *reply)
{
	struct rndc_reply r = {.text = NULL};
	struct wire_in in;
	enum err err;

	if (size > RNDC_REPLY_MAX)
		return ERR_FORM;
	wire_in_init(&in, body, size);
	if (wire_get_u32(&in) != VERSION || in.err != OK)
		return ERR_FORM;
	err = check_signature(&in, key);
	if (err == OK)
		err = read_tables(&in, &r);
	if (err != OK) {
		free(r.text);
		return err;
	}
	if (r.text == NULL)
		r.text = mem_strdup("");
	r.text[strcspn(r.text, "\r")] = '\0';
	for (size_t n = strlen(r.text); n > 0 && r.text[n - 1] == '\n'; n--)
		r.text[n - 1] = '\0';
	*reply = r;
	return OK;
}

bool
rndc_says(const struct rndc_reply *reply, const char *err)
{
	return !reply->good && strcmp(reply->err, err) == 0;
}

void
rndc_reply_fini(struct rndc_reply *reply)
{
	free(reply->text);
	reply->text = NULL;
}
