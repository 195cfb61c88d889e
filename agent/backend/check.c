/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/check.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/mem.h"

enum { DIR_MAX = 512, GROUPS_MAX = 256, ENTRY_MAX = 16384 };

enum err
check_fault(const struct check *c, const char *option, const char *value,
    const char *why)
{
	const struct backend_conf *conf = c->conf;
	const struct backend_option *at = backend_find_option(conf, option);
	bool has_value = value != NULL && value[0] != '\0';

	if (at == NULL && conf->n_options > 0)
		at = &conf->options[0];
	return err_at(c->where, at != NULL ? at->file : "", at != NULL ? at->line : 0,
	    "backend %.60s: %s%s%.150s%s %s", conf->name, option, has_value ? " " : "",
	    has_value ? value : "", has_value ? ":" : "", why);
}

/* Who we are, for whom it is "Permission denied". Drivers are opened, and with that
 * checked, in threads of their own: so nothing here may be shared. */
static char *
our_names(bool *has_group, gid_t wanted)
{
	gid_t groups[GROUPS_MAX];
	int n = getgroups(GROUPS_MAX, groups);
	struct passwd entry, *pw = NULL;
	char room[ENTRY_MAX];

	(void)getpwuid_r(geteuid(), &entry, room, sizeof(room), &pw);
	char *text = pw != NULL ? mem_strdup(pw->pw_name)
				: mem_printf("user %u", (unsigned)geteuid());

	*has_group = getegid() == wanted;
	for (int i = 0; i < n; i++)
		*has_group |= groups[i] == wanted;
	return text;
}

/* In /etc/group by now, though not yet when this process got its groups? */
static bool
is_member_by_now(const char *user, const struct group *group)
{
	for (char **m = group->gr_mem; m != NULL && *m != NULL; m++)
		if (strcmp(*m, user) == 0)
			return true;
	return false;
}

/* errno was met at what st is about: what to do about it. */
static enum err
deny(const struct check *c, const char *option, const char *path, const struct stat *st)
{
	int saved = errno;
	bool has_group;
	char *why = NULL;

	if (saved == EROFS)
		why = mem_printf("%s: if systemd keeps it so for the agent, add it to "
				 "ReadWritePaths= in a drop-in of its unit",
		    mem_errno_text(saved));
	if (saved == EACCES) {
		char *user = our_names(&has_group, st->st_gid);
		struct group entry, *gr = NULL;
		char room[ENTRY_MAX];
		if (!has_group)
			(void)getgrgid_r(st->st_gid, &entry, room, sizeof(room), &gr);
		if (gr != NULL && is_member_by_now(user, gr))
			why =
			    mem_printf("%s: %s is in its group %s by now, but was not "
				       "when this was started",
				mem_errno_text(saved), user, gr->gr_name);
		else if (gr != NULL)
			why = mem_printf("%s: %s is not in its group %s (mode %04o)",
			    mem_errno_text(saved), user, gr->gr_name,
			    (unsigned)st->st_mode & 07777);
		else
			why = mem_printf("%s for %s (mode %04o)", mem_errno_text(saved),
			    user, (unsigned)st->st_mode & 07777);
		free(user);
	}
	enum err err =
	    check_fault(c, option, path, why != NULL ? why : mem_errno_text(saved));
	free(why);
	return err;
}

/* stat(2) of path failed: a directory on the way may be why. */
static enum err
deny_way(const struct check *c, const char *option, const char *path)
{
	int saved = errno;
	char *way = mem_strdup(path);
	enum err err = OK;

	for (char *p = saved == EACCES ? strchr(way + 1, '/') : NULL;
	     err == OK && p != NULL; p = strchr(p + 1, '/')) {
		struct stat st;
		*p = '\0';
		if (stat(way, &st) == 0 &&
		    faccessat(AT_FDCWD, way, X_OK, AT_EACCESS) == -1)
			err = deny(c, option, way, &st);
		*p = '/';
	}
	free(way);
	return err != OK ? err : check_fault(c, option, path, mem_errno_text(saved));
}

enum err
check_dir(const struct check *c, const char *option, const char *dir)
{
	struct stat st;

	if (dir == NULL)
		return check_fault(c, option, "", "is missing");
	if (dir[0] != '/' || strlen(dir) > DIR_MAX ||
	    dir[strspn(dir, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "0123456789._-+@=/")] != '\0')
		return check_fault(c, option, dir,
		    "is not an absolute path of [A-Za-z0-9._+@=/-]");
	if (stat(dir, &st) == -1 && errno == ENOENT)
		return check_fault(c, option, dir,
		    "No such file or directory: make it, for the agent's user to write in");
	if (stat(dir, &st) == -1)
		return deny_way(c, option, dir);
	if (!S_ISDIR(st.st_mode))
		return check_fault(c, option, dir, "is not a directory");
	if ((st.st_mode & S_IWOTH) != 0)
		return check_fault(c, option, dir, "can be written by others");
	if (faccessat(AT_FDCWD, dir, R_OK | W_OK | X_OK, AT_EACCESS) == -1)
		return deny(c, option, dir, &st);
	return OK;
}

enum err
check_dirs(const struct check *c)
{
	enum err err = check_dir(c, "zone-dir", c->conf->zone_dir);

	return err == OK ? check_dir(c, "config-dir", c->conf->config_dir) : err;
}

enum err
check_absolute(const struct check *c, const char *option, const char *path)
{
	return path == NULL || path[0] == '/'
		   ? OK
		   : check_fault(c, option, path, "is not an absolute path");
}

enum err
check_file(const struct check *c, const char *option, const char *path, bool secret,
    bool must_exist)
{
	struct stat st;
	enum err err = check_absolute(c, option, path);

	if (err != OK || path == NULL)
		return err;
	if (stat(path, &st) == -1)
		return errno == ENOENT && !must_exist ? OK : deny_way(c, option, path);
	if (!S_ISREG(st.st_mode))
		return check_fault(c, option, path, "is not a plain file");
	if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == -1)
		return deny(c, option, path, &st);
	if (secret && (st.st_mode & S_IRWXO) != 0 && st.st_size > 0)
		return check_fault(c, option, path,
		    "holds secrets and can be read or written by others: give it the "
		    "agent's group, and the mode 640");
	return OK;
}

enum err
check_include(const struct check *c, const char *name)
{
	char *path = mem_printf("%s/%s", c->conf->config_dir, name);
	struct stat st;
	enum err err;

	/* It is never read through a link. */
	if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
		err = check_fault(c, "config-dir", path, "is not a plain file");
	else
		err = check_file(c, "config-dir", path, true, false);
	free(path);
	return err;
}

enum err
check_socket(const struct check *c, const char *option, const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		return errno == ENOENT ? OK : deny_way(c, option, path);
	if (!S_ISSOCK(st.st_mode))
		return check_fault(c, option, path, "is not a socket");
	/* To connect one must write, as unix(7) says; Knot's can be read by nobody. */
	if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == -1)
		return deny(c, option, path, &st);
	return OK;
}
