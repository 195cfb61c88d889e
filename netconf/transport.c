/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/transport.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libyang/libyang.h>
#include <nc_server.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "netconf/authorized.h"
#include "netconf/dispatch.h"

enum { NAME_MAX_SIZE = 32 };

static const char *const netconf_capabilities[] = {
    "urn:ietf:params:netconf:capability:notification:1.0",
    "urn:ietf:params:netconf:capability:interleave:1.0",
};

/* -- callbacks ------------------------------------------------------------ */

static int
on_host_key(const char *name, void *arg, char **path, char **data,
    NC_SSH_KEY_TYPE *type)
{
	const struct conf *conf = arg;
	size_t i = strtoul(name, NULL, 10);
	(void)data;
	(void)type;
	if (i >= conf->n_host_keys)
		return 1;
	*path = strdup(conf->host_keys[i]);
	return *path ? 0 : 1;
}

/* Never by password: the library would read /etc/shadow. */
static int
on_password(const struct nc_session *session, const char *password, void *arg)
{
	(void)session;
	(void)password;
	(void)arg;
	return 1;
}

static int
on_public_key(const struct nc_session *session, ssh_key key, void *arg)
{
	const struct conf *conf = arg;
	const char *name = nc_session_get_username(session);
	const struct conf_user *user = name ? conf_find_user(conf, name) : NULL;
	if (user && user->authorized_keys && authorized_has(user->authorized_keys, key))
		return 0;
	log_warn("ssh", "user=%s host=%s refused=key", user ? user->name : "-",
	    nc_session_get_host(session) ? nc_session_get_host(session) : "-");
	return 1;
}

static int
on_certificate(const char *name, void *arg, char **cert_path, char **cert_data,
    char **key_path, char **key_data, NC_SSH_KEY_TYPE *type)
{
	const struct conf *conf = arg;
	(void)name;
	(void)cert_data;
	(void)key_data;
	(void)type;
	*cert_path = strdup(conf->tls_cert);
	*key_path = strdup(conf->tls_key);
	return *cert_path && *key_path ? 0 : 1;
}

/* There are no lists, but without the callback no handshake passes. */
static int
on_trusted(const char *name, void *arg, char ***paths, int *n_paths, char ***data,
    int *n_data)
{
	(void)name;
	(void)arg;
	(void)paths;
	(void)n_paths;
	(void)data;
	(void)n_data;
	return 0;
}

/* -- endpoints ------------------------------------------------------------ */

static enum err
start_ssh(const struct conf *conf, size_t i, struct err_where *where)
{
	char name[NAME_MAX_SIZE], key[NAME_MAX_SIZE];
	snprintf(name, sizeof(name), "ssh%zu", i);
	if (nc_server_add_endpt(name, NC_TI_LIBSSH))
		return err_at(where, conf->path, 0, "SSH: no endpoint");
	for (size_t k = 0; k < conf->n_host_keys; k++) {
		snprintf(key, sizeof(key), "%zu", k);
		if (nc_server_ssh_endpt_add_hostkey(name, key, -1))
			return err_at(where, conf->path, 0, "host-key: %s",
			    conf->host_keys[k]);
	}
	nc_server_ssh_endpt_set_auth_methods(name, NC_SSH_AUTH_PUBLICKEY);
	nc_server_ssh_endpt_set_auth_timeout(name, (uint16_t)conf->auth_timeout_s);
	return OK;
}

static void
print_fingerprint(const X509 *cert, char out[static 100])
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	if (!X509_digest(cert, EVP_sha256(), hash, &n) || n != 32)
		n = 0;
	int at = snprintf(out, 100, "04");
	for (unsigned i = 0; i < n; i++)
		at += snprintf(out + at, 100 - (size_t)at, ":%02X", hash[i]);
}

static NC_TLS_CTN_MAPTYPE
map_type(const struct conf *conf)
{
	switch (conf->cert_name) {
	case CERT_NAME_COMMON_NAME: return NC_TLS_CTN_COMMON_NAME;
	case CERT_NAME_EMAIL: return NC_TLS_CTN_SAN_RFC822_NAME;
	case CERT_NAME_DNS: return NC_TLS_CTN_SAN_DNS_NAME;
	case CERT_NAME_ADDRESS: return NC_TLS_CTN_SAN_IP_ADDRESS;
	case CERT_NAME_ANY: return NC_TLS_CTN_SAN_ANY;
	case CERT_NAME_NONE: break;
	}
	return NC_TLS_CTN_UNKNOWN;
}

/* What an authority of ours signed says who it is of. */
static enum err
map_authorities(const char *name, const struct conf *conf, uint32_t *id,
    struct err_where *where)
{
	FILE *f = fopen(conf->tls_ca, "re");
	X509 *cert;
	char fingerprint[100];
	unsigned n = 0;
	if (!f)
		return err_at(where, conf->tls_ca, 0, "cannot be read");
	while ((cert = PEM_read_X509(f, NULL, NULL, NULL))) {
		print_fingerprint(cert, fingerprint);
		X509_free(cert);
		n += nc_server_tls_endpt_add_ctn(name, ++*id, fingerprint,
			 map_type(conf), NULL) == 0;
	}
	fclose(f);
	return n > 0 ? OK : err_at(where, conf->tls_ca, 0, "no certificates in PEM");
}

static enum err
map_names(const char *name, const struct conf *conf, struct err_where *where)
{
	uint32_t id = 0;
	if (conf->cert_name != CERT_NAME_NONE)
		return map_authorities(name, conf, &id, where);
	for (size_t i = 0; i < conf->n_users; i++) {
		const struct conf_user *u = conf->users[i];
		for (size_t k = 0; k < u->n_certificates; k++)
			if (nc_server_tls_endpt_add_ctn(name, ++id, u->certificates[k],
				NC_TLS_CTN_SPECIFIED, u->name))
				return err_at(where, conf->path, u->line,
				    "certificate: \"%s\"", u->certificates[k]);
	}
	return OK;
}

static enum err
start_tls(const struct conf *conf, size_t i, struct err_where *where)
{
	char name[NAME_MAX_SIZE];
	snprintf(name, sizeof(name), "tls%zu", i);
	if (nc_server_add_endpt(name, NC_TI_OPENSSL) ||
	    nc_server_tls_endpt_set_server_cert(name, "server") ||
	    nc_server_tls_endpt_set_trusted_ca_paths(name, conf->tls_ca, NULL))
		return err_at(where, conf->path, 0, "TLS: no endpoint");
	return map_names(name, conf, where);
}

static enum err
bind_at(const char *name, const struct addr *addr, const struct conf *conf,
    struct err_where *where)
{
	char text[ADDR_TEXT_MAX];
	if (nc_server_endpt_set_address(name, addr_print_host(addr, text)) ||
	    nc_server_endpt_set_port(name, addr_port(addr)))
		return err_at(where, conf->path, 0, "cannot listen at %s",
		    addr_print(addr, text));
	nc_server_endpt_enable_keepalives(name, 1);
	return OK;
}

static enum err
start_endpoints(const struct conf *conf, struct err_where *where)
{
	char name[NAME_MAX_SIZE];
	enum err e = OK;
	for (size_t i = 0; i < conf->n_ssh && !e; i++) {
		snprintf(name, sizeof(name), "ssh%zu", i);
		e = start_ssh(conf, i, where);
		if (!e)
			e = bind_at(name, &conf->ssh[i], conf, where);
	}
	for (size_t i = 0; i < conf->n_tls && !e; i++) {
		snprintf(name, sizeof(name), "tls%zu", i);
		e = start_tls(conf, i, where);
		if (!e)
			e = bind_at(name, &conf->tls[i], conf, where);
	}
	return e;
}

/* -- the library ---------------------------------------------------------- */

static void
on_message(const struct nc_session *session, NC_VERB_LEVEL level, const char *text)
{
	unsigned id = session ? nc_session_get_id(session) : 0;
	if (level == NC_VERB_ERROR)
		log_warn("library", "session=%u %s", id, text);
	else
		log_debug("library", "session=%u %s", id, text);
}

enum err
transport_start(const struct conf *conf, struct ly_ctx *ctx, struct err_where *where)
{
	void *arg = (void *)(uintptr_t)conf;
	nc_verbosity(conf->log == LOG_DEBUG ? NC_VERB_VERBOSE : NC_VERB_WARNING);
	nc_set_print_clb_session(on_message);
	dispatch_claim(ctx);
	nc_set_global_rpc_clb(dispatch_run);
	if (nc_server_init(ctx))
		return err_at(where, conf->path, 0, "libnetconf2 does not start");
	nc_server_set_capab_withdefaults(NC_WD_EXPLICIT,
	    NC_WD_ALL | NC_WD_ALL_TAG | NC_WD_TRIM);
	for (size_t i = 0; i < 2; i++)
		nc_server_set_capability(netconf_capabilities[i]);
	nc_server_set_hello_timeout((uint16_t)conf->hello_timeout_s);
	nc_server_set_idle_timeout((uint16_t)conf->idle_timeout_s);
	nc_server_ssh_set_hostkey_clb(on_host_key, arg, NULL);
	nc_server_ssh_set_passwd_auth_clb(on_password, NULL, NULL);
	nc_server_ssh_set_pubkey_auth_clb(on_public_key, arg, NULL);
	nc_server_tls_set_server_cert_clb(on_certificate, arg, NULL);
	nc_server_tls_set_trusted_cert_list_clb(on_trusted, NULL, NULL);
	return start_endpoints(conf, where);
}

void
transport_stop(void)
{
	nc_server_destroy();
}

enum transport_end
transport_accept(int timeout_ms, struct nc_session **session)
{
	*session = NULL;
	switch (nc_accept(timeout_ms, session)) {
	case NC_MSG_HELLO: return TRANSPORT_SESSION;
	case NC_MSG_BAD_HELLO: return TRANSPORT_BAD_HELLO;
	case NC_MSG_ERROR:
	case NC_MSG_WOULDBLOCK:
	case NC_MSG_NONE:
	case NC_MSG_RPC:
	case NC_MSG_REPLY:
	case NC_MSG_REPLY_ERR_MSGID:
	case NC_MSG_NOTIF: break;
	}
	return TRANSPORT_NOTHING;
}

/* -- the way out ---------------------------------------------------------- */

static bool
is_peer(int fd, const char *host, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t size = sizeof(ss);
	struct addr addr;
	char text[ADDR_TEXT_MAX];
	if (getpeername(fd, (struct sockaddr *)&ss, &size) ||
	    addr_from_sockaddr((const struct sockaddr *)&ss, &addr))
		return false;
	return addr_port(&addr) == port &&
	       strcmp(addr_print_host(&addr, text), host) == 0;
}

/* Its descriptor is found by the address of its other end, of which there is one. */
void
transport_cut(const struct nc_session *session)
{
	const char *host = nc_session_get_host(session);
	uint16_t port = nc_session_get_port(session);
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	while (dir && host && (entry = readdir(dir))) {
		int fd = atoi(entry->d_name);
		if (fd > 2 && is_peer(fd, host, port))
			shutdown(fd, SHUT_RDWR);
	}
	if (dir)
		closedir(dir);
}
