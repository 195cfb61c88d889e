/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_DNAME_H
#define LIB_DNAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/*
 * Domain names as plain data: uncompressed wire format, lower case (RFC 4343),
 * always absolute. Copy and pass by pointer freely.
 */

enum {
	DNAME_WIRE_MAX = 255,
	DNAME_LABEL_MAX = 63,
	DNAME_TEXT_MAX = 1024, /* a print always fits, NUL included */
	DNAME_KEY_MAX = 508,
	DNAME_FILE_MAX = 241,
};

struct dname {
	uint8_t size; /* 1 (the root) to 255 */
	uint8_t wire[DNAME_WIRE_MAX];
};

/* A single label, lower case. size is 1 to 63. */
struct label {
	uint8_t size;
	uint8_t data[DNAME_LABEL_MAX];
};

extern const struct dname dname_root;

/*
 * Presentation format (RFC 1035 section 5.1, escapes included), with or
 * without the final dot. ERR_FORM: no name (empty label, label over 63, bad
 * escape, empty text, over 255 octets, or a blank, control character or octet
 * above 126 that is not escaped).
 */
NODISCARD enum err dname_parse(const char *text, struct dname *name);

/* Octets of labels, and their lengths, in lower case. */
void dname_copy_lower(uint8_t *to, const uint8_t *from, size_t size);

/* Uncompressed wire; exactly size octets must be used. ERR_FORM. */
NODISCARD enum err dname_from_wire(const uint8_t *wire, size_t size,
    struct dname *name);

/* Octets of the uncompressed name that wire starts with; 0: there is none. */
size_t dname_scan(const uint8_t *wire, size_t size);

/* With the final dot; special characters escaped as DNS tools do. Returns out. */
char *dname_print(const struct dname *name, char out[static DNAME_TEXT_MAX]);

/* Without the final dot, but "." for the root: for people and messages. */
char *dname_print_short(const struct dname *name, char out[static DNAME_TEXT_MAX]);

/*
 * The one form sent to name servers whose control protocol is text: no final
 * dot (but "."), [a-z0-9_*-] plain, every other octet \DDD.
 */
char *dname_print_plain(const struct dname *name, char out[static DNAME_TEXT_MAX]);

/*
 * A file name for the zone: as dname_print_plain, but beyond 240 bytes
 * `h-<sha256 of the wire form>`. The root is "@". Never holds a slash.
 */
char *dname_print_file(const struct dname *name, char out[static DNAME_FILE_MAX]);

bool dname_equal(const struct dname *a, const struct dname *b);
/* Canonical order of RFC 4034 section 6.1: <0, 0, >0. */
int dname_compare(const struct dname *a, const struct dname *b);
/* name is apex or ends in it. */
bool dname_is_at_or_below(const struct dname *name, const struct dname *apex);
bool dname_is_below(const struct dname *name, const struct dname *apex);
unsigned dname_n_labels(const struct dname *name); /* the root has 0 */

/* The name without its first n labels (the root when there are fewer). */
void dname_strip(const struct dname *name, unsigned n, struct dname *out);
/* ERR_NOTFOUND: the root. */
NODISCARD enum err dname_first_label(const struct dname *name, struct label *label);
/* Put a label, or a run of labels in wire format without a root, in front.
 * ERR_RANGE: over 255 octets. ERR_FORM: no such run. out may be suffix. */
NODISCARD enum err dname_prepend(const struct label *label, const struct dname *suffix,
    struct dname *out);
NODISCARD enum err dname_join(const uint8_t *labels, size_t size,
    const struct dname *suffix, struct dname *out);

/* Labels from text without dots or escapes, such as "zones". Asserts its size. */
struct label label_of(const char *text);
bool label_equal(const struct label *a, const struct label *b);
bool label_is(const struct label *label, const char *text);

/*
 * A byte string whose memcmp order is the canonical order: labels reversed,
 * joined by 0x00, byte 0x00 as 01 01 and 0x01 as 01 02. Returns its size, at
 * most DNAME_KEY_MAX - 1; the root has size 0.
 */
size_t dname_key(const struct dname *name, uint8_t key[static DNAME_KEY_MAX]);
NODISCARD enum err dname_from_key(const uint8_t *key, size_t size, struct dname *name);

#endif
