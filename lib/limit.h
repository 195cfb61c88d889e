/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_LIMIT_H
#define LIB_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How many zones of a catalog may be removed in a window before the guard holds
 * what more there is: `guard-remove = 5% min 10 in 600`. Plain data that crosses
 * rooms. All zero is the default, so that a path that was given none is guarded.
 */

enum { LIMIT_PERCENT = 5, LIMIT_MIN = 10, LIMIT_WINDOW_S = 600 };

struct limit {
	bool off;
	unsigned percent, min;
	unsigned window_s; /* 0: the three are the default */
	/* A bit for each catalog number: a zone that is handed over to that catalog
	 * (RFC 9432 section 4.3.1) is not removed, for every backend of this one
	 * serves that one, too. */
	uint8_t heirs[32];
};

#endif
