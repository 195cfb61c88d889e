/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "agent/backend/check.h"
#include "agent/backend/knot.h"
#include "lib/mem.h"

/* What can be said of the [backend] section without a server, and of a server
 * by the way it was started. */

enum err
knot_check_places(const struct backend_conf *conf, struct err_where *where)
{
	struct check c = {conf, where};
	const char *socket = backend_option(conf, "control", NULL);
	const char *confdb = backend_option(conf, "confdb", NULL);
	enum err err = check_dir(&c, "zone-dir", conf->zone_dir);

	if (err == OK && conf->config_dir != NULL)
		err = check_dir(&c, "config-dir", conf->config_dir);
	if (err == OK)
		err = check_absolute(&c, "control", socket);
	if (err == OK)
		err = check_absolute(&c, "confdb", confdb);
	if (err != OK)
		return err;
	if (socket != NULL &&
	    strlen(socket) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return check_fault(&c, "control", socket, "is too long for a socket");
	return OK;
}

/* What is not there may come with the server; what is there must be right. */
enum err
knot_check(const struct backend_conf *conf, struct err_where *where)
{
	struct check c = {conf, where};
	const char *socket = backend_option(conf, "control", NULL);
	const char *confdb = backend_option(conf, "confdb", NULL);
	struct stat st;
	enum err err = knot_check_places(conf, where);

	if (err == OK && socket != NULL)
		err = check_socket(&c, "control", socket);
	if (err != OK)
		return err;
	/* It is knotd's own: we need not be able to look into it. */
	if (confdb != NULL && stat(confdb, &st) == -1 && errno != EACCES)
		return check_fault(&c, "confdb", confdb,
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
