/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_NSD_H
#define AGENT_BACKEND_NSD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/backend/backend.h"
#include "agent/backend/nsd_chan.h"
#include "agent/backend/nsd_include.h"
#include "agent/backend/nsd_reply.h"
#include "agent/backend/textset.h"
#include "lib/dname.h"
#include "lib/err.h"

/* What the files of the nsd driver share; see nsd.c for the story. */

enum {
	NSD_BATCH_MAX = 10000,
	/* lines of one addzones or delzones */
	NSD_LIST_MIN = 1250,
	NSD_LIST_MAX = 5000,
};

extern const char nsd_include_name[]; /* in config-dir */

struct nsd {
	struct backend_conf conf; /* what it points to is the caller's */
	struct nsd_chan chan;

	/* the running server, as last seen */
	pid_t peer, pid;          /* who made the socket listen; local process or 0 */
	unsigned long long start; /* of pid, in clock ticks */
	char version[32];
	char process[64];     /* "": not seen yet */
	int64_t started_ms;   /* Unix time; 0: not known */
	int64_t boot_seen_ms; /* TLS: when time.boot was last asked for, monotonic */
	int64_t looked_ms;    /* when nsd_look last succeeded, monotonic */
	dev_t socket_dev;     /* the control socket then, if it is a file */
	ino_t socket_ino;
	size_t n_listed; /* lines of its zone list, when last looked at */

	/* found when they are first needed, and again after a restart */
	char *config;    /* nsd.conf */
	char *zonelist;  /* zonelistfile */
	char *checkconf; /* the tool */

	/* the include file */
	struct nsd_include inc;
	bool inc_loaded;                    /* inc is what the file holds */
	struct timespec inc_mtime;          /* of the file as we left it */
	char loaded_canary[NSD_CANARY_MAX]; /* NSD knows it: proven ... */
	char loaded_process[64];            /* ... of this process */
	int64_t loaded_ms; /* Unix time of the last load that we know of */

	/* zones of nsd.conf at the last inventory, in canonical order */
	struct dname *conf_zones;
	size_t n_conf_zones, conf_zones_room;
};

/* -- nsd_process.c --------------------------------------------------------- */

/* Asks NSD. Fills version, process, started_ms. */
NODISCARD enum err nsd_look(struct nsd *nsd, struct backend_error *why);
/* Without asking it: nothing suggests that it is not the process that nsd_look
 * saw, which was not long ago. */
bool nsd_seems_same(const struct nsd *nsd);
/* config, zonelist and checkconf; they stay until the process changes. Needs a
 * running NSD unless the options say it all. */
NODISCARD enum err nsd_locate(struct nsd *nsd, struct backend_error *why);
void nsd_forget_places(struct nsd *nsd);

/* -- nsd_conf.c ------------------------------------------------------------ */

/* Member of struct backend_driver. */
enum err nsd_check(const struct backend_conf *conf, struct err_where *where);

/* -- nsd_find.c ------------------------------------------------------------ */

enum nsd_state {
	NSD_ZONE_NONE,    /* NSD does not have it (see nsd_find) */
	NSD_ZONE_OURS,    /* mark is set */
	NSD_ZONE_FOREIGN, /* of nsd.conf, or under somebody else's pattern */
};

struct nsd_found {
	enum nsd_state state;
	char mark[MARK_MAX];
};

/*
 * What NSD has of these names (plain form, each once). A few are asked for one
 * by one; many are looked up in the zone list file, which does not hold the
 * zones of nsd.conf: to NSD_ZONE_NONE the answer of NSD itself may yet be that.
 */
NODISCARD enum err nsd_find(struct nsd *nsd, const char *const *names, size_t n,
    struct nsd_found *found, struct backend_error *why);
/*
 * A name as NSD has it typed: unlike ours it may hold blanks and other octets that
 * are not escaped. Two lines of its zone list that a crash ran together make one.
 */
NODISCARD enum err nsd_name_parse(const char *text, struct dname *name);
/* By asking NSD. */
NODISCARD enum err nsd_find_one(struct nsd *nsd, const char *name,
    struct nsd_found *found, struct backend_error *why);
/* Every zone: by asking NSD, which holds up its transfers meanwhile. */
NODISCARD enum err nsd_find_all(struct nsd *nsd, nsd_zone_fn *fn, void *arg,
    struct backend_error *why);

/* Patterns that zones are under, by the zone list file; or,
 * if ask or that cannot be read, by NSD itself. patterns must be empty. */
NODISCARD enum err nsd_patterns_in_use(struct nsd *nsd, bool ask,
    struct textset *patterns, struct backend_error *why);
/* By a zone list file, of which there may be none yet. patterns must be empty. */
NODISCARD enum err nsd_patterns_listed(const char *zonelist, struct textset *patterns,
    struct backend_error *why);

/* -- nsd_check.c ----------------------------------------------------------- */

/* What nsd-checkconf says of a configuration. */
struct nsd_verdict {
	bool good;
	struct textset patterns;  /* their names */
	char text[200];           /* first fault */
	struct nsd_fault *faults; /* that can be pinned down */
	size_t n_faults;
};

struct nsd_fault {
	unsigned line;       /* of the include file; 0: a key is missing ... */
	char name[MARK_MAX]; /* ... that this pattern names */
};

/* Run the tool on config. ERR_CANCELED, ERR_TIMEOUT, ERR_IO. */
NODISCARD enum err nsd_check_config(struct nsd *nsd, const char *config,
    const char *include, struct nsd_verdict *verdict, struct backend_error *why);
void nsd_verdict_fini(struct nsd_verdict *verdict);
/* One value of the configuration, by the tool. "" when it has none. Free it. */
NODISCARD enum err nsd_check_value(struct nsd *nsd, const char *config,
    const char *name, char **value, struct backend_error *why);
/* The same by its files alone, which may be faulty. name ends in a colon. Free the
 * result; NULL: they do not have it. */
char *nsd_written_value(const char *config, const char *name);
/* A file of the configuration, but for include, that is newer than ms (Unix
 * time). Free the result; NULL: none. */
char *nsd_newer_config(const char *config, const char *include, int64_t ms);

/* -- nsd_load.c ------------------------------------------------------------ */

/* inc as the file had it when it was first read; from then on inc counts. */
NODISCARD enum err nsd_load_include(struct nsd *nsd, struct backend_error *why);

enum nsd_load_result {
	NSD_LOADED,
	NSD_LOAD_WAIT, /* not now; why has the reason */
};

/* A native that the check tool did not like. */
typedef void nsd_refused_fn(void *arg, const char *name, const char *text);

/*
 * Make NSD run with *next: write it, check the whole configuration, reconfig,
 * see that NSD has read it. Nothing happens if it is so already, unless force.
 * What the check tool refuses of the fresh natives is reported and left out.
 * Then inc is next, or, with NSD_LOAD_WAIT, mostly still what it was. *next is
 * left empty in any case.
 */
NODISCARD enum err nsd_load(struct nsd *nsd, struct nsd_include *next, bool force,
    nsd_refused_fn *refused, void *arg, enum nsd_load_result *result,
    struct backend_error *why);

/* Has NSD read inc as it is? */
NODISCARD enum err nsd_is_loaded(struct nsd *nsd, bool *loaded,
    struct backend_error *why);

/* -- nsd_mend.c ------------------------------------------------------------ */

/*
 * If the include file is missing, make it, with what inc holds, and with a
 * placeholder for each pattern of ours that a zone is under: NSD does not start
 * when a file that it includes is missing, and a reconfig with one that lacks such
 * a pattern is its end. running: NSD has just answered. If not, it is made only if
 * nobody listens at NSD's control socket.
 */
void nsd_mend_include(struct nsd *nsd, bool running);

/* -- nsd_prepare.c: members of struct backend_driver ----------------------- */

enum err nsd_rekey(void *ctx, const struct keyring *keys, struct backend_error *why);
enum err nsd_prepare(void *ctx, struct settings *const *settings, size_t n,
    enum backend_result *results, struct backend_error *texts,
    struct backend_error *why);
enum err nsd_retire(void *ctx, const char *const *marks, size_t n,
    struct backend_error *why);

/* -- nsd_files.c ----------------------------------------------------------- */

/*
 * May a zone that was found so start from the template under settings s, if it has
 * no file? Not one that has data which NSD is about to write there, or of whose
 * former settings nothing is known: better none than the template's in its place.
 */
bool nsd_files_start_anew(const struct nsd *nsd, const struct nsd_found *found,
    const struct settings *s);
/* The zone file, NSD's half-written copy of it (~), and its IXFRs (.ixfr, .ixfr.2,
 * ...). *gone: there was one. As of spool.h; that there is none is OK. */
NODISCARD enum err nsd_files_unlink(int dir_fd, const char *path, bool *gone);

/* -- nsd_apply.c ----------------------------------------------------------- */

unsigned nsd_apply_size(const void *ctx);
enum err nsd_apply(void *ctx, struct backend_op *ops, size_t n,
    struct backend_error *why);

#endif
