/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/hasten.h"

#include "agent/deploy/engine.h"
#include "agent/store/status.h"
#include "lib/log.h"

enum { FAR_MS = 60000, SLICE = 1000 };

struct hasten {
	struct store_job job; /* first */
	struct store_txn *txn;
	uint8_t backend;
	uint64_t now_ms;
	size_t n;
};

static enum err
bring_forward(void *arg, const struct zone_status *s)
{
	struct hasten *h = arg;
	struct zone_status sooner = *s;
	sooner.retry_at = h->now_ms;
	status_put(h->txn, &sooner);
	h->n++;
	return OK;
}

static enum err
run_slice(struct store_txn *txn, struct store_job *job)
{
	struct hasten *h = (struct hasten *)job;
	h->txn = txn;
	h->n = 0;
	return status_each_later(txn, h->backend, h->now_ms + FAR_MS, SLICE,
	    bring_forward, h);
}

void
hasten_retries(struct engine *e)
{
	struct hasten h = {.job.run = run_slice,
	    .backend = e->conf->nr,
	    .now_ms = engine_due_ms(e)};
	do {
		enum err err = store_call(e->store, STORE_STATUS, &h.job);
		if (err != OK) {
			log_error("deploy",
			    "backend=%s retries=unreadable error=\"%s\"",
			    e->conf->backend.name, err_str(err));
			return;
		}
	} while (h.n == SLICE && !engine_stopping(e));
}
