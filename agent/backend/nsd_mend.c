/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/backend/nsd.h"
#include "agent/backend/proc.h"
#include "agent/backend/spool.h"
#include "agent/backend/tool.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * The include file is gone. A running NSD does nothing at a reconfig then, but say
 * so; with a file that is there and empty it takes away patterns with zones under
 * them. So what is made lacks none of those. It is not loaded here: to NSD what it
 * has read counts, and that is better than a placeholder.
 */

/* -- is NSD there? --------------------------------------------------------- */

static bool
nobody_listens(struct nsd *nsd)
{
	struct backend_error why = {""};
	unsigned long long start;
	enum err err;

	if (nsd->pid != 0 && proc_stat(nsd->pid, PROC_START, &start) &&
	    start == nsd->start)
		return false;
	err = nsd->chan.path != NULL
		  ? chan_open_unix(&nsd->chan.chan, nsd->chan.path, &why)
		  : chan_open_tcp(&nsd->chan.chan, &nsd->chan.addr, &why);
	chan_close(&nsd->chan.chan);
	return err == ERR_CLOSED;
}

/* -- which patterns must be in it? ----------------------------------------- */

/* Where the zone list is, while NSD cannot be asked for its configuration, and the
 * check tool finds it faulty for want of the include file. NULL: not known. */
static char *
guess_zonelist(struct nsd *nsd, struct backend_error *why)
{
	const char *config = backend_option(&nsd->conf, "config", "/etc/nsd/nsd.conf");
	const char *zonelist = backend_option(&nsd->conf, "zonelist", NULL);
	char *found;

	if (zonelist == NULL && nsd->zonelist != NULL && nsd->zonelist[0] != '\0')
		zonelist = nsd->zonelist;
	if (zonelist != NULL)
		return mem_strdup(zonelist);
	if (nsd->config != NULL)
		config = nsd->config;
	if (access(config, R_OK) != 0) {
		backend_fail(why, ERR_IO, "%s: %s", config, mem_errno_text(errno));
		return NULL;
	}
	found = nsd_written_value(config, "zonelistfile:");
	if (found == NULL) {
		if (nsd->checkconf == NULL)
			nsd->checkconf = tool_find("nsd-checkconf", NULL);
		if (nsd_check_value(nsd, "/dev/null", "zonelistfile", &found, why) !=
		    OK)
			return NULL;
	}
	if (found[0] != '/') {
		backend_fail(why, ERR_INVALID, "zonelistfile %.80s is no absolute path",
		    found);
		free(found);
		return NULL;
	}
	return found;
}

static enum err
find_used(struct nsd *nsd, bool running, struct textset *in_use,
    struct backend_error *why)
{
	char *zonelist;
	enum err err;

	if (running)
		return nsd_patterns_in_use(nsd, false, in_use, why);
	zonelist = guess_zonelist(nsd, why);
	if (zonelist == NULL)
		return ERR_NOTFOUND;
	err = nsd_patterns_listed(zonelist, in_use, why);
	free(zonelist);
	return err;
}

static void
add_placeholders(struct nsd_include *inc, const struct textset *in_use,
    const char *zone_dir)
{
	for (size_t i = 0; i < in_use->n; i++) {
		const char *name = in_use->list[i];

		if (mark_is_ours(name) && nsd_include_find(inc, name) == NULL)
			nsd_include_add(inc, name, "-",
			    nsd_native_placeholder(name, zone_dir));
	}
}

/* -- the file -------------------------------------------------------------- */

/* Its time is that of the last load, as always (nsd_load.c). */
static enum err
make(struct nsd *nsd, int dir_fd, const struct buf *text, bool running)
{
	int64_t last =
	    nsd->started_ms > nsd->loaded_ms ? nsd->started_ms : nsd->loaded_ms;
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
	    {last / 1000, last % 1000 * 1000000}};
	enum err err =
	    spool_create(dir_fd, nsd_include_name, buf_text(text), text->size, 0640);

	if (err == OK && running && last != 0 &&
	    utimensat(dir_fd, nsd_include_name, times, AT_SYMLINK_NOFOLLOW) == -1)
		err = ERR_IO;
	return err;
}

static void
mend(struct nsd *nsd, int dir_fd, bool running)
{
	struct nsd_include inc;
	struct textset in_use = {NULL, 0, 0};
	struct backend_error why = {""};
	struct buf text;
	enum err err = nsd_load_include(nsd, &why), known;

	buf_init(&text, 0);
	nsd_include_init(&inc);
	nsd_include_copy(&inc, &nsd->inc);
	known = find_used(nsd, running, &in_use, &why);
	/* Where nobody listens, NSD is better with less than it had than not at all. */
	if (err == OK && running)
		err = known;
	if (err == OK)
		add_placeholders(&inc, &in_use, nsd->conf.zone_dir);
	if (err == OK && inc.n > 0)
		err = nsd_include_render(&inc, nsd->conf.keys, &text, &why);
	if (err == OK)
		err = make(nsd, dir_fd, &text, running);
	if (err == OK && known == OK)
		why.text[0] = '\0';
	log_warn("nsd",
	    "backend=%s file=%s/%s patterns=%zu text=\"was missing: %s%s%s\"",
	    nsd->conf.name, nsd->conf.config_dir, nsd_include_name, inc.n,
	    err == OK ? "made" : err_str(err), why.text[0] != '\0' ? ": " : "",
	    why.text);
	if (text.data != NULL)
		mem_wipe(text.data, text.size);
	buf_fini(&text);
	textset_fini(&in_use);
	nsd_include_fini(&inc);
}

void
nsd_mend_include(struct nsd *nsd, bool running)
{
	struct stat st;
	int dir_fd;

	if (spool_open(nsd->conf.config_dir, &dir_fd) != OK)
		return;
	if (fstatat(dir_fd, nsd_include_name, &st, AT_SYMLINK_NOFOLLOW) == -1 &&
	    errno == ENOENT && (running || nobody_listens(nsd)))
		mend(nsd, dir_fd, running);
	close(dir_fd);
}
