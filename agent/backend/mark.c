/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/mark.h"

#include <stdio.h>
#include <string.h>

static const char start[] = "nsherd-";

void
mark_print(const struct settings *s, char mark[static MARK_MAX])
{
	snprintf(mark, MARK_MAX, "%s%s.%s.%s", start, s->pattern, s->version, s->hash);
}

void
mark_of(void *ctx, const struct settings *s, char mark[static MARK_MAX])
{
	(void)ctx;
	mark_print(s, mark);
}

bool
mark_is_ours(const char *mark)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";

	return strncmp(mark, start, sizeof(start) - 1) == 0 &&
	       strlen(mark) < MARK_MAX && mark[strspn(mark, alphabet)] == '\0';
}

void
mark_print_prefix(const char *pattern, char prefix[static MARK_MAX])
{
	snprintf(prefix, MARK_MAX, "%s%s.", start, pattern);
}
