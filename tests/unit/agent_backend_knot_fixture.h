/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_AGENT_BACKEND_KNOT_FIXTURE_H
#define TESTS_UNIT_AGENT_BACKEND_KNOT_FIXTURE_H

#include "tests/unit/servers_fixture.h"

#include "agent/backend/drivers.h"
#include "agent/backend/knot.h"

/*
 * For tests of the knot driver against real knotds of its own: in directories of
 * their own, on free ports of the loopback address. Skipped only where there is
 * no knotd. What knotd has is asked of knotc, so that the driver is not its own
 * witness.
 */

static const char *const knotd_binary = "/usr/sbin/knotd";

/* Takes path and text. */
static inline void
put_text(char *path, char *text)
{
	write_text(path, "we", text);
	free(path);
	free(text);
}

/* -- a server ------------------------------------------------------------------ */

static inline void
server_start(struct server *s)
{
	char *path = mem_printf(s->text ? "%s/knot.conf" : "%s/confdb", s->dir);
	const char *const argv[] = {knotd_binary, s->text ? "-c" : "-C", path,
	    s->map_mib != NULL ? "-m" : NULL, s->map_mib, NULL};

	s->pid = start_process(argv, NULL);
	free(path);
}

static inline void
server_stop(struct server *s, int signal)
{
	char *path = mem_printf("%s/knot.pid", s->dir);

	stop_process(&s->pid, signal);
	/* One that was killed leaves it, and does not start while that pid lives. */
	unlink(path);
	free(path);
}

/* more: of knot.conf, @DIR@ for the server's directory. */
static inline void
server_configure(struct server *s, const char *more)
{
	int status;

	if (s->dir[0] == '\0') {
		strcpy(s->dir, "/tmp/nsherd-knot-XXXXXX");
		assert_non_null(mkdtemp(s->dir));
		s->port = free_port();
	}
	snprintf(s->socket, sizeof(s->socket), "%s/knot.sock", s->dir);
	free(run(mem_printf("mkdir -p %s/zones %s/db", s->dir, s->dir), &status));
	assert_int_equal(status, 0);
	put_text(mem_printf("%s/knot.conf", s->dir),
	    mem_printf("server:\n  rundir: %s\n  listen: 127.0.0.1@%d\n"
		       "  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 2\n"
		       "log:\n  - target: %s/knot.log\n    any: info\n"
		       "database:\n  storage: %s/db\n"
		       "control:\n  listen: %s\n%s",
		s->dir, s->port, s->dir, s->dir, s->socket, more));
	free(run(mem_printf("sed -i s,@DIR@,%s,g %s/knot.conf", s->dir, s->dir), NULL));
	if (s->text)
		return;
	free(run(mem_printf("knotc %s%s -C %s/confdb conf-import %s/knot.conf 2>&1",
		     s->map_mib != NULL ? "-m " : "",
		     s->map_mib != NULL ? s->map_mib : "", s->dir, s->dir),
	    &status));
	assert_int_equal(status, 0);
}

/* -- fixtures ------------------------------------------------------------------ */

static inline struct fixture *
make_fixture(const char *more, bool text, const char *map_mib)
{
	struct fixture *f = fixture_new("knot");

	f->server.text = text;
	f->server.map_mib = map_mib;
	server_configure(&f->server, more);
	add_option(f, "control", mem_strdup(f->server.socket));
	add_option(f, "confdb", mem_printf("%s/confdb", f->server.dir));
	f->conf.config_dir = NULL;
	server_start(&f->server);
	open_driver(f);
	return f;
}

static inline int
teardown(void **state)
{
	if (*state != NULL)
		fixture_free(*state, SIGTERM);
	return 0;
}

static inline int
set_up(void **state, const char *more)
{
	if (access(knotd_binary, X_OK) != 0)
		return 0;
	*state = make_fixture(more, false, NULL);
	wait_up(*state);
	return 0;
}

static inline int
setup(void **state)
{
	return set_up(state, "");
}

/* -- what knotd says ----------------------------------------------------------- */

/* Takes arguments. */
static inline char *
knotc(struct fixture *f, char *arguments)
{
	char *command = mem_printf("knotc -s %s %s 2>&1", f->server.socket, arguments);

	free(arguments);
	return run(command, NULL);
}

static inline void
expect_knotc(struct fixture *f, const char *arguments, const char *expected)
{
	char *text = knotc(f, mem_strdup(arguments));

	if (strstr(text, expected) == NULL)
		fail_msg("knotc %s: \"%s\", not \"%s\"", arguments, text, expected);
	free(text);
}

static inline void
expect_alive(struct fixture *f)
{
	assert_int_equal(waitpid(f->server.pid, NULL, WNOHANG), 0);
	expect_knotc(f, "status", "Running");
}

#endif
