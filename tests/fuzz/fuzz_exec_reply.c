/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program of the exec driver says: lines, as they would be cut. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "agent/backend/exec_reply.h"
#include "agent/backend/mark.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_text(const char *text, size_t room)
{
	size_t n = strlen(text);

	assert(n < room);
	for (size_t i = 0; i < n; i++)
		assert(text[i] >= ' ' && text[i] <= '~');
}

static void
read_line(const char *line, size_t size)
{
	struct exec_reply r;
	char why[100] = "";

	if (exec_reply_parse(line, size, &r, why) != OK) {
		assert(why[0] != '\0');
		check_text(why, sizeof(why));
		return;
	}
	check_text(r.text, sizeof(r.text));
	check_text(r.identity.product, sizeof(r.identity.product));
	check_text(r.identity.process, sizeof(r.identity.process));
	assert(r.mark[0] == '\0' || mark_is_ours(r.mark));
	if (r.kind == EXEC_ZONE || r.kind == EXEC_KEY) {
		char text[DNAME_TEXT_MAX];
		struct dname again;

		assert(dname_parse(dname_print_plain(&r.name, text), &again) == OK);
		assert(dname_equal(&r.name, &again));
	}
	if (r.kind == EXEC_OP)
		assert(r.result != RESULT_NONE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		if (newline == NULL)
			newline = end;
		read_line(at, (size_t)(newline - at));
		at = newline + 1;
	}
	return 0;
}
