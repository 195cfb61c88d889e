/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_YADIFA_REPLY_H
#define AGENT_BACKEND_YADIFA_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dname.h"
#include "lib/msg.h"

/* What yadifad's replies say. Pure functions of a framed message. */

/* It serves the zone: NOERROR, with authority, and the SOA is of that very name. */
bool yadifa_reply_is_served(const struct msg *msg, const struct dname *zone,
    uint32_t *serial);

/* The first string of the first TXT, cut to fit, printable; false: there is none. */
bool yadifa_reply_text(const struct msg *msg, char *out, size_t size);

#endif
