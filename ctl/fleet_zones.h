/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_FLEET_ZONES_H
#define CTL_FLEET_ZONES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/await.h"
#include "ctl/fleet.h"
#include "ctl/orders.h"
#include "lib/pool.h"

/*
 * Some zones at every agent: what each backend answers for them, and waiting until
 * that is as it should be. Few zones are asked for one by one, many by a transfer.
 * While a server is down its zones keep the state that they were seen in last, so the
 * backends are asked for, too.
 */

/* Of one zone on one backend; texts are of the look's pool, or NULL. */
struct zone_row {
	size_t at; /* the number of the order; SIZE_MAX: the backend itself */
	const char *backend, *state, *serial, *pattern, *error;
	bool is_there; /* as it should be */
};

/* One agent. */
struct zone_look {
	struct fleet_zones *all;
	struct peer *peer;
	/* found by the last look that was answered */
	bool answered, has_serial, arrived, is_done;
	uint32_t serial;       /* of C */
	struct zone_row *rows; /* in order of zone and backend */
	size_t n_rows, rows_room;
	uint8_t *marks; /* of each order: seen, wrong */
	struct pool pool;
	struct label *backends; /* that have any of the zones */
	size_t n_backends, backends_room;
	size_t n_down; /* of them; if all zones are as they should be */
	/* of the look that goes on */
	bool transferring;
	uint16_t ids[OBSERVED_FEW + 1];
	size_t n_asked, n_answered;
	size_t asked[OBSERVED_FEW + 1]; /* orders */
	struct observed_reading reading;
	size_t reading_at; /* the order whose answer is read */
	size_t n_backends_asked;
	int64_t begun_ms, pause_ms;
};

struct fleet_zones {
	struct fleet *fleet;
	struct orders *orders; /* those done or open count */
	enum await_end end;
	bool has_serial; /* not before an agent's catalog has that serial */
	uint32_t serial;
	bool keep_all; /* rows, not only those that are not as they should be */
	/* found */
	struct zone_look *looks; /* of each peer */
	size_t n_wanted;
	int64_t until_ms; /* 0: looked at once */
};

/* Once (seconds 0), or until all agents have all zones as they should be, and once
 * more those that had not when the time was up. */
void fleet_zones_look(struct fleet_zones *z, unsigned seconds);
void fleet_zones_fini(struct fleet_zones *z);
bool fleet_zones_are_there(const struct fleet_zones *z);
/* What is not as it should be. */
void fleet_zones_missing(const struct fleet_zones *z, struct await *a);

#endif
