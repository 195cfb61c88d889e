/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backend/knot.h"
#include "lib/mem.h"

/*
 * Templates, remotes, access lists and keys that zones are going to use. They
 * are all new, or keys: nothing here touches a zone. What knotd refuses makes
 * the transaction end; the pattern it belongs to is rejected, and the rest is
 * tried again without it.
 */

enum { ROUNDS_MAX = 50 };

struct wanted {
	struct knot_native *native;
	bool missing; /* and not rejected so far */
};

struct prepare {
	struct knot *k;
	struct settings *const *settings;
	struct wanted *wanted;
	size_t n;
	enum backend_result *results;
	struct backend_error *texts;
	struct backend_error *why;
	struct textset ids[3]; /* templates, remotes, lists that knotd has */
	struct knot_keys *keys;
};

static const char *const sections[3] = {"template", "remote", "acl"};

void
knot_forget_known(struct knot *k)
{
	textset_fini(&k->known);
}

/* -- what knotd has ----------------------------------------------------------- */

static enum err
take_id(void *arg, const struct knot_unit *unit)
{
	if (unit->field[KNOT_ID] != NULL)
		textset_add(arg, unit->field[KNOT_ID]);
	return OK;
}

static enum err
read_ids(struct prepare *p, unsigned which)
{
	struct knot_fault fault;
	struct buf units;
	enum err err;

	textset_fini(&p->ids[which]);
	buf_init(&units, 0);
	knot_unit_put_conf(&units, "conf-list", sections[which], NULL, NULL, NULL);
	err =
	    knot_ctl_block(&p->k->ctl, &units, take_id, &p->ids[which], &fault, p->why);
	buf_fini(&units);
	if (err == OK && fault.is)
		err = backend_fail(p->why, ERR_IO, "conf-list %s: %s", sections[which],
		    fault.text);
	return err;
}

static enum err
read_all(struct prepare *p)
{
	enum err err = OK;

	for (unsigned i = 0; err == OK && i < 3; i++)
		err = read_ids(p, i);
	knot_keys_free(p->keys);
	p->keys = NULL;
	return err == OK ? knot_keys_read(p->k, &p->keys, p->why) : err;
}

static void
add_id(struct prepare *p, const char *section, const char *id)
{
	for (unsigned i = 0; i < 3; i++) {
		if (strcmp(sections[i], section) == 0)
			textset_add(&p->ids[i], id);
	}
}

static bool
has_id(const struct prepare *p, const char *section, const char *id)
{
	for (unsigned i = 0; i < 3; i++) {
		if (strcmp(sections[i], section) == 0)
			return textset_has(&p->ids[i], id);
	}
	return false;
}

/* -- verdicts ----------------------------------------------------------------- */

static void
reject(struct prepare *p, size_t i, const char *text)
{
	p->results[i] = RESULT_REJECTED;
	snprintf(p->texts[i].text, sizeof(p->texts[i].text), "%.199s", text);
	p->wanted[i].missing = false;
}

static void
retry_all(struct prepare *p, const char *text)
{
	for (size_t i = 0; i < p->n; i++) {
		if (!p->wanted[i].missing)
			continue;
		p->results[i] = RESULT_RETRY;
		snprintf(p->texts[i].text, sizeof(p->texts[i].text), "%.199s", text);
		p->wanted[i].missing = false;
	}
}

static bool
names(const struct knot_native *native, const struct knot_fault *fault)
{
	struct dname key;

	if (strcmp(native->name, fault->id) == 0)
		return true;
	for (size_t i = 0; i < native->n_objects; i++) {
		if (strcmp(native->objects[i].id, fault->id) == 0)
			return true;
	}
	for (size_t i = 0; i < native->n_keys; i++) {
		if (dname_parse(fault->id, &key) == OK &&
		    dname_equal(&native->keys[i], &key))
			return true;
	}
	return false;
}

/* All that the fault is about; of one pattern all, for they differ in addresses
 * only, which knotd takes. false: it is about none. */
static bool
reject_faulty(struct prepare *p, const struct knot_fault *fault)
{
	const struct settings *first = NULL;
	char text[160];

	for (size_t i = 0; i < p->n; i++) {
		const struct settings *s = p->settings[i];

		if (!p->wanted[i].missing)
			continue;
		if (names(p->wanted[i].native, fault))
			first = first != NULL ? first : s;
		else if (first == NULL || strcmp(first->pattern, s->pattern) != 0 ||
			 strcmp(first->version, s->version) != 0)
			continue;
		snprintf(p->texts[i].text, sizeof(p->texts[i].text), "knot: %s",
		    knot_fault_print(fault, text));
		p->results[i] = RESULT_REJECTED;
		p->wanted[i].missing = false;
	}
	return first != NULL;
}

/* -- what is to be set -------------------------------------------------------- */

/* Templates of the pattern, those that are going to be made included. */
static size_t
count_variants(const struct prepare *p, const struct textset *planned,
    const char *pattern)
{
	char prefix[MARK_MAX];

	mark_print_prefix(pattern, prefix);
	return textset_count(&p->ids[0], prefix) + textset_count(planned, prefix);
}

static void
put_items(struct buf *units, const char *section, const char *id,
    const struct knot_items *items)
{
	knot_unit_put_conf(units, "conf-set", section, id, NULL, NULL);
	for (size_t i = 0; i < items->n; i++)
		knot_unit_put_conf(units, "conf-set", section, id, items->list[i].name,
		    items->list[i].value);
}

static void
put_native(struct prepare *p, const struct knot_native *native, bool dry,
    struct buf *units)
{
	for (size_t i = 0; i < native->n_objects; i++) {
		const struct knot_object *o = &native->objects[i];

		if (!has_id(p, o->section, o->id)) {
			put_items(units, o->section, o->id, &o->items);
			add_id(p, o->section, o->id);
		}
	}
	if (has_id(p, "template", native->name))
		return;
	put_items(units, "template", native->name, &native->template);
	for (size_t i = 0; dry && i < native->zone.n; i++)
		knot_unit_put_conf(units, "conf-set", "template", native->name,
		    native->zone.list[i].name, native->zone.list[i].value);
	add_id(p, "template", native->name);
}

/* Of all that are missing. Keys come first, since remotes and lists name them. */
static void
put_missing(struct prepare *p, bool dry, struct buf *units)
{
	struct backend_error text;
	struct textset done = {NULL, 0, 0};
	char name[DNAME_TEXT_MAX];

	for (size_t i = 0; i < p->n; i++) {
		const struct knot_native *native = p->wanted[i].native;

		for (size_t j = 0; p->wanted[i].missing && j < native->n_keys; j++) {
			dname_print(&native->keys[j], name);
			if (textset_has(&done, name))
				continue;
			if (knot_keys_want(p->k, p->keys, &native->keys[j], units,
				&text) == OK)
				textset_add(&done, name);
			else
				reject(p, i, text.text);
		}
	}
	textset_fini(&done);
	for (size_t i = 0; i < p->n; i++) {
		if (p->wanted[i].missing)
			put_native(p, p->wanted[i].native, dry, units);
	}
}

/* -- rounds ------------------------------------------------------------------- */

static bool
any_missing(const struct prepare *p, bool with_zone_items)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->wanted[i].missing &&
		    (!with_zone_items || p->wanted[i].native->zone.n > 0))
			return true;
	}
	return false;
}

/* *fault: what knotd had against it; the transaction is over in any case. */
static enum err
try_once(struct prepare *p, bool dry, struct knot_fault *fault)
{
	struct knot *k = p->k;
	struct buf units;
	bool busy;
	enum err err;

	memset(fault, 0, sizeof(*fault));
	buf_init(&units, 0);
	put_missing(p, dry, &units);
	if (!any_missing(p, false)) {
		buf_fini(&units);
		return OK;
	}
	err = knot_txn_begin(k, &busy, p->why);
	if (err == OK && busy) {
		retry_all(p, knot_txn_foreign);
	} else if (err == OK) {
		err = knot_ctl_block(&k->ctl, &units, NULL, NULL, fault, p->why);
		if (err == OK && (fault->is || dry))
			err = knot_txn_abort(k, p->why);
		else if (err == OK)
			err = knot_txn_commit(k, fault, p->why);
	}
	mem_wipe(units.data, units.size); /* secrets of keys */
	buf_fini(&units);
	return err;
}

/*
 * What is for zones alone is tried at the templates first, in a transaction
 * that is aborted: a mistake in a pattern is better known now than at each of
 * its zones, and to leave it there would make knotd reload every zone.
 */
static enum err
make_missing(struct prepare *p)
{
	struct knot_fault fault = {.is = false};
	bool dry = any_missing(p, true);
	enum err err = OK;

	for (unsigned i = 0; err == OK && any_missing(p, false); i++) {
		if (i == ROUNDS_MAX) {
			retry_all(p, "knot refuses one thing after the other");
			break;
		}
		err = try_once(p, dry, &fault);
		if (err == ERR_BUSY) {
			retry_all(p, p->why->text);
			return OK;
		}
		if (err == OK && fault.is && !reject_faulty(p, &fault)) {
			char text[160];

			retry_all(p, knot_fault_print(&fault, text));
		} else if (err == OK && !fault.is && !dry) {
			break;
		}
		dry = fault.is && dry;
		/* The sets of an aborted transaction are not there. */
		if (err == OK)
			err = read_all(p);
	}
	return err;
}

static void
want_all(struct prepare *p)
{
	struct textset planned = {NULL, 0, 0};

	for (size_t i = 0; i < p->n; i++) {
		const char *pattern = p->settings[i]->pattern;
		const char *name;
		char text[200];

		if (p->results[i] != RESULT_NONE)
			continue;
		name = p->wanted[i].native->name;
		if (has_id(p, "template", name))
			continue;
		p->wanted[i].missing = true;
		if (textset_has(&planned, name))
			continue;
		if (count_variants(p, &planned, pattern) < p->k->conf.max_variants) {
			textset_add(&planned, name);
			continue;
		}
		snprintf(text, sizeof(text),
		    "pattern %s has %u variants in knot already (max-variants)",
		    pattern, p->k->conf.max_variants);
		reject(p, i, text);
	}
	textset_fini(&planned);
}

/* Everything stands that was seen or made: no need to look again. */
static void
settle(struct prepare *p)
{
	struct knot *k = p->k;

	for (size_t i = 0; i < p->n; i++) {
		if (p->results[i] != RESULT_NONE)
			continue;
		p->results[i] = RESULT_OK;
		textset_add(&k->known, p->wanted[i].native->name);
	}
}

/* Natives of their own: those of the cache come and go. true: all are known. */
static bool
make_natives(struct prepare *p)
{
	bool known = p->k->keys_renewed;

	for (size_t i = 0; i < p->n; i++) {
		struct backend_error text;

		p->results[i] = RESULT_NONE;
		p->texts[i].text[0] = '\0';
		if (knot_native_make(p->settings[i], p->k->conf.zone_dir,
			&p->wanted[i].native, &text) != OK)
			reject(p, i, text.text);
		else if (!textset_has(&p->k->known, p->wanted[i].native->name))
			known = false;
	}
	return known;
}

enum err
knot_prepare(void *ctx, struct settings *const *settings, size_t n,
    enum backend_result *results, struct backend_error *texts,
    struct backend_error *why)
{
	struct knot *k = ctx;
	struct prepare p = {.k = k,
	    .settings = settings,
	    .wanted = mem_zalloc((n + 1) * sizeof(p.wanted[0])),
	    .n = n,
	    .results = results,
	    .texts = texts,
	    .why = why};
	struct backend_error ignored;
	enum err err = OK;

	if (!make_natives(&p)) {
		err = knot_enter(k, why);
		if (err == OK) {
			/* That this cannot be done now is no reason to wait. */
			err = knot_keys_renew(k, &ignored);
			err = err == ERR_BUSY || err == ERR_INVALID ? OK : err;
			if (err == OK)
				err = read_all(&p);
			if (err == OK) {
				want_all(&p);
				err = make_missing(&p);
			}
			knot_leave(k);
		}
	}
	if (err == OK)
		settle(&p);
	for (size_t i = 0; i < n; i++)
		knot_native_free(p.wanted[i].native);
	for (unsigned i = 0; i < 3; i++)
		textset_fini(&p.ids[i]);
	knot_keys_free(p.keys);
	free(p.wanted);
	return err;
}
