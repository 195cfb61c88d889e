/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "ctl/commands.h"
#include "ctl/connect.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/say.h"
#include "lib/buf.h"
#include "lib/changes.h"
#include "lib/mem.h"
#include "lib/session.h"

/*
 * _status.C is transferred again and again, by IXFR after the first time, and
 * what changed is told. The agent may go away: then it is asked for again until
 * it is back, and what changed meanwhile is told as one change. SIGINT and SIGTERM
 * end it, and so does the end of who reads.
 */

static const struct column columns[] = {
    {"at", NULL, CELL_TEXT, false},
    {"time", NULL, CELL_NUMBER, false},
    {"zone", NULL, CELL_TEXT, false},
    {"backend", NULL, CELL_TEXT, false},
    {"was", NULL, CELL_TEXT, false},
    {"state", NULL, CELL_TEXT, false},
    {"serial", NULL, CELL_NUMBER, false},
    {"id", NULL, CELL_TEXT, false},
    {"pattern", NULL, CELL_TEXT, false},
    {"last_command", NULL, CELL_TEXT, false},
    {"error", NULL, CELL_TEXT, false},
};
enum { N_COLUMNS = sizeof(columns) / sizeof(*columns) };

struct watch {
	const struct ctl *ctl;
	struct session s;
	struct changes changes;
	struct dname *zones;
	int signal_fd;
	bool lost; /* the agent; said on stderr */
};

/* -- a change --------------------------------------------------------------- */

/* When it came to be so, if the agent says; else now. */
static uint64_t
time_of(const struct zone_change *c)
{
	bool entered = c->is.state && c->is.since &&
		       (!c->was.state || strcmp(c->was.state, c->is.state) != 0);
	struct cell since = cell_digits(entered ? c->is.since : NULL);
	return since.is_set ? since.number : (uint64_t)time(NULL);
}

static const char *
print_time(uint64_t unix_time, char out[static 32])
{
	time_t t = (time_t)unix_time;
	struct tm tm;
	if (gmtime_r(&t, &tm) == NULL || !strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		return "-";
	return out;
}

static bool
differ(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) != 0 : a != b;
}

static void
put_fact(struct buf *line, const char *key, const char *value)
{
	if (!value)
		return;
	buf_printf(line, " %s=", key);
	/* It may go to a terminal. */
	for (; *value; value++)
		buf_put_u8(line, (unsigned char)*value < ' ' || *value == 0x7f
				     ? '?'
				     : (uint8_t)*value);
}

static void
put_line(struct buf *line, const char *at, const struct zone_change *c)
{
	const struct change_facts *was = &c->was, *is = &c->is;
	buf_printf(line, "%s %s %s ", at, c->zone, c->backend);
	if (differ(was->state, is->state))
		buf_printf(line, "%s -> ", was->state ? was->state : "-");
	buf_printf(line, "%s", is->state ? is->state : "-");
	put_fact(line, "serial", is->serial);
	if (differ(was->id, is->id))
		put_fact(line, "id", is->id);
	if (differ(was->pattern, is->pattern))
		put_fact(line, "pattern", is->pattern);
	if (differ(was->last_command, is->last_command))
		put_fact(line, "last-command", is->last_command);
	put_fact(line, "error", is->error);
}

static void
print_change(void *arg, const struct zone_change *c)
{
	struct watch *w = arg;
	char text[32];
	uint64_t time = time_of(c);
	const char *at = print_time(time, text);
	struct buf line;
	const struct cell cells[N_COLUMNS] = {cell_text(at), cell_number(time),
	    cell_text(c->zone), cell_text(c->backend), cell_text(c->was.state),
	    cell_text(c->is.state), cell_digits(c->is.serial), cell_text(c->is.id),
	    cell_text(c->is.pattern), cell_text(c->is.last_command),
	    cell_text(c->is.error)};

	buf_init(&line, 0);
	put_line(&line, at, c);
	output_event(w->ctl->out, columns, N_COLUMNS, cells, buf_text(&line));
	buf_fini(&line);
}

/* -- one look --------------------------------------------------------------- */

static enum err
look(struct watch *w)
{
	enum err e = w->s.x ? OK : session_reopen(&w->s);
	if (!e)
		e = session_transfer_since(&w->s, &w->s.status,
		    changes_begin(&w->changes), changes_take, &w->changes);
	if (!e) {
		changes_end(&w->changes, print_change, w);
		fflush(stdout);
		return OK;
	}
	changes_spoil(&w->changes);
	exchange_close(w->s.x);
	w->s.x = NULL;
	return e;
}

/* Until the next look. False: it is over. */
static bool
pause_for(const struct watch *w)
{
	uint64_t now = say_now_ms(),
		 until = now + UINT64_C(1000) * w->ctl->opt->interval_s;
	struct pollfd fds[] = {
	    {.fd = w->signal_fd, .events = POLLIN},
	    {.fd = STDOUT_FILENO}, /* POLLERR: nobody reads any more */
	};
	for (; now < until; now = say_now_ms()) {
		int n = poll(fds, 2, (int)(until - now));
		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0 && (fds[0].revents || fds[1].revents & POLLERR))
			return false;
		if (n > 0) /* nothing to wait for there */
			fds[1].fd = -1;
	}
	return true;
}

static enum exit_status
watch_on(struct watch *w)
{
	enum err e = look(w);
	if (!e)
		e = look(w); /* by IXFR: the agent prepares for more */
	if (e && e != ERR_CANCELED) {
		say_error("%s", w->s.error);
		return EXIT_FAILED;
	}
	while (e != ERR_CANCELED && !ferror(stdout) && pause_for(w)) {
		e = look(w);
		if (session_is_lost(e) && !w->lost)
			e = look(w); /* it had only been idle for too long */
		if (e && e != ERR_CANCELED && !w->lost)
			say_error("%s; trying again", w->s.error);
		if (!e && w->lost)
			say_error("%s: here again", w->s.server);
		w->lost = e != OK;
	}
	return EXIT_DONE;
}

/* -- the command ------------------------------------------------------------ */

static enum exit_status
take_zones(struct watch *w)
{
	const struct ctl *ctl = w->ctl;
	w->zones = mem_zalloc((ctl->n_args + 1) * sizeof(*w->zones));
	for (size_t i = 0; i < ctl->n_args; i++)
		if (dname_parse(ctl->args[i], &w->zones[i])) {
			say_error("\"%s\" is no name of a zone", ctl->args[i]);
			return EXIT_USAGE;
		}
	return EXIT_DONE;
}

/* From here on the two signals are read, not taken. */
static enum exit_status
take_signals(struct watch *w)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == 0)
		w->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (w->signal_fd >= 0)
		return EXIT_DONE;
	say_error("signals: %s", mem_errno_text(errno));
	return EXIT_FAILED;
}

enum exit_status
watch_run(struct ctl *ctl)
{
	struct watch w = {.ctl = ctl, .signal_fd = -1};
	enum exit_status rc = take_zones(&w);
	if (!rc)
		rc = connect_open(&w.s, ctl);
	if (!rc)
		rc = take_signals(&w);
	changes_init(&w.changes, &w.s.status);
	w.changes.zones = w.zones;
	w.changes.n_zones = ctl->n_args;
	w.changes.backend = ctl->opt->backend;
	if (!rc) {
		session_cancel_by(&w.s, w.signal_fd);
		rc = watch_on(&w);
	}
	changes_fini(&w.changes);
	session_close(&w.s);
	if (w.signal_fd >= 0)
		close(w.signal_fd);
	free(w.zones);
	return rc;
}
