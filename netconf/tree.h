/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_TREE_H
#define NETCONF_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"
#include "lib/pool.h"

struct lyd_node;

/*
 * XML elements, small and our own: what a client sent (a filter, a configuration), of
 * which the schema knows some and some not, and what we answer. A tree lives as long
 * as the pool that it was made in.
 */

enum tree_mark {
	TREE_UNMARKED,
	TREE_PARTLY, /* those of its children that are marked, and its keys */
	TREE_WHOLE,  /* with all below it */
};

struct elem {
	const char *name;
	const char *ns;    /* its namespace; "": none */
	const char *value; /* NULL: it has elements, or nothing */
	const char *op;    /* of a configuration: nc:operation; NULL: none */
	const char *attrs; /* to be printed: text that begins with a blank, or NULL */
	struct elem *parent, *next, *child, *last;
	unsigned char mark; /* enum tree_mark; of a filter, see filter.h */
	bool is_key;        /* of a list */
	bool has_attrs;     /* of a filter: it asks for attributes */
};

/* A new last child of parent, in its namespace if ns is NULL. name, ns and value stay
 * borrowed. parent NULL: a root. */
struct elem *tree_add(struct pool *pool, struct elem *parent, const char *ns,
    const char *name, const char *value);
/* A leaf whose value is copied. value NULL: none is added, NULL. */
struct elem *tree_leaf(struct pool *pool, struct elem *parent, const char *name,
    const char *value);
struct elem *tree_key(struct pool *pool, struct elem *parent, const char *name,
    const char *value);
struct elem *tree_find(const struct elem *parent, const char *name);

/* Copies of a list of nodes, known to the schema or not, with all below them, as
 * children of parent. */
void tree_take(struct pool *pool, struct elem *parent, const struct lyd_node *first);

/* Its name, also of one that the schema does not know: LYD_NAME() casts const away. */
const char *tree_name(const struct lyd_node *node);
/* The first child of that name, known to the schema or not; NULL: none. */
const struct lyd_node *tree_child(const struct lyd_node *node, const char *name);
/* The value of the first child of that name that the schema knows; NULL: none. */
const char *tree_input(const struct lyd_node *node, const char *name);

/* Append the XML of an element and what is marked in it, or all if its mark says so.
 * outer_ns: the namespace it stands in. */
void tree_print(const struct elem *e, const char *outer_ns, struct buf *out);
/* The same text, with '?' for what is no UTF-8 or no character of XML. */
char *tree_clean(struct pool *pool, const char *text);
/* Text with what XML has a meaning for replaced; what XML has no room for becomes '?'.
 */
void tree_escape(const char *text, struct buf *out);

#endif
