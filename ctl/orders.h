/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_ORDERS_H
#define CTL_ORDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/ctl.h"
#include "lib/dname.h"
#include "lib/err.h"
#include "lib/pool.h"
#include "lib/props.h"

/*
 * The zones one command is about, from the command line and from a file, in
 * canonical order and each once; and what became of each. A million of them
 * is a normal number, so names are kept as keys (dname_key).
 */

enum order_state {
	ORDER_OPEN,    /* nothing was sent yet */
	ORDER_DONE,    /* on the agent's disk */
	ORDER_REFUSED, /* reason says why */
	ORDER_UNKNOWN, /* sent, the answer was not seen */
};

struct order {
	const uint8_t *key; /* pool */
	uint16_t key_size;
	uint8_t id_size;   /* 0: not known */
	uint8_t state;     /* enum order_state */
	const uint8_t *id; /* pool */
	const struct props *props;
	const char *reason; /* pool; NULL: none */
};

struct orders {
	struct order *items;
	size_t n, room;
	struct pool pool;
};

/*
 * Read what the command line says: zones, --from, -p and -P. `lines` is how a
 * line of the file is read: zone names alone, or with pattern and parameters.
 * Anything but EXIT_DONE was said on stderr. Call orders_fini() in any case.
 */
enum orders_lines { ORDERS_ZONES, ORDERS_ADDITIONS };
NODISCARD enum exit_status orders_read(const struct ctl *ctl, enum orders_lines lines,
    struct orders *orders);
void orders_fini(struct orders *orders);

void order_zone(const struct order *order, struct dname *zone);
char *order_zone_text(const struct order *order, char out[static DNAME_TEXT_MAX]);
void order_set_id(struct orders *orders, struct order *order, const struct label *id);
struct label order_id(const struct order *order);
/* NULL: not among them. */
struct order *orders_find(const struct orders *orders, const struct dname *zone);

/* Append one; not yet sorted. ERR_INVALID: said on stderr, after `where`. */
NODISCARD enum err orders_add(struct orders *orders, const char *zone,
    const struct props *props, const char *where);
/* In canonical order, twins folded. ERR_INVALID: a zone is there twice and
 * differs; said on stderr. */
NODISCARD enum err orders_sort(struct orders *orders);

/*
 * A zone's name as people write it, in any case. ERR_FORM: *why is a text for
 * people.
 */
NODISCARD enum err orders_parse_zone(const char *text, struct dname *zone,
    const char **why);

#endif
