/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/defaults.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/inifile.h"
#include "lib/mem.h"

static void
set_once(char **slot, const char *value)
{
	if (!*slot && value && *value)
		*slot = mem_strdup(value);
}

/* ~/ at the start of a path is the home directory. */
static char *
expand_home(const char *path)
{
	const char *home = getenv("HOME");
	if (strncmp(path, "~/", 2) == 0 && home)
		return mem_printf("%s/%s", home, path + 2);
	return mem_strdup(path);
}

static enum err
take_setting(void *arg, const char *section, const char *name, const char *value,
    const char *file, unsigned line, struct err_where *where)
{
	struct defaults *d = arg;
	if (strcmp(section, "ctl") != 0)
		return err_at(where, file, line, "unknown section [%s], [ctl] is known",
		    section);
	if (*value == '\0')
		return err_at(where, file, line, "%s has no value", name);
	if (strcmp(name, "server") == 0) {
		set_once(&d->server, value);
	} else if (strcmp(name, "catalog") == 0) {
		set_once(&d->catalog, value);
	} else if (strcmp(name, "key") == 0) {
		char *path = expand_home(value);
		set_once(&d->key_file, path);
		free(path);
	} else {
		return err_at(where, file, line,
		    "unknown key %s; server, key and catalog are known", name);
	}
	return OK;
}

static enum err
read_if_there(const char *path, struct defaults *d, struct err_where *where)
{
	if (access(path, F_OK) != 0)
		return OK;
	return inifile_read(path, take_setting, d, where);
}

enum err
defaults_load(const struct options *opt, struct defaults *d, struct err_where *where)
{
	*d = (struct defaults){0};
	set_once(&d->server, opt->server);
	set_once(&d->server, getenv("NSHERD_SERVER"));
	set_once(&d->key_file, opt->key_file);
	set_once(&d->key_file, getenv("NSHERD_KEY"));
	set_once(&d->catalog, opt->catalog);
	set_once(&d->catalog, getenv("NSHERD_CATALOG"));
	if (d->server && d->key_file && d->catalog)
		return OK;
	const char *home = getenv("HOME");
	enum err e = OK;
	if (home && *home) {
		char *path = mem_printf("%s/.config/nsherd/ctl.conf", home);
		e = read_if_there(path, d, where);
		free(path);
	}
	if (!e)
		e = read_if_there("/etc/nsherd/ctl.conf", d, where);
	return e;
}

void
defaults_fini(struct defaults *d)
{
	free(d->server);
	free(d->key_file);
	free(d->catalog);
	*d = (struct defaults){0};
}
