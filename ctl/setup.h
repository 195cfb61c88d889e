/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_SETUP_H
#define CTL_SETUP_H

#include <grp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "ctl/ctl.h"
#include "ctl/source.h"
#include "lib/buf.h"
#include "lib/err.h"

/*
 * What a name server's own configuration needs for nsherd: looked for, shown, and
 * made. Talks to no agent and starts nothing.
 *
 *   setup.c         the command: settings, what is shown, the order of things
 *   setup_people.c  who agent and server are
 *   setup_steps.c   directories, files and edits: what is there, and making it
 *   setup_NAME.c    what one kind of server needs, and its check tool
 *   source.c        files that include others, and what is put into them
 *   tool.c          runs a check tool
 */

struct setup;

enum setup_kind {
	SETUP_DIR,    /* a directory of both, owned by the agent */
	SETUP_RIGHTS, /* a directory of the server in which its group may write */
	SETUP_FILE,   /* a new file */
	SETUP_MAKE,   /* something of the server's own, by `make` */
	SETUP_EDIT,   /* the operator's file */
};

enum setup_state { SETUP_THERE, SETUP_MISSING, SETUP_MADE };

struct setup_step {
	enum setup_kind kind;
	enum setup_state state;
	char *path;
	char *what;            /* for people */
	struct buf text;       /* SETUP_FILE: may hold a secret */
	struct source *source; /* SETUP_EDIT */
	enum err (*make)(struct setup *s, const struct setup_step *step);
};

/* One kind of server; one const instance in a file of its own. */
struct setup_server {
	const char *name;                  /* as driver = in nsherd.conf */
	const char *config;                /* the operator's own file */
	const char *config_dir, *zone_dir; /* config_dir: NULL: none */
	const char *group;
	const char *const *settings; /* more that may be given; to NULL */
	/* The server's own opinion of the file as it is. Fails with the fault said. */
	enum err (*check)(struct setup *s);
	/* What is there, and what is not. */
	enum err (*look)(struct setup *s);
	/* And its opinion of what it would be; files are there, edits are not. */
	enum err (*check_edited)(struct setup *s);
};

struct setup_setting {
	const char *name, *value;
};

struct setup {
	struct ctl *ctl;
	const struct setup_server *server;
	struct setup_setting *settings; /* as given */
	size_t n_settings, settings_room;
	char *config, *config_dir, *zone_dir; /* config_dir may be NULL */
	const char *user, *group;
	uid_t uid;
	gid_t gid;
	bool has_user, has_group;
	gid_t *groups; /* of the user */
	size_t n_groups;

	struct setup_step *steps;
	size_t n_steps, steps_room;
	struct buf section; /* of nsherd.conf */
	struct buf todo;    /* lines: what is left to the operator */
	size_t n_todo;
	char *after; /* the command that has the server read it */
	struct sources sources;
	void *own; /* the server's, from look to check_edited; freed by free() */
};

extern const struct setup_server setup_nsd, setup_knot, setup_bind, setup_yadifa;

/* The value that was given, or `otherwise`. */
const char *setup_get(const struct setup *s, const char *name, const char *otherwise);
/* A line for who has to do the rest. */
PRINTF(2, 3) void setup_todo(struct setup *s, const char *fmt, ...);
/* Where to find what listens at this address: of "any", the loopback. */
const char *setup_reach(const char *address);
/* probe = of the section: as given, or setup_reach() of that address. */
void setup_probe(struct setup *s, const char *address, const char *port);

/* user, group and what is known of them; what is missing is left to do. */
void setup_people(struct setup *s);
/* A file of the server's that the agent's user has to read: if he may not, it is left
 * to do. */
void setup_readable(struct setup *s, const char *path);

/* -- steps: each finds out whether it is there already -- */

void setup_dir(struct setup *s, const char *path);
void setup_rights(struct setup *s, const char *path);
/* A file of mode 0640, of agent and group, if it is not there. Takes the text. */
void setup_file(struct setup *s, const char *path, const char *what, struct buf *text);
void setup_make(struct setup *s, const char *path, bool is_there, const char *what,
    enum err (*make)(struct setup *s, const struct setup_step *step));
/* One step for each source that has insertions, or for `config` that it has all. */
void setup_edits(struct setup *s);
/*
 * check() is given a file beside the source with what that would be, flat if so
 * wanted, and tail, if not NULL, after it. The fault was said.
 */
NODISCARD enum err setup_check_copy(struct setup *s, const struct source *source,
    bool flat, const char *tail, enum err (*check)(const char *path));
size_t setup_missing(const struct setup *s);

/* The first part of what --apply does: all but edits. */
NODISCARD enum err setup_make_files(struct setup *s);
NODISCARD enum err setup_make_edits(struct setup *s);
void setup_steps_fini(struct setup *s);

/*
 * The key of the control channel: of the file, or a new one to be made there. Its
 * name goes to *name, to be freed; base64 of the secret, if secret is not NULL.
 */
NODISCARD enum err setup_control_key(struct setup *s, const char *path, char **name,
    char **algorithm, struct buf *secret);

#endif
