/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_OBSERVED_H
#define LIB_OBSERVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dname.h"
#include "lib/err.h"
#include "lib/rr.h"
#include "lib/session.h"

/*
 * _status.C: what the agent saw. Its records are TXT, each a list of
 * `key=value` strings.
 */

enum { OBSERVED_FEW = 50 }; /* as many zones are asked for one by one */
enum { OBSERVED_VALUE_MAX = 256 };

enum observed_kind {
	OBSERVED_ZONE,    /* <zone>._status.C: name is the zone */
	OBSERVED_ID,      /* <id>._id._status.C: name is the id */
	OBSERVED_BACKEND, /* <backend>._backend._status.C */
	OBSERVED_PATTERN, /* <pattern>._pattern._status.C */
	OBSERVED_AGENT,   /* _status.C */
	OBSERVED_OTHER,
};

void observed_classify(const struct dname *owner, const struct dname *status,
    enum observed_kind *kind, struct dname *name);

/* Where a zone's status stands. id is only looked at where the name cannot hold
 * the zone's: ERR_NOTFOUND if it is empty then. */
NODISCARD enum err observed_owner(const struct dname *zone, const struct label *id,
    const struct dname *status, struct dname *owner);

/* The value of a key, NULL if the record has none; into value. */
const char *observed_get(const struct rr *rr, const char *key,
    char value[static OBSERVED_VALUE_MAX]);

/* The zone= of a record that stands under an id; NULL if it has none. */
const char *observed_zone(const struct rr *rr, char zone[static DNAME_TEXT_MAX]);
/* The zone that a record is about, by its name or by its zone=. ERR_NOTFOUND: it is
 * about none, or does not tell which. */
NODISCARD enum err observed_zone_of(enum observed_kind kind, const struct dname *name,
    const struct rr *rr, struct dname *zone);

/* Called for each TXT record; its error ends the reading and is returned. */
typedef enum err observed_fn(void *arg, enum observed_kind kind,
    const struct dname *name, const struct rr *rr);

/*
 * A reading of _status.C, as exchange_rr_fn with one of these as its argument. With
 * head_only it ends, with ERR_CANCELED and head_ended, at the first zone.
 */
struct observed_reading {
	const struct dname *status;
	observed_fn *fn;
	void *arg;
	bool head_only, head_ended;
};
NODISCARD enum err observed_take(void *reading, const struct rr *rr);

/* The whole of _status.C by AXFR. Fails with s->error; ERR_DENIED: refused. */
NODISCARD enum err observed_transfer(struct session *s, observed_fn *fn, void *arg);

/*
 * The records of the agent, its backends and patterns alone: it sends them
 * before those of the zones, which may be a million, and there the transfer is
 * broken off. Afterwards the session is good only for session_reopen().
 */
NODISCARD enum err observed_transfer_head(struct session *s, observed_fn *fn,
    void *arg);

/* The TXT records at one name. ERR_NOTFOUND: there are none. Fails with
 * s->error. */
NODISCARD enum err observed_query(struct session *s, const struct dname *owner,
    observed_fn *fn, void *arg);

/* The same for an answer that was already received. */
NODISCARD enum err observed_read(struct session *s, const struct msg *msg,
    observed_fn *fn, void *arg);

#endif
