/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>

#include "agent/backend/files.h"
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

enum err
nsd_files_unlink(int dir_fd, const char *path, bool *gone)
{
	static const char *const suffixes[] = {"", "~", ".ixfr", ".ixfr.2"};
	bool more = true;
	enum err err = OK;

	for (size_t i = 0; err == OK && i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		err = files_unlink(dir_fd, path, suffixes[i], gone);
	/* The first may be missing when the second is there, not the third. */
	for (unsigned i = 3; err == OK && more; i++) {
		char suffix[32];

		snprintf(suffix, sizeof(suffix), ".ixfr.%u", i);
		more = false;
		err = files_unlink(dir_fd, path, suffix, &more);
		*gone |= more;
	}
	return err;
}
