/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/backend/chan.h"
#include "agent/backend/proc.h"
#include "agent/backend/yadifa.h"
#include "lib/clock.h"
#include "lib/log.h"

/*
 * Does yadifad survive what it was given? A zone that kills it would kill it at
 * every start, and what we know of such zones may not be all. So the last file
 * that it lived with for five seconds is kept as zones.conf.prev, and put back
 * when it dies. What was new since is suspect: it is tried once more, with five
 * seconds of its own (yadifa_apply.c); after a second death in small portions;
 * and the portion of the third is condemned, until the operator has it tried again. An
 * orderly stop, which removes the pid file, says nothing; a kill -9 looks like a crash,
 * and costs some patience.
 */

enum {
	SURVIVAL_MS = 5000,
	NOTICED_MS = 15000,
	SUSPICION_MAX = 3, /* deaths */
	PART = 8,          /* of the suspects at once, after the second */
};

static const char prev[] = "zones.conf.prev", candidate[] = "zones.conf.next";

/* -- is it there? ---------------------------------------------------------- */

enum yadifa_life
yadifa_look(const struct yadifa *y, char process[static 64])
{
	pid_t pid;
	enum err err = proc_read_pidfile(y->pidfile, &pid);

	process[0] = '\0';
	if (err != OK)
		return err == ERR_NOTFOUND ? YADIFA_STOPPED : YADIFA_UNSEEN;
	if (proc_has_ended(pid))
		return YADIFA_DEAD;
	proc_identity(pid, process);
	return YADIFA_ALIVE;
}

/* -- the previous file ----------------------------------------------------- */

/* A copy, not a link: somebody may edit zones.conf in place. */
static bool
copy(int dir_fd, const char *from, const char *to)
{
	char aside[32], block[65536];
	int in = openat(dir_fd, from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int out = -1;
	ssize_t n = -1;

	snprintf(aside, sizeof(aside), "%s.tmp", to);
	if (in != -1 && (unlinkat(dir_fd, aside, 0) == 0 || errno == ENOENT))
		out = openat(dir_fd, aside,
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	while (out != -1 && (n = read(in, block, sizeof(block))) > 0) {
		if (write(out, block, (size_t)n) != n) {
			n = -1;
			break;
		}
	}
	if (in != -1)
		close(in);
	if (out != -1)
		close(out);
	return out != -1 && n == 0 && renameat(dir_fd, aside, dir_fd, to) == 0;
}

static void
promote(struct yadifa *y)
{
	if (!y->has_candidate)
		return;
	if (renameat(y->config_fd, candidate, y->config_fd, prev) == 0)
		y->prev_nr = y->candidate_nr;
	else
		log_warn("yadifa",
		    "backend=%s error=\"zones.conf.prev cannot be made\"",
		    y->conf.name);
	y->has_candidate = false;
}

/* What yadifad has lived with for long enough is the one to go back to. */
void
yadifa_guard_write(struct yadifa *y)
{
	if (y->watch_until_ms != 0 || !y->loaded || y->prev_nr == y->file_nr)
		return;
	if (copy(y->config_fd, yadifa_include_name, prev))
		y->prev_nr = y->file_nr;
	else
		log_warn("yadifa",
		    "backend=%s error=\"zones.conf.prev cannot be written\"",
		    y->conf.name);
}

void
yadifa_guard_watch(struct yadifa *y)
{
	y->watch_until_ms = clock_ms() + SURVIVAL_MS;
	yadifa_look(y, y->watch_process);
	/* While reloads follow each other closely, one of them has to become the
	 * next to go back to. */
	if (!y->has_candidate) {
		y->has_candidate = copy(y->config_fd, yadifa_include_name, candidate);
		y->candidate_ms = clock_ms();
		y->candidate_nr = y->file_nr;
	}
}

void
yadifa_guard_refused(struct yadifa *y)
{
	if (!y->has_candidate || y->candidate_nr != y->file_nr)
		return;
	y->has_candidate = false;
	unlinkat(y->config_fd, candidate, 0);
}

/* -- when it died ---------------------------------------------------------- */

static void
suspect(struct yadifa *y, const struct yadifa_include *old)
{
	size_t n_condemned = 0;

	if (y->suspicion < SUSPICION_MAX)
		y->suspicion++;
	for (size_t i = 0; i < y->inc.table.n_slots; i++) {
		const struct yadifa_zone *z = y->inc.table.slots[i], *was;
		struct dname name;

		if (z == NULL)
			continue;
		yadifa_zone_name(z, &name);
		was = yadifa_table_find(&old->table, &name);
		if (was != NULL && strcmp(was->native->mark, z->native->mark) == 0)
			continue;
		if (y->suspicion == SUSPICION_MAX &&
		    yadifa_table_find(&y->suspects, &name) != NULL) {
			yadifa_table_drop(&y->suspects, &name);
			yadifa_table_put(&y->condemned, &name, NULL);
			n_condemned++;
		} else if (yadifa_table_find(&y->suspects, &name) == NULL) {
			yadifa_table_put(&y->suspects, &name, NULL);
		}
	}
	y->suspects_at_once = y->suspicion == 1 ? SIZE_MAX : y->suspects.n / PART + 1;
	log_error("yadifa",
	    "backend=%s suspects=%zu condemned=%zu text=\"yadifad died within 5 s of "
	    "a reload: zones.conf.prev is put back\"",
	    y->conf.name, y->suspects.n, n_condemned);
}

void
yadifa_guard_pardon(void *ctx)
{
	struct yadifa *y = ctx;

	if (y->condemned.n == 0)
		return;
	log_warn("yadifa",
	    "backend=%s zones=%zu text=\"what yadifad died of is tried once more\"",
	    y->conf.name, y->condemned.n);
	for (size_t i = 0; i < y->condemned.n_slots; i++) {
		struct dname name;

		if (y->condemned.slots[i] == NULL)
			continue;
		yadifa_zone_name(y->condemned.slots[i], &name);
		yadifa_table_put(&y->suspects, &name, NULL);
	}
	yadifa_table_fini(&y->condemned);
	yadifa_table_init(&y->condemned);
	y->suspicion = SUSPICION_MAX - 1;
	y->suspects_at_once = y->suspects.n / PART + 1;
}

static bool
restore(struct yadifa *y)
{
	struct yadifa_include old;
	struct backend_error why = {""};
	bool whole = false;
	int fd = openat(y->config_fd, prev, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	FILE *file = fd != -1 ? fdopen(fd, "re") : NULL;

	y->watch_until_ms = 0;
	y->n_deaths = 0;
	y->has_candidate = false;
	unlinkat(y->config_fd, candidate, 0);
	if (file == NULL) {
		if (fd != -1)
			close(fd);
		return false;
	}
	yadifa_include_init(&old);
	if (yadifa_include_read(&old, file, &whole) && whole) {
		suspect(y, &old);
		yadifa_drop_unseen(y, &y->inc, &old);
		yadifa_include_fini(&y->inc);
		y->inc = old;
		y->operator.is_virgin = false;
		y->written = y->loaded = false;
		y->edits++;
		y->is_restored = true;
		if (yadifa_write(y, &why) != OK)
			log_error("yadifa", "backend=%s error=\"%s\"", y->conf.name,
			    why.text);
	} else {
		yadifa_include_fini(&old);
		whole = false;
	}
	fclose(file);
	return whole;
}

/* Suspects that are in the file are cleared; the others have yet to be tried. */
static void
survived(struct yadifa *y)
{
	struct yadifa_table left;

	y->watch_until_ms = 0;
	y->n_deaths = 0;
	promote(y);
	yadifa_guard_write(y);
	/* The file that was put back may name files that went since; whoever looked
	 * while it was being loaded has not seen that. */
	if (y->is_restored)
		y->edits++;
	y->is_restored = false;
	yadifa_table_init(&left);
	for (size_t i = 0; i < y->suspects.n_slots; i++) {
		struct dname name;

		if (y->suspects.slots[i] == NULL)
			continue;
		yadifa_zone_name(y->suspects.slots[i], &name);
		if (yadifa_table_find(&y->inc.table, &name) == NULL)
			yadifa_table_put(&left, &name, NULL);
	}
	yadifa_table_fini(&y->suspects);
	y->suspects = left;
	if (left.n == 0)
		y->suspicion = 0;
}

bool
yadifa_guard_check(struct yadifa *y)
{
	int64_t now = clock_ms();
	char process[64];
	enum yadifa_life life;

	if (y->watch_until_ms == 0)
		return false;
	life = yadifa_look(y, process);
	if (life == YADIFA_DEAD && now < y->watch_until_ms + NOTICED_MS)
		return restore(y);
	if (life == YADIFA_ALIVE && strcmp(process, y->watch_process) != 0) {
		/* Somebody starts it again at once; but how often? */
		memcpy(y->watch_process, process, sizeof(process));
		if (++y->n_deaths >= 2)
			return restore(y);
		y->watch_until_ms = now + SURVIVAL_MS;
		return false;
	}
	if (life != YADIFA_ALIVE) {
		y->watch_until_ms = 0; /* stopped, or nobody knows */
		return false;
	}
	if (y->has_candidate && now >= y->candidate_ms + SURVIVAL_MS)
		promote(y);
	if (now >= y->watch_until_ms)
		survived(y);
	return false;
}

enum err
yadifa_guard_wait(struct yadifa *y, struct backend_error *why)
{
	while (y->watch_until_ms != 0) {
		enum err err = chan_sleep(y->conf.cancel_fd, 100, why);

		if (err != OK)
			return err;
		if (yadifa_guard_check(y))
			return backend_fail(why, ERR_CLOSED,
			    "yadifad died of what it was given");
	}
	return OK;
}
