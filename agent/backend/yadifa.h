/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_YADIFA_H
#define AGENT_BACKEND_YADIFA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "agent/backend/backend.h"
#include "agent/backend/yadifa_include.h"
#include "lib/addr.h"
#include "lib/dname.h"
#include "lib/err.h"
#include "lib/exchange.h"

/* What the files of the yadifa driver share; see yadifa.c for the story. */

enum { YADIFA_BATCH_MAX = 10000, YADIFA_PORT = 53 };

extern const char yadifa_include_name[]; /* "zones.conf", in config-dir */

/* A zone that was removed while it did not answer: a load that was under way may
 * yet bring it back. */
struct yadifa_departed {
	struct dname zone;
	int64_t since_ms;
};

/* yadifa_operator.c */
struct yadifa_source {
	char *path;
	struct stat st;
};

struct yadifa_operator {
	const char *config;        /* of the option; NULL: it is not given */
	struct yadifa_table names; /* all that may be one, and more */
	struct yadifa_source *sources;
	size_t n_sources, sources_room;
	bool known;         /* names is what the files have */
	bool is_settled;    /* and if they change that will show */
	unsigned n_changes; /* of them that were seen */
	char complaint[100];
	/* from what this process reads nothing was removed since it started */
	char process[64];
	bool is_virgin;
	unsigned n_changes_then;
};

struct yadifa {
	struct backend_conf conf; /* what it points to is the caller's */
	struct addr control;
	struct key *key;     /* borrowed from conf.keys */
	struct key *old_key; /* that yadifad may still know it by; NULL: none */
	struct yadifa_self self;
	const char *pidfile, *transfer_dir;
	int config_fd, zone_fd, transfer_fd;
	struct exchange *x; /* open only within a call */

	struct yadifa_include inc; /* what yadifad is to have */
	bool written;              /* zones.conf is inc */
	bool loaded;               /* and loaded_process has read it */
	char loaded_process[64];
	struct stat file;         /* zones.conf as we left it */
	unsigned edits;           /* by others; part of our identity */
	char advised_process[64]; /* the log has what is to be said of it */

	/* reloads */
	int64_t reload_end_ms;   /* 0: none yet */
	unsigned reload_wall_ms; /* how long the last took */

	/* yadifa_guard.c: does the server survive what it was given? */
	int64_t watch_until_ms; /* 0: nothing new */
	char watch_process[64];
	unsigned n_deaths;    /* in a row */
	bool is_restored;     /* and not yet survived */
	bool has_candidate;   /* zones.conf.next is there */
	int64_t candidate_ms; /* since when */
	/* zones.conf as it was written for the nth time; which of them the others are
	 */
	unsigned file_nr, candidate_nr, prev_nr;
	struct yadifa_table suspects, condemned;
	unsigned suspicion; /* deaths that the suspects were at */
	size_t suspects_at_once;

	struct yadifa_departed *departed;
	size_t n_departed, departed_room;

	/* secondaries that were not yet seen to be served */
	struct yadifa_table fresh;
	size_t n_fresh_before;
	unsigned n_nudges;
	int64_t nudge_ms; /* when to help them */

	/* names that the last look-up found absent, so that an addition that
	 * follows need not ask again */
	struct yadifa_table absent;
	int64_t absent_ms;

	unsigned absent_changes; /* what the operator's files were then */

	/* that an older file did not have which was put back */
	struct yadifa_table dropped;

	struct yadifa_operator operator;

	/* primaries that were found neither served nor with a file */
	struct yadifa_table lacking;
};

/* -- yadifa_ctrl.c: talking to it ------------------------------------------ */

enum yadifa_ctrl {
	CTRL_FREEZE = 0x2b06,
	CTRL_UNFREEZE = 0x2b07,
	CTRL_SYNC = 0x2b08,
	CTRL_NOTIFY = 0x2b09,
	CTRL_RELOAD = 0x2b0a,
	CTRL_ZONECFGRELOAD = 0x2b0b,
};

enum yadifa_question {
	YADIFA_SOA,
	YADIFA_SOA_UNSIGNED, /* it costs half, and may be REFUSED for that */
	YADIFA_RELOAD,
	YADIFA_NOTIFY, /* of its primary, as it were: it asks that and transfers */
};

struct yadifa_answer {
	unsigned rcode;
	bool served; /* YADIFA_SOA: with authority, and for that very name */
	uint32_t serial;
};

/* One question for each zone, pipelined. */
NODISCARD enum err yadifa_ask(struct yadifa *y, enum yadifa_question question,
    const struct dname *zones, size_t n, struct yadifa_answer *answers,
    struct backend_error *why);
NODISCARD enum err yadifa_ctrl_zone(struct yadifa *y, enum yadifa_ctrl type,
    const struct dname *zone, unsigned *rcode, struct backend_error *why);
/* ZONECFGRELOAD of all zones, on a connection of its own. *sent: it may run. */
NODISCARD enum err yadifa_ctrl_reload(struct yadifa *y, unsigned timeout_ms,
    unsigned *rcode, bool *sent, struct backend_error *why);
NODISCARD enum err yadifa_ask_version(struct yadifa *y, char version[static 32],
    struct backend_error *why);
void yadifa_hang_up(struct yadifa *y);

/* -- yadifa_advice.c ------------------------------------------------------- */

/* To the log, once for each process; version: what it says of itself. */
void yadifa_advise(struct yadifa *y, const char *process, const char *version);
bool yadifa_breaks_mx(const char *version);

/* -- yadifa_find.c: what it has -------------------------------------------- */

enum yadifa_state {
	YADIFA_ABSENT,
	YADIFA_KNOWN, /* in its configuration, served or not */
	YADIFA_GHOST, /* served, and not in its configuration */
	/* Nothing but SERVFAIL, and not in its configuration: it was when yadifad
	 * started. To be added like an absent one, and removed like a ghost. */
	YADIFA_HOLLOW,
};

NODISCARD enum err yadifa_find(struct yadifa *y, const struct dname *zones, size_t n,
    enum yadifa_state *states, struct backend_error *why);
/* Until none of them is served or known or hollow, or patience is over; then *states
 * says which are. */
NODISCARD enum err yadifa_wait_gone(struct yadifa *y, const struct dname *zones,
    size_t n, enum yadifa_state *states, struct backend_error *why);
/* Until all are served, or patience_ms is over. */
NODISCARD enum err yadifa_wait_served(struct yadifa *y, const struct dname *zones,
    size_t n, unsigned patience_ms, bool *served, struct backend_error *why);
extern const char yadifa_ghost_mark[];

/* Make ghosts go: at most a second or two of a bogus zone each. cured[i]. */
NODISCARD enum err yadifa_cure(struct yadifa *y, const struct dname *zones, size_t n,
    bool *cured, struct backend_error *why);

/* -- yadifa_new.c: may a name be added? --------------------------------------- */

/* As yadifa_find, for names that are not in inc; in a cheaper way where there is one.
 */
NODISCARD enum err yadifa_find_new(struct yadifa *y, const struct dname *zones,
    size_t n, enum yadifa_state *states, struct backend_error *why);
/* zones.conf becomes `to`, and nobody waits until what it lacks has gone. */
void yadifa_drop_unseen(struct yadifa *y, const struct yadifa_include *from,
    const struct yadifa_include *to);

/* -- yadifa_operator.c: what his files name --------------------------------- */

void yadifa_operator_init(struct yadifa_operator *o);
void yadifa_operator_fini(struct yadifa_operator *o);
/* Read them, if they changed. false: nothing is known of them. */
bool yadifa_operator_read(struct yadifa *y);
/* Also: there can be no zone in yadifad that is in no file. */
bool yadifa_operator_has_no_ghosts(struct yadifa *y);

/* -- yadifa_after.c: what may go wrong after a reload ----------------------- */

/* A zone that did not answer when it was removed. */
void yadifa_depart(struct yadifa *y, const struct dname *zone);
/* A new secondary. */
void yadifa_expect(struct yadifa *y, const struct dname *zone);
/* A few new ones: wait a moment for them, and help those that hang. */
NODISCARD enum err yadifa_hurry(struct yadifa *y, struct backend_error *why);
/* From time to time, while yadifad runs with inc. */
NODISCARD enum err yadifa_look_after(struct yadifa *y, struct backend_error *why);

/* -- yadifa_load.c: the include file and the reload ------------------------ */

/* What the directory holds; zones.conf.prev if zones.conf is not as we left it. */
NODISCARD enum err yadifa_open_file(struct yadifa *y, struct backend_error *why);
/* inc to zones.conf, unless it is so. ERR_FULL, ERR_IO, ERR_INVALID. */
NODISCARD enum err yadifa_write(struct yadifa *y, struct backend_error *why);
/* Has somebody touched the file? Then it is made right, and is not loaded. */
NODISCARD enum err yadifa_mend(struct yadifa *y, struct backend_error *why);

enum yadifa_load {
	YADIFA_LOADED,
	YADIFA_REFUSED, /* it does not take its configuration, or is busy for long */
};

/* Attempts: until yadifad cannot be just busy any more; or where it is soon asked
 * again if it was. */
enum { YADIFA_PATIENT = 5, YADIFA_BRIEF = 2 };

/*
 * Have yadifad run with inc: write it, reload, at most once at a time. Fails
 * with *sent when the end of a reload was not seen.
 */
NODISCARD enum err yadifa_load(struct yadifa *y, unsigned attempts,
    enum yadifa_load *load, bool *sent, struct backend_error *why);
/* The same unless it does already; ERR_BUSY: it does not take it. */
NODISCARD enum err yadifa_flush(struct yadifa *y, struct backend_error *why);

/* -- yadifa_guard.c -------------------------------------------------------- */

enum yadifa_life {
	YADIFA_ALIVE,
	YADIFA_STOPPED, /* it took its pid file with it */
	YADIFA_DEAD,    /* it did not */
	YADIFA_UNSEEN,  /* the pid file cannot be read */
};

/* process: of the one that the pid file names, if it lives. */
enum yadifa_life yadifa_look(const struct yadifa *y, char process[static 64]);
/* A reload was sent to the process that is there. */
void yadifa_guard_watch(struct yadifa *y);
/* It did not take the file: that is not one to go back to. */
void yadifa_guard_refused(struct yadifa *y);
/* Before zones.conf is replaced by other zones. */
void yadifa_guard_write(struct yadifa *y);
/* From time to time. Returns whether the previous file was put back. */
bool yadifa_guard_check(struct yadifa *y);
/* What is condemned is suspect again: of that, a few at a time are tried, and those
 * that it dies of are condemned at once. A member of struct backend_driver. */
void yadifa_guard_pardon(void *ctx);
/* Wait until it has survived. ERR_CANCELED; ERR_CLOSED: it has not. */
NODISCARD enum err yadifa_guard_wait(struct yadifa *y, struct backend_error *why);

/* -- yadifa_files.c -------------------------------------------------------- */

enum { YADIFA_FILE_MODE = 0660 }; /* yadifad writes into it, too */
/* Directories, and a new primary's file. As of spool.h; errno is set. */
NODISCARD enum err yadifa_files_make(int dir_fd, const struct settings *s,
    const struct dname *zone);
/* Is it a primary with a file of its own, which is not there? */
bool yadifa_files_lacks(int dir_fd, const struct yadifa_native *n,
    const struct dname *zone);
/* The zone file, its journal, and what was put aside. *gone: there was one. */
NODISCARD enum err yadifa_files_unlink(int dir_fd, const char *path,
    const struct dname *zone, bool *gone);
/* The zone file becomes PATH.old, and the journal goes: under another role the data
 * would be taken for something else. */
NODISCARD enum err yadifa_files_set_aside(int dir_fd, const char *path,
    const struct dname *zone);
/* What was set aside, if there is no new file. */
NODISCARD enum err yadifa_files_bring_back(int dir_fd, const char *path);
/* Image and journal of transfers of exactly this zone. */
NODISCARD enum err yadifa_files_unlink_transfers(const char *transfer_dir,
    const struct dname *zone, bool *gone);
/* The directories for them, which we may then write in: yadifad makes its own for
 * itself alone. That it cannot be done is no failure yet. */
void yadifa_files_make_transfer_dirs(int transfer_fd, const struct dname *zone);

/* -- yadifa_conf.c, yadifa_apply.c: members of struct backend_driver -------- */

NODISCARD enum err yadifa_read_conf(const struct backend_conf *conf, struct yadifa *y,
    struct err_where *where);
enum err yadifa_check(const struct backend_conf *conf, struct err_where *where);
enum err yadifa_apply(void *ctx, struct backend_op *ops, size_t n,
    struct backend_error *why);
/* The native of settings; ERR_INVALID: why. */
NODISCARD enum err yadifa_native_of(struct yadifa *y, const struct settings *s,
    struct yadifa_native **native, struct backend_error *why);

#endif
