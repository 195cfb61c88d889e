/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/backend/knot.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * knotd has one configuration transaction at a time, which belongs to nobody:
 * it outlives the connection that began it, and anybody may go on with it,
 * commit or abort it. Half of ours must not be left for others to commit, and
 * nobody else's may be touched. So each of ours carries a token, the comment of
 * an access list that nothing uses (the cheapest thing there is to set), and
 * before it begins the token is written to a file. If there is a transaction
 * that we did not begin in this connection, and the file is there, then
 * conf-diff tells whose it is, even of one that is poisoned by a failed block.
 *
 * The file need not be on disk: a machine that stops takes the transaction
 * along.
 *
 * From 3.4 on knotd serves connections side by side. Of one that was cut, what it
 * had sent last may yet be run behind the first words of the next; and only the
 * thread that began a transaction ends it: when its connection has ended, it is
 * given the next one. Who comes before that gets another thread, and "busy".
 */

const char knot_txn_foreign[] =
    "a configuration transaction of somebody else is open in knot "
    "(`knotc conf-commit` or `conf-abort` ends it)";

static const char token_acl[] = "nsherd-transaction";
static const char other_thread[] = "requested resource is busy";

enum {
	MARK_FILE_MAX = 192,
	DROP_MS = 500,
	REOPEN_MS = 1500,
	WATCH_MS = 1000,
	STEP_MS = 50,
	AGAIN_MOST = 20, /* times STEP_MS */
	OVER_S = 10,     /* what a connection sent that was cut so long ago is done */
	SLOW_MS = 2000,  /* of a commit; then, for so long, workers are watched */
	SLOW_AGAIN_MS = 60000,
	WAIT_MS = 10000
};

/* -- the file ----------------------------------------------------------------- */

static char *
mark_path(const struct knot *k)
{
	const char *dir =
	    k->conf.config_dir != NULL ? k->conf.config_dir : k->conf.zone_dir;
	char *path = mem_printf("%s/.nsherd-transaction-%s", dir, k->conf.name);

	for (char *c = path + strlen(dir) + 1; *c != '\0'; c++)
		*c = *c == '/' ? '_' : *c;
	return path;
}

static void
remove_mark(const struct knot *k)
{
	char *path = mark_path(k);

	if (unlink(path) == -1 && errno != ENOENT)
		log_warn("knot", "backend=%s file=%s error=\"%s\"", k->conf.name, path,
		    mem_errno_text(errno));
	free(path);
}

static bool
is_mark_old(const struct knot *k)
{
	char *path = mark_path(k);
	struct stat st;
	bool old = stat(path, &st) == 0 && time(NULL) - st.st_mtime > OVER_S;

	free(path);
	return old;
}

static enum err
write_mark(struct knot *k, struct backend_error *why)
{
	char *path = mark_path(k), text[MARK_FILE_MAX];
	int size = snprintf(text, sizeof(text), "%s %s\n", k->process, k->token);
	int fd =
	    open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	enum err err = OK;

	if (fd == -1 || write(fd, text, (size_t)size) != size)
		err = backend_fail(why,
		    errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO,
		    "%.100s: %s", path, mem_errno_text(errno));
	if (fd != -1)
		close(fd);
	if (err != OK)
		unlink(path);
	free(path);
	return err;
}

/* false: there is no transaction of an earlier life in this process. */
static bool
read_mark(const struct knot *k, char token[static KNOT_TOKEN_MAX])
{
	char *path = mark_path(k), text[MARK_FILE_MAX], *blank;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd != -1 ? read(fd, text, sizeof(text) - 1) : -1;

	free(path);
	if (fd == -1)
		return false;
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	blank = strchr(text, ' ');
	if (blank == NULL || strlen(blank + 1) >= KNOT_TOKEN_MAX) {
		remove_mark(k);
		return false;
	}
	*blank = '\0';
	if (strcmp(text, k->process) != 0) {
		remove_mark(k);
		return false;
	}
	strcpy(token, blank + 1);
	return true;
}

/* -- whose is it? ------------------------------------------------------------- */

struct difference {
	unsigned n;                 /* units */
	char added[KNOT_TOKEN_MAX]; /* "" or the value that is new */
};

static enum err
take_difference(void *arg, const struct knot_unit *unit)
{
	struct difference *d = arg;
	const char *flags = knot_unit_flags(unit), *data = unit->field[KNOT_DATA];

	d->n++;
	if (flags != NULL && strcmp(flags, "+") == 0 && data != NULL &&
	    strlen(data) < sizeof(d->added))
		strcpy(d->added, data);
	return OK;
}

/* item NULL: of the whole transaction. */
static enum err
ask_difference(struct knot *k, bool whole, struct difference *d,
    struct knot_fault *fault, struct backend_error *why)
{
	struct buf units;
	enum err err;

	memset(d, 0, sizeof(*d));
	buf_init(&units, 0);
	if (whole)
		knot_unit_put_conf(&units, "conf-diff", NULL, NULL, NULL, NULL);
	else
		knot_unit_put_conf(&units, "conf-diff", "acl", token_acl, "comment",
		    NULL);
	err = knot_ctl_block(&k->ctl, &units, take_difference, d, fault, why);
	buf_fini(&units);
	return err;
}

/* *ours: abort it. One without any change is what we leave between two steps. */
static enum err
is_ours(struct knot *k, const char *token, bool *open, bool *ours,
    struct backend_error *why)
{
	struct difference d;
	struct knot_fault fault;
	enum err err = ask_difference(k, false, &d, &fault, why);

	*open = *ours = false;
	if (err != OK)
		return err;
	if (fault.is && strcmp(fault.text, "no active transaction") == 0)
		return OK;
	*open = true;
	*ours = !fault.is && strcmp(d.added, token) == 0;
	if (*ours || fault.is)
		return OK;
	err = ask_difference(k, true, &d, &fault, why);
	*ours = err == OK && !fault.is && d.n == 0;
	return err;
}

static enum err
connect_anew(struct knot *k, struct backend_error *why)
{
	knot_ctl_close(&k->ctl);
	return knot_ctl_open(&k->ctl, why);
}

/*
 * What an earlier life may have left open. *busy: it is somebody else's. If there is
 * none the mark stays: what began it may be on its way.
 */
static enum err
settle_leftover(struct knot *k, const char *token, bool *busy,
    struct backend_error *why)
{
	bool open, ours;
	enum err err = is_ours(k, token, &open, &ours, why);

	if (err != OK)
		return err;
	if (ours) {
		err = knot_txn_abort(k, why);
		if (err != OK)
			return err;
		log_info("knot", "backend=%s transaction=left-over aborted",
		    k->conf.name);
		/* While we have that thread, nobody else is let in. */
		return connect_anew(k, why);
	}
	*busy = open;
	if (open)
		remove_mark(k);
	return OK;
}

/* -- beginning ---------------------------------------------------------------- */

static void
make_token(struct knot *k)
{
	uint8_t octets[16];

	if (getrandom(octets, sizeof(octets), 0) != sizeof(octets))
		log_fatal("knot", "no random octets: %s", mem_errno_text(errno));
	for (size_t i = 0; i < sizeof(octets); i++)
		snprintf(k->token + 2 * i, 3, "%02x", octets[i]);
}

/* Once per process: is there the list that carries the token? */
static enum err
look_for_acl(struct knot *k, struct backend_error *why)
{
	struct knot_fault fault;
	struct buf units;
	enum err err;

	if (k->has_token_acl)
		return OK;
	buf_init(&units, 0);
	knot_unit_put_conf(&units, "conf-read", "acl", token_acl, NULL, NULL);
	err = knot_ctl_block(&k->ctl, &units, NULL, NULL, &fault, why);
	buf_fini(&units);
	k->has_token_acl = err == OK && !fault.is;
	return err;
}

static enum err
put_token(struct knot *k, struct backend_error *why)
{
	struct knot_fault fault;
	struct buf units;
	enum err err, aborted;
	char text[160];

	buf_init(&units, 0);
	if (!k->has_token_acl)
		knot_unit_put_conf(&units, "conf-set", "acl", token_acl, NULL, NULL);
	knot_unit_put_conf(&units, "conf-set", "acl", token_acl, "comment", k->token);
	err = knot_ctl_block(&k->ctl, &units, NULL, NULL, &fault, why);
	buf_fini(&units);
	if (err != OK || !fault.is)
		return err;
	k->has_token_acl = false;
	aborted = knot_txn_abort(k, why);
	return aborted != OK ? aborted
			     : backend_fail(why, ERR_BUSY, "knot: %s",
				   knot_fault_print(&fault, text));
}

/* *busy: there is one already. */
static enum err
begin_marked(struct knot *k, bool *busy, struct backend_error *why)
{
	struct knot_fault fault;
	enum err err;

	make_token(k);
	err = write_mark(k, why);
	if (err == OK)
		err = knot_ctl_command(&k->ctl, "conf-begin", &fault, why);
	if (err != OK)
		return err;
	*busy = fault.is && strcmp(fault.text, "too many transactions") == 0;
	if (fault.is)
		remove_mark(k);
	return fault.is && !*busy
		   ? backend_fail(why, ERR_BUSY, "knot: conf-begin: %s", fault.text)
		   : OK;
}

enum err
knot_txn_begin(struct knot *k, bool *busy, struct backend_error *why)
{
	char token[KNOT_TOKEN_MAX];
	bool left = read_mark(k, token);
	enum err err = OK;

	*busy = false;
	if (left)
		err = settle_leftover(k, token, busy, why);
	if (err == OK && !*busy)
		err = look_for_acl(k, why);
	if (err != OK || *busy)
		return err;
	err = begin_marked(k, busy, why);
	if (err == OK && *busy && left) { /* it came after we had looked */
		*busy = false;
		err = settle_leftover(k, token, busy, why);
		if (err == OK && !*busy)
			err = begin_marked(k, busy, why);
	}
	if (err != OK || *busy)
		return err;
	k->in_txn = true;
	return put_token(k, why);
}

/* -- ending ------------------------------------------------------------------- */

static bool
is_elsewhere(const struct knot_fault *fault)
{
	return fault->is && strcmp(fault->text, other_thread) == 0;
}

enum err
knot_txn_abort(struct knot *k, struct backend_error *why)
{
	struct knot_fault fault;
	enum err err = knot_ctl_command(&k->ctl, "conf-abort", &fault, why);

	k->in_txn = false;
	for (unsigned i = 0; err == OK && is_elsewhere(&fault) && i < AGAIN_MOST; i++) {
		err = chan_sleep(k->ctl.chan.cancel_fd, STEP_MS, why);
		if (err == OK)
			err = connect_anew(k, why);
		if (err == OK)
			err = knot_ctl_command(&k->ctl, "conf-abort", &fault, why);
	}
	if (err == OK && is_elsewhere(&fault))
		err = backend_fail(why, ERR_BUSY,
		    "knotd cannot end a configuration transaction that it refused "
		    "to commit, as versions from 3.4.0 to 3.4.9 cannot: restart it");
	else if (err == OK && fault.is)
		err = backend_fail(why, ERR_BUSY, "knot: conf-abort: %s", fault.text);
	if (err == OK)
		remove_mark(k);
	return err;
}

/* A commit that fails leaves the transaction open. */
enum err
knot_txn_commit(struct knot *k, struct knot_fault *fault, struct backend_error *why)
{
	struct backend_error ignored;
	int64_t start_ms = clock_ms();
	enum err err = knot_ctl_command(&k->ctl, "conf-commit", fault, why);

	if (clock_ms() - start_ms >= SLOW_MS)
		k->slow_until_ms = clock_ms() + SLOW_AGAIN_MS;
	k->in_txn = false;
	if (err != OK)
		return err;
	if (!fault->is)
		remove_mark(k);
	else if (knot_txn_abort(k, &ignored) != OK)
		log_warn("knot", "backend=%s transaction=not-aborted error=\"%s\"",
		    k->conf.name, ignored.text);
	if (!fault->is)
		k->has_token_acl = true;
	return OK;
}

/* Half a block was sent, or not answered: knotd undoes it when we hang up. */
static enum err
abort_anew(struct knot *k, struct backend_error *why)
{
	bool busy = false;
	enum err err = connect_anew(k, why);

	return err == OK ? settle_leftover(k, k->token, &busy, why) : err;
}

void
knot_txn_drop(struct knot *k)
{
	struct chan *chan = &k->ctl.chan;
	int cancel_fd = chan->cancel_fd;
	unsigned timeout_ms = chan->timeout_ms;
	bool clean = k->ctl.open && k->ctl.clean;
	struct backend_error why = {""};
	enum err err;

	/* Told to stop is no reason to leave it open. */
	chan->cancel_fd = -1;
	chan->timeout_ms = clean ? DROP_MS : REOPEN_MS;
	err = clean ? knot_txn_abort(k, &why) : abort_anew(k, &why);
	if (err != OK)
		log_info("knot", "backend=%s transaction=left-open error=\"%s\"",
		    k->conf.name, why.text);
	chan->cancel_fd = cancel_fd;
	chan->timeout_ms = timeout_ms;
	k->in_txn = false;
}

enum err
knot_txn_settle(struct knot *k, struct backend_error *why)
{
	char token[KNOT_TOKEN_MAX];
	bool busy = false;
	enum err err = read_mark(k, token) ? settle_leftover(k, token, &busy, why) : OK;

	if (err == OK && is_mark_old(k))
		remove_mark(k);
	return err;
}

/* -- background workers ------------------------------------------------------- */

bool
knot_workers_parse(const char *text, struct knot_workers *workers)
{
	const char *at = strstr(text, "background workers: ");

	return at != NULL &&
	       sscanf(at, "background workers: %9u (running: %9u, pending: %9u)",
		   &workers->n, &workers->running, &workers->pending) == 3;
}

struct reading {
	bool good;
	struct knot_workers workers;
};

static enum err
take_workers(void *arg, const struct knot_unit *unit)
{
	struct reading *r = arg;

	if (unit->field[KNOT_DATA] != NULL)
		r->good = knot_workers_parse(unit->field[KNOT_DATA], &r->workers);
	return OK;
}

static enum err
read_workers(struct knot *k, struct reading *r, struct backend_error *why)
{
	static const struct knot_unit unit = {
	    .field = {[KNOT_CMD] = "status", [KNOT_KIND] = "workers"}};
	struct knot_fault fault;
	struct buf units;
	enum err err;

	r->good = false;
	buf_init(&units, 0);
	knot_unit_put(&units, &unit);
	err = knot_ctl_block(&k->ctl, &units, take_workers, r, &fault, why);
	buf_fini(&units);
	return err;
}

/*
 * Workers that load files are done with thousands a second; workers that wait
 * for primaries, with one in some seconds each. What runs is waited for by any
 * commit, and ends in one such time; it is the queue that must be short, or
 * going down fast. It was empty behind a commit of ours; if that was of primaries,
 * files are all that it has yet, and the last commit tells whether those are slow.
 */
enum err
knot_txn_would_stall(struct knot *k, bool *stall, struct backend_error *why)
{
	struct reading first = {.good = false}, now;
	int64_t start_ms = clock_ms();
	enum err err = read_workers(k, &first, why);
	bool files = first.workers.pending <= k->n_loading;
	unsigned done;

	*stall = false;
	k->n_loading = 0;
	if (err == OK && first.good && files && start_ms >= k->slow_until_ms)
		return OK;
	now = first;
	while (err == OK && now.good && now.workers.pending > 0 &&
	       clock_ms() - start_ms < WATCH_MS) {
		err = chan_sleep(k->ctl.chan.cancel_fd, STEP_MS, why);
		if (err == OK)
			err = read_workers(k, &now, why);
	}
	if (err != OK || !now.good || now.workers.pending == 0)
		return err;
	done = first.workers.pending > now.workers.pending
		   ? first.workers.pending - now.workers.pending
		   : 0;
	*stall = done == 0 || (uint64_t)now.workers.pending * WATCH_MS / done > WAIT_MS;
	if (*stall)
		backend_fail(why, ERR_BUSY,
		    "knot's %u background workers are busy (%u running, %u waiting) "
		    "and a commit would wait for them: does a primary not answer?",
		    now.workers.n, now.workers.running, now.workers.pending);
	return OK;
}
