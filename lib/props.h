/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_PROPS_H
#define LIB_PROPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dname.h"
#include "lib/err.h"
#include "lib/pool.h"
#include "lib/wire.h"

/*
 * What a user says about a zone besides its name: the patterns (the group
 * property, RFC 9432 section 4.3.2) and the parameters
 * (<name>.nsherd.ext.<id>.zones.C TXT).
 */

enum { PROPS_VALUE_MAX = 8192, PROPS_GROUP_MAX = 255, PROPS_GROUPS_MAX = 16 };

struct props_group {
	struct props_group *next;
	const uint8_t *data;
	size_t size;
};

struct props_param {
	struct props_param *next;
	struct label name;
	const uint8_t *value;
	size_t size; /* 0: to be removed */
};

/* Plain data; lists in the order given, owned by the pool used to fill it. */
struct props {
	bool has_groups; /* false: leave them alone */
	struct props_group *groups;
	struct props_param *params;
};

/* Append a parameter. Replaces nothing: a name may come twice, and is then two
 * records. On failure *why is a text for people: ERR_FORM. */
NODISCARD enum err props_add_param(const char *name, size_t name_size,
    const void *value, size_t size, struct pool *pool, struct props *props,
    const char **why);

/* Append those params of `from` whose name props has not (data is shared). */
void props_inherit(struct props *props, const struct props *from, struct pool *pool);

/* Short lists, in a fixed order, so that equal ones are alike. */
void props_sort(struct props *props);
void props_copy(const struct props *from, struct pool *pool, struct props *to);
bool props_equal(const struct props *a, const struct props *b);

/* Records of a new member, for the update section. */
void props_write_add(const struct dname *zone, const struct dname *node,
    const struct props *props, struct wire_out *out);
/* Records that change a member as props says. */
void props_write_set(const struct dname *node, const struct props *props,
    struct wire_out *out);
/* The removal of the member. */
void props_write_del(const struct dname *node, struct wire_out *out);

/* Prerequisites: the node has no PTR; the node's PTR is that zone. */
void props_write_absent(const struct dname *node, struct wire_out *out);
void props_write_present(const struct dname *zone, const struct dname *node,
    struct wire_out *out);

/*
 * <name>.nsherd.ext.<node> taken apart: the labels before the node ("prefix"
 * of catz_classify). ERR_NOTFOUND: no parameter of ours.
 */
NODISCARD enum err props_param_name(const uint8_t *prefix, size_t size,
    struct label *name);

#endif
