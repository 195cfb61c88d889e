/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/health/health_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/file.h"
#include "lib/mem.h"

/* -- writing ----------------------------------------------------------------- */

static void
put(struct buf *out, const char *text)
{
	buf_put(out, text, strlen(text));
}

static const char *
answers_str(const struct health_backend *b)
{
	if (!b->has_probe || !b->is_asked)
		return "unknown";
	return b->silent_us == 0 ? "yes" : "no";
}

static void
put_backend(struct buf *out, const struct health_backend *b)
{
	char line[256];
	snprintf(line, sizeof(line),
	    "backend=%s answers=%s control=%s serving=%" PRIu64 " lost=%" PRIu64
	    " expired=%" PRIu64 "\n",
	    b->name, answers_str(b), b->control, b->n_serving, b->n_lost, b->n_expired);
	put(out, line);
}

static void
put_report(struct buf *out, const struct health_report *r)
{
	char line[512];
	snprintf(line, sizeof(line),
	    "health=%s since=%" PRIu64 " at=%" PRIu64 " agent=%s reason=%s\n",
	    health_state_str(r->health->state), r->health->since, r->at, r->agent,
	    r->health->reason);
	put(out, line);
	for (size_t i = 0; i < r->n; i++)
		put_backend(out, &r->backends[i]);
}

static enum err
write_all(int fd, const struct buf *data)
{
	if (!file_write(fd, data->data, data->size))
		return errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO;
	/* Whatever the umask is: it is there to be read. */
	return fchmod(fd, 0644) == 0 ? OK : ERR_IO;
}

static enum err
write_aside(const char *aside, const struct buf *data)
{
	int fd =
	    open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return ERR_IO;
	enum err err = write_all(fd, data);
	int why = errno;
	if (close(fd) != 0 && err == OK) {
		why = errno;
		err = ERR_IO;
	}
	errno = why;
	return err;
}

/* Not synced: after a crash of the machine the next one is written at the start. */
enum err
health_file_write(const char *path, const struct health_report *report)
{
	struct buf data;
	buf_init(&data, 0);
	put_report(&data, report);
	char *aside = mem_printf("%s.new", path);
	enum err err = data.err != OK ? data.err : write_aside(aside, &data);
	if (err == OK && rename(aside, path) != 0)
		err = ERR_IO;
	int why = errno;
	if (err != OK)
		(void)unlink(aside);
	free(aside);
	buf_fini(&data);
	errno = why;
	return err;
}

/* -- reading ----------------------------------------------------------------- */

enum err
health_file_read(const char *path, struct health *health)
{
	char line[64], state[16];
	uint64_t since;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? ERR_NOTFOUND : ERR_IO;
	ssize_t n = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (n < 0)
		return ERR_IO;
	line[n] = '\0';
	if (sscanf(line, "health=%15[a-z] since=%" SCNu64 " ", state, &since) != 2)
		return ERR_FORM;
	bool ok = strcmp(state, "ok") == 0;
	if (!ok && strcmp(state, "degraded") != 0)
		return ERR_FORM;
	*health =
	    (struct health){.state = ok ? HEALTH_OK : HEALTH_DEGRADED, .since = since};
	return OK;
}
