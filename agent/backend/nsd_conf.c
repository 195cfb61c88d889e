/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/backend/nsd.h"
#include "lib/mem.h"

/*
 * The [backend] section, as far as it can be checked while NSD is down. The
 * directories go into NSD's configuration in quotes and into its file name
 * macros, hence their alphabet.
 */

enum { ZONE_DIR_MAX = 512 };

struct checking {
	const struct backend_conf *conf;
	struct err_where *where;
};

/* Where an option stands, or else the section's first. */
static enum err
fault(const struct checking *c, const char *option, const char *value, const char *why)
{
	const struct backend_conf *conf = c->conf;
	const struct backend_option *at =
	    conf->n_options > 0 ? &conf->options[0] : NULL;
	char text[512];

	for (size_t i = 0; i < conf->n_options; i++) {
		if (strcmp(conf->options[i].name, option) == 0)
			at = &conf->options[i];
	}
	snprintf(text, sizeof(text), "backend %s: %s %.150s: ", conf->name, option,
	    value != NULL ? value : "");
	return err_at(c->where, at != NULL ? at->file : "", at != NULL ? at->line : 0,
	    "%s%s", text, why);
}

static enum err
check_dir(const struct checking *c, const char *option, const char *dir)
{
	struct stat st;

	if (dir == NULL)
		return fault(c, option, "", "is missing");
	if (dir[0] != '/' || strlen(dir) > ZONE_DIR_MAX ||
	    dir[strspn(dir, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "0123456789._-+@=/")] != '\0')
		return fault(c, option, dir,
		    "is not an absolute path of [A-Za-z0-9._+@=/-]");
	if (stat(dir, &st) == -1)
		return fault(c, option, dir, mem_errno_text(errno));
	if (!S_ISDIR(st.st_mode))
		return fault(c, option, dir, "is not a directory");
	if ((st.st_mode & S_IWOTH) != 0)
		return fault(c, option, dir, "can be written by others");
	if (faccessat(AT_FDCWD, dir, R_OK | W_OK | X_OK, AT_EACCESS) == -1)
		return fault(c, option, dir, mem_errno_text(errno));
	return OK;
}

enum err
nsd_check_dirs(const struct backend_conf *conf, struct err_where *where)
{
	struct checking c = {conf, where};
	enum err err = check_dir(&c, "zone-dir", conf->zone_dir);

	return err == OK ? check_dir(&c, "config-dir", conf->config_dir) : err;
}

/* A file that is there must be a plain one that we may read; secret: others not. */
static enum err
check_file(const struct checking *c, const char *option, const char *path, bool secret,
    bool must_exist)
{
	struct stat st;

	if (path[0] != '/')
		return fault(c, option, path, "is not an absolute path");
	if (stat(path, &st) == -1)
		return errno == ENOENT && !must_exist
			   ? OK
			   : fault(c, option, path, mem_errno_text(errno));
	if (!S_ISREG(st.st_mode))
		return fault(c, option, path, "is not a plain file");
	if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == -1)
		return fault(c, option, path, mem_errno_text(errno));
	if (secret && (st.st_mode & S_IRWXO) != 0)
		return fault(c, option, path,
		    "holds secrets and can be read or written by others");
	return OK;
}

static enum err
check_socket(const struct checking *c, const char *path)
{
	struct stat st;

	if (path[0] != '/')
		return OK;
	if (stat(path, &st) == -1) /* NSD may be down for now */
		return errno == ENOENT
			   ? OK
			   : fault(c, "control", path, mem_errno_text(errno));
	if (!S_ISSOCK(st.st_mode))
		return fault(c, "control", path, "is not a socket");
	if (faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) == -1)
		return fault(c, "control", path, mem_errno_text(errno));
	return OK;
}

static enum err
check_files(const struct checking *c)
{
	static const struct {
		const char *name;
		bool secret, must_exist;
	} files[] = {
	    {"config", false, true},
	    {"zonelist", false, false},
	    {"tls-cert", false, true},
	    {"tls-key", true, true},
	    {"tls-ca", false, true},
	};
	enum err err = OK;
	char *include;

	for (size_t i = 0; err == OK && i < sizeof(files) / sizeof(files[0]); i++) {
		const char *path = backend_option(c->conf, files[i].name, NULL);

		if (path != NULL)
			err = check_file(c, files[i].name, path, files[i].secret,
			    files[i].must_exist);
	}
	if (err != OK)
		return err;
	include = mem_printf("%s/nsherd.conf", c->conf->config_dir);
	err = check_file(c, "config-dir", include, true, false);
	free(include);
	return err;
}

enum err
nsd_check(const struct backend_conf *conf, struct err_where *where)
{
	struct checking c = {conf, where};
	struct nsd_chan chan;
	enum err err = nsd_check_dirs(conf, where);

	if (err == OK)
		err = check_files(&c);
	if (err == OK)
		err = nsd_chan_init(&chan, conf, where);
	if (err != OK)
		return err;
	nsd_chan_fini(&chan);
	return check_socket(&c, backend_option(conf, "control", ""));
}
