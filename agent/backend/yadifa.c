/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/yadifa.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/backend/chan.h"
#include "agent/backend/drivers.h"
#include "agent/backend/rights.h"
#include "agent/backend/spool.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/rr.h"

/*
 * The driver of YADIFA, 2.6.4 and 3.0.2.
 *
 * yadifad has no command to add a zone and none to list them. What it serves is
 * what its configuration says, and it reads that again when it is told so. So all
 * our zones stand in one file, zones.conf (yadifa_include.c, yadifa_native.c),
 * which yadifad.conf includes; a batch is a new zones.conf and one reload
 * (yadifa_load.c), whatever it has in it (yadifa_apply.c). The set of zones is in
 * memory, and in the file with our marks in comments, to be found again. Orders
 * and questions go over TCP, signed (yadifa_ctrl.c, yadifa_reply.c). Which zones
 * it has can only be asked one by one (yadifa_find.c).
 *
 * What must never happen: a reload of one zone, or two at once, or a name of more
 * than 246 octets, which crash yadifad; a file that is cut or does not parse,
 * which removes zones or keeps yadifad from starting; a zone added and removed
 * before it is loaded, which stays as a ghost; and what kills it all the same
 * must not do so twice (yadifa_guard.c).
 */

enum { LOOK_MAX = 64 };

static void
yadifa_close(void *ctx)
{
	struct yadifa *y = ctx;

	if (y == NULL)
		return;
	yadifa_hang_up(y);
	key_unref(y->old_key);
	yadifa_include_fini(&y->inc);
	yadifa_table_fini(&y->suspects);
	yadifa_table_fini(&y->condemned);
	yadifa_table_fini(&y->absent);
	yadifa_table_fini(&y->lacking);
	yadifa_table_fini(&y->fresh);
	yadifa_table_fini(&y->dropped);
	yadifa_operator_fini(&y->operator);
	free(y->departed);
	if (y->config_fd != -1)
		close(y->config_fd);
	if (y->zone_fd != -1)
		close(y->zone_fd);
	if (y->transfer_fd != -1)
		close(y->transfer_fd);
	free(y);
}

static enum err
yadifa_open(const struct backend_conf *conf, struct err_where *where, void **ctx)
{
	struct yadifa *y = mem_zalloc(sizeof(*y));
	struct backend_error why = {""};
	enum err err;

	y->config_fd = y->zone_fd = y->transfer_fd = -1;
	yadifa_include_init(&y->inc);
	yadifa_table_init(&y->suspects);
	yadifa_table_init(&y->condemned);
	yadifa_table_init(&y->absent);
	yadifa_table_init(&y->lacking);
	yadifa_table_init(&y->fresh);
	yadifa_table_init(&y->dropped);
	yadifa_operator_init(&y->operator);
	err = yadifa_read_conf(conf, y, where);
	if (err == OK && (spool_open(conf->config_dir, &y->config_fd) != OK ||
			     spool_open(conf->zone_dir, &y->zone_fd) != OK ||
			     spool_open(y->transfer_dir, &y->transfer_fd) != OK))
		err = err_at(where, "", 0, "backend %s: its directories: %s",
		    conf->name, mem_errno_text(errno));
	if (err == OK) {
		/* Before it writes anything: what did yadifad start with? */
		if (faccessat(y->config_fd, yadifa_include_name, F_OK, 0) == 0)
			(void)yadifa_operator_has_no_ghosts(y);
		yadifa_include_fini(&y->inc);
		err = yadifa_open_file(y, &why);
		/* A full disk now may not be full later. */
		if (err == ERR_FULL)
			err = OK;
		if (err != OK)
			err = err_at(where, "", 0, "backend %s: %s", conf->name,
			    why.text);
	}
	if (err != OK) {
		yadifa_close(y);
		return err;
	}
	*ctx = y;
	return OK;
}

/* -- the server ------------------------------------------------------------ */

static enum err
yadifa_identify(void *ctx, struct backend_identity *id, struct backend_error *why)
{
	struct yadifa *y = ctx;
	struct backend_error later = {""};
	char process[64];
	enum err err;

	yadifa_guard_check(y);
	/* Also while it is down: without the file it does not start. */
	err = yadifa_mend(y, &later);
	memset(id, 0, sizeof(*id));
	strcpy(id->product, "YADIFA");
	if (err == OK)
		err = yadifa_ask_version(y, id->version, why);
	else
		*why = later;
	if (err == OK && yadifa_look(y, process) == YADIFA_ALIVE) {
		snprintf(id->process, sizeof(id->process), "%.40s", process);
		yadifa_advise(y, process, id->version);
	}
	/* Of a file that somebody edited the deploying side has to hear. */
	if (err == OK && y->edits > 0) {
		size_t used = strlen(id->process);

		snprintf(id->process + used, sizeof(id->process) - used, "/%u",
		    y->edits);
	}
	if (err == OK && yadifa_look_after(y, &later) == ERR_CANCELED)
		err = ERR_CANCELED;
	yadifa_hang_up(y);
	return err;
}

/*
 * Ours, and primaries whose file is gone: if yadifad does not serve them from
 * memory, all that is left of them is our own word. Then the mark says so, and has
 * them changed to what they should be, which makes the file anew.
 */
static const char lacking_mark[] = "nsherd-nofile.0.0";

static enum err
list_lacking(struct yadifa *y, const struct dname *zones, size_t n, backend_zone_fn *fn,
    void *arg, struct backend_error *why)
{
	struct yadifa_answer *soas = mem_alloc((n + 1) * sizeof(soas[0]));
	enum err err = n > 0 ? yadifa_ask(y, YADIFA_SOA, zones, n, soas, why) : OK;

	for (size_t i = 0; err == OK && i < n; i++) {
		const struct yadifa_zone *z =
		    yadifa_table_find(&y->inc.table, &zones[i]);

		if (soas[i].served)
			yadifa_table_drop(&y->lacking, &zones[i]);
		else
			yadifa_table_put(&y->lacking, &zones[i], NULL);
		err =
		    fn(arg, &zones[i], soas[i].served ? z->native->mark : lacking_mark);
	}
	free(soas);
	return err;
}

static enum err
yadifa_inventory(void *ctx, backend_zone_fn *fn, void *arg, struct backend_error *why)
{
	struct yadifa *y = ctx;
	struct dname *lacking = NULL;
	size_t n = 0, room = 0;
	enum err err;

	yadifa_guard_check(y);
	err = yadifa_mend(y, why);
	if (err == OK)
		err = yadifa_flush(y, why);
	for (size_t i = 0; err == OK && i < y->inc.table.n_slots; i++) {
		const struct yadifa_zone *z = y->inc.table.slots[i];
		struct dname name;

		if (z == NULL)
			continue;
		yadifa_zone_name(z, &name);
		if (yadifa_files_lacks(y->zone_fd, z->native, &name)) {
			lacking = mem_grow(lacking, n, &room, sizeof(lacking[0]));
			lacking[n++] = name;
		} else {
			err = fn(arg, &name, z->native->mark);
		}
	}
	if (err == OK)
		err = list_lacking(y, lacking, n, fn, arg, why);
	yadifa_hang_up(y);
	free(lacking);
	return err;
}

/* -- looking up ------------------------------------------------------------ */

struct lookup {
	struct yadifa *y;
	backend_zone_fn *fn;
	void *arg;
};

/* Ours: in the file, which yadifad has read. A few are asked for all the same. */
static enum err
look_at_ours(struct lookup *l, const struct dname *zones, size_t n,
    struct backend_error *why)
{
	enum yadifa_state states[LOOK_MAX];
	bool ask = n <= LOOK_MAX, lost = false;
	enum err err = OK;

	if (n > 0 && ask)
		err = yadifa_find(l->y, zones, n, states, why);
	for (size_t i = 0; err == OK && i < n; i++) {
		const struct yadifa_zone *z =
		    yadifa_table_find(&l->y->inc.table, &zones[i]);

		if (ask && states[i] != YADIFA_KNOWN)
			lost = true;
		else
			err = l->fn(l->arg, &zones[i], z->native->mark);
	}
	if (lost)
		l->y->loaded = false;
	return err;
}

static enum err
look_at_others(struct lookup *l, const struct dname *zones, size_t n,
    struct backend_error *why)
{
	enum yadifa_state *states = mem_alloc((n + 1) * sizeof(states[0]));
	enum err err = yadifa_find_new(l->y, zones, n, states, why);

	l->y->absent_changes = l->y->operator.n_changes;
	yadifa_table_fini(&l->y->absent);
	yadifa_table_init(&l->y->absent);
	l->y->absent_ms = clock_ms();
	for (size_t i = 0; err == OK && i < n; i++) {
		switch (states[i]) {
		case YADIFA_ABSENT:
			yadifa_table_put(&l->y->absent, &zones[i], NULL);
			break;
		case YADIFA_KNOWN: err = l->fn(l->arg, &zones[i], NULL); break;
		case YADIFA_GHOST:
		case YADIFA_HOLLOW:
			/* Nobody's; to be removed, or mended by being added. */
			err = l->fn(l->arg, &zones[i], yadifa_ghost_mark);
			break;
		}
	}
	free(states);
	return err;
}

static enum err
yadifa_lookup(void *ctx, const struct dname *zones, size_t n, backend_zone_fn *fn,
    void *arg, struct backend_error *why)
{
	struct yadifa *y = ctx;
	struct lookup l = {y, fn, arg};
	struct dname *ours = mem_alloc((n + 1) * sizeof(ours[0]));
	struct dname *others = mem_alloc((n + 1) * sizeof(others[0]));
	struct dname *lacking = mem_alloc((n + 1) * sizeof(lacking[0]));
	size_t n_ours = 0, n_others = 0, n_lacking = 0;
	enum err err;

	yadifa_guard_check(y);
	err = yadifa_mend(y, why);
	if (err == OK)
		err = yadifa_flush(y, why);
	for (size_t i = 0; i < n; i++) {
		const struct yadifa_zone *z =
		    yadifa_table_find(&y->inc.table, &zones[i]);

		if (z == NULL)
			others[n_others++] = zones[i];
		else if (yadifa_files_lacks(y->zone_fd, z->native, &zones[i]))
			lacking[n_lacking++] = zones[i];
		else
			ours[n_ours++] = zones[i];
	}
	if (err == OK)
		err = look_at_ours(&l, ours, n_ours, why);
	if (err == OK)
		err = list_lacking(y, lacking, n_lacking, fn, arg, why);
	if (err == OK)
		err = look_at_others(&l, others, n_others, why);
	yadifa_hang_up(y);
	free(lacking);
	free(others);
	free(ours);
	return err;
}

/* -- keys ------------------------------------------------------------------ */

static char *
print_keys(struct yadifa *y, const struct keyring *keys)
{
	struct buf out;
	char *text;

	buf_init(&out, 0);
	yadifa_include_print_keys(&y->inc, keys, &out);
	text = mem_strdup(buf_text(&out));
	if (out.data != NULL)
		mem_wipe(out.data, out.size);
	buf_fini(&out);
	return text;
}

/*
 * Our own key stands in zones.conf where a pattern lets us send a NOTIFY, so that it
 * may be this very reload that tells yadifad of its new secret: then it takes the
 * order under the old one alone. The answer to that may be signed with either.
 */
static enum err
flush_keys(struct yadifa *y, struct backend_error *why)
{
	struct backend_error ignored = {""};
	struct key *key = y->key;
	enum err err = yadifa_flush(y, why);

	if (err != OK && err != ERR_CANCELED && y->old_key != NULL) {
		yadifa_hang_up(y);
		y->key = y->old_key;
		if (yadifa_flush(y, &ignored) == OK)
			y->loaded = false; /* to be seen under the new one */
		yadifa_hang_up(y);
		y->key = key;
		err = yadifa_flush(y, why);
	}
	if (err == OK) {
		key_unref(y->old_key);
		y->old_key = NULL;
	}
	return err;
}

/* Orders are signed with the new one at once. The <key> sections of zones.conf are
 * read before its zones, which do not change by that. */
static enum err
yadifa_rekey(void *ctx, const struct keyring *keys, struct backend_error *why)
{
	struct yadifa *y = ctx;
	char *before, *after;
	struct key *key = keyring_find(keys, &y->self.key);
	enum err err;

	assert(key != NULL); /* yadifa_check saw it */
	if (!key_equal(key, y->key)) {
		key_unref(y->old_key);
		y->old_key = key_ref(y->key);
	}
	y->key = key;
	yadifa_include_keep_keys(&y->inc, y->conf.keys, keys);
	before = print_keys(y, y->conf.keys);
	after = print_keys(y, keys);
	y->conf.keys = keys;
	if (strcmp(before, after) != 0)
		y->written = y->loaded = false;
	mem_wipe(before, strlen(before));
	free(before);
	yadifa_hang_up(y);
	err = after[0] != '\0' ? flush_keys(y, why) : OK;
	yadifa_hang_up(y);
	mem_wipe(after, strlen(after));
	free(after);
	return err;
}

/* -- settings -------------------------------------------------------------- */

enum err
yadifa_native_of(struct yadifa *y, const struct settings *s,
    struct yadifa_native **native, struct backend_error *why)
{
	struct yadifa_native *n = NULL;
	enum err err = yadifa_native_print(s, &y->self, y->conf.keys, &n, why);

	if (err != OK)
		return err;
	*native = yadifa_include_intern(&y->inc, &n);
	if ((*native)->refused[0] != '\0')
		return backend_fail(why, ERR_INVALID, "%s", (*native)->refused);
	return OK;
}

static enum err
yadifa_prepare(void *ctx, struct settings *const *settings, size_t n,
    enum backend_result *results, struct backend_error *texts,
    struct backend_error *why)
{
	struct yadifa *y = ctx;
	struct yadifa_native *native;

	(void)why;
	for (size_t i = 0; i < n; i++) {
		texts[i].text[0] = '\0';
		results[i] = yadifa_native_of(y, settings[i], &native, &texts[i]) == OK
				 ? RESULT_OK
				 : RESULT_REJECTED;
	}
	return OK;
}

/* The settings are in the zones' own blocks: only memory is given back. */
static enum err
yadifa_retire(void *ctx, const char *const *marks, size_t n, struct backend_error *why)
{
	struct yadifa *y = ctx;

	(void)marks;
	(void)n;
	(void)why;
	yadifa_include_sweep(&y->inc);
	return OK;
}

/* -- commands -------------------------------------------------------------- */

static enum err
command_one(struct yadifa *y, enum yadifa_ctrl type, const struct dname *zone,
    struct backend_error *why)
{
	unsigned rcode;
	enum err err = yadifa_ctrl_zone(y, type, zone, &rcode, why);

	if (err != OK || rcode == RCODE_NOERROR)
		return err;
	if (rcode == RCODE_REFUSED)
		return backend_fail(why, ERR_NOTFOUND,
		    "yadifad does not have the zone");
	if (rcode == RCODE_SERVFAIL)
		return backend_fail(why, ERR_INVALID,
		    "yadifad has the zone, but did not load it");
	return backend_fail(why, ERR_INVALID, "yadifad answers %s", rcode_str(rcode));
}

static enum err
command_all(struct yadifa *y, enum yadifa_ctrl type, struct backend_error *why)
{
	enum err err = OK;

	/* Not in one message: that would be for the operator's zones, too. */
	for (size_t i = 0; i < y->inc.table.n_slots; i++) {
		struct dname name;

		if (y->inc.table.slots[i] == NULL)
			continue;
		yadifa_zone_name(y->inc.table.slots[i], &name);
		err = command_one(y, type, &name, why);
		if (err == ERR_NOTFOUND || err == ERR_INVALID)
			err = OK;
		if (err != OK)
			break;
	}
	return err;
}

/* yadifad has no order for that, but does it on a NOTIFY. */
static enum err
refresh(struct yadifa *y, const struct dname *zone, struct backend_error *why)
{
	struct dname *zones = mem_alloc((y->inc.table.n + 1) * sizeof(zones[0]));
	struct yadifa_answer *answers;
	size_t n = 0;
	enum err err;

	for (size_t i = 0; i < y->inc.table.n_slots; i++) {
		const struct yadifa_zone *z = y->inc.table.slots[i];

		if (z == NULL || !yadifa_native_is_secondary(z->native))
			continue;
		yadifa_zone_name(z, &zones[n]);
		n += zone == NULL || dname_equal(&zones[n], zone);
	}
	answers = mem_alloc((n + 1) * sizeof(answers[0]));
	if (n == 0 && zone != NULL)
		err = backend_fail(why, ERR_UNSUPPORTED,
		    "a primary zone has nobody to ask");
	else
		err = n > 0 ? yadifa_ask(y, YADIFA_NOTIFY, zones, n, answers, why) : OK;
	if (err == OK && zone != NULL && answers[0].rcode != RCODE_NOERROR)
		err = backend_fail(why, ERR_INVALID,
		    "yadifad answers %s to a NOTIFY: allow-notify of the pattern may not "
		    "let the agent send it",
		    rcode_str(answers[0].rcode));
	free(answers);
	free(zones);
	return err;
}

static enum err
yadifa_command(void *ctx, enum backend_verb verb, const struct dname *zone,
    struct backend_error *why)
{
	struct yadifa *y = ctx;
	enum yadifa_ctrl type = CTRL_RELOAD;
	enum err err;

	switch (verb) {
	case VERB_RETRANSFER:
		return backend_fail(why, ERR_UNSUPPORTED,
		    "yadifad has no order to transfer a zone again");
	case VERB_REFRESH:
	case VERB_RELOAD: break;
	case VERB_NOTIFY: type = CTRL_NOTIFY; break;
	case VERB_FLUSH: type = CTRL_SYNC; break;
	case VERB_FREEZE: type = CTRL_FREEZE; break;
	case VERB_THAW: type = CTRL_UNFREEZE; break;
	}
	if (zone != NULL && yadifa_table_find(&y->inc.table, zone) == NULL)
		return backend_fail(why, ERR_NOTFOUND,
		    "the zone is not one that the agent added to yadifad");
	if (verb == VERB_REFRESH)
		err = refresh(y, zone, why);
	else if (zone != NULL)
		err = command_one(y, type, zone, why);
	else
		err = command_all(y, type, why);
	yadifa_hang_up(y);
	return err;
}

static const char *const options[] = {"control", "key", "transfer-dir", "pidfile",
    "config", NULL};

static const struct backend_rights rights = {
    .pidfile = "pidfile",
    .users = {"yadifa"},
    .includes = true,
    .unit = "/lib/systemd/system/yadifa.service",
    .writable = {"/var/lib/yadifa", "/run", "/var/log/yadifa"},
};

const struct backend_driver yadifa_driver = {
    .name = "yadifa",
    .batch_max = YADIFA_BATCH_MAX,
    .caps = CAP_LIST | CAP_RESTART_ID | CAP_PER_ZONE_SETTINGS | CAP_TYPE_CHANGE |
	    CAP_BATCH_COSTS,
    .options = options,
    .rights = &rights,
    .check = yadifa_check,
    .open = yadifa_open,
    .close = yadifa_close,
    .rekey = yadifa_rekey,
    .identify = yadifa_identify,
    .inventory = yadifa_inventory,
    .lookup = yadifa_lookup,
    .prepare = yadifa_prepare,
    .mark_of = mark_of,
    .retire = yadifa_retire,
    .apply = yadifa_apply,
    .pardon = yadifa_guard_pardon,
    .command = yadifa_command,
};
