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
 * SIGHUP, and the verb reconfigure, read keys, TLS certificates and patterns again;
 * other settings need a restart.
 */
#include "agent/run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <uv.h>

#include "agent/catalog/catalog.h"
#include "agent/conf.h"
#include "agent/deploy/deploy.h"
#include "agent/net/net.h"
#include "agent/notify.h"
#include "agent/pattern/pattern.h"
#include "agent/proto/proto.h"
#include "agent/store/catalogs.h"
#include "agent/store/store.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/tls.h"
#include "lib/version.h"

enum { DESCRIPTORS_WANTED = 65536, N_SIGNALS = 3 };

struct run {
	uv_loop_t loop;
	uv_async_t wake; /* a store's writer has something to reap */
	uv_signal_t signals[N_SIGNALS];
	bool verbose;
	bool reread_wanted; /* by an UPDATE that was answered */
	struct conf *conf;  /* of the start: the rooms borrow from it until the end */
	struct conf *keys;  /* the one whose keys are in force, may be conf */
	struct proto_conf *proto_conf;
	struct store *store;
	struct pattern_set *patterns; /* NULL: no pattern-dir */
	struct proto *proto;
	struct net *net;
	struct deploy *deploy; /* NULL: no backends */
};

static enum err
fail(const char *what, enum err err, const struct err_where *where)
{
	log_error("agent", "%s failed: %s%s%s", what, where->file,
	    where->file[0] != '\0' ? ": " : "",
	    where->what[0] != '\0' ? where->what : err_str(err));
	return err;
}

/* -- numbers in the store -------------------------------------------------- */

struct number_job {
	struct store_job job;
	const struct dname *catalog;
	const char *backend;
	struct catalog_head head;
	uint8_t nr;
	bool is_new;
};

static enum err
number_catalog(struct store_txn *txn, struct store_job *job)
{
	struct number_job *n = (struct number_job *)job;
	enum err err = catalogs_find(txn, n->catalog, &n->head);

	n->is_new = err == ERR_NOTFOUND;
	if (n->is_new)
		err = catalog_create(txn, n->catalog, &n->head);
	n->nr = n->head.nr;
	return err;
}

static enum err
number_backend(struct store_txn *txn, struct store_job *job)
{
	struct number_job *n = (struct number_job *)job;

	return backends_number(txn, n->backend, &n->nr);
}

/* Give every catalog and backend its number; make the catalogs that are new. */
static enum err
number_all(struct run *run)
{
	const struct conf *conf = run->conf;
	struct err_where where = {0};
	uint8_t catalogs[CATALOGS_MAX], backends[BACKENDS_MAX];

	for (size_t i = 0; i < conf->n_catalogs; i++) {
		char text[DNAME_TEXT_MAX];
		struct number_job n = {.job.run = number_catalog,
		    .catalog = &conf->catalogs[i]->name};
		enum err err = store_call(run->store, STORE_CATALOG, &n.job);
		if (err != OK)
			return fail("making a catalog", err, &where);
		catalogs[i] = n.nr;
		log_info("agent", "catalog=%s zone=%s serial=%u members=%llu%s",
		    conf->catalogs[i]->label, dname_print_short(n.catalog, text),
		    n.head.soa.serial, (unsigned long long)n.head.n_members,
		    n.is_new ? " new" : "");
	}
	for (size_t i = 0; i < conf->n_backends; i++) {
		const struct conf_backend *b = conf->backends[i];
		struct number_job n = {.job.run = number_backend, .backend = b->name};
		enum err err = store_call(run->store, STORE_CATALOG, &n.job);
		if (err != OK)
			return fail("numbering a backend", err, &where);
		backends[i] = n.nr;
		log_info("agent", "backend=%s driver=%s", b->name, b->driver->name);
	}
	conf_wire(run->conf, catalogs, backends, (uint64_t)time(NULL));
	return OK;
}

/* -- patterns -------------------------------------------------------------- */

static enum err
load_patterns(struct run *run, struct pattern_set **out)
{
	const struct conf *conf = run->conf;
	struct err_where where = {0};
	const struct pattern *p;
	size_t n, n_faults = 0;

	/* The keys of the start: the drivers have them and no others. */
	enum err err = pattern_load(conf->pattern_dir, conf->ring, &where, out);
	if (err != OK)
		return fail("reading patterns", err, &where);
	for (n = 0; (p = pattern_at(*out, n)) != NULL; n++) {
		if (pattern_error(p) == NULL)
			continue;
		n_faults++;
		log_warn("pattern", "pattern=%s unusable: %s", pattern_name(p),
		    pattern_error(p));
	}
	log_info("pattern", "dir=%s patterns=%zu unusable=%zu", conf->pattern_dir, n,
	    n_faults);
	return OK;
}

/* -- opening --------------------------------------------------------------- */

static void
wake_loop(void *arg)
{
	uv_async_send(arg);
}

static void reread(struct run *run, const char *cause);

static void
on_wake(uv_async_t *async)
{
	struct run *run = async->data;

	if (run->store != NULL)
		store_reap(run->store);
	/* Once for all that came in this group, not amid their replies, and not
	 * while it stops. */
	if (run->reread_wanted && run->net != NULL)
		reread(run, "cause=reconfigure");
}

static void
on_reconfigure(void *arg)
{
	struct run *run = arg;

	run->reread_wanted = true;
}

static enum err
open_store(struct run *run)
{
	struct store_conf sc;
	struct err_where where = {0};

	conf_get_store(run->conf, &sc);
	sc.wake = wake_loop;
	sc.wake_arg = &run->wake;
	enum err err = store_open(&sc, &where, &run->store);
	if (err != OK)
		return fail("opening the state directory", err, &where);
	log_info("agent", "state-dir=%s last-stop=%s", run->conf->state_dir,
	    store_was_unclean(run->store) ? "unclean-or-none" : "clean");
	return OK;
}

/* The certificates to listen with; *tls NULL: there is nothing to. */
static enum err
load_tls(const struct conf *conf, struct tls_ctx **tls)
{
	struct tls_files files;
	struct err_where where = {0};

	*tls = NULL;
	if (conf->n_listen_tls == 0)
		return OK;
	conf_get_tls_server(conf, &files);
	enum err err = tls_server_new(&files, &where, tls);
	return err == OK ? OK : fail("loading TLS certificates", err, &where);
}

/* Nobody asked for ::1, and it need not be there. */
static void
drop_missing_ipv6(struct conf *conf)
{
	if (!conf->listen_is_default || conf->n_listen < 2)
		return;
	struct addr any = conf->listen[1];
	addr_set_port(&any, 0);
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, &any.u.sa, addr_size(&any)) != 0)
		conf->n_listen = 1;
	if (fd >= 0)
		close(fd);
}

static enum err
open_net(struct run *run)
{
	struct net_conf nc;
	struct err_where where = {0};
	const struct addr *addr;
	char text[ADDR_TEXT_MAX];

	drop_missing_ipv6(run->conf);
	conf_get_net(run->conf, &nc);
	enum err err = load_tls(run->conf, &nc.tls);
	if (err != OK)
		return err;
	err = net_open(&run->loop, &nc, run->proto, &where, &run->net);
	tls_ctx_unref(nc.tls);
	if (err != OK)
		return fail("opening sockets", err, &where);
	for (size_t i = 0; (addr = net_address(run->net, i)) != NULL; i++)
		log_info("agent", "listen=%s", addr_print(addr, text));
	for (size_t i = 0; (addr = net_tls_address(run->net, i)) != NULL; i++)
		log_info("agent", "listen-tls=%s", addr_print(addr, text));
	return OK;
}

static enum err
start_deploy(struct run *run)
{
	struct err_where where = {0};
	struct deploy_conf dc = {
	    .store = run->store,
	    .patterns = run->patterns,
	    .backends = run->conf->deploy,
	    .n_backends = run->conf->n_backends,
	};

	if (dc.n_backends == 0)
		return OK;
	enum err err = deploy_start(&dc, &where, &run->deploy);
	return err == OK ? OK : fail("starting backends", err, &where);
}

static enum err
open_rooms(struct run *run)
{
	enum err err = open_store(run);

	if (err == OK)
		err = number_all(run);
	if (err == OK && run->conf->pattern_dir != NULL)
		err = load_patterns(run, &run->patterns);
	if (err != OK)
		return err;
	run->proto_conf = mem_dup(&run->conf->proto, sizeof(run->conf->proto));
	run->proto = proto_new(run->store, run->proto_conf, &net_effects);
	proto_on_reconfigure(run->proto, on_reconfigure, run);
	err = open_net(run);
	if (err == OK)
		err = start_deploy(run);
	return err;
}

/* -- reloading ------------------------------------------------------------- */

static void
on_change(void *arg, const char *section, const char *name)
{
	(void)arg;
	log_warn("reload", "section=\"%s\" setting=%s changed: needs a restart",
	    section, name);
}

static void
log_faults(const struct conf *conf)
{
	char *text;

	for (size_t i = 0; (text = conf_fault_text(conf, i)) != NULL; i++) {
		log_error("conf", "%s", text);
		free(text);
	}
}

/* Patterns and drivers have the keys of the start until the end. */
static void
log_key_changes(const struct keyring *ring, const struct conf *now)
{
	for (size_t i = 0; i < now->n_keys; i++) {
		const struct key *key = now->keys[i]->key;
		const struct key *old = keyring_find(ring, key_name(key));
		if (old == NULL)
			log_warn("reload",
			    "key=%s new: backends know it after a restart",
			    key_name_text(key));
		else if (!key_equal(old, key))
			log_warn("reload",
			    "key=%s changed: backends use the old one until a restart",
			    key_name_text(key));
	}
}

/* Connections that are there keep the certificates they began with. */
static void
reload_tls(struct run *run, const struct conf *now)
{
	struct tls_ctx *tls;

	if (net_tls_address(run->net, 0) == NULL)
		return;
	if (load_tls(now, &tls) != OK) {
		log_error("reload", "TLS certificates stay as they were");
		return;
	}
	if (tls == NULL) /* listen-tls is gone, which needs a restart */
		return;
	net_set_tls(run->net, tls);
	tls_ctx_unref(tls);
	log_info("reload", "tls-cert=%s", now->tls_cert);
}

/* Keys and their rights, and the log level. Faults: all stays as it was. */
static void
reload_conf(struct run *run)
{
	struct conf *now;

	if (conf_load(run->conf->path, &now) != OK) {
		log_faults(now);
		log_error("reload",
		    "file=%s has faults: keys and rights stay as they were",
		    run->conf->path);
		conf_free(now);
		return;
	}
	conf_each_change(run->conf, now, on_change, NULL);
	log_key_changes(run->conf->ring, now);
	if (!run->verbose)
		log_set_level(now->log);
	struct proto_conf *pc = mem_dup(&run->conf->proto, sizeof(*pc));
	pc->keys = now->proto.keys;
	pc->n_keys = now->proto.n_keys;
	proto_reload(run->proto, pc);
	free(run->proto_conf);
	run->proto_conf = pc;
	if (run->keys != run->conf)
		conf_free(run->keys);
	run->keys = now;
	log_info("reload", "keys=%zu", now->n_keys);
	reload_tls(run, now);
}

static void
reload_patterns(struct run *run)
{
	struct pattern_set *set;

	if (run->conf->pattern_dir == NULL || load_patterns(run, &set) != OK)
		return;
	if (run->deploy != NULL)
		deploy_set_patterns(run->deploy, set);
	pattern_set_unref(run->patterns);
	run->patterns = set;
}

/* -- signals --------------------------------------------------------------- */

static void
say_ready(const struct run *run)
{
	char status[128];

	snprintf(status, sizeof(status), "%zu catalogs, %zu backends",
	    run->conf->n_catalogs, run->conf->n_backends);
	notify_ready(status);
}

static void
reread(struct run *run, const char *cause)
{
	run->reread_wanted = false;
	log_info("reload", "%s", cause);
	notify_reloading();
	reload_conf(run);
	reload_patterns(run);
	say_ready(run);
}

static void
on_net_closed(void *arg)
{
	struct run *run = arg;

	uv_stop(&run->loop);
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
		reread(run, "signal=HUP");
		return;
	}
	log_info("agent", "stopping signal=%s", number == SIGTERM ? "TERM" : "INT");
	close_signals(run);      /* another one ends it at once, as ever, */
	signal(SIGHUP, SIG_IGN); /* but not one that only asks for a reload */
	notify_stopping();
	net_close(run->net, on_net_closed, run);
	run->net = NULL;
}

static void
open_loop(struct run *run)
{
	static const int numbers[N_SIGNALS] = {SIGTERM, SIGINT, SIGHUP};
	int rc = uv_loop_init(&run->loop);

	if (rc == 0)
		rc = uv_async_init(&run->loop, &run->wake, on_wake);
	run->wake.data = run;
	for (size_t i = 0; i < N_SIGNALS && rc == 0; i++) {
		rc = uv_signal_init(&run->loop, &run->signals[i]);
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
	if (run->net != NULL) {
		net_close(run->net, on_net_closed, run);
		uv_run(&run->loop, UV_RUN_DEFAULT);
	}
	if (run->deploy != NULL)
		deploy_stop(run->deploy);
	store_close(run->store); /* the replies nobody waits for come back to proto */
	run->store = NULL;
	if (run->proto != NULL)
		proto_free(run->proto);
	pattern_set_unref(run->patterns);
	free(run->proto_conf);
	if (run->keys != run->conf)
		conf_free(run->keys);
	conf_free(run->conf);
}

static void
close_loop(struct run *run)
{
	close_signals(run);
	uv_close((uv_handle_t *)&run->wake, NULL);
	uv_run(&run->loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&run->loop) != 0)
		log_warn("agent", "handles left open at the end");
}

enum err
run_agent(struct conf **conf, bool verbose)
{
	struct run run = {.verbose = verbose, .conf = *conf, .keys = *conf};

	*conf = NULL;
	prepare_process();
	log_info("agent", "nsherdd version=%s name=%s pid=%ld conf=%s", NSHERD_VERSION,
	    run.conf->name, (long)getpid(), run.conf->path);
	open_loop(&run);
	enum err err = open_rooms(&run);
	if (err == OK) {
		log_info("agent", "ready catalogs=%zu backends=%zu keys=%zu",
		    run.conf->n_catalogs, run.conf->n_backends, run.conf->n_keys);
		say_ready(&run);
		uv_run(&run.loop, UV_RUN_DEFAULT);
	}
	close_rooms(&run);
	close_loop(&run);
	if (err == OK)
		log_info("agent", "stopped");
	return err;
}
