/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "agent/backend/knot.h"
#include "lib/mem.h"

/*
 * Which zones knotd has, and under which template. A zone can be in its
 * configuration, or be served as a member of a catalog that knotd interprets;
 * to configure such a one kills knotd (3.2), so the two must be told apart.
 * Names that knotd does not have make conf-read stop, so first it is found out
 * which it has: a few are asked for one by one (each is a line in knotd's log),
 * many are looked up in its lists.
 */

enum { ASK_MAX = 16 };

struct find {
	const struct dname *names;
	struct knot_found *found;
	size_t n;
	bool *served, *configured;
	size_t n_units;
	uint32_t *slots; /* of a hash table: place + 1; 0: empty */
	size_t mask;
	void (*note)(struct find *f, size_t i, const struct knot_unit *unit);
};

/* -- by name ------------------------------------------------------------------ */

static size_t
hash(const struct dname *name)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < name->size; i++)
		h = (h ^ name->wire[i]) * UINT64_C(1099511628211);
	return (size_t)(h ^ h >> 32);
}

static void
init(struct find *f, const struct dname *names, size_t n, struct knot_found *found)
{
	size_t n_slots = 16;

	while (n_slots < 2 * n)
		n_slots *= 2;
	*f = (struct find){.names = names, .found = found, .n = n};
	f->served = mem_zalloc(n + 1);
	f->configured = mem_zalloc(n + 1);
	f->slots = mem_zalloc(n_slots * sizeof(f->slots[0]));
	f->mask = n_slots - 1;
	for (size_t i = 0; i < n; i++) {
		size_t at = hash(&names[i]);

		while (f->slots[at & f->mask] != 0)
			at++;
		f->slots[at & f->mask] = (uint32_t)i + 1;
	}
	memset(found, 0, n * sizeof(found[0]));
}

static void
fini(struct find *f)
{
	free(f->served);
	free(f->configured);
	free(f->slots);
}

/* Every place that asks for the unit's zone is noted. */
static enum err
take_unit(void *arg, const struct knot_unit *unit)
{
	struct find *f = arg;
	const char *text = unit->field[KNOT_ZONE] != NULL ? unit->field[KNOT_ZONE]
							  : unit->field[KNOT_ID];
	struct dname name;

	f->n_units++;
	if (text == NULL || dname_parse(text, &name) != OK)
		return OK;
	for (size_t at = hash(&name); f->slots[at & f->mask] != 0; at++) {
		size_t i = f->slots[at & f->mask] - 1;

		if (dname_equal(&f->names[i], &name))
			f->note(f, i, unit);
	}
	return OK;
}

/* -- is it there? ------------------------------------------------------------- */

static void
note_served(struct find *f, size_t i, const struct knot_unit *unit)
{
	(void)unit;
	f->served[i] = true;
}

static void
note_configured(struct find *f, size_t i, const struct knot_unit *unit)
{
	(void)unit;
	f->configured[i] = true;
}

/*
 * `catalog` is "-", "interpret", "generate" or "@CATALOG" for a zone of the
 * configuration, the catalog's name, or nothing, for a member.
 */
static void
note_status(struct find *f, size_t i, const struct knot_unit *unit)
{
	const char *kind = unit->field[KNOT_KIND], *data = unit->field[KNOT_DATA];
	const char *flags = knot_unit_flags(unit);

	f->served[i] = true;
	if (kind == NULL || strcmp(kind, "catalog") != 0 || data == NULL)
		return;
	f->configured[i] = (flags == NULL || strchr(flags, 'm') == NULL) &&
			   (strcmp(data, "-") == 0 || strcmp(data, "interpret") == 0 ||
			       strcmp(data, "generate") == 0 || data[0] == '@');
}

/* The units of a block are each answered on their own; an unknown zone's answer
 * is a failure of that unit alone. */
static enum err
ask_status(struct knot *k, struct find *f, struct backend_error *why)
{
	static const char unknown[] = "no such zone found";
	char name[DNAME_TEXT_MAX];
	struct knot_unit unit = {
	    .field =
		{[KNOT_CMD] = "zone-status", [KNOT_ZONE] = name, [KNOT_FILTER] = "c"}};
	struct knot_fault fault;
	struct buf units;
	enum err err;

	buf_init(&units, 0);
	for (size_t i = 0; i < f->n; i++) {
		dname_print(&f->names[i], name);
		knot_unit_put(&units, &unit);
	}
	f->note = note_status;
	err = knot_ctl_block(&k->ctl, &units, take_unit, f, &fault, why);
	buf_fini(&units);
	if (err == OK && fault.is && strcmp(fault.text, unknown) != 0)
		err = backend_fail(why, ERR_IO, "zone-status: %s", fault.text);
	return err;
}

static enum err
read_list(struct knot *k, struct find *f, const struct knot_unit *unit,
    struct backend_error *why)
{
	struct knot_fault fault;
	struct buf units;
	enum err err;

	buf_init(&units, 0);
	knot_unit_put(&units, unit);
	err = knot_ctl_block(&k->ctl, &units, take_unit, f, &fault, why);
	buf_fini(&units);
	if (err == OK && fault.is)
		err = backend_fail(why, ERR_IO, "conf-list: %s", fault.text);
	return err;
}

static enum err
read_lists(struct knot *k, struct find *f, struct backend_error *why)
{
	static const struct knot_unit served = {
	    .field =
		{[KNOT_CMD] = "conf-list", [KNOT_FLAGS] = "z", [KNOT_FILTER] = "z"}};
	static const struct knot_unit configured = {
	    .field = {[KNOT_CMD] = "conf-list", [KNOT_SECTION] = "zone"}};
	enum err err;

	f->note = note_served;
	err = read_list(k, f, &served, why);
	if (err == OK)
		k->n_listed = f->n_units;
	f->note = note_configured;
	return err == OK ? read_list(k, f, &configured, why) : err;
}

/* -- whose is it? ------------------------------------------------------------- */

static void
note_template(struct find *f, size_t i, const struct knot_unit *unit)
{
	const char *template = unit->field[KNOT_DATA];

	if (template == NULL || !mark_is_ours(template) ||
	    strlen(template) >= sizeof(f->found[i].mark))
		return;
	f->found[i].state = KNOT_ZONE_OURS;
	strcpy(f->found[i].mark, template);
}

/* The block ends at the first zone that went meanwhile: *next is the one after. */
static enum err
read_templates(struct knot *k, struct find *f, size_t *next, struct backend_error *why)
{
	char name[DNAME_TEXT_MAX];
	struct knot_fault fault;
	struct dname lost;
	struct buf units;
	size_t first = *next, n = 0;
	enum err err = OK;

	buf_init(&units, 0);
	for (size_t i = first; i < f->n; i++) {
		if (!f->configured[i])
			continue;
		n++;
		knot_unit_put_conf(&units, "conf-read", "zone",
		    dname_print(&f->names[i], name), "template", NULL);
	}
	*next = f->n;
	f->note = note_template;
	memset(&fault, 0, sizeof(fault));
	if (n > 0)
		err = knot_ctl_block(&k->ctl, &units, take_unit, f, &fault, why);
	buf_fini(&units);
	if (err != OK || !fault.is)
		return err;
	if (strcmp(fault.text, "invalid identifier") != 0 ||
	    dname_parse(fault.id, &lost) != OK)
		return backend_fail(why, ERR_IO, "conf-read: %s", fault.text);
	for (size_t i = first; i < f->n; i++) {
		if (!f->configured[i] || !dname_equal(&f->names[i], &lost))
			continue;
		/* What is served and not configured is a member. */
		f->configured[i] = false;
		*next = i + 1;
		return OK;
	}
	return backend_fail(why, ERR_IO, "conf-read: knotd tells of another zone");
}

enum err
knot_find(struct knot *k, const struct dname *names, size_t n, struct knot_found *found,
    struct backend_error *why)
{
	struct find f;
	size_t next = 0;
	enum err err;

	if (n == 0)
		return OK;
	init(&f, names, n, found);
	err = n <= ASK_MAX ? ask_status(k, &f, why) : read_lists(k, &f, why);
	while (err == OK && next < n)
		err = read_templates(k, &f, &next, why);
	for (size_t i = 0; err == OK && i < n; i++) {
		if (found[i].state == KNOT_ZONE_OURS)
			continue;
		if (f.configured[i])
			found[i].state = KNOT_ZONE_FOREIGN;
		else if (f.served[i])
			found[i].state = KNOT_ZONE_MEMBER;
	}
	fini(&f);
	return err;
}
