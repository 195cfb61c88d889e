/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROBE_QUESTION_H
#define AGENT_PROBE_QUESTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/probe/probe.h"
#include "lib/dname.h"
#include "lib/err.h"
#include "lib/key.h"
#include "lib/tsig.h"

/* One SOA question as a message, and what its reply says. No sockets. */

enum { QUESTION_MAX = 12 + 255 + 4 + TSIG_SIZE_MAX };

/* Recursion is not desired. Signed if key is not NULL: *tsig then checks the
 * reply. ERR_IO: the crypto library failed. */
NODISCARD enum err question_write(const struct dname *zone, uint16_t id,
    struct key *key, struct tsig *tsig, uint8_t out[static QUESTION_MAX], size_t *size);

/*
 * tsig NULL: the reply is not signed. ERR_NOTFOUND: not a reply to this
 * question, pass it over (RFC 5452 section 4). ERR_AUTH: not signed as it
 * must be. ERR_SPACE: truncated; ask by TCP.
 */
NODISCARD enum err question_read(const struct dname *zone, uint16_t id,
    struct tsig *tsig, const uint8_t *wire, size_t size, struct probe_result *result);

#endif
