/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/exec_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/backend/exec_reply.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"

enum {
	KILLED_MS = 2000, /* how long the system may take over a SIGKILL */
	STEP_MS = 5,
	LOG_WINDOW_MS = 10000,
	LOG_LINES = 20, /* in that time */
};

void
exec_child_init(struct exec_child *c, const char *backend, const char *const *argv)
{
	memset(c, 0, sizeof(*c));
	c->backend = backend;
	c->argv = argv;
	c->fd = c->errors_fd = -1;
}

/* -- starting it ------------------------------------------------------------------ */

/* Not ours: NOTIFY_SOCKET and the like are none of its business. */
static char **
make_environment(const struct exec_child *c)
{
	static const char *const kept[] = {"TMPDIR", "TZ"};
	char **env = mem_zalloc(6 * sizeof(env[0]));
	size_t n = 0;

	env[n++] = mem_strdup("PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	env[n++] = mem_strdup("LANG=C.UTF-8");
	env[n++] = mem_printf("NSHERD_BACKEND=%s", c->backend);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		const char *value = getenv(kept[i]);

		if (value != NULL)
			env[n++] = mem_printf("%s=%s", kept[i], value);
	}
	return env;
}

static void
free_words(char **words)
{
	for (size_t i = 0; words[i] != NULL; i++)
		free(words[i]);
	free(words);
}

static char **
copy_words(const char *const *words)
{
	size_t n = 0;

	while (words[n] != NULL)
		n++;
	char **copy = mem_zalloc((n + 1) * sizeof(copy[0]));
	for (size_t i = 0; i < n; i++)
		copy[i] = mem_strdup(words[i]);
	return copy;
}

static int
spawn(struct exec_child *c, int in_out, int errors)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	char **argv = copy_words(c->argv), **env = make_environment(c);
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr,
	    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in_out, 0);
	posix_spawn_file_actions_adddup2(&actions, in_out, 1);
	posix_spawn_file_actions_adddup2(&actions, errors, 2);
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	posix_spawn_file_actions_addchdir_np(&actions, "/");
	rc = posix_spawn(&c->pid, argv[0], &actions, &attr, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	free_words(argv);
	free_words(env);
	return rc;
}

enum err
exec_child_start(struct exec_child *c, struct backend_error *why)
{
	int both[2] = {-1, -1}, errors[2] = {-1, -1}, rc = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both) == -1 ||
	    pipe2(errors, O_CLOEXEC) == -1)
		rc = errno;
	/* Only our ends: programs do not expect it of theirs. */
	if (rc == 0 && (fcntl(both[0], F_SETFL, O_NONBLOCK) == -1 ||
			   fcntl(errors[0], F_SETFL, O_NONBLOCK) == -1))
		rc = errno;
	if (rc == 0)
		rc = spawn(c, both[1], errors[1]);
	for (int i = 0; i < 2; i++) {
		if (both[i] != -1 && (i == 1 || rc != 0))
			close(both[i]);
		if (errors[i] != -1 && (i == 1 || rc != 0))
			close(errors[i]);
	}
	if (rc != 0) {
		c->pid = 0;
		return backend_fail(why, ERR_IO, "%.120s: %s", c->argv[0],
		    mem_errno_text(rc));
	}
	c->fd = both[0];
	c->errors_fd = errors[0];
	c->started_ms = clock_ms();
	c->told_ms = 0;
	c->ended = c->line_cut = false;
	c->line_size = 0;
	c->last_line[0] = '\0';
	return OK;
}

/* -- what it says on stderr ------------------------------------------------------- */

static void
end_line(struct exec_child *c)
{
	int64_t now = clock_ms();

	exec_reply_show(c->line, c->line_size, c->last_line, sizeof(c->last_line));
	if (now - c->window_ms >= LOG_WINDOW_MS) {
		if (c->n_dropped > 0)
			log_warn("exec", "backend=%s pid=%ld lines-not-shown=%u",
			    c->backend, (long)c->pid, c->n_dropped);
		c->window_ms = now;
		c->n_logged = c->n_dropped = 0;
	}
	if (c->n_logged++ < LOG_LINES) {
		char text[sizeof(c->line) + 1];

		exec_reply_show(c->line, c->line_size, text, sizeof(text));
		log_info("exec", "backend=%s pid=%ld text=\"%s%s\"", c->backend,
		    (long)c->pid, text, c->line_cut ? "..." : "");
	} else {
		c->n_dropped++;
	}
	c->line_size = 0;
	c->line_cut = false;
}

static void
take_errors(struct exec_child *c, const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (data[i] == '\n')
			end_line(c);
		else if (c->line_size < sizeof(c->line))
			c->line[c->line_size++] = data[i];
		else
			c->line_cut = true;
	}
}

void
exec_child_hear(struct exec_child *c)
{
	char chunk[4096];
	ssize_t n;

	/* Not for ever, however much it says. */
	for (unsigned i = 0; i < 16 && c->errors_fd != -1; i++) {
		n = read(c->errors_fd, chunk, sizeof(chunk));
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n > 0) {
			take_errors(c, chunk, (size_t)n);
			continue;
		}
		if (c->line_size > 0)
			end_line(c);
		close(c->errors_fd);
		c->errors_fd = -1;
	}
}

/* -- its end ---------------------------------------------------------------------- */

/* The zombie stays until exec_child_stop, so that its number means it alone. */
static bool
look(struct exec_child *c, siginfo_t *info)
{
	memset(info, 0, sizeof(*info));
	if (waitid(P_PID, (id_t)c->pid, info, WEXITED | WNOHANG | WNOWAIT) == 0)
		c->ended = info->si_pid == c->pid;
	else
		c->ended = errno == ECHILD;
	return c->ended;
}

bool
exec_child_has_ended(struct exec_child *c, char *how, size_t room)
{
	siginfo_t info;

	if (c->pid == 0 || !look(c, &info))
		return false;
	exec_child_hear(c);
	if (info.si_code == CLD_EXITED)
		snprintf(how, room, "%.60s ended with status %d%s%s", c->argv[0],
		    info.si_status, c->last_line[0] != '\0' ? ": " : "", c->last_line);
	else
		snprintf(how, room, "%.60s was ended by signal %d%s%s", c->argv[0],
		    info.si_status, c->last_line[0] != '\0' ? ": " : "", c->last_line);
	return true;
}

void
exec_child_tell(struct exec_child *c)
{
	if (c->pid == 0 || c->told_ms != 0)
		return;
	c->told_ms = clock_ms();
	if (c->fd != -1)
		shutdown(c->fd, SHUT_WR);
	kill(-c->pid, SIGTERM);
	kill(-c->pid, SIGCONT);
}

static bool
wait_until(struct exec_child *c, int64_t until_ms)
{
	siginfo_t info;

	while (!look(c, &info)) {
		if (clock_ms() >= until_ms)
			return false;
		poll(NULL, 0, STEP_MS);
		exec_child_hear(c); /* it may have to say something first */
	}
	return true;
}

void
exec_child_stop(struct exec_child *c, unsigned grace_ms)
{
	int status;

	if (c->pid == 0)
		return;
	exec_child_tell(c);
	if (grace_ms > 0)
		wait_until(c, c->told_ms + grace_ms);
	/* Also what it left behind. */
	kill(-c->pid, SIGKILL);
	if (!wait_until(c, clock_ms() + KILLED_MS))
		log_warn("exec", "backend=%s pid=%ld text=\"does not end\"", c->backend,
		    (long)c->pid);
	else
		waitpid(c->pid, &status, WNOHANG);
	exec_child_hear(c);
	if (c->fd != -1)
		close(c->fd);
	if (c->errors_fd != -1)
		close(c->errors_fd);
	c->fd = c->errors_fd = -1;
	c->pid = 0;
}
