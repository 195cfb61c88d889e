/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/defaults.h"

static char home[] = "/tmp/ctl_defaults_test.XXXXXX";

static void
write_conf(const char *text)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/.config", home);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/.config/nsherd", home);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/.config/nsherd/ctl.conf", home);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int
set_up(void **state)
{
	(void)state;
	setenv("HOME", home, 1);
	unsetenv("NSHERD_SERVER");
	unsetenv("NSHERD_KEY");
	unsetenv("NSHERD_CATALOG");
	unsetenv("NSHERD_TLS");
	unsetenv("NSHERD_TLS_CA");
	unsetenv("NSHERD_TLS_CERT");
	unsetenv("NSHERD_TLS_KEY");
	return 0;
}

static void
defaults_load__flags_environment_file__win_in_that_order(void **state)
{
	(void)state;
	struct options opt = {.server = "flag"};
	struct defaults d;
	struct err_where where = {0};
	write_conf("[ctl]\nserver = file\nkey = ~/k\ncatalog = file.example\n");
	setenv("NSHERD_SERVER", "env", 1);
	setenv("NSHERD_CATALOG", "env.example", 1);
	assert_int_equal(defaults_load(&opt, &d, &where), OK);
	assert_string_equal(d.server, "flag");
	assert_string_equal(d.catalog, "env.example");
	char path[128];
	snprintf(path, sizeof(path), "%s/k", home);
	assert_string_equal(d.key_file, path);
	defaults_fini(&d);
}

static void
defaults_load__tls__each_from_the_first_that_has_it(void **state)
{
	(void)state;
	/* Whatever else is given, the file may say that it is by TLS. */
	struct options opt = {.server = "s", .key_file = "k", .catalog = "c.example"};
	struct defaults d;
	struct err_where where = {0};
	char path[128];
	write_conf("[ctl]\ntls = file.example\ntls-ca = ~/ca\ntls-cert = ~/cert\n"
		   "tls-key = /key\n");
	assert_int_equal(defaults_load(&opt, &d, &where), OK);
	assert_string_equal(d.tls, "file.example");
	snprintf(path, sizeof(path), "%s/ca", home);
	assert_string_equal(d.tls_ca, path);
	snprintf(path, sizeof(path), "%s/cert", home);
	assert_string_equal(d.tls_cert, path);
	assert_string_equal(d.tls_key, "/key");
	defaults_fini(&d);
	setenv("NSHERD_TLS", "env.example", 1);
	setenv("NSHERD_TLS_CA", "/env", 1);
	opt.tls = "-";
	assert_int_equal(defaults_load(&opt, &d, &where), OK);
	assert_string_equal(d.tls, "-");
	assert_string_equal(d.tls_ca, "/env");
	defaults_fini(&d);
}

static void
defaults_load__unknown_key_or_section__is_an_error_with_its_line(void **state)
{
	(void)state;
	struct options opt = {0};
	struct defaults d;
	struct err_where where = {0};
	write_conf("[ctl]\nserver = x\nsevrer = y\n");
	assert_int_equal(defaults_load(&opt, &d, &where), ERR_INVALID);
	assert_int_equal(where.line, 3);
	defaults_fini(&d);
	memset(&where, 0, sizeof(where));
	write_conf("[other]\nserver = x\n");
	assert_int_equal(defaults_load(&opt, &d, &where), ERR_INVALID);
	assert_int_equal(where.line, 2);
	defaults_fini(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(
		defaults_load__flags_environment_file__win_in_that_order, set_up),
	    cmocka_unit_test_setup(defaults_load__tls__each_from_the_first_that_has_it,
		set_up),
	    cmocka_unit_test_setup(
		defaults_load__unknown_key_or_section__is_an_error_with_its_line,
		set_up),
	};
	if (!mkdtemp(home))
		return 1;
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	char path[128];
	snprintf(path, sizeof(path), "%s/.config/nsherd/ctl.conf", home);
	unlink(path);
	snprintf(path, sizeof(path), "%s/.config/nsherd", home);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/.config", home);
	rmdir(path);
	rmdir(home);
	return rc;
}
