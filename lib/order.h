/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_ORDER_H
#define LIB_ORDER_H

#include "lib/dname.h"
#include "lib/err.h"
#include "lib/session.h"

/*
 * A verb of _command.C for n owners there, and its answer; n 0: for `_all`. backend
 * NULL: all. No two of us ever send the same octets, of which the
 * agent would take the second for a copy (protocol, section 6). Fails with s->error; a
 * refusal is no failure.
 */
NODISCARD enum err order_send(struct session *s, const char *verb,
    const struct dname *owners, size_t n, const char *backend, struct msg *msg);
/* The same without waiting for the answer, which is the next that comes. */
NODISCARD enum err order_begin(struct session *s, const char *verb,
    const struct dname *owners, size_t n, const char *backend);

#endif
