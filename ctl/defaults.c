/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/defaults.h"

#include <stdbool.h>
#include <stddef.h>
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

static const struct {
	const char *name, *env;
	size_t slot, option; /* where in struct defaults and in struct options */
	bool is_path;
} settings[] = {
#define BOTH(d, o) offsetof(struct defaults, d), offsetof(struct options, o)
    {"server", "NSHERD_SERVER", BOTH(server, server), false},
    {"key", "NSHERD_KEY", BOTH(key_file, key_file), true},
    {"catalog", "NSHERD_CATALOG", BOTH(catalog, catalog), false},
    {"tls", "NSHERD_TLS", BOTH(tls, tls), false},
    {"tls-ca", "NSHERD_TLS_CA", BOTH(tls_ca, tls_ca), true},
    {"tls-cert", "NSHERD_TLS_CERT", BOTH(tls_cert, tls_cert), true},
    {"tls-key", "NSHERD_TLS_KEY", BOTH(tls_key, tls_key), true},
#undef BOTH
};

enum { N_SETTINGS = sizeof(settings) / sizeof(*settings) };

static char **
slot_of(struct defaults *d, size_t i)
{
	return (char **)(void *)((char *)d + settings[i].slot);
}

static const char *
option_of(const struct options *opt, size_t i)
{
	const char *at = (const char *)opt + settings[i].option;
	return *(const char *const *)(const void *)at;
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
	for (size_t i = 0; i < N_SETTINGS; i++) {
		if (strcmp(settings[i].name, name) != 0)
			continue;
		char *path = settings[i].is_path ? expand_home(value) : NULL;
		set_once(slot_of(d, i), path ? path : value);
		free(path);
		return OK;
	}
	return err_at(where, file, line,
	    "unknown key %s; server, key, catalog, tls, tls-ca, tls-cert and tls-key "
	    "are known",
	    name);
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
	for (size_t i = 0; i < N_SETTINGS; i++) {
		set_once(slot_of(d, i), option_of(opt, i));
		set_once(slot_of(d, i), getenv(settings[i].env));
	}
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
	for (size_t i = 0; i < N_SETTINGS; i++)
		free(*slot_of(d, i));
	*d = (struct defaults){0};
}
