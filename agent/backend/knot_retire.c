/* SPDX-License-Identifier: BSD-2-Clause */

#include "agent/backend/knot.h"

/*
 * Taking templates away makes knotd look at all of its zones again, so they go
 * by the dozen: a few that nobody uses do no harm. With them go the remotes,
 * access lists and keys of ours that no template names any more. What somebody
 * else uses after all, knotd does not let go, and then nothing does.
 */

enum { UNUSED_MIN = 64 };

struct retire {
	struct knot *k;
	struct textset templates, remotes, lists; /* ours, to go */
	struct textset used;                      /* templates of zones, or wanted */
	struct textset needed;                    /* remotes and lists */
	struct textset keys;                      /* needed */
	struct knot_keys *held;
	struct buf *units;
	struct backend_error *why;
};

/* -- reading ------------------------------------------------------------------ */

struct reading {
	struct textset *names;
	enum knot_field field;
	const struct textset *not_of; /* ids to pass over, or NULL */
};

static enum err
take(void *arg, const struct knot_unit *unit)
{
	struct reading *r = arg;
	const char *id = unit->field[KNOT_ID], *text = unit->field[r->field];

	if (text == NULL ||
	    (r->not_of != NULL && id != NULL && textset_has(r->not_of, id)))
		return OK;
	textset_add(r->names, text);
	return OK;
}

static enum err
read_names(struct retire *r, const char *cmd, const char *section, const char *item,
    const struct textset *not_of, struct textset *names)
{
	struct reading reading = {names, item != NULL ? KNOT_DATA : KNOT_ID, not_of};
	struct knot_fault fault;
	struct buf units;
	enum err err;

	buf_init(&units, 0);
	knot_unit_put_conf(&units, cmd, section, NULL, item, NULL);
	err = knot_ctl_block(&r->k->ctl, &units, take, &reading, &fault, r->why);
	buf_fini(&units);
	if (err == OK && fault.is)
		err =
		    backend_fail(r->why, ERR_IO, "%s %s: %s", cmd, section, fault.text);
	return err;
}

/* Keeps those that are ours and not in keep. */
static void
keep_ours(struct textset *names, const struct textset *keep)
{
	struct textset rest = {NULL, 0, 0};

	for (size_t i = 0; i < names->n; i++) {
		if (mark_is_ours(names->list[i]) && !textset_has(keep, names->list[i]))
			textset_add(&rest, names->list[i]);
	}
	textset_fini(names);
	*names = rest;
}

static enum err
find_templates(struct retire *r)
{
	enum err err =
	    read_names(r, "conf-list", "template", NULL, NULL, &r->templates);

	if (err == OK)
		err = read_names(r, "conf-read", "zone", "template", NULL, &r->used);
	keep_ours(&r->templates, &r->used);
	return err;
}

/* What the templates that stay name, and what that names in turn. */
static enum err
find_objects(struct retire *r)
{
	static const char *const items[] = {"master", "notify", "acl"};
	enum err err = OK;

	for (size_t i = 0; err == OK && i < sizeof(items) / sizeof(items[0]); i++)
		err = read_names(r, "conf-read", "template", items[i], &r->templates,
		    &r->needed);
	/* It is named by nothing, and needed. */
	textset_add(&r->needed, "nsherd-transaction");
	if (err == OK)
		err = read_names(r, "conf-list", "remote", NULL, NULL, &r->remotes);
	if (err == OK)
		err = read_names(r, "conf-list", "acl", NULL, NULL, &r->lists);
	keep_ours(&r->remotes, &r->needed);
	keep_ours(&r->lists, &r->needed);
	if (err == OK)
		err =
		    read_names(r, "conf-read", "remote", "key", &r->remotes, &r->keys);
	if (err == OK)
		err = read_names(r, "conf-read", "acl", "key", &r->lists, &r->keys);
	return err == OK ? knot_keys_read(r->k, &r->held, r->why) : err;
}

/* -- taking away -------------------------------------------------------------- */

static void
put_unsets(struct retire *r, const char *section, const struct textset *names)
{
	for (size_t i = 0; i < names->n; i++)
		knot_unit_put_conf(r->units, "conf-unset", section, names->list[i],
		    NULL, NULL);
}

static void
unset_key(void *arg, const char *name)
{
	struct retire *r = arg;

	if (!textset_has(&r->keys, name))
		knot_unit_put_conf(r->units, "conf-unset", "key", name, NULL, NULL);
}

static enum err
unset_all(struct retire *r)
{
	struct knot *k = r->k;
	struct knot_fault fault = {.is = false};
	char text[160];
	bool busy, stall;
	enum err err = knot_txn_would_stall(k, &stall, r->why);

	if (err == OK && stall)
		return ERR_BUSY;
	if (err == OK)
		err = knot_txn_begin(k, &busy, r->why);
	if (err == OK && busy)
		return backend_fail(r->why, ERR_BUSY, "%s", knot_txn_foreign);
	if (err == OK)
		err = knot_ctl_block(&k->ctl, r->units, NULL, NULL, &fault, r->why);
	if (err == OK && fault.is)
		err = knot_txn_abort(k, r->why);
	else if (err == OK)
		err = knot_txn_commit(k, &fault, r->why);
	if (err == OK && fault.is)
		err = backend_fail(r->why, ERR_BUSY, "knot: %s",
		    knot_fault_print(&fault, text));
	return err;
}

enum err
knot_retire(void *ctx, const char *const *marks, size_t n, struct backend_error *why)
{
	struct knot *k = ctx;
	struct retire r = {.k = k, .why = why};
	struct buf units;
	enum err err = knot_enter(k, why);

	if (err != OK)
		return err;
	buf_init(&units, 0);
	r.units = &units;
	for (size_t i = 0; i < n; i++)
		textset_add(&r.used, marks[i]);
	err = find_templates(&r);
	if (err == OK && r.templates.n >= UNUSED_MIN) {
		err = find_objects(&r);
		if (err == OK) {
			put_unsets(&r, "template", &r.templates);
			put_unsets(&r, "acl", &r.lists);
			put_unsets(&r, "remote", &r.remotes);
			knot_keys_each_ours(r.held, unset_key, &r);
			err = unset_all(&r);
			knot_forget_known(k);
		}
	}
	knot_leave(k);
	buf_fini(&units);
	textset_fini(&r.templates);
	textset_fini(&r.remotes);
	textset_fini(&r.lists);
	textset_fini(&r.used);
	textset_fini(&r.needed);
	textset_fini(&r.keys);
	knot_keys_free(r.held);
	return err;
}
