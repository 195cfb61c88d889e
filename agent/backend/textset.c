/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/textset.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"

/* Of the first that is not below name. */
static size_t
position(const struct textset *names, const char *name)
{
	size_t low = 0, high = names->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(names->list[middle], name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void
textset_fini(struct textset *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->list[i]);
	free(names->list);
	memset(names, 0, sizeof(*names));
}

bool
textset_has(const struct textset *names, const char *name)
{
	size_t at = position(names, name);

	return at < names->n && strcmp(names->list[at], name) == 0;
}

bool
textset_add(struct textset *names, const char *name)
{
	size_t at = position(names, name);

	if (at < names->n && strcmp(names->list[at], name) == 0)
		return false;
	names->list =
	    mem_grow(names->list, names->n, &names->room, sizeof(names->list[0]));
	memmove(&names->list[at + 1], &names->list[at],
	    (names->n - at) * sizeof(names->list[0]));
	names->list[at] = mem_strdup(name);
	names->n++;
	return true;
}

size_t
textset_count(const struct textset *names, const char *prefix)
{
	size_t at = position(names, prefix), size = strlen(prefix), n = 0;

	while (at + n < names->n && strncmp(names->list[at + n], prefix, size) == 0)
		n++;
	return n;
}
