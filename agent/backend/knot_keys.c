/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "agent/backend/knot.h"
#include "lib/key.h"
#include "lib/mem.h"

/*
 * TSIG keys. A key's name in knotd is the name in the messages, so ours have no
 * prefix: the comment tells them from the operator's. One of his that is the
 * same is used as it is; one that differs is left alone, and the pattern that
 * needs ours cannot be had.
 */

static const char comment[] = "nsherd";

struct held {
	char *name; /* as knotd prints it */
	struct dname dname;
	char *algorithm, *secret;
	bool ours;
};

struct knot_keys {
	struct held *list;
	size_t n, room;
};

/* -- what knotd has ----------------------------------------------------------- */

static void
replace(char **text, const char *with)
{
	if (*text != NULL)
		mem_wipe(*text, strlen(*text));
	free(*text);
	*text = mem_strdup(with);
}

/* id in a unit of its own, then the items of that id. */
static enum err
take_key(void *arg, const struct knot_unit *unit)
{
	struct knot_keys *keys = arg;
	const char *item = unit->field[KNOT_ITEM], *data = unit->field[KNOT_DATA];
	struct held *last;

	if (item == NULL || data == NULL)
		return OK;
	if (strcmp(item, "id") == 0) {
		keys->list =
		    mem_grow(keys->list, keys->n, &keys->room, sizeof(keys->list[0]));
		last = &keys->list[keys->n];
		memset(last, 0, sizeof(*last));
		if (dname_parse(data, &last->dname) != OK)
			return ERR_FORM;
		last->name = mem_strdup(data);
		keys->n++;
		return OK;
	}
	last = keys->n > 0 ? &keys->list[keys->n - 1] : NULL;
	if (last == NULL || unit->field[KNOT_ID] == NULL ||
	    strcmp(unit->field[KNOT_ID], last->name) != 0)
		return ERR_FORM;
	if (strcmp(item, "algorithm") == 0)
		replace(&last->algorithm, data);
	else if (strcmp(item, "secret") == 0)
		replace(&last->secret, data);
	else if (strcmp(item, "comment") == 0)
		last->ours = strcmp(data, comment) == 0;
	return OK;
}

enum err
knot_keys_read(struct knot *k, struct knot_keys **keys, struct backend_error *why)
{
	struct knot_keys *read = mem_zalloc(sizeof(*read));
	struct knot_fault fault;
	struct buf units;
	enum err err;

	buf_init(&units, 0);
	knot_unit_put_conf(&units, "conf-read", "key", NULL, NULL, NULL);
	err = knot_ctl_block(&k->ctl, &units, take_key, read, &fault, why);
	buf_fini(&units);
	if (err == OK && fault.is)
		err = backend_fail(why, ERR_IO, "conf-read key: %s", fault.text);
	if (err != OK) {
		knot_keys_free(read);
		return err;
	}
	*keys = read;
	return OK;
}

void
knot_keys_free(struct knot_keys *keys)
{
	if (keys == NULL)
		return;
	for (size_t i = 0; i < keys->n; i++) {
		replace(&keys->list[i].secret, "");
		free(keys->list[i].secret);
		free(keys->list[i].algorithm);
		free(keys->list[i].name);
	}
	free(keys->list);
	free(keys);
}

void
knot_keys_each_ours(const struct knot_keys *keys, knot_key_fn *fn, void *arg)
{
	for (size_t i = 0; i < keys->n; i++) {
		if (keys->list[i].ours)
			fn(arg, keys->list[i].name);
	}
}

static const struct held *
find(const struct knot_keys *keys, const struct dname *name)
{
	for (size_t i = 0; i < keys->n; i++) {
		if (dname_equal(&keys->list[i].dname, name))
			return &keys->list[i];
	}
	return NULL;
}

/* -- what it is to have ------------------------------------------------------- */

static bool
is_same(const struct held *held, const struct key *key, const char *secret)
{
	return held->algorithm != NULL && held->secret != NULL &&
	       strcmp(held->algorithm, key_alg_str(key_algorithm(key))) == 0 &&
	       strcmp(held->secret, secret) == 0;
}

static void
put_key(struct buf *units, const char *name, const struct key *key, const char *secret,
    bool fresh)
{
	if (fresh) {
		knot_unit_put_conf(units, "conf-set", "key", name, NULL, NULL);
		knot_unit_put_conf(units, "conf-set", "key", name, "comment", comment);
	}
	knot_unit_put_conf(units, "conf-set", "key", name, "algorithm",
	    key_alg_str(key_algorithm(key)));
	knot_unit_put_conf(units, "conf-set", "key", name, "secret", secret);
}

enum err
knot_keys_want(struct knot *k, const struct knot_keys *keys, const struct dname *name,
    struct buf *units, struct backend_error *why)
{
	const struct held *held = find(keys, name);
	const struct key *key =
	    k->conf.keys != NULL ? keyring_find(k->conf.keys, name) : NULL;
	char text[DNAME_TEXT_MAX];
	struct buf secret;
	enum err err = OK;

	dname_print(name, text);
	if (key == NULL)
		return backend_fail(why, ERR_INVALID,
		    "key %.150s is not configured in the agent", text);
	buf_init(&secret, 0);
	key_secret_print(key, &secret);
	if (held == NULL)
		put_key(units, text, key, buf_text(&secret), true);
	else if (!is_same(held, key, buf_text(&secret))) {
		if (held->ours)
			put_key(units, text, key, buf_text(&secret), false);
		else
			err = backend_fail(why, ERR_INVALID,
			    "key %.120s in knot is the operator's, and differs from "
			    "the agent's",
			    text);
	}
	mem_wipe(secret.data, secret.size);
	buf_fini(&secret);
	return err;
}

/* -- renewing ----------------------------------------------------------------- */

static enum err
set_keys(struct knot *k, struct buf *units, struct backend_error *why)
{
	struct knot_fault fault = {.is = false};
	struct backend_error ignored;
	char text[160];
	bool busy;
	enum err err = knot_txn_begin(k, &busy, why);

	if (err == OK && busy)
		return backend_fail(why, ERR_BUSY, "%s", knot_txn_foreign);
	if (err == OK)
		err = knot_ctl_block(&k->ctl, units, NULL, NULL, &fault, why);
	if (err == OK && fault.is)
		err = knot_txn_abort(k, &ignored);
	else if (err == OK)
		err = knot_txn_commit(k, &fault, why);
	if (err == OK && fault.is)
		err = backend_fail(why, ERR_INVALID, "knot: %s",
		    knot_fault_print(&fault, text));
	return err;
}

enum err
knot_keys_renew(struct knot *k, struct backend_error *why)
{
	struct knot_keys *keys = NULL;
	struct backend_error ignored;
	struct buf units;
	enum err err;

	if (k->keys_renewed)
		return OK;
	err = knot_keys_read(k, &keys, why);
	if (err != OK)
		return err;
	buf_init(&units, 0);
	/* One that the agent does not have any more may still be in use. */
	for (size_t i = 0; i < keys->n; i++) {
		if (keys->list[i].ours && knot_keys_want(k, keys, &keys->list[i].dname,
					      &units, &ignored) != OK)
			continue;
	}
	knot_keys_free(keys);
	if (units.size > 0)
		err = set_keys(k, &units, why);
	if (units.size > 0)
		mem_wipe(units.data, units.size);
	buf_fini(&units);
	k->keys_renewed = err == OK;
	return err;
}

enum err
knot_rekey(void *ctx, const struct keyring *keys, struct backend_error *why)
{
	struct knot *k = ctx;
	enum err err;

	k->conf.keys = keys;
	k->keys_renewed = false;
	err = knot_enter(k, why);
	if (err != OK)
		return err;
	err = knot_keys_renew(k, why);
	knot_leave(k);
	return err;
}
