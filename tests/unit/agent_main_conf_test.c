/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include "agent/conf.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/mem.h"

#define SECRET "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"

/* A file that has all it must have, behind what a test puts first. */
#define REST                   \
	"[agent]\n"            \
	"state-dir = /tmp\n"   \
	"pattern-dir = /tmp\n" \
	"[catalog main]\n"     \
	"name = catalog.example\n"

static char dir[] = "/tmp/conf-test-XXXXXX";
static char path[64];

static void
write_file(const char *name, const char *text, mode_t mode)
{
	char file[128];
	snprintf(file, sizeof(file), "%s/%s", dir, name);
	unlink(file);
	FILE *f = fopen(file, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(file, mode), 0);
}

static struct conf *
load(const char *text)
{
	struct conf *conf;
	write_file("nsherd.conf", text, 0600);
	if (conf_load(path, &conf) != OK)
		assert_true(conf->n_faults > 0);
	else
		assert_int_equal(conf->n_faults, 0);
	return conf;
}

static struct conf *
load_good(const char *text)
{
	struct conf *conf = load(text);
	char *fault = conf_fault_text(conf, 0);
	if (fault != NULL)
		fail_msg("unexpected fault: %s", fault);
	return conf;
}

/* Exactly these faults, in this order, NULL at the end; each `LINE: text` (0:
 * the whole file), where the text need only begin so. */
static void
expect_faults(struct conf *conf, const char *const *expected)
{
	char *text;
	size_t i;
	for (i = 0; (text = conf_fault_text(conf, i)) != NULL; i++) {
		const char *at = text;
		if (strncmp(at, path, strlen(path)) == 0)
			at += strlen(path) + 1;
		if (expected[i] == NULL)
			fail_msg("one fault too many: %s", text);
		else if (strncmp(at, expected[i], strlen(expected[i])) != 0)
			fail_msg("fault %zu is: %s, not: %s", i, at, expected[i]);
		free(text);
	}
	if (expected[i] != NULL)
		fail_msg("no fault: %s", expected[i]);
}

#define EXPECT(text, ...)                                                       \
	do {                                                                    \
		struct conf *conf_ = load(text);                                \
		expect_faults(conf_, (const char *const[]){__VA_ARGS__, NULL}); \
		conf_free(conf_);                                               \
	} while (0)

/* -- what is read ---------------------------------------------------------- */

static const char full[] = "[agent]\n"
			   "name = ams1\n"
			   "listen = 127.0.0.1@5301 ::1\n"
			   "listen = 192.0.2.1\n"
			   "state-dir = /var/lib/x\n"
			   "pattern-dir = /etc/x\n"
			   "log = debug\n"
			   "[key ctl.example]\n"
			   "algorithm = hmac-sha512\n"
			   "secret = " SECRET "\n"
			   "allow = read, update\n"
			   "allow = admin\n"
			   "zones = Example example.net\n"
			   "patterns = sec* b?\n"
			   "[key short]\n"
			   "name = a.much.longer.name.example\n"
			   "secret = " SECRET "\n"
			   "[catalog main]\n"
			   "name = catalog.example.\n"
			   "role = primary\n"
			   "accept-zones = example\n"
			   "default-pattern = secondary\n"
			   "guard-remove = off\n"
			   "purge-after = 2d\n"
			   "apply-delay = 90\n"
			   "[catalog other]\n"
			   "name = other.example\n"
			   "[backend one]\n"
			   "driver = null\n"
			   "catalogs = other\n"
			   "zone-dir = /z\n"
			   "config-dir = /c\n"
			   "probe = 127.0.0.1\n"
			   "probe-key = a.much.longer.name.example\n"
			   "probe-rate = 10\n"
			   "probe-interval = 2h\n"
			   "apply-rate = 0\n"
			   "reconfig = hold\n"
			   "max-variants = 7\n"
			   "[backend two]\n"
			   "driver = null\n";

static void
conf__full_file__every_room_gets_its_part(void **state)
{
	(void)state;
	struct conf *conf = load_good(full);
	char text[DNAME_TEXT_MAX];

	assert_string_equal(conf->name, "ams1");
	assert_int_equal(conf->log, LOG_DEBUG);

	struct net_conf net;
	conf_get_net(conf, &net);
	assert_int_equal(net.n_listen, 3);
	assert_string_equal(addr_print(&net.listen[0], text), "127.0.0.1@5301");
	assert_string_equal(addr_print(&net.listen[1], text), "::1@5300");
	assert_string_equal(addr_print(&net.listen[2], text), "192.0.2.1@5300");

	struct store_conf store;
	conf_get_store(conf, &store);
	assert_string_equal(store.dir, "/var/lib/x");

	conf_wire(conf, (const uint8_t[]){7, 9}, (const uint8_t[]){3, 4}, 1234);
	const struct proto_conf *p = &conf->proto;
	assert_string_equal(p->agent, "ams1");
	assert_true(p->version[0] != '\0');
	assert_int_equal(p->started, 1234);
	assert_int_equal(p->n_keys, 2);
	assert_string_equal(key_name_text(p->keys[0].key), "ctl.example");
	assert_int_equal(key_algorithm(p->keys[0].key), KEY_SHA512);
	assert_int_equal(p->keys[0].rights, RIGHT_READ | RIGHT_UPDATE | RIGHT_ADMIN);
	assert_int_equal(p->keys[0].n_zones, 2);
	assert_string_equal(dname_print(&p->keys[0].zones[0], text), "example.");
	assert_int_equal(p->keys[0].n_patterns, 2);
	assert_string_equal(p->keys[0].patterns[1], "b?");
	assert_string_equal(key_name_text(p->keys[1].key),
	    "a.much.longer.name.example");
	assert_int_equal(p->keys[1].rights, 0);
	assert_int_equal(p->n_catalogs, 2);
	assert_string_equal(p->catalogs[0].label, "main");
	assert_string_equal(dname_print(&p->catalogs[0].name, text),
	    "catalog.example.");
	assert_int_equal(p->catalogs[0].nr, 7);
	assert_true(p->catalogs[0].primary);
	assert_string_equal(p->catalogs[0].default_pattern, "secondary");
	assert_int_equal(p->n_backends, 2);
	assert_string_equal(p->backends[0].name, "one");
	assert_string_equal(p->backends[0].driver, "null");
	assert_int_equal(p->backends[0].nr, 3);
	assert_int_equal(p->backends[0].n_catalogs, 1);
	assert_int_equal(p->backends[0].catalogs[0], 9);
	assert_int_equal(p->backends[1].n_catalogs, 2);
	assert_int_equal(p->backends[1].catalogs[1], 9);

	const struct deploy_backend_conf *d = &conf->deploy[0];
	assert_int_equal(d->nr, 3);
	assert_int_equal(d->n_catalogs, 1);
	assert_int_equal(d->catalogs[0].nr, 9);
	assert_int_equal(conf->deploy[1].catalogs[0].purge_after_s, 2 * 86400);
	assert_int_equal(conf->deploy[1].catalogs[0].apply_delay_s, 90);
	assert_int_equal(conf->deploy[1].catalogs[0].n_accept_zones, 1);
	assert_int_equal(d->catalogs[0].purge_after_s, 7 * 86400);
	assert_string_equal(d->backend.name, "one");
	assert_string_equal(d->backend.zone_dir, "/z");
	assert_string_equal(d->backend.config_dir, "/c");
	assert_true(d->backend.reconfig_hold);
	assert_int_equal(d->backend.max_variants, 7);
	assert_true(d->has_probe);
	assert_string_equal(addr_print(&d->probe, text), "127.0.0.1@53");
	assert_ptr_equal(d->probe_key, p->keys[1].key);
	assert_int_equal(d->probe_rate, 10);
	assert_int_equal(d->probe_interval_s, 7200);
	assert_int_equal(d->apply_rate, 0);
	assert_false(conf->deploy[1].has_probe);
	assert_int_equal(conf->deploy[1].probe_rate, 150);
	assert_int_equal(conf->deploy[1].probe_interval_s, 3600);
	assert_int_equal(conf->deploy[1].apply_rate, 500);
	assert_int_equal(conf->deploy[1].backend.max_variants, 1000);
	conf_free(conf);
}

static void
conf__nothing_said__defaults(void **state)
{
	(void)state;
	struct conf *conf = load_good(REST);
	char text[ADDR_TEXT_MAX];

	assert_true(conf->name[0] != '\0');
	assert_true(conf->listen_is_default);
	assert_int_equal(conf->n_listen, 2);
	assert_string_equal(addr_print(&conf->listen[0], text), "127.0.0.1@5300");
	assert_string_equal(addr_print(&conf->listen[1], text), "::1@5300");
	assert_int_equal(conf->log, LOG_INFO);
	conf_wire(conf, (const uint8_t[]){1}, NULL, 1);
	assert_int_equal(conf->proto.n_backends, 0);
	conf_free(conf);
}

static void
conf__key_in_a_file__loaded(void **state)
{
	(void)state;
	char text[512];

	write_file("k.key",
	    "key \"k.example\" { algorithm hmac-sha384; secret \"" SECRET "\"; };\n",
	    0600);
	snprintf(text, sizeof(text), "[key k.example]\nfile = %s/k.key\n" REST, dir);
	struct conf *conf = load_good(text);
	assert_int_equal(key_algorithm(conf->proto.keys[0].key), KEY_SHA384);
	conf_free(conf);

	snprintf(text, sizeof(text), "[key l.example]\nfile = %s/k.key\n" REST, dir);
	EXPECT(text, "2: [key l.example]: ");
	snprintf(text, sizeof(text),
	    "[key k.example]\nfile = %s/k.key\nalgorithm = hmac-sha256\n" REST, dir);
	EXPECT(text, "2: [key k.example]: ");
	write_file("k.key",
	    "key \"k.example\" { algorithm hmac-sha384; secret \"" SECRET "\"; };\n",
	    0644);
	snprintf(text, sizeof(text), "[key k.example]\nfile = %s/k.key\n" REST, dir);
	struct conf *bad = load(text);
	assert_int_equal(bad->n_faults, 1);
	assert_int_equal(bad->faults[0].line, 2);
	assert_non_null(strstr(bad->faults[0].what, "k.key: others may read"));
	conf_free(bad);
	snprintf(text, sizeof(text), "[key k.example]\nfile = %s/none.key\n" REST, dir);
	bad = load(text);
	assert_int_equal(bad->n_faults, 1);
	conf_free(bad);
}

/* The example that ships; its key files are not on this machine. */
static void
conf__shipped_example__only_its_keys_are_missing(void **state)
{
	(void)state;
	struct conf *conf;

	(void)!conf_load("packaging/nsherd.conf", &conf);
	assert_int_equal(conf->n_faults, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(conf->faults[i].file, "packaging/nsherd.conf");
		assert_true(conf->faults[i].line > 0);
	}
	assert_non_null(strstr(conf->faults[0].what, ": /etc/nsherd/keys/ctl.key: "));
	assert_non_null(strstr(conf->faults[1].what, ": /etc/nsherd/keys/xfr.key: "));
	assert_int_equal(conf->n_catalogs, 1);
	assert_int_equal(conf->n_backends, 1);
	conf_free(conf);
}

/* -- faults ---------------------------------------------------------------- */

static void
faults__several__all_are_told_in_order(void **state)
{
	(void)state;
	EXPECT("[agent]\n"
	       "listen = nowhere\n"
	       "colour = blue\n"
	       "log = loud\n"
	       "[key k]\n"
	       "allow = read, fly\n"
	       "[backend b]\n"
	       "driver = tinydns\n"
	       "catalogs = main, absent\n"
	       "[catalog main]\n"
	       "name = a..b\n",
	    "2: listen: not ADDRESS", "3: colour: unknown setting in [agent]",
	    "4: log: none of", "6: allow: none of read, update, command, admin: fly",
	    "6: [key k]: neither secret nor file",
	    "8: driver: there is no tinydns in this version",
	    "8: [backend b]: there is no [catalog absent]",
	    "11: name: not a domain name", " no state-dir", " no pattern-dir");
}

static void
faults__form_of_the_file__line_is_told(void **state)
{
	(void)state;
	EXPECT(REST "  indented = 1\n", "6: the line is indented");
	EXPECT("state-dir = /tmp\n" REST, "1: a setting before the first section");
	EXPECT("[server]\nx = 1\n" REST, "2: [server]: unknown section");
	EXPECT("[key]\nx = 1\n" REST, "2: [key]: unknown section");
	EXPECT("[agent]\nlog = info\n[catalog c]\nname = c.example\n" REST,
	    "6: [agent]: given twice");
	EXPECT(REST "name = other.example\n", "6: name: given twice");
	EXPECT(REST "role =\n", "6: role: no value");
	EXPECT("[agent]\nlisten = 127.0.0.1,,::1\nstate-dir = /\n"
	       "[catalog c]\nname = c.example\n",
	    "2: listen: an empty item");
	EXPECT("[agent]\nlisten = 127.0.0.1, 127.0.0.1@5300\nstate-dir = /\n"
	       "[catalog c]\nname = c.example\n",
	    "2: listen: given twice");
}

static void
faults__no_file__said(void **state)
{
	(void)state;
	struct conf *conf;
	assert_int_equal(conf_load("/nonexistent/nsherd.conf", &conf), ERR_INVALID);
	char *text = conf_fault_text(conf, 0);
	assert_non_null(strstr(text, "/nonexistent/nsherd.conf: "));
	assert_null(conf_fault_text(conf, 1));
	free(text);
	assert_int_equal(conf_check_all(conf), ERR_INVALID);
	conf_free(conf);
}

static void
faults__keys__each_is_told(void **state)
{
	(void)state;
	EXPECT("[key k]\nalgorithm = hmac-md5\nsecret = " SECRET "\n" REST,
	    "2: algorithm: too weak");
	EXPECT("[key k]\nalgorithm = rot13\nsecret = " SECRET "\n" REST,
	    "2: algorithm: none of");
	EXPECT("[key k]\nsecret = %%%\n" REST, "2: [key k]: the secret is not base64");
	EXPECT("[key k]\nsecret = " SECRET "\nfile = /x\n" REST,
	    "2: [key k]: both secret and file");
	EXPECT("[key k]\nfile = /nonexistent/k\n" REST,
	    "2: [key k]: file: /nonexistent/k: No such file");
	EXPECT("[key k]\nallow = read\n" REST, "2: [key k]: neither");
	EXPECT("[key a..b]\nsecret = " SECRET "\n" REST, "2: [key a..b]: not a domain");
	EXPECT("[key a]\nsecret = " SECRET "\n[key b]\nname = A.\nsecret = " SECRET
	       "\n" REST,
	    "4: [key a]: a second key of that name");
	EXPECT("[key k]\nsecret = " SECRET "\nzones = x..y\npatterns = A\n" REST,
	    "3: zones: not a domain name: x..y", "4: patterns: not a pattern's name");
}

static void
faults__secret_open_to_others__refused(void **state)
{
	(void)state;
	struct conf *conf;

	write_file("nsherd.conf", "[key k]\nsecret = " SECRET "\n" REST, 0644);
	assert_int_equal(conf_load(path, &conf), ERR_INVALID);
	expect_faults(conf, (const char *const[]){" holds a secret and is open", NULL});
	conf_free(conf);
	write_file("nsherd.conf", "[key k]\nsecret = " SECRET "\n" REST, 0640);
	assert_int_equal(conf_load(path, &conf), OK);
	conf_free(conf);
	write_file("nsherd.conf", REST, 0644);
	assert_int_equal(conf_load(path, &conf), OK);
	conf_free(conf);
}

static void
faults__catalogs__each_is_told(void **state)
{
	(void)state;
	EXPECT("[agent]\nstate-dir = /tmp\n", " no [catalog NAME] section");
	EXPECT(REST "[catalog b]\nname = b.catalog.example\n",
	    "7: [catalog b]: the names");
	EXPECT(REST "[catalog b]\nname = example\n", "7: [catalog b]: the names");
	EXPECT(REST "[catalog b]\nname = CATALOG.example.\n",
	    "7: [catalog b]: the names");
	EXPECT(REST "[catalog b]\nname = .\n", "7: name: the root", "7: [catalog b]");
	EXPECT(REST "[catalog b]\npurge-after = 1d\n", "7: [catalog b]: no name");
	EXPECT(REST "purge-after = soon\n", "6: purge-after: not a duration");
	EXPECT(REST "purge-after = 900d\n", "6: purge-after: more than 366d");
	EXPECT(REST "default-pattern = Sec.ini\n", "6: default-pattern: not the name");
	EXPECT(REST "role = hub\n", "6: role: neither");
}

static void
faults__backends__each_is_told(void **state)
{
	(void)state;
	EXPECT(REST "[backend b]\napply-rate = 5\n", "7: [backend b]: no driver");
	EXPECT(REST "[backend b]\ndriver = null\nwarp = 9\n",
	    "8: warp: unknown setting in [backend b] with the driver null");
	EXPECT(REST "[backend b]\ndriver = null\nprobe-key = none.example\n",
	    "7: [backend b]: there is no such probe-key");
	EXPECT(REST
	    "[backend b]\ndriver = null\n[backend c]\nname = b\ndriver = null\n",
	    "9: [backend b]: a second one");
	EXPECT(REST "[backend B]\ndriver = null\n", "7: [backend B]: not a name");
	EXPECT(REST "[backend -]\ndriver = null\n", "7: [backend -]: not a name");
	EXPECT(REST "[backend b]\ndriver = null\nzone-dir = zones\n",
	    "8: zone-dir: not an absolute path");
	EXPECT(REST "[backend b]\ndriver = null\nprobe-rate = many\n"
		    "apply-rate = 10000000\nreconfig = maybe\nmax-variants = 0\n"
		    "probe-interval = -1\nprobe = localhost\n",
	    "8: probe-rate: not a number", "9: apply-rate: not from 0 to 1000000",
	    "10: reconfig: neither", "11: max-variants: not from 1",
	    "12: probe-interval: not a duration", "13: probe: not ADDRESS");
}

static void
faults__several_sections__each_at_its_line(void **state)
{
	(void)state;
	EXPECT("[agent]\n"
	       "metrics = 127.0.0.1, 127.0.0.1@9153\n"
	       "state-dir = /tmp\n"
	       "[catalog c]\n"
	       "name = c.example\n"
	       "role = follower\n"
	       "primaries = 192.0.2.1 key k, 192.0.2.2@53 tls a.example\n"
	       "notify = 192.0.2.1\n"
	       "max-lock = 0\n"
	       "max-transaction = 0\n",
	    "2: metrics: given twice: 127.0.0.1@9153", "7: there is no [key k]",
	    "9: max-lock: at least one second", "10: max-transaction: ");
	EXPECT(REST "guard-remove = 5 percent\n", "6: guard-remove: neither off");
	EXPECT(REST "guard-remove = 5% in 600 min 3\n", "6: guard-remove: neither off");
	EXPECT(REST "guard-remove = 5% min\n", "6: guard-remove: neither off");
	EXPECT(REST "guard-remove = 101%\n", "6: guard-remove: neither off");
	EXPECT(REST "guard-remove = 5% in 0\n", "6: guard-remove: neither off");
}

static void
faults__of_roles__are_told(void **state)
{
	(void)state;
	EXPECT(REST "role = follower\n",
	    "5: [catalog main]: a follower needs primaries");
	EXPECT(REST "primaries = 192.0.2.1\n",
	    "6: [catalog main]: primaries are for role = follower");
	EXPECT(REST "role = both\n", "6: role: neither primary nor follower");
	EXPECT(REST "role = follower\nprimaries = a.example\n",
	    "5: [catalog main]: a follower needs primaries",
	    "7: primaries: not ADDRESS[@PORT]");
	EXPECT(REST "notify = 192.0.2.1 key no.example\n",
	    "6: there is no [key no.example]");
	EXPECT(REST "notify = 192.0.2.1, 192.0.2.1@5300\n",
	    "6: notify: given twice: 192.0.2.1@5300");
	EXPECT(REST "notify = 192.0.2.1, 192.0.2.1 tls a.example\nmax-records = 0\n",
	    "7: max-records: not from 1");
}

static void
guard_remove__every_form__is_read(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		bool off;
		unsigned percent, min, window_s;
	} forms[] = {
	    {"", false, 0, 0, 0}, /* the default */
	    {"guard-remove = 7%\n", false, 7, 10, 600},
	    {"guard-remove = 0% min 0\n", false, 0, 0, 600},
	    {"guard-remove = 3% in 1h\n", false, 3, 10, 3600},
	    {"guard-remove = 99% min 5 in 2d\n", false, 99, 5, 172800},
	    {"guard-remove = off\n", true, 0, 0, 0},
	    {"guard-remove = 100%\n", true, 100, 10, 600},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		char text[2048];
		snprintf(text, sizeof(text), "%s%s", REST, forms[i].line);
		struct conf *conf = load_good(text);
		const struct limit *l = &conf->catalogs[0]->limit;
		assert_int_equal(l->off, forms[i].off);
		assert_int_equal(l->percent, forms[i].percent);
		assert_int_equal(l->min, forms[i].min);
		assert_int_equal(l->window_s, forms[i].window_s);
		conf_free(conf);
	}
}

#define TLS_REST "[catalog main]\nname = catalog.example\n"

static void
faults__of_tls__are_told(void **state)
{
	(void)state;
	EXPECT(
	    "[agent]\nstate-dir = /tmp\nlisten-tls = ::1@x, 127.0.0.1@1 127.0.0.1@1\n"
	    "tls-cert = /c\ntls-key = /k\n" TLS_REST,
	    "3: listen-tls: not ADDRESS", "3: listen-tls: given twice");
	EXPECT("[agent]\nstate-dir = /tmp\nlisten = ::1@853\nlisten-tls = ::1\n"
	       "tls-cert = /c\ntls-key = /k\n" TLS_REST,
	    "4: listen-tls: given twice: ::1");
	EXPECT("[agent]\nstate-dir = /tmp\nlisten-tls = ::1\n" TLS_REST,
	    "3: listen-tls: needs tls-cert and tls-key");
	EXPECT("[agent]\nstate-dir = /tmp\nlisten-tls = ::1\ntls-cert = /c\n" TLS_REST,
	    "4: tls-cert and tls-key go together");
	EXPECT("[agent]\nstate-dir = /tmp\ntls-key = /c\n" TLS_REST,
	    "3: tls-cert and tls-key go together");
	EXPECT("[agent]\nstate-dir = /tmp\ntls-client-ca = /c\n" TLS_REST,
	    "3: tls-client-ca: makes no sense without listen-tls");
	struct conf *conf =
	    load_good("[agent]\nstate-dir = /tmp\nlisten-tls = ::1\n"
		      "listen-tls = 127.0.0.1@8853\ntls-cert = /c\n"
		      "tls-key = /k\ntls-client-ca = /u\ntls-ca = /a\n" TLS_REST);
	struct net_conf net;
	struct tls_files files;
	conf_get_net(conf, &net);
	assert_int_equal(net.n_listen_tls, 2);
	assert_int_equal(addr_port(&net.listen_tls[0]), 853);
	assert_int_equal(addr_port(&net.listen_tls[1]), 8853);
	conf_get_tls_server(conf, &files);
	assert_string_equal(files.ca, "/u");
	conf_get_tls_client(conf, &files);
	assert_string_equal(files.cert, "/c");
	assert_string_equal(files.key, "/k");
	assert_string_equal(files.ca, "/a");
	conf_free(conf);
}

/* -- -t -------------------------------------------------------------------- */

static void
check_all__tls_files__faults_are_at_the_line_that_names_them(void **state)
{
	(void)state;
	char text[1024];

	write_file("cert.pem", "no certificate\n", 0600);
	write_file("ca.pem", "", 0600);
	snprintf(text, sizeof(text),
	    "[agent]\nstate-dir = %s/state\nlisten-tls = ::1\ntls-cert = %s/cert.pem\n"
	    "tls-key = %s/key.pem\ntls-client-ca = %s/none.pem\n"
	    "tls-ca = %s/ca.pem\n" TLS_REST,
	    dir, dir, dir, dir, dir);
	struct conf *conf = load_good(text);
	assert_int_equal(conf_check_all(conf), ERR_INVALID);
	assert_int_equal(conf->n_faults, 2);
	char *cert = conf_fault_text(conf, 0), *ca = conf_fault_text(conf, 1);
	assert_non_null(strstr(cert, ":4: tls-cert: "));
	assert_non_null(strstr(cert, "/cert.pem: no certificate in PEM form"));
	assert_non_null(strstr(ca, ":7: tls-ca: "));
	free(cert);
	free(ca);
	conf_free(conf);
}

static void
check_all__this_machine__faults_are_told(void **state)
{
	(void)state;
	char text[1024];
	char sub[128];

	snprintf(sub, sizeof(sub), "%s/patterns", dir);
	mkdir(sub, 0700);
	write_file("patterns/good.ini", "[pattern]\nrole = primary\n", 0600);
	snprintf(text, sizeof(text),
	    "[agent]\nstate-dir = %s/state\npattern-dir = %s/patterns\n"
	    "[catalog main]\nname = catalog.example\n",
	    dir, dir);
	struct conf *conf = load_good(text);
	assert_int_equal(conf_check_all(conf), OK);
	conf_free(conf);

	write_file("patterns/bad.ini", "[pattern]\nrole = tertiary\n", 0600);
	snprintf(text, sizeof(text),
	    "[agent]\nstate-dir = %s/patterns/good.ini\npattern-dir = %s/patterns\n"
	    "[catalog main]\nname = catalog.example\ndefault-pattern = absent\n",
	    dir, dir);
	conf = load_good(text);
	assert_int_equal(conf_check_all(conf), ERR_INVALID);
	assert_int_equal(conf->n_faults, 3);
	char *first = conf_fault_text(conf, 0), *second = conf_fault_text(conf, 1);
	assert_non_null(strstr(first, ":2: state-dir: "));
	assert_non_null(strstr(second, "patterns/bad.ini:2: "));
	free(first);
	free(second);
	conf_free(conf);

	snprintf(text, sizeof(text),
	    "[agent]\nstate-dir = %s/a/b\npattern-dir = %s/absent\n"
	    "[catalog main]\nname = catalog.example\n",
	    dir, dir);
	conf = load_good(text);
	assert_int_equal(conf_check_all(conf), ERR_INVALID);
	assert_int_equal(conf->n_faults, 2);
	char *state_dir = conf_fault_text(conf, 0),
	     *pattern_dir = conf_fault_text(conf, 1);
	assert_non_null(strstr(state_dir, ":2: state-dir: "));
	assert_non_null(strstr(pattern_dir, ":3: pattern-dir: "));
	free(state_dir);
	free(pattern_dir);
	conf_free(conf);
}

static void
gather_advice(void *arg, const char *text)
{
	char *all = arg;
	size_t n = strlen(all);
	if (strstr(text, "health-file") != NULL)
		snprintf(all + n, 500 - n, "%s\n", text);
}

static void
advise__health_file__its_directory_is_looked_at(void **state)
{
	static const struct {
		const char *file, *why; /* NULL: nothing is said */
	} cases[] = {
	    {"here", NULL},
	    {"none/here", "No such file or directory"},
	    {"plain/here", "Not a directory"},
	    {"sub", "Is a directory"},
	};
	char text[600], sub[128];
	(void)state;

	write_file("plain", "", 0600);
	snprintf(sub, sizeof(sub), "%s/sub", dir);
	mkdir(sub, 0700);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char advice[500] = "";
		snprintf(text, sizeof(text),
		    "[agent]\nstate-dir = %s/state\nhealth-file = %s/%s\n"
		    "[catalog main]\nname = catalog.example\n",
		    dir, dir, cases[i].file);
		struct conf *conf = load_good(text);
		conf_advise(conf, gather_advice, advice);
		conf_free(conf);
		if (cases[i].why == NULL) {
			assert_string_equal(advice, "");
			continue;
		}
		assert_non_null(strstr(advice, ":3: warning: health-file: "));
		assert_non_null(strstr(advice, cases[i].why));
	}
	rmdir(sub);
}

/* -- reload ---------------------------------------------------------------- */

static void
on_fixed(void *arg, const char *name, unsigned line)
{
	char *text = arg;
	size_t n = strlen(text);
	snprintf(text + n, 500 - n, "%s:%u ", name, line);
}

static void
keep_fixed__name_and_state_dir__are_told_and_kept(void **state)
{
	(void)state;
	struct conf *old = load_good("[agent]\nname = a\nstate-dir = /tmp\n"
				     "[catalog main]\nname = catalog.example\n");
	struct conf *same =
	    load_good("[agent]\nstate-dir = /tmp\nlog = warn\nname = a\n"
		      "[catalog other]\nname = catalog.example\n");
	struct conf *other = load_good("[agent]\nstate-dir = /var\nname = b\n"
				       "[catalog main]\nname = catalog.example\n");
	char text[500] = "";

	conf_keep_fixed(same, old, on_fixed, text);
	assert_string_equal(text, "");
	conf_keep_fixed(other, old, on_fixed, text);
	assert_string_equal(text, "name:3 state-dir:2 ");
	assert_string_equal(other->name, "a");
	assert_string_equal(other->state_dir, "/tmp");
	conf_free(old);
	conf_free(same);
	conf_free(other);
}

static int
make_dir(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/nsherd.conf", mkdtemp(dir));
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	char *command = mem_printf("rm -r %s", dir);
	int rc = system(command);
	free(command);
	return rc;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(conf__full_file__every_room_gets_its_part),
	    cmocka_unit_test(conf__nothing_said__defaults),
	    cmocka_unit_test(conf__key_in_a_file__loaded),
	    cmocka_unit_test(conf__shipped_example__only_its_keys_are_missing),
	    cmocka_unit_test(faults__several__all_are_told_in_order),
	    cmocka_unit_test(faults__form_of_the_file__line_is_told),
	    cmocka_unit_test(faults__no_file__said),
	    cmocka_unit_test(faults__keys__each_is_told),
	    cmocka_unit_test(faults__secret_open_to_others__refused),
	    cmocka_unit_test(faults__catalogs__each_is_told),
	    cmocka_unit_test(faults__backends__each_is_told),
	    cmocka_unit_test(faults__several_sections__each_at_its_line),
	    cmocka_unit_test(faults__of_roles__are_told),
	    cmocka_unit_test(faults__of_tls__are_told),
	    cmocka_unit_test(
		check_all__tls_files__faults_are_at_the_line_that_names_them),
	    cmocka_unit_test(guard_remove__every_form__is_read),
	    cmocka_unit_test(check_all__this_machine__faults_are_told),
	    cmocka_unit_test(advise__health_file__its_directory_is_looked_at),
	    cmocka_unit_test(keep_fixed__name_and_state_dir__are_told_and_kept),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
