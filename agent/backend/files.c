/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/files.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/backend/spool.h"

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
