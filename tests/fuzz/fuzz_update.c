/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole of agent/proto with a real store below it. The first octet of the
 * input says who sends it and how; the rest is the message, which is signed
 * here, unless it is to go as it is, so that what lies behind the signature is
 * reached. Whatever comes: one reply at most, well formed, and C stays a
 * catalog.
 */
#include <assert.h>
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "agent/catalog/catalog.h"
#include "agent/proto/proto.h"
#include "lib/catz.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/msg.h"
#include "lib/tsig.h"

enum { N_KEYS = 4, RUNS_PER_STORE = 500, ZONES_MAX = 4096 };
enum { MODE_KEY = 3, MODE_UDP = 4, MODE_RAW = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	char dir[64];
	int wake_fd;
	unsigned n_runs, n_replies;
	struct store *store;
	struct proto *proto;
	struct proto_session *tcp, *udp;
	struct proto_transfer *transfer;
	struct proto_key keys[N_KEYS];
	struct proto_catalog catalog;
	struct proto_backend backend;
	struct dname narrow;
	char *pattern[1];
	struct proto_conf conf;
	struct addr peer;
	size_t reply_max;
} f;

/* -- effects ---------------------------------------------------------------- */

static void
take_reply(void *peer, const struct addr *to, const uint8_t *wire, size_t size)
{
	struct msg msg;
	(void)peer;
	(void)to;
	f.n_replies++;
	assert(size <= f.reply_max);
	assert(size >= MSG_HEADER && wire[2] & 0x80);
	/* FORMERR to a message without a question has none either, and that is the
	 * only reply that need not be framed. */
	if (msg_frame(wire, size, &msg) != OK)
		assert((wire[3] & 0xf) == RCODE_FORMERR);
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

static void
wake(void *arg)
{
	uint64_t one = 1;
	(void)arg;
	if (write(f.wake_fd, &one, sizeof(one)) < 0)
		abort();
}

/* -- the world -------------------------------------------------------------- */

static struct dname
dn(const char *text)
{
	struct dname name;
	enum err err = dname_parse(text, &name);
	assert(err == OK);
	return name;
}

static void
make_keys(void)
{
	static const char *const names[N_KEYS] = {"full.", "zones.", "patterns.",
	    "read."};
	for (size_t i = 0; i < N_KEYS; i++) {
		uint8_t secret[32];
		struct dname name = dn(names[i]);
		memset(secret, (int)i + 1, sizeof(secret));
		f.keys[i].rights =
		    RIGHT_READ |
		    (i < 3 ? RIGHT_UPDATE | RIGHT_COMMAND | RIGHT_ADMIN : 0);
		enum err err =
		    key_new(&name, KEY_SHA256, secret, sizeof(secret), &f.keys[i].key);
		assert(err == OK);
	}
	f.narrow = dn("example.");
	f.keys[1].zones = &f.narrow;
	f.keys[1].n_zones = 1;
	f.pattern[0] = mem_strdup("s*");
	f.keys[2].patterns = f.pattern;
	f.keys[2].n_patterns = 1;
}

static enum err
run_create(struct store_txn *txn, struct store_job *job)
{
	struct catalog_head head;
	(void)job;
	enum err err = catalog_create(txn, &f.catalog.name, &head);
	f.catalog.nr = head.nr;
	return err == OK ? backends_number(txn, "b", &f.backend.nr) : err;
}

static void
open_world(void)
{
	static const struct proto_effects effects = {.reply = take_reply,
	    .transfer = take_transfer,
	    .close = take_close};
	struct store_conf conf = {.dir = f.dir,
	    .map_size = (size_t)1 << 30,
	    .wake = wake};
	struct err_where where = {.line = 0};
	struct store_job create = {.run = run_create};
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	snprintf(f.dir, sizeof(f.dir), "%s/nsherd-fuzz.XXXXXX", base);
	if (!mkdtemp(f.dir) || store_open(&conf, &where, &f.store) != OK ||
	    store_call(f.store, STORE_CATALOG, &create) != OK)
		abort();
	f.backend.catalogs = &f.catalog.nr;
	f.proto = proto_new(f.store, &f.conf, &effects);
	f.tcp = proto_open(f.proto, NULL, TRANSPORT_TCP);
	f.udp = proto_open(f.proto, NULL, TRANSPORT_UDP);
}

static void
close_world(void)
{
	char path[512];
	struct dirent *entry;

	proto_close(f.tcp);
	proto_close(f.udp);
	proto_free(f.proto);
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
at_exit(void)
{
	if (f.store)
		close_world();
}

static void
init(void)
{
	log_init("fuzz", LOG_ERROR);
	f.wake_fd = eventfd(0, EFD_NONBLOCK);
	make_keys();
	f.catalog = (struct proto_catalog){.label = "c",
	    .max_transaction = 1000,
	    .max_lock_s = 60,
	    .name = dn("catalog.example."),
	    .primary = true};
	f.backend =
	    (struct proto_backend){.name = "b", .driver = "null", .n_catalogs = 1};
	f.conf = (struct proto_conf){.agent = "a",
	    .version = "0",
	    .keys = f.keys,
	    .n_keys = N_KEYS,
	    .catalogs = &f.catalog,
	    .n_catalogs = 1,
	    .backends = &f.backend,
	    .n_backends = 1,
	    .started = (uint64_t)time(NULL) - 1};
	if (addr_parse("127.0.0.1@1", 0, &f.peer) != OK)
		abort();
	atexit(at_exit);
}

/* -- one run ---------------------------------------------------------------- */

static void
reap_all(void)
{
	struct pollfd p = {.fd = f.wake_fd, .events = POLLIN};
	uint64_t n;
	while (proto_outstanding(f.tcp) + proto_outstanding(f.udp) >
	       (f.transfer ? 1 : 0)) {
		if (poll(&p, 1, 5000) == 0)
			abort(); /* lost; -1 is the fuzzer's own alarm */
		if (read(f.wake_fd, &n, sizeof(n)) < 0)
			continue;
		store_reap(f.store);
	}
}

/* RFC 9432: SOA first and last, no zone twice, no property without member. */
struct catalog_seen {
	struct dname zones[ZONES_MAX];
	size_t n_zones, n_soas, n_rrs;
	bool ended_in_soa;
	struct label member;
};

static void
see_rr(struct catalog_seen *seen, const struct rr *rr)
{
	struct catz_name name;
	catz_classify(&rr->owner, &f.catalog.name, &name);
	assert(name.kind != CATZ_OUTSIDE && name.kind != CATZ_OTHER);
	assert(name.kind != CATZ_ZONES && name.kind != CATZ_MEMBER_OTHER);
	seen->n_rrs++;
	seen->n_soas += rr->type == RR_SOA;
	seen->ended_in_soa = rr->type == RR_SOA;
	assert(seen->n_rrs > 1 || rr->type == RR_SOA);
	if (name.kind == CATZ_MEMBER) {
		struct dname zone;
		enum err err = dname_from_wire(rr->rdata, rr->rdata_size, &zone);
		assert(err == OK && rr->type == RR_PTR && zone.size > 1);
		assert(!dname_is_at_or_below(&zone, &f.catalog.name));
		for (size_t i = 0; i < seen->n_zones; i++)
			assert(!dname_equal(&zone, &seen->zones[i]));
		if (seen->n_zones < ZONES_MAX)
			seen->zones[seen->n_zones++] = zone;
		seen->member = name.id;
	} else if (name.id.size > 0) {
		assert(label_equal(&name.id, &seen->member));
	}
}

/* Streams what was asked for; looks inside when it is an AXFR of C. */
static void
drain_transfer(struct tsig *tsig, struct catalog_seen *seen)
{
	static uint8_t wire[MSG_MAX];
	size_t size;
	bool last = false;
	unsigned rcode;

	while (!last) {
		struct msg msg;
		struct msg_cursor c;
		struct buf rdata;
		struct rr rr;
		enum err err =
		    proto_transfer_next(f.transfer, wire, sizeof(wire), &size, &last);
		assert(err == OK);
		err = msg_frame(wire, size, &msg);
		assert(err == OK);
		err = tsig_verify_reply(tsig, &msg, (uint64_t)time(NULL), &rcode);
		assert(err == OK);
		buf_init(&rdata, 0);
		msg_walk(&msg, MSG_ANSWER, &c);
		while ((err = msg_next(&c, &rdata, &rr)) == OK)
			if (seen)
				see_rr(seen, &rr);
		assert(err == ERR_NOTFOUND);
		buf_fini(&rdata);
	}
	proto_transfer_free(f.transfer);
	f.transfer = NULL;
}

static void
check_catalog(void)
{
	static uint8_t wire[512];
	static struct catalog_seen seen;
	struct wire_out out;
	struct tsig tsig;

	wire_out_init(&out, wire, sizeof(wire));
	msg_start(&out, 1, 0);
	msg_put_question(&out, &f.catalog.name, RR_AXFR, CLASS_IN);
	enum err err =
	    tsig_sign_request(f.keys[0].key, &out, (uint64_t)time(NULL), &tsig);
	assert(err == OK);
	proto_receive(f.tcp, &f.peer, out.msg, out.size);
	assert(f.transfer);
	memset(&seen, 0, sizeof(seen));
	drain_transfer(&tsig, &seen);
	assert(seen.n_soas == 2 && seen.ended_in_soa);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t wire[MSG_MAX];
	struct wire_out out;
	struct tsig tsig;

	if (size < 1 || size > MSG_MAX - TSIG_SIZE_MAX)
		return 0;
	if (f.catalog.name.size == 0)
		init();
	if (!f.store)
		open_world();
	uint8_t mode = data[0];
	wire_out_init(&out, wire, sizeof(wire));
	wire_put_bytes(&out, data + 1, size - 1);
	bool is_signed = false;
	if (!(mode & MODE_RAW) && out.size >= MSG_HEADER) {
		wire[0] = (uint8_t)(f.n_runs >> 8); /* so that no two are alike */
		wire[1] = (uint8_t)f.n_runs;
		is_signed = tsig_sign_request(f.keys[mode & MODE_KEY].key, &out,
				(uint64_t)time(NULL), &tsig) == OK;
	}
	bool udp = mode & MODE_UDP;
	f.n_replies = 0;
	f.reply_max = udp ? 1232 : MSG_MAX;
	proto_receive(udp ? f.udp : f.tcp, &f.peer, out.msg, out.size);
	reap_all();
	assert(f.n_replies + (f.transfer != NULL) <= 1);
	if (f.transfer) {
		assert(is_signed);
		drain_transfer(&tsig, NULL);
	}
	check_catalog();
	if (++f.n_runs % RUNS_PER_STORE == 0)
		close_world();
	return 0;
}
