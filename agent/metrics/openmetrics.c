/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/metrics/openmetrics.h"

#include <string.h>

#include "agent/metrics/counts.h"
#include "agent/metrics/om.h"

/* -- the agent --------------------------------------------------------------- */

static void
put_agent(struct buf *out, const struct facts *f)
{
	static const char *const states[] = {"ok", "degraded", "unknown", NULL};
	struct om_sample s;

	om_family(out, "nsherd_build", "info", NULL, "The program that this is.");
	s = om_begin(out, "nsherd_build_info");
	om_label(&s, "version", f->version);
	om_end(&s, 1);
	om_family(out, "nsherd_agent", "info", NULL,
	    "The agent, by its configured name.");
	s = om_begin(out, "nsherd_agent_info");
	om_label(&s, "agent", f->agent);
	om_end(&s, 1);
	om_gauge(out, "nsherd_health",
	    "The agent's verdict on its name servers: 1 for the state that holds.");
	om_states(out, "nsherd_health", NULL, NULL, states, f->health);
	if (f->cert_expires_s == 0)
		return;
	om_family(out, "nsherd_tls_certificate_expiry_timestamp_seconds", "gauge",
	    "seconds",
	    "When the certificate in use, that of tls-cert, ceases to be valid.");
	om_plain(out, "nsherd_tls_certificate_expiry_timestamp_seconds",
	    (uint64_t)(f->cert_expires_s > 0 ? f->cert_expires_s : 0));
}

/* -- catalogs ---------------------------------------------------------------- */

static void
put_catalog_states(struct buf *out, const struct facts *f)
{
	static const char *const states[] = {"valid", "broken", "expired", "none",
	    NULL};

	om_gauge(out, "nsherd_catalog_state",
	    "What the catalog is: 1 for the state that holds.");
	for (size_t i = 0; i < f->n_catalogs; i++)
		om_states(out, "nsherd_catalog_state", "catalog", f->catalogs[i].label,
		    states, f->catalogs[i].state);
}

static void
put_follower(struct buf *out, const struct facts *f)
{
	static const char name[] = "nsherd_follower_last_success_timestamp_seconds";

	om_family(out, name, "gauge", "seconds",
	    "When a primary last spoke for the catalog that is followed; 0: never.");
	for (size_t i = 0; i < f->n_catalogs; i++)
		if (f->catalogs[i].is_follower)
			om_labelled(out, name, "catalog", f->catalogs[i].label,
			    f->catalogs[i].refreshed_s);
}

static void
put_catalogs(struct buf *out, const struct facts *f)
{
	om_family(out, "nsherd_catalog", "info", NULL,
	    "A catalog: its zone, and the agent's role for it.");
	for (size_t i = 0; i < f->n_catalogs; i++) {
		struct om_sample s = om_begin(out, "nsherd_catalog_info");
		om_label(&s, "catalog", f->catalogs[i].label);
		om_label(&s, "zone", f->catalogs[i].zone);
		om_label(&s, "role",
		    f->catalogs[i].is_follower ? "follower" : "primary");
		om_end(&s, 1);
	}
	om_gauge(out, "nsherd_catalog_serial", "SOA serial of the catalog.");
	for (size_t i = 0; i < f->n_catalogs; i++)
		om_labelled(out, "nsherd_catalog_serial", "catalog",
		    f->catalogs[i].label, f->catalogs[i].serial);
	om_gauge(out, "nsherd_catalog_members", "Zones in the catalog.");
	for (size_t i = 0; i < f->n_catalogs; i++)
		om_labelled(out, "nsherd_catalog_members", "catalog",
		    f->catalogs[i].label, f->catalogs[i].n_members);
	put_catalog_states(out, f);
	put_follower(out, f);
}

static void
put_guard(struct buf *out, const struct facts *f)
{
	om_gauge(out, "nsherd_guard_holding",
	    "Whether the guard holds removals until they are released.");
	for (size_t i = 0; i < f->n_catalogs; i++)
		om_labelled(out, "nsherd_guard_holding", "catalog",
		    f->catalogs[i].label, f->catalogs[i].is_holding);
	om_gauge(out, "nsherd_guard_held", "Zones whose removal or change is held.");
	for (size_t i = 0; i < f->n_catalogs; i++)
		om_labelled(out, "nsherd_guard_held", "catalog", f->catalogs[i].label,
		    f->catalogs[i].held);
	om_gauge(out, "nsherd_guard_used", "Removals in the guard's window.");
	for (size_t i = 0; i < f->n_catalogs; i++)
		if (f->catalogs[i].is_guarded)
			om_labelled(out, "nsherd_guard_used", "catalog",
			    f->catalogs[i].label, f->catalogs[i].used);
	om_gauge(out, "nsherd_guard_limit",
	    "Removals in one window beyond which the guard holds them.");
	for (size_t i = 0; i < f->n_catalogs; i++)
		if (f->catalogs[i].is_guarded)
			om_labelled(out, "nsherd_guard_limit", "catalog",
			    f->catalogs[i].label, f->catalogs[i].limit);
}

/* -- backends ---------------------------------------------------------------- */

static void
put_backends(struct buf *out, const struct facts *f)
{
	om_family(out, "nsherd_backend", "info", NULL,
	    "A backend: its driver, and the server it found.");
	for (size_t i = 0; i < f->n_backends; i++) {
		struct om_sample s = om_begin(out, "nsherd_backend_info");
		om_label(&s, "backend", f->backends[i].name);
		om_label(&s, "driver", f->backends[i].driver);
		om_label(&s, "server", f->backends[i].server);
		om_end(&s, 1);
	}
	om_gauge(out, "nsherd_backend_up",
	    "Whether the driver reaches the server's control channel.");
	for (size_t i = 0; i < f->n_backends; i++)
		om_labelled(out, "nsherd_backend_up", "backend", f->backends[i].name,
		    strcmp(f->backends[i].state, "up") == 0);
	om_gauge(out, "nsherd_backend_answering",
	    "Whether the server answers queries; of those that are probed.");
	for (size_t i = 0; i < f->n_backends; i++)
		if (f->backends[i].is_asked)
			om_labelled(out, "nsherd_backend_answering", "backend",
			    f->backends[i].name, f->backends[i].answers);
	om_gauge(out, "nsherd_backend_queue",
	    "Entries of the work log that the backend has yet to do.");
	for (size_t i = 0; i < f->n_backends; i++)
		om_labelled(out, "nsherd_backend_queue", "backend", f->backends[i].name,
		    f->backends[i].queue);
}

static void
label_share(struct om_sample *s, const struct facts *f, const struct facts_share *share)
{
	om_label(s, "backend", f->backends[share->backend].name);
	om_label(s, "catalog", f->catalogs[share->catalog].label);
}

static void
put_zones(struct buf *out, const struct facts *f)
{
	/* What is applied and not seen serving yet is pending, as in the status. */
	static const enum zone_state states[] = {ZONE_PENDING, ZONE_SERVING,
	    ZONE_FAILED, ZONE_CONFLICT, ZONE_UNASSIGNED, ZONE_HELD, ZONE_REMOVING};

	om_gauge(out, "nsherd_backend_zones", "Zones by the state they are in.");
	for (size_t i = 0; i < f->n_shares; i++) {
		for (size_t j = 0; j < sizeof(states) / sizeof(states[0]); j++) {
			struct om_sample s = om_begin(out, "nsherd_backend_zones");
			label_share(&s, f, &f->shares[i]);
			om_label(&s, "state", zone_state_str(states[j]));
			om_end(&s, f->shares[i].zones[states[j]]);
		}
	}
}

static void
put_faults(struct buf *out, const struct facts *f, const char *name,
    enum zone_fault fault, const char *help)
{
	om_gauge(out, name, help);
	for (size_t i = 0; i < f->n_shares; i++) {
		struct om_sample s = om_begin(out, name);
		label_share(&s, f, &f->shares[i]);
		om_end(&s, f->shares[i].faults[fault]);
	}
}

static void
put_shares(struct buf *out, const struct facts *f)
{
	om_gauge(out, "nsherd_backend_applied_serial",
	    "SOA serial of the catalog that the backend has reached.");
	for (size_t i = 0; i < f->n_shares; i++) {
		if (!f->shares[i].has_applied)
			continue;
		struct om_sample s = om_begin(out, "nsherd_backend_applied_serial");
		label_share(&s, f, &f->shares[i]);
		om_end(&s, f->shares[i].applied);
	}
	put_zones(out, f);
	put_faults(out, f, "nsherd_backend_lost_zones", FAULT_LOST,
	    "Zones that were served and that the server does not serve any more.");
	put_faults(out, f, "nsherd_backend_expired_zones", FAULT_EXPIRED,
	    "Secondaries that were served and have no valid data any more.");
}

/* -- the store --------------------------------------------------------------- */

static void
put_store(struct buf *out, const struct facts *f)
{
	om_gauge(out, "nsherd_store_queued",
	    "Changes that wait for the store's writer.");
	om_labelled(out, "nsherd_store_queued", "store", "catalog", f->catalog_queued);
	om_labelled(out, "nsherd_store_queued", "store", "status", f->status_queued);
	om_family(out, "nsherd_store_used_bytes", "gauge", "bytes",
	    "How much of the store's map is in use.");
	om_labelled(out, "nsherd_store_used_bytes", "store", "catalog",
	    f->catalog_used);
	om_labelled(out, "nsherd_store_used_bytes", "store", "status", f->status_used);
	om_family(out, "nsherd_store_size_bytes", "gauge", "bytes",
	    "How large the map of each store can become.");
	om_plain(out, "nsherd_store_size_bytes", f->map_size);
	om_family(out, "nsherd_store_disk_free_bytes", "gauge", "bytes",
	    "What is free where the state-dir is.");
	om_plain(out, "nsherd_store_disk_free_bytes", f->disk_free);
	om_gauge(out, "nsherd_worklog_sequence",
	    "The last entry of the work log; it grows with each change, over restarts.");
	om_plain(out, "nsherd_worklog_sequence", f->log_seq);
}

/* -- the process ------------------------------------------------------------- */

static void
put_process(struct buf *out, const struct facts *f, const struct process *p)
{
	om_family(out, "process_start_time_seconds", "gauge", "seconds",
	    "Unix time of the agent's start.");
	om_plain(out, "process_start_time_seconds", f->started_s);
	om_family(out, "process_cpu_seconds", "counter", "seconds",
	    "Processor time, user and system.");
	struct om_sample s = om_begin(out, "process_cpu_seconds_total");
	om_end_us(&s, p->cpu_us);
	om_family(out, "process_resident_memory_bytes", "gauge", "bytes",
	    "Resident memory; pages of the store that are mapped count as well.");
	om_plain(out, "process_resident_memory_bytes", p->resident_bytes);
	om_family(out, "process_virtual_memory_bytes", "gauge", "bytes",
	    "Address space; the store's maps take most of it.");
	om_plain(out, "process_virtual_memory_bytes", p->virtual_bytes);
	om_gauge(out, "process_open_fds", "Open descriptors.");
	om_plain(out, "process_open_fds", p->open_fds);
	om_gauge(out, "process_max_fds", "Descriptors that it may open.");
	om_plain(out, "process_max_fds", p->max_fds);
}

void
openmetrics_write(struct buf *out, const struct facts *f, const struct process *p)
{
	put_agent(out, f);
	put_catalogs(out, f);
	put_guard(out, f);
	put_backends(out, f);
	put_shares(out, f);
	counts_write(out, f);
	put_store(out, f);
	put_process(out, f, p);
	buf_puts(out, "# EOF\n");
}
