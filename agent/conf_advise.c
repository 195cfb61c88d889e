/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/backend/backend.h"
#include "agent/backend/rights.h"
#include "agent/conf.h"
#include "agent/conf_read.h"
#include "lib/mem.h"

/* For -t: what is no fault, and yet likely to surprise. */

struct advising {
	conf_advice_fn *fn;
	void *arg;
};

static void
take_right(void *arg, const char *file, unsigned line, const char *text)
{
	const struct advising *a = arg;
	char *whole = line != 0 ? mem_printf("%s:%u: warning: %s", file, line, text)
				: mem_printf("warning: %s", text);

	a->fn(a->arg, whole);
	free(whole);
}

/* NULL: it can be written aside there, and renamed into place. */
static const char *
find_obstacle(const char *file, const char *dir)
{
	struct stat st;

	if (stat(dir, &st) == -1)
		return mem_errno_text(errno);
	if (!S_ISDIR(st.st_mode))
		return mem_errno_text(ENOTDIR);
	if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) == -1)
		return mem_errno_text(errno);
	return stat(file, &st) == 0 && S_ISDIR(st.st_mode) ? mem_errno_text(EISDIR)
							   : NULL;
}

/* No fault: the agent runs without it, and tries again. In state-dir, which is
 * checked, where it is not set. */
static void
look_at_health_file(const struct conf *conf, struct advising *a)
{
	if (conf->health_file == NULL)
		return;
	char *dir = mem_strdup(conf->health_file);
	char *slash = strrchr(dir, '/');
	if (slash != NULL)
		slash[slash == dir] = '\0'; /* "/" stays */
	const char *why = find_obstacle(conf->health_file, dir);
	if (why != NULL) {
		char *text = mem_printf("health-file: %s cannot be written to %s: %s",
		    conf->health_file, dir, why);
		take_right(a, conf->path, conf_line_of(conf, "health-file"), text);
		free(text);
	}
	free(dir);
}

void
conf_advise(const struct conf *conf, conf_advice_fn *fn, void *arg)
{
	struct advising a = {fn, arg};

	if (geteuid() == 0 && getpwnam("nsherd") != NULL)
		fn(arg,
		    "warning: this is root, who may do everything: "
		    "`runuser -u nsherd -- nsherdd -t` looks with the eyes of the agent");
	look_at_health_file(conf, &a);
	for (size_t i = 0; i < conf->n_backends; i++) {
		const struct conf_backend *b = conf->backends[i];
		struct backend_conf bc;
		if (b->driver == NULL)
			continue;
		conf_get_backend(conf, b, &bc);
		rights_advise(b->driver, &bc, take_right, &a);
	}
}
