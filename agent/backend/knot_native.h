/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_KNOT_NATIVE_H
#define AGENT_BACKEND_KNOT_NATIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/backend/backend.h"
#include "agent/backend/mark.h"
#include "lib/dname.h"
#include "lib/err.h"
#include "lib/settings.h"

/*
 * Settings in Knot's terms. A template of our own holds what Knot can take up
 * without looking at its zones again; what makes it reload every zone when any
 * template gets it (Knot 3.2: file, signing, and most other items) is set at
 * each zone instead. Remotes and access lists are named by what is in them, so
 * they never change, and patterns share them.
 */

enum { KNOT_OBJECT_MAX = 32 };

struct knot_item {
	char *name, *value;
};

/* In order; an item with several values is there several times. */
struct knot_items {
	struct knot_item *list;
	size_t n, room;
};

struct knot_object {
	const char *section; /* "remote" or "acl" */
	char id[KNOT_OBJECT_MAX];
	struct knot_items items;
};

struct knot_native {
	char name[MARK_MAX]; /* of the template: our mark */
	struct knot_items template, zone;
	struct knot_object *objects; /* that template names, each once */
	size_t n_objects, objects_room;
	struct dname *keys; /* that objects name */
	size_t n_keys, keys_room;
};

/* ERR_INVALID: why tells what Knot, or we, cannot do. Free with knot_native_free. */
NODISCARD enum err knot_native_make(const struct settings *s, const char *zone_dir,
    struct knot_native **native, struct backend_error *why);
/* knot_sense.c, part of that: what knotd would refuse when it is too late. */
NODISCARD enum err knot_sense_check(const struct knot_native *n,
    struct backend_error *why);
void knot_native_free(struct knot_native *native); /* takes NULL */

/* The first one, or NULL. */
const struct knot_item *knot_items_find(const struct knot_items *items,
    const char *name);
void knot_items_add(struct knot_items *items, const char *name, const char *value);
void knot_items_fini(struct knot_items *items);
/* The values of name, in order, are the same in both. */
bool knot_items_same(const struct knot_items *a, const struct knot_items *b,
    const char *name);

#endif
