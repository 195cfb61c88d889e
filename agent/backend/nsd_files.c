/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backend/mark.h"
#include "agent/backend/nsd.h"
#include "agent/backend/spool.h"
#include "lib/clock.h"
#include "lib/mem.h"

/*
 * Zone files, all below zone-dir. NSD leaves them when a zone is removed, and
 * would serve them at once if it were added again.
 */

bool
nsd_files_start_anew(const struct nsd *nsd, const struct nsd_found *found,
    const struct settings *s)
{
	const struct nsd_native *had, *next;
	char mark[MARK_MAX];

	if (found->state == NSD_ZONE_NONE)
		return true;
	mark_print(s, mark);
	had = nsd_include_find(&nsd->inc, found->mark);
	next = nsd_include_find(&nsd->inc, mark);
	return had != NULL && next != NULL &&
	       (nsd_native_is_primary(had) || nsd_native_has_other_file(had, next));
}

/* ERR_NOTFOUND is no failure. */
static enum err
unlink_with_suffix(int dir_fd, const char *path, const char *suffix, bool *gone)
{
	char *name = mem_printf("%s%s", path, suffix);
	enum err err = spool_unlink(dir_fd, name);

	free(name);
	*gone |= err == OK;
	return err;
}

enum err
nsd_files_unlink(int dir_fd, const char *path, bool *gone)
{
	enum err err = unlink_with_suffix(dir_fd, path, "", gone);

	if (err == OK || err == ERR_NOTFOUND)
		err = unlink_with_suffix(dir_fd, path, "~", gone);
	if (err == OK || err == ERR_NOTFOUND)
		err = unlink_with_suffix(dir_fd, path, ".ixfr", gone);
	/* The first may be missing when the second is there, not the third. */
	for (unsigned i = 2; err == OK || (err == ERR_NOTFOUND && i == 2); i++) {
		char suffix[32];

		snprintf(suffix, sizeof(suffix), ".ixfr.%u", i);
		err = unlink_with_suffix(dir_fd, path, suffix, gone);
	}
	return err == ERR_NOTFOUND ? OK : err;
}
