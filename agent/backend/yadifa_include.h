/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_YADIFA_INCLUDE_H
#define AGENT_BACKEND_YADIFA_INCLUDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "agent/backend/yadifa_native.h"
#include "agent/backend/yadifa_table.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/key.h"

/*
 * The text of zones.conf, which is yadifad's only record of our zones:
 *
 *     # nsherd 1 ZONE-DIR
 *     <key> ... </key>                           keys that zones name
 *     # nsherd-PATTERN.VERSION.HASH DIGEST TEMPLATE
 *     <zone> domain, file, settings </zone>      one for each zone
 *     # end N SUM
 *
 * Our marks are in the comments. SUM, over all the octets before its line, tells
 * a file that somebody edited or cut from one that is as we left it.
 */

enum { YADIFA_LINE_MAX = 65536 };

struct yadifa_old_key {
	char *name, *text; /* the text holds a secret */
};

struct yadifa_include {
	struct yadifa_table table;
	struct yadifa_native **natives;
	size_t n_natives, natives_room;
	/* as the file or the agent had them: for zones whose key the agent has no
	 * more */
	struct yadifa_old_key *old_keys;
	size_t n_old_keys, old_keys_room;
	char zone_dir[600];
};

void yadifa_include_init(struct yadifa_include *inc);
void yadifa_include_fini(struct yadifa_include *inc);

/* The one equal to it, which may be it: *n is taken and set to NULL. */
struct yadifa_native *yadifa_include_intern(struct yadifa_include *inc,
    struct yadifa_native **n);
/* Forget natives that no zone is under. */
void yadifa_include_sweep(struct yadifa_include *inc);

/* The <key> blocks. A key that is not in the ring is as the file had it. */
void yadifa_include_print_keys(const struct yadifa_include *inc,
    const struct keyring *ring, struct buf *out);
/* Before the ring `to` takes the place of `from`: keys of zones that it does not
 * have stay as they are. */
void yadifa_include_keep_keys(struct yadifa_include *inc, const struct keyring *from,
    const struct keyring *to);
/* They are as the file had them. */
bool yadifa_include_has_keys(const struct yadifa_include *inc,
    const struct keyring *ring);
/* The file. false: errno tells. */
bool yadifa_include_write(const struct yadifa_include *inc, const char *zone_dir,
    const struct keyring *ring, FILE *file);

/* Reading, line by line. Zones whose text is not what their mark says are left out. */
struct yadifa_parser {
	struct yadifa_include *inc;
	int state;
	bool whole; /* after the last line: it is as it was written */
	bool ended;
	uint64_t sum;
	size_t n_zones;
	char mark[MARK_MAX], digest[YADIFA_DIGEST_MAX];
	char template[YADIFA_PATH_MAX];
	char domain[512], file[YADIFA_PATH_MAX + 664];
	struct buf body; /* of a zone or key */
};

void yadifa_parser_init(struct yadifa_parser *p, struct yadifa_include *inc);
/* With its newline, if it has one. May overwrite the line. */
void yadifa_parser_line(struct yadifa_parser *p, char *line, size_t size);
void yadifa_parser_fini(struct yadifa_parser *p);

/* A whole file; false: it cannot be read, errno tells. */
bool yadifa_include_read(struct yadifa_include *inc, FILE *file, bool *whole);

#endif
