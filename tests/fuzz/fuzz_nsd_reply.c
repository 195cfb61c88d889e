/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What NSD might say, or what might stand in its and in our files: a first octet
 * that chooses the parser, then text.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backend/nsd_include.h"
#include "agent/backend/nsd_reply.h"
#include "lib/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"a.example", "b\\047c.example", "d"};

static void
take_outcome(void *arg, size_t i, enum nsd_outcome outcome, const char *reason)
{
	size_t *next = arg;

	/* each name once, in order */
	assert(i == *next && i < 3);
	(*next)++;
	assert(strlen(reason) < NSD_REASON_MAX);
	assert(outcome != NSD_DONE || reason[0] == '\0');
}

static enum err
take_zone(void *arg, const char *name, const char *pattern)
{
	size_t *n = arg;

	assert(name != NULL && pattern != NULL);
	(*n)++;
	return OK;
}

/* The lines of text to fn, as the channel hands them on. */
static enum err
feed(char *text, enum err (*fn)(void *, const char *), void *arg)
{
	enum err err = OK;
	char *line;

	while (err == OK && (line = strsep(&text, "\n")) != NULL && text != NULL)
		err = fn(arg, line);
	return err;
}

static void
fuzz_bulk(char *text, bool deleting)
{
	struct nsd_bulk bulk;
	size_t n = 0;

	nsd_bulk_init(&bulk, deleting, names, 3, take_outcome, &n);
	if (feed(text, nsd_bulk_line, &bulk) == OK && nsd_bulk_end(&bulk) == OK)
		assert(n == 3);
}

static void
fuzz_include(const char *text, size_t size)
{
	struct nsd_include inc, again;
	struct backend_error why = {""};
	struct buf out;

	nsd_include_init(&inc);
	nsd_include_init(&again);
	buf_init(&out, 0);
	nsd_include_parse(&inc, text, size);
	/* What was read and can be written is read again the same. */
	if (nsd_include_render(&inc, NULL, &out, &why) == OK) {
		nsd_include_parse(&again, buf_text(&out), out.size);
		assert(again.intact && again.n == inc.n);
		assert(strcmp(again.canary, inc.canary) == 0);
	}
	buf_fini(&out);
	nsd_include_fini(&again);
	nsd_include_fini(&inc);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nsd_single single;
	struct nsd_zones zones;
	const char *name, *pattern;
	char *text;
	size_t n = 0;

	if (size == 0)
		return 0;
	text = mem_alloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0] % 6) {
	case 0: fuzz_bulk(text, false); break;
	case 1: fuzz_bulk(text, true); break;
	case 2:
		nsd_single_init(&single);
		if (feed(text, nsd_single_line, &single) == OK &&
		    nsd_single_outcome(&single) == NSD_DONE)
			assert(single.ok);
		break;
	case 3:
		nsd_zones_init(&zones, take_zone, &n);
		if (feed(text, nsd_zones_line, &zones) == OK)
			assert(nsd_zones_end(&zones) == OK);
		break;
	case 4:
		if (nsd_list_line(text, &name, &pattern))
			assert(name[0] != '\0' && pattern[0] != '\0');
		break;
	default: fuzz_include(text, size - 1); break;
	}
	free(text);
	return 0;
}
