/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_EXEC_REQUEST_H
#define AGENT_BACKEND_EXEC_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/backend/backend.h"
#include "lib/buf.h"
#include "lib/dname.h"
#include "lib/err.h"
#include "lib/key.h"

/*
 * What is said to a program of the exec driver: doc/exec-protocol.md. Written by
 * hand, into memory that is wiped, as it may hold secrets. A request is begun by
 * one of these, and ended by exec_request_end().
 */

enum { EXEC_REQUEST_SOFT = 1 << 20 }; /* octets, after which a batch is divided */

void exec_request_begin(struct buf *out, uint64_t id, const char *verb);
void exec_request_end(struct buf *out);

/* `,"name":"value"`; NULL: `,"name":null`. value is UTF-8. */
void exec_put_text(struct buf *out, const char *name, const char *value);
void exec_put_number(struct buf *out, const char *name, uint64_t value);
/* `,"zones":[...]` */
void exec_put_zones(struct buf *out, const struct dname *zones, size_t n);
/* `,"keys":[...]` of those that the ring has. */
void exec_put_keys(struct buf *out, const struct dname *names, size_t n,
    const struct keyring *ring);

/* Is it UTF-8, without NUL? */
bool exec_is_text(const char *text);
/* Can these settings be said at all? ERR_INVALID: why. */
NODISCARD enum err exec_check_settings(const struct settings *s,
    const struct keyring *ring, struct backend_error *why);

/*
 * `,"keys":[...],"settings":[...],"ops":[...]` for operations of one batch: as many
 * as fit, at least one, at most n; returns how many. Each distinct settings is said
 * once; ops are numbered from 0. Those that are settled already are left out.
 */
size_t exec_put_ops(struct buf *out, const struct backend_op *ops, size_t n,
    const struct keyring *ring);

#endif
