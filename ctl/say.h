/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_SAY_H
#define CTL_SAY_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/* What the user reads on stderr, and how figures are written for people. */

/* "nsherdctl: text\n", after the progress bar was wiped away. */
PRINTF(1, 2) void say_error(const char *fmt, ...);
/* The same of a fault in a file, with its place. */
void say_where(const struct err_where *where);

/*
 * A bar on stderr when that is a terminal, at most ten times a second; nothing
 * otherwise. say_progress_end() wipes it away.
 */
void say_progress(const char *what, size_t done, size_t all);
void say_progress_end(void);

/* Monotonic milliseconds. */
uint64_t say_now_ms(void);

/* "now", "12s", "5m", "3h", "2d" before now; "-" for 0. Returns out. */
enum { SAY_AGE_MAX = 32 };
char *say_age(uint64_t unix_time, uint64_t unix_now, char out[static SAY_AGE_MAX]);

/* "1 zone", "2 zones", in a buffer of the caller's. */
enum { SAY_COUNT_MAX = 48 };
char *say_count(size_t n, const char *noun, char out[static SAY_COUNT_MAX]);

/* Text from the network, in place: what a terminal would act upon becomes "?". */
void say_printable(char *text);

#endif
