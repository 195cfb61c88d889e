/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_FILTER_H
#define NETCONF_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/dname.h"
#include "lib/pool.h"
#include "netconf/tree.h"

/*
 * What a client wants to see: a subtree filter (RFC 6241 section 6), and those
 * XPath expressions that say the same (RFC 6241 section 8.9): steps by name, with
 * predicates that compare a child with a text. Nothing is fetched that no filter
 * asks for.
 */

struct filter {
	bool all;         /* there was none */
	struct elem root; /* its children are the filter */
};

/* The filter of an operation, its parameter of that name. true: it is an XPath, left to
 * filter_from_xpath(): *select, NULL if that is missing. */
bool filter_of(const struct lyd_node *rpc, struct pool *pool, struct filter *f,
    const char **select);

/* ERR_UNSUPPORTED: another kind of XPath. The tree is copied into the pool. select is
 * as libyang gives it, with names of modules as prefixes; ns_of tells their
 * namespaces, NULL: no such module, ERR_FORM. */
typedef const char *filter_ns_fn(void *arg, const char *module, size_t size);
NODISCARD enum err filter_from_xpath(struct pool *pool, const char *select,
    filter_ns_fn *ns_of, void *arg, struct filter *f);

/* Set the marks of the data below root. */
void filter_mark(const struct filter *f, struct elem *root);
/* As a filter that stands inside of an element: for data of one list entry, by those
 * that filter_at() found. */
void filter_mark_one(const struct elem *const *filters, size_t n, struct elem *data);

/*
 * The elements of the filter that a node at that path of names (of one namespace)
 * passes to, at most room of them. *whole: one of them, or one above, asks for all of
 * it. Returns how many there are.
 */
size_t filter_at(const struct filter *f, const char *ns, const char *const *path,
    size_t n_path, const struct elem **found, size_t room, bool *whole);

/* Could a filter that stands at an entry ask for its child of that name? */
bool filter_may_ask(const struct elem *entry, const char *ns, const char *name);
/* The text that a child must be equal to; NULL: any. */
const char *filter_match(const struct elem *entry, const char *ns, const char *name);

#endif
