/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_YADIFA_NATIVE_H
#define AGENT_BACKEND_YADIFA_NATIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/backend/backend.h"
#include "agent/backend/mark.h"
#include "lib/dname.h"
#include "lib/err.h"
#include "lib/settings.h"

/*
 * Settings as the lines of a <zone> block. yadifad has neither templates nor
 * quoting: what its parser would misread is refused here.
 */

enum {
	YADIFA_DIGEST_MAX = 17,
	/* Longer ones crash yadifad 2.6.4; of a secondary they never load. */
	YADIFA_NAME_MAX = 246,
	YADIFA_SECONDARY_MAX = 244,
	YADIFA_BODY_MAX = 60000,
	YADIFA_PATH_MAX = 1024,
};

struct yadifa_native {
	char mark[MARK_MAX];
	char digest[YADIFA_DIGEST_MAX]; /* of what follows */
	char *template;                 /* of the zone file's name, with ${zone} */
	char *body;                     /* the lines after `domain` and `file` */
	size_t n_zones;                 /* under it */
	char refused[160];              /* yadifad does not take it, or "" */
};

struct yadifa_native *yadifa_native_new(const char *mark, const char *template,
    const char *body);
void yadifa_native_free(struct yadifa_native *n); /* takes NULL */

/* Whom we are to yadifad: a NOTIFY of ours is the one way to have a secondary ask
 * its primary. */
struct yadifa_self {
	struct dname key;
	struct addr address;
	bool has_address; /* it is known: the loopback */
};

/* ERR_INVALID: yadifad has no use for the settings, why says so. */
NODISCARD enum err yadifa_native_print(const struct settings *s,
    const struct yadifa_self *self, const struct keyring *ring,
    struct yadifa_native **native, struct backend_error *why);

/* May yadifad have a zone or key of this name? ERR_INVALID, with text. */
NODISCARD enum err yadifa_check_name(const struct dname *name, size_t length_max,
    char *text, size_t text_size);

/* template filled in; ERR_SPACE: it does not fit. */
NODISCARD enum err yadifa_native_path(const struct yadifa_native *n,
    const struct dname *zone, char out[static YADIFA_PATH_MAX]);

/* A zone under a may come under b while it is served: yadifad compares, and
 * takes over, addresses and access lists alone. */
bool yadifa_native_is_smooth(const struct yadifa_native *a,
    const struct yadifa_native *b);
bool yadifa_native_is_secondary(const struct yadifa_native *n);

/* Call fn for each key that the body names. */
typedef void yadifa_key_fn(void *arg, const char *name);
void yadifa_native_keys(const struct yadifa_native *n, yadifa_key_fn *fn, void *arg);

#endif
