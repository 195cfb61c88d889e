/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_TRANSPORT_H
#define NETCONF_TRANSPORT_H

#include "lib/err.h"
#include "netconf/conf.h"

struct ly_ctx;
struct nc_session;

/*
 * Where sessions come from: SSH and TLS endpoints (RFC 6242, RFC 7589), and who is let
 * in. All that the next major version of libnetconf2 does in another way is here.
 */

/* conf stays borrowed. ERR_INVALID with *where: an address is taken, a key cannot be
 * read, and so on. */
NODISCARD enum err transport_start(const struct conf *conf, struct ly_ctx *ctx,
    struct err_where *where);
void transport_stop(void);

enum transport_end { TRANSPORT_SESSION, TRANSPORT_NOTHING, TRANSPORT_BAD_HELLO };
/* The next one, authenticated and past its hello. Any number of threads; each ends with
 * nc_thread_destroy(). */
enum transport_end transport_accept(int timeout_ms, struct nc_session **session);

/*
 * End the connection of a session, whatever the library is doing with it: it writes
 * without any limit of time to a peer that does not read, and shows no descriptor.
 */
void transport_cut(const struct nc_session *session);

#endif
