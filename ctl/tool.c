/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/say.h"
#include "lib/mem.h"

extern char **environ;

enum { OUTPUT_MAX = 1 << 20, TOOL_MS = 60000, LINES_SAID = 10 };

/* Where packages put the tools of servers, which a user's PATH may lack. */
static char *
find(const char *name)
{
	static const char more[] = ":/usr/local/sbin:/usr/sbin:/sbin";
	const char *path = getenv("PATH");
	char *all = mem_printf("%s%s", path ? path : "/usr/bin:/bin", more);
	char *rest = all, *dir, *found = NULL;

	while (found == NULL && (dir = strsep(&rest, ":")) != NULL) {
		if (dir[0] != '/')
			continue;
		found = mem_printf("%s/%s", dir, name);
		if (access(found, X_OK) == -1) {
			free(found);
			found = NULL;
		}
	}
	free(all);
	return found;
}

static int
start(const char *program, const char *const *argv, int output, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	size_t n = 0;

	while (argv[n] != NULL)
		n++;
	char **args = mem_zalloc((n + 1) * sizeof(*args));
	for (size_t i = 0; i < n; i++)
		args[i] = mem_strdup(argv[i]);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, output, 1);
	posix_spawn_file_actions_adddup2(&actions, output, 2);
	int rc = posix_spawn(pid, program, &actions, NULL, args, environ);
	posix_spawn_file_actions_destroy(&actions);
	for (size_t i = 0; i < n; i++)
		free(args[i]);
	free(args);
	return rc;
}

/* Until it closes its output, or the time is up: false. */
static bool
listen_to(int fd, struct buf *out)
{
	uint64_t end = say_now_ms() + TOOL_MS;
	char piece[4096];

	for (;;) {
		uint64_t now = say_now_ms();
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int rc = now < end ? poll(&p, 1, (int)(end - now)) : 0;
		if (rc == 0)
			return false;
		ssize_t n = rc < 0 ? -1 : read(fd, piece, sizeof(piece));
		if (n == 0)
			return true;
		if (n > 0)
			buf_put(out, piece, (size_t)n);
		else if (errno != EINTR)
			return true;
	}
}

enum err
tool_run(const char *const *argv, struct buf *out, int *status)
{
	int ends[2], raw = 0;
	pid_t pid;
	char *program = find(argv[0]);

	buf_init(out, OUTPUT_MAX);
	if (program == NULL) {
		say_error("%s: no such program; is the server installed?", argv[0]);
		return ERR_NOTFOUND;
	}
	int rc = pipe2(ends, O_CLOEXEC) == -1 ? errno : 0;
	if (rc == 0) {
		rc = start(program, argv, ends[1], &pid);
		close(ends[1]);
		if (rc != 0)
			close(ends[0]);
	}
	free(program);
	if (rc != 0) {
		say_error("%s: %s", argv[0], mem_errno_text(rc));
		return ERR_IO;
	}
	bool ended = listen_to(ends[0], out);
	close(ends[0]);
	if (!ended)
		kill(pid, SIGKILL);
	while (waitpid(pid, &raw, 0) == -1 && errno == EINTR)
		continue;
	if (!ended) {
		say_error("%s: no end in %d s", argv[0], TOOL_MS / 1000);
		return ERR_TIMEOUT;
	}
	*status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128;
	return OK;
}

/* Some tools print the line that they find wrong. */
void
tool_say(const char *name, const char *text)
{
	char *copy = mem_strdup(text), *rest = copy, *line;
	size_t n = 0;

	while ((line = strsep(&rest, "\n")) != NULL) {
		char *secret = strcasestr(line, "secret");
		if (secret != NULL)
			memcpy(secret, "...", sizeof("..."));
		if (line[0] != '\0' && n++ < LINES_SAID)
			say_error("%s: %s", name, line);
	}
	mem_wipe(copy, strlen(text));
	free(copy);
}

enum err
tool_check(const char *const *argv)
{
	struct buf out;
	int status = 0;
	enum err e = tool_run(argv, &out, &status);

	if (!e && status != 0) {
		tool_say(argv[0], buf_text(&out));
		e = ERR_INVALID;
	}
	buf_fini(&out);
	return e;
}
