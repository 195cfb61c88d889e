/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A follower with a real store, and a primary of which the input is the script: what
 * it answers, in what pieces, and when the connection ends. Whatever it does: one
 * call at a time, and what is served is a valid catalog, whole, or nothing.
 */
#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/catalog/catalog.h"
#include "agent/proto/proto.h"
#include "lib/catz.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/msg.h"
#include "lib/tsig.h"

enum { RUNS_PER_STORE = 200, ZONES_MAX = 4096, RECORDS_MAX = 300 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct line {
	struct proto_call *call;
	bool open;
	uint8_t sent[2048];
	size_t sent_size;
};

static struct {
	char dir[64];
	unsigned n_runs;
	struct store *store;
	struct proto *proto;
	struct proto_session *tcp;
	struct proto_transfer *transfer;
	struct proto_key key;
	struct proto_remote primaries[2];
	struct proto_catalog catalog;
	struct proto_conf conf;
	struct addr peer;
	bool refused;

	struct line line; /* the last one */
	uint64_t now, at;
	void (*timer_fn)(void *arg);
	void *timer_arg;
} f;

/* -- effects ------------------------------------------------------------------ */

static void
take_reply(void *peer, const struct addr *to, const uint8_t *wire, size_t size)
{
	(void)peer;
	(void)to;
	f.refused = size >= MSG_HEADER && (wire[3] & 0xf) != RCODE_NOERROR;
}

static void
take_transfer(void *peer, struct proto_transfer *t)
{
	(void)peer;
	f.transfer = t;
}

static void
take_close(void *peer)
{
	(void)peer;
}

static void *
on_call(void *net, struct proto_call *call, const struct addr *server, const char *tls)
{
	(void)net;
	(void)server;
	(void)tls;
	assert(!f.line.open);
	f.line = (struct line){.call = call, .open = true};
	return &f.line;
}

static void
on_send(void *line, const uint8_t *msg, size_t size)
{
	struct line *l = line;
	assert(l->open && size <= sizeof(l->sent));
	memcpy(l->sent, msg, size);
	l->sent_size = size;
}

static void
on_hang_up(void *line)
{
	struct line *l = line;
	assert(l->open);
	l->open = false;
}

static void
on_timer(void *net, uint64_t after_ms, void (*fn)(void *arg), void *arg)
{
	(void)net;
	f.at = f.now + after_ms;
	f.timer_fn = fn;
	f.timer_arg = arg;
}

static uint64_t
on_now(void *net)
{
	(void)net;
	return f.now;
}

/* -- the world ---------------------------------------------------------------- */

static struct dname
dn(const char *text)
{
	struct dname name;
	enum err err = dname_parse(text, &name);
	assert(err == OK);
	return name;
}

static enum err
run_create(struct store_txn *txn, struct store_job *job)
{
	struct catalog_head head;
	(void)job;
	enum err err = catalog_create(txn, &f.catalog.name, &head);
	f.catalog.nr = head.nr;
	return err;
}

static void
open_store(void)
{
	struct store_conf conf = {.dir = f.dir, .map_size = (size_t)1 << 30};
	struct err_where where = {.line = 0};
	struct store_job create = {.run = run_create};
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	snprintf(f.dir, sizeof(f.dir), "%s/nsherd-fuzz.XXXXXX", base);
	if (!mkdtemp(f.dir) || store_open(&conf, &where, &f.store) != OK ||
	    store_call(f.store, STORE_CATALOG, &create) != OK)
		abort();
}

static void
close_store(void)
{
	char path[512];
	struct dirent *entry;

	store_close(f.store);
	f.store = NULL;
	DIR *dir = opendir(f.dir);
	while (dir && (entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", f.dir, entry->d_name);
		if (entry->d_name[0] != '.')
			unlink(path);
	}
	if (dir)
		closedir(dir);
	rmdir(f.dir);
}

static void
open_proto(void)
{
	static const struct proto_effects effects = {.reply = take_reply,
	    .transfer = take_transfer,
	    .close = take_close};
	static const struct proto_outward outward = {.call = on_call,
	    .send = on_send,
	    .hang_up = on_hang_up,
	    .timer = on_timer,
	    .now_ms = on_now};

	f.now = 1000000;
	f.proto = proto_new(f.store, &f.conf, &effects);
	f.tcp = proto_open(f.proto, NULL, TRANSPORT_TCP);
	proto_go_out(f.proto, &outward, NULL);
}

static enum err
run_nothing(struct store_txn *txn, struct store_job *job)
{
	(void)txn;
	(void)job;
	return OK;
}

/* The writer has done all it was given. */
static void
settle(void)
{
	struct store_job job = {.run = run_nothing};
	enum err err = store_call(f.store, STORE_CATALOG, &job);
	assert(err == OK);
	store_reap(f.store);
}

static void
close_proto(void)
{
	proto_leave(f.proto);
	assert(!f.line.open);
	settle();
	proto_close(f.tcp);
	proto_free(f.proto);
}

static void
at_exit(void)
{
	if (f.store)
		close_store();
}

static void
init(void)
{
	uint8_t secret[32] = {1};
	struct dname key = dn("full.");

	log_init("fuzz", LOG_ERROR);
	if (key_new(&key, KEY_SHA256, secret, sizeof(secret), &f.key.key) != OK ||
	    addr_parse("192.0.2.1@53", 0, &f.primaries[0].addr) != OK ||
	    addr_parse("192.0.2.2@53", 0, &f.primaries[1].addr) != OK)
		abort();
	f.peer = f.primaries[0].addr;
	f.key.rights = RIGHT_READ;
	f.catalog = (struct proto_catalog){.label = "c",
	    .name = dn("catalog.example."),
	    .primaries = f.primaries,
	    .n_primaries = 2,
	    .max_records = RECORDS_MAX};
	f.conf = (struct proto_conf){.agent = "a",
	    .version = "0",
	    .keys = &f.key,
	    .n_keys = 1,
	    .catalogs = &f.catalog,
	    .n_catalogs = 1,
	    .started = (uint64_t)time(NULL) - 1};
	atexit(at_exit);
}

/* -- what the primary says ------------------------------------------------------ */

struct script {
	const uint8_t *data;
	size_t size, at;
	struct wire_out out; /* the message under way */
	uint8_t wire[MSG_MAX];
};

static uint8_t
next(struct script *s)
{
	return s->at < s->size ? s->data[s->at++] : 0;
}

static void
start_message(struct script *s)
{
	struct msg q;

	wire_out_init(&s->out, s->wire, sizeof(s->wire));
	if (f.line.open && f.line.sent_size > 0) {
		enum err err = msg_frame(f.line.sent, f.line.sent_size, &q);
		assert(err == OK);
		msg_start_reply(&s->out, &q, RCODE_NOERROR, true);
	} else {
		msg_start(&s->out, 0, FLAG_QR);
	}
}

static void
end_message(struct script *s, unsigned rcode)
{
	msg_set_rcode(&s->out, rcode);
	if (f.line.open && f.line.sent_size > 0)
		f.line.call->message(f.line.call, s->wire, s->out.size);
	start_message(s);
}

static void
put(struct script *s, const char *owner, uint16_t type, const void *rdata, size_t size)
{
	char text[128];
	snprintf(text, sizeof(text), "%scatalog.example.", owner);
	struct rr rr = {.owner = dn(text),
	    .type = type,
	    .class = CLASS_IN,
	    .ttl = 0,
	    .rdata_size = (uint16_t)size,
	    .rdata = rdata};
	msg_put_rr(&s->out, MSG_ANSWER, &rr);
}

static void
put_soa(struct script *s, uint32_t serial)
{
	struct buf rdata;
	struct soa soa = {.mname = dname_root,
	    .rname = dname_root,
	    .serial = serial,
	    .refresh = 100,
	    .retry = 10,
	    .expire = 100000};
	buf_init(&rdata, 0);
	soa_write(&soa, &rdata);
	put(s, "", RR_SOA, rdata.data, rdata.size);
	buf_fini(&rdata);
}

static void
put_below(struct script *s, const char *below, uint16_t type)
{
	char owner[64], zone[32];
	unsigned n = next(s), m = next(s);

	snprintf(owner, sizeof(owner), "%sm%u.zones.", below, n % 16);
	if (type == RR_PTR) {
		snprintf(zone, sizeof(zone), "z%u.example.", m % 16);
		struct dname name = dn(m == 0xff ? "x.catalog.example." : zone);
		put(s, owner, type, name.wire, name.size);
	} else {
		uint8_t txt[] = {1, (uint8_t)('a' + m % 4)};
		put(s, owner, type, txt, sizeof(txt));
	}
}

/* Octets as they are, as the rest of a message or as one of its own. */
static void
put_raw(struct script *s, bool alone)
{
	size_t n = next(s);

	if (n > s->size - s->at)
		n = s->size - s->at;
	if (alone && f.line.open && f.line.sent_size > 0)
		f.line.call->message(f.line.call, s->data + s->at, n);
	else if (!alone && s->out.err == OK) {
		wire_put_bytes(&s->out, s->data + s->at, n);
		if (s->out.err == OK) {
			unsigned count = (unsigned)(s->wire[6] << 8 | s->wire[7]);
			wire_patch_u16(&s->out, 6, (uint16_t)(count + 1));
		}
	}
	s->at += n;
}

static void
tick(void)
{
	if (f.at > UINT64_MAX / 4)
		return;
	if (f.at > f.now)
		f.now = f.at;
	f.timer_fn(f.timer_arg);
}

static void
send_notify(void)
{
	uint8_t wire[512];
	struct wire_out out;

	wire_out_init(&out, wire, sizeof(wire));
	msg_start(&out, 1, OPCODE_NOTIFY << 11);
	msg_put_question(&out, &f.catalog.name, RR_SOA, CLASS_IN);
	proto_receive(f.tcp, &f.peer, wire, out.size);
}

static void
step(struct script *s)
{
	static const uint8_t two[] = {1, '2'};
	uint8_t op = next(s);

	switch (op & 15) {
	case 0: end_message(s, RCODE_NOERROR); break;
	case 1: put_soa(s, next(s) & 15u); break;
	case 2: put_below(s, "", RR_PTR); break;
	case 3: put_below(s, "group.", RR_TXT); break;
	case 4: put_below(s, "coo.", RR_PTR); break;
	case 5: put(s, "", RR_NS, dname_root.wire, 1); break;
	case 6: put(s, "version.", RR_TXT, two, sizeof(two)); break;
	case 7: put_raw(s, false); break;
	case 8: put_raw(s, true); break;
	case 9: end_message(s, op >> 4); break;
	case 10:
		if (f.line.open && f.line.sent_size == 0) {
			f.line.call->up(f.line.call);
			start_message(s);
		}
		break;
	case 11:
		if (f.line.open) {
			f.line.open = false;
			f.line.call->down(f.line.call, "gone");
		}
		break;
	case 12: tick(); break;
	case 13: send_notify(); break;
	case 14: settle(); break;
	case 15: /* all that goes before the members */
		put_soa(s, op >> 4);
		put(s, "", RR_NS, dname_root.wire, 1);
		put(s, "version.", RR_TXT, two, sizeof(two));
		break;
	}
}

/* -- what is served -------------------------------------------------------------- */

struct seen {
	struct dname zones[ZONES_MAX];
	size_t n_zones, n_soas, n_rrs, n_ns, n_versions;
	bool ended_in_soa;
	struct label member;
};

static void
see_rr(struct seen *seen, const struct rr *rr)
{
	struct catz_name name;
	struct dname zone;

	catz_classify(&rr->owner, &f.catalog.name, &name);
	assert(name.kind != CATZ_OUTSIDE);
	seen->n_rrs++;
	seen->n_soas += rr->type == RR_SOA;
	seen->n_ns += name.kind == CATZ_APEX && rr->type == RR_NS;
	seen->n_versions += name.kind == CATZ_VERSION && rr->type == RR_TXT;
	seen->ended_in_soa = rr->type == RR_SOA;
	assert(seen->n_rrs > 1 || rr->type == RR_SOA);
	if (name.kind == CATZ_MEMBER && rr->type == RR_PTR) {
		enum err err = dname_from_wire(rr->rdata, rr->rdata_size, &zone);
		assert(err == OK && zone.size > 1);
		assert(!dname_is_at_or_below(&zone, &f.catalog.name));
		for (size_t i = 0; i < seen->n_zones; i++)
			assert(!dname_equal(&zone, &seen->zones[i]));
		assert(seen->n_zones < ZONES_MAX);
		seen->zones[seen->n_zones++] = zone;
		seen->member = name.id;
	} else if (name.id.size > 0) {
		assert(label_equal(&name.id, &seen->member));
	}
}

static void
see_message(struct seen *seen, const uint8_t *wire, size_t size)
{
	struct msg msg;
	struct msg_cursor c;
	struct buf rdata;
	struct rr rr;

	enum err err = msg_frame(wire, size, &msg);
	assert(err == OK);
	buf_init(&rdata, 0);
	msg_walk(&msg, MSG_ANSWER, &c);
	while ((err = msg_next(&c, &rdata, &rr)) == OK)
		see_rr(seen, &rr);
	assert(err == ERR_NOTFOUND);
	buf_fini(&rdata);
}

static void
check_served(void)
{
	static uint8_t wire[MSG_MAX];
	static struct seen seen;
	struct wire_out out;
	struct tsig tsig;
	size_t size;
	bool last = false;

	wire_out_init(&out, wire, sizeof(wire));
	msg_start(&out, 1, 0);
	msg_put_question(&out, &f.catalog.name, RR_AXFR, CLASS_IN);
	enum err err = tsig_sign_request(f.key.key, &out, (uint64_t)time(NULL), &tsig);
	assert(err == OK);
	f.refused = false;
	proto_receive(f.tcp, &f.peer, out.msg, out.size);
	assert((f.transfer != NULL) != f.refused);
	if (!f.transfer)
		return;
	memset(&seen, 0, sizeof(seen));
	while (!last) {
		err = proto_transfer_next(f.transfer, wire, sizeof(wire), &size, &last);
		assert(err == OK);
		see_message(&seen, wire, size);
	}
	proto_transfer_free(f.transfer);
	f.transfer = NULL;
	assert(seen.n_soas == 2 && seen.ended_in_soa);
	assert(seen.n_ns > 0 && seen.n_versions == 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct script s;

	if (f.catalog.name.size == 0)
		init();
	if (!f.store)
		open_store();
	open_proto();
	s.data = data;
	s.size = size < 4096 ? size : 4096;
	s.at = 0;
	start_message(&s);
	while (s.at < s.size)
		step(&s);
	settle();
	check_served();
	close_proto();
	if (++f.n_runs % RUNS_PER_STORE == 0)
		close_store();
	return 0;
}
