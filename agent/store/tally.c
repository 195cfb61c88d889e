/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/store/tally.h"

#include "agent/store/worklog.h"

static enum err
take_serial(void *arg, const struct work *w)
{
	uint32_t *serial = ((void **)arg)[0];
	const uint8_t *catalog = ((void **)arg)[1];
	if (w->kind != WORK_MEMBER || w->catalog != *catalog)
		return OK;
	*serial = w->serial_from;
	return ERR_EXISTS; /* ends the walk */
}

/* The serial of C at the backend's place in the log. ERR_NOTFOUND: that place
 * was pruned, or is too far behind to look for now. */
static enum err
applied_serial(const struct tally_from *from, uint64_t seq, uint32_t *serial)
{
	enum { LOOK_MAX = 1000 };
	uint8_t catalog = from->head->nr;
	void *arg[2] = {serial, &catalog};
	if (seq >= from->head->seq) {
		*serial = from->head->soa.serial;
		return OK;
	}
	enum err err = worklog_each(from->catalog, seq, LOOK_MAX, take_serial, arg);
	if (err == ERR_EXISTS)
		return OK;
	return err == OK ? ERR_NOTFOUND : err;
}

static enum err
take_counts(const struct tally_from *from, uint8_t backend, struct tally *t)
{
	enum err err = status_count(from->status, backend, from->head->nr, &t->counts);
	if (err != OK)
		return err;
	uint64_t settled =
	    t->counts.by_state[ZONE_SERVING] + t->counts.by_state[ZONE_FAILED] +
	    t->counts.by_state[ZONE_CONFLICT] + t->counts.by_state[ZONE_UNASSIGNED];
	uint64_t wanted = from->head->n_members + from->guard->n_removals;
	t->pending = wanted > settled ? wanted - settled : 0;
	t->counts.by_state[ZONE_HELD] += from->guard->n_held - from->guard->n_strays;
	return OK;
}

enum err
tally_take(const struct tally_from *from, uint8_t backend, struct tally *t)
{
	*t = (struct tally){.queue = 0};
	enum err err = status_get_backend(from->status, backend, &t->status);
	if (err == ERR_NOTFOUND) {
		t->status = (struct backend_status){.state = "starting"};
		err = marks_get(from->catalog, backend, &t->status.seq);
	}
	if (err == OK)
		err = take_counts(from, backend, t);
	if (err != OK)
		return err;
	uint64_t mark = t->status.seq; /* as recorded: the serial grows with it */
	t->queue = from->log_last > mark ? from->log_last - mark : 0;
	err = applied_serial(from, mark, &t->applied);
	t->has_applied = err == OK;
	return err == ERR_NOTFOUND ? OK : err;
}
