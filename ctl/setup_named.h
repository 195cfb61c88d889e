/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_SETUP_NAMED_H
#define CTL_SETUP_NAMED_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/source.h"

/* The words of named.conf and all that it includes, with where each of them stands. */

struct named_token {
	enum named_kind {
		NAMED_WORD, /* quoted or not */
		NAMED_OPEN,
		NAMED_CLOSE,
		NAMED_SEMICOLON,
	} kind;
	char *text;      /* of a word, without quotes */
	size_t source;   /* of sources.all */
	size_t from, to; /* there */
};

struct named {
	struct sources *sources;
	struct named_token *tokens;
	size_t n, room;
};

/* What named-checkconf took; on anything else it is only safe. */
NODISCARD enum err named_read(struct named *named, struct sources *sources,
    const char *path);
void named_fini(struct named *named);

/*
 * The next statement from *at on, before `end`, that begins with this word:
 * *at becomes its first token, *next what follows its semicolon.
 */
bool named_find(const struct named *named, const char *word, size_t *at, size_t end,
    size_t *next);
/* The first token that is such a word from..to, at the statement's own depth;
 * `to` if there is none. */
size_t named_word(const struct named *named, const char *word, size_t from, size_t to);
/* The tokens within the first braces from..to. */
bool named_body(const struct named *named, size_t from, size_t to, size_t *first,
    size_t *last);
/* The text of a word; "" for anything else, and past the end. */
const char *named_text(const struct named *named, size_t at);
/* Text to be put in after, or before, that token. */
void named_put_after(const struct named *named, size_t at, const char *text);
void named_put_before(const struct named *named, size_t at, const char *text);

#endif
