/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_STORE_REPLAY_H
#define AGENT_STORE_REPLAY_H

#include <stddef.h>
#include <stdint.h>

#include "agent/store/store.h"

/*
 * Every verified UPDATE is remembered by (time signed, MAC) for the fudge
 * window, with the answer it got, in the transaction of its change. Their number
 * is bounded: at a rate that passes it the window gets shorter.
 */

struct replay {
	uint16_t rcode;
	uint32_t serial;
};

/* ERR_NOTFOUND: not seen. */
NODISCARD enum err replay_get(struct store_txn *txn, uint64_t time_signed,
    const uint8_t *mac, size_t mac_size, struct replay *r);
void replay_put(struct store_txn *txn, uint64_t time_signed, const uint8_t *mac,
    size_t mac_size, const struct replay *r);
/*
 * Forget what was signed before `before`, a bounded number at a time; when more
 * than max are kept, also the oldest of these, whatever their time.
 */
void replay_prune(struct store_txn *txn, uint64_t before, uint64_t max);
/*
 * Of what was signed at this time or earlier, some that should still be known
 * was forgotten for want of room: what is not on record may have been answered.
 * 0: nothing was.
 */
NODISCARD enum err replay_horizon(struct store_txn *txn, uint64_t *time);

#endif
