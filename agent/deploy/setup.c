/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/setup.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"

/* -- copies ---------------------------------------------------------------- */

static char *
copy_text(const char *text)
{
	return text != NULL ? mem_strdup(text) : NULL;
}

/* Of a copy, which is ours although its type says const. */
static void
free_own(const void *p)
{
	free((void *)(uintptr_t)p);
}

/* The count of a ring is no part of what it holds. */
static struct keyring *
own_ring(const struct keyring *ring)
{
	return (struct keyring *)(uintptr_t)ring;
}

static const struct backend_option *
copy_options(const struct backend_conf *from)
{
	struct backend_option *to =
	    mem_zalloc((from->n_options + 1) * sizeof(struct backend_option));
	for (size_t i = 0; i < from->n_options; i++) {
		const struct backend_option *o = &from->options[i];
		to[i] = (struct backend_option){.name = copy_text(o->name),
		    .value = copy_text(o->value),
		    .file = copy_text(o->file),
		    .line = o->line};
	}
	return to;
}

static const struct deploy_catalog *
copy_catalogs(const struct deploy_backend_conf *from)
{
	struct deploy_catalog *to =
	    mem_zalloc((from->n_catalogs + 1) * sizeof(struct deploy_catalog));
	for (size_t i = 0; i < from->n_catalogs; i++) {
		const struct deploy_catalog *c = &from->catalogs[i];
		to[i] = *c;
		to[i].label = copy_text(c->label);
		to[i].accept_zones =
		    c->n_accept_zones > 0
			? mem_dup(c->accept_zones,
			      c->n_accept_zones * sizeof(*c->accept_zones))
			: NULL;
	}
	return to;
}

struct deploy_backend_conf *
setup_copy(const struct deploy_backend_conf *conf)
{
	struct deploy_backend_conf *copy = mem_dup(conf, sizeof(*conf));
	struct backend_conf *b = &copy->backend;
	b->name = copy_text(b->name);
	b->zone_dir = copy_text(b->zone_dir);
	b->config_dir = copy_text(b->config_dir);
	b->options = copy_options(&conf->backend);
	if (b->keys != NULL)
		keyring_ref(own_ring(b->keys));
	if (copy->probe_key != NULL)
		key_ref(copy->probe_key);
	copy->catalogs = copy_catalogs(conf);
	return copy;
}

void
setup_free(struct deploy_backend_conf *conf)
{
	if (conf == NULL)
		return;
	struct backend_conf *b = &conf->backend;
	free_own(b->name);
	free_own(b->zone_dir);
	free_own(b->config_dir);
	for (size_t i = 0; i < b->n_options; i++) {
		free_own(b->options[i].name);
		free_own(b->options[i].value);
		free_own(b->options[i].file);
	}
	free_own(b->options);
	keyring_unref(own_ring(b->keys));
	key_unref(conf->probe_key);
	for (size_t i = 0; i < conf->n_catalogs; i++) {
		free_own(conf->catalogs[i].label);
		free(conf->catalogs[i].accept_zones);
	}
	free_own(conf->catalogs);
	free(conf);
}

void
setup_swap_keys(struct deploy_backend_conf *a, struct deploy_backend_conf *b)
{
	const struct keyring *keys = a->backend.keys;
	a->backend.keys = b->backend.keys;
	b->backend.keys = keys;
}

void
setup_swap_catalogs(struct deploy_backend_conf *a, struct deploy_backend_conf *b)
{
	const struct deploy_catalog *catalogs = a->catalogs;
	size_t n = a->n_catalogs;
	a->catalogs = b->catalogs;
	a->n_catalogs = b->n_catalogs;
	b->catalogs = catalogs;
	b->n_catalogs = n;
}

/* -- differences ----------------------------------------------------------- */

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* In any order; the line says nothing. */
static bool
has_options(const struct backend_conf *a, const struct backend_conf *b)
{
	for (size_t i = 0; i < a->n_options; i++) {
		const struct backend_option *o =
		    backend_find_option(b, a->options[i].name);
		if (o == NULL || !same_text(o->value, a->options[i].value))
			return false;
	}
	return a->n_options == b->n_options;
}

static bool
same_driver_conf(const struct backend_conf *a, const struct backend_conf *b)
{
	return same_text(a->name, b->name) && same_text(a->zone_dir, b->zone_dir) &&
	       same_text(a->config_dir, b->config_dir) && has_options(a, b) &&
	       a->max_variants == b->max_variants &&
	       a->reconfig_hold == b->reconfig_hold && a->timeout_ms == b->timeout_ms;
}

static bool
same_probe(const struct deploy_backend_conf *a, const struct deploy_backend_conf *b)
{
	if (a->has_probe != b->has_probe)
		return false;
	if (!a->has_probe)
		return true;
	if (a->probe_key == NULL || b->probe_key == NULL) {
		if (a->probe_key != b->probe_key)
			return false;
	} else if (!key_equal(a->probe_key, b->probe_key)) {
		return false;
	}
	return addr_equal(&a->probe, &b->probe) && a->probe_rate == b->probe_rate &&
	       a->probe_interval_s == b->probe_interval_s;
}

bool
setup_is_same(const struct deploy_backend_conf *a, const struct deploy_backend_conf *b)
{
	return a->nr == b->nr && a->driver == b->driver &&
	       same_driver_conf(&a->backend, &b->backend) && same_probe(a, b) &&
	       a->apply_rate == b->apply_rate && a->max_transfers == b->max_transfers &&
	       a->transfer_patience_s == b->transfer_patience_s;
}

bool
setup_has_same_keys(const struct deploy_backend_conf *a,
    const struct deploy_backend_conf *b)
{
	const struct keyring *x = a->backend.keys, *y = b->backend.keys;
	return x == NULL || y == NULL ? x == y : keyring_equal(x, y);
}

static bool
same_limit(const struct limit *a, const struct limit *b)
{
	return a->off == b->off && a->percent == b->percent && a->min == b->min &&
	       a->window_s == b->window_s &&
	       memcmp(a->heirs, b->heirs, sizeof(a->heirs)) == 0;
}

static bool
same_catalog(const struct deploy_catalog *a, const struct deploy_catalog *b)
{
	if (a->n_accept_zones != b->n_accept_zones)
		return false;
	for (size_t i = 0; i < a->n_accept_zones; i++)
		if (!dname_equal(&a->accept_zones[i], &b->accept_zones[i]))
			return false;
	return a->nr == b->nr && same_text(a->label, b->label) &&
	       same_limit(&a->limit, &b->limit) &&
	       strcmp(a->default_pattern, b->default_pattern) == 0 &&
	       a->purge_after_s == b->purge_after_s &&
	       a->apply_delay_s == b->apply_delay_s;
}

/* Their order says which of two has a zone. */
bool
setup_has_same_catalogs(const struct deploy_backend_conf *a,
    const struct deploy_backend_conf *b)
{
	if (a->n_catalogs != b->n_catalogs)
		return false;
	for (size_t i = 0; i < a->n_catalogs; i++)
		if (!same_catalog(&a->catalogs[i], &b->catalogs[i]))
			return false;
	return true;
}

const struct deploy_catalog *
setup_catalog(const struct deploy_backend_conf *conf, uint8_t nr)
{
	for (size_t i = 0; i < conf->n_catalogs; i++) {
		if (conf->catalogs[i].nr == nr)
			return &conf->catalogs[i];
	}
	return NULL;
}
