/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/conf_read.h"
#include "lib/mem.h"
#include "lib/version.h"

enum { BACKEND_TIMEOUT_MS = 30000 };

/* -- faults ---------------------------------------------------------------- */

void
conf_fault_at(struct conf *conf, const struct err_where *where)
{
	/* In order of lines, what is about the file as a whole last. */
	size_t at = conf->n_faults;

	conf->faults = mem_grow(conf->faults, conf->n_faults, &conf->faults_room,
	    sizeof(*conf->faults));
	while (at > 0 && strcmp(conf->faults[at - 1].file, where->file) == 0 &&
	       conf->faults[at - 1].line - 1u > where->line - 1u)
		at--;
	memmove(&conf->faults[at + 1], &conf->faults[at],
	    (conf->n_faults - at) * sizeof(*conf->faults));
	conf->faults[at] = *where;
	conf->n_faults++;
}

void
conf_fault(struct conf *conf, unsigned line, const char *fmt, ...)
{
	struct err_where where = {.line = line};
	va_list args;

	snprintf(where.file, sizeof(where.file), "%s", conf->path);
	va_start(args, fmt);
	vsnprintf(where.what, sizeof(where.what), fmt, args);
	va_end(args);
	conf_fault_at(conf, &where);
}

char *
conf_fault_text(const struct conf *conf, size_t n)
{
	if (n >= conf->n_faults)
		return NULL;
	const struct err_where *w = &conf->faults[n];
	if (w->file[0] == '\0')
		return mem_strdup(w->what);
	if (w->line == 0)
		return mem_printf("%s: %s", w->file, w->what);
	return mem_printf("%s:%u: %s", w->file, w->line, w->what);
}

/* -- life ------------------------------------------------------------------ */

static void
set_defaults(struct conf *conf)
{
	conf->log = LOG_INFO;
	conf_set_health_defaults(&conf->health);
	if (gethostname(conf->name, sizeof(conf->name)) != 0)
		conf->name[0] = '\0';
	conf->name[sizeof(conf->name) - 1] = '\0';
	conf->name[strcspn(conf->name, ".")] = '\0';
	if (conf->name[0] == '\0')
		snprintf(conf->name, sizeof(conf->name), "nsherd");
}

static void
wire_keys(struct conf *conf)
{
	struct proto_conf *p = &conf->proto;

	p->n_keys = conf->n_keys;
	p->keys = mem_zalloc((p->n_keys + 1) * sizeof(*p->keys));
	for (size_t i = 0; i < conf->n_keys; i++) {
		const struct conf_key *k = conf->keys[i];
		p->keys[i] = (struct proto_key){.key = k->key,
		    .rights = k->rights,
		    .zones = k->zones,
		    .n_zones = k->n_zones,
		    .patterns = k->patterns,
		    .n_patterns = k->n_patterns,
		    .max_rate = (unsigned)k->max_rate,
		    .max_connections = (unsigned)k->max_connections,
		    .max_transfers = (unsigned)k->max_transfers};
	}
}

enum err
conf_load(const char *path, struct conf **out)
{
	struct conf *conf = mem_zalloc(sizeof(*conf));

	conf->path = mem_strdup(path);
	conf->ring = keyring_new();
	set_defaults(conf);
	conf_read(conf);
	conf_check(conf);
	wire_keys(conf);
	*out = conf;
	return conf->n_faults > 0 ? ERR_INVALID : OK;
}

static void
free_texts(char **texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(texts[i]);
	free(texts);
}

static void
free_secret(char *text)
{
	if (text != NULL)
		mem_wipe(text, strlen(text));
	free(text);
}

static void
free_key(struct conf_key *k)
{
	free(k->algorithm);
	free_secret(k->secret);
	free(k->file);
	free(k->zones);
	free_texts(k->patterns, k->n_patterns);
	key_unref(k->key);
	free(k);
}

static void
free_backend(struct conf_backend *b)
{
	free_texts(b->catalog_labels, b->n_catalog_labels);
	free(b->zone_dir);
	free(b->config_dir);
	free(b->options); /* their texts are the lines' */
	free(b->catalog_nrs);
	free(b);
}

static void
free_sections(struct conf *conf)
{
	for (size_t i = 0; i < conf->n_keys; i++)
		free_key(conf->keys[i]);
	for (size_t i = 0; i < conf->n_catalogs; i++) {
		free(conf->catalogs[i]->accept_zones);
		free(conf->catalogs[i]->primaries);
		free(conf->catalogs[i]->notify);
		free(conf->catalogs[i]);
	}
	for (size_t i = 0; i < conf->n_backends; i++)
		free_backend(conf->backends[i]);
	free(conf->keys);
	free(conf->catalogs);
	free(conf->backends);
}

static void
free_lines(struct conf *conf)
{
	for (size_t i = 0; i < conf->n_lines; i++) {
		free(conf->lines[i].section);
		free(conf->lines[i].name);
		free_secret(conf->lines[i].value);
	}
	free(conf->lines);
}

void
conf_free(struct conf *conf)
{
	if (conf == NULL)
		return;
	free(conf->proto.keys);
	for (size_t i = 0; i < conf->proto.n_catalogs; i++) {
		free(conf->proto.catalogs[i].primaries);
		free(conf->proto.catalogs[i].notify);
	}
	free(conf->proto.catalogs);
	free(conf->proto.backends);
	for (size_t i = 0; conf->deploy != NULL && i < conf->n_backends; i++)
		free((struct deploy_catalog *)(uintptr_t)conf->deploy[i].catalogs);
	free(conf->deploy);
	keyring_unref(conf->ring);
	free_sections(conf);
	free_lines(conf);
	free(conf->listen);
	free(conf->listen_tls);
	free(conf->metrics);
	free(conf->tls_cert);
	free(conf->tls_key);
	free(conf->tls_client_ca);
	free(conf->tls_ca);
	free(conf->state_dir);
	free(conf->health_file);
	free(conf->pattern_dir);
	free(conf->faults);
	free(conf->path);
	free(conf);
}

/* -- for the rooms --------------------------------------------------------- */

void
conf_get_store(const struct conf *conf, struct store_conf *store)
{
	*store = (struct store_conf){.dir = conf->state_dir};
}

void
conf_get_net(const struct conf *conf, struct net_conf *net)
{
	*net = (struct net_conf){.listen = conf->listen,
	    .n_listen = conf->n_listen,
	    .listen_tls = conf->listen_tls,
	    .n_listen_tls = conf->n_listen_tls};
}

void
conf_get_tls_server(const struct conf *conf, struct tls_files *files)
{
	*files = (struct tls_files){.cert = conf->tls_cert,
	    .key = conf->tls_key,
	    .ca = conf->tls_client_ca};
}

void
conf_get_tls_client(const struct conf *conf, struct tls_files *files)
{
	*files = (struct tls_files){.cert = conf->tls_cert,
	    .key = conf->tls_key,
	    .ca = conf->tls_ca};
}

char *
conf_health_file(const struct conf *conf)
{
	return conf->health_file != NULL ? mem_strdup(conf->health_file)
					 : mem_printf("%s/health", conf->state_dir);
}

static bool
any_tls(const struct conf_remote *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].remote.tls[0] != '\0')
			return true;
	return false;
}

bool
conf_calls_tls(const struct conf *conf)
{
	for (size_t i = 0; i < conf->n_catalogs; i++) {
		const struct conf_catalog *c = conf->catalogs[i];
		if (any_tls(c->primaries, c->n_primaries) ||
		    any_tls(c->notify, c->n_notify))
			return true;
	}
	return false;
}

void
conf_get_backend(const struct conf *conf, const struct conf_backend *b,
    struct backend_conf *out)
{
	*out = (struct backend_conf){
	    .name = b->name,
	    .zone_dir = b->zone_dir,
	    .config_dir = b->config_dir,
	    .options = b->options,
	    .n_options = b->n_options,
	    .keys = conf->ring,
	    .max_variants = (unsigned)b->max_variants,
	    .reconfig_hold = b->reconfig_hold,
	    .cancel_fd = -1,
	    .timeout_ms = BACKEND_TIMEOUT_MS,
	};
}

static bool
serves(const struct conf_backend *b, const struct conf_catalog *c)
{
	for (size_t i = 0; i < b->n_catalog_labels; i++)
		if (strcmp(b->catalog_labels[i], c->label) == 0)
			return true;
	return b->n_catalog_labels == 0;
}

static struct proto_remote *
wire_remotes(const struct conf_remote *list, size_t n)
{
	struct proto_remote *all = mem_zalloc((n + 1) * sizeof(*all));

	for (size_t i = 0; i < n; i++) {
		all[i].addr = list[i].remote.addr;
		all[i].key = list[i].key;
		memcpy(all[i].tls, list[i].remote.tls, sizeof(all[i].tls));
	}
	return all;
}

static void
wire_proto(struct conf *conf, uint64_t started)
{
	struct proto_conf *p = &conf->proto;

	snprintf(p->agent, sizeof(p->agent), "%s", conf->name);
	snprintf(p->version, sizeof(p->version), "%s", NSHERD_VERSION);
	p->started = started;
	p->n_catalogs = conf->n_catalogs;
	p->catalogs = mem_zalloc((p->n_catalogs + 1) * sizeof(*p->catalogs));
	for (size_t i = 0; i < conf->n_catalogs; i++) {
		const struct conf_catalog *c = conf->catalogs[i];
		struct proto_catalog *pc = &p->catalogs[i];
		*pc = (struct proto_catalog){.name = c->name,
		    .nr = c->nr,
		    .primary = !c->is_follower,
		    .primaries = wire_remotes(c->primaries, c->n_primaries),
		    .n_primaries = c->n_primaries,
		    .notify = wire_remotes(c->notify, c->n_notify),
		    .n_notify = c->n_notify,
		    .max_records = c->max_records,
		    .max_transaction = (unsigned)c->max_transaction,
		    .max_lock_s = c->max_lock_s};
		pc->limit = c->limit;
		pc->apply_delay_s = c->apply_delay_s;
		memcpy(pc->label, c->label, sizeof(pc->label));
		memcpy(pc->default_pattern, c->default_pattern,
		    sizeof(pc->default_pattern));
	}
	p->n_backends = conf->n_backends;
	p->backends = mem_zalloc((p->n_backends + 1) * sizeof(*p->backends));
	for (size_t i = 0; i < conf->n_backends; i++) {
		const struct conf_backend *b = conf->backends[i];
		struct proto_backend *pb = &p->backends[i];
		*pb = (struct proto_backend){.nr = conf->deploy[i].nr,
		    .catalogs = b->catalog_nrs,
		    .n_catalogs = b->n_catalog_nrs};
		memcpy(pb->name, b->name, sizeof(pb->name));
		snprintf(pb->driver, sizeof(pb->driver), "%s", b->driver->name);
	}
}

/* Each backend of the one serves the other, too. */
static bool
is_heir(const struct conf *conf, const struct conf_catalog *one,
    const struct conf_catalog *other)
{
	for (size_t i = 0; i < conf->n_backends; i++) {
		const struct conf_backend *b = conf->backends[i];
		if (serves(b, one) && !serves(b, other))
			return false;
	}
	return one != other;
}

static void
find_heirs(const struct conf *conf, struct conf_catalog *c)
{
	for (size_t i = 0; i < conf->n_catalogs; i++) {
		const struct conf_catalog *other = conf->catalogs[i];
		if (is_heir(conf, c, other))
			c->limit.heirs[other->nr / 8] |= (uint8_t)(1u << other->nr % 8);
	}
}

/* The catalogs that b serves, as deploy and proto want them. */
static const struct deploy_catalog *
wire_catalogs(struct conf *conf, struct conf_backend *b)
{
	struct deploy_catalog *all = mem_zalloc((conf->n_catalogs + 1) * sizeof(*all));

	b->catalog_nrs = mem_zalloc(conf->n_catalogs + 1);
	for (size_t i = 0; i < conf->n_catalogs; i++) {
		const struct conf_catalog *c = conf->catalogs[i];
		if (!serves(b, c))
			continue;
		struct deploy_catalog *d = &all[b->n_catalog_nrs];
		*d = (struct deploy_catalog){.nr = c->nr,
		    .label = c->label,
		    .limit = c->limit,
		    .accept_zones = c->accept_zones,
		    .n_accept_zones = c->n_accept_zones,
		    .purge_after_s = c->purge_after_s,
		    .apply_delay_s = c->apply_delay_s};
		memcpy(d->default_pattern, c->default_pattern,
		    sizeof(d->default_pattern));
		b->catalog_nrs[b->n_catalog_nrs++] = c->nr;
	}
	return all;
}

void
conf_wire(struct conf *conf, const uint8_t *catalog_nrs, const uint8_t *backend_nrs,
    uint64_t started)
{
	for (size_t i = 0; i < conf->n_catalogs; i++)
		conf->catalogs[i]->nr = catalog_nrs[i];
	for (size_t i = 0; i < conf->n_catalogs; i++)
		find_heirs(conf, conf->catalogs[i]);
	conf->deploy = mem_zalloc((conf->n_backends + 1) * sizeof(*conf->deploy));
	for (size_t i = 0; i < conf->n_backends; i++) {
		struct conf_backend *b = conf->backends[i];
		struct deploy_backend_conf *d = &conf->deploy[i];
		d->nr = backend_nrs[i];
		d->driver = b->driver;
		conf_get_backend(conf, b, &d->backend);
		d->catalogs = wire_catalogs(conf, b);
		d->n_catalogs = b->n_catalog_nrs;
		d->probe = b->probe;
		d->has_probe = b->has_probe;
		if (b->has_probe_key)
			d->probe_key = keyring_find(conf->ring, &b->probe_key);
		d->probe_rate = (unsigned)b->probe_rate;
		d->probe_interval_s = b->probe_interval_s;
		d->apply_rate = (unsigned)b->apply_rate;
		d->max_transfers = (unsigned)b->max_transfers;
		d->transfer_patience_s = b->transfer_patience_s;
	}
	wire_proto(conf, started);
}
