/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_RR_LDNS_H
#define LIB_RR_LDNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"

/* What rr_text.c takes from ldns: names of types, RDATA to and from text. */

/* ERR_FORM: no such name. */
NODISCARD enum err rr_ldns_type(const char *text, uint16_t *type);
const char *rr_ldns_type_name(uint16_t type); /* or NULL */

/* Append the RDATA that the text says, as it was written (names in upper case
 * too). ERR_FORM, also for a relative name and for types not left to ldns. */
NODISCARD enum err rr_ldns_parse(uint16_t type, const char *text, struct buf *raw);

/* Append a text that rr_ldns_parse() reads as just this RDATA; false where there
 * is none. */
bool rr_ldns_print(uint16_t type, const uint8_t *rdata, size_t size, struct buf *out);

#endif
