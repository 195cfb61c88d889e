/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/backend/chan.h"
#include "agent/backend/yadifa.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/rr.h"

/*
 * zones.conf is the only truth that yadifad has: a cut file removes zones and is
 * taken with NOERROR, a missing one keeps it from starting. So the file is
 * written aside, synced, and renamed into place.
 *
 * The reload: ZONECFGRELOAD of all zones, since that of one zone crashes yadifad
 * while another is under way. One at a time, and not closer than the last one
 * took, since zones come back as ghosts when they are added and removed faster
 * than they load. SERVFAIL may say that somebody else's reload is under way,
 * which takes about as long as ours did: a few attempts later it says that the
 * configuration is not accepted.
 */

enum {
	INTERVAL_MIN_MS = 100,
	INTERVAL_MAX_MS = 10000,
	BACKOFF_MIN_MS = 35,
	BACKOFF_MAX_MS = 150,
	ZONES_PER_MS = 5, /* that yadifad reads at the least */
};

const char yadifa_include_name[] = "zones.conf";
static const char previous[] = "zones.conf.prev", edited[] = "zones.conf.edited",
		  aside[] = ".zones.conf.tmp";

/* -- reading it ------------------------------------------------------------ */

/* Returns whether it is there and as one of us left it; *inc is filled anyhow. */
static bool
read_file(struct yadifa *y, const char *name, struct yadifa_include *inc)
{
	bool whole = false;
	int fd = openat(y->config_fd, name,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	FILE *file;

	yadifa_include_init(inc);
	if (fd == -1)
		return false;
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    (file = fdopen(fd, "re")) == NULL) {
		close(fd);
		return false;
	}
	if (!yadifa_include_read(inc, file, &whole))
		whole = false;
	fclose(file);
	return whole;
}

static void
note_file(struct yadifa *y)
{
	if (fstatat(y->config_fd, yadifa_include_name, &y->file, AT_SYMLINK_NOFOLLOW) !=
	    0)
		memset(&y->file, 0, sizeof(y->file));
}

enum err
yadifa_open_file(struct yadifa *y, struct backend_error *why)
{
	struct yadifa_include inc, old;
	bool whole = read_file(y, yadifa_include_name, &inc);
	bool there = faccessat(y->config_fd, yadifa_include_name, F_OK,
			 AT_SYMLINK_NOFOLLOW) == 0;

	y->inc = inc;
	if (!whole) {
		bool fresh = !there || (inc.table.n == 0 && inc.zone_dir[0] == '\0');

		if (read_file(y, previous, &old)) {
			yadifa_include_fini(&y->inc);
			y->inc = old;
			log_warn("yadifa",
			    "backend=%s zones=%zu text=\"zones.conf is not as it was "
			    "left: it is made again from zones.conf.prev\"",
			    y->conf.name, old.table.n);
		} else {
			yadifa_include_fini(&old);
			if (!fresh)
				log_warn("yadifa",
				    "backend=%s zones=%zu text=\"zones.conf is not as it "
				    "was left, and there is no zones.conf.prev\"",
				    y->conf.name, inc.table.n);
		}
	}
	note_file(y);
	/* What is in no mark is removed by the first writing. */
	if (y->file.st_size > 0 &&
	    (!whole || strcmp(y->inc.zone_dir, y->conf.zone_dir) != 0))
		y->operator.is_virgin = false;
	/* Another zone-dir or secret: it is written again. */
	y->written = whole && strcmp(y->inc.zone_dir, y->conf.zone_dir) == 0 &&
		     yadifa_include_has_keys(&y->inc, y->conf.keys);
	y->file_nr = 1;
	return y->written ? OK : yadifa_write(y, why);
}

/* -- writing it ------------------------------------------------------------ */

static enum err
from_errno(struct yadifa *y, struct backend_error *why)
{
	enum err err = errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_INVALID;

	return backend_fail(why, err, "%.100s/zones.conf cannot be written: %s",
	    y->conf.config_dir, mem_errno_text(errno));
}

/* Secrets are in it: for us and yadifad's group alone. */
static enum err
write_aside(struct yadifa *y, struct backend_error *why)
{
	struct stat dir;
	enum err err = OK;
	FILE *file = NULL;
	int fd;

	if (unlinkat(y->config_fd, aside, 0) == -1 && errno != ENOENT)
		return from_errno(y, why);
	fd = openat(y->config_fd, aside,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd != -1 && fstat(y->config_fd, &dir) == 0 &&
	    fchown(fd, (uid_t)-1, dir.st_gid) == -1)
		errno = 0; /* the mode alone counts then */
	if (fd != -1)
		file = fdopen(fd, "we");
	if (file == NULL) {
		err = from_errno(y, why);
		if (fd != -1)
			close(fd);
		return err;
	}
	if (!yadifa_include_write(&y->inc, y->conf.zone_dir, y->conf.keys, file) ||
	    fflush(file) != 0 || fchmod(fd, 0640) != 0 || fsync(fd) != 0)
		err = from_errno(y, why);
	if (fclose(file) != 0 && err == OK)
		err = from_errno(y, why);
	return err;
}

enum err
yadifa_write(struct yadifa *y, struct backend_error *why)
{
	enum err err;

	if (y->written)
		return OK;
	yadifa_guard_write(y);
	err = write_aside(y, why);
	if (err == OK &&
	    renameat(y->config_fd, aside, y->config_fd, yadifa_include_name) != 0)
		err = from_errno(y, why);
	if (err == OK && fsync(y->config_fd) != 0 && errno != EINVAL)
		err = from_errno(y, why);
	if (err != OK) {
		unlinkat(y->config_fd, aside, 0);
		return err;
	}
	snprintf(y->inc.zone_dir, sizeof(y->inc.zone_dir), "%s", y->conf.zone_dir);
	note_file(y);
	y->written = true;
	y->loaded = false;
	y->file_nr++;
	return OK;
}

/* As a link: without a zones.conf, be it for as long as it takes to write one, or
 * until there is room on the disk, yadifad does not start. */
static void
keep_edited(struct yadifa *y)
{
	if ((unlinkat(y->config_fd, edited, 0) == 0 || errno == ENOENT) &&
	    linkat(y->config_fd, yadifa_include_name, y->config_fd, edited, 0) == 0)
		return;
	if (renameat(y->config_fd, yadifa_include_name, y->config_fd, edited) != 0)
		log_warn("yadifa", "backend=%s file=zones.conf.edited error=\"%s\"",
		    y->conf.name, mem_errno_text(errno));
}

enum err
yadifa_mend(struct yadifa *y, struct backend_error *why)
{
	const struct stat *was = &y->file;
	struct stat st;
	bool there =
	    fstatat(y->config_fd, yadifa_include_name, &st, AT_SYMLINK_NOFOLLOW) == 0;

	if (there && st.st_ino == was->st_ino && st.st_dev == was->st_dev &&
	    st.st_size == was->st_size && st.st_mtim.tv_sec == was->st_mtim.tv_sec &&
	    st.st_mtim.tv_nsec == was->st_mtim.tv_nsec)
		return OK;
	log_warn("yadifa",
	    "backend=%s text=\"somebody %s zones.conf: it is made again%s\"",
	    y->conf.name, there ? "edited" : "removed",
	    there ? ", and the other one kept as zones.conf.edited" : "");
	if (there)
		keep_edited(y);
	y->edits++;
	y->written = y->loaded = y->operator.is_virgin = false;
	return yadifa_write(y, why);
}

/* -- having it read -------------------------------------------------------- */

/* Not closer to the last one than that one took. */
static enum err
keep_interval(struct yadifa *y, struct backend_error *why)
{
	int64_t interval = y->reload_wall_ms, left;

	if (y->reload_end_ms == 0)
		return OK;
	if (interval < INTERVAL_MIN_MS)
		interval = INTERVAL_MIN_MS;
	if (interval > INTERVAL_MAX_MS)
		interval = INTERVAL_MAX_MS;
	left = y->reload_end_ms + interval - clock_ms();
	return left > 0 ? chan_sleep(y->conf.cancel_fd, (unsigned)left, why) : OK;
}

static enum err
reload_once(struct yadifa *y, unsigned *rcode, bool *sent, struct backend_error *why)
{
	/* yadifad reads the file before it answers. */
	unsigned timeout_ms =
	    y->conf.timeout_ms + (unsigned)(y->inc.table.n / ZONES_PER_MS);
	int64_t start;
	enum err err = keep_interval(y, why);

	*sent = false;
	if (err != OK)
		return err;
	start = clock_ms();
	err = yadifa_ctrl_reload(y, timeout_ms, rcode, sent, why);
	y->reload_end_ms = clock_ms();
	if (err == OK && *rcode == RCODE_NOERROR)
		y->reload_wall_ms = (unsigned)(y->reload_end_ms - start);
	return err;
}

/* Before the nth attempt. Together, for YADIFA_PATIENT, a second and some four
 * reloads; or five seconds where we do not know how long one takes. */
static enum err
back_off(struct yadifa *y, unsigned n, struct backend_error *why)
{
	unsigned ms = BACKOFF_MIN_MS + y->reload_wall_ms / 8;

	if (y->reload_wall_ms == 0 || ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	return chan_sleep(y->conf.cancel_fd, ms << n, why);
}

enum err
yadifa_load(struct yadifa *y, unsigned attempts, enum yadifa_load *load, bool *sent,
    struct backend_error *why)
{
	unsigned rcode = RCODE_SERVFAIL;
	enum err err = yadifa_write(y, why);

	*sent = false;
	if (err != OK)
		return err;
	yadifa_guard_watch(y);
	for (unsigned i = 0; err == OK && rcode == RCODE_SERVFAIL && i < attempts;
	     i++) {
		if (i > 0)
			err = back_off(y, i, why);
		if (err == OK)
			err = reload_once(y, &rcode, sent, why);
	}
	if (err != OK)
		return err;
	*load = YADIFA_LOADED;
	if (rcode == RCODE_NOERROR) {
		y->loaded = true;
		memcpy(y->loaded_process, y->watch_process, sizeof(y->loaded_process));
	} else if (rcode == RCODE_SERVFAIL) {
		*load = YADIFA_REFUSED;
		yadifa_guard_refused(y);
		backend_fail(why, OK,
		    "yadifad does not take its configuration, or is busy "
		    "(SERVFAIL): its log tells");
	} else if (rcode == RCODE_NOTAUTH || rcode == RCODE_REFUSED) {
		return backend_fail(why, ERR_DENIED,
		    "yadifad does not let key %.100s control it: allow-control in "
		    "<main>, enabled in <control>",
		    key_name_text(y->key));
	} else {
		return backend_fail(why, ERR_FORM, "yadifad answers %s to a reload",
		    rcode_str(rcode));
	}
	return OK;
}

enum err
yadifa_flush(struct yadifa *y, struct backend_error *why)
{
	enum yadifa_load load;
	char process[64];
	bool sent;
	enum err err;

	/* Where the pid file cannot be read, both are "". */
	if (y->written && y->loaded && yadifa_look(y, process) != YADIFA_DEAD &&
	    strcmp(process, y->loaded_process) == 0)
		return OK;
	y->loaded = false;
	err = yadifa_load(y, YADIFA_PATIENT, &load, &sent, why);
	return err == OK && load == YADIFA_REFUSED ? ERR_BUSY : err;
}
