/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/nsd.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/backend/check.h"
#include "agent/backend/drivers.h"
#include "agent/backend/nsd_reply.h"
#include "agent/backend/rights.h"
#include "agent/backend/spool.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * The driver of NSD, written against 4.6.1 and the texts of later versions.
 *
 * NSD takes orders on a control socket (nsd_chan.c, nsd_reply.c): one request
 * a connection, read byte by byte by the thread that also does transfers, so
 * we never hold a connection that we do not write to. Zones are added and
 * removed in bulk (nsd_apply.c), under patterns; NSD has no per-zone settings,
 * so each set of settings is one native pattern nsherd-<pattern>.<version>.
 * <hash>, which is also our mark on a zone. They stand, with their TSIG keys,
 * in a file that nsd.conf includes (nsd_include.c, nsd_native.c; lost: nsd_mend.c),
 * and NSD reads them by `reconfig` (nsd_load.c), after nsd-checkconf (nsd_check.c).
 * Which zones there are: nsd_find.c. Whether it is the same process as before:
 * nsd_process.c. The [backend] section: nsd_conf.c.
 *
 * What must never happen: a pattern taken away that a zone is under; a batch
 * sent again without a look whose end was not seen; a zone of nsd.conf or under
 * another pattern touched; a file outside zone-dir removed.
 */

/* -- is it there? ---------------------------------------------------------- */

static enum err
nsd_identify(void *ctx, struct backend_identity *id, struct backend_error *why)
{
	struct nsd *nsd = ctx;
	enum err err = nsd_seems_same(nsd) ? OK : nsd_look(nsd, why);

	if (err != ERR_CANCELED)
		nsd_mend_include(nsd, err == OK);
	if (err != OK)
		return err;
	memset(id, 0, sizeof(*id));
	strcpy(id->product, "NSD");
	memcpy(id->version, nsd->version, sizeof(id->version));
	memcpy(id->process, nsd->process, sizeof(id->process));
	return OK;
}

/* -- which zones it has ---------------------------------------------------- */

struct listing {
	struct nsd *nsd;
	backend_zone_fn *fn;
	void *arg;
	char **torn;
	size_t n_torn, torn_room;
};

/* A native pattern that we keep empty, or have lost, is no mark: the zone must be
 * given its settings again. */
static const char *
mark_of_pattern(const struct nsd *nsd, const char *pattern)
{
	const struct nsd_native *native;

	if (!mark_is_ours(pattern))
		return NULL;
	native = nsd_include_find(&nsd->inc, pattern);
	return native == NULL || strcmp(native->digest, "-") == 0 ? "nsherd-lost"
								  : pattern;
}

/*
 * What a crash left of the last line of NSD's zone list is one line with what NSD
 * appended, at its next start: a zone of two names with "add " between them, under
 * the pattern of the second. No name of ours has a blank.
 */
static bool
is_torn(const char *name, const char *pattern)
{
	const char *second = strstr(name, "add ");

	return second != NULL && second[4] != '\0' && mark_is_ours(pattern);
}

/* The second zone is lost, and will be missed. */
static enum err
remove_torn(struct listing *l, struct backend_error *why)
{
	struct nsd *nsd = l->nsd;
	enum err err = OK;

	for (size_t i = 0; err == OK && i < l->n_torn; i++) {
		struct nsd_single single;

		log_warn("nsd",
		    "backend=%s zone=\"%s\" text=\"of a torn line of "
		    "nsd's zone list: removed\"",
		    nsd->conf.name, l->torn[i]);
		nsd_single_init(&single);
		err = nsd_chan_command(&nsd->chan, nsd_single_line, &single, why,
		    "delzone %s", l->torn[i]);
	}
	return err;
}

static enum err
list_zone(void *arg, const char *name, const char *pattern)
{
	struct listing *l = arg;
	struct nsd *nsd = l->nsd;
	struct dname dname;

	if (nsd_name_parse(name, &dname) != OK)
		return OK; /* no name that we could ever be asked for */
	if (is_torn(name, pattern)) {
		char plain[DNAME_TEXT_MAX];

		l->torn =
		    mem_grow(l->torn, l->n_torn, &l->torn_room, sizeof(l->torn[0]));
		l->torn[l->n_torn++] = mem_strdup(dname_print_plain(&dname, plain));
		return OK;
	}
	if (pattern[0] == '\0') {
		nsd->conf_zones = mem_grow(nsd->conf_zones, nsd->n_conf_zones,
		    &nsd->conf_zones_room, sizeof(nsd->conf_zones[0]));
		nsd->conf_zones[nsd->n_conf_zones++] = dname;
	}
	return l->fn(l->arg, &dname, mark_of_pattern(nsd, pattern));
}

static int
by_name(const void *a, const void *b)
{
	return dname_compare(a, b);
}

/*
 * After a start of the agent or of NSD: the file may be of other key secrets
 * than the ring, or somebody may have touched it. Nothing is said or done if
 * NSD has read what it is to read; where that has to wait, the next prepare
 * tries again.
 */
static enum err
renew(struct nsd *nsd, struct backend_error *why)
{
	struct nsd_include same;
	enum nsd_load_result result;
	enum err err = nsd_load_include(nsd, why);

	if (err != OK || nsd->inc.n == 0)
		return err;
	err = nsd_look(nsd, why);
	if (err != OK)
		return err;
	err = nsd_locate(nsd, why);
	if (err == ERR_INVALID) {
		log_warn("nsd", "backend=%s text=\"%s\"", nsd->conf.name, why->text);
		return OK; /* which zones it has can be told all the same */
	}
	if (err != OK)
		return err;
	nsd_include_init(&same);
	nsd_include_copy(&same, &nsd->inc);
	err = nsd_load(nsd, &same, false, NULL, NULL, &result, why);
	if (err == OK && result == NSD_LOAD_WAIT)
		log_warn("nsd", "backend=%s text=\"%s\"", nsd->conf.name, why->text);
	return err;
}

static enum err
nsd_inventory(void *ctx, backend_zone_fn *fn, void *arg, struct backend_error *why)
{
	struct nsd *nsd = ctx;
	struct listing l = {.nsd = nsd, .fn = fn, .arg = arg};
	enum err err = renew(nsd, why);

	if (err != OK)
		return err;
	nsd->n_conf_zones = 0;
	err = nsd_find_all(nsd, list_zone, &l, why);
	if (err == OK)
		err = remove_torn(&l, why);
	for (size_t i = 0; i < l.n_torn; i++)
		free(l.torn[i]);
	free(l.torn);
	if (nsd->n_conf_zones > 1)
		qsort(nsd->conf_zones, nsd->n_conf_zones, sizeof(nsd->conf_zones[0]),
		    by_name);
	return err;
}

static enum err
nsd_lookup(void *ctx, const struct dname *names, size_t n, backend_zone_fn *fn,
    void *arg, struct backend_error *why)
{
	struct nsd *nsd = ctx;
	struct nsd_found *found = mem_zalloc((n + 1) * sizeof(found[0]));
	char **texts = mem_zalloc((n + 1) * sizeof(texts[0]));
	char plain[DNAME_TEXT_MAX];
	enum err err = nsd_load_include(nsd, why);

	for (size_t i = 0; i < n; i++)
		texts[i] = mem_strdup(dname_print_plain(&names[i], plain));
	if (err == OK)
		err = nsd_find(nsd, (const char *const *)texts, n, found, why);
	for (size_t i = 0; err == OK && i < n; i++) {
		if (found[i].state == NSD_ZONE_OURS)
			err = fn(arg, &names[i], mark_of_pattern(nsd, found[i].mark));
		else if (found[i].state == NSD_ZONE_FOREIGN ||
			 (nsd->n_conf_zones > 0 &&
			     bsearch(&names[i], nsd->conf_zones, nsd->n_conf_zones,
				 sizeof(nsd->conf_zones[0]), by_name) != NULL))
			err = fn(arg, &names[i], NULL);
	}
	for (size_t i = 0; i < n; i++)
		free(texts[i]);
	free(texts);
	free(found);
	return err;
}

/* -- verbs ----------------------------------------------------------------- */

static enum err
nsd_command(void *ctx, enum backend_verb verb, const struct dname *zone,
    struct backend_error *why)
{
	struct nsd *nsd = ctx;
	const char *command = NULL;
	char name[DNAME_TEXT_MAX];
	struct nsd_found found;
	struct nsd_single single;
	enum err err;

	switch (verb) {
	case VERB_REFRESH: command = "transfer"; break;
	case VERB_RETRANSFER: command = "force_transfer"; break;
	case VERB_RELOAD: command = "reload"; break;
	case VERB_NOTIFY: command = "notify"; break;
	case VERB_FLUSH: command = "write"; break;
	case VERB_FREEZE:
	case VERB_THAW:
		return backend_fail(why, ERR_UNSUPPORTED, "nsd has no dynamic updates");
	}
	if (zone == NULL)
		return backend_fail(why, ERR_INVALID, "a zone must be named");
	dname_print_plain(zone, name);
	err = nsd_find_one(nsd, name, &found, why);
	if (err != OK)
		return err;
	if (found.state != NSD_ZONE_OURS)
		return backend_fail(why,
		    found.state == NSD_ZONE_NONE ? ERR_NOTFOUND : ERR_DENIED,
		    found.state == NSD_ZONE_NONE ? "nsd does not have the zone"
						 : "the zone in nsd is not ours");
	nsd_single_init(&single);
	err = nsd_chan_command(&nsd->chan, nsd_single_line, &single, why, "%s %s",
	    command, name);
	if (err != OK || single.ok)
		return err;
	/* transfer at a primary; "not secondary" in the words of later versions */
	if (strstr(single.reason, "zone not s") != NULL)
		return backend_fail(why, ERR_UNSUPPORTED,
		    "the zone is a primary here: it has nothing to transfer");
	return backend_fail(why, ERR_INVALID, "%s", single.reason);
}

/* -- the driver ------------------------------------------------------------ */

static void
sweep(const char *dir)
{
	int fd;

	if (spool_open(dir, &fd) != OK)
		return;
	spool_sweep(fd);
	close(fd);
}

static enum err
nsd_open(const struct backend_conf *conf, struct err_where *where, void **ctx)
{
	struct nsd *nsd;
	struct nsd_chan chan;
	enum err err = check_dirs(&(struct check){conf, where});

	if (err == OK)
		err = nsd_chan_init(&chan, conf, where);
	if (err != OK)
		return err;
	nsd = mem_zalloc(sizeof(*nsd));
	nsd->conf = *conf;
	if (nsd->conf.max_variants == 0)
		nsd->conf.max_variants = 1000;
	nsd->chan = chan;
	nsd_include_init(&nsd->inc);
	sweep(conf->zone_dir);
	sweep(conf->config_dir);
	nsd_mend_include(nsd, false);
	*ctx = nsd;
	return OK;
}

static void
nsd_close(void *ctx)
{
	struct nsd *nsd = ctx;

	if (nsd == NULL)
		return;
	nsd_forget_places(nsd);
	nsd_include_fini(&nsd->inc);
	nsd_chan_fini(&nsd->chan);
	free(nsd->conf_zones);
	free(nsd);
}

static const char *const options[] = {"control", "zonelist", "config", "tls-cert",
    "tls-key", "tls-ca", NULL};

static const struct backend_rights rights = {
    .socket = "control",
    .users = {"nsd"},
    .includes = true,
    .unit = "/lib/systemd/system/nsd.service",
    .writable = {"/var/lib/nsd", "/etc/nsd", "/run"},
};

const struct backend_driver nsd_driver = {
    .name = "nsd",
    .batch_max = NSD_BATCH_MAX,
    .apply_size = nsd_apply_size,
    .caps = CAP_LIST | CAP_RESTART_ID | CAP_PER_ZONE_SETTINGS | CAP_TYPE_CHANGE,
    .options = options,
    .rights = &rights,
    .check = nsd_check,
    .open = nsd_open,
    .close = nsd_close,
    .rekey = nsd_rekey,
    .identify = nsd_identify,
    .inventory = nsd_inventory,
    .lookup = nsd_lookup,
    .prepare = nsd_prepare,
    .mark_of = mark_of,
    .retire = nsd_retire,
    .apply = nsd_apply,
    .command = nsd_command,
};
