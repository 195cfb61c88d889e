/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libnetconf2's own client, which knows nothing of our gateway: every operation, each
 * with what has to come of it. netconf-client ssh|tls PORT DIRECTORY [CACHE]; the
 * directory is that of netconf.sh, with the keys of alice. The modules come from the
 * server, by get-schema, if there is no cache.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libyang/libyang.h>
#include <nc_client.h>

enum { REPLY_MS = 60000 };

static const char *const hello_has[] = {
    "urn:ietf:params:netconf:base:1.1",
    "urn:ietf:params:netconf:capability:writable-running:1.0",
    "urn:ietf:params:netconf:capability:candidate:1.0",
    "urn:ietf:params:netconf:capability:rollback-on-error:1.0",
    "urn:ietf:params:netconf:capability:validate:1.1",
    "urn:ietf:params:netconf:capability:xpath:1.0",
    "urn:ietf:params:netconf:capability:notification:1.0",
    "urn:ietf:params:netconf:capability:interleave:1.0",
};

static struct nc_session *session, *other;
static unsigned n_failed, n_done;
static char *last; /* the reply as XML */

#define OURS "urn:nsherd:params:xml:ns:yang:nsherd"
#define CONFIG(zones)                                                \
	"<dns-server xmlns=\"" OURS "\" xmlns:nc=\"urn:ietf:params:" \
	"xml:ns:netconf:base:1.0\"><zones>" zones "</zones></dns-server>"

/* -- expectations ------------------------------------------------------------- */

static void
fail(const char *what, const char *why)
{
	printf("FAILED %s: %s\n%.2000s\n", what, why, last ? last : "");
	n_failed++;
}

/* "" for ok, the tag for an error, "data" for data; NULL: nothing came. */
static const char *
outcome(struct nc_session *s, struct nc_rpc *rpc, struct lyd_node **op)
{
	static char tag[64];
	struct lyd_node *envelope = NULL;
	uint64_t id;
	NC_MSG_TYPE type = NC_MSG_ERROR;
	*op = NULL;
	free(last);
	last = NULL;
	if (nc_send_rpc(s, rpc, REPLY_MS, &id) == NC_MSG_RPC)
		do {
			lyd_free_all(envelope);
			lyd_free_all(*op);
			envelope = *op = NULL;
			type = nc_recv_reply(s, rpc, id, REPLY_MS, &envelope, op);
		} while (type == NC_MSG_NOTIF);
	if (type != NC_MSG_REPLY) {
		lyd_free_all(envelope);
		return NULL;
	}
	snprintf(tag, sizeof(tag), "%s", *op ? "data" : "");
	lyd_print_mem(&last, *op ? *op : envelope, LYD_XML, LYD_PRINT_WITHSIBLINGS);
	const struct lyd_node *child = lyd_child(envelope);
	if (!*op && child && strcmp(LYD_NAME(child), "rpc-error") == 0)
		for (const struct lyd_node *c = lyd_child(child); c; c = c->next)
			if (strcmp(LYD_NAME(c), "error-tag") == 0)
				snprintf(tag, sizeof(tag), "%s",
				    ((const struct lyd_node_opaq *)(const void *)c)
					->value);
	lyd_free_all(envelope);
	return tag;
}

/* wanted: of outcome(); has: a part of the text of the reply, or NULL. */
static void
expect_of(struct nc_session *s, const char *what, struct nc_rpc *rpc,
    const char *wanted, const char *has)
{
	struct lyd_node *op;
	const char *got = rpc ? outcome(s, rpc, &op) : NULL;
	n_done++;
	if (!got)
		fail(what, "no reply");
	else if (strcmp(got, wanted) != 0)
		fail(what, *got ? got : "ok");
	else if (has && (!last || !strstr(last, has)))
		fail(what, has);
	if (rpc)
		lyd_free_all(op);
	nc_rpc_free(rpc);
}

static void
expect(const char *what, struct nc_rpc *rpc, const char *wanted, const char *has)
{
	expect_of(session, what, rpc, wanted, has);
}

/* -- operations ----------------------------------------------------------------- */

static struct nc_rpc *
edit(NC_DATASTORE target, const char *config)
{
	return nc_rpc_edit(target, NC_RPC_EDIT_DFLTOP_MERGE,
	    NC_RPC_EDIT_TESTOPT_TESTSET, NC_RPC_EDIT_ERROPT_ROLLBACK, config,
	    NC_PARAMTYPE_CONST);
}

static void
try_reading(void)
{
	static const char filter[] = CONFIG("<zone><domain>c.example</domain></zone>");
	expect("edit-config",
	    edit(NC_DATASTORE_RUNNING,
		CONFIG("<zone><domain>c.example</domain><pattern>primary</pattern>"
		       "</zone>")),
	    "", NULL);
	expect("get", nc_rpc_get(NULL, NC_WD_UNKNOWN, NC_PARAMTYPE_CONST), "data",
	    "c.example");
	expect("get subtree", nc_rpc_get(filter, NC_WD_UNKNOWN, NC_PARAMTYPE_CONST),
	    "data", "backend-state");
	expect("get-config",
	    nc_rpc_getconfig(NC_DATASTORE_RUNNING, NULL, NC_WD_EXPLICIT,
		NC_PARAMTYPE_CONST),
	    "data", "c.example");
	expect("get-config xpath",
	    nc_rpc_getconfig(NC_DATASTORE_RUNNING,
		"/nsherd:dns-server/zones/zone[domain='c.example']/pattern", NC_WD_ALL,
		NC_PARAMTYPE_CONST),
	    "data", "primary");
	expect("get-schema",
	    nc_rpc_getschema("nsherd", "2026-11-22", "yang", NC_PARAMTYPE_CONST),
	    "data", "module nsherd");
	expect("get-schema of none",
	    nc_rpc_getschema("nobody", NULL, "yang", NC_PARAMTYPE_CONST),
	    "invalid-value", NULL);
}

static void
try_candidate(void)
{
	expect("lock candidate", nc_rpc_lock(NC_DATASTORE_CANDIDATE), "", NULL);
	expect_of(other, "lock candidate again", nc_rpc_lock(NC_DATASTORE_CANDIDATE),
	    "lock-denied", NULL);
	expect("edit candidate",
	    edit(NC_DATASTORE_CANDIDATE,
		CONFIG("<zone nc:operation=\"create\"><domain>d.example</domain>"
		       "</zone>")),
	    "", NULL);
	expect("get candidate",
	    nc_rpc_getconfig(NC_DATASTORE_CANDIDATE, NULL, NC_WD_UNKNOWN,
		NC_PARAMTYPE_CONST),
	    "data", "d.example");
	expect("validate",
	    nc_rpc_validate(NC_DATASTORE_CANDIDATE, NULL, NC_PARAMTYPE_CONST), "",
	    NULL);
	expect("discard-changes", nc_rpc_discard(), "", NULL);
	expect("edit candidate again",
	    edit(NC_DATASTORE_CANDIDATE,
		CONFIG("<zone><domain>e.example</domain></zone>")),
	    "", NULL);
	expect("commit", nc_rpc_commit(0, 0, NULL, NULL, NC_PARAMTYPE_CONST), "", NULL);
	expect("unlock candidate", nc_rpc_unlock(NC_DATASTORE_CANDIDATE), "", NULL);
	expect("what was committed",
	    nc_rpc_getconfig(NC_DATASTORE_RUNNING, NULL, NC_WD_UNKNOWN,
		NC_PARAMTYPE_CONST),
	    "data", "e.example");
	expect("copy-config",
	    nc_rpc_copy(NC_DATASTORE_CANDIDATE, NULL, NC_DATASTORE_RUNNING, NULL,
		NC_WD_UNKNOWN, NC_PARAMTYPE_CONST),
	    "", NULL);
	expect("validate a configuration",
	    nc_rpc_validate(NC_DATASTORE_CONFIG,
		CONFIG("<zone><domain>f.example</domain></zone>"), NC_PARAMTYPE_CONST),
	    "", NULL);
}

static void
try_the_rest(void)
{
	expect("lock", nc_rpc_lock(NC_DATASTORE_RUNNING), "", NULL);
	expect_of(other, "lock again", nc_rpc_lock(NC_DATASTORE_RUNNING), "lock-denied",
	    NULL);
	expect_of(other, "edit while locked",
	    edit(NC_DATASTORE_RUNNING,
		CONFIG("<zone><domain>x.example</domain></zone>")),
	    "in-use", NULL);
	expect("unlock", nc_rpc_unlock(NC_DATASTORE_RUNNING), "", NULL);
	expect("action",
	    nc_rpc_act_generic_xml(CONFIG("<zone><domain>c.example</domain><notify/>"
					  "</zone>"),
		NC_PARAMTYPE_CONST),
	    "data", "entry");
	expect("rpc",
	    nc_rpc_act_generic_xml("<reconcile xmlns=\"" OURS "\"/>",
		NC_PARAMTYPE_CONST),
	    "data", "entry");
	expect("create",
	    edit(NC_DATASTORE_RUNNING,
		CONFIG("<zone nc:operation=\"create\"><domain>c.example</domain>"
		       "</zone>")),
	    "data-exists", NULL);
	expect("delete",
	    edit(NC_DATASTORE_RUNNING,
		CONFIG("<zone nc:operation=\"delete\"><domain>e.example</domain>"
		       "</zone>")),
	    "", NULL);
	expect("kill-session", nc_rpc_kill(nc_session_get_id(other)), "", NULL);
	expect("kill-session of nobody", nc_rpc_kill(4000000000), "invalid-value",
	    NULL);
}

static void
try_notifications(const char *transport)
{
	char zone[32], config[400];
	struct lyd_node *envelope = NULL, *op = NULL;
	bool found = false;
	expect("create-subscription",
	    nc_rpc_subscribe("NETCONF", NULL, NULL, NULL, NC_PARAMTYPE_CONST), "",
	    NULL);
	snprintf(zone, sizeof(zone), "%s.example", transport);
	snprintf(config, sizeof(config),
	    CONFIG("<zone><domain>%s</domain><pattern>primary</pattern></zone>"), zone);
	expect("edit-config, subscribed", edit(NC_DATASTORE_RUNNING, config), "", NULL);
	while (!found &&
	       nc_recv_notif(session, REPLY_MS, &envelope, &op) == NC_MSG_NOTIF) {
		struct lyd_node *domain = NULL;
		lyd_find_path(op, "/nsherd:zone-state-change/domain", 0, &domain);
		found = domain && strcmp(lyd_get_value(domain), zone) == 0;
		lyd_free_all(envelope);
		lyd_free_all(op);
		envelope = op = NULL;
	}
	n_done++;
	if (!found)
		fail("notification", "none came");
}

/* -- the session ------------------------------------------------------------------ */

static int
trust(const char *host, ssh_session ssh, void *arg)
{
	(void)host;
	(void)ssh;
	(void)arg;
	return 0;
}

static struct nc_session *
connect_to(const char *transport, unsigned short port, const char *dir)
{
	char a[4096], b[4096], ca[4096];
	bool is_tls = strcmp(transport, "tls") == 0;
	snprintf(a, sizeof(a), "%s/%s", dir, is_tls ? "alice.pem" : "alice.pub");
	snprintf(b, sizeof(b), "%s/%s", dir, is_tls ? "alice.tlskey" : "alice");
	snprintf(ca, sizeof(ca), "%s/nc-ca.pem", dir);
	if (is_tls) {
		nc_client_tls_set_cert_key_paths(a, b);
		nc_client_tls_set_trusted_ca_paths(ca, NULL);
		return nc_connect_tls("localhost", port, NULL);
	}
	nc_client_ssh_set_username("alice");
	nc_client_ssh_set_auth_hostkey_check_clb(trust, NULL);
	if (nc_client_ssh_get_keypair_count() == 0)
		nc_client_ssh_add_keypair(a, b);
	return nc_connect_ssh("127.0.0.1", port, NULL);
}

int
main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	unsigned short port = (unsigned short)atoi(argv[2]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	nc_client_init();
	nc_verbosity(NC_VERB_WARNING);
	if (argc > 4)
		nc_client_set_schema_searchpath(argv[4]);
	session = connect_to(argv[1], port, argv[3]);
	other = session ? connect_to(argv[1], port, argv[3]) : NULL;
	if (!session || !other) {
		printf("FAILED to connect by %s\n", argv[1]);
		return 1;
	}
	for (size_t i = 0; i < sizeof(hello_has) / sizeof(*hello_has); i++)
		if (!nc_session_cpblt(session, hello_has[i]))
			fail("hello", hello_has[i]);
	if (!ly_ctx_get_module_implemented(nc_session_get_ctx(session), "nsherd"))
		fail("hello", "the module nsherd is not learned of");
	try_reading();
	try_candidate();
	try_the_rest();
	try_notifications(argv[1]);
	/* close-session */
	nc_session_free(other, NULL);
	nc_session_free(session, NULL);
	nc_client_destroy();
	free(last);
	printf("%s: %u replies, %u wrong\n", argv[1], n_done, n_failed);
	return n_failed ? 1 : 0;
}
