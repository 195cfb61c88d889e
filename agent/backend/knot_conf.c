/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/backend/knot.h"
#include "lib/mem.h"

/* What can be said of the [backend] section without a server, and of a server
 * by the way it was started. */

enum { DIR_TEXT_MAX = 512 };

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
	    "backend %s: %s %.150s: %s", conf->name, option, value, why);
}

static enum err
check_dir(const struct checking *c, const char *option, const char *dir)
{
	struct stat st;

	if (dir[0] != '/' || strlen(dir) > DIR_TEXT_MAX ||
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
knot_check_places(const struct backend_conf *conf, struct err_where *where)
{
	struct checking c = {conf, where};
	const char *socket = backend_option(conf, "control", NULL);
	const char *confdb = backend_option(conf, "confdb", NULL);
	enum err err;

	if (conf->zone_dir == NULL)
		return fault(&c, "zone-dir", "", "is missing");
	err = check_dir(&c, "zone-dir", conf->zone_dir);
	if (err == OK && conf->config_dir != NULL)
		err = check_dir(&c, "config-dir", conf->config_dir);
	if (err != OK)
		return err;
	if (socket != NULL && socket[0] != '/')
		return fault(&c, "control", socket, "is not an absolute path");
	if (socket != NULL &&
	    strlen(socket) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return fault(&c, "control", socket, "is too long for a socket");
	if (confdb != NULL && confdb[0] != '/')
		return fault(&c, "confdb", confdb, "is not an absolute path");
	return OK;
}

/* What is not there may come with the server; what is there must be right. */
enum err
knot_check(const struct backend_conf *conf, struct err_where *where)
{
	struct checking c = {conf, where};
	const char *socket = backend_option(conf, "control", NULL);
	const char *confdb = backend_option(conf, "confdb", NULL);
	struct stat st;
	enum err err = knot_check_places(conf, where);

	if (err != OK)
		return err;
	if (socket != NULL && stat(socket, &st) == 0) {
		if (!S_ISSOCK(st.st_mode))
			return fault(&c, "control", socket, "is not a socket");
		if (faccessat(AT_FDCWD, socket, W_OK, AT_EACCESS) == -1)
			return fault(&c, "control", socket, mem_errno_text(errno));
	}
	/* It is knotd's own: we need not be able to look into it. */
	if (confdb != NULL && stat(confdb, &st) == -1 && errno != EACCES)
		return fault(&c, "confdb", confdb,
		    errno == ENOENT ? "is not there; `knotc -C` it `conf-import` "
				      "/etc/knot/knot.conf makes it"
				    : mem_errno_text(errno));
	return OK;
}

/* -- the server --------------------------------------------------------------- */

/* The argument of an option, in this word or the next; NULL: another option. */
static const char *
argument(const char *word, const char *end, const char *brief, const char *full)
{
	const char *next = word + strlen(word) + 1;
	size_t size = strlen(full);

	if (strncmp(word, brief, 2) == 0)
		return word[2] != '\0' ? word + 2 : next < end ? next : NULL;
	if (strncmp(word, full, size) != 0)
		return NULL;
	if (word[size] == '=')
		return word + size + 1;
	return word[size] == '\0' && next < end ? next : NULL;
}

enum knot_store
knot_store_of(const char *words, size_t size, const char **path)
{
	const char *end = words + size;
	enum knot_store store = KNOT_STORE_UNKNOWN;

	*path = NULL;
	if (size == 0 || words[size - 1] != '\0')
		return store;
	for (const char *w = words; w < end; w += strlen(w) + 1) {
		const char *confdb = argument(w, end, "-C", "--confdb");
		const char *text = argument(w, end, "-c", "--config");

		/* The last one counts, as in knotd. */
		if (confdb != NULL || text != NULL) {
			store = confdb != NULL ? KNOT_STORE_CONFDB : KNOT_STORE_TEXT;
			*path = confdb != NULL ? confdb : text;
		}
	}
	return store;
}
