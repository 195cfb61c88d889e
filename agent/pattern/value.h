/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PATTERN_VALUE_H
#define AGENT_PATTERN_VALUE_H

#include <stddef.h>

#include "lib/err.h"
#include "lib/key.h"
#include "lib/settings.h"

/*
 * Typed values: the only way by which text, from an operator's file or from
 * the catalog, becomes a setting. What is parsed is printed again in one
 * canonical form, so equal values have equal text, and nothing unparsed is
 * ever passed on.
 */

enum value_type {
	VALUE_ADDRESS_LIST, /* ADDRESS[@PORT] [key NAME] [tls NAME], ... */
	VALUE_NAME,
	VALUE_KEY_NAME,
	VALUE_NUMBER, /* 0 to 4294967295 */
	VALUE_KEYWORD /* [a-z0-9-]+, at most 63 */
};

enum { VALUE_TEXT_MAX = 4096, VALUE_LIST_MAX = 64 };

/* "address-list", ... ERR_INVALID. */
NODISCARD enum err value_type_parse(const char *text, enum value_type *type);
const char *value_type_str(enum value_type type);

/*
 * ADDRESS[@PORT] [key NAME] [tls NAME], separated by commas, appended to list.
 * Keys must be in ring (NULL: not checked). ERR_INVALID: why says what is
 * wrong; list may have grown.
 */
NODISCARD enum err value_addresses(const char *text, const struct keyring *ring,
    struct remote_list *list, char *why, size_t why_size);
/* One more, already parsed. ERR_INVALID: too many, or an unknown key. */
NODISCARD enum err value_add_remote(struct remote_list *list,
    const struct remote *remote, const struct keyring *ring, char *why,
    size_t why_size);

/* Free the result. "" when empty. */
char *value_print_addresses(const struct remote_list *list);

/*
 * text as type, printed canonically into *canonical (free it). ERR_INVALID: why
 * says what is wrong.
 */
NODISCARD enum err value_parse(enum value_type type, const char *text,
    const struct keyring *ring, char **canonical, char *why, size_t why_size);

#endif
