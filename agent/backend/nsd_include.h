/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_NSD_INCLUDE_H
#define AGENT_BACKEND_NSD_INCLUDE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/backend/backend.h"
#include "agent/backend/mark.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/key.h"
#include "lib/settings.h"

/*
 * The agent-owned include file of nsd.conf, in memory: native patterns and the
 * TSIG keys they name. In the file every block has a comment with its name and
 * a checksum, so that after an accident whole blocks are still good:
 *
 *     # nsherd key <name> <checksum of the block>
 *     # nsherd pattern <name> <digest of the settings> <checksum of the block>
 *     # nsherd end <canary>
 *
 * NSD has no way to tell which version of a file it has read. The canary is an
 * empty pattern whose name is the checksum of the whole file: whether NSD knows
 * it tells whether NSD has read this very file.
 */

enum { NSD_CANARY_MAX = 40, NSD_DIGEST_MAX = 24 };

struct nsd_native {
	char name[MARK_MAX];
	char digest[NSD_DIGEST_MAX]; /* of the settings; "-": of a placeholder */
	char *block;                 /* text */
	bool fresh;                  /* not in the file yet */
	unsigned line, n_lines;      /* in the last rendering */
};

struct nsd_keyblock {
	char *name; /* plain form */
	char *block;
};

struct nsd_include {
	struct nsd_native *natives; /* in order of name */
	size_t n, room;
	struct nsd_keyblock *keys; /* as last read or rendered, in order of name */
	size_t n_keys;
	char canary[NSD_CANARY_MAX]; /* of the last rendering or reading */
	bool intact;                 /* the file read was whole */
};

void nsd_include_init(struct nsd_include *inc);
void nsd_include_fini(struct nsd_include *inc);
/* *to must be initialised and empty. */
void nsd_include_copy(struct nsd_include *to, const struct nsd_include *from);

/* Whatever is good of the text; never fails. */
void nsd_include_parse(struct nsd_include *inc, const char *text, size_t size);
/* Keys are taken from ring; those it no longer has stay as they were read.
 * ERR_NOTFOUND: a key that a pattern names is nowhere; why has its name. */
NODISCARD enum err nsd_include_render(struct nsd_include *inc,
    const struct keyring *ring, struct buf *out, struct backend_error *why);

/* NULL: none. Valid until the next change. */
struct nsd_native *nsd_include_find(const struct nsd_include *inc, const char *name);
/* Takes block. The name must not be there. */
struct nsd_native *nsd_include_add(struct nsd_include *inc, const char *name,
    const char *digest, char *block);
void nsd_include_drop(struct nsd_include *inc, const char *name);
/* The pattern at a line of the last rendering, or NULL. */
struct nsd_native *nsd_include_at_line(struct nsd_include *inc, unsigned line);
/* How many variants of the pattern (all its versions) there are. */
size_t nsd_include_variants(const struct nsd_include *inc, const char *pattern);

/* -- native patterns ------------------------------------------------------- */

/* The line in a block below which all is the operator's text. */
extern const char nsd_native_raw[];

/*
 * The block of settings s, in malloced text, and its digest. ERR_INVALID: NSD
 * cannot do that; why says what.
 */
NODISCARD enum err nsd_native_print(const struct settings *s, const char *zone_dir,
    const struct keyring *ring, char **block, char digest[static NSD_DIGEST_MAX],
    struct backend_error *why);
/* What it says of the zones under it. Of a placeholder nothing is known: neither
 * of these is so. */
bool nsd_native_is_primary(const struct nsd_native *native);
bool nsd_native_has_other_file(const struct nsd_native *a, const struct nsd_native *b);
/* A block that keeps NSD whole while the settings are not known. */
char *nsd_native_placeholder(const char *name, const char *zone_dir);

#endif
