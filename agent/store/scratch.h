/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_STORE_SCRATCH_H
#define AGENT_STORE_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

#include "agent/store/store.h"
#include "lib/dname.h"

/*
 * A temporary map from zone to a short text, on disk, not durable: a server's
 * own list of a million zones goes here unsorted and is read back in canonical
 * order. Each has a file of its own below the state directory, removed at
 * close (and left-overs at store_open). One thread at a time.
 */

struct scratch;

NODISCARD enum err scratch_open(struct store *store, struct scratch **s);
void scratch_close(struct scratch *s); /* takes NULL */
/* The last put of a zone wins. Sticky: the first failure is returned by scratch_sort.
 */
void scratch_put(struct scratch *s, const struct dname *zone, const char *text);
/* No more puts. */
NODISCARD enum err scratch_sort(struct scratch *s);
/* The first zone after `after` (NULL: the first of all). ERR_NOTFOUND: the end.
 * text is valid until scratch_close. */
NODISCARD enum err scratch_next(struct scratch *s, const struct dname *after,
    struct dname *zone, const char **text);
NODISCARD enum err scratch_get(struct scratch *s, const struct dname *zone,
    const char **text);

#endif
