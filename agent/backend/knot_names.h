/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_KNOT_NAMES_H
#define AGENT_BACKEND_KNOT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* A sorted set of names. All zero is an empty one. */
struct knot_names {
	char **list;
	size_t n, room;
};

void knot_names_fini(struct knot_names *names); /* leaves it empty */
/* false: it was there already. */
bool knot_names_add(struct knot_names *names, const char *name);
bool knot_names_has(const struct knot_names *names, const char *name);
/* How many begin so. */
size_t knot_names_count(const struct knot_names *names, const char *prefix);

#endif
