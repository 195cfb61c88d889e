/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replies of knotd. The first octet says how large the pieces are in which the
 * rest arrives; what is read must not depend on it. Each unit that was read is
 * written and read again, and must come back the same. Its texts go to what
 * makes sense of them.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backend/knot.h"
#include "lib/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct copy {
	struct knot_unit unit;
	bool seen;
};

static enum err
compare(void *arg, const struct knot_unit *unit)
{
	struct copy *copy = arg;

	assert(!copy->seen);
	copy->seen = true;
	for (unsigned i = 0; i < KNOT_N_FIELDS; i++) {
		const char *a = copy->unit.field[i], *b = unit->field[i];

		assert((a == NULL) == (b == NULL));
		assert(a == NULL || strcmp(a, b) == 0);
	}
	return OK;
}

static void
write_and_read(const struct knot_unit *unit)
{
	struct copy copy = {.unit = *unit};
	struct knot_reader r;
	struct buf out;
	bool done = false;

	buf_init(&out, 0);
	knot_unit_put(&out, unit);
	buf_put_u8(&out, KNOT_TYPE_BLOCK);
	assert(out.err == OK);
	knot_reader_init(&r, compare, &copy);
	assert(knot_reader_feed(&r, out.data, out.size, &done) == OK);
	assert(done && copy.seen);
	knot_reader_fini(&r);
	buf_fini(&out);
}

struct heard {
	uint64_t sum;
	size_t n;
	bool deep;
};

static enum err
hear(void *arg, const struct knot_unit *unit)
{
	struct heard *h = arg;

	h->n++;
	for (unsigned i = 0; i < KNOT_N_FIELDS; i++) {
		const char *text = unit->field[i], *path;
		struct knot_workers workers;

		h->sum = h->sum * 31 + (text != NULL);
		if (text == NULL)
			continue;
		for (const char *c = text; *c != '\0'; c++)
			h->sum = h->sum * 31 + (uint8_t)*c;
		if (!h->deep)
			continue;
		if (knot_workers_parse(text, &workers))
			assert(strstr(text, "background workers: ") != NULL);
		/* As a command line, its words ended by what was a comma. */
		char *words = mem_strdup(text);
		size_t size = strlen(words);
		for (size_t k = 0; k < size; k++)
			words[k] = (char)(words[k] == ',' ? '\0' : words[k]);
		if (knot_store_of(words, size + 1, &path) != KNOT_STORE_UNKNOWN)
			assert(path >= words && path <= words + size);
		else
			assert(path == NULL);
		free(words);
	}
	if (h->deep)
		write_and_read(unit);
	return OK;
}

static enum err
read_all(const uint8_t *data, size_t size, size_t piece, struct heard *h, bool *done)
{
	struct knot_reader r;
	enum err err = OK;

	*done = false;
	knot_reader_init(&r, hear, h);
	for (size_t at = 0; err == OK && at < size; at += piece)
		err = knot_reader_feed(&r, data + at,
		    size - at < piece ? size - at : piece, done);
	knot_reader_fini(&r);
	return err;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct heard whole = {.deep = true}, pieces = {.deep = false};
	bool done, again;
	enum err err;

	if (size < 1)
		return 0;
	err = read_all(data + 1, size - 1, size, &whole, &done);
	assert(err == OK || err == ERR_FORM || err == ERR_CLOSED);
	assert(
	    read_all(data + 1, size - 1, (size_t)data[0] + 1, &pieces, &again) == err);
	assert(whole.n == pieces.n && whole.sum == pieces.sum);
	assert(err != OK || done == again);
	return 0;
}
