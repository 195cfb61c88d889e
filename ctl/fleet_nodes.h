/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_FLEET_NODES_H
#define CTL_FLEET_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/dname.h"
#include "lib/err.h"
#include "lib/pool.h"
#include "lib/rr.h"

/*
 * The inventory of a fleet: which agents there are. From a file, a line each,
 *
 *     NAME ADDRESS[@PORT] [hub] [tls=NAME] [key=FILE] [tls-ca=FILE]
 *         [tls-cert=FILE] [tls-key=FILE] [catalog=NAME]
 *
 * with the words of ctl/words.h; or from the catalog, a TXT record each, as
 *
 *     "name=NAME" "address=ADDRESS[@PORT]" "tls=NAME"
 *
 * Those who may write the catalog may be others than those who may read our files:
 * a record names no file.
 */

enum { NODE_NAME_MAX = 63, NODES_MAX = 10000 };

/* Texts are of the pool; NULL: not told. */
struct node {
	const char *name;
	const char *address;
	const char *tls; /* the name to expect; NULL: no TLS */
	const char *key_file, *tls_ca, *tls_cert, *tls_key;
	const char *catalog;
	bool is_hub;
};

struct nodes {
	struct node *items; /* as they were given */
	size_t n, room;
	struct pool pool;
};

void nodes_fini(struct nodes *nodes);

/* A line, which is spoilt. ERR_INVALID with *where. Nothing is added for a line that
 * is empty or a comment. */
NODISCARD enum err nodes_take_line(struct nodes *nodes, char *line, const char *file,
    unsigned number, struct err_where *where);
/* "-" is the standard input. ERR_NOTFOUND, ERR_IO, ERR_INVALID with *where. */
NODISCARD enum err nodes_read(struct nodes *nodes, const char *path,
    struct err_where *where);
/* nodes.nsherd.ext.C. ERR_RANGE: too long. */
NODISCARD enum err nodes_owner(const struct dname *catalog, struct dname *owner);
/* RDATA of a TXT. Keys that are not known are passed over. ERR_INVALID with the text
 * in *where. */
NODISCARD enum err nodes_take_txt(struct nodes *nodes, const struct rr *rr,
    struct err_where *where);
/* The same RDATA for a node, appended. */
void nodes_write_txt(const struct node *node, struct buf *rdata);
/* The line for a node, without its end. */
void nodes_print(const struct node *node, struct buf *out);

/* NULL: there is none of that name. */
const struct node *nodes_find(const struct nodes *nodes, const char *name);
/* The one that the file calls the hub, or NULL. */
const struct node *nodes_hub(const struct nodes *nodes);

#endif
