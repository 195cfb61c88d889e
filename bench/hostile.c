/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a hostile 64 kB message costs before its signature is checked: framing,
 * as every message gets it, and the look for the key. One line for each kind,
 * in milliseconds and as a ratio to framing a good message of the same size.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/msg.h"
#include "lib/tsig.h"

enum { ROUNDS = 200 };

static uint8_t message[MSG_MAX];

static double
now_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static struct key *
no_key(void *arg, const struct dname *name)
{
	(void)arg;
	(void)name;
	return NULL;
}

static double
cost(const uint8_t *wire, size_t size, enum err *err)
{
	struct msg msg;
	struct tsig tsig;
	double start = now_ms();
	for (int i = 0; i < ROUNDS; i++) {
		*err = msg_frame(wire, size, &msg);
		if (*err == OK)
			(void)tsig_verify_request(&msg, no_key, NULL, 0, &tsig);
	}
	return (now_ms() - start) / ROUNDS;
}

static size_t
header(unsigned n_updates)
{
	struct wire_out out;
	wire_out_init(&out, message, sizeof(message));
	msg_start(&out, 1, OPCODE_UPDATE << 11);
	msg_put_question(&out, &dname_root, RR_SOA, CLASS_IN);
	wire_patch_u16(&out, 8, (uint16_t)n_updates);
	return out.size;
}

static void
put16(size_t at, unsigned value)
{
	message[at] = (uint8_t)(value >> 8);
	message[at + 1] = (uint8_t)value;
}

/* A record with a two-octet pointer for its owner: 12 octets. */
static size_t
pointer_rr(size_t at, size_t target, unsigned type, unsigned rdata)
{
	put16(at, 0xc000u | (unsigned)target);
	put16(at + 2, type);
	put16(at + 4, CLASS_IN);
	memset(message + at + 6, 0, 4);
	put16(at + 10, rdata);
	return at + 12;
}

/* One record whose RDATA is a chain of pointers, then records that use its end. */
static size_t
chain(size_t links)
{
	size_t at = header(0), n = 1, first;
	at = pointer_rr(at, 12, RR_TXT, (unsigned)(2 * links));
	first = at;
	put16(first, 0); /* the root: where every chain ends */
	for (size_t i = 1; i < links; i++)
		put16(first + 2 * i, 0xc000u | (unsigned)(first + 2 * (i - 1)));
	at = first + 2 * links;
	size_t last = at - 2 < 0x3fff ? at - 2 : 0x3ffe;
	for (; at + 12 <= sizeof(message); n++)
		at = pointer_rr(at, last, RR_TXT, 0);
	put16(8, (unsigned)n);
	return at;
}

static size_t
strings(void)
{
	size_t at = header(1), room = sizeof(message) - at - 12;
	at = pointer_rr(at, 12, RR_TXT, (unsigned)room);
	memset(message + at, 0, room);
	return at + room;
}

static size_t
small_records(void)
{
	size_t at = header(0), n = 0;
	for (; at + 12 <= sizeof(message); n++)
		at = pointer_rr(at, 12, RR_PTR, 0);
	put16(8, (unsigned)n);
	return at;
}

static void
line(const char *what, size_t size, double good)
{
	enum err err;
	double ms = cost(message, size, &err);
	printf("%-58s %6.2f  %14.3f ms, %s\n", what, ms / good, ms, err_str(err));
}

int
main(void)
{
	enum err err;
	size_t size = small_records();
	double good = cost(message, size, &err);
	line("hostile: 5,000 small records / the same, again", size, good);
	line("hostile: chains of 100 pointers / small records", chain(100), good);
	line("hostile: chains of 8,000 pointers / small records", chain(8000), good);
	line("hostile: 65,000 empty strings / small records", strings(), good);
	return 0;
}
