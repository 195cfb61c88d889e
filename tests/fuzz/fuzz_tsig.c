/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TSIG on both sides. The input is a message, signed or not: it is checked as a
 * request and as a reply, and the reply that its verdict asks for is signed. An
 * unsigned one is signed too, must then verify, and must not with one bit of it
 * turned, wherever that is.
 */
#include <assert.h>
#include <string.h>

#include "lib/tsig.h"

enum { NOW = 0x6b026000 }; /* as in tests/data/tsig.hex, which the seeds are from */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct key *
find(void *arg, const struct dname *name)
{
	struct key *key = arg;
	return dname_equal(name, key_name(key)) ? key : NULL;
}

static struct key *
the_key(void)
{
	static const struct dname name = {9, "\3ctl\3key"};
	static struct key *key;
	uint8_t secret[32];

	for (unsigned i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)(i + 1);
	if (key == NULL &&
	    key_new(&name, KEY_SHA256, secret, sizeof(secret), &key) != OK)
		assert(!"no key");
	return key;
}

static void
check_request(const struct msg *msg)
{
	static uint8_t room[MSG_MAX];
	struct wire_out out;
	struct tsig tsig;
	enum tsig_verdict verdict =
	    tsig_verify_request(msg, find, the_key(), NOW, &tsig);

	assert((verdict == TSIG_NONE) == (msg->tsig_at == 0));
	assert(verdict != TSIG_GOOD || tsig.key == the_key());
	for (unsigned i = 0; i < 3; i++) {
		wire_out_init(&out, room, sizeof(room));
		msg_start_reply(&out, msg, RCODE_NOTAUTH, false);
		size_t before = out.size, most = tsig_room(&tsig);
		assert(most <= TSIG_SIZE_MAX);
		assert(tsig_sign_reply(&tsig, &out, NOW) == OK);
		assert(out.size - before == most);
	}
}

static void
check_reply(const struct msg *msg)
{
	static const struct dname zone = {17, "\7catalog\7example"};
	uint8_t room[1024];
	struct wire_out out;
	struct tsig tsig;
	unsigned rcode;

	wire_out_init(&out, room, sizeof(room));
	msg_start(&out, 0x4321, 0);
	msg_put_question(&out, &zone, RR_AXFR, CLASS_IN);
	assert(tsig_sign_request(the_key(), &out, NOW, &tsig) == OK);
	for (unsigned i = 0; i < 2; i++) {
		enum err err = tsig_verify_reply(&tsig, msg, NOW, &rcode);
		assert(err == OK || err == ERR_AUTH);
		assert(err != OK || (i == 0 && tsig.n_replies == 1));
	}
}

/* Unsigned: sign, verify, turn one bit. */
static void
check_round_trip(const struct msg *msg)
{
	static uint8_t room[MSG_MAX];
	struct wire_out out;
	struct tsig tsig;
	struct msg again;
	uint32_t sum = 0;

	wire_out_init(&out, room, sizeof(room));
	wire_put_bytes(&out, msg->wire, msg->size);
	if (tsig_sign_request(the_key(), &out, NOW, &tsig) != OK)
		return;
	if (msg_frame(out.msg, out.size, &again) != OK)
		return; /* a name pointed at the count that signing changed */
	assert(tsig_verify_request(&again, find, the_key(), NOW, &tsig) == TSIG_GOOD);

	for (size_t i = 0; i < msg->size; i++)
		sum = sum * 31 + msg->wire[i];
	out.msg[2 + sum / 8 % (msg->size - 2)] ^= (uint8_t)(1 << sum % 8);
	if (msg_frame(out.msg, out.size, &again) == OK)
		assert(tsig_verify_request(&again, find, the_key(), NOW, &tsig) !=
		       TSIG_GOOD);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct msg msg;

	if (msg_frame(data, size, &msg) != OK)
		return 0;
	check_request(&msg);
	check_reply(&msg);
	if (msg.tsig_at == 0)
		check_round_trip(&msg);
	return 0;
}
