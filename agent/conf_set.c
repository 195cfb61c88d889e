/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "agent/conf_read.h"
#include "agent/metrics/metrics.h"
#include "lib/mem.h"
#include "lib/settings.h"

enum { PORT_AGENT = 5300, PORT_TLS = 853, PORT_METRICS = 9153, PORT_DNS = 53 };
enum {
	PURGE_AFTER_S = 7 * 86400,
	PROBE_INTERVAL_S = 3600,
	DURATION_MAX_S = 366 * 86400
};
enum { PROBE_RATE = 150, APPLY_RATE = 500, RATE_MAX = 1000000 };
enum { MAX_TRANSFERS = 2000, TRANSFER_PATIENCE_S = 60 };
enum { VARIANTS = 1000, VARIANTS_MAX = 100000 };
enum { HEALTH_DOWN_AFTER_S = 10, HEALTH_UP_AFTER_S = 30, HEALTH_MIN_SERVING = 95 };
enum { MAX_RECORDS = 20000000 };
enum { MAX_LOCK_S = 300, MAX_TRANSACTION = 100000, TRANSACTION_LIMIT = 1000000 };

/* -- [agent] --------------------------------------------------------------- */

static void
set_agent_name(struct conf_reader *r, const char *value)
{
	struct conf *conf = r->conf;

	if (strlen(value) >= sizeof(conf->name) || strpbrk(value, " \t\"\\") != NULL) {
		conf_value_fault(r,
		    "not a name of at most 63 characters without blanks", value);
		return;
	}
	snprintf(conf->name, sizeof(conf->name), "%s", value);
}

static bool
is_listened(const struct addr *list, size_t n, const struct addr *addr)
{
	for (size_t i = 0; i < n; i++)
		if (addr_equal(&list[i], addr))
			return true;
	return false;
}

/* Each address once, whatever it is for. */
static void
add_address(struct conf_reader *r, const char *item, uint16_t port, struct addr **list,
    size_t *n)
{
	const struct conf *conf = r->conf;
	struct addr addr;

	if (!conf_value_address(r, item, port, &addr))
		return;
	if (is_listened(conf->listen, conf->n_listen, &addr) ||
	    is_listened(conf->listen_tls, conf->n_listen_tls, &addr) ||
	    is_listened(conf->metrics, conf->n_metrics, &addr)) {
		conf_value_fault(r, "given twice", item);
		return;
	}
	*list = mem_realloc(*list, (*n + 1) * sizeof(**list));
	(*list)[(*n)++] = addr;
}

static enum err
add_listen(void *arg, const char *item)
{
	struct conf_reader *r = arg;

	add_address(r, item, PORT_AGENT, &r->conf->listen, &r->conf->n_listen);
	return OK;
}

static void
set_listen(struct conf_reader *r, const char *value)
{
	conf_value_each(r, value, true, add_listen);
}

static enum err
add_listen_tls(void *arg, const char *item)
{
	struct conf_reader *r = arg;

	add_address(r, item, PORT_TLS, &r->conf->listen_tls, &r->conf->n_listen_tls);
	return OK;
}

static void
set_listen_tls(struct conf_reader *r, const char *value)
{
	conf_value_each(r, value, true, add_listen_tls);
}

static void
set_tls_cert(struct conf_reader *r, const char *value)
{
	conf_value_text(r, &r->conf->tls_cert, value);
}

static void
set_tls_key(struct conf_reader *r, const char *value)
{
	conf_value_text(r, &r->conf->tls_key, value);
}

static void
set_tls_client_ca(struct conf_reader *r, const char *value)
{
	conf_value_text(r, &r->conf->tls_client_ca, value);
}

static void
set_tls_ca(struct conf_reader *r, const char *value)
{
	conf_value_text(r, &r->conf->tls_ca, value);
}

static enum err
add_metrics(void *arg, const char *item)
{
	struct conf_reader *r = arg;

	if (r->conf->n_metrics == METRICS_ADDRESSES_MAX)
		conf_value_fault(r, "one address too many", item);
	else
		add_address(r, item, PORT_METRICS, &r->conf->metrics,
		    &r->conf->n_metrics);
	return OK;
}

static void
set_metrics(struct conf_reader *r, const char *value)
{
	conf_value_each(r, value, true, add_metrics);
}

static void
set_state_dir(struct conf_reader *r, const char *value)
{
	conf_value_text(r, &r->conf->state_dir, value);
}

static void
set_pattern_dir(struct conf_reader *r, const char *value)
{
	conf_value_text(r, &r->conf->pattern_dir, value);
}

static void
set_health_file(struct conf_reader *r, const char *value)
{
	conf_value_directory(r, &r->conf->health_file, value);
}

static void
set_health_down_after(struct conf_reader *r, const char *value)
{
	conf_value_duration(r, &r->conf->health.down_after_s, value);
}

static void
set_health_up_after(struct conf_reader *r, const char *value)
{
	conf_value_duration(r, &r->conf->health.up_after_s, value);
}

static void
set_health_min_serving(struct conf_reader *r, const char *value)
{
	char number[8];
	unsigned long percent;
	size_t n = strspn(value, "0123456789");

	snprintf(number, sizeof(number), "%.*s", (int)(n < 7 ? n : 7), value);
	if (n >= sizeof(number) || strcmp(value + n, "%") != 0 ||
	    inifile_number(number, 0, 100, &percent) != OK)
		conf_value_fault(r, "not from 0% to 100%", value);
	else
		r->conf->health.min_serving = (unsigned)percent;
}

static void
set_log(struct conf_reader *r, const char *value)
{
	if (log_level_parse(value, &r->conf->log) != OK)
		conf_value_fault(r, "none of error, warn, info, debug", value);
}

const struct conf_setting conf_agent_settings[] = {
    {"name", set_agent_name, false},
    {"listen", set_listen, true},
    {"listen-tls", set_listen_tls, true},
    {"tls-cert", set_tls_cert, false},
    {"tls-key", set_tls_key, false},
    {"tls-client-ca", set_tls_client_ca, false},
    {"tls-ca", set_tls_ca, false},
    {"state-dir", set_state_dir, false},
    {"pattern-dir", set_pattern_dir, false},
    {"health-file", set_health_file, false},
    {"health-down-after", set_health_down_after, false},
    {"health-up-after", set_health_up_after, false},
    {"health-min-serving", set_health_min_serving, false},
    {"metrics", set_metrics, true},
    {"log", set_log, false},
    {NULL, NULL, false},
};

/* -- [key] ----------------------------------------------------------------- */

static void
set_key_name(struct conf_reader *r, const char *value)
{
	if (dname_parse(value, &r->key->name) != OK)
		conf_value_fault(r, "not a domain name", value);
}

static void
set_algorithm(struct conf_reader *r, const char *value)
{
	enum key_alg alg;
	enum err err = key_alg_parse(value, &alg);

	if (err == ERR_UNSUPPORTED)
		conf_value_fault(r,
		    "too weak, use hmac-sha256, hmac-sha384 or hmac-sha512", value);
	else if (err != OK)
		conf_value_fault(r, "none of hmac-sha256, hmac-sha384, hmac-sha512",
		    value);
	else
		conf_value_text(r, &r->key->algorithm, value);
}

static void
set_secret(struct conf_reader *r, const char *value)
{
	conf_value_text(r, &r->key->secret, value);
}

static void
set_file(struct conf_reader *r, const char *value)
{
	conf_value_text(r, &r->key->file, value);
}

static enum err
add_right(void *arg, const char *item)
{
	static const struct {
		const char *name;
		enum right right;
	} rights[] = {
	    {"read", RIGHT_READ},
	    {"update", RIGHT_UPDATE},
	    {"command", RIGHT_COMMAND},
	    {"admin", RIGHT_ADMIN},
	};
	struct conf_reader *r = arg;

	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
		if (strcmp(rights[i].name, item) == 0) {
			r->key->rights |= (unsigned)rights[i].right;
			return OK;
		}
	}
	conf_value_fault(r, "none of read, update, command, admin", item);
	return OK;
}

static void
set_allow(struct conf_reader *r, const char *value)
{
	conf_value_each(r, value, true, add_right);
}

static enum err
add_key_zone(void *arg, const char *item)
{
	struct conf_reader *r = arg;

	conf_value_add_zone(r, item, &r->key->zones, &r->key->n_zones);
	return OK;
}

static void
set_key_zones(struct conf_reader *r, const char *value)
{
	conf_value_each(r, value, true, add_key_zone);
}

static enum err
add_key_pattern(void *arg, const char *item)
{
	struct conf_reader *r = arg;

	if (strspn(item, "abcdefghijklmnopqrstuvwxyz0123456789_-*?") != strlen(item))
		conf_value_fault(r, "not a pattern's name, with * and ?", item);
	conf_value_add_text(item, &r->key->patterns, &r->key->n_patterns);
	return OK;
}

static void
set_key_patterns(struct conf_reader *r, const char *value)
{
	conf_value_each(r, value, true, add_key_pattern);
}

static void
set_max_rate(struct conf_reader *r, const char *value)
{
	conf_value_number(r, &r->key->max_rate, 1, RATE_MAX, value);
}

static void
set_max_connections(struct conf_reader *r, const char *value)
{
	conf_value_number(r, &r->key->max_connections, 1, RATE_MAX, value);
}

static void
set_max_transfers(struct conf_reader *r, const char *value)
{
	conf_value_number(r, &r->key->max_transfers, 1, RATE_MAX, value);
}

const struct conf_setting conf_key_settings[] = {
    {"name", set_key_name, false},
    {"algorithm", set_algorithm, false},
    {"secret", set_secret, false},
    {"file", set_file, false},
    {"allow", set_allow, true},
    {"zones", set_key_zones, true},
    {"patterns", set_key_patterns, true},
    {"max-rate", set_max_rate, false},
    {"max-connections", set_max_connections, false},
    {"max-transfers", set_max_transfers, false},
    {NULL, NULL, false},
};

/* -- [catalog] ------------------------------------------------------------- */

static void
set_catalog_name(struct conf_reader *r, const char *value)
{
	r->catalog->has_name = true;
	if (dname_parse(value, &r->catalog->name) != OK)
		conf_value_fault(r, "not a domain name", value);
	else if (r->catalog->name.size == 1)
		conf_value_fault(r, "the root cannot be a catalog", value);
}

static void
set_role(struct conf_reader *r, const char *value)
{
	r->catalog->is_follower = strcmp(value, "follower") == 0;
	if (!r->catalog->is_follower && strcmp(value, "primary") != 0)
		conf_value_fault(r, "neither primary nor follower", value);
}

/* Without a port: that of an agent, over TLS that of DNS over TLS. */
static void
add_remote(struct conf_reader *r, const char *item, struct conf_remote **list,
    size_t *n)
{
	struct conf_remote c = {.line = r->line};

	if (remote_parse(item, 0, &c.remote) != OK) {
		conf_value_fault(r, "not ADDRESS[@PORT] [key NAME] [tls NAME]", item);
		return;
	}
	if (addr_port(&c.remote.addr) == 0)
		addr_set_port(&c.remote.addr,
		    c.remote.tls[0] != '\0' ? PORT_TLS : PORT_AGENT);
	for (size_t i = 0; i < *n; i++) {
		if (addr_equal(&(*list)[i].remote.addr, &c.remote.addr)) {
			conf_value_fault(r, "given twice", item);
			return;
		}
	}
	*list = mem_realloc(*list, (*n + 1) * sizeof(**list));
	(*list)[(*n)++] = c;
}

static enum err
add_primary(void *arg, const char *item)
{
	struct conf_reader *r = arg;

	add_remote(r, item, &r->catalog->primaries, &r->catalog->n_primaries);
	return OK;
}

static void
set_primaries(struct conf_reader *r, const char *value)
{
	conf_value_each(r, value, false, add_primary);
}

static enum err
add_notify(void *arg, const char *item)
{
	struct conf_reader *r = arg;

	add_remote(r, item, &r->catalog->notify, &r->catalog->n_notify);
	return OK;
}

static void
set_notify(struct conf_reader *r, const char *value)
{
	conf_value_each(r, value, false, add_notify);
}

static void
set_max_records(struct conf_reader *r, const char *value)
{
	conf_value_number(r, &r->catalog->max_records, 1, UINT32_MAX, value);
}

static enum err
add_accept_zone(void *arg, const char *item)
{
	struct conf_reader *r = arg;

	conf_value_add_zone(r, item, &r->catalog->accept_zones,
	    &r->catalog->n_accept_zones);
	return OK;
}

static void
set_accept_zones(struct conf_reader *r, const char *value)
{
	conf_value_each(r, value, true, add_accept_zone);
}

static void
set_default_pattern(struct conf_reader *r, const char *value)
{
	struct conf_catalog *c = r->catalog;

	if (!conf_value_is_plain_name(value)) {
		conf_value_fault(r, "not the name of a pattern", value);
		return;
	}
	snprintf(c->default_pattern, sizeof(c->default_pattern), "%s", value);
}

/* N% [min N] [in DURATION] */
static bool
parse_limit(const char *value, struct limit *limit)
{
	char percent[8], word[2][8] = {"", ""}, text[2][16] = {"", ""}, rest;
	int n = sscanf(value, "%7[0-9]%% %7s %15s %7s %15s %c", percent, word[0],
	    text[0], word[1], text[1], &rest);
	unsigned long number;
	unsigned seconds;

	*limit = (struct limit){.min = LIMIT_MIN, .window_s = LIMIT_WINDOW_S};
	if ((n != 1 && n != 3 && n != 5) ||
	    inifile_number(percent, 0, 100, &number) != OK)
		return false;
	limit->percent = (unsigned)number;
	const char *p = strchr(value, '%');
	if (p == NULL || (p[1] != '\0' && p[1] != ' ' && p[1] != '\t'))
		return false;
	for (int i = 0, next = 0; i < (n - 1) / 2; i++) {
		if (next == 0 && strcmp(word[i], "min") == 0) {
			if (inifile_number(text[i], 0, UINT32_MAX, &number) != OK)
				return false;
			limit->min = (unsigned)number;
			next = 1;
		} else if (next <= 1 && strcmp(word[i], "in") == 0) {
			if (inifile_duration(text[i], &seconds) != OK || seconds == 0)
				return false;
			limit->window_s = seconds;
			next = 2;
		} else {
			return false;
		}
	}
	return true;
}

static void
set_guard_remove(struct conf_reader *r, const char *value)
{
	struct limit limit = {.off = true};

	if (strcmp(value, "off") != 0 && !parse_limit(value, &limit)) {
		conf_value_fault(r, "neither off nor such as `5% min 10 in 600`",
		    value);
		return;
	}
	limit.off |= limit.percent == 100; /* all of them: that is no limit */
	r->catalog->limit = limit;
}

static void
set_purge_after(struct conf_reader *r, const char *value)
{
	conf_value_duration(r, &r->catalog->purge_after_s, value);
}

static void
set_apply_delay(struct conf_reader *r, const char *value)
{
	conf_value_duration(r, &r->catalog->apply_delay_s, value);
}

static void
set_max_lock(struct conf_reader *r, const char *value)
{
	conf_value_duration(r, &r->catalog->max_lock_s, value);
	if (r->catalog->max_lock_s == 0)
		conf_value_fault(r, "at least one second", value);
}

static void
set_max_transaction(struct conf_reader *r, const char *value)
{
	conf_value_number(r, &r->catalog->max_transaction, 1, TRANSACTION_LIMIT, value);
}

const struct conf_setting conf_catalog_settings[] = {
    {"name", set_catalog_name, false},
    {"role", set_role, false},
    {"primaries", set_primaries, true},
    {"notify", set_notify, true},
    {"accept-zones", set_accept_zones, true},
    {"default-pattern", set_default_pattern, false},
    {"guard-remove", set_guard_remove, false},
    {"purge-after", set_purge_after, false},
    {"apply-delay", set_apply_delay, false},
    {"max-lock", set_max_lock, false},
    {"max-transaction", set_max_transaction, false},
    {"max-records", set_max_records, false},
    {NULL, NULL, false},
};

/* -- [backend] ------------------------------------------------------------- */

static void
set_backend_name(struct conf_reader *r, const char *value)
{
	struct conf_backend *b = r->backend;

	if (!conf_value_is_plain_name(value))
		conf_value_fault(r, "not a name of a-z, 0-9, - and _, at most 63",
		    value);
	else
		snprintf(b->name, sizeof(b->name), "%s", value);
}

static void
set_driver(struct conf_reader *r, const char *value)
{
	struct conf_backend *b = r->backend;

	snprintf(b->driver_name, sizeof(b->driver_name), "%s", value);
	b->driver = backend_find(value);
	if (b->driver != NULL)
		return;
	char known[128] = "";
	const struct backend_driver *d;
	for (size_t i = 0; (d = backend_at(i)) != NULL; i++) {
		size_t n = strlen(known);
		snprintf(known + n, sizeof(known) - n, "%s%s", i > 0 ? ", " : "",
		    d->name);
	}
	conf_fault(r->conf, r->line, "driver: there is no %s in this version, only %s",
	    value, known);
}

static enum err
add_backend_catalog(void *arg, const char *item)
{
	struct conf_reader *r = arg;

	conf_value_add_text(item, &r->backend->catalog_labels,
	    &r->backend->n_catalog_labels);
	return OK;
}

static void
set_catalogs(struct conf_reader *r, const char *value)
{
	conf_value_each(r, value, true, add_backend_catalog);
}

static void
set_zone_dir(struct conf_reader *r, const char *value)
{
	conf_value_directory(r, &r->backend->zone_dir, value);
}

static void
set_config_dir(struct conf_reader *r, const char *value)
{
	conf_value_directory(r, &r->backend->config_dir, value);
}

static void
set_probe(struct conf_reader *r, const char *value)
{
	r->backend->has_probe =
	    conf_value_address(r, value, PORT_DNS, &r->backend->probe);
}

static void
set_probe_key(struct conf_reader *r, const char *value)
{
	r->backend->has_probe_key = dname_parse(value, &r->backend->probe_key) == OK;
	if (!r->backend->has_probe_key)
		conf_value_fault(r, "not a domain name", value);
}

static void
set_probe_rate(struct conf_reader *r, const char *value)
{
	conf_value_number(r, &r->backend->probe_rate, 0, RATE_MAX, value);
}

static void
set_probe_interval(struct conf_reader *r, const char *value)
{
	conf_value_duration(r, &r->backend->probe_interval_s, value);
}

static void
set_apply_rate(struct conf_reader *r, const char *value)
{
	conf_value_number(r, &r->backend->apply_rate, 0, RATE_MAX, value);
}

static void
set_max_transfers_pending(struct conf_reader *r, const char *value)
{
	conf_value_number(r, &r->backend->max_transfers, 0, RATE_MAX, value);
}

static void
set_transfer_patience(struct conf_reader *r, const char *value)
{
	conf_value_duration(r, &r->backend->transfer_patience_s, value);
	if (r->backend->transfer_patience_s == 0)
		conf_value_fault(r, "at least one second", value);
}

static void
set_reconfig(struct conf_reader *r, const char *value)
{
	r->backend->reconfig_hold = strcmp(value, "hold") == 0;
	if (!r->backend->reconfig_hold && strcmp(value, "auto") != 0)
		conf_value_fault(r, "neither auto nor hold", value);
}

static void
set_max_variants(struct conf_reader *r, const char *value)
{
	conf_value_number(r, &r->backend->max_variants, 1, VARIANTS_MAX, value);
}

const struct conf_setting conf_backend_settings[] = {
    {"name", set_backend_name, false},
    {"driver", set_driver, false},
    {"catalogs", set_catalogs, true},
    {"zone-dir", set_zone_dir, false},
    {"config-dir", set_config_dir, false},
    {"probe", set_probe, false},
    {"probe-key", set_probe_key, false},
    {"probe-rate", set_probe_rate, false},
    {"probe-interval", set_probe_interval, false},
    {"apply-rate", set_apply_rate, false},
    {"max-transfers-pending", set_max_transfers_pending, false},
    {"transfer-patience", set_transfer_patience, false},
    {"reconfig", set_reconfig, false},
    {"max-variants", set_max_variants, false},
    {NULL, NULL, false},
};

void
conf_set_health_defaults(struct health_conf *h)
{
	h->down_after_s = HEALTH_DOWN_AFTER_S;
	h->up_after_s = HEALTH_UP_AFTER_S;
	h->min_serving = HEALTH_MIN_SERVING;
}

void
conf_set_catalog_defaults(struct conf_catalog *c)
{
	c->name = dname_root;
	c->purge_after_s = PURGE_AFTER_S;
	c->max_lock_s = MAX_LOCK_S;
	c->max_transaction = MAX_TRANSACTION;
	c->max_records = MAX_RECORDS;
}

void
conf_set_backend_defaults(struct conf_backend *b)
{
	b->probe_rate = PROBE_RATE;
	b->probe_interval_s = PROBE_INTERVAL_S;
	b->apply_rate = APPLY_RATE;
	b->max_transfers = MAX_TRANSFERS;
	b->transfer_patience_s = TRANSFER_PATIENCE_S;
	b->max_variants = VARIANTS;
}
