/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nsherd-netconfd, the gateway: NETCONF in, the control protocol of the agent out, and
 * nothing else. It holds no state but sessions, locks and the candidate; what it
 * acknowledges is on the agent's disk.
 *
 * Threads: the main one waits for signals; `acceptors` take sessions, each by one until
 * its hello has come, for the library does all that in one call; `workers` poll the
 * sessions and run their operations, which may wait for the agent; one watches the
 * agent's states and sends notifications (watch.c).
 *
 * The library can be crashed by who has authenticated. So this is a program of its own,
 * with a user of its own, that is started again; the agent does not notice.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/version.h"
#include "netconf/candidate.h"
#include "netconf/dispatch.h"
#include "netconf/peers.h"
#include "netconf/schema.h"
#include "netconf/transport.h"
#include "netconf/watch.h"

static const char usage[] =
    "usage: nsherd-netconfd [-c FILE] [-t] [-v]\n"
    "  -c FILE  configuration (/etc/nsherd/netconf.conf)\n"
    "  -t       check configuration, keys and modules, print every fault\n"
    "  -v       log at debug\n"
    "  -V       print the version\n"
    "  -h       this\n";

enum { EXIT_USAGE = 2, ACCEPT_MS = 300, PAUSE_LEAST_US = 200, PAUSE_MOST_US = 20000 };
enum { TICK_S = 1, HURRY_MS = 2000 };

struct threads {
	pthread_t *ids;
	size_t n;
};

/* -- threads -------------------------------------------------------------- */

static void
welcome(struct gateway *gw, struct nc_session *nc)
{
	struct peer *p = peers_add(gw, nc);
	if (!p) {
		nc_session_set_term_reason(nc, NC_SESSION_TERM_OTHER);
		nc_session_free(nc, NULL);
		return;
	}
	log_info("session", "id=%u user=%s host=%s", p->id, p->user->name,
	    nc_session_get_host(nc));
	/* The library has room for six threads that wait for one set of sessions. */
	pthread_mutex_lock(&gw->adding);
	int failed = nc_ps_add_session(gw->ps, nc);
	pthread_mutex_unlock(&gw->adding);
	if (!failed)
		return;
	peers_remove(gw, nc);
	nc_session_free(nc, NULL);
}

static void *
run_acceptor(void *arg)
{
	struct gateway *gw = arg;
	struct nc_session *nc;
	while (!atomic_load(&gw->is_stopping))
		switch (transport_accept(ACCEPT_MS, &nc)) {
		case TRANSPORT_SESSION: welcome(gw, nc); break;
		case TRANSPORT_BAD_HELLO: atomic_fetch_add(&gw->n_bad_hellos, 1); break;
		case TRANSPORT_NOTHING: break;
		}
	nc_thread_destroy();
	atomic_fetch_sub(&gw->n_running, 1);
	return NULL;
}

static void
bid_farewell(struct gateway *gw, struct nc_session *nc)
{
	NC_SESSION_TERM_REASON why = nc_session_get_term_reason(nc);
	if (why != NC_SESSION_TERM_CLOSED && why != NC_SESSION_TERM_KILLED)
		atomic_fetch_add(&gw->n_dropped, 1);
	nc_ps_del_session(gw->ps, nc);
	peers_remove(gw, nc);
	nc_session_free(nc, NULL);
}

static void
count_bad(struct gateway *gw, struct nc_session *nc)
{
	struct peer *p = nc ? peers_of(gw, nc) : NULL;
	atomic_fetch_add(&gw->count.in_bad_rpcs, 1);
	if (!p)
		return;
	atomic_fetch_add(&p->count.in_bad_rpcs, 1);
	peers_put(p);
}

/* A peer that does not read what is sent to it would keep a thread for ever. */
static void
cut_if_stuck(void *arg, struct peer *p)
{
	int64_t now = *(const int64_t *)arg;
	int64_t limit_ms = INT64_C(1000) * p->gw->conf->write_timeout_s;
	if (atomic_load(&p->gw->is_stopping) && limit_ms > HURRY_MS)
		limit_ms = HURRY_MS;
	int64_t reply = atomic_load(&p->replying_since),
		notification = atomic_load(&p->notifying_since);
	if ((reply && now - reply > limit_ms) ||
	    (notification && now - notification > limit_ms)) {
		log_warn("session", "id=%u cut=slow", p->id);
		transport_cut(p->nc);
	}
}

/*
 * The library's own way to wait is a loop that looks at all sessions ten thousand times
 * a second, and keeps others from adding one. So it is asked without waiting, and we
 * wait: shortly behind something that happened, for more of it comes soon.
 */
static void *
run_worker(void *arg)
{
	struct gateway *gw = arg;
	unsigned pause_us = PAUSE_LEAST_US;
	while (!atomic_load(&gw->is_stopping)) {
		struct nc_session *nc = NULL;
		int what = nc_ps_poll(gw->ps, 0, &nc);
		dispatch_end();
		if (what & NC_PSPOLL_BAD_RPC)
			count_bad(gw, nc);
		if (what & NC_PSPOLL_SESSION_TERM)
			bid_farewell(gw, nc);
		if (!(what &
			(NC_PSPOLL_TIMEOUT | NC_PSPOLL_NOSESSIONS | NC_PSPOLL_ERROR))) {
			pause_us = PAUSE_LEAST_US;
			continue;
		}
		usleep(pause_us);
		pause_us = pause_us < PAUSE_MOST_US / 2 ? 2 * pause_us : PAUSE_MOST_US;
	}
	nc_thread_destroy();
	atomic_fetch_sub(&gw->n_running, 1);
	return NULL;
}

static void
start_threads(struct gateway *gw, struct threads *t, void *(*run)(void *), size_t n)
{
	t->ids = mem_realloc(t->ids, (t->n + n) * sizeof(*t->ids));
	for (size_t i = 0; i < n; i++) {
		atomic_fetch_add(&gw->n_running, 1);
		int e = pthread_create(&t->ids[t->n], NULL, run, gw);
		if (e)
			log_fatal("main", "no thread: %s", mem_errno_text(e));
		t->n++;
	}
}

/* -- the gateway ---------------------------------------------------------- */

static void
gateway_init(struct gateway *gw, struct conf *conf, struct ly_ctx *ctx)
{
	*gw = (struct gateway){.conf = conf, .ctx = ctx, .started = time(NULL)};
	pthread_mutex_init(&gw->lock, NULL);
	pthread_cond_init(&gw->freed, NULL);
	pthread_mutex_init(&gw->adding, NULL);
	gw->candidate = candidate_new();
	gw->ps = nc_ps_new();
}

static void
gateway_fini(struct gateway *gw)
{
	while (gw->peers) {
		struct nc_session *nc = gw->peers->nc;
		nc_ps_del_session(gw->ps, nc);
		peers_remove(gw, nc);
		nc_session_free(nc, NULL);
	}
	nc_ps_free(gw->ps);
	candidate_free(gw->candidate);
	pthread_cond_destroy(&gw->freed);
	pthread_mutex_destroy(&gw->adding);
	pthread_mutex_destroy(&gw->lock);
}

/* Until one of the signals comes, which every thread has blocked. */
static void
wait_for_end(struct gateway *gw, const sigset_t *signals)
{
	const struct timespec tick = {.tv_sec = TICK_S};
	for (;;) {
		int which = sigtimedwait(signals, NULL, &tick);
		int64_t now = clock_ms();
		peers_each(gw, cut_if_stuck, &now);
		if (which == SIGHUP)
			log_info("main",
			    "signal=HUP text=\"files are read at the start alone\"");
		else if (which > 0) {
			log_info("main", "signal=%d", which);
			return;
		}
	}
}

/* One may be writing to a peer that does not read. */
static void
wait_for_threads(struct gateway *gw)
{
	while (atomic_load(&gw->n_running) > 0) {
		int64_t now = clock_ms();
		peers_each(gw, cut_if_stuck, &now);
		usleep(PAUSE_MOST_US);
	}
}

static enum err
run(struct conf *conf, struct ly_ctx *ctx, const sigset_t *signals)
{
	struct gateway gw;
	struct threads threads = {0};
	struct err_where where = {0};
	gateway_init(&gw, conf, ctx);
	enum err e = transport_start(conf, ctx, &where);
	if (!e)
		e = watch_start(&gw, &gw.watch);
	if (!e) {
		start_threads(&gw, &threads, run_acceptor, conf->acceptors);
		start_threads(&gw, &threads, run_worker, conf->workers);
		log_info("main", "version=%s ready", NSHERD_VERSION);
		wait_for_end(&gw, signals);
	} else {
		log_error("main", "file=%s error=\"%s\"", where.file, where.what);
	}
	atomic_store(&gw.is_stopping, true);
	wait_for_threads(&gw);
	watch_stop(gw.watch);
	for (size_t i = 0; i < threads.n; i++)
		pthread_join(threads.ids[i], NULL);
	free(threads.ids);
	gateway_fini(&gw);
	transport_stop();
	return e;
}

static enum err
load(const char *path, struct conf **conf, struct ly_ctx **ctx)
{
	struct err_where where = {0};
	enum err e = conf_load(path, conf);
	if (e) {
		fputs(buf_text(&(*conf)->faults), stderr);
		return e;
	}
	e = schema_open((*conf)->yang_dir, ctx, &where);
	if (e)
		fprintf(stderr, "%s: %s\n", where.file, where.what);
	return e;
}

int
main(int argc, char **argv)
{
	const char *path = "/etc/nsherd/netconf.conf";
	bool test = false, verbose = false;
	struct conf *conf = NULL;
	struct ly_ctx *ctx = NULL;
	sigset_t signals;
	int opt;

	while ((opt = getopt(argc, argv, "c:tvVh")) != -1) {
		switch (opt) {
		case 'c': path = optarg; break;
		case 't': test = true; break;
		case 'v': verbose = true; break;
		case 'V': printf("nsherd-netconfd %s\n", NSHERD_VERSION); return 0;
		case 'h': fputs(usage, stdout); return 0;
		default: fputs(usage, stderr); return EXIT_USAGE;
		}
	}
	if (optind != argc) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	mem_keep_little();
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	enum err e = load(path, &conf, &ctx);
	if (!e && !test) {
		if (verbose)
			conf->log = LOG_DEBUG;
		log_init("nsherd-netconfd", conf->log);
		e = run(conf, ctx, &signals);
	}
	schema_close(ctx);
	conf_free(conf);
	return e ? EXIT_FAILURE : EXIT_SUCCESS;
}
