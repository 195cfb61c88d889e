/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/moved.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/deploy/engine.h"
#include "agent/store/catalogs.h"
#include "lib/log.h"

/*
 * Another zone directory is another file for every zone there is. Had the files not
 * come along, one server would make its zones anew from their initial file, the next
 * would not find them at its next start, and no pattern was changed that the guard
 * would see. So which directory it was is on record, and one that lacks files which
 * the other has is not taken: the server keeps what it has until they are there.
 */

enum { SLICE = 4000 };

struct moved {
	struct store_job job; /* first */
	struct engine *e;
	char before[PATH_MAX];
	int from_fd, to_fd;
	const char *left; /* a file that did not come along */
	struct ledger_entry last;
	size_t n;
};

static bool
is_there(int dir_fd, const char *path)
{
	return faccessat(dir_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool
is_left(const struct moved *m, const char *path)
{
	return is_there(m->from_fd, path) && !is_there(m->to_fd, path);
}

static enum err
visit(void *arg, const struct ledger_entry *entry)
{
	struct moved *m = arg;
	m->last = *entry;
	m->n++;
	if (!settings_record_is_own(entry->zonefile) || !is_left(m, entry->zonefile))
		return OK;
	m->left = m->last.zonefile;
	return ERR_BUSY;
}

static enum err
look_at_zones(struct moved *m)
{
	struct dname after;
	bool started = false;
	enum err err = OK;
	do {
		if (engine_stopping(m->e))
			return ERR_CANCELED; /* what was not looked at may be left */
		struct store_txn *txn = store_read(m->e->store, STORE_CATALOG);
		m->n = 0;
		err = ledger_each(txn, m->e->conf->nr, started ? &after : NULL, SLICE,
		    visit, m);
		store_end(&txn);
		after = m->last.zone;
		started = true;
	} while (err == OK && m->n == SLICE);
	return err == ERR_BUSY ? OK : err;
}

/* Of patterns with one file for all; if there are zones at all. */
static void
look_at_shared(struct moved *m)
{
	const struct pattern *p;
	for (size_t i = 0; (p = pattern_at(m->e->patterns, i)) != NULL; i++) {
		const char *path = pattern_shared_file(p);
		if (m->left == NULL && path != NULL && is_left(m, path))
			m->left = path;
	}
}

static bool
is_same_directory(const struct moved *m)
{
	struct stat a, b;
	return fstat(m->from_fd, &a) == 0 && fstat(m->to_fd, &b) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* A directory that is gone has nothing left in it; that the new one is not there, and
 * more, the driver says. */
static enum err
compare(struct moved *m, const char *now)
{
	enum err err = OK;
	m->from_fd = open(m->before, O_PATH | O_DIRECTORY | O_CLOEXEC);
	m->to_fd = open(now, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (m->from_fd != -1 && m->to_fd != -1 && !is_same_directory(m)) {
		err = look_at_zones(m);
		if (err == OK && m->last.zone.size > 0)
			look_at_shared(m);
	}
	if (m->from_fd != -1)
		close(m->from_fd);
	if (m->to_fd != -1)
		close(m->to_fd);
	return err;
}

static enum err
note(struct store_txn *txn, struct store_job *job)
{
	struct moved *m = (struct moved *)job;
	backends_put_dir(txn, m->e->conf->nr, m->e->conf->backend.zone_dir);
	return store_err(txn);
}

static enum err
read_before(struct moved *m)
{
	struct store_txn *txn = store_read(m->e->store, STORE_CATALOG);
	enum err err = backends_get_dir(txn, m->e->conf->nr, m->before);
	store_end(&txn);
	return err;
}

enum err
moved_check(struct engine *e, struct err_where *where)
{
	struct moved m = {.job.run = note, .e = e};
	const char *name = e->conf->backend.name, *now = e->conf->backend.zone_dir;
	if (now == NULL || now[0] == '\0' || strlen(now) >= PATH_MAX)
		return OK;
	enum err err = read_before(&m);
	bool is_new = err == ERR_NOTFOUND;
	if (err == OK && strcmp(m.before, now) == 0)
		return OK;
	if (err == OK)
		err = compare(&m, now);
	if (err == OK && m.left != NULL)
		return err_at(where, "", 0,
		    "zone-dir was %s, and %s is still there alone: move the files first",
		    m.before, m.left);
	if (err == OK || is_new)
		err = store_call(e->store, STORE_CATALOG, &m.job);
	if (err != OK)
		return err_at(where, "", 0, "the zone directory on record: %s",
		    err_str(err));
	if (!is_new)
		log_info("deploy", "backend=%s zone-dir=%s text=\"it was %s\"", name,
		    now, m.before);
	return OK;
}
