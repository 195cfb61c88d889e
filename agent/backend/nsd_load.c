/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/backend/nsd.h"
#include "agent/backend/nsd_reply.h"
#include "agent/backend/spool.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * The include file and `reconfig`. NSD does not look at what a reconfig takes
 * away: zones under a pattern that is gone are a use after free, and are lost
 * at the next start. So every pattern that a zone is under must be in what
 * nsd-checkconf understood, ours and the operator's alike, before NSD is told
 * to read. The file's modification time is set to the time of the last load,
 * so that it outlives the agent: an operator's file that is newer was not
 * loaded by us.
 */

enum { ROUNDS_MAX = 8, PROBE_MAX = 1000 };

const char nsd_include_name[] = "nsherd.conf";
static const char copy_name[] = ".nsherd-check.tmp";

/* A name that no version of NSD can parse, so that no zone can come of it. */
static const char no_name[] = "a..b";

static char *
include_path(const struct nsd *nsd)
{
	return mem_printf("%s/%s", nsd->conf.config_dir, nsd_include_name);
}

/* -- does NSD know these patterns? ----------------------------------------- */

struct probe {
	bool *known;
	bool odd;
};

static void
take_probe(void *arg, size_t i, enum nsd_outcome outcome, const char *reason)
{
	struct probe *p = arg;

	(void)reason;
	p->known[i] = outcome == NSD_BADNAME;
	p->odd |= outcome != NSD_BADNAME && outcome != NSD_NOPATTERN;
}

/*
 * NSD looks for the pattern before it parses the name, and says which of the
 * two was wrong: so an impossible name asks for the pattern alone.
 */
static enum err
probe_patterns(struct nsd *nsd, const char *const *patterns, size_t n, bool *known,
    struct backend_error *why)
{
	const char **names = mem_alloc((n + 1) * sizeof(names[0]));
	struct probe p = {known, false};
	struct nsd_bulk bulk;
	struct buf request;
	enum err err;

	buf_init(&request, 0);
	nsd_chan_begin(&request);
	buf_puts(&request, "addzones\n");
	for (size_t i = 0; i < n; i++) {
		names[i] = no_name;
		known[i] = false;
		buf_printf(&request, "%s %s\n", no_name, patterns[i]);
	}
	buf_puts(&request, "\004\n");
	nsd_bulk_init(&bulk, false, names, n, take_probe, &p);
	err = nsd_chan_request(&nsd->chan, &request, nsd_bulk_line, &bulk, why);
	if (err == OK && (nsd_bulk_end(&bulk) != OK || p.odd))
		err =
		    backend_fail(why, ERR_IO, "odd answer to a question for patterns");
	buf_fini(&request);
	free(names);
	return err;
}

static void
note_loaded(struct nsd *nsd, const char *canary)
{
	snprintf(nsd->loaded_canary, sizeof(nsd->loaded_canary), "%s", canary);
	memcpy(nsd->loaded_process, nsd->process, sizeof(nsd->process));
}

static enum err
canary_is_loaded(struct nsd *nsd, const char *canary, bool *loaded,
    struct backend_error *why)
{
	enum err err;

	*loaded = strcmp(nsd->loaded_canary, canary) == 0 && canary[0] != '\0' &&
		  strcmp(nsd->loaded_process, nsd->process) == 0;
	if (*loaded || canary[0] == '\0')
		return OK;
	err = probe_patterns(nsd, &canary, 1, loaded, why);
	if (err == OK && *loaded)
		note_loaded(nsd, canary);
	return err;
}

enum err
nsd_is_loaded(struct nsd *nsd, bool *loaded, struct backend_error *why)
{
	return canary_is_loaded(nsd, nsd->inc.canary, loaded, why);
}

/* -- the file -------------------------------------------------------------- */

static int64_t
stat_ms(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
}

enum err
nsd_load_include(struct nsd *nsd, struct backend_error *why)
{
	char *text = NULL;
	size_t size = 0;
	struct stat st;
	int dir_fd;
	enum err err;

	if (nsd->inc_loaded)
		return OK;
	err = spool_open(nsd->conf.config_dir, &dir_fd);
	if (err != OK)
		return backend_fail(why, err, "config-dir %s: %s", nsd->conf.config_dir,
		    mem_errno_text(errno));
	err = spool_read(dir_fd, nsd_include_name, &text, &size);
	if (err == OK)
		nsd_include_parse(&nsd->inc, text, size);
	if (err == OK &&
	    fstatat(dir_fd, nsd_include_name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		nsd->inc_mtime = st.st_mtim;
		if (nsd->inc.intact)
			nsd->loaded_ms = stat_ms(&st);
	}
	close(dir_fd);
	if (err != OK && err != ERR_NOTFOUND)
		return backend_fail(why, err, "%s/%s: %s", nsd->conf.config_dir,
		    nsd_include_name, mem_errno_text(errno));
	if (size > 0 && !nsd->inc.intact)
		log_warn("nsd",
		    "backend=%s file=%s/%s text=\"damaged; %zu patterns "
		    "are still good\"",
		    nsd->conf.name, nsd->conf.config_dir, nsd_include_name, nsd->inc.n);
	if (text != NULL)
		mem_wipe(text, size);
	free(text);
	nsd->inc_loaded = true;
	return OK;
}

/* Is the file what we left there? */
static bool
is_untouched(struct nsd *nsd, const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_mtim.tv_sec == nsd->inc_mtime.tv_sec &&
	       st.st_mtim.tv_nsec == nsd->inc_mtime.tv_nsec;
}

static enum err
write_include(struct nsd *nsd, const char *path, const char *text, size_t size,
    int64_t mtime_ms, struct backend_error *why)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
	    {mtime_ms / 1000, mtime_ms % 1000 * 1000000}};
	struct stat st;
	int dir_fd = -1;
	enum err err = spool_open(nsd->conf.config_dir, &dir_fd);

	if (err == OK) {
		err = spool_replace(dir_fd, nsd_include_name, text, size, 0640);
		if (err == OK && mtime_ms != 0 &&
		    utimensat(dir_fd, nsd_include_name, times, AT_SYMLINK_NOFOLLOW) ==
			-1)
			err = ERR_IO;
		if (err == OK && fstatat(dir_fd, nsd_include_name, &st, 0) == 0)
			nsd->inc_mtime = st.st_mtim;
	}
	if (err != OK)
		backend_fail(why, err, "%s: %s", path, mem_errno_text(errno));
	if (dir_fd != -1)
		close(dir_fd);
	return err;
}

/* -- one load -------------------------------------------------------------- */

struct load {
	struct nsd *nsd;
	struct nsd_include *next;
	nsd_refused_fn *refused;
	void *arg;
	char *path;            /* of the include file */
	bool bad_config;       /* the check tool said so */
	struct buf text;       /* of next */
	struct textset in_use; /* patterns of zones */
	struct backend_error *why;
};

enum step { STEP_GO, STEP_AGAIN, STEP_WAIT };

static enum err
render(struct load *l)
{
	enum err err;

	mem_wipe(l->text.data, l->text.data != NULL ? l->text.size : 0);
	buf_reset(&l->text);
	err = nsd_include_render(l->next, l->nsd->conf.keys, &l->text, l->why);
	if (err == OK && l->text.size > SPOOL_FILE_MAX)
		err = backend_fail(l->why, ERR_SPACE,
		    "%.120s would be larger than the %d MiB that can be read again",
		    l->path, SPOOL_FILE_MAX >> 20);
	return err;
}

static bool
has_fresh(const struct nsd_include *inc)
{
	for (size_t i = 0; i < inc->n; i++) {
		if (inc->natives[i].fresh)
			return true;
	}
	return false;
}

static struct nsd_native *
at_fault(const struct load *l, const struct nsd_fault *fault)
{
	return fault->line != 0 ? nsd_include_at_line(l->next, fault->line)
				: nsd_include_find(l->next, fault->name);
}

/* The check tool found faults: if all are in natives that no zone is under,
 * without them the rest can go on. An old one can be among them when the agent
 * ended between writing and checking. */
static enum step
drop_refused(struct load *l, const struct nsd_verdict *v)
{
	char(*names)[MARK_MAX] = mem_alloc((v->n_faults + 1) * sizeof(*names));
	size_t n = 0;

	for (size_t i = 0; i < v->n_faults; i++) {
		const struct nsd_native *native = at_fault(l, &v->faults[i]);

		if (native == NULL || textset_has(&l->in_use, native->name)) {
			n = 0;
			break;
		}
		strcpy(names[n++], native->name);
	}
	for (size_t i = 0; i < n; i++) {
		if (nsd_include_find(l->next, names[i]) == NULL)
			continue;
		if (l->refused != NULL)
			l->refused(l->arg, names[i], v->text);
		nsd_include_drop(l->next, names[i]);
	}
	free(names);
	if (n == 0)
		backend_fail(l->why, ERR_BUSY, "%s", v->text);
	return n > 0 ? STEP_AGAIN : STEP_WAIT;
}

/* No zone's pattern may go. Ours that we have lost are kept by a placeholder. */
static enum err
keep_used(struct load *l, const struct nsd_verdict *v, enum step *step)
{
	enum err err = OK;

	*step = STEP_GO;
	for (size_t i = 0; err == OK && i < l->in_use.n && *step != STEP_WAIT; i++) {
		const char *name = l->in_use.list[i];
		bool known = false;

		if (textset_has(&v->patterns, name) || strchr(name, ' ') != NULL ||
		    strlen(name) >= 900)
			continue;
		/* A line that NSD itself could make nothing of is no zone. */
		err = probe_patterns(l->nsd, &name, 1, &known, l->why);
		if (err != OK || !known)
			continue;
		if (mark_is_ours(name) && strlen(name) < MARK_MAX &&
		    nsd_include_find(l->next, name) == NULL) {
			log_warn("nsd",
			    "backend=%s pattern=%s text=\"lost, but zones "
			    "are under it: kept empty\"",
			    l->nsd->conf.name, name);
			nsd_include_add(l->next, name, "-",
			    nsd_native_placeholder(name, l->nsd->conf.zone_dir));
			*step = STEP_AGAIN;
			continue;
		}
		backend_fail(l->why, ERR_BUSY,
		    "zones are under pattern %.60s, which is gone from %.80s", name,
		    l->nsd->config);
		*step = STEP_WAIT;
	}
	return err;
}

/*
 * Faults in what is new are looked for in a copy that NSD does not read: if it
 * was started while they are in its include file, it would not come up.
 */
static enum err
check_copy(struct load *l, enum step *step)
{
	struct nsd *nsd = l->nsd;
	char *path = mem_printf("%s/%s", nsd->conf.config_dir, copy_name);
	struct nsd_verdict v = {.good = true};
	int dir_fd = -1;
	bool lines = false;
	enum err err = spool_open(nsd->conf.config_dir, &dir_fd);

	if (err == OK)
		err = spool_replace(dir_fd, copy_name, buf_text(&l->text), l->text.size,
		    0600);
	if (err != OK)
		backend_fail(l->why, err, "%s: %s", path, mem_errno_text(errno));
	else
		err = nsd_check_config(nsd, path, path, &v, l->why);
	/* Keys that raw options name are in the operator's files. */
	for (size_t i = 0; err == OK && i < v.n_faults; i++)
		lines |= v.faults[i].line != 0;
	if (err == OK && lines)
		*step = drop_refused(l, &v);
	if (dir_fd != -1) {
		(void)!spool_unlink(dir_fd, copy_name);
		close(dir_fd);
	}
	nsd_verdict_fini(&v);
	free(path);
	return err;
}

/* The file is written: is the whole configuration good? */
static enum err
check(struct load *l, enum step *step)
{
	struct nsd_verdict v;
	enum err err = nsd_check_config(l->nsd, l->nsd->config, l->path, &v, l->why);

	if (err != OK)
		return err;
	l->bad_config = !v.good;
	if (!v.good) {
		*step = drop_refused(l, &v);
	} else if (!textset_has(&v.patterns, l->next->canary)) {
		backend_fail(l->why, ERR_BUSY, "%.80s does not include %.80s",
		    l->nsd->config, l->path);
		*step = STEP_WAIT;
	} else {
		err = keep_used(l, &v, step);
	}
	nsd_verdict_fini(&v);
	return err;
}

static enum err
reconfig(struct load *l, enum step *step)
{
	struct nsd *nsd = l->nsd;
	struct nsd_single single;
	bool loaded;
	enum err err;

	nsd_single_init(&single);
	nsd->loaded_canary[0] = '\0';
	err =
	    nsd_chan_command(&nsd->chan, nsd_single_line, &single, l->why, "reconfig");
	if (err != OK)
		return err;
	*step = STEP_WAIT;
	if (!single.ok)
		return backend_fail(l->why, OK, "reconfig: %s", single.last);
	err = canary_is_loaded(nsd, l->next->canary, &loaded, l->why);
	if (err != OK)
		return err;
	if (!loaded)
		return backend_fail(l->why, OK,
		    "nsd did not read %.80s: is %.80s its configuration?", l->path,
		    nsd->config);
	*step = STEP_GO;
	return OK;
}

static void
become_next(struct load *l)
{
	struct nsd_include old = l->nsd->inc;

	l->nsd->inc = *l->next;
	l->nsd->inc.intact = true;
	for (size_t i = 0; i < l->nsd->inc.n; i++)
		l->nsd->inc.natives[i].fresh = false;
	*l->next = old;
}

/* Write, check, and tell NSD. On anything but STEP_GO the file is to be put back,
 * except when the operator is to load it (*keep). */
static enum err
try_load(struct load *l, enum step *step, bool *keep)
{
	struct nsd *nsd = l->nsd;
	int64_t last =
	    nsd->started_ms > nsd->loaded_ms ? nsd->started_ms : nsd->loaded_ms;
	char *newer;
	enum err err = OK;

	*step = STEP_AGAIN;
	for (unsigned i = 0; err == OK && *step == STEP_AGAIN && i < ROUNDS_MAX; i++) {
		err = render(l);
		if (err == OK && has_fresh(l->next)) {
			*step = STEP_GO;
			err = check_copy(l, step);
			if (err != OK || *step != STEP_GO)
				continue;
		}
		if (err == OK)
			err = write_include(nsd, l->path, buf_text(&l->text),
			    l->text.size, last, l->why);
		if (err == OK)
			err = check(l, step);
	}
	if (err != OK)
		return err;
	if (*step == STEP_AGAIN) {
		*step = STEP_WAIT;
		return backend_fail(l->why, OK, "too many faults in native patterns");
	}
	/* A process's start is known to 10 ms. */
	newer = nsd_newer_config(nsd->config, l->path, last + 20);
	if (*step == STEP_WAIT && newer != NULL && l->bad_config) {
		struct backend_error text = *l->why;

		backend_fail(l->why, OK, "operator-config-changed: %.150s", text.text);
	} else if (*step == STEP_GO && newer != NULL && nsd->conf.reconfig_hold) {
		backend_fail(l->why, OK,
		    "operator-config-changed: %.80s is newer than nsd's last load "
		    "(run nsd-control reconfig)",
		    newer);
		*step = STEP_WAIT;
		*keep = true;
	}
	free(newer);
	return *step == STEP_GO ? reconfig(l, step) : OK;
}

static void
put_back(struct load *l, const char *old, size_t old_size, int64_t last)
{
	struct backend_error why = {""};
	int dir_fd;

	/* There was none: an empty one would not do, with zones under ours. */
	if (old == NULL) {
		if (spool_open(l->nsd->conf.config_dir, &dir_fd) == OK) {
			(void)!spool_unlink(dir_fd, nsd_include_name);
			close(dir_fd);
		}
		nsd_mend_include(l->nsd, true);
		return;
	}
	if (write_include(l->nsd, l->path, old, old_size, last, &why) != OK)
		log_error("nsd", "backend=%s text=\"cannot put back: %s\"",
		    l->nsd->conf.name, why.text);
}

static enum err
load(struct load *l, enum nsd_load_result *result)
{
	struct nsd *nsd = l->nsd;
	int64_t last =
	    nsd->started_ms > nsd->loaded_ms ? nsd->started_ms : nsd->loaded_ms;
	char *old = NULL;
	size_t old_size = 0;
	enum step step = STEP_WAIT;
	bool keep = false;
	int dir_fd;
	enum err err;

	err = nsd_patterns_in_use(nsd, false, &l->in_use, l->why);
	if (err != OK)
		return err;
	err = spool_open(nsd->conf.config_dir, &dir_fd);
	if (err == OK) {
		err = spool_read(dir_fd, nsd_include_name, &old, &old_size);
		close(dir_fd);
	}
	if (err != OK && err != ERR_NOTFOUND)
		return backend_fail(l->why, err, "%s: %s", l->path,
		    mem_errno_text(errno));
	err = try_load(l, &step, &keep);
	if (err == OK && step == STEP_GO) {
		nsd->loaded_ms = clock_unix_ms();
		/* Only the time of the file changes by this. */
		err = write_include(nsd, l->path, buf_text(&l->text), l->text.size,
		    nsd->loaded_ms, l->why);
		become_next(l);
		*result = NSD_LOADED;
	} else if (keep) {
		become_next(l);
	} else {
		put_back(l, old, old_size, last);
	}
	if (old != NULL)
		mem_wipe(old, old_size);
	free(old);
	return err;
}

enum err
nsd_load(struct nsd *nsd, struct nsd_include *next, bool force, nsd_refused_fn *refused,
    void *arg, enum nsd_load_result *result, struct backend_error *why)
{
	struct load l = {.nsd = nsd,
	    .next = next,
	    .refused = refused,
	    .arg = arg,
	    .path = include_path(nsd),
	    .why = why};
	bool loaded = false;
	enum err err;

	*result = NSD_LOAD_WAIT;
	buf_init(&l.text, 0);
	err = render(&l);
	if (err == OK && !force && strcmp(next->canary, nsd->inc.canary) == 0 &&
	    is_untouched(nsd, l.path))
		err = canary_is_loaded(nsd, next->canary, &loaded, why);
	if (err == OK && loaded)
		*result = NSD_LOADED;
	else if (err == OK)
		err = load(&l, result);
	/* What we cannot do for want of a key or of disk space is no failure of
	 * the server. */
	if (err == ERR_NOTFOUND || err == ERR_FULL || err == ERR_IO ||
	    err == ERR_INVALID || err == ERR_SPACE)
		err = OK;
	textset_fini(&l.in_use);
	if (l.text.data != NULL)
		mem_wipe(l.text.data, l.text.size);
	buf_fini(&l.text);
	free(l.path);
	nsd_include_fini(next);
	return err;
}
