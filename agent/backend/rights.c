/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/rights.h"

#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/backend/backend.h"
#include "agent/backend/proc.h"
#include "lib/mem.h"

/* Only of a server whose user is known and is neither root nor the agent's: for
 * those modes say little. */

enum { GROUPS_MAX = 256 };

struct look {
	const struct backend_conf *conf;
	const struct backend_rights *rights;
	rights_say_fn *say;
	void *arg;
	/* the server's user */
	uid_t uid;
	char user[64], group[64]; /* the latter its first */
	gid_t groups[GROUPS_MAX];
	int n_groups;
};

PRINTF(3, 4)
static void
advise(const struct look *l, const char *option, const char *fmt, ...)
{
	const struct backend_option *at = backend_find_option(l->conf, option);
	va_list args;
	char text[1024];

	if (at == NULL && l->conf->n_options > 0)
		at = &l->conf->options[0];
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	char *line = mem_printf("backend %s: %s", l->conf->name, text);
	l->say(l->arg, at != NULL ? at->file : "", at != NULL ? at->line : 0, line);
	free(line);
}

/* -- who it is ------------------------------------------------------------- */

static bool
find_uid(const struct look *l, uid_t *uid)
{
	const struct backend_rights *r = l->rights;
	const char *socket =
	    r->socket != NULL ? backend_option(l->conf, r->socket, NULL) : NULL;
	const char *pidfile =
	    r->pidfile != NULL ? backend_option(l->conf, r->pidfile, NULL) : NULL;
	struct stat st;
	pid_t pid;

	if (socket != NULL && socket[0] == '/' && stat(socket, &st) == 0) {
		*uid = st.st_uid;
		return true;
	}
	if (pidfile != NULL && proc_read_pidfile(pidfile, &pid) == OK) {
		char *path = mem_printf("/proc/%ld", (long)pid);
		int rc = stat(path, &st);
		free(path);
		if (rc == 0) {
			*uid = st.st_uid;
			return true;
		}
	}
	/* It may be down. Who tries this as root has servers of his own making. */
	for (size_t i = 0; geteuid() != 0 && r->users[i] != NULL; i++) {
		const struct passwd *pw = getpwnam(r->users[i]);
		if (pw != NULL) {
			*uid = pw->pw_uid;
			return true;
		}
	}
	return false;
}

static bool
find_server(struct look *l)
{
	if (!find_uid(l, &l->uid) || l->uid == 0 || l->uid == geteuid())
		return false;
	const struct passwd *pw = getpwuid(l->uid);
	if (pw == NULL)
		return false;
	snprintf(l->user, sizeof(l->user), "%s", pw->pw_name);
	l->n_groups = GROUPS_MAX;
	if (getgrouplist(pw->pw_name, pw->pw_gid, l->groups, &l->n_groups) == -1)
		return false;
	const struct group *gr = getgrgid(pw->pw_gid);
	snprintf(l->group, sizeof(l->group), "%s", gr != NULL ? gr->gr_name : "?");
	return true;
}

/* -- what it may do -------------------------------------------------------- */

static bool
is_member(const struct look *l, gid_t gid)
{
	for (int i = 0; i < l->n_groups; i++)
		if (l->groups[i] == gid)
			return true;
	return false;
}

/* All of the bits, of 7, that the mode has for the server's user. */
static bool
may(const struct look *l, const struct stat *st, unsigned bits)
{
	unsigned shift = st->st_uid == l->uid ? 6 : is_member(l, st->st_gid) ? 3 : 0;

	return (((unsigned)st->st_mode >> shift) & bits) == bits;
}

static bool
is_ours(gid_t gid)
{
	gid_t groups[GROUPS_MAX];
	int n = getgroups(GROUPS_MAX, groups);

	for (int i = 0; i < n; i++)
		if (groups[i] == gid)
			return true;
	return gid == getegid() || geteuid() == 0;
}

static bool
is_below(const char *path, const char *dir)
{
	size_t size = strlen(dir);

	return strncmp(path, dir, size) == 0 &&
	       (path[size] == '/' || path[size] == '\0');
}

static bool
is_below_any(const char *path, const char *const *dirs, size_t n)
{
	for (size_t i = 0; i < n && dirs[i] != NULL; i++)
		if (is_below(path, dirs[i]))
			return true;
	return false;
}

/* It can come as far as dir. */
static bool
look_at_way(const struct look *l, const char *option, const char *dir)
{
	char *way = mem_strdup(dir);
	bool open = true;

	for (char *p = strchr(way + 1, '/'); open && p != NULL;
	     p = strchr(p + 1, '/')) {
		struct stat st;
		*p = '\0';
		open = stat(way, &st) != 0 || may(l, &st, 1);
		if (!open)
			advise(l, option,
			    "%s: the server's user %s cannot enter %s (mode %04o)", dir,
			    l->user, way, (unsigned)st.st_mode & 07777);
		*p = '/';
	}
	free(way);
	return open;
}

static void
look_at_dir(const struct look *l, const char *option, const char *dir, bool writes)
{
	unsigned bits = writes ? 7 : 5;
	struct stat st;

	if (!look_at_way(l, option, dir) || stat(dir, &st) != 0)
		return;
	if (!is_member(l, st.st_gid))
		advise(l, option,
		    "%s: the server's user %s is not in its group, which is that of the "
		    "files here: chgrp %s %s && chmod 2770 %s",
		    dir, l->user, l->group, dir, dir);
	else if (!may(l, &st, bits))
		advise(l, option,
		    "%s: the server's user %s cannot %s it (mode %04o): chmod 2770 %s",
		    dir, l->user, writes ? "write to" : "read",
		    (unsigned)st.st_mode & 07777, dir);
	else if ((st.st_mode & S_ISGID) == 0 && !is_ours(st.st_gid))
		advise(l, option,
		    "%s: what is written here does not get its group, for the server "
		    "to read it: chmod g+s %s",
		    dir, dir);
}

/* What only a few know, and look for long: modes are right and yet it may not. */
static void
look_at_cages(const struct look *l, const char *option, const char *dir, bool writes)
{
	const struct backend_rights *r = l->rights;
	const char *const *cage = writes ? r->confined_write : r->confined_read;
	char enabled = 'N';
	FILE *f = fopen("/sys/module/apparmor/parameters/enabled", "re");

	if (f != NULL && fread(&enabled, 1, 1, f) != 1)
		enabled = 'N';
	if (f != NULL)
		fclose(f);
	if (enabled == 'Y' && r->profile != NULL && access(r->profile, F_OK) == 0 &&
	    !is_below_any(dir, cage, 4))
		advise(l, option,
		    "%s: AppArmor (%s) keeps the server from it, unless its local/ "
		    "permits it; %s is where it may %s",
		    dir, r->profile, cage[0], writes ? "write" : "read");
	if (writes && r->unit != NULL && access(r->unit, F_OK) == 0 &&
	    !is_below_any(dir, r->writable, 4))
		advise(l, option,
		    "%s: the server's unit (%s) can write only below %s, unless a drop-in "
		    "adds it to ReadWritePaths=",
		    dir, r->unit, r->writable[0]);
}

void
rights_advise(const struct backend_driver *driver, const struct backend_conf *conf,
    rights_say_fn *say, void *arg)
{
	struct look l = {.conf = conf,
	    .rights = driver->rights,
	    .say = say,
	    .arg = arg};

	if (l.rights == NULL || !find_server(&l))
		return;
	if (l.rights->includes && conf->config_dir != NULL) {
		look_at_dir(&l, "config-dir", conf->config_dir, false);
		look_at_cages(&l, "config-dir", conf->config_dir, false);
	}
	if (conf->zone_dir != NULL) {
		look_at_dir(&l, "zone-dir", conf->zone_dir, true);
		look_at_cages(&l, "zone-dir", conf->zone_dir, true);
	}
}
