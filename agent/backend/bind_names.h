/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_BIND_NAMES_H
#define AGENT_BACKEND_BIND_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dname.h"

/*
 * Names with a short text each, in as little memory as will do: a million must
 * fit. Equal texts are kept once.
 */

struct bind_names {
	uint32_t *slots; /* 1 + place of the name in data; 0: none */
	size_t n_slots;
	uint8_t *data; /* text number, size, wire, one after the other */
	size_t size, room;
	size_t n;     /* names that have a text */
	size_t n_all; /* and those that lost theirs */
	char **texts; /* number 0 is never used: no text */
	size_t n_texts, texts_room;
	uint32_t *text_slots; /* text numbers by hash; 0: none */
	size_t n_text_slots;
};

void bind_names_init(struct bind_names *names);
void bind_names_fini(struct bind_names *names);
/* text NULL: forget it. */
void bind_names_set(struct bind_names *names, const struct dname *name,
    const char *text);
/* Valid until the end. NULL: there is none. */
const char *bind_names_get(const struct bind_names *names, const struct dname *name);
/* One after the other; start with *at = 0. false: no more. set may be called for
 * names that are there. */
bool bind_names_next(const struct bind_names *names, size_t *at, struct dname *name,
    const char **text);

#endif
