/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_MONITOR_H
#define NETCONF_MONITOR_H

#include "netconf/gateway.h"
#include "netconf/tree.h"

/* What the gateway tells of itself. */

/* netconf-state (RFC 6022), below root. */
void monitor_state(struct request *rq, struct elem *root);
/* yang-library and modules-state (RFC 8525, RFC 7895). */
void monitor_library(struct request *rq, struct elem *root);
/* The streams of RFC 5277. */
void monitor_streams(struct request *rq, struct elem *root);

/* get-schema (RFC 6022 section 3.1): the library's own is a use after free in the
 * versions of Debian bookworm. */
request_fn monitor_schema;

#endif
