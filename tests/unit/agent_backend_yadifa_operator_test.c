/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/backend/proc.h"
#include "agent/backend/yadifa.h"
#include "lib/mem.h"

/* What the operator's files name, without a yadifad. */

struct fixture {
	char dir[64];
	char *config, *pidfile;
	struct yadifa y;
};

PRINTF(3, 4)
static void
write_file(const struct fixture *f, const char *name, const char *fmt, ...)
{
	char *path = mem_printf("%s/%s", f->dir, name);
	FILE *file = fopen(path, "we");
	va_list ap;

	assert_non_null(file);
	va_start(ap, fmt);
	assert_true(vfprintf(file, fmt, ap) >= 0);
	va_end(ap);
	assert_int_equal(fclose(file), 0);
	free(path);
}

static int
setup(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	char *sub;

	strcpy(f->dir, "/tmp/nsherd-operator.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	sub = mem_printf("%s/sub", f->dir);
	assert_int_equal(mkdir(sub, 0755), 0);
	free(sub);
	f->config = mem_printf("%s/yadifad.conf", f->dir);
	f->pidfile = mem_printf("%s/pid", f->dir);
	f->y.conf.name = "y";
	f->y.pidfile = f->pidfile;
	f->y.config_fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	yadifa_operator_init(&f->y.operator);
	f->y.operator.config = f->config;
	write_file(f, "zones.conf", "%s", "<zone>\n\tdomain ours.example\n</zone>\n");
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	char *command = mem_printf("rm -r %s", f->dir);

	assert_int_equal(system(command), 0);
	free(command);
	close(f->y.config_fd);
	yadifa_operator_fini(&f->y.operator);
	free(f->config);
	free(f->pidfile);
	free(f);
	return 0;
}

static bool
names(struct fixture *f, const char *text)
{
	struct dname zone;

	assert_int_equal(dname_parse(text, &zone), OK);
	return yadifa_table_find(&f->y.operator.names, &zone) != NULL;
}

static void
operator__files_within_files__all_are_read(void **state)
{
	static const char *const named[] = {"plain.example", "quoted.example",
	    "upper.example", "dot.example", "single.example", "apart.example",
	    "same-line.example", "*.wild.example", "_srv.example", "cut",
	    "alone.example", "deeper.example", "after.example", "list"};
	struct fixture *f = *state;

	write_file(f, "yadifad.conf",
	    "# include nowhere\n<main>\n\tpidfile \"/run/path.example/y.pid\"\n</main>\n"
	    "<zone>\n\tdomain plain.example # no.example\n</zone>\n"
	    "<zone>\n\tdomain \"quoted.example\"\n\tfile \"a # b\"\n</zone>\n"
	    "<zone> domain UPPER.Example\r\n</zone>\n"
	    "<zone>\n domain dot.example.\n</zone>\n"
	    "<zone>\n domain 'single.example'\n</zone>\n"
	    "<zone>\n domain (\n apart.example\n)\n</zone>\n"
	    "<zone>\n domain *.wild.example\n</zone>\n"
	    "<zone>\n domain _srv.example\n</zone>\n"
	    "<zone>\n domain cut..example\n</zone>\n"
	    "<acl>\n list 127.0.0.1\n</acl> INCLUDE sub/a.conf\n"
	    "include '%s/zones.conf'\n"
	    "<zone>\n domain after.example\n</zone>\n",
	    f->dir);
	write_file(f, "sub/a.conf",
	    "<zone>\ndomain same-line.example\n</zone>\ninclude \"b.conf\"");
	write_file(f, "sub/b.conf",
	    "<zone>\ndomain alone.example\n</zone>\ninclude ../c.conf\n");
	write_file(f, "c.conf", "<zone>\ndomain deeper.example\n</zone>\n");
	assert_true(yadifa_operator_read(&f->y));
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		if (!names(f, named[i]))
			fail_msg("%s is not found", named[i]);
	}
	assert_false(names(f, "ours.example"));
	assert_false(names(f, "no.example"));
	assert_false(names(f, "path.example"));
	assert_false(names(f, "else.example"));
}

static void
operator__file_is_odd__nothing_is_known(void **state)
{
	static const char *const odd[] = {
	    "include missing.conf\n",
	    "include\n",
	    "include \"zones.conf\n",
	    "<zone>\n domain \"a.example\n</zone>\n",
	    "include sub\n",
	    "include yadifad.conf\n",
	};
	struct fixture *f = *state;
	char *line = mem_alloc(YADIFA_LINE_MAX + 1);

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		write_file(f, "yadifad.conf", "include zones.conf\n%s", odd[i]);
		if (yadifa_operator_read(&f->y))
			fail_msg("%s", odd[i]);
		write_file(f, "yadifad.conf", "include zones.conf\n");
		assert_true(yadifa_operator_read(&f->y));
	}
	/* It is not the file that yadifad has. */
	write_file(f, "yadifad.conf", "<main>\n</main>\n");
	assert_false(yadifa_operator_read(&f->y));
	memset(line, 'x', YADIFA_LINE_MAX);
	line[YADIFA_LINE_MAX] = '\0';
	write_file(f, "yadifad.conf", "include zones.conf\n%s\n", line);
	assert_false(yadifa_operator_read(&f->y));
	write_file(f, "yadifad.conf", "include zones.conf\n%c\n", 0);
	assert_false(yadifa_operator_read(&f->y));
	assert_int_equal(unlink(f->config), 0);
	assert_false(yadifa_operator_read(&f->y));
	free(line);
	f->y.operator.config = NULL;
	assert_false(yadifa_operator_read(&f->y));
}

static void
operator__file_changes__is_seen(void **state)
{
	struct fixture *f = *state;
	unsigned before;
	char *sub = mem_printf("%s/sub/a.conf", f->dir);

	write_file(f, "yadifad.conf", "include zones.conf\ninclude sub/a.conf\n");
	write_file(f, "sub/a.conf", "<zone>\n domain a.example\n</zone>\n");
	assert_true(yadifa_operator_read(&f->y));
	assert_true(names(f, "a.example"));
	before = f->y.operator.n_changes;
	/* Of the same size, and perhaps within the same tick of the clock. */
	write_file(f, "sub/a.conf", "<zone>\n domain b.example\n</zone>\n");
	assert_true(yadifa_operator_read(&f->y));
	assert_true(names(f, "b.example"));
	assert_false(names(f, "a.example"));
	assert_true(yadifa_operator_read(&f->y));
	assert_true(names(f, "b.example"));
	assert_int_equal(unlink(sub), 0);
	assert_false(yadifa_operator_read(&f->y));
	assert_int_not_equal(f->y.operator.n_changes, before);
	free(sub);
}

/* A process that is younger than the files, and stands in the pid file. */
static pid_t
start_process(struct fixture *f)
{
	pid_t pid;

	usleep(100000);
	pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	write_file(f, "pid", "%d\n", (int)pid);
	return pid;
}

static void
stop_process(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
ghosts__nothing_was_removed__there_are_none(void **state)
{
	struct fixture *f = *state;
	pid_t pid;

	write_file(f, "yadifad.conf", "include zones.conf\n");
	/* yadifad does not run */
	assert_false(yadifa_operator_has_no_ghosts(&f->y));
	pid = start_process(f);
	assert_true(yadifa_operator_has_no_ghosts(&f->y));
	/* What we only add to makes none. */
	write_file(f, "zones.conf", "more");
	assert_true(yadifa_operator_has_no_ghosts(&f->y));
	f->y.operator.is_virgin = false; /* something was removed */
	assert_false(yadifa_operator_has_no_ghosts(&f->y));
	stop_process(pid);
	assert_false(yadifa_operator_has_no_ghosts(&f->y));
	pid = start_process(f);
	assert_true(yadifa_operator_has_no_ghosts(&f->y));
	/* It may be that the operator removed something. */
	write_file(f, "yadifad.conf", "\ninclude zones.conf\n");
	assert_false(yadifa_operator_has_no_ghosts(&f->y));
	stop_process(pid);
	pid = start_process(f);
	write_file(f, "zones.conf", "%s", "");
	/* Nobody knows what it began with. */
	assert_false(yadifa_operator_has_no_ghosts(&f->y));
	stop_process(pid);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(operator__files_within_files__all_are_read,
		setup, teardown),
	    cmocka_unit_test_setup_teardown(operator__file_is_odd__nothing_is_known,
		setup, teardown),
	    cmocka_unit_test_setup_teardown(operator__file_changes__is_seen, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(ghosts__nothing_was_removed__there_are_none,
		setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
