/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The agent: opens the rooms in order, from the store upwards, lets the loop
 * run, and closes them in the opposite order.
 *
 * Threads: this one (the loop: sockets, protocol, signals), the store's
 * writers, one for each backend, the prober. They meet in the store alone; a
 * writer that has finished something for the loop wakes it (on_wake).
 *
 * SIGTERM and SIGINT stop it cleanly: UPDATEs that were accepted are committed
 * and answered, backends end what they do within 5 s.
 * SIGHUP, and the verb reconfigure, read everything again (reload.c). Rooms copy
 * what they keep of the configuration, so that another one takes its place at once.
 */
#include "agent/run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <uv.h>

#include "agent/conf.h"
#include "agent/deploy/deploy.h"
#include "agent/monitor.h"
#include "agent/net/net.h"
#include "agent/net/outward.h"
#include "agent/notify.h"
#include "agent/pattern/pattern.h"
#include "agent/proto/proto.h"
#include "agent/reload.h"
#include "agent/rooms.h"
#include "agent/store/store.h"
#include "agent/telemetry.h"
#include "agent/watchdog.h"
#include "lib/log.h"
#include "lib/tls.h"
#include "lib/version.h"

enum { DESCRIPTORS_WANTED = 65536, N_SIGNALS = 3 };

struct run {
	struct rooms rooms;
	uv_async_t wake; /* a store's writer has something to reap */
	uv_signal_t signals[N_SIGNALS];
	bool reload_wanted; /* by an UPDATE that was answered */
	struct reload *reload;
	struct monitor *monitor;
	struct watchdog *watchdog;
	bool is_net_closed;
};

static enum err
fail(const char *what, enum err err, const struct err_where *where)
{
	log_error("agent", "error=\"%s failed: %s%s%s\"", what, where->file,
	    where->file[0] != '\0' ? ": " : "",
	    where->what[0] != '\0' ? where->what : err_str(err));
	return err;
}

/* -- opening --------------------------------------------------------------- */

static void
wake_loop(void *arg)
{
	uv_async_send(arg);
}

static void
on_wake(uv_async_t *async)
{
	struct run *run = async->data;

	/* A line for each UPDATE, but a write(2) for all. */
	log_gather();
	if (run->rooms.store != NULL)
		store_reap(run->rooms.store);
	log_spill();
	/* Once for all that came in this group, not amid their replies. */
	if (run->reload_wanted && run->reload != NULL)
		reload_start(run->reload, "cause=reconfigure");
	run->reload_wanted = false;
}

static void
on_reconfigure(void *arg)
{
	struct run *run = arg;

	run->reload_wanted = true;
}

static enum err
open_store(struct run *run)
{
	struct rooms *rooms = &run->rooms;
	struct store_conf sc;
	struct err_where where = {0};

	conf_get_store(rooms->conf, &sc);
	sc.wake = wake_loop;
	sc.wake_arg = &run->wake;
	enum err err = store_open(&sc, &where, &rooms->store);
	if (err != OK)
		return fail("opening the state directory", err, &where);
	log_info("agent", "state-dir=%s last-stop=%s", rooms->conf->state_dir,
	    store_was_unclean(rooms->store) ? "unclean-or-none" : "clean");
	return OK;
}

static enum err
number_all(struct rooms *rooms)
{
	struct rooms_numbers *n = rooms_numbers_new(rooms->conf);
	const struct err_where where = {0};
	enum err err = store_call(rooms->store, STORE_CATALOG, &n->job);

	for (size_t i = 0; err == OK && i < rooms->conf->n_catalogs; i++)
		rooms_log_catalog(n, i);
	for (size_t i = 0; err == OK && i < rooms->conf->n_backends; i++) {
		const struct conf_backend *b = rooms->conf->backends[i];
		log_info("agent", "backend=%s driver=%s", b->name, b->driver->name);
	}
	if (err == OK)
		conf_wire(rooms->conf, n->catalogs, n->backends, rooms->started);
	free(n);
	return err == OK ? OK : fail("making catalogs", err, &where);
}

static enum err
load_patterns(struct rooms *rooms)
{
	struct err_where where = {0};
	enum err err = rooms_load_patterns(rooms->conf, &where, &rooms->patterns);

	if (err != OK)
		return fail("reading patterns", err, &where);
	rooms_log_patterns(rooms->conf, rooms->patterns);
	return OK;
}

static enum err
open_net(struct rooms *rooms)
{
	struct net_conf nc;
	struct err_where where = {0};
	const struct addr *addr;
	char text[ADDR_TEXT_MAX];

	rooms_drop_missing_ipv6(rooms->conf);
	conf_get_net(rooms->conf, &nc);
	enum err err = rooms_load_tls(rooms->conf, &where, &nc.tls);
	if (err != OK)
		return fail("loading TLS certificates", err, &where);
	err = net_open(&rooms->loop, &nc, rooms->proto, &where, &rooms->net);
	tls_ctx_unref(nc.tls);
	if (err != OK)
		return fail("opening sockets", err, &where);
	for (size_t i = 0; (addr = net_address(rooms->net, i)) != NULL; i++)
		log_info("agent", "listen=%s", addr_print(addr, text));
	for (size_t i = 0; (addr = net_tls_address(rooms->net, i)) != NULL; i++)
		log_info("agent", "listen-tls=%s", addr_print(addr, text));
	return OK;
}

static enum err
open_outward(struct rooms *rooms)
{
	struct outward_conf oc;
	struct err_where where = {0};
	struct tls_ctx *tls;
	enum err err = rooms_load_client_tls(rooms->conf, &where, &tls);

	if (err != OK)
		return fail("loading TLS certificates", err, &where);
	rooms_get_outward(rooms->conf, tls, &oc);
	rooms->outward = outward_open(&rooms->loop, &oc);
	tls_ctx_unref(tls);
	proto_go_out(rooms->proto, &outward_effects, rooms->outward);
	return OK;
}

/* Also without backends: there may be some after a reload. */
static enum err
start_deploy(struct rooms *rooms)
{
	struct err_where where = {0};
	const struct deploy_conf dc = {
	    .store = rooms->store,
	    .patterns = rooms->patterns,
	    .backends = rooms->conf->deploy,
	    .n_backends = rooms->conf->n_backends,
	};
	enum err err = deploy_start(&dc, &where, &rooms->deploy);

	return err == OK ? OK : fail("starting backends", err, &where);
}

static enum err
open_telemetry(struct rooms *rooms)
{
	struct err_where where = {0};
	struct telemetry_change *change;

	rooms->telemetry = telemetry_new(rooms);
	enum err err =
	    telemetry_prepare(rooms->telemetry, rooms->conf, &where, &change);
	if (err != OK)
		return fail("opening sockets", err, &where);
	telemetry_commit(change);
	rooms_log_metrics(rooms, "agent");
	return OK;
}

static enum err
open_rooms(struct run *run)
{
	struct rooms *rooms = &run->rooms;
	enum err err = open_store(run);

	if (err == OK)
		err = number_all(rooms);
	if (err == OK)
		err = load_patterns(rooms);
	if (err != OK)
		return err;
	rooms->proto = proto_new(rooms->store, &rooms->conf->proto, &net_effects);
	proto_on_reconfigure(rooms->proto, on_reconfigure, run);
	err = open_net(rooms);
	if (err == OK)
		err = open_outward(rooms);
	if (err == OK)
		err = start_deploy(rooms);
	return err == OK ? open_telemetry(rooms) : err;
}

/* -- signals --------------------------------------------------------------- */

static void
say_ready(void *arg)
{
	const struct run *run = arg;
	char status[128];

	snprintf(status, sizeof(status), "%zu catalogs, %zu backends",
	    run->rooms.conf->n_catalogs, run->rooms.conf->n_backends);
	notify_ready(status);
}

static void
on_net_closed(void *arg)
{
	struct run *run = arg;

	run->is_net_closed = true;
	if (run->rooms.outward == NULL)
		uv_stop(&run->rooms.loop);
}

static void
on_outward_closed(void *arg)
{
	struct run *run = arg;

	run->rooms.outward = NULL;
	if (run->is_net_closed)
		uv_stop(&run->rooms.loop);
}

static void
close_net(struct run *run)
{
	if (run->rooms.outward != NULL) {
		proto_leave(run->rooms.proto);
		outward_close(run->rooms.outward, on_outward_closed, run);
	}
	net_close(run->rooms.net, on_net_closed, run);
	run->rooms.net = NULL;
}

static void
close_signals(struct run *run)
{
	for (size_t i = 0; i < N_SIGNALS; i++)
		if (!uv_is_closing((uv_handle_t *)&run->signals[i]))
			uv_close((uv_handle_t *)&run->signals[i], NULL);
}

static void
on_signal(uv_signal_t *handle, int number)
{
	struct run *run = handle->data;

	if (number == SIGHUP) {
		if (run->reload != NULL)
			reload_start(run->reload, "signal=HUP");
		return;
	}
	log_info("agent", "stopping signal=%s", number == SIGTERM ? "TERM" : "INT");
	close_signals(run);      /* another one ends it at once, as ever, */
	signal(SIGHUP, SIG_IGN); /* but not one that only asks for a reload */
	notify_stopping();
	reload_stop(run->reload);
	close_net(run);
}

static void
open_loop(struct run *run)
{
	static const int numbers[N_SIGNALS] = {SIGTERM, SIGINT, SIGHUP};
	uv_loop_t *loop = &run->rooms.loop;
	int rc = uv_loop_init(loop);

	if (rc == 0)
		rc = uv_async_init(loop, &run->wake, on_wake);
	run->wake.data = run;
	for (size_t i = 0; i < N_SIGNALS && rc == 0; i++) {
		rc = uv_signal_init(loop, &run->signals[i]);
		run->signals[i].data = run;
		if (rc == 0)
			rc = uv_signal_start(&run->signals[i], on_signal, numbers[i]);
	}
	if (rc != 0)
		log_fatal("agent", "event loop: %s", uv_strerror(rc));
}

/* -- the whole ------------------------------------------------------------- */

static void
prepare_process(void)
{
	struct rlimit limit;

	umask(027);
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	    limit.rlim_cur < DESCRIPTORS_WANTED) {
		limit.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED
				     ? limit.rlim_max
				     : DESCRIPTORS_WANTED;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* From the outside inwards; takes what was opened half. */
static void
close_rooms(struct run *run)
{
	struct rooms *rooms = &run->rooms;

	close_signals(run);
	if (rooms->net != NULL) {
		close_net(run);
		uv_run(&rooms->loop, UV_RUN_DEFAULT);
	}
	while (run->reload != NULL && reload_is_busy(run->reload))
		uv_run(&rooms->loop, UV_RUN_ONCE);
	reload_free(run->reload);
	run->reload = NULL;
	monitor_stop(run->monitor);
	run->monitor = NULL;
	watchdog_stop(run->watchdog);
	telemetry_free(rooms->telemetry);
	deploy_stop(rooms->deploy);
	store_close(rooms->store); /* the replies nobody waits for come to proto */
	rooms->store = NULL;
	watchdog_free(run->watchdog);
	run->watchdog = NULL;
	proto_free(rooms->proto);
	pattern_set_unref(rooms->patterns);
	conf_free(rooms->conf);
}

static void
close_loop(struct run *run)
{
	uv_close((uv_handle_t *)&run->wake, NULL);
	uv_run(&run->rooms.loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&run->rooms.loop) != 0)
		log_warn("agent", "text=\"handles left open at the end\"");
}

enum err
run_agent(struct conf **conf, bool verbose)
{
	struct run run = {.rooms = {.verbose = verbose,
			      .conf = *conf,
			      .started = (uint64_t)time(NULL)}};
	const struct rooms *rooms = &run.rooms;

	*conf = NULL;
	prepare_process();
	log_info("agent", "nsherdd version=%s name=%s pid=%ld conf=%s", NSHERD_VERSION,
	    rooms->conf->name, (long)getpid(), rooms->conf->path);
	open_loop(&run);
	enum err err = open_rooms(&run);
	if (err == OK) {
		run.reload = reload_new(&run.rooms, say_ready, &run);
		run.monitor = monitor_start(&run.rooms);
		log_info("agent", "ready catalogs=%zu backends=%zu keys=%zu",
		    rooms->conf->n_catalogs, rooms->conf->n_backends,
		    rooms->conf->n_keys);
		say_ready(&run);
		run.watchdog = watchdog_start(&run.rooms.loop, run.rooms.store);
		uv_run(&run.rooms.loop, UV_RUN_DEFAULT);
	}
	close_rooms(&run);
	close_loop(&run);
	if (err == OK)
		log_info("agent", "stopped");
	return err;
}
