/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A reload, all or nothing:
 *
 *   read     the configuration, patterns, certificates (a thread of libuv's pool)
 *   number   catalogs and backends that are new (the store's writer)
 *   prepare  drivers look at their sections, new sockets are opened
 *   commit   every room takes what is new, within one callback of the loop
 *   finish   backends that stop are waited for, others begin (again the pool)
 *
 * A fault anywhere before the commit ends it, with the file and line in the log, and
 * nothing has changed. The loop never waits: queries, UPDATEs and transfers go on
 * all the time, and those under way keep the keys and catalogs they came under.
 */
#include "agent/reload.h"

#include <stdlib.h>
#include <string.h>

#include "agent/conf.h"
#include "agent/deploy/deploy.h"
#include "agent/net/net.h"
#include "agent/net/outward.h"
#include "agent/notify.h"
#include "agent/pattern/pattern.h"
#include "agent/proto/proto.h"
#include "agent/rooms.h"
#include "agent/telemetry.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/tls.h"

struct reload {
	struct rooms *rooms;
	void (*done)(void *arg);
	void *arg;
	bool busy, stopping;
	const char *next; /* one more afterwards, for that cause; NULL: none */
	uv_work_t work;
	/* Of the one under way. */
	struct conf *now;
	struct pattern_set *patterns;
	struct tls_ctx *tls, *client_tls;
	struct rooms_numbers *numbers;
	struct deploy_change *deploy;
};

/* -- the end --------------------------------------------------------------- */

static void
end(struct reload *r)
{
	const char *next = r->next;

	conf_free(r->now);
	pattern_set_unref(r->patterns);
	tls_ctx_unref(r->tls);
	tls_ctx_unref(r->client_tls);
	free(r->numbers);
	r->now = NULL;
	r->patterns = NULL;
	r->tls = r->client_tls = NULL;
	r->numbers = NULL;
	r->busy = false;
	r->next = NULL;
	if (r->stopping)
		return;
	r->done(r->arg);
	if (next != NULL)
		reload_start(r, next);
}

static void
refuse(struct reload *r)
{
	char *text;

	for (size_t i = 0; (text = conf_fault_text(r->now, i)) != NULL; i++) {
		log_error("reload", "fault=\"%s\"", text);
		free(text);
	}
	log_error("reload", "file=%s text=\"has faults: nothing is changed\"",
	    r->now->path);
	end(r);
}

/* -- what is different: for the log ------------------------------------------ */

static void
log_keys(const struct keyring *was, const struct keyring *is)
{
	const struct key *key;

	for (size_t i = 0; (key = keyring_at(is, i)) != NULL; i++) {
		const struct key *old = keyring_find(was, key_name(key));
		if (old == NULL || !key_equal(old, key))
			log_info("reload", "key=%s %s", key_name_text(key),
			    old == NULL ? "new" : "changed");
	}
	for (size_t i = 0; (key = keyring_at(was, i)) != NULL; i++)
		if (keyring_find(is, key_name(key)) == NULL)
			log_info("reload", "key=%s removed", key_name_text(key));
}

static bool
has_catalog(const struct conf *conf, const struct dname *name)
{
	for (size_t i = 0; i < conf->n_catalogs; i++)
		if (dname_equal(&conf->catalogs[i]->name, name))
			return true;
	return false;
}

static void
log_catalogs(const struct reload *r)
{
	const struct conf *was = r->rooms->conf, *is = r->now;

	for (size_t i = 0; i < is->n_catalogs; i++)
		if (!has_catalog(was, &is->catalogs[i]->name))
			rooms_log_catalog(r->numbers, i);
	for (size_t i = 0; i < was->n_catalogs; i++) {
		const struct conf_catalog *c = was->catalogs[i];
		if (!has_catalog(is, &c->name))
			log_warn("reload",
			    "catalog=%s removed text=\"its zones go on being served\"",
			    c->label);
	}
}

static void
log_addresses(const struct net *net)
{
	const struct addr *addr;
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; (addr = net_address(net, i)) != NULL; i++)
		log_info("reload", "listen=%s", addr_print(addr, text));
	for (size_t i = 0; (addr = net_tls_address(net, i)) != NULL; i++)
		log_info("reload", "listen-tls=%s", addr_print(addr, text));
}

static void
on_fixed(void *arg, const char *name, unsigned line)
{
	const struct conf *now = arg;

	log_warn("reload", "fault=\"%s:%u: %s: needs a restart to change\"", now->path,
	    line, name);
}

/* -- finish ---------------------------------------------------------------- */

static void
finish(uv_work_t *work)
{
	struct reload *r = work->data;

	deploy_finish(r->deploy);
}

static void
after_finish(uv_work_t *work, int status)
{
	struct reload *r = work->data;

	(void)status; /* never cancelled */
	r->deploy = NULL;
	end(r);
}

/* -- prepare, and commit --------------------------------------------------- */

static enum err
prepare_deploy(struct reload *r)
{
	struct err_where where = {0};
	const struct deploy_conf dc = {
	    .store = r->rooms->store,
	    .patterns = r->patterns,
	    .backends = r->now->deploy,
	    .n_backends = r->now->n_backends,
	};

	enum err err = deploy_prepare(r->rooms->deploy, &dc, &where, &r->deploy);
	if (err != OK && where.line == 0) /* not one setting alone */
		conf_fault(r->now, 0, "%s", where.what);
	else if (err != OK)
		conf_fault_at(r->now, &where);
	return err;
}

static enum err
prepare_net(struct reload *r, struct net_change **change)
{
	struct net_conf nc;
	struct err_where where = {0};

	rooms_drop_missing_ipv6(r->now);
	conf_get_net(r->now, &nc);
	nc.tls = r->tls;
	enum err err = net_prepare(r->rooms->net, &nc, &where, change);
	if (err != OK)
		conf_fault_in(r->now, where.file, &where);
	return err;
}

static enum err
prepare_telemetry(struct reload *r, struct telemetry_change **change)
{
	struct err_where where = {0};
	enum err err = telemetry_prepare(r->rooms->telemetry, r->now, &where, change);

	if (err != OK)
		conf_fault_in(r->now, where.file, &where);
	return err;
}

static void
commit(struct reload *r, struct net_change *net, struct telemetry_change *telemetry)
{
	struct rooms *rooms = r->rooms;
	struct conf *old = rooms->conf;
	struct pattern_set *patterns = rooms->patterns;
	struct outward_conf oc;

	log_keys(old->ring, r->now->ring);
	log_catalogs(r);
	rooms_log_patterns(r->now, r->patterns);
	if (!rooms->verbose)
		log_set_level(r->now->log);
	rooms_get_outward(r->now, r->client_tls, &oc);
	outward_set(rooms->outward, &oc);
	proto_reload(rooms->proto, &r->now->proto);
	net_commit(net);
	deploy_commit(r->deploy);
	telemetry_commit(telemetry);
	rooms_log_metrics(rooms, "reload");
	log_addresses(rooms->net);
	if (r->tls != NULL)
		log_info("reload", "tls-cert=%s", r->now->tls_cert);
	rooms->conf = r->now;
	rooms->patterns = r->patterns;
	r->now = old; /* goes with the rest */
	r->patterns = patterns;
	log_info("reload", "keys=%zu catalogs=%zu backends=%zu", rooms->conf->n_keys,
	    rooms->conf->n_catalogs, rooms->conf->n_backends);
}

static void
apply(struct reload *r)
{
	struct net_change *net = NULL;
	struct telemetry_change *telemetry;

	conf_wire(r->now, r->numbers->catalogs, r->numbers->backends,
	    r->rooms->started);
	if (prepare_deploy(r) != OK) {
		refuse(r);
		return;
	}
	enum err err = prepare_net(r, &net);
	if (err == OK)
		err = prepare_telemetry(r, &telemetry);
	if (err != OK) {
		net_cancel(net);
		deploy_cancel(r->deploy);
		r->deploy = NULL;
		refuse(r);
		return;
	}
	commit(r, net, telemetry);
	uv_queue_work(&r->rooms->loop, &r->work, finish, after_finish);
}

/* -- number ---------------------------------------------------------------- */

struct number_job {
	struct store_job job; /* first */
	struct reload *reload;
};

/* From store_reap(). */
static void
after_numbers(struct store_job *job, enum err err)
{
	struct reload *r = ((struct number_job *)job)->reload;

	free(job);
	if (r->stopping) {
		end(r);
	} else if (err != OK) {
		conf_fault(r->now, 0, "making catalogs: %s", err_str(err));
		refuse(r);
	} else {
		apply(r);
	}
}

static enum err
run_numbers(struct store_txn *txn, struct store_job *job)
{
	struct rooms_numbers *n = ((struct number_job *)job)->reload->numbers;

	return n->job.run(txn, &n->job);
}

/* -- read ------------------------------------------------------------------ */

static void
read_files(uv_work_t *work)
{
	struct reload *r = work->data;
	struct err_where where = {0};

	/* Its path does not change while this is under way. */
	if (conf_load(r->rooms->conf->path, &r->now) != OK)
		return;
	if (rooms_load_patterns(r->now, &where, &r->patterns) != OK)
		conf_fault_in(r->now, "pattern-dir", &where);
	else if (rooms_load_tls(r->now, &where, &r->tls) != OK ||
		 rooms_load_client_tls(r->now, &where, &r->client_tls) != OK)
		conf_fault_tls(r->now, &where);
}

static void
after_read(uv_work_t *work, int status)
{
	struct reload *r = work->data;

	(void)status; /* never cancelled */
	if (r->stopping) {
		end(r);
		return;
	}
	if (r->now->n_faults > 0) {
		refuse(r);
		return;
	}
	conf_keep_fixed(r->now, r->rooms->conf, on_fixed, r->now);
	r->numbers = rooms_numbers_new(r->now);
	r->numbers->is_reload = true;
	struct number_job *job = mem_zalloc(sizeof(*job));
	job->job =
	    (struct store_job){.run = run_numbers, .done = after_numbers, .reap = true};
	job->reload = r;
	store_submit(r->rooms->store, STORE_CATALOG, &job->job);
}

/* -- life ------------------------------------------------------------------ */

void
reload_start(struct reload *r, const char *cause)
{
	if (r->stopping)
		return;
	if (r->busy) {
		r->next = cause;
		return;
	}
	log_info("reload", "%s", cause);
	notify_reloading();
	r->busy = true;
	r->work.data = r;
	uv_queue_work(&r->rooms->loop, &r->work, read_files, after_read);
}

struct reload *
reload_new(struct rooms *rooms, void (*done)(void *arg), void *arg)
{
	struct reload *r = mem_zalloc(sizeof(*r));

	r->rooms = rooms;
	r->done = done;
	r->arg = arg;
	return r;
}

void
reload_free(struct reload *r)
{
	free(r);
}

bool
reload_is_busy(const struct reload *r)
{
	return r->busy;
}

void
reload_stop(struct reload *r)
{
	r->stopping = true;
	if (r->rooms->deploy != NULL)
		deploy_hurry(r->rooms->deploy);
}
