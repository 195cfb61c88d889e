/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/mem.h"

extern char **environ;

enum { ARGS_MAX = 15 };

char *
tool_find(const char *name, const char *server)
{
	static const char *const dirs[] = {"/usr/bin", "/usr/sbin", "/usr/local/bin",
	    "/usr/local/sbin", "/sbin"};
	char *path;

	if (server != NULL && server[0] == '/') {
		path = mem_printf("%.*s/%s", (int)(strrchr(server, '/') - server),
		    server, name);
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		path = mem_printf("%s/%s", dirs[i], name);
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return mem_strdup(name);
}

void
tool_cut(void *arg, const char *data, size_t size)
{
	struct tool_lines *l = arg;

	for (size_t i = 0; i < size; i++) {
		if (data[i] != '\n') {
			if (l->size < sizeof(l->line) - 1)
				l->line[l->size++] = data[i];
			continue;
		}
		l->line[l->size] = '\0';
		l->size = 0;
		l->fn(l->arg, l->line);
	}
}

/* -- starting it -------------------------------------------------------------- */

/* What may hold secrets is not written to any disk. */
static int
open_input(const struct tool *tool)
{
	int fd;

	if (tool->input == NULL)
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	fd = memfd_create("nsherd", MFD_CLOEXEC);
	if (fd != -1 && !file_write(fd, tool->input, tool->input_size)) {
		close(fd);
		return -1;
	}
	if (fd != -1)
		lseek(fd, 0, SEEK_SET);
	return fd;
}

static int
start(const struct tool *tool, int in, int out, int errors, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	char *args[ARGS_MAX + 1] = {NULL};
	sigset_t none;
	int rc;

	for (size_t i = 0; i < ARGS_MAX && tool->argv[i] != NULL; i++)
		args[i] = mem_strdup(tool->argv[i]);
	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, 0);
	posix_spawn_file_actions_adddup2(&actions, out, 1);
	posix_spawn_file_actions_adddup2(&actions, errors, 2);
	rc = posix_spawnp(pid, args[0], &actions, &attr, args, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	for (size_t i = 0; i < ARGS_MAX; i++)
		free(args[i]);
	return rc;
}

/* The ends of its output that we read, or ERR_IO with nothing open. */
static enum err
spawn(const struct tool *tool, int ends[static 2], pid_t *pid,
    struct backend_error *why)
{
	int out[2] = {-1, -1}, errors[2] = {-1, -1}, in = open_input(tool), rc = 0;

	if (in == -1 || pipe2(out, O_CLOEXEC) == -1 || pipe2(errors, O_CLOEXEC) == -1)
		rc = errno;
	if (rc == 0)
		rc = start(tool, in, out[1], errors[1], pid);
	for (int i = 0; i < 2; i++) {
		if (out[i] != -1 && (i == 1 || rc != 0))
			close(out[i]);
		if (errors[i] != -1 && (i == 1 || rc != 0))
			close(errors[i]);
	}
	if (in != -1)
		close(in);
	if (rc != 0)
		return backend_fail(why, ERR_IO, "%s: %s", tool->argv[0],
		    mem_errno_text(rc));
	ends[0] = out[0];
	ends[1] = errors[0];
	return OK;
}

/* -- hearing it --------------------------------------------------------------- */

struct hearing {
	struct tool *tool;
	int fds[2];
	char lines[2][200]; /* the first of each */
	bool ended[2];      /* that line */
};

static void
keep_line(struct hearing *h, int i, const char *data, size_t size)
{
	size_t have = strlen(h->lines[i]);

	for (size_t k = 0; k < size && !h->ended[i]; k++) {
		if (data[k] == '\n')
			h->ended[i] = true;
		else if (have < sizeof(h->lines[i]) - 1 && data[k] != '\0')
			h->lines[i][have++] = data[k];
	}
	h->lines[i][have] = '\0';
}

static void
hear_some(struct hearing *h, int i)
{
	char chunk[65536];
	ssize_t n = read(h->fds[i], chunk, sizeof(chunk));

	if (n > 0) {
		keep_line(h, i, chunk, (size_t)n);
		if (i == 0 && h->tool->out != NULL)
			h->tool->out(h->tool->out_arg, chunk, (size_t)n);
		if (i == 1 && h->tool->errors != NULL)
			h->tool->errors(h->tool->errors_arg, chunk, (size_t)n);
	} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
		close(h->fds[i]);
		h->fds[i] = -1;
	}
}

static enum err
hear(struct hearing *h, struct backend_error *why)
{
	while (h->fds[0] != -1 || h->fds[1] != -1) {
		struct pollfd fds[3] = {{.fd = h->fds[0], .events = POLLIN},
		    {.fd = h->fds[1], .events = POLLIN},
		    {.fd = h->tool->cancel_fd, .events = POLLIN}};
		int n = poll(fds, 3, (int)h->tool->timeout_ms);

		if (n == -1 && errno != EINTR)
			return backend_fail(why, ERR_IO, "poll: %s",
			    mem_errno_text(errno));
		if (n == 0)
			return backend_fail(why, ERR_TIMEOUT, "%s does not end",
			    h->tool->argv[0]);
		if (n > 0 && fds[2].revents != 0)
			return backend_fail(why, ERR_CANCELED, "canceled");
		for (int i = 0; n > 0 && i < 2; i++) {
			if (fds[i].revents != 0)
				hear_some(h, i);
		}
	}
	return OK;
}

enum err
tool_run(struct tool *tool, struct backend_error *why)
{
	struct hearing h = {.tool = tool, .fds = {-1, -1}};
	pid_t pid;
	int status = 0;
	enum err err = spawn(tool, h.fds, &pid, why);

	if (err != OK)
		return err;
	err = hear(&h, why);
	if (err != OK)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	for (int i = 0; i < 2; i++) {
		if (h.fds[i] != -1)
			close(h.fds[i]);
	}
	tool->good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	memcpy(tool->text, h.lines[h.lines[1][0] != '\0'], sizeof(tool->text));
	if (!tool->good && tool->text[0] == '\0')
		snprintf(tool->text, sizeof(tool->text), "%.150s failed",
		    tool->argv[0]);
	return err;
}
