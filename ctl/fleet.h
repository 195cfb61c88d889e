/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_FLEET_H
#define CTL_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/connect.h"
#include "ctl/ctl.h"
#include "ctl/fleet_nodes.h"
#include "ctl/fleet_talk.h"
#include "ctl/fleet_view.h"

/*
 * All agents of an inventory, and the hub, where the catalog is changed. The hub is
 * one of them, or beside them.
 */

enum { FLEET_TIMEOUT_S = 10 }; /* for all that one agent is asked at a time */

struct peer {
	const char *name;        /* in the inventory; the hub's own, once it told */
	const struct node *node; /* NULL: the hub, which the inventory has not */
	struct session s;
	struct view view; /* what it told last */
	struct view next; /* what it is telling */
	enum err err;     /* of the last look; its text is in s.error */
	bool is_hub;
	bool is_settled;
	struct observed_reading reading; /* of the look that goes on */
	int64_t pause_ms;
	struct fleet *fleet;
};

struct fleet {
	struct ctl *ctl;
	struct defaults defaults;
	struct connect_way way; /* of the options and defaults */
	struct nodes nodes;
	struct session hub_session; /* if options or defaults name it */
	struct peer *all_peers;     /* one more than there are nodes */
	struct peer *peers;         /* the hub first, if the inventory has it not */
	size_t n;
	struct peer *hub; /* one of them; NULL: there is none */
	size_t n_bad; /* records of the inventory that are no nodes; said on stderr */
	/* The version of the catalog that all should have: the hub's, or else the
	 * newest that any has. */
	bool has_serial;
	uint32_t serial;
	const struct peer *serial_of;
	int64_t until_ms; /* of fleet_wait() */
	unsigned limit_s; /* who waits for so long asks nobody for longer; 0: none */
};

/*
 * Read the inventory: of --fleet, or from the catalog of the hub. Nobody else is
 * asked yet. Anything but EXIT_DONE was said on stderr. fleet_close() in any case.
 */
NODISCARD enum exit_status fleet_open(struct fleet *f, struct ctl *ctl);
void fleet_close(struct fleet *f);
/* The inventory that a file is; of nobody it is none. Anything but EXIT_DONE was said
 * on stderr. */
NODISCARD enum exit_status fleet_read_file(struct nodes *nodes, const char *path);

/* Ask every agent for the head of its _status, once; sets views and serial. */
void fleet_look(struct fleet *f);
/* The same again and again of those that are not settled, until all are or the time
 * is up. After fleet_look(). */
void fleet_wait(struct fleet *f, unsigned seconds);
/* How many answered. */
size_t fleet_n_answered(const struct fleet *f);
/* All, some (EXIT_PARTLY) or none of them. */
enum exit_status fleet_verdict(const struct fleet *f);

/* The time one agent may take at a time. */
unsigned fleet_timeout_ms(const struct fleet *f);
/* How long until an agent is to be asked again, when the last look took that long:
 * longer each time, at most a second, or three times that. */
int64_t fleet_pause(int64_t *pause_ms, int64_t took_ms);

/* As await_fn: at all agents of the fleet that ctl->await_arg is. */
await_fn fleet_await;

#endif
