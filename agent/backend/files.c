/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/backend/spool.h"
#include "lib/mem.h"

enum err
files_make(struct spool_batch *batch, const struct settings *s,
    const struct dname *zone, bool initial, mode_t mode)
{
	char *path = settings_zonefile(s, zone);
	char *text = NULL;
	enum err err = OK;

	if (initial)
		text = settings_initial_file(s, zone, (uint32_t)time(NULL));
	if (strchr(path, '/') != NULL)
		err = spool_make_parents(batch->dir_fd, path);
	if (err == OK && text != NULL)
		err = spool_batch_put(batch, path, text, strlen(text), mode);
	free(text);
	free(path);
	return err;
}

enum err
files_unlink(int dir_fd, const char *path, const char *suffix, bool *gone)
{
	char *name = mem_printf("%s%s", path, suffix);
	/* What no file system can hold is not there. */
	enum err err = files_component_max(name) > NAME_MAX
			   ? ERR_NOTFOUND
			   : spool_unlink(dir_fd, name);

	free(name);
	*gone |= err == OK;
	return err == ERR_NOTFOUND ? OK : err;
}

size_t
files_component_max(const char *path)
{
	size_t max = 0;

	for (size_t n; *path != '\0'; path += n + (path[n] == '/')) {
		n = strcspn(path, "/");
		if (n > max)
			max = n;
	}
	return max;
}

bool
files_reject_missing(int dir_fd, const char *zone_dir, struct backend_op *op)
{
	char *path = settings_zonefile(op->settings, &op->zone);
	bool missing = faccessat(dir_fd, path, F_OK, 0) == -1 && errno == ENOENT;

	if (missing)
		op_settle(op, RESULT_REJECTED, "%.80s/%.120s: %s", zone_dir, path,
		    mem_errno_text(ENOENT));
	free(path);
	return missing;
}
