/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_WORDS_H
#define CTL_WORDS_H

#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"

/*
 * The words of a line of zones, as `export` writes them and `--from` reads
 * them: separated by blanks; "..." keeps blanks; \X is X and \DDD the octet of
 * that decimal number, inside quotes too; # at the start of a word begins a
 * comment.
 */

enum { WORDS_MAX = 256 };

/*
 * Cut the line in place; the words are still quoted. ERR_FORM: a quote that is
 * not closed, or a backslash at the end; ERR_RANGE: more than WORDS_MAX words.
 */
NODISCARD enum err words_split(char *line, char *words[static WORDS_MAX], size_t *n);

/* Append what a quoted word (or a part of one) stands for. ERR_FORM: a bad \DDD. */
NODISCARD enum err words_decode(const char *word, size_t size, struct buf *out);

/* Append the octets as a word, quoted if it must be. */
void words_encode(const void *data, size_t size, struct buf *out);
/* The same without ever using quotes, with commas escaped. */
void words_encode_item(const void *data, size_t size, struct buf *out);

#endif
