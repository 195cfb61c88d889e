/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/backend/yadifa.h"
#include "lib/mem.h"

/*
 * The [backend] section, as far as it can be checked while yadifad is down.
 * zone-dir goes into yadifad's configuration, which has no escapes, hence the
 * alphabet.
 */

enum { DIR_MAX = 512 };

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

	for (size_t i = 0; i < conf->n_options; i++) {
		if (strcmp(conf->options[i].name, option) == 0)
			at = &conf->options[i];
	}
	return err_at(c->where, at != NULL ? at->file : "", at != NULL ? at->line : 0,
	    "backend %.60s: %s%s%.100s: %s", conf->name, option,
	    value != NULL && value[0] != '\0' ? " " : "", value != NULL ? value : "",
	    why);
}

static enum err
check_dir(const struct checking *c, const char *option, const char *dir)
{
	struct stat st;

	if (dir == NULL)
		return fault(c, option, "", "is missing");
	if (dir[0] != '/' || strlen(dir) > DIR_MAX ||
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

/* A file that is there must be a plain one, and not for others to read. */
static enum err
check_include(const struct checking *c)
{
	char *path = mem_printf("%s/zones.conf", c->conf->config_dir);
	struct stat st;
	enum err err = OK;

	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		err = fault(c, "config-dir", path, "is not a plain file");
	else if (lstat(path, &st) == 0 && (st.st_mode & S_IRWXO) != 0 && st.st_size > 0)
		err = fault(c, "config-dir", path,
		    "holds secrets and can be read or written by others");
	free(path);
	return err;
}

static enum err
read_key(const struct checking *c, struct yadifa *y)
{
	const char *text = backend_option(c->conf, "key", NULL);
	struct dname name;
	char why[160];

	if (text == NULL)
		return fault(c, "key", "", "is missing: yadifad takes signed orders");
	if (dname_parse(text, &name) == OK && c->conf->keys != NULL)
		y->key = keyring_find(c->conf->keys, &name);
	if (y->key == NULL)
		return fault(c, "key", text, "there is no such [key] section");
	if (yadifa_check_name(&name, YADIFA_NAME_MAX, why, sizeof(why)) != OK)
		return fault(c, "key", text, why);
	y->self.key = name;
	return OK;
}

/* With which our questions come to it, where that is beyond doubt. */
static void
find_address(struct yadifa *y)
{
	const struct addr *a = &y->control;

	y->self.address = *a;
	addr_set_port(&y->self.address, 0);
	y->self.has_address = addr_family(a) == AF_INET
				  ? a->u.in4.sin_addr.s_addr == htonl(INADDR_LOOPBACK)
				  : IN6_IS_ADDR_LOOPBACK(&a->u.in6.sin6_addr);
}

enum err
yadifa_read_conf(const struct backend_conf *conf, struct yadifa *y,
    struct err_where *where)
{
	struct checking c = {conf, where};
	const char *control = backend_option(conf, "control", "127.0.0.1@53");
	enum err err = check_dir(&c, "zone-dir", conf->zone_dir);

	if (err == OK)
		err = check_dir(&c, "config-dir", conf->config_dir);
	y->conf = *conf;
	if (y->conf.timeout_ms == 0)
		y->conf.timeout_ms = 30000;
	y->transfer_dir = backend_option(conf, "transfer-dir", NULL);
	y->pidfile = backend_option(conf, "pidfile", NULL);
	if (err == OK)
		err = check_dir(&c, "transfer-dir", y->transfer_dir);
	if (err == OK && (y->pidfile == NULL || y->pidfile[0] != '/'))
		err = fault(&c, "pidfile", y->pidfile,
		    "the absolute path of yadifad's own pidfile is needed");
	if (err == OK && addr_parse(control, YADIFA_PORT, &y->control) != OK)
		err = fault(&c, "control", control, "is not ADDRESS@PORT");
	if (err == OK)
		find_address(y);
	return err == OK ? read_key(&c, y) : err;
}

enum err
yadifa_check(const struct backend_conf *conf, struct err_where *where)
{
	struct checking c = {conf, where};
	struct yadifa y;
	enum err err;

	memset(&y, 0, sizeof(y));
	err = yadifa_read_conf(conf, &y, where);
	return err == OK ? check_include(&c) : err;
}
