/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <unistd.h>

#include "agent/backend/knot_batch.h"
#include "agent/backend/spool.h"
#include "lib/clock.h"
#include "lib/mem.h"

/* What knotd and the disk keep of zones that were removed. */

enum { PURGE_CHUNK = 100, PURGE_MS = 2000 };

static bool
is_purge(const struct knot_task *t)
{
	return op_is_open(t->op) && t->op->kind == OP_PURGE;
}

/* Journal, timers and keys of zones that knotd does not have any more. Each is
 * answered on its own, but only failures say anything. */
static enum err
purge_chunk(struct knot_batch *b, size_t *at)
{
	char name[DNAME_TEXT_MAX];
	struct knot_unit unit = {.field = {[KNOT_CMD] = "zone-purge",
				     [KNOT_FLAGS] = "F",
				     [KNOT_FILTER] = "o",
				     [KNOT_ZONE] = name}};
	struct knot_fault fault;
	struct buf units;
	size_t first = *at, n = 0;
	enum err err = OK;

	buf_init(&units, 0);
	for (; *at < b->n && n < PURGE_CHUNK; (*at)++) {
		if (!is_purge(&b->tasks[*at]))
			continue;
		dname_print(&b->tasks[*at].op->zone, name);
		knot_unit_put(&units, &unit);
		n++;
	}
	if (n > 0)
		err = knot_ctl_block(&b->k->ctl, &units, NULL, NULL, &fault, b->why);
	buf_fini(&units);
	for (size_t i = first; err == OK && n > 0 && fault.is && i < *at; i++) {
		if (is_purge(&b->tasks[i]))
			op_retry(b->tasks[i].op, 60, "knot: zone-purge: %s",
			    fault.text);
	}
	return err;
}

static void
unlink_file(struct knot_batch *b, struct knot_task *t, int dir_fd)
{
	enum err err = settings_record_is_own(t->op->zonefile)
			   ? spool_unlink(dir_fd, t->op->zonefile)
			   : ERR_NOTFOUND;

	if (err == OK || err == ERR_NOTFOUND)
		op_settle(t->op, err == OK ? RESULT_OK : RESULT_ALREADY, "%s", "");
	else
		op_settle(t->op, RESULT_REJECTED, "%.60s/%.80s: %s",
		    b->k->conf.zone_dir, t->op->zonefile, mem_errno_text(errno));
}

enum err
knot_purge_batch(struct knot_batch *b)
{
	int64_t start_ms = clock_ms();
	size_t at = 0;
	int dir_fd;
	enum err err = OK;

	/* For each zone knotd goes through the timers of all: others wait. */
	while (err == OK && at < b->n && clock_ms() - start_ms < PURGE_MS)
		err = purge_chunk(b, &at);
	knot_leave(b->k);
	if (err != OK)
		return err;
	for (; at < b->n; at++) {
		if (is_purge(&b->tasks[at]))
			op_retry(b->tasks[at].op, 1, "knot is slow to purge");
	}
	err = spool_open(b->k->conf.zone_dir, &dir_fd);
	if (err != OK)
		return backend_fail(b->why, err, "zone-dir %s: %s", b->k->conf.zone_dir,
		    mem_errno_text(errno));
	for (size_t i = 0; i < b->n; i++) {
		if (is_purge(&b->tasks[i]))
			unlink_file(b, &b->tasks[i], dir_fd);
	}
	close(dir_fd);
	return OK;
}
