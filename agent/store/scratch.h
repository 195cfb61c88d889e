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

/* -- the same with keys and values of the caller's own -------------------------- */

/* For a map that holds no zones. A key has 1 to SCRATCH_KEY_MAX octets; the last put
 * of one wins. Sticky, too. */
enum { SCRATCH_KEY_MAX = 511 };
void scratch_put_raw(struct scratch *s, const void *key, size_t key_size,
    const void *value, size_t size);

/* In order of memcmp; valid until scratch_close. */
struct scratch_entry {
	const uint8_t *key, *value;
	size_t key_size, size;
};

/* The first entry whose key is not below that one, or the one after the entry that
 * was found last. ERR_NOTFOUND: the end. */
NODISCARD enum err scratch_seek(struct scratch *s, const void *key, size_t key_size,
    struct scratch_entry *entry);
NODISCARD enum err scratch_step(struct scratch *s, struct scratch_entry *entry);
/* The same as scratch_seek, without a move: scratch_step goes on from where it was. */
NODISCARD enum err scratch_peek(struct scratch *s, const void *key, size_t key_size,
    struct scratch_entry *entry);

#endif
