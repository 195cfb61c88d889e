/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the yadifa driver reads: replies of the server, and the include file that
 * anybody may have edited. The first octet says which.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backend/yadifa_include.h"
#include "agent/backend/yadifa_reply.h"
#include "lib/mem.h"
#include "lib/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_reply(const uint8_t *data, size_t size)
{
	struct msg msg;
	uint32_t serial;
	char text[32];

	if (msg_frame(data, size, &msg) != OK)
		return;
	if (yadifa_reply_is_served(&msg, &msg.qname, &serial))
		assert(msg_rcode(&msg) == 0);
	if (yadifa_reply_text(&msg, text, sizeof(text)))
		assert(strlen(text) < sizeof(text));
}

/* In lines as fgets(3) would make them. */
static bool
parse(struct yadifa_include *inc, const char *text, size_t size)
{
	struct yadifa_parser p;
	bool whole;

	yadifa_parser_init(&p, inc);
	for (size_t at = 0; at < size;) {
		const char *newline = memchr(text + at, '\n', size - at);
		size_t n =
		    newline != NULL ? (size_t)(newline - text) + 1 - at : size - at;
		char *line = mem_alloc(n + 1);

		memcpy(line, text + at, n);
		line[n] = '\0';
		yadifa_parser_line(&p, line, strlen(line));
		free(line);
		at += n;
	}
	whole = p.whole;
	yadifa_parser_fini(&p);
	return whole;
}

/* What was understood is written, and understood again. */
static void
read_include(const uint8_t *data, size_t size)
{
	struct yadifa_include inc, again;
	struct keyring *ring = keyring_new();
	char *text = NULL;
	size_t text_size = 0, n;
	FILE *file = open_memstream(&text, &text_size);

	assert(file != NULL);
	yadifa_include_init(&inc);
	yadifa_include_init(&again);
	parse(&inc, (const char *)data, size);
	n = inc.table.n;
	assert(yadifa_include_write(&inc, "/zones", ring, file));
	fclose(file);
	assert(parse(&again, text, text_size));
	assert(again.table.n == n);
	free(text);
	yadifa_include_fini(&again);
	yadifa_include_fini(&inc);
	keyring_unref(ring);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == 'r')
		read_reply(data + 1, size - 1);
	else
		read_include(data + 1, size - 1);
	return 0;
}
