/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/knot_native.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/mem.h"

/*
 * Whatever comes from the catalog is an address or a name by the time it gets
 * here, and every value is a field of its own in Knot's protocol: there is no
 * quoting that could be broken. Raw options are the operator's own, but may
 * not touch what the driver relies on.
 *
 * The template's name ends in a digest of all that the rendering comes to, so
 * that what a template or a zone under it has can be told from the name alone,
 * after a change of zone-dir or of this file too.
 */

/* Changed whenever other items come of the same settings. */
static const char format[] = "nsherd 1\n";

static const char prefix[] = "nsherd-";

/* -- items -------------------------------------------------------------------- */

const struct knot_item *
knot_items_find(const struct knot_items *items, const char *name)
{
	for (size_t i = 0; i < items->n; i++) {
		if (strcmp(items->list[i].name, name) == 0)
			return &items->list[i];
	}
	return NULL;
}

void
knot_items_add(struct knot_items *items, const char *name, const char *value)
{
	items->list =
	    mem_grow(items->list, items->n, &items->room, sizeof(items->list[0]));
	items->list[items->n++] =
	    (struct knot_item){mem_strdup(name), mem_strdup(value)};
}

/* The only value from now on. */
static void
put_item(struct knot_items *items, const char *name, const char *value)
{
	for (size_t i = 0; i < items->n; i++) {
		if (strcmp(items->list[i].name, name) != 0)
			continue;
		free(items->list[i].value);
		items->list[i].value = mem_strdup(value);
		return;
	}
	knot_items_add(items, name, value);
}

void
knot_items_fini(struct knot_items *items)
{
	for (size_t i = 0; i < items->n; i++) {
		free(items->list[i].name);
		free(items->list[i].value);
	}
	free(items->list);
	memset(items, 0, sizeof(*items));
}

static const char *
next_value(const struct knot_items *items, const char *name, size_t *at)
{
	while (*at < items->n) {
		const struct knot_item *item = &items->list[(*at)++];

		if (strcmp(item->name, name) == 0)
			return item->value;
	}
	return NULL;
}

bool
knot_items_same(const struct knot_items *a, const struct knot_items *b,
    const char *name)
{
	size_t i = 0, k = 0;

	for (;;) {
		const char *left = next_value(a, name, &i);
		const char *right = next_value(b, name, &k);

		if (left == NULL || right == NULL)
			return left == right;
		if (strcmp(left, right) != 0)
			return false;
	}
}

/* -- remotes and access lists ------------------------------------------------- */

static void
want_key(struct knot_native *n, const struct dname *key)
{
	for (size_t i = 0; i < n->n_keys; i++) {
		if (dname_equal(&n->keys[i], key))
			return;
	}
	n->keys = mem_grow(n->keys, n->n_keys, &n->keys_room, sizeof(n->keys[0]));
	n->keys[n->n_keys++] = *key;
}

/* Names the object by its items, which it takes. Valid until the next call. */
static const char *
want_object(struct knot_native *n, const char *section, struct knot_items *items)
{
	struct knot_object *o;
	char hex[DIGEST_HEX_MAX + 1], id[KNOT_OBJECT_MAX];
	struct buf text;

	buf_init(&text, 0);
	buf_printf(&text, "%s%s\n", format, section);
	for (size_t i = 0; i < items->n; i++)
		buf_printf(&text, "%s %s\n", items->list[i].name, items->list[i].value);
	snprintf(id, sizeof(id), "%s%s", prefix,
	    digest_hex(buf_text(&text), text.size, 16, hex));
	buf_fini(&text);
	for (size_t i = 0; i < n->n_objects; i++) {
		if (strcmp(n->objects[i].id, id) == 0) {
			knot_items_fini(items);
			return n->objects[i].id;
		}
	}
	n->objects =
	    mem_grow(n->objects, n->n_objects, &n->objects_room, sizeof(n->objects[0]));
	o = &n->objects[n->n_objects++];
	o->section = section;
	strcpy(o->id, id);
	o->items = *items;
	return o->id;
}

static enum err
put_remotes(struct knot_native *n, const char *item, const struct remote_list *list,
    const char *action, struct backend_error *why)
{
	char address[ADDR_TEXT_MAX], key[DNAME_TEXT_MAX];

	for (size_t i = 0; i < list->n; i++) {
		const struct remote *r = &list->items[i];
		struct knot_items items = {NULL, 0, 0};
		bool host = action != NULL || addr_port(&r->addr) == 0;

		if (r->tls[0] != '\0')
			return backend_refuse(why,
			    "%s: the knot driver does not do tls yet", item);
		knot_items_add(&items, "address",
		    host ? addr_print_host(&r->addr, address)
			 : addr_print(&r->addr, address));
		if (r->has_key) {
			want_key(n, &r->key);
			knot_items_add(&items, "key", dname_print(&r->key, key));
		}
		if (action != NULL)
			knot_items_add(&items, "action", action);
		knot_items_add(&n->template, item,
		    want_object(n, action != NULL ? "acl" : "remote", &items));
	}
	return OK;
}

/* -- raw options -------------------------------------------------------------- */

static bool
is_one_of(const char *word, const char *const *words)
{
	for (; *words != NULL; words++) {
		if (strcmp(*words, word) == 0)
			return true;
	}
	return false;
}

/* Items that Knot takes up in a template without reloading all zones. */
static bool
is_light(const char *name)
{
	static const char *const light[] = {"notify", "acl", "provide-ixfr",
	    "zonefile-sync", "zonefile-load", "journal-max-usage", "journal-max-depth",
	    "adjust-threads", "serial-policy", "ddns-master", "refresh-min-interval",
	    "refresh-max-interval", "retry-min-interval", "retry-max-interval",
	    "expire-min-interval", "expire-max-interval", NULL};

	return is_one_of(name, light);
}

static bool
is_list(const char *name)
{
	static const char *const lists[] = {"notify", "acl", "module", "ds-push",
	    "reverse-generate", "include-from", NULL};

	return is_one_of(name, lists);
}

static enum err
check_option_name(const char *name, struct backend_error *why)
{
	static const char *const ours[] = {"id", "domain", "template", "storage",
	    "file", "comment", "master", "global-module", "dnssec-signing",
	    "dnssec-policy", NULL};

	if (is_one_of(name, ours) || strncmp(name, "catalog-", 8) == 0)
		return backend_refuse(why, "knot option %s: is not for a pattern file",
		    name);
	return OK;
}

/* One value, its quotes taken off. */
static enum err
put_value(struct knot_native *n, const char *name, const char *text, size_t size,
    struct backend_error *why)
{
	struct knot_items *items = is_light(name) ? &n->template : &n->zone;
	char *value;

	while (size > 0 && (text[0] == ' ' || text[0] == '\t')) {
		text++;
		size--;
	}
	while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t'))
		size--;
	if (size >= 2 && text[0] == '"' && text[size - 1] == '"') {
		text++;
		size -= 2;
	}
	if (size == 0 || memchr(text, '"', size) != NULL)
		return backend_refuse(why, "knot option %s: bad value", name);
	value = mem_printf("%.*s", (int)size, text);
	if (is_list(name))
		knot_items_add(items, name, value);
	else
		put_item(items, name, value);
	free(value);
	return OK;
}

/* `name: value` or `name: [value, value]`, as in knot.conf. */
static enum err
put_option(struct knot_native *n, const char *text, struct backend_error *why)
{
	size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
	char name[64];
	const char *value;
	enum err err;

	if (size == 0 || size >= sizeof(name) || text[size] != ':' ||
	    (text[size + 1] != ' ' && text[size + 1] != '\t'))
		return backend_refuse(why,
		    "knot option \"%.100s\" is not `name: value`", text);
	snprintf(name, sizeof(name), "%.*s", (int)size, text);
	err = check_option_name(name, why);
	if (err != OK)
		return err;
	value = text + size + 1;
	value += strspn(value, " \t");
	size = strlen(value);
	if (size < 2 || value[0] != '[' || value[size - 1] != ']')
		return put_value(n, name, value, size, why);
	for (value++, size -= 2; err == OK;) {
		size_t part = strcspn(value, ",");

		if (part > size)
			part = size;
		err = put_value(n, name, value, part, why);
		if (part == size)
			break;
		value += part + 1;
		size -= part + 1;
	}
	return err;
}

/* -- all of it ---------------------------------------------------------------- */

/*
 * The file of a primary belongs to the operator: Knot never writes it, and what
 * is changed in it becomes a difference, which secondaries get by IXFR. With
 * signatures Knot must count serials itself, and keep in its journal what is
 * in no file.
 */
static void
put_storing(struct knot_native *n, bool primary, const char *policy)
{
	const char *load = primary ? "difference" : "whole";

	if (policy != NULL)
		load = primary ? "difference-no-serial" : "none";
	knot_items_add(&n->template, "zonefile-load", load);
	knot_items_add(&n->template, "zonefile-sync",
	    primary || policy != NULL ? "-1" : "0");
	if (policy == NULL)
		return;
	knot_items_add(&n->zone, "journal-content", "all");
	knot_items_add(&n->zone, "dnssec-signing", "on");
	knot_items_add(&n->zone, "dnssec-policy", policy);
}

static enum err
put_role(struct knot_native *n, const struct settings *s, struct backend_error *why)
{
	bool primary = s->role == ROLE_PRIMARY;
	enum err err = OK;

	knot_items_add(&n->template, "comment", "made by nsherd: do not change");
	put_storing(n, primary, s->dnssec);
	if (!primary && s->primaries.n == 0)
		return backend_refuse(why, "a secondary without primaries");
	if (!primary)
		err = put_remotes(n, "master", &s->primaries, NULL, why);
	if (err == OK && !primary)
		err = put_remotes(n, "acl", &s->allow_notify, "notify", why);
	if (err == OK)
		err = put_remotes(n, "notify", &s->notify, NULL, why);
	if (err == OK)
		err = put_remotes(n, "acl", &s->allow_transfer, "transfer", why);
	return err;
}

static void
print_items(struct buf *out, const char *what, const struct knot_items *items)
{
	for (size_t i = 0; i < items->n; i++)
		buf_printf(out, "%s %s %s\n", what, items->list[i].name,
		    items->list[i].value);
}

static void
make_name(struct knot_native *n, const struct settings *s, const char *zone_dir)
{
	char hex[DIGEST_HEX_MAX + 1];
	struct buf text;

	buf_init(&text, 0);
	buf_printf(&text, "%s%s/%s\n", format, zone_dir, s->zonefile);
	print_items(&text, "template", &n->template);
	print_items(&text, "zone", &n->zone);
	snprintf(n->name, sizeof(n->name), "%s%s.%s.%s", prefix, s->pattern, s->version,
	    digest_hex(buf_text(&text), text.size, 16, hex));
	buf_fini(&text);
}

enum err
knot_native_make(const struct settings *s, const char *zone_dir,
    struct knot_native **native, struct backend_error *why)
{
	struct knot_native *n = mem_zalloc(sizeof(*n));
	enum err err = put_role(n, s, why);

	for (size_t i = 0; err == OK && i < s->n_options; i++) {
		if (strcmp(s->options[i].driver, "knot") == 0)
			err = put_option(n, s->options[i].text, why);
	}
	if (err == OK)
		err = knot_sense_check(n, why);
	if (err != OK) {
		knot_native_free(n);
		return err;
	}
	make_name(n, s, zone_dir);
	*native = n;
	return OK;
}

void
knot_native_free(struct knot_native *native)
{
	if (native == NULL)
		return;
	knot_items_fini(&native->template);
	knot_items_fini(&native->zone);
	for (size_t i = 0; i < native->n_objects; i++)
		knot_items_fini(&native->objects[i].items);
	free(native->objects);
	free(native->keys);
	free(native);
}
