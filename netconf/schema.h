/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_SCHEMA_H
#define NETCONF_SCHEMA_H

#include <stddef.h>

#include "lib/err.h"

struct ly_ctx;

/* The YANG modules that the gateway speaks. */

#define SCHEMA_NS   "urn:nsherd:params:xml:ns:yang:nsherd"
#define SCHEMA_ZONE "/nsherd:dns-server/nsherd:zones/nsherd:zone"

/* From dir and dir/ietf. ERR_INVALID: a module is missing or broken, *where says. Not
 * changed any more, and so for any thread. */
NODISCARD enum err schema_open(const char *dir, struct ly_ctx **ctx,
    struct err_where *where);
void schema_close(struct ly_ctx *ctx); /* takes NULL */

/* The namespace of the module whose name has that size, as filter_ns_fn; ctx: the
 * struct ly_ctx. */
const char *schema_ns(void *ctx, const char *module, size_t size);

#endif
