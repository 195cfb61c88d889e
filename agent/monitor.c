/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/monitor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <uv.h>

#include "agent/conf.h"
#include "agent/deploy/deploy.h"
#include "agent/health/health.h"
#include "agent/health/health_file.h"
#include "agent/rooms.h"
#include "agent/store/status.h"
#include "agent/telemetry.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"

enum {
	TICK_MS = 1000,
	WRITE_S = 5, /* the file is written so often, changed or not */
};

/* What it reads is in memory, as for an answer to a query, and what it writes is not
 * synced: so it is done in the loop. */
struct monitor {
	struct rooms *rooms;
	uv_timer_t timer;
	bool is_closed;
	struct health health;
	/* of this look */
	struct health_backend backends[HEALTH_BACKENDS_MAX];
	size_t n;
	bool is_news;
	/* of the file */
	char *written_path; /* where it was written last, and when; NULL: nowhere */
	int64_t written_ms;
	int failed; /* errno of the last time; 0: none */
};

/* -- the status ------------------------------------------------------------- */

struct health_job {
	struct store_job job; /* first */
	struct health_status status;
};

static enum err
run_publish(struct store_txn *txn, struct store_job *job)
{
	status_put_health(txn, &((struct health_job *)job)->status);
	return OK;
}

static void
done_publish(struct store_job *job, enum err err)
{
	(void)err; /* it comes with the next change */
	free(job);
}

static void
publish(const struct monitor *m)
{
	struct health_job *hj = mem_zalloc(sizeof(*hj));
	struct health_status *s = &hj->status;

	hj->job = (struct store_job){.run = run_publish, .done = done_publish};
	snprintf(s->state, sizeof(s->state), "%s", health_state_str(m->health.state));
	s->since = m->health.since;
	snprintf(s->reason, sizeof(s->reason), "%s", m->health.reason);
	store_submit(m->rooms->store, STORE_STATUS, &hj->job);
}

/* -- a look ----------------------------------------------------------------- */

static void
take_vital(void *arg, const struct deploy_vital *v)
{
	struct monitor *m = arg;

	if (m->n == HEALTH_BACKENDS_MAX)
		return;
	struct health_backend *b = &m->backends[m->n++];
	*b = (struct health_backend){.has_probe = v->has_probe,
	    .is_asked = v->is_asked,
	    .is_known = v->is_known,
	    .silent_us = v->silent_us,
	    .n_serving = v->n_serving,
	    .n_lost = v->n_lost,
	    .n_expired = v->n_expired};
	snprintf(b->name, sizeof(b->name), "%s", v->name);
	snprintf(b->control, sizeof(b->control), "%s", v->control);
}

static void
write_file(struct monitor *m, const char *path, uint64_t now)
{
	const struct health_report report = {.agent = m->rooms->conf->name,
	    .health = &m->health,
	    .backends = m->backends,
	    .n = m->n,
	    .at = now};

	if (health_file_write(path, &report) == OK) {
		if (m->failed != 0)
			log_info("health", "file=%s write=ok", path);
		m->failed = 0;
		free(m->written_path);
		m->written_path = mem_strdup(path);
		m->written_ms = clock_ms();
	} else if (m->failed != errno) {
		m->failed = errno;
		log_warn("health", "file=%s write=failed error=\"%s\"", path,
		    strerror(m->failed));
	}
}

static bool
is_file_due(const struct monitor *m, const char *path)
{
	/* After a start the file stays as it is until there is something to say. */
	bool is_known = m->health.good_us != 0 || m->health.bad_us != 0;
	if (m->health.state == HEALTH_UNKNOWN || !is_known)
		return false;
	return m->is_news || m->written_path == NULL ||
	       strcmp(m->written_path, path) != 0 ||
	       clock_ms() - m->written_ms >= WRITE_S * INT64_C(1000);
}

static void
look(struct monitor *m)
{
	uint64_t now = (uint64_t)time(NULL);
	enum health_state was = m->health.state;

	m->n = 0;
	m->is_news = false;
	if (deploy_each_vital(m->rooms->deploy, take_vital, m) != OK)
		return;
	m->is_news = health_judge(&m->health, &m->rooms->conf->health, m->backends,
	    m->n, (uint64_t)clock_ms() * 1000, now);
	if (m->health.state != was && m->health.state == HEALTH_DEGRADED)
		log_warn("health", "health=degraded reason=\"%s\"", m->health.reason);
	else if (m->health.state != was)
		log_info("health", "health=%s", health_state_str(m->health.state));
	if (m->is_news)
		publish(m);
	char *path = conf_health_file(m->rooms->conf);
	if (is_file_due(m, path))
		write_file(m, path, now);
	free(path);
}

static void
on_tick(uv_timer_t *timer)
{
	struct monitor *m = timer->data;

	look(m);
	telemetry_tick(m->rooms->telemetry);
}

/* -- life ------------------------------------------------------------------- */

/* What was said last: by the file, or, where that is gone, by the status. */
static void
read_last(struct monitor *m)
{
	struct health_status s;
	char *path = conf_health_file(m->rooms->conf);
	enum err err = health_file_read(path, &m->health);

	if (err != OK && err != ERR_NOTFOUND)
		log_warn("health", "file=%s read=failed error=\"%s\"", path,
		    err_str(err));
	free(path);
	if (err == OK) {
		publish(m);
		return;
	}
	struct store_txn *txn = store_read(m->rooms->store, STORE_STATUS);
	if (status_get_health(txn, &s) == OK) {
		bool ok = strcmp(s.state, "ok") == 0;
		m->health.state = ok ? HEALTH_OK : HEALTH_DEGRADED;
		m->health.since = s.since;
		snprintf(m->health.reason, sizeof(m->health.reason), "%s", s.reason);
	}
	store_end(&txn);
}

struct monitor *
monitor_start(struct rooms *rooms)
{
	struct monitor *m = mem_zalloc(sizeof(*m));

	m->rooms = rooms;
	read_last(m);
	uv_timer_init(&rooms->loop, &m->timer);
	m->timer.data = m;
	uv_timer_start(&m->timer, on_tick, 0, TICK_MS);
	return m;
}

static void
on_closed(uv_handle_t *timer)
{
	struct monitor *m = timer->data;

	m->is_closed = true;
}

void
monitor_stop(struct monitor *m)
{
	if (m == NULL)
		return;
	uv_close((uv_handle_t *)&m->timer, on_closed);
	while (!m->is_closed)
		uv_run(&m->rooms->loop, UV_RUN_ONCE);
	free(m->written_path);
	free(m);
}
