/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_DEPLOY_FORGET_H
#define AGENT_DEPLOY_FORGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/store/store.h"

/*
 * Of a backend that is no more, or does not serve that catalog any more: what the
 * status says of its zones goes. The ledger and the mark stay, and so do the zones.
 * Waits for the writer, slice by slice; ends early when *stop is set. It is in memory
 * only how far it came: what is left shows again if the backend comes back, until its
 * reconcile.
 */
void forget_zones(struct store *store, uint8_t backend, uint8_t catalog,
    const atomic_bool *stop);
/* The backend's own line. Does not wait: what is written after it is after it. */
void forget_backend(struct store *store, uint8_t backend);

#endif
