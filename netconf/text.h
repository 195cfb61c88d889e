/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_TEXT_H
#define NETCONF_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/dname.h"
#include "lib/err.h"
#include "lib/pool.h"

/* Values of the module's types. */

/* The type text: octets. ERR_FORM. */
NODISCARD enum err text_decode(const char *text, struct buf *octets);
char *text_encode(struct pool *pool, const void *octets, size_t size);

/* The type zone-name. ERR_FORM: no name; ERR_INVALID: written in another way than
 * canonical, which is how dname_print_short() writes it. */
NODISCARD enum err text_zone(const char *text, struct dname *zone);

/* yang:date-and-time, UTC, of Unix seconds, as a number or as text of one; NULL if
 * that is NULL or no number. */
char *text_time(struct pool *pool, uint64_t unix_s);
char *text_time_of(struct pool *pool, const char *unix_s);

#endif
