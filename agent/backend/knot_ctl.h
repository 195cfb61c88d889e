/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_KNOT_CTL_H
#define AGENT_BACKEND_KNOT_CTL_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/backend/backend.h"
#include "agent/backend/chan.h"
#include "agent/backend/knot_unit.h"
#include "lib/buf.h"
#include "lib/dname.h"
#include "lib/err.h"

/*
 * A connection to knotd's control socket. Up to Knot 3.3 the server has time for
 * one at a time, in its main thread, and closes it after 5 s without a unit: so
 * a connection is made when there is something to say, a block is complete in
 * memory before it is sent, and the end is said as soon as there is no more.
 */
struct knot_ctl {
	const char *path; /* of the socket */
	struct chan chan;
	bool open;
	bool clean; /* between blocks: neither end is in the middle of one */
};

/* The first failure that a reply tells, with what the server says it is about. */
struct knot_fault {
	bool is;
	char text[100]; /* "duplicate identifier" */
	char section[40], item[40], data[64];
	char id[DNAME_TEXT_MAX]; /* or the zone */
};

/* path stays the caller's. */
void knot_ctl_init(struct knot_ctl *ctl, const char *path, int cancel_fd,
    unsigned timeout_ms);
/* ERR_CLOSED: nobody there. */
NODISCARD enum err knot_ctl_open(struct knot_ctl *ctl, struct backend_error *why);
void knot_ctl_close(struct knot_ctl *ctl);

/*
 * Send units, to which BLOCK is added, and hear the reply. Units of it go to fn
 * (NULL: nobody), but those that tell a failure to *fault. OK: the reply is
 * complete; look at fault->is. Otherwise the connection is of no more use and
 * the outcome not known: ERR_CLOSED, ERR_TIMEOUT, ERR_CANCELED, ERR_IO,
 * ERR_FORM, or what fn returned.
 */
NODISCARD enum err knot_ctl_block(struct knot_ctl *ctl, struct buf *units,
    knot_unit_fn *fn, void *arg, struct knot_fault *fault, struct backend_error *why);

/* A block of one unit with nothing but a command. */
NODISCARD enum err knot_ctl_command(struct knot_ctl *ctl, const char *cmd,
    struct knot_fault *fault, struct backend_error *why);

/* "duplicate identifier: zone[example.]", for people. Returns out. */
char *knot_fault_print(const struct knot_fault *fault, char out[static 160]);

#endif
