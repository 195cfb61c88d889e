/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/order.h"

#include <stdio.h>
#include <sys/random.h>

#include "lib/catz.h"
#include "lib/log.h"
#include "lib/rr.h"

/* The TTL of a verb means nothing. */
static uint32_t
any_ttl(void)
{
	uint32_t ttl;

	if (getrandom(&ttl, sizeof(ttl), 0) != (ssize_t)sizeof(ttl))
		log_fatal("order", "getrandom failed");
	return ttl & INT32_MAX;
}

static void
put_verb(struct wire_out *out, const char *verb, const struct dname *owner,
    const char *backend)
{
	struct buf rdata;

	buf_init(&rdata, 0);
	txt_put(&rdata, verb);
	if (backend)
		txt_printf(&rdata, "backend=%s", backend);
	const struct rr rr = {.owner = *owner,
	    .type = RR_TXT,
	    .class = CLASS_IN,
	    .ttl = any_ttl(),
	    .rdata_size = (uint16_t)rdata.size,
	    .rdata = rdata.data};
	msg_put_rr(out, (enum msg_section)MSG_UPDATES, &rr);
	buf_fini(&rdata);
}

enum err
order_begin(struct session *s, const char *verb, const struct dname *owners, size_t n,
    const char *backend)
{
	const struct label all = label_of("_all");
	struct dname apex, for_all;
	uint16_t id;
	enum err e = catz_control_zone("_command", &s->catalog, &apex);

	if (!e && n == 0)
		e = dname_prepend(&all, &apex, &for_all);
	if (e) {
		snprintf(s->error, sizeof(s->error), "the catalog's name is too long");
		return e;
	}
	struct wire_out *out = session_begin(s, OPCODE_UPDATE, &apex, RR_SOA);
	if (n == 0)
		put_verb(out, verb, &for_all, backend);
	for (size_t i = 0; i < n; i++)
		put_verb(out, verb, &owners[i], backend);
	return session_send(s, out, &id);
}

enum err
order_send(struct session *s, const char *verb, const struct dname *owners, size_t n,
    const char *backend, struct msg *msg)
{
	enum err e = order_begin(s, verb, owners, n, backend);
	return e ? e : session_receive(s, msg);
}
