/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/rooms.h"

#include <sys/socket.h>
#include <unistd.h>

#include "agent/catalog/catalog.h"
#include "agent/conf.h"
#include "agent/net/outward.h"
#include "agent/pattern/pattern.h"
#include "agent/telemetry.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/tls.h"

/* -- numbers in the store -------------------------------------------------- */

/* What is in the store of a catalog that was not followed until now is none of the
 * primary's versions. */
static enum err
note_role(struct store_txn *txn, uint8_t nr, bool is_follower)
{
	struct catalog_upstream up;
	enum err err = catalogs_get_upstream(txn, nr, &up);

	if (err == OK && !is_follower)
		catalogs_del_upstream(txn, nr);
	if (err == ERR_NOTFOUND && is_follower) {
		up = (struct catalog_upstream){.loaded = false};
		catalogs_put_upstream(txn, nr, &up);
	}
	return err == ERR_NOTFOUND ? store_err(txn) : err;
}

static enum err
number_catalog(struct store_txn *txn, struct rooms_numbers *n, size_t i)
{
	const struct dname *name = &n->conf->catalogs[i]->name;
	enum err err = catalogs_find(txn, name, &n->heads[i]);

	n->is_new[i] = err == ERR_NOTFOUND;
	if (n->is_new[i])
		err = catalog_create(txn, name, &n->heads[i]);
	n->catalogs[i] = n->heads[i].nr;
	if (err == OK && (n->is_new[i] || !n->is_reload))
		err = note_role(txn, n->catalogs[i], n->conf->catalogs[i]->is_follower);
	return err;
}

/* What was made before a failure stays, and does no harm: a catalog that nobody
 * serves. */
static enum err
number_all(struct store_txn *txn, struct store_job *job)
{
	struct rooms_numbers *n = (struct rooms_numbers *)job;
	enum err err = OK;

	for (size_t i = 0; i < n->conf->n_catalogs && err == OK; i++)
		err = number_catalog(txn, n, i);
	for (size_t i = 0; i < n->conf->n_backends && err == OK; i++)
		err = backends_number(txn, n->conf->backends[i]->name, &n->backends[i]);
	return err;
}

struct rooms_numbers *
rooms_numbers_new(const struct conf *conf)
{
	struct rooms_numbers *n = mem_zalloc(sizeof(*n));

	n->job.run = number_all;
	n->conf = conf;
	return n;
}

void
rooms_log_catalog(const struct rooms_numbers *numbers, size_t n)
{
	const struct conf_catalog *c = numbers->conf->catalogs[n];
	const struct catalog_head *head = &numbers->heads[n];
	char text[DNAME_TEXT_MAX];

	log_info("agent", "catalog=%s zone=%s serial=%u members=%llu%s", c->label,
	    dname_print_short(&c->name, text), head->soa.serial,
	    (unsigned long long)head->n_members, numbers->is_new[n] ? " new" : "");
}

/* -- files ----------------------------------------------------------------- */

enum err
rooms_load_patterns(const struct conf *conf, struct err_where *where,
    struct pattern_set **set)
{
	*set = NULL;
	if (conf->pattern_dir == NULL)
		return OK;
	return pattern_load(conf->pattern_dir, conf->ring, where, set);
}

void
rooms_log_patterns(const struct conf *conf, const struct pattern_set *set)
{
	const struct pattern *p;
	size_t n, n_faults = 0;

	if (set == NULL)
		return;
	for (n = 0; (p = pattern_at(set, n)) != NULL; n++) {
		if (pattern_error(p) == NULL)
			continue;
		n_faults++;
		log_warn("pattern", "pattern=%s unusable error=\"%s\"", pattern_name(p),
		    pattern_error(p));
	}
	log_info("pattern", "dir=%s patterns=%zu unusable=%zu", conf->pattern_dir, n,
	    n_faults);
}

enum err
rooms_load_tls(const struct conf *conf, struct err_where *where, struct tls_ctx **tls)
{
	struct tls_files files;

	*tls = NULL;
	if (conf->n_listen_tls == 0)
		return OK;
	conf_get_tls_server(conf, &files);
	return tls_server_new(&files, where, tls);
}

enum err
rooms_load_client_tls(const struct conf *conf, struct err_where *where,
    struct tls_ctx **tls)
{
	struct tls_files files;

	*tls = NULL;
	if (!conf_calls_tls(conf))
		return OK;
	conf_get_tls_client(conf, &files);
	return tls_client_new(&files, where, tls);
}

void
rooms_get_outward(const struct conf *conf, struct tls_ctx *tls,
    struct outward_conf *outward)
{
	*outward = (struct outward_conf){.listen = conf->listen,
	    .n_listen = conf->n_listen,
	    .tls = tls};
}

/* -- addresses ------------------------------------------------------------- */

void
rooms_log_metrics(const struct rooms *rooms, const char *subsystem)
{
	const struct addr *addr;
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; (addr = telemetry_address(rooms->telemetry, i)) != NULL; i++)
		log_info(subsystem, "metrics=%s", addr_print(addr, text));
}

void
rooms_drop_missing_ipv6(struct conf *conf)
{
	if (!conf->listen_is_default || conf->n_listen < 2)
		return;
	struct addr any = conf->listen[1];
	addr_set_port(&any, 0);
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, &any.u.sa, addr_size(&any)) != 0)
		conf->n_listen = 1;
	if (fd >= 0)
		close(fd);
}
