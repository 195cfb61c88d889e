/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_JOURNAL_H
#define LIB_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The native protocol of systemd-journald: an entry is one datagram of fields. Needs no
 * library of systemd's, and no memory.
 */

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

enum { JOURNAL_ENTRY_MAX = 8192 };

struct journal_entry {
	size_t size;
	uint8_t data[JOURNAL_ENTRY_MAX];
};

void journal_start(struct journal_entry *e);
/* Name is of A-Z, 0-9 and _; the value is any octets. A field that does not fit is left
 * out: put what matters first. */
void journal_put(struct journal_entry *e, const char *name, const void *value,
    size_t size);
void journal_put_text(struct journal_entry *e, const char *name, const char *value);
/*
 * For each word name=value of text, or name="value", that is of use to search by: zone,
 * backend, catalog and so on, the field NSHERD_ZONE, NSHERD_BACKEND, NSHERD_CATALOG.
 * Of several with the same name the first counts.
 */
void journal_put_words(struct journal_entry *e, const char *text);

/* Is what is written to the standard error on its way to the journal (JOURNAL_STREAM,
 * systemd.exec(5))? Not if it was redirected after systemd had started the process. */
bool journal_has_stderr(void);
/* -1: there is no socket to be had. */
int journal_open(void);
/* False: nobody takes it now. */
bool journal_send(int fd, const char *path, const struct journal_entry *e);

#endif
