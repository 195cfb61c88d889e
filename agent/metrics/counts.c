/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/metrics/counts.h"

#include <stdio.h>

#include "agent/metrics/om.h"
#include "lib/counters.h"
#include "lib/rr.h"

static void
put_count(struct om_sample *s, const counter *c)
{
	om_end(s, counter_get(c));
}

/* -- what came, and what it came to ------------------------------------------- */

static void
put_requests(struct buf *out)
{
	static const char *const transports[] = {"udp", "tcp", "tls"};
	static const char *const reasons[] = {"unsigned", "badkey", "badsig", "badtime",
	    "badtrunc", "tsig-form"};

	om_family(out, "nsherd_requests", "counter", NULL,
	    "Messages received that are requests.");
	for (size_t i = 0; i < COUNT_TRANSPORTS; i++)
		om_labelled(out, "nsherd_requests_total", "transport", transports[i],
		    counter_get(&counters.requests[i]));
	om_family(out, "nsherd_unauthenticated_requests", "counter", NULL,
	    "Requests without a good signature.");
	for (size_t i = 0; i < COUNT_STRANGERS; i++)
		om_labelled(out, "nsherd_unauthenticated_requests_total", "reason",
		    reasons[i], counter_get(&counters.strangers[i]));
	om_gauge(out, "nsherd_connections", "Connections that are open.");
	for (size_t i = COUNT_TCP; i < COUNT_TRANSPORTS; i++)
		om_labelled(out, "nsherd_connections", "transport", transports[i],
		    counter_get(&counters.connections[i]));
}

/* These are told also while there was none of them: a rate needs the zero. */
static bool
is_usual(unsigned rcode)
{
	return rcode == RCODE_NOERROR || rcode == RCODE_FORMERR ||
	       rcode == RCODE_SERVFAIL || rcode == RCODE_REFUSED ||
	       rcode == RCODE_NOTAUTH;
}

static void
put_rcodes(struct buf *out, const char *name, const char *catalog, const counter *list)
{
	for (unsigned rcode = 0; rcode < COUNTERS_RCODES; rcode++) {
		if (counter_get(&list[rcode]) == 0 && !is_usual(rcode))
			continue;
		struct om_sample s = om_begin(out, name);
		if (catalog != NULL)
			om_label(&s, "catalog", catalog);
		om_label(&s, "rcode", rcode_str(rcode));
		put_count(&s, &list[rcode]);
	}
}

static void
put_responses(struct buf *out, const struct facts *f)
{
	om_family(out, "nsherd_responses", "counter", NULL,
	    "Answers, by their code; those of transfers are not among them.");
	put_rcodes(out, "nsherd_responses_total", NULL, counters.responses);
	om_family(out, "nsherd_updates", "counter", NULL,
	    "UPDATEs answered; the catalog - is for those of no catalog here.");
	put_rcodes(out, "nsherd_updates_total", "-", counters.updates[0]);
	for (size_t i = 0; i < f->n_catalogs; i++)
		put_rcodes(out, "nsherd_updates_total", f->catalogs[i].label,
		    counters.updates[f->catalogs[i].nr]);
}

/* -- transfers ----------------------------------------------------------------- */

static void
put_transfers_of(struct buf *out, const struct facts_catalog *c,
    enum count_direction direction)
{
	static const char *const directions[] = {"in", "out"};
	static const char *const types[] = {"axfr", "ixfr"};
	static const char *const results[] = {"ok", "failed"};

	for (size_t type = 0; type < COUNT_TRANSFERS; type++)
		for (size_t r = 0; r < COUNT_OUTCOMES; r++) {
			struct om_sample s = om_begin(out, "nsherd_transfers_total");
			om_label(&s, "catalog", c->label);
			om_label(&s, "direction", directions[direction]);
			om_label(&s, "type", types[type]);
			om_label(&s, "result", results[r]);
			put_count(&s, &counters.transfers[c->nr][direction][type][r]);
		}
}

static void
put_transfers(struct buf *out, const struct facts *f)
{
	om_family(out, "nsherd_transfers", "counter", NULL,
	    "Transfers of the catalog and of its _status and _log, as asked for.");
	for (size_t i = 0; i < f->n_catalogs; i++) {
		if (f->catalogs[i].is_follower)
			put_transfers_of(out, &f->catalogs[i], COUNT_IN);
		put_transfers_of(out, &f->catalogs[i], COUNT_OUT);
	}
}

/* -- backends ------------------------------------------------------------------ */

static void
put_operations_of(struct buf *out, const struct facts_backend *b)
{
	static const char *const ops[] = {"remove", "purge", "change", "add"};
	static const char *const results[] = {"ok", "conflict", "retry", "rejected",
	    "unknown"};

	for (size_t op = 0; op < COUNT_OPS; op++)
		for (size_t r = 0; r < COUNT_RESULTS; r++) {
			struct om_sample s =
			    om_begin(out, "nsherd_backend_operations_total");
			om_label(&s, "backend", b->name);
			om_label(&s, "operation", ops[op]);
			om_label(&s, "result", results[r]);
			put_count(&s, &counters.ops[b->nr][op][r]);
		}
}

/* -- commits ------------------------------------------------------------------- */

enum { BOUND_MAX = 24 };

/* In the canonical form of OpenMetrics: 0.25, 1.0. */
static const char *
print_bound(size_t i, char out[static BOUND_MAX])
{
	if (i == COUNTERS_BOUNDS)
		return "+Inf";
	double s = (double)counters_bounds_us[i] / 1e6;
	bool whole = counters_bounds_us[i] % 1000000 == 0;
	snprintf(out, BOUND_MAX, whole ? "%.1f" : "%.6g", s);
	return out;
}

static void
put_histogram(struct buf *out, const char *store, const struct histogram *h)
{
	static const char name[] = "nsherd_commit_seconds";
	char text[48], le[BOUND_MAX];
	uint64_t n = 0;

	for (size_t i = 0; i <= COUNTERS_BOUNDS; i++) {
		n += counter_get(&h->n[i]);
		snprintf(text, sizeof(text), "%s_bucket", name);
		struct om_sample s = om_begin(out, text);
		om_label(&s, "store", store);
		om_label(&s, "le", print_bound(i, le));
		om_end(&s, n);
	}
	snprintf(text, sizeof(text), "%s_count", name);
	om_labelled(out, text, "store", store, n);
	snprintf(text, sizeof(text), "%s_sum", name);
	struct om_sample s = om_begin(out, text);
	om_label(&s, "store", store);
	om_end_us(&s, counter_get(&h->sum_us));
}

void
counts_write(struct buf *out, const struct facts *f)
{
	put_requests(out);
	put_responses(out, f);
	put_transfers(out, f);
	om_family(out, "nsherd_backend_operations", "counter", NULL,
	    "Operations on zones that the driver was told, by their outcome.");
	for (size_t i = 0; i < f->n_backends; i++)
		put_operations_of(out, &f->backends[i]);
	om_family(out, "nsherd_commit_seconds", "histogram", "seconds",
	    "How long commits to the store took.");
	put_histogram(out, "catalog", &counters.commits[COUNT_STORE_CATALOG]);
	put_histogram(out, "status", &counters.commits[COUNT_STORE_STATUS]);
}
