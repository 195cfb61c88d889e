/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_RIGHTS_H
#define AGENT_BACKEND_RIGHTS_H

#include <stdbool.h>

/*
 * What the server may do with the files that the agent shares with it, for `nsherdd
 * -t`. That the agent itself has its rights is checked by each driver (check.h), and a
 * fault; what is said here is advice, as the server may have rights which nobody sees
 * from here.
 */

struct backend_driver;
struct backend_conf;

/* What is known of a server without asking it: of a driver. */
struct backend_rights {
	const char *socket;   /* the option whose socket is its user's; or NULL */
	const char *pidfile;  /* the option that says where its process is; or NULL */
	const char *users[3]; /* what its user is called, where neither tells */
	bool includes;        /* it reads files in config-dir */
	/* Debian's unit of it, with a file system that is read-only but for some. */
	const char *unit;
	const char *writable[4];
	/* Debian's profile of AppArmor, and where that lets it write, and read. */
	const char *profile;
	const char *confined_write[4];
	const char *confined_read[4];
};

/* One thing at a time, in one line, about the setting at file:line. */
typedef void rights_say_fn(void *arg, const char *file, unsigned line,
    const char *text);

void rights_advise(const struct backend_driver *driver, const struct backend_conf *conf,
    rights_say_fn *say, void *arg);

#endif
