/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_CONF_H
#define NETCONF_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/addr.h"
#include "lib/buf.h"
#include "lib/dname.h"
#include "lib/err.h"
#include "lib/key.h"
#include "lib/log.h"
#include "lib/tls.h"

/* netconf.conf(5) as one structure. */

/* How a client's certificate names its user (RFC 7407). */
enum conf_cert_name {
	CERT_NAME_NONE, /* by the fingerprints of the users alone */
	CERT_NAME_COMMON_NAME,
	CERT_NAME_EMAIL,
	CERT_NAME_DNS,
	CERT_NAME_ADDRESS,
	CERT_NAME_ANY,
};

/* A NETCONF user: how he is known, and the key that says what he may do. */
struct conf_user {
	char name[64];
	unsigned line;
	char *key_file;
	struct key *key;
	char *authorized_keys; /* NULL: not by SSH */
	char **certificates;   /* fingerprints, "04:AB:..." (RFC 7407) */
	size_t n_certificates;
};

struct conf {
	char *path;
	/* where it listens */
	struct addr *ssh, *tls;
	size_t n_ssh, n_tls;
	char **host_keys;
	size_t n_host_keys;
	char *tls_cert, *tls_key, *tls_ca;
	enum conf_cert_name cert_name;
	/* the agent */
	struct addr server;
	char *server_tls; /* name in its certificate; NULL: plain TCP */
	char *server_tls_ca, *server_tls_cert, *server_tls_key;
	struct tls_ctx *server_tls_ctx;
	struct dname catalog;
	char *key_file;
	struct key *key; /* of the gateway itself */
	/* the rest */
	char *yang_dir;
	unsigned long max_sessions, acceptors, workers, max_reply, max_xpath_zones,
	    audit_lines;
	unsigned hello_timeout_s, auth_timeout_s, idle_timeout_s, write_timeout_s;
	enum log_level log;
	struct conf_user **users;
	size_t n_users;
	struct buf faults; /* lines */
};

/* ERR_INVALID: conf->faults says why, a line each. *conf is made in any case. */
NODISCARD enum err conf_load(const char *path, struct conf **conf);
void conf_free(struct conf *conf); /* takes NULL */
/* NULL: there is no such user. */
const struct conf_user *conf_find_user(const struct conf *conf, const char *name);

#endif
