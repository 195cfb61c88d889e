/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_BIND_BODY_H
#define AGENT_BACKEND_BIND_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/backend/backend.h"
#include "agent/backend/mark.h"
#include "lib/buf.h"
#include "lib/dname.h"
#include "lib/err.h"
#include "lib/key.h"
#include "lib/settings.h"

/*
 * Zones as text of named.conf: what we write, and what showzone, the new-zone
 * database and our own files say. The text form of a zone:
 *
 *     zone "NAME" { type primary; file "/ZONE-DIR/NAME.zone"; ...
 *         allow-transfer { !key "nsherd.PATTERN.VERSION.HASH.1"; ... }; ... };
 *
 * The first element of allow-transfer is our mark: it refuses a key that does
 * not exist, so it does nothing, and named gives it back.
 */

enum { BIND_PATH_MAX = 1200, BIND_NAME_MAX = 2048 };

/*
 * `{ ... };` of a zone under settings s. zone NULL: any, to check the settings.
 * ERR_INVALID: BIND cannot do that, or a key is not in ring; why says what.
 */
NODISCARD enum err bind_body_print(const struct settings *s, const struct dname *zone,
    const char *zone_dir, const struct keyring *ring, struct buf *out,
    struct backend_error *why);

/* Has it text that only the check tool can judge? */
bool bind_body_needs_check(const struct settings *s);

/* Each key that the settings name; the same one may come again. */
typedef void bind_body_key_fn(void *arg, const struct dname *key);
void bind_body_each_key(const struct settings *s, bind_body_key_fn *fn, void *arg);

/* What a zone's text says. */
struct bind_zone_text {
	char name[BIND_NAME_MAX]; /* as written, without quotes */
	char type[16];
	bool is_signed; /* inline-signing or dnssec-policy */
	char file[BIND_PATH_MAX];
	char mark[MARK_MAX]; /* "": none */
};

/* `{ ... };` of a zone statement. Free it; NULL: it is none. */
char *bind_body_of(const char *text);
/* false: that is no zone statement. */
bool bind_body_read(const char *text, struct bind_zone_text *zone);
/* It has our mark, and its file is below zone_dir. */
bool bind_body_is_ours(const struct bind_zone_text *zone, const char *zone_dir);

#endif
