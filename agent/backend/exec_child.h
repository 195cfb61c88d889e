/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_EXEC_CHILD_H
#define AGENT_BACKEND_EXEC_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/backend/backend.h"
#include "lib/err.h"

/*
 * The process of an exec backend: started without a shell, in a process group of
 * its own, with nothing of ours but a socket as stdin and stdout and a pipe as
 * stderr, whose lines go to the log.
 */
struct exec_child {
	const char *backend;         /* for the log */
	const char *const *argv;     /* ends in NULL */
	pid_t pid;                   /* 0: there is none */
	int fd, errors_fd;           /* -1 */
	int64_t started_ms, told_ms; /* told_ms: to end; 0: not yet */
	bool ended;                  /* its status was seen; the process is a zombie */
	char line[256];              /* of stderr, as far as it came */
	size_t line_size;
	bool line_cut;
	char last_line[120];
	/* of what is logged in a while */
	int64_t window_ms;
	unsigned n_logged, n_dropped;
};

void exec_child_init(struct exec_child *c, const char *backend,
    const char *const *argv);

/* ERR_IO: why. */
NODISCARD enum err exec_child_start(struct exec_child *c, struct backend_error *why);

/* Take what stands in the stderr pipe, without a wait. */
void exec_child_hear(struct exec_child *c);

/* Has it ended? Then how, in words, with what it said last. */
bool exec_child_has_ended(struct exec_child *c, char *how, size_t room);

/* Ask it to end: end of file on its stdin, and SIGTERM for its group. Once. */
void exec_child_tell(struct exec_child *c);
/* The same, and wait for at most grace_ms from then on; then SIGKILL for all of the
 * group. Nothing is left of it. */
void exec_child_stop(struct exec_child *c, unsigned grace_ms);

#endif
