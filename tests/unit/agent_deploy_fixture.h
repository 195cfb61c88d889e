/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_AGENT_DEPLOY_FIXTURE_H
#define TESTS_UNIT_AGENT_DEPLOY_FIXTURE_H

/*
 * A world for the tests of agent/deploy: a real store, a catalog, patterns, and
 * a name server made of a table, whose driver can be told what to answer.
 * Include after "tests/unit/test.h".
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/deploy/deploy.h"
#include "agent/store/catalogs.h"
#include "agent/store/ledger.h"
#include "agent/store/members.h"
#include "agent/store/status.h"
#include "agent/store/worklog.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/rr.h"

#define UNUSED __attribute__((unused))

/* -- the toy server ------------------------------------------------------------ */

enum { TOY_MAX = 64, TOY_OPS = 4096 };

struct toy_op {
	enum backend_op_kind kind;
	char zone[80];
	char mark[128];
};

static struct toy {
	pthread_mutex_t lock;
	struct {
		struct dname name;
		char mark[128];
		bool foreign;
	} * zones;
	size_t n, room;
	struct toy_op ops[TOY_OPS];
	size_t n_ops, n_prepare, n_lookup, n_inventory, n_retire, n_max_batch;
	size_t n_open, n_rekey, n_pardon;
	const struct keyring *keys; /* at the last rekey */
	char retired[1024];         /* marks still used, at the last retire */
	/* script */
	bool down;         /* nothing works */
	bool no_inventory; /* identify works, inventory does not */
	bool hang;         /* apply waits for the cancel descriptor */
	bool bad_conf;     /* check fails */
	bool no_open;      /* open does */
	unsigned process;
	enum backend_result result; /* of the next n_result operations */
	unsigned n_result, retry_s;
	bool unknown_happens; /* UNKNOWN ones were, and additions REJECTED */
	char reject_pattern[64];
	int cancel_fd;
} toy = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t
toy_find(const struct dname *zone)
{
	size_t i = 0;
	while (i < toy.n && !dname_equal(&toy.zones[i].name, zone))
		i++;
	return i;
}

static void
toy_put(const struct dname *zone, const char *mark)
{
	size_t i = toy_find(zone);
	if (i == toy.n) {
		toy.zones = mem_grow(toy.zones, toy.n, &toy.room, sizeof(*toy.zones));
		toy.zones[toy.n++].name = *zone;
	}
	toy.zones[i].foreign = mark == NULL;
	snprintf(toy.zones[i].mark, sizeof(toy.zones[i].mark), "%s", mark ? mark : "");
}

static bool
toy_drop(const struct dname *zone)
{
	size_t i = toy_find(zone);
	if (i == toy.n)
		return false;
	toy.zones[i] = toy.zones[--toy.n];
	return true;
}

static enum err
toy_down(struct backend_error *why)
{
	if (!toy.down)
		return OK;
	snprintf(why->text, sizeof(why->text), "connection refused");
	return ERR_CLOSED;
}

static enum err
toy_check(const struct backend_conf *conf, struct err_where *where)
{
	pthread_mutex_lock(&toy.lock);
	bool bad = toy.bad_conf;
	pthread_mutex_unlock(&toy.lock);
	return bad ? err_at(where, "conf", 7, "backend %s: bad", conf->name) : OK;
}

static enum err
toy_open(const struct backend_conf *conf, struct err_where *where, void **ctx)
{
	pthread_mutex_lock(&toy.lock);
	toy.cancel_fd = conf->cancel_fd;
	toy.n_open++;
	bool no = toy.no_open;
	pthread_mutex_unlock(&toy.lock);
	*ctx = &toy;
	return no ? err_at(where, "", 0, "cannot be opened") : OK;
}

static enum err
toy_rekey(void *ctx, const struct keyring *keys, struct backend_error *why)
{
	(void)ctx;
	pthread_mutex_lock(&toy.lock);
	toy.n_rekey++;
	toy.keys = keys;
	enum err err = toy_down(why);
	pthread_mutex_unlock(&toy.lock);
	return err;
}

static void
toy_close(void *ctx)
{
	(void)ctx;
}

static enum err
toy_identify(void *ctx, struct backend_identity *id, struct backend_error *why)
{
	(void)ctx;
	pthread_mutex_lock(&toy.lock);
	enum err err = toy_down(why);
	snprintf(id->product, sizeof(id->product), "toy");
	snprintf(id->version, sizeof(id->version), "1.0");
	snprintf(id->process, sizeof(id->process), "p%u", toy.process);
	pthread_mutex_unlock(&toy.lock);
	return err;
}

static enum err
toy_inventory(void *ctx, backend_zone_fn *fn, void *arg, struct backend_error *why)
{
	(void)ctx;
	pthread_mutex_lock(&toy.lock);
	enum err err = toy_down(why);
	toy.n_inventory++;
	if (err == OK && toy.no_inventory) {
		snprintf(why->text, sizeof(why->text), "still loading");
		err = ERR_BUSY;
	}
	for (size_t i = 0; err == OK && i < toy.n; i++)
		err = fn(arg, &toy.zones[i].name,
		    toy.zones[i].foreign ? NULL : toy.zones[i].mark);
	pthread_mutex_unlock(&toy.lock);
	return err;
}

static enum err
toy_lookup(void *ctx, const struct dname *zones, size_t n, backend_zone_fn *fn,
    void *arg, struct backend_error *why)
{
	(void)ctx;
	pthread_mutex_lock(&toy.lock);
	enum err err = toy_down(why);
	toy.n_lookup++;
	for (size_t i = 0; err == OK && i < n; i++) {
		size_t at = toy_find(&zones[i]);
		if (at < toy.n)
			err = fn(arg, &zones[i],
			    toy.zones[at].foreign ? NULL : toy.zones[at].mark);
	}
	pthread_mutex_unlock(&toy.lock);
	return err;
}

static enum err
toy_prepare(void *ctx, struct settings *const *settings, size_t n,
    enum backend_result *results, struct backend_error *texts,
    struct backend_error *why)
{
	(void)ctx;
	pthread_mutex_lock(&toy.lock);
	enum err err = toy_down(why);
	toy.n_prepare++;
	for (size_t i = 0; i < n; i++) {
		bool no = strcmp(settings[i]->pattern, toy.reject_pattern) == 0;
		results[i] = no ? RESULT_REJECTED : RESULT_OK;
		snprintf(texts[i].text, sizeof(texts[i].text), "%s",
		    no ? "cannot be printed" : "");
	}
	pthread_mutex_unlock(&toy.lock);
	return err;
}

static void
toy_mark_of(void *ctx, const struct settings *s, char mark[static 128])
{
	(void)ctx;
	snprintf(mark, 128, "toy-%s.%s.%s", s->pattern, s->version, s->hash);
}

static enum err
toy_retire(void *ctx, const char *const *marks, size_t n, struct backend_error *why)
{
	(void)ctx;
	pthread_mutex_lock(&toy.lock);
	enum err err = toy_down(why);
	toy.n_retire++;
	toy.retired[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		size_t at = strlen(toy.retired);
		snprintf(toy.retired + at, sizeof(toy.retired) - at, "%s ", marks[i]);
	}
	pthread_mutex_unlock(&toy.lock);
	return err;
}

static void
toy_do(struct backend_op *op)
{
	if (op->kind == OP_ADD || op->kind == OP_CHANGE) {
		toy_mark_of(NULL, op->settings, op->mark);
		toy_put(&op->zone, op->mark);
	} else if (op->kind == OP_REMOVE && !toy_drop(&op->zone)) {
		op->result = RESULT_ALREADY;
	}
}

static void
toy_apply_op(struct backend_op *op)
{
	char text[DNAME_TEXT_MAX];
	struct toy_op *seen = &toy.ops[toy.n_ops < TOY_OPS ? toy.n_ops++ : TOY_OPS - 1];
	seen->kind = op->kind;
	snprintf(seen->zone, sizeof(seen->zone), "%.60s%s",
	    dname_print_short(&op->zone, text),
	    op->kind != OP_PURGE || settings_record_is_own(op->zonefile)
		? ""
		: " (no file)");
	op->result = RESULT_OK;
	if (toy.n_result > 0) {
		toy.n_result--;
		op->result = toy.result;
		op->retry_s = toy.retry_s;
		snprintf(op->text, sizeof(op->text), "as the script says");
		if (toy.unknown_happens &&
		    (op->result == RESULT_UNKNOWN ||
			(op->result == RESULT_REJECTED && op->kind == OP_ADD)))
			toy_do(op);
		return;
	}
	toy_do(op);
	snprintf(seen->mark, sizeof(seen->mark), "%s", op->mark);
}

static enum err
toy_apply(void *ctx, struct backend_op *ops, size_t n, struct backend_error *why)
{
	(void)ctx;
	pthread_mutex_lock(&toy.lock);
	bool hang = toy.hang;
	enum err err = toy_down(why);
	if (n > toy.n_max_batch)
		toy.n_max_batch = n;
	for (size_t i = 0; err == OK && !hang && i < n; i++)
		toy_apply_op(&ops[i]);
	pthread_mutex_unlock(&toy.lock);
	if (!hang || err != OK)
		return err;
	struct pollfd fd = {.fd = toy.cancel_fd, .events = POLLIN};
	(void)poll(&fd, 1, 30000);
	for (size_t i = 0; i < n; i++)
		ops[i].result = RESULT_UNKNOWN;
	return ERR_CANCELED;
}

static void
toy_pardon(void *ctx)
{
	(void)ctx;
	pthread_mutex_lock(&toy.lock);
	toy.n_pardon++;
	pthread_mutex_unlock(&toy.lock);
}

static enum err
toy_command(void *ctx, enum backend_verb verb, const struct dname *zone,
    struct backend_error *why)
{
	(void)ctx;
	(void)verb;
	(void)zone;
	(void)why;
	return ERR_UNSUPPORTED;
}

static const struct backend_driver toy_driver = {
    .name = "toy",
    .batch_max = TOY_MAX,
    .caps = CAP_LIST | CAP_RESTART_ID | CAP_TYPE_CHANGE,
    .check = toy_check,
    .open = toy_open,
    .close = toy_close,
    .rekey = toy_rekey,
    .identify = toy_identify,
    .inventory = toy_inventory,
    .lookup = toy_lookup,
    .prepare = toy_prepare,
    .mark_of = toy_mark_of,
    .retire = toy_retire,
    .apply = toy_apply,
    .pardon = toy_pardon,
    .command = toy_command,
};

/* -- the world --------------------------------------------------------------------- */

struct world {
	char dir[64], patterns_dir[80];
	struct store *store;
	struct pattern_set *patterns;
	struct deploy *deploy;
	struct deploy_catalog catalogs[2];
	struct deploy_backend_conf backend;
	struct keyring *ring;
	uint64_t log_bytes; /* 0: as the store has it */
};

UNUSED static struct dname
zone_of(const char *text)
{
	struct dname zone;
	assert_int_equal(dname_parse(text, &zone), OK);
	return zone;
}

UNUSED static void
write_pattern(struct world *w, const char *name, const char *text)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s.ini", w->patterns_dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

UNUSED static void
load_patterns(struct world *w)
{
	struct err_where where = {.line = 0};
	struct pattern_set *set = NULL;
	assert_int_equal(pattern_load(w->patterns_dir, NULL, &where, &set), OK);
	pattern_set_unref(w->patterns);
	w->patterns = set;
}

struct setup_job {
	struct store_job job;
	struct world *w;
};

UNUSED static enum err
setup_run(struct store_txn *txn, struct store_job *job)
{
	struct world *w = ((struct setup_job *)job)->w;
	static const char *const names[] = {"catalog.test", "other.test"};
	for (size_t i = 0; i < 2; i++) {
		struct catalog_head head = {.name = zone_of(names[i])};
		head.soa.mname = head.soa.rname = zone_of("invalid.");
		head.soa.serial = 1;
		enum err err = catalogs_find(txn, &head.name, &head);
		if (err == ERR_NOTFOUND)
			err = catalogs_add(txn, &head);
		if (err != OK)
			return err;
		w->catalogs[i].nr = head.nr;
	}
	return backends_number(txn, "toy1", &w->backend.nr);
}

UNUSED static void
world_open_store(struct world *w)
{
	char dir[128];
	snprintf(dir, sizeof(dir), "%s/state", w->dir);
	struct store_conf conf = {.dir = dir,
	    .map_size = (size_t)256 << 20,
	    .log_bytes = w->log_bytes};
	struct err_where where = {.line = 0};
	if (store_open(&conf, &where, &w->store) != OK)
		fail_msg("store: %s %s", where.file, where.what);
	struct setup_job job = {.job = {.run = setup_run}, .w = w};
	assert_int_equal(store_call(w->store, STORE_CATALOG, &job.job), OK);
}

UNUSED static void
world_start(struct world *w)
{
	struct err_where where = {.line = 0};
	struct deploy_conf conf = {.store = w->store,
	    .patterns = w->patterns,
	    .backends = &w->backend,
	    .n_backends = 1};
	if (deploy_start(&conf, &where, &w->deploy) != OK)
		fail_msg("deploy: %s: %s", where.file, where.what);
}

UNUSED static void
world_stop(struct world *w)
{
	struct timespec a, b;
	clock_gettime(CLOCK_MONOTONIC, &a);
	deploy_stop(w->deploy);
	clock_gettime(CLOCK_MONOTONIC, &b);
	w->deploy = NULL;
	assert_true(b.tv_sec - a.tv_sec <= 5);
}

UNUSED static struct world *
world_new(const struct backend_driver *driver)
{
	struct world *w = mem_zalloc(sizeof(*w));
	log_init("test", getenv("V") ? LOG_DEBUG : LOG_ERROR);
	snprintf(w->dir, sizeof(w->dir), "/tmp/nsherd-deploy-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->patterns_dir, sizeof(w->patterns_dir), "%s/p", w->dir);
	char command[128];
	snprintf(command, sizeof(command), "mkdir -p %s", w->patterns_dir);
	assert_int_equal(system(command), 0);
	write_pattern(w, "primary",
	    "[pattern]\nrole = primary\nzonefile = ${zone}.zone\n");
	write_pattern(w, "secondary",
	    "[pattern]\nrole = secondary\nprimaries = 127.0.0.1@5399\n"
	    "zonefile = s/${zone}.zone\n");
	load_patterns(w);
	w->backend.driver = driver;
	w->backend.backend.name = "toy1";
	w->backend.backend.timeout_ms = 30000;
	w->backend.catalogs = w->catalogs;
	w->backend.n_catalogs = 1;
	for (size_t i = 0; i < 2; i++)
		w->catalogs[i].purge_after_s = 7 * 86400;
	pthread_mutex_lock(&toy.lock);
	free(toy.zones);
	memset((char *)&toy + sizeof(toy.lock), 0, sizeof(toy) - sizeof(toy.lock));
	toy.process = 1;
	pthread_mutex_unlock(&toy.lock);
	world_open_store(w);
	return w;
}

UNUSED static void
world_free(struct world *w)
{
	char command[128];
	if (w->deploy != NULL)
		world_stop(w);
	store_close(w->store);
	pattern_set_unref(w->patterns);
	snprintf(command, sizeof(command), "rm -rf %s", w->dir);
	assert_int_equal(system(command), 0);
	free(toy.zones);
	toy.zones = NULL;
	toy.n = toy.room = 0;
	free(w);
}

/* As a crash leaves it: the status does not survive, the catalog does. */
UNUSED static void
world_crash(struct world *w)
{
	char command[128];
	world_stop(w);
	store_close(w->store);
	snprintf(command, sizeof(command), "rm -f %s/state/*status*", w->dir);
	assert_int_equal(system(command), 0);
	world_open_store(w);
}

/* -- the catalog --------------------------------------------------------------------
 */

enum { CHANGE_ADD = 1, CHANGE_DEL = 2, CHANGE_GROUP = 4, CHANGE_COO = 8 };
/* With CHANGE_DEL: a coo to the other catalog goes with it. */
enum { CHANGE_DEL_COO = 16 };

struct change {
	int what;
	const char *zone, *id, *group;
	size_t catalog;
};

struct change_job {
	struct store_job job;
	struct world *w;
	const struct change *changes;
	size_t n;
};

UNUSED static void
put_rr(struct buf *out, const char *id, const char *prop, uint16_t type,
    const uint8_t *rdata, size_t size)
{
	uint8_t prefix[255];
	size_t at = 0;
	const char *labels[] = {prop, id, "zones"};
	for (size_t i = 0; i < 3; i++) {
		if (labels[i] == NULL)
			continue;
		prefix[at++] = (uint8_t)strlen(labels[i]);
		memcpy(prefix + at, labels[i], strlen(labels[i]));
		at += strlen(labels[i]);
	}
	struct work_rr rr = {.prefix = prefix,
	    .prefix_size = (uint8_t)at,
	    .type = type,
	    .rdata = rdata,
	    .rdata_size = (uint16_t)size};
	work_rr_put(out, &rr);
}

UNUSED static void
change_one(struct store_txn *txn, struct world *w, const struct change *c, uint64_t seq,
    struct buf *del, struct buf *add)
{
	uint8_t nr = w->catalogs[c->catalog].nr;
	struct dname zone = zone_of(c->zone);
	struct label id = label_of(c->id);
	struct member m;
	uint8_t group[256];
	size_t size = 0;
	member_init(&m);
	if (c->what & CHANGE_DEL) {
		m.id = id;
		m.zone = zone;
		members_del(txn, nr, &m);
		put_rr(del, c->id, NULL, RR_PTR, zone.wire, zone.size);
		struct dname other = zone_of("other.test");
		if (c->what & CHANGE_DEL_COO)
			put_rr(del, c->id, "coo", RR_PTR, other.wire, other.size);
	}
	if (c->what & (CHANGE_ADD | CHANGE_GROUP | CHANGE_COO)) {
		m.id = id;
		m.zone = zone;
		m.seq = seq;
		m.changed = (uint64_t)time(NULL);
		if (c->group != NULL) {
			group[0] = (uint8_t)strlen(c->group);
			memcpy(group + 1, c->group, group[0]);
			size = (size_t)group[0] + 1;
			struct member_rr rr = {.prefix = (const uint8_t *)"\5group",
			    .prefix_size = 6,
			    .type = RR_TXT,
			    .rdata = group,
			    .rdata_size = (uint16_t)size};
			member_add_rr(&m, &rr);
		}
		struct dname other = zone_of("other.test");
		if (c->what & CHANGE_COO) {
			struct member_rr rr = {.prefix = (const uint8_t *)"\3coo",
			    .prefix_size = 4,
			    .type = RR_PTR,
			    .rdata = other.wire,
			    .rdata_size = other.size};
			member_add_rr(&m, &rr);
			put_rr(add, c->id, "coo", RR_PTR, other.wire, other.size);
		}
		members_put(txn, nr, &m);
		if (c->what & CHANGE_ADD)
			put_rr(add, c->id, NULL, RR_PTR, zone.wire, zone.size);
		if (size > 0)
			put_rr(add, c->id, "group", RR_TXT, group, size);
	}
	member_fini(&m);
}

UNUSED static enum err
change_run(struct store_txn *txn, struct store_job *job)
{
	struct change_job *cj = (struct change_job *)job;
	struct world *w = cj->w;
	struct buf del, add;
	uint64_t first, last;
	buf_init(&del, 0);
	buf_init(&add, 0);
	enum err err = worklog_range(txn, &first, &last);
	for (size_t i = 0; err == OK && i < cj->n; i++)
		change_one(txn, w, &cj->changes[i], last + 1, &del, &add);
	struct catalog_head head;
	uint8_t nr = w->catalogs[cj->changes[0].catalog].nr;
	if (err == OK)
		err = catalogs_get(txn, nr, &head);
	if (err == OK) {
		struct work work = {.kind = WORK_MEMBER,
		    .catalog = nr,
		    .time = (uint64_t)time(NULL),
		    .serial_from = head.soa.serial,
		    .serial_to = head.soa.serial + 1,
		    .del = del.data,
		    .del_size = del.size,
		    .add = add.data,
		    .add_size = add.size,
		    .text = ""};
		worklog_append(txn, &work);
		head.soa.serial++;
		head.seq = work.seq;
		catalogs_put(txn, &head);
	}
	buf_fini(&del);
	buf_fini(&add);
	return err;
}

UNUSED static void
change_many(struct world *w, const struct change *changes, size_t n)
{
	struct change_job job = {.job = {.run = change_run},
	    .w = w,
	    .changes = changes,
	    .n = n};
	assert_int_equal(store_call(w->store, STORE_CATALOG, &job.job), OK);
}

UNUSED static void
add_zone(struct world *w, const char *zone, const char *id, const char *group)
{
	struct change c = {CHANGE_ADD, zone, id, group, 0};
	change_many(w, &c, 1);
}

UNUSED static void
del_zone(struct world *w, const char *zone, const char *id)
{
	struct change c = {CHANGE_DEL, zone, id, NULL, 0};
	change_many(w, &c, 1);
}

UNUSED static void
set_group(struct world *w, const char *zone, const char *id, const char *group)
{
	struct change c = {CHANGE_GROUP, zone, id, group, 0};
	change_many(w, &c, 1);
}

/* -- what is seen ---------------------------------------------------------------------
 */

UNUSED static bool
get_status(struct world *w, const char *zone, struct zone_status *s)
{
	struct dname name = zone_of(zone);
	struct store_txn *txn = store_read(w->store, STORE_STATUS);
	enum err err = status_get(txn, w->catalogs[0].nr, &name, w->backend.nr, s);
	store_end(&txn);
	return err == OK;
}

UNUSED static void
nap(unsigned ms)
{
	struct timespec ts = {.tv_sec = ms / 1000,
	    .tv_nsec = (long)(ms % 1000) * 1000000};
	nanosleep(&ts, NULL);
}

/* Patience for the slowest machine with the slowest sanitizer; no test waits
 * that long when things are right. */
enum { PATIENCE_MS = 30000 };

#define EVENTUALLY(condition)                                                         \
	do {                                                                          \
		unsigned ms_ = 0;                                                     \
		while (!(condition) && ms_ < PATIENCE_MS) {                           \
			nap(5);                                                       \
			ms_ += 5;                                                     \
		}                                                                     \
		if (ms_ >= PATIENCE_MS)                                               \
			fail_msg("%s:%d: never: %s", __FILE__, __LINE__, #condition); \
	} while (0)

UNUSED static bool
is_state(struct world *w, const char *zone, enum zone_state state)
{
	struct zone_status s;
	return get_status(w, zone, &s) && s.state == state;
}

UNUSED static bool
is_error(struct world *w, const char *zone, const char *part)
{
	struct zone_status s;
	return get_status(w, zone, &s) && strstr(s.error, part) != NULL;
}

UNUSED static bool
is_unknown(struct world *w, const char *zone)
{
	struct zone_status s;
	return !get_status(w, zone, &s);
}

UNUSED static bool
get_ledger(struct world *w, const char *zone, struct ledger_entry *entry)
{
	struct dname name = zone_of(zone);
	struct store_txn *txn = store_read(w->store, STORE_CATALOG);
	enum err err = ledger_get(txn, w->backend.nr, &name, entry);
	store_end(&txn);
	return err == OK;
}

UNUSED static bool
in_ledger(struct world *w, const char *zone)
{
	struct ledger_entry entry;
	return get_ledger(w, zone, &entry);
}

UNUSED static bool
has_grave(struct world *w, const char *zone)
{
	struct dname name = zone_of(zone);
	struct grave g;
	struct store_txn *txn = store_read(w->store, STORE_CATALOG);
	enum err err = graveyard_get(txn, w->backend.nr, &name, &g);
	store_end(&txn);
	return err == OK;
}

UNUSED static uint64_t
get_mark(struct world *w)
{
	uint64_t seq = 0;
	struct store_txn *txn = store_read(w->store, STORE_CATALOG);
	assert_int_equal(marks_get(txn, w->backend.nr, &seq), OK);
	store_end(&txn);
	return seq;
}

UNUSED static bool
is_backend(struct world *w, const char *state)
{
	struct backend_status b;
	struct store_txn *txn = store_read(w->store, STORE_STATUS);
	bool is = status_get_backend(txn, w->backend.nr, &b) == OK &&
		  strcmp(b.state, state) == 0;
	store_end(&txn);
	return is;
}

/* "-": there is none. */
UNUSED static const char *
backend_error_text(struct world *w)
{
	static struct backend_status b;
	struct store_txn *txn = store_read(w->store, STORE_STATUS);
	if (status_get_backend(txn, w->backend.nr, &b) != OK)
		snprintf(b.error, sizeof(b.error), "-");
	store_end(&txn);
	return b.error;
}

UNUSED static bool
toy_has(const char *zone)
{
	struct dname name = zone_of(zone);
	pthread_mutex_lock(&toy.lock);
	bool has = toy_find(&name) < toy.n;
	pthread_mutex_unlock(&toy.lock);
	return has;
}

/* "remove a.test, add a.test", from the n-th operation on. */
UNUSED static const char *
toy_ops(size_t from)
{
	static char text[8192];
	static const char *const kinds[] = {"remove", "purge", "change", "add"};
	text[0] = '\0';
	pthread_mutex_lock(&toy.lock);
	for (size_t i = from; i < toy.n_ops; i++) {
		size_t at = strlen(text);
		snprintf(text + at, sizeof(text) - at, "%s%s %s", at ? ", " : "",
		    kinds[toy.ops[i].kind], toy.ops[i].zone);
	}
	pthread_mutex_unlock(&toy.lock);
	return text;
}

UNUSED static size_t
toy_n_ops(void)
{
	pthread_mutex_lock(&toy.lock);
	size_t n = toy.n_ops;
	pthread_mutex_unlock(&toy.lock);
	return n;
}

UNUSED static void
toy_script(enum backend_result result, unsigned n, bool unknown_happens)
{
	pthread_mutex_lock(&toy.lock);
	toy.result = result;
	toy.n_result = n;
	toy.unknown_happens = unknown_happens;
	pthread_mutex_unlock(&toy.lock);
}

UNUSED static void
toy_set(bool *flag, bool value)
{
	pthread_mutex_lock(&toy.lock);
	*flag = value;
	pthread_mutex_unlock(&toy.lock);
}

#endif
