/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/mem.h"

enum { DIR_MAX = 512 };

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
	if (stat(dir, &st) == -1)
		return check_fault(c, option, dir, mem_errno_text(errno));
	if (!S_ISDIR(st.st_mode))
		return check_fault(c, option, dir, "is not a directory");
	if ((st.st_mode & S_IWOTH) != 0)
		return check_fault(c, option, dir, "can be written by others");
	if (faccessat(AT_FDCWD, dir, R_OK | W_OK | X_OK, AT_EACCESS) == -1)
		return check_fault(c, option, dir, mem_errno_text(errno));
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
		return errno == ENOENT && !must_exist
			   ? OK
			   : check_fault(c, option, path, mem_errno_text(errno));
	if (!S_ISREG(st.st_mode))
		return check_fault(c, option, path, "is not a plain file");
	if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == -1)
		return check_fault(c, option, path, mem_errno_text(errno));
	if (secret && (st.st_mode & S_IRWXO) != 0 && st.st_size > 0)
		return check_fault(c, option, path,
		    "holds secrets and can be read or written by others");
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
		return errno == ENOENT
			   ? OK
			   : check_fault(c, option, path, mem_errno_text(errno));
	if (!S_ISSOCK(st.st_mode))
		return check_fault(c, option, path, "is not a socket");
	/* To connect one must write, as unix(7) says; Knot's can be read by nobody. */
	if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == -1)
		return check_fault(c, option, path, mem_errno_text(errno));
	return OK;
}
