/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_RRLIST_H
#define AGENT_PROTO_RRLIST_H

#include "lib/msg.h"

/* The records of one section, read once, apart from the message. */

struct rrlist {
	struct rr *items; /* rdata lies in the list's own memory */
	size_t n;
	struct buf rdata;
};

/* ERR_FORM. On failure the list is empty. */
NODISCARD enum err rrlist_read(const struct msg *msg, enum msg_section section,
    struct rrlist *list);
void rrlist_fini(struct rrlist *list);
size_t rrlist_bytes(const struct rrlist *list);

#endif
