/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_TEXTSET_H
#define AGENT_BACKEND_TEXTSET_H

#include <stdbool.h>
#include <stddef.h>

/* A sorted set of texts. All zero is an empty one. */
struct textset {
	char **list;
	size_t n, room;
};

void textset_fini(struct textset *names); /* leaves it empty */
/* false: it was there already. */
bool textset_add(struct textset *names, const char *name);
bool textset_has(const struct textset *names, const char *name);
/* How many begin so. */
size_t textset_count(const struct textset *names, const char *prefix);

#endif
