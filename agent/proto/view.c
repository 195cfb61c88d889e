/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/view.h"

#include <stdlib.h>
#include <string.h>

#include "lib/catz.h"
#include "lib/mem.h"

static void *
copy_array(const void *items, size_t n, size_t size)
{
	return n > 0 ? mem_dup(items, n * size) : NULL;
}

static int
compare_names(const struct dname *a, const struct dname *b)
{
	return a->size != b->size ? a->size - b->size
				  : memcmp(a->wire, b->wire, a->size);
}

static int
by_key_name(const void *a, const void *b)
{
	const struct proto_key *x = a, *y = b;
	return compare_names(key_name(x->key), key_name(y->key));
}

static void
copy_keys(struct proto_conf *conf)
{
	conf->keys = copy_array(conf->keys, conf->n_keys, sizeof(*conf->keys));
	for (size_t i = 0; i < conf->n_keys; i++) {
		struct proto_key *k = &conf->keys[i];
		key_ref(k->key);
		k->zones = copy_array(k->zones, k->n_zones, sizeof(*k->zones));
		k->patterns =
		    copy_array(k->patterns, k->n_patterns, sizeof(*k->patterns));
		for (size_t j = 0; j < k->n_patterns; j++)
			k->patterns[j] = mem_strdup(k->patterns[j]);
	}
	if (conf->n_keys > 0)
		qsort(conf->keys, conf->n_keys, sizeof(*conf->keys), by_key_name);
}

static void
copy_backends(struct proto_conf *conf)
{
	conf->backends =
	    copy_array(conf->backends, conf->n_backends, sizeof(*conf->backends));
	for (size_t i = 0; i < conf->n_backends; i++) {
		struct proto_backend *b = &conf->backends[i];
		b->catalogs = copy_array(b->catalogs, b->n_catalogs, 1);
	}
}

static struct proto_remote *
copy_remotes(const struct proto_remote *remotes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (remotes[i].key)
			key_ref(remotes[i].key);
	return copy_array(remotes, n, sizeof(*remotes));
}

static void
copy_catalogs(struct proto_conf *conf)
{
	conf->catalogs =
	    copy_array(conf->catalogs, conf->n_catalogs, sizeof(*conf->catalogs));
	for (size_t i = 0; i < conf->n_catalogs; i++) {
		struct proto_catalog *c = &conf->catalogs[i];
		c->primaries = copy_remotes(c->primaries, c->n_primaries);
		c->notify = copy_remotes(c->notify, c->n_notify);
	}
}

static void
add_zone(struct view *view, enum zone_kind kind, const char *label,
    const struct proto_catalog *c)
{
	struct view_zone *zone = &view->zones[view->n_zones];
	*zone = (struct view_zone){.kind = kind, .name = c->name, .catalog = c};
	if (!label || catz_control_zone(label, &c->name, &zone->name) == OK)
		view->n_zones++;
}

static void
add_zones(struct view *view)
{
	const struct proto_conf *conf = &view->conf;
	view->zones = mem_alloc((4 * conf->n_catalogs + 1) * sizeof(*view->zones));
	view->reserved = mem_alloc((conf->n_catalogs + 1) * sizeof(*view->reserved));
	for (size_t i = 0; i < conf->n_catalogs; i++) {
		const struct proto_catalog *c = &conf->catalogs[i];
		view->reserved[i] = c->name;
		add_zone(view, ZONE_CATALOG, NULL, c);
		add_zone(view, ZONE_STATUS, "_status", c);
		add_zone(view, ZONE_COMMAND, "_command", c);
		add_zone(view, ZONE_LOG, "_log", c);
	}
}

struct view *
view_new(const struct proto_conf *conf)
{
	struct view *view = mem_zalloc(sizeof(*view));
	view->refs = 1;
	view->conf = *conf;
	copy_keys(&view->conf);
	copy_backends(&view->conf);
	copy_catalogs(&view->conf);
	add_zones(view);
	return view;
}

struct view *
view_ref(struct view *view)
{
	view->refs++;
	return view;
}

static void
free_keys(struct proto_conf *conf)
{
	for (size_t i = 0; i < conf->n_keys; i++) {
		struct proto_key *k = &conf->keys[i];
		key_unref(k->key);
		free(k->zones);
		for (size_t j = 0; j < k->n_patterns; j++)
			free(k->patterns[j]);
		free(k->patterns);
	}
	free(conf->keys);
}

static void
free_remotes(struct proto_remote *remotes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		key_unref(remotes[i].key);
	free(remotes);
}

static void
free_catalogs(struct proto_conf *conf)
{
	for (size_t i = 0; i < conf->n_catalogs; i++) {
		struct proto_catalog *c = &conf->catalogs[i];
		free_remotes(c->primaries, c->n_primaries);
		free_remotes(c->notify, c->n_notify);
	}
	free(conf->catalogs);
}

/* Our own copy, which the public type calls const. */
static void
free_numbers(const uint8_t *numbers)
{
	free((void *)(uintptr_t)numbers);
}

void
view_unref(struct view *view)
{
	if (!view || --view->refs > 0)
		return;
	free_keys(&view->conf);
	for (size_t i = 0; i < view->conf.n_backends; i++)
		free_numbers(view->conf.backends[i].catalogs);
	free(view->conf.backends);
	free_catalogs(&view->conf);
	free(view->zones);
	free(view->reserved);
	free(view);
}

const struct proto_key *
view_find_key(const struct view *view, const struct dname *name)
{
	size_t low = 0, high = view->conf.n_keys;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct proto_key *k = &view->conf.keys[mid];
		int order = compare_names(name, key_name(k->key));
		if (order == 0)
			return k;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

const struct view_zone *
view_zone_of(const struct view *view, const struct dname *name)
{
	const struct view_zone *best = NULL;
	for (size_t i = 0; i < view->n_zones; i++) {
		const struct view_zone *z = &view->zones[i];
		if ((!best || z->name.size > best->name.size) &&
		    dname_is_at_or_below(name, &z->name))
			best = z;
	}
	return best;
}

const struct proto_catalog *
view_catalog(const struct view *view, uint8_t nr)
{
	for (size_t i = 0; i < view->conf.n_catalogs; i++)
		if (view->conf.catalogs[i].nr == nr)
			return &view->conf.catalogs[i];
	return NULL;
}

const struct proto_backend *
view_backend(const struct view *view, uint8_t catalog, size_t n)
{
	for (size_t i = 0; i < view->conf.n_backends; i++) {
		const struct proto_backend *b = &view->conf.backends[i];
		if (b->n_catalogs > 0 && memchr(b->catalogs, catalog, b->n_catalogs) &&
		    n-- == 0)
			return b;
	}
	return NULL;
}
