/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_METRICS_METRICS_H
#define AGENT_METRICS_METRICS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/addr.h"
#include "lib/err.h"

/*
 * The listener for those who watch: GET /metrics is OpenMetrics, GET / a page for
 * people. Nothing can be changed by it, nothing is asked of who comes.
 *
 * One thread for each address, of libmicrohttpd's own. It reads the store and the
 * counters and waits for no other thread, nor any for it but at the end.
 */

enum { METRICS_ADDRESSES_MAX = 16 };

struct facts;
struct metrics;
struct metrics_change;

/* Fill in what is published now; f is empty. Called in any of the threads, several at
 * a time. with_problems: for the page. */
typedef void metrics_look_fn(void *arg, struct facts *f, bool with_problems);

/* Listens nowhere yet. */
struct metrics *metrics_new(metrics_look_fn *look, void *arg);
/* Closes its sockets and waits for its threads, which is for the one answer that each
 * may be writing. Takes NULL. */
void metrics_free(struct metrics *m);

/*
 * Other addresses. metrics_prepare opens the sockets that are new; ERR_IO: one cannot
 * be, where says which, and all is as it was. metrics_commit puts them in place and
 * closes those that are not in the list; it, or metrics_cancel, frees change. Where
 * there is no thread to be had, or no descriptor, nobody listens then, which is
 * logged: metrics_mend tries again.
 */
NODISCARD enum err metrics_prepare(struct metrics *m, const struct addr *listen,
    size_t n, struct err_where *where, struct metrics_change **change);
void metrics_cancel(struct metrics_change *change); /* takes NULL */
void metrics_commit(struct metrics_change *change);

/* Listens where it could not yet. To be called now and then. */
void metrics_mend(struct metrics *m);
/* Ends the connections that are as old: whoever sends or reads an octet now and then
 * is not silent, and would keep others out for ever. To be called now and then. */
void metrics_expire(struct metrics *m, unsigned age_ms);

/* What is listened on; a port 0 (tests) was chosen by the system. NULL past the last.
 */
const struct addr *metrics_address(const struct metrics *m, size_t n);

#endif
