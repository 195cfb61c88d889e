/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PATTERN_PATTERN_H
#define AGENT_PATTERN_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/key.h"
#include "lib/member.h"
#include "lib/settings.h"

/*
 * Patterns: how a kind of zone is served. A set is read from a directory of
 * ini files and is immutable; a reload makes another set. A file with a fault
 * is a pattern that is not usable and says why; it never spoils the others.
 */

struct pattern_set;
struct pattern;

/*
 * Every *.ini of the directory. Keys named must be in ring (NULL: not checked),
 * of which the set holds a reference.
 * ERR_IO, ERR_NOTFOUND: the directory cannot be read (where). Faults of single
 * files: pattern_error().
 */
NODISCARD enum err pattern_load(const char *dir, struct keyring *ring,
    struct err_where *where, struct pattern_set **set);
struct pattern_set *pattern_set_ref(struct pattern_set *set);
void pattern_set_unref(struct pattern_set *set); /* takes NULL; any thread */

/* In order of name. Past the last: NULL. */
const struct pattern *pattern_at(const struct pattern_set *set, size_t n);
const struct pattern *pattern_find(const struct pattern_set *set, const char *name);
const char *pattern_name(const struct pattern *p);
/* The fault, as `file:line: text`; NULL: usable. */
const char *pattern_error(const struct pattern *p);
const char *pattern_hash(const struct pattern *p); /* 8 hex digits */
/* Its zones are signed by the server (dnssec). */
bool pattern_signs(const struct pattern *p);
/* The file that all zones of the pattern have, relative to the zone directory; NULL:
 * each has its own, or the pattern is unusable. */
const char *pattern_shared_file(const struct pattern *pattern);
/* What cannot be changed without a gap in service: `role=...`, `zonefile=...`,
 * `dnssec=...`, each ended by a newline. Returns out; "" if it is not usable. */
char *pattern_service(const struct pattern *p, char *out, size_t size);

/* The pattern whose zones share the file of this name, below the zone directory;
 * NULL: none. One with a fault counts: its zones may be served. */
const struct pattern *pattern_sharing(const struct pattern_set *set, const char *path);

/*
 * The pattern of a member: its first group, in canonical order, that exists;
 * else fallback if not NULL and it exists. ERR_NOTFOUND: none; error says
 * which were tried. A pattern with a fault is found (and then not usable).
 */
NODISCARD enum err pattern_of_member(const struct pattern_set *set,
    const struct member *m, const char *fallback, const struct pattern **p, char *error,
    size_t error_size);

/*
 * Pattern and member to settings: the member's parameters (ext properties) are
 * parsed by their types. Same values, same object while it lives (a cache).
 * Takes a reference for the caller. ERR_INVALID: error says which parameter
 * and why, or that the pattern is not usable.
 */
NODISCARD enum err pattern_settings(struct pattern_set *set, const struct pattern *p,
    const struct member *m, struct settings **s, char *error, size_t error_size);

#endif
