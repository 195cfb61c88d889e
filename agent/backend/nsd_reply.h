/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_NSD_REPLY_H
#define AGENT_BACKEND_NSD_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

/*
 * What NSD says, line by line. No sockets: each parser is fed the lines of one
 * reply in order and asked at the end whether that was a whole reply.
 */

enum nsd_outcome {
	NSD_DONE,      /* added, removed, ok */
	NSD_EXISTS,    /* "added", but it was there, with whatever pattern; delete:
			* "removed", with a remark */
	NSD_ABSENT,    /* delete: it was not there */
	NSD_NOPATTERN, /* NSD does not know the pattern */
	NSD_BADNAME,   /* NSD cannot parse the name */
	NSD_FOREIGN,   /* of nsd.conf, or a member of a catalog that NSD follows */
	NSD_FULL,      /* NSD could not write its zone list */
	NSD_ERROR,     /* anything else; the text says what */
};

/* NSD cuts its lines at 1023 octets; what they say comes after the name. */
enum { NSD_REASON_MAX = 1100 };

/* -- addzones, delzones ---------------------------------------------------- */

/* The outcome of name i; reason is "" or what NSD gave. */
typedef void nsd_outcome_fn(void *arg, size_t i, enum nsd_outcome outcome,
    const char *reason);

struct nsd_bulk {
	bool deleting;
	const char *const *names; /* as sent, in order */
	size_t n;
	nsd_outcome_fn *fn;
	void *arg;
	/* its own */
	size_t i, n_done;
	unsigned n_reasons; /* lines since the last outcome */
	bool ended;
	char reason[NSD_REASON_MAX];
};

void nsd_bulk_init(struct nsd_bulk *bulk, bool deleting, const char *const *names,
    size_t n, nsd_outcome_fn *fn, void *arg);
/* ERR_FORM: not what NSD says; what it did with the batch is then unknown. An
 * nsd_line_fn. */
NODISCARD enum err nsd_bulk_line(void *bulk, const char *line);
/* ERR_FORM: an outcome or the trailer is missing. */
NODISCARD enum err nsd_bulk_end(const struct nsd_bulk *bulk);

/* -- single commands ------------------------------------------------------- */

/* Whether a reply ends in "ok", and what stood in front of it. */
struct nsd_single {
	bool ok;
	bool exists;                 /* "already exists" */
	unsigned n;                  /* lines */
	char reason[NSD_REASON_MAX]; /* the first line that is no "ok" */
	char last[NSD_REASON_MAX];   /* the last one */
};

void nsd_single_init(struct nsd_single *single);
NODISCARD enum err nsd_single_line(void *single, const char *line);
enum nsd_outcome nsd_single_outcome(const struct nsd_single *single);

/* -- zonestatus ------------------------------------------------------------ */

/* pattern: "" for a zone of nsd.conf. */
typedef enum err nsd_zone_fn(void *arg, const char *name, const char *pattern);

struct nsd_zones {
	nsd_zone_fn *fn;
	void *arg;
	bool open; /* a zone was begun */
	char name[1100];
	char pattern[300];
	char error[NSD_REASON_MAX]; /* a line that is no part of the list, such as
				     * `error zone x not configured` */
};

void nsd_zones_init(struct nsd_zones *zones, nsd_zone_fn *fn, void *arg);
/* ERR_FORM, or what fn returned. */
NODISCARD enum err nsd_zones_line(void *zones, const char *line);
NODISCARD enum err nsd_zones_end(struct nsd_zones *zones);

/* -- the zone list file ---------------------------------------------------- */

/* One line of zonelistfile. false: no zone (comment, deleted, torn). The line is
 * cut in place. */
bool nsd_list_line(char *line, const char **name, const char **pattern);

/* The value in `name: value` or `name=value`, or NULL: another line. */
const char *nsd_reply_value(const char *line, const char *name);

#endif
