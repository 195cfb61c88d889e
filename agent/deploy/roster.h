/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_DEPLOY_ROSTER_H
#define AGENT_DEPLOY_ROSTER_H

#include <stddef.h>

#include "agent/pattern/pattern.h"
#include "agent/store/store.h"

/*
 * The status of each pattern: its hash, and on which backends it is of use.
 * Shared by all backends' threads.
 */

struct roster;

struct roster *roster_new(struct store *store);
void roster_free(struct roster *r); /* takes NULL */
/* Which backends there are; copied. It counts from the next roster_set. */
void roster_set_backends(struct roster *r, const char *const *names, size_t n);
/* New patterns (NULL: none): every record is written, those of patterns that are
 * gone are deleted, and what backends said before is forgotten. */
void roster_set(struct roster *r, struct pattern_set *patterns);
/* The backend cannot serve zones of that pattern, and why. */
void roster_reject(struct roster *r, const char *backend, const char *pattern,
    const char *text);

#endif
