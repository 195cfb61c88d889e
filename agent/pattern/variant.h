/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PATTERN_VARIANT_H
#define AGENT_PATTERN_VARIANT_H

#include <stddef.h>

#include "agent/pattern/spec.h"
#include "lib/err.h"
#include "lib/member.h"
#include "lib/settings.h"

/*
 * The parameters that one member brings as ext properties, and the settings
 * that come of them. Two forms are understood:
 *     <param>.nsherd.ext.<id>          TXT "value" (strings joined)
 *     [<label>.]primaries.ext.<id>     A, AAAA, TXT "key name", as BIND has it
 * What else stands below ext belongs to others (RFC 9432 section 4.4).
 */

struct variant {
	char **values; /* canonical, one for each spec->params[i]; NULL: not given */
	size_t n_values;
	char *text; /* "name=value\n"... of those given; "" for none */
};

/* ERR_INVALID: error says which parameter and why. */
NODISCARD enum err variant_read(struct variant *v, const struct spec *spec,
    const struct member *m, const struct keyring *ring, char *error, size_t error_size);
void variant_fini(struct variant *v);

/* New settings, one reference. v->values were checked by variant_read. */
struct settings *variant_settings(const struct variant *v, const struct spec *spec,
    const char *pattern, const char *version);

#endif
