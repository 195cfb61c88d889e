/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/backend/check.h"
#include "agent/backend/exec.h"
#include "lib/mem.h"

/* The [backend] section, as far as it can be checked without a run of the program. */

enum { TIMEOUT_S = 30, TIMEOUT_MAX_S = 3600 };

/* Whoever can write it, or its directory, would be us. */
static enum err
check_command(const struct check *c, const char *path)
{
	struct stat st;
	char *dir;
	enum err err;

	if (path == NULL)
		return check_fault(c, "command", "",
		    "is missing: the program to be run");
	err = check_absolute(c, "command", path);
	if (err != OK)
		return err;
	if (stat(path, &st) == -1)
		return check_fault(c, "command", path, mem_errno_text(errno));
	if (!S_ISREG(st.st_mode))
		return check_fault(c, "command", path, "is not a plain file");
	if ((st.st_mode & S_IWOTH) != 0)
		return check_fault(c, "command", path, "can be written by others");
	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == -1)
		return check_fault(c, "command", path, mem_errno_text(errno));
	dir = mem_strdup(path);
	strrchr(dir, '/')[1] = '\0';
	if (stat(dir, &st) == -1)
		err = check_fault(c, "command", path, mem_errno_text(errno));
	else if ((st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0)
		err = check_fault(c, "command", path,
		    "is in a directory that can be written by others");
	free(dir);
	return err;
}

/* Words between blanks: there is no quoting, as there is no shell. */
static enum err
read_arguments(const struct check *c, struct exec *x)
{
	const char *text = backend_option(c->conf, "arguments", "");
	char *rest = NULL;
	size_t n = 1;

	x->words = mem_strdup(text);
	for (char *word = strtok_r(x->words, " \t", &rest); word != NULL;
	     word = strtok_r(NULL, " \t", &rest)) {
		if (n > EXEC_ARGS_MAX)
			return check_fault(c, "arguments", text, "are too many");
		x->argv[n++] = word;
	}
	return OK;
}

static enum err
read_timeout(const struct check *c, struct exec *x)
{
	const char *text = backend_option(c->conf, "timeout", NULL);
	char *end;
	unsigned long seconds;

	x->timeout_ms =
	    c->conf->timeout_ms > 0 ? c->conf->timeout_ms : TIMEOUT_S * 1000;
	if (text == NULL)
		return OK;
	seconds = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || seconds < 1 ||
	    seconds > TIMEOUT_MAX_S)
		return check_fault(c, "timeout", text, "is not 1 to 3600 seconds");
	x->timeout_ms = (unsigned)seconds * 1000;
	return OK;
}

enum err
exec_read_conf(const struct backend_conf *conf, struct exec *x, struct err_where *where)
{
	struct check c = {conf, where};
	enum err err;

	x->conf = *conf;
	x->argv[0] = backend_option(conf, "command", NULL);
	x->config = backend_option(conf, "config", NULL);
	err = check_command(&c, x->argv[0]);
	if (err == OK)
		err = read_arguments(&c, x);
	if (err == OK)
		err = check_file(&c, "config", x->config, true, true);
	if (err == OK)
		err = read_timeout(&c, x);
	if (err == OK && conf->zone_dir != NULL)
		err = check_dir(&c, "zone-dir", conf->zone_dir);
	if (err == OK && conf->config_dir != NULL)
		err = check_dir(&c, "config-dir", conf->config_dir);
	return err;
}

enum err
exec_check(const struct backend_conf *conf, struct err_where *where)
{
	struct exec *x = mem_zalloc(sizeof(*x));
	enum err err = exec_read_conf(conf, x, where);

	free(x->words);
	free(x);
	return err;
}
