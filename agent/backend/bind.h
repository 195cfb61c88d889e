/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_BIND_H
#define AGENT_BACKEND_BIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/backend/backend.h"
#include "agent/backend/bind_body.h"
#include "agent/backend/bind_config.h"
#include "agent/backend/bind_include.h"
#include "agent/backend/bind_json.h"
#include "agent/backend/bind_names.h"
#include "agent/backend/chan.h"
#include "agent/backend/rndc.h"
#include "agent/backend/textset.h"
#include "lib/addr.h"
#include "lib/dname.h"
#include "lib/err.h"

/* What the files of the bind driver share; see bind.c for the story. */

enum { BIND_BATCH_MAX = 20000, BIND_SINGLES_MAX = 5000, BIND_PROCESS_MAX = 64 };

struct bind {
	struct backend_conf conf; /* what it points to is the caller's */
	char zone_dir[600];       /* without a final slash */
	char view[64];            /* "": there are no views */
	bool bulk;                /* bulk = reconfig */
	struct rndc rndc;
	struct addr statistics;
	struct chan http;

	/* the running server, as last seen */
	char version[32];
	char process[BIND_PROCESS_MAX]; /* its boot time; "": not seen yet */
	int64_t boot_ms, config_ms;     /* Unix time */
	bool ready;                     /* this process takes our orders: tried */
	char config_path[BIND_PATH_MAX];

	/* the journal (bind_journal.c) */
	bool journal_read;
	struct bind_names tombs;      /* zones we deleted; text: of which process */
	struct bind_names known_keys; /* once put into the include file */

	/* what named has read (bind_prepare.c) */
	char loaded_digest[BIND_DIGEST_MAX]; /* named has read that one, ... */
	char loaded_process[BIND_PROCESS_MAX];
	int64_t loaded_ms;      /* ... then, Unix time; 0: not by us */
	struct textset checked; /* patterns and versions whose raw options are good */

	/* zones of the bulk file (bind_bulk.c), by hash, in order */
	uint64_t *bulk_zones;
	size_t n_bulk_zones;
	struct bulk_stamp {
		int64_t mtime_ns;
		uint64_t size, inode;
	} bulk_stamp;

	size_t n_listed;     /* zones that named had, when it was last seen */
	unsigned generation; /* named lost zones without a restart */
	int64_t changed_ms;  /* Unix time: our last command that changes a zone */
	int64_t deleted_ms;  /* monotonic: our last delzone */
};

/* "name" and, where there are views, class and view: as commands have it. */
const char *bind_target(const struct bind *b, const struct dname *zone,
    char out[static BIND_NAME_MAX]);
/* As rndc_command; faults of the channel make identify look at it again. */
NODISCARD enum err bind_send(struct bind *b, const char *command,
    struct rndc_reply *reply, struct backend_error *why);

/* -- bind.c ------------------------------------------------------------------- */

/* Version, process, and that it takes our orders. */
NODISCARD enum err bind_look(struct bind *b, struct backend_error *why);
/* Read the statistics channel; stats has view and callbacks set. */
NODISCARD enum err bind_read_stats(struct bind *b, const char *path,
    struct bind_stats *stats, struct backend_error *why);
/* Where named.conf is. */
NODISCARD enum err bind_locate(struct bind *b, struct backend_error *why);

/* -- bind_find.c -------------------------------------------------------------- */

enum bind_state {
	BIND_ZONE_NONE,
	BIND_ZONE_OURS,    /* mark and primary are set */
	BIND_ZONE_FOREIGN, /* of named.conf, the operator's, or a catalog's */
};

struct bind_found {
	enum bind_state state;
	/* of ours */
	bool primary, is_signed;
	bool unsaved; /* served, but not in the new-zone database */
	char mark[MARK_MAX];
	char file[BIND_PATH_MAX];
};

/* By asking named. A zone that we deleted and that came back with a restart is
 * deleted again, and so is not there. */
NODISCARD enum err bind_find(struct bind *b, const struct dname *zone,
    struct bind_found *found, struct backend_error *why);
/* The same without that. */
NODISCARD enum err bind_find_plain(struct bind *b, const struct dname *zone,
    struct bind_found *found, struct backend_error *why);
/* Those of names that named's list of zones has get the text bind_is_listed. */
NODISCARD enum err bind_mark_listed(struct bind *b, struct bind_names *names,
    struct backend_error *why);
extern const char bind_is_listed[];
enum err bind_inventory(void *ctx, backend_zone_fn *fn, void *arg,
    struct backend_error *why);
enum err bind_lookup(void *ctx, const struct dname *zones, size_t n,
    backend_zone_fn *fn, void *arg, struct backend_error *why);

/* -- bind_journal.c ----------------------------------------------------------- */

extern const char bind_journal_name[]; /* in config-dir */

/* Lines to add, in memory until bind_journal_write. */
struct bind_lines {
	struct buf text;
	bool sync; /* it must survive a power loss */
};

void bind_lines_init(struct bind_lines *lines);
void bind_lines_fini(struct bind_lines *lines);
void bind_lines_added(struct bind_lines *lines, const struct dname *zone,
    const char *mark);
void bind_lines_deleted(struct bind_lines *lines, const struct dname *zone,
    const char *process);
void bind_lines_forget(struct bind_lines *lines, const struct dname *zone);
void bind_lines_key(struct bind_lines *lines, const struct dname *key);
void bind_lines_loaded(struct bind_lines *lines, const char *digest,
    const char *process, int64_t ms);
/* Append, and take into memory. false: neither; logged. */
bool bind_journal_append(struct bind *b, struct bind_lines *lines);
/* The same, but a failure does not keep it out of memory: that counts. */
void bind_journal_write(struct bind *b, struct bind_lines *lines);
/* Tombstones and what was loaded, once. */
void bind_journal_read(struct bind *b);
/* Marks too, into marks; and the file made small again where that is worth it. */
void bind_journal_read_marks(struct bind *b, struct bind_names *marks);

/* -- bind_load.c ----------------------------------------------------------- */

/* "operator-config-changed: ..." */
PRINTF(2, 3)
enum err bind_operators(struct backend_error *why, const char *fmt, ...);
/*
 * A key that is to go into our file, where named.conf must not have it, too. OK: the
 * operator has the same there; *unread: named may not have read that yet.
 * ERR_NOTFOUND: he has none of that name. ERR_EXISTS: he has another one, see why.
 */
NODISCARD enum err bind_find_operators_key(struct bind *b, const struct bind_config *c,
    const struct key *key, bool *unread, struct backend_error *why);
/*
 * Have named read its configuration again, if that is sound: *loaded, else why
 * says what to wait for. key must be in it, or, if NULL, our file. bulk: only if
 * the statistics channel shows every zone.
 */
NODISCARD enum err bind_reconfig(struct bind *b, const struct dname *key, bool bulk,
    bool *loaded, struct backend_error *why);
/* The same in two steps: is it sound as it is? */
NODISCARD enum err bind_may_reconfig(struct bind *b, const struct dname *key, bool bulk,
    bool *may, struct backend_error *why);
NODISCARD enum err bind_tell_reconfig(struct bind *b, bool *loaded,
    struct backend_error *why);
/* The include file as it is. inc must be empty. */
NODISCARD enum err bind_read_include(struct bind *b, struct bind_include *inc,
    struct backend_error *why);
/* Put right what somebody did to our files. */
NODISCARD enum err bind_mend_include(struct bind *b, struct backend_error *why);
/* Make it be like next, and have it read; or all stays as it was. checked: by
 * bind_may_reconfig, just now. */
NODISCARD enum err bind_load_include(struct bind *b, const struct bind_include *next,
    bool checked, bool *loaded, struct backend_error *why);

/* -- bind_prepare.c ----------------------------------------------------------- */

enum err bind_rekey(void *ctx, const struct keyring *keys, struct backend_error *why);
enum err bind_prepare(void *ctx, struct settings *const *settings, size_t n,
    enum backend_result *results, struct backend_error *texts,
    struct backend_error *why);
enum err bind_retire(void *ctx, const char *const *marks, size_t n,
    struct backend_error *why);
/* -- bind_apply.c, bind_bulk.c ------------------------------------------------ */

enum err bind_apply(void *ctx, struct backend_op *ops, size_t n,
    struct backend_error *why);

/* One operation on its way. */
struct bind_task {
	struct backend_op *op;
	struct buf body; /* of ADD and CHANGE */
	char *file;      /* of those, absolute */
	bool in_bulk;    /* the bulk file has it */
	bool dropped;    /* taken out of it */
	bool modified;   /* by modzone */
	bool renewing;   /* to be deleted and added anew */
	bool bulk;       /* to be added by way of the bulk file */
	struct bind_found found;
	char *old_body; /* of one that was deleted to be added anew */
};

void bind_settle_added(struct bind_task *t, enum backend_result result);

/*
 * The bulk file: zones of named.conf that are ours. A zone is either there or in
 * named's new-zone database: with both, named does not start.
 */
NODISCARD enum err bind_bulk_find(struct bind *b, struct bind_task *tasks, size_t n,
    struct backend_error *why);
/* Take these out, on disk; named does not notice. */
NODISCARD enum err bind_bulk_drop(struct bind *b, struct bind_task **tasks, size_t n,
    struct backend_error *why);
/* The same with their new text in place. */
NODISCARD enum err bind_bulk_replace(struct bind *b, struct bind_task **tasks, size_t n,
    struct backend_error *why);
/* Add those marked bulk, by one reconfig; those that named may have, or all if it
 * cannot be done, lose that mark. */
NODISCARD enum err bind_bulk_add(struct bind *b, struct bind_task *tasks, size_t n,
    struct backend_error *why);
/* bind_prepare.c: would named take zones such as these? ERR_INVALID: why not. */
NODISCARD enum err bind_try_bodies(struct bind *b, struct bind_task **list, size_t n,
    struct backend_error *why);
/* It has zones. */
bool bind_bulk_is_used(struct bind *b);
/* It is included, so it must be there. Returns whether it was not. */
bool bind_bulk_make(struct bind *b);
/* Its zones, as hints for the inventory. */
void bind_bulk_marks(struct bind *b, struct bind_names *marks);

#endif
