/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/knot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/backend/drivers.h"
#include "agent/backend/proc.h"
#include "agent/backend/rights.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * The driver of Knot DNS, written against 3.2.6 and the sources up to 3.5.
 *
 * knotd keeps its configuration in a database (confdb) and takes changes to it
 * on a control socket (knot_ctl.c, knot_unit.c), in transactions (knot_txn.c).
 * Each pattern is a template of ours (knot_native.c), with its remotes, access
 * lists and keys (knot_keys.c), which stand before any zone uses them
 * (knot_prepare.c). A batch is one transaction (knot_apply.c) after a look at
 * what is there (knot_find.c). The name of a zone's template is our mark.
 *
 * What must never happen, for knotd dies of it or loses what it holds: to go on
 * in a transaction, or commit it, after any unit of it failed; to add a zone
 * that knotd has as a member of a catalog; to touch a transaction that is not
 * ours; to trust a knotd without a confdb, which forgets at its next reload. A
 * commit waits for knotd's background workers and, until 3.3, nobody else is
 * served on the socket meanwhile: with workers stuck we do not commit.
 */

static const char confdb_default[] = "/var/lib/knot/confdb";
static const char socket_default[] = "/run/knot/knot.sock";

/* -- the connection ----------------------------------------------------------- */

static enum err
refuse_text(struct knot *k, struct backend_error *why)
{
	if (!k->warned)
		log_warn("knot",
		    "backend=%s text=\"knotd runs without a configuration database and would "
		    "forget every zone at its next reload. With knotd stopped: "
		    "`knotc -C %s conf-import /etc/knot/knot.conf`; in "
		    "/etc/default/knot: KNOTD_ARGS='-C %s'; start knotd\"",
		    k->conf.name, k->confdb, k->confdb);
	k->warned = true;
	return backend_fail(why, ERR_INVALID,
	    "knotd has no confdb and would forget: stop it, `knotc -C %.40s "
	    "conf-import /etc/knot/knot.conf`, KNOTD_ARGS=\"-C %.40s\" in "
	    "/etc/default/knot, start it",
	    k->confdb, k->confdb);
}

/*
 * The protocol does not tell whether there is a confdb, the command line does.
 * Without -c and -C knotd takes its default confdb if that is there. Where the
 * command line cannot be read, the operator's word must do.
 */
static enum err
check_persistent(struct knot *k, struct backend_error *why)
{
	char words[8192];
	const char *path = NULL;
	size_t size = 0;
	struct stat st;
	bool readable = k->ctl.chan.peer > 0 && proc_read(k->ctl.chan.peer, "cmdline",
						    words, sizeof(words), &size);

	switch (readable ? knot_store_of(words, size, &path) : KNOT_STORE_UNKNOWN) {
	case KNOT_STORE_TEXT: return refuse_text(k, why);
	case KNOT_STORE_CONFDB:
		if (k->confdb_given && path[0] == '/' && strcmp(path, k->confdb) != 0)
			return backend_fail(why, ERR_INVALID,
			    "knotd runs with confdb %.80s, not with %.80s", path,
			    k->confdb);
		break;
	case KNOT_STORE_UNKNOWN:
		if (stat(readable ? confdb_default : k->confdb, &st) == -1 &&
		    errno != EACCES)
			return refuse_text(k, why);
		break;
	}
	k->persistent = true;
	return OK;
}

static void
forget_process(struct knot *k)
{
	k->persistent = k->has_token_acl = k->keys_renewed = false;
	k->version[0] = '\0';
	knot_forget_known(k);
}

enum err
knot_enter(struct knot *k, struct backend_error *why)
{
	char process[64];
	enum err err = knot_ctl_open(&k->ctl, why);

	if (err != OK)
		return err;
	proc_identity(k->ctl.chan.peer, process);
	if (strcmp(process, k->process) != 0) {
		forget_process(k);
		memcpy(k->process, process, sizeof(process));
	}
	if (!k->persistent)
		err = check_persistent(k, why);
	if (err != OK)
		knot_leave(k);
	return err;
}

void
knot_leave(struct knot *k)
{
	if (k->in_txn)
		knot_txn_drop(k);
	knot_ctl_close(&k->ctl);
}

/* -- who is it? --------------------------------------------------------------- */

struct text {
	char data[128];
};

static enum err
take_data(void *arg, const struct knot_unit *unit)
{
	struct text *t = arg;

	if (unit->field[KNOT_DATA] != NULL && t->data[0] == '\0')
		snprintf(t->data, sizeof(t->data), "%s", unit->field[KNOT_DATA]);
	return OK;
}

/* One unit, one value. An absent value is "". */
static enum err
ask(struct knot *k, const struct knot_unit *unit, struct text *t,
    struct knot_fault *fault, struct backend_error *why)
{
	struct buf units;
	enum err err;

	memset(t, 0, sizeof(*t));
	buf_init(&units, 0);
	knot_unit_put(&units, unit);
	err = knot_ctl_block(&k->ctl, &units, take_data, t, fault, why);
	buf_fini(&units);
	return err;
}

/* Of a process that told its version already we want just any answer, and one
 * that is not a line in its log. */
static enum err
ask_version(struct knot *k, struct backend_error *why)
{
	static const struct knot_unit version = {
	    .field = {[KNOT_CMD] = "status", [KNOT_KIND] = "version"}};
	static const struct knot_unit anything = {
	    .field = {[KNOT_CMD] = "conf-list", [KNOT_SECTION] = "keystore"}};
	static const char label[] = "Version: "; /* until 3.4 */
	bool told = k->version[0] != '\0';
	struct knot_fault fault;
	struct text t;
	size_t skip;
	enum err err = ask(k, told ? &anything : &version, &t, &fault, why);

	if (err != OK || told)
		return err;
	if (fault.is || t.data[0] == '\0')
		return backend_fail(why, ERR_IO, "knotd does not tell its version: %s",
		    fault.text);
	skip = strncmp(t.data, label, sizeof(label) - 1) == 0 ? sizeof(label) - 1 : 0;
	snprintf(k->version, sizeof(k->version), "%.31s", t.data + skip);
	return OK;
}

static enum err
knot_identify(void *ctx, struct backend_identity *id, struct backend_error *why)
{
	struct knot *k = ctx;
	enum err err = knot_enter(k, why);

	if (err != OK)
		return err;
	err = ask_version(k, why);
	knot_leave(k);
	if (err != OK)
		return err;
	memset(id, 0, sizeof(*id));
	strcpy(id->product, "Knot DNS");
	memcpy(id->version, k->version, sizeof(id->version));
	memcpy(id->process, k->process, sizeof(id->process));
	return OK;
}

/* -- which zones it has ------------------------------------------------------- */

/* Names as hashes: a set of those that were told already. Two names with one
 * hash would hide a zone that is not ours from a list; a look-up finds it. */
struct told {
	uint64_t *slots; /* 0: empty */
	size_t n, n_slots;
};

struct listing {
	struct told told;
	backend_zone_fn *fn;
	void *arg;
};

static uint64_t
hash_name(const struct dname *name)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < name->size; i++)
		h = (h ^ name->wire[i]) * UINT64_C(1099511628211);
	return (h ^ h >> 32) | 1;
}

/* false: it was there already. */
static bool
tell(struct told *t, uint64_t hash)
{
	size_t at;

	if (2 * (t->n + 1) > t->n_slots) {
		struct told bigger = {
		    .n_slots = t->n_slots > 0 ? 2 * t->n_slots : 1024};

		bigger.slots = mem_zalloc(bigger.n_slots * sizeof(bigger.slots[0]));
		for (size_t i = 0; i < t->n_slots; i++) {
			if (t->slots[i] != 0)
				tell(&bigger, t->slots[i]);
		}
		free(t->slots);
		*t = bigger;
	}
	for (at = (size_t)(hash >> 1) & (t->n_slots - 1); t->slots[at] != 0;
	     at = (at + 1) & (t->n_slots - 1)) {
		if (t->slots[at] == hash)
			return false;
	}
	t->slots[at] = hash;
	t->n++;
	return true;
}

static enum err
list_zone(void *arg, const struct knot_unit *unit)
{
	struct listing *l = arg;
	const char *name = unit->field[KNOT_ID], *mark = unit->field[KNOT_DATA];
	struct dname dname;

	if (name == NULL || dname_parse(name, &dname) != OK)
		return OK; /* no name that we could ever be asked for */
	if (!tell(&l->told, hash_name(&dname)))
		return OK;
	if (mark != NULL && !mark_is_ours(mark))
		mark = NULL;
	return l->fn(l->arg, &dname, mark);
}

/* Zones with templates first, then whatever else it serves. */
static enum err
knot_inventory(void *ctx, backend_zone_fn *fn, void *arg, struct backend_error *why)
{
	static const struct knot_unit requests[] = {
	    {.field = {[KNOT_CMD] = "conf-read",
		 [KNOT_SECTION] = "zone",
		 [KNOT_ITEM] = "template"}},
	    {.field = {[KNOT_CMD] = "conf-list",
		 [KNOT_FLAGS] = "z",
		 [KNOT_FILTER] = "z"}},
	    {.field = {[KNOT_CMD] = "conf-list", [KNOT_SECTION] = "zone"}},
	};
	struct knot *k = ctx;
	struct listing l = {.fn = fn, .arg = arg};
	struct backend_error text = {""};
	struct knot_fault fault;
	struct buf units;
	enum err err = knot_enter(k, why);

	if (err != OK)
		return err;
	err = knot_txn_settle(k, why);
	if (err == ERR_BUSY) /* it is left for who would begin another */
		err = OK;
	buf_init(&units, 0);
	for (size_t i = 0; err == OK && i < sizeof(requests) / sizeof(requests[0]);
	     i++) {
		buf_reset(&units);
		knot_unit_put(&units, &requests[i]);
		err = knot_ctl_block(&k->ctl, &units, list_zone, &l, &fault, why);
		if (err == OK && fault.is)
			err = backend_fail(why, ERR_IO, "%s: %s",
			    requests[i].field[KNOT_CMD], fault.text);
	}
	buf_fini(&units);
	free(l.told.slots);
	/* A key that the agent was given anew is not waited for by any batch. */
	if (err == OK && knot_keys_renew(k, &text) != OK)
		log_warn("knot", "backend=%s keys=not-renewed error=\"%s\"",
		    k->conf.name, text.text);
	knot_leave(k);
	return err;
}

static enum err
knot_lookup(void *ctx, const struct dname *zones, size_t n, backend_zone_fn *fn,
    void *arg, struct backend_error *why)
{
	struct knot *k = ctx;
	struct knot_found *found = mem_zalloc((n + 1) * sizeof(found[0]));
	enum err err = knot_enter(k, why);

	if (err == OK) {
		err = knot_find(k, zones, n, found, why);
		knot_leave(k);
	}
	for (size_t i = 0; err == OK && i < n; i++) {
		if (found[i].state != KNOT_ZONE_NONE)
			err = fn(arg, &zones[i],
			    found[i].state == KNOT_ZONE_OURS ? found[i].mark : NULL);
	}
	free(found);
	return err;
}

/* -- marks -------------------------------------------------------------------- */

static size_t
cache_place(const struct settings *s)
{
	uint64_t at = (uint64_t)(uintptr_t)s >> 4;

	return (size_t)(at * UINT64_C(0x9e3779b97f4a7c15) >> 32) % KNOT_CACHE_SIZE;
}

const struct knot_native *
knot_native_of(struct knot *k, const struct settings *s)
{
	struct knot_cached *c = &k->cache[cache_place(s)];
	struct backend_error ignored;

	if (c->settings == s)
		return c->native;
	settings_unref(c->settings);
	knot_native_free(c->native);
	/* Held, or another one could come to have this address. All but its
	 * reference count is const. */
	c->settings = settings_ref((struct settings *)(uintptr_t)s);
	c->native = NULL;
	if (knot_native_make(s, k->conf.zone_dir, &c->native, &ignored) != OK)
		c->native = NULL;
	return c->native;
}

/* Settings that prepare rejects have a name, too, that no template ever gets. */
static void
knot_mark_of(void *ctx, const struct settings *s, char mark[static 128])
{
	const struct knot_native *native = knot_native_of(ctx, s);

	if (native != NULL)
		snprintf(mark, 128, "%s", native->name);
	else
		mark_print(s, mark);
}

/* -- verbs -------------------------------------------------------------------- */

static const char *
verb_name(enum backend_verb verb)
{
	switch (verb) {
	case VERB_REFRESH: return "zone-refresh";
	case VERB_RETRANSFER: return "zone-retransfer";
	case VERB_RELOAD: return "zone-reload";
	case VERB_NOTIFY: return "zone-notify";
	case VERB_FLUSH: return "zone-flush";
	case VERB_FREEZE: return "zone-freeze";
	case VERB_THAW: return "zone-thaw";
	}
	return "";
}

static enum err
check_ours(struct knot *k, const struct dname *zone, struct knot_found *found,
    struct backend_error *why)
{
	enum err err = knot_find(k, zone, 1, found, why);

	if (err != OK || found->state == KNOT_ZONE_OURS)
		return err;
	return found->state == KNOT_ZONE_NONE
		   ? backend_fail(why, ERR_NOTFOUND, "knot does not have the zone")
		   : backend_fail(why, ERR_DENIED, "the zone in knot is not ours");
}

/* To a flush of such a zone knotd says yes, and then does not do it. */
static enum err
check_flush(struct knot *k, const char *template, struct backend_error *why)
{
	struct knot_unit unit = {.field = {[KNOT_CMD] = "conf-read",
				     [KNOT_SECTION] = "template",
				     [KNOT_ID] = template,
				     [KNOT_ITEM] = "zonefile-sync"}};
	struct knot_fault fault;
	struct text t;
	enum err err = ask(k, &unit, &t, &fault, why);

	if (err == OK && strcmp(t.data, "-1") == 0)
		err = backend_fail(why, ERR_UNSUPPORTED,
		    "knot does not write the zone file under this pattern "
		    "(zonefile-sync: -1)");
	return err;
}

/* OK is that knotd has taken the order: to wait for the event's end would keep
 * everybody else from its control socket. */
static enum err
knot_command(void *ctx, enum backend_verb verb, const struct dname *zone,
    struct backend_error *why)
{
	struct knot *k = ctx;
	char name[DNAME_TEXT_MAX];
	struct knot_unit unit = {.field = {[KNOT_CMD] = verb_name(verb)}};
	struct knot_found found;
	struct knot_fault fault;
	struct text t;
	enum err err;

	if (zone == NULL)
		return backend_fail(why, ERR_INVALID, "a zone must be named");
	unit.field[KNOT_ZONE] = dname_print(zone, name);
	err = knot_enter(k, why);
	if (err != OK)
		return err;
	err = check_ours(k, zone, &found, why);
	if (err == OK && verb == VERB_FLUSH)
		err = check_flush(k, found.mark, why);
	if (err == OK)
		err = ask(k, &unit, &t, &fault, why);
	if (err == OK && fault.is)
		err = backend_fail(why,
		    strcmp(fault.text, "operation not supported") == 0 ? ERR_UNSUPPORTED
								       : ERR_INVALID,
		    "knot: %s: %s", unit.field[KNOT_CMD], fault.text);
	knot_leave(k);
	return err;
}

/* -- life --------------------------------------------------------------------- */

static enum err
knot_open(const struct backend_conf *conf, struct err_where *where, void **ctx)
{
	struct knot *k;
	enum err err = knot_check_places(conf, where);

	if (err != OK)
		return err;
	k = mem_zalloc(sizeof(*k));
	k->conf = *conf;
	k->confdb = backend_option(conf, "confdb", confdb_default);
	k->confdb_given = backend_option(conf, "confdb", NULL) != NULL;
	knot_ctl_init(&k->ctl, backend_option(conf, "control", socket_default),
	    conf->cancel_fd, conf->timeout_ms);
	*ctx = k;
	return OK;
}

static void
knot_close(void *ctx)
{
	struct knot *k = ctx;

	if (k == NULL)
		return;
	knot_leave(k);
	knot_forget_known(k);
	for (size_t i = 0; i < KNOT_CACHE_SIZE; i++) {
		settings_unref(k->cache[i].settings);
		knot_native_free(k->cache[i].native);
	}
	free(k);
}

/*
 * The zones of one transaction are loaded while the next is being written, and the
 * commit that ends it waits for them: so it costs less to make two of one, unless
 * there are so many zones that commits are what costs (3.2).
 */
static unsigned
knot_apply_size(const void *ctx)
{
	enum { MANY = 100000 };
	const struct knot *k = ctx;

	return k->n_listed < MANY ? KNOT_PORTION : KNOT_BATCH_MAX;
}

static const char *const options[] = {"control", "confdb", NULL};

static const struct backend_rights rights = {
    .socket = "control",
    .users = {"knot"},
};

const struct backend_driver knot_driver = {
    .name = "knot",
    .batch_max = KNOT_BATCH_MAX,
    .apply_size = knot_apply_size,
    .caps = CAP_LIST | CAP_RESTART_ID | CAP_PER_ZONE_SETTINGS | CAP_TYPE_CHANGE |
	    CAP_BATCH_COSTS | CAP_SIGNS,
    .options = options,
    .rights = &rights,
    .check = knot_check,
    .open = knot_open,
    .close = knot_close,
    .rekey = knot_rekey,
    .identify = knot_identify,
    .inventory = knot_inventory,
    .lookup = knot_lookup,
    .prepare = knot_prepare,
    .mark_of = knot_mark_of,
    .retire = knot_retire,
    .apply = knot_apply,
    .command = knot_command,
};
