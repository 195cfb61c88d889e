/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_AGENT_PROTO_FIXTURE_H
#define TESTS_UNIT_AGENT_PROTO_FIXTURE_H

#include "tests/unit/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/catalog/catalog.h"
#include "agent/proto/proto.h"
#include "agent/store/status.h"
#include "agent/store/store.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/msg.h"
#include "lib/tsig.h"

/*
 * The room with a real store in a temporary directory, its real threads, and a
 * recorder in place of the sockets. Owners in tests are relative to
 * catalog.example.; "@" is the apex.
 */

enum { KEY_FULL, KEY_READ, KEY_ZONES, KEY_PATTERNS, KEY_LONG, KEY_STRANGER, N_KEYS };

struct world {
	char dir[64];
	size_t map_size;
	uint64_t past_bytes;
	struct store *store;
	struct key *keys[N_KEYS];
	struct proto_key proto_keys[KEY_STRANGER];
	struct dname narrow_zone;
	char *narrow_patterns[1];
	struct proto_catalog catalogs[2];
	struct proto_backend backends[2];
	uint8_t backend_catalogs[1];
	struct proto_conf conf;
	struct proto *proto;
	struct proto_session *tcp, *udp;
	struct addr peer;
	uint8_t *reply; /* the last one */
	size_t reply_size;
	unsigned n_replies, n_transfers;
	struct proto_transfer *transfer;
	/* the request under construction, and how its reply is verified */
	uint8_t wire[MSG_MAX];
	size_t wire_size;
	struct tsig tsig;
	char ede[256];
	struct buf text; /* of the last transfer or answer */
	unsigned n_messages;
	size_t n_rrs;
	uint64_t sign_at; /* 0: now */
};

/* -- effects ---------------------------------------------------------------- */

static inline void
record_reply(void *peer, const struct addr *to, const uint8_t *wire, size_t size)
{
	struct world *w = peer;
	(void)to;
	free(w->reply);
	w->reply = mem_dup(wire, size);
	w->reply_size = size;
	w->n_replies++;
}

static inline void
record_transfer(void *peer, struct proto_transfer *t)
{
	struct world *w = peer;
	proto_transfer_free(w->transfer);
	w->transfer = t;
	w->n_transfers++;
}

static inline void
record_close(void *peer)
{
	(void)peer;
}

/* -- life ------------------------------------------------------------------- */

static inline struct dname
dn(const char *text)
{
	struct dname name;
	assert_int_equal(dname_parse(text, &name), OK);
	return name;
}

/* Absolute, from a test's way of writing. */
static inline struct dname
owner_of(const char *text)
{
	char full[1200];
	if (strcmp(text, "@") == 0)
		return dn("catalog.example.");
	snprintf(full, sizeof(full), "%s.catalog.example.", text);
	return dn(full);
}

static inline struct key *
make_key(const char *name, uint8_t fill)
{
	struct key *key;
	uint8_t secret[32];
	struct dname n = dn(name);
	memset(secret, fill, sizeof(secret));
	assert_int_equal(key_new(&n, KEY_SHA256, secret, sizeof(secret), &key), OK);
	return key;
}

struct setup_job {
	struct store_job job;
	struct world *w;
};

static inline enum err
run_setup(struct store_txn *txn, struct store_job *job)
{
	struct world *w = ((struct setup_job *)job)->w;
	struct catalog_head head;
	for (size_t i = 0; i < 2; i++) {
		enum err err = catalog_create(txn, &w->catalogs[i].name, &head);
		if (err == ERR_EXISTS)
			err = catalogs_find(txn, &w->catalogs[i].name, &head);
		if (err != OK)
			return err;
		w->catalogs[i].nr = head.nr;
	}
	enum err err = backends_number(txn, "nsd1", &w->backends[0].nr);
	if (err == OK)
		err = backends_number(txn, "nsd2", &w->backends[1].nr);
	return err;
}

static inline void
world_open_store(struct world *w)
{
	struct store_conf conf = {.dir = w->dir,
	    .map_size = w->map_size,
	    .past_bytes = w->past_bytes};
	struct err_where where = {.line = 0};
	assert_int_equal(store_open(&conf, &where, &w->store), OK);
	struct setup_job setup = {.job = {.run = run_setup}, .w = w};
	assert_int_equal(store_call(w->store, STORE_CATALOG, &setup.job), OK);
}

static inline void
world_open_proto(struct world *w)
{
	struct proto_effects effects = {.reply = record_reply,
	    .transfer = record_transfer,
	    .close = record_close};
	w->proto = proto_new(w->store, &w->conf, &effects);
	w->tcp = proto_open(w->proto, w, TRANSPORT_TCP);
	w->udp = proto_open(w->proto, w, TRANSPORT_UDP);
}

static inline void
world_fill_conf(struct world *w)
{
	/* One whose signature alone nearly fills a small datagram. */
	char name[256];
	memset(name, 'k', sizeof(name));
	name[63] = name[127] = name[191] = '.';
	name[250] = '\0';
	const char *names[N_KEYS] = {"full.", "read.", "zones.", "patterns.", name,
	    "stranger."};
	const unsigned both = RIGHT_READ | RIGHT_UPDATE;
	const unsigned rights[KEY_STRANGER] = {both, RIGHT_READ, both, both, both};

	for (size_t i = 0; i < N_KEYS; i++)
		w->keys[i] = make_key(names[i], (uint8_t)(i + 1));
	for (size_t i = 0; i < KEY_STRANGER; i++)
		w->proto_keys[i] =
		    (struct proto_key){.key = w->keys[i], .rights = rights[i]};
	w->narrow_zone = dn("mine.example.");
	w->proto_keys[KEY_ZONES].zones = &w->narrow_zone;
	w->proto_keys[KEY_ZONES].n_zones = 1;
	w->narrow_patterns[0] = mem_strdup("sec*");
	w->proto_keys[KEY_PATTERNS].patterns = w->narrow_patterns;
	w->proto_keys[KEY_PATTERNS].n_patterns = 1;
	w->catalogs[0] = (struct proto_catalog){.label = "main",
	    .max_transaction = 1000,
	    .max_lock_s = 60,
	    .name = dn("catalog.example."),
	    .primary = true};
	w->catalogs[1] = (struct proto_catalog){.label = "other",
	    .max_transaction = 1000,
	    .max_lock_s = 60,
	    .name = dn("other.test."),
	    .primary = true};
	w->backends[0] = (struct proto_backend){.name = "nsd1", .driver = "nsd"};
	w->backends[1] = (struct proto_backend){.name = "nsd2", .driver = "nsd"};
	w->conf = (struct proto_conf){.agent = "ams1",
	    .version = "0.1",
	    .keys = w->proto_keys,
	    .n_keys = KEY_STRANGER,
	    .catalogs = w->catalogs,
	    .n_catalogs = 2,
	    .backends = w->backends,
	    .n_backends = 2,
	    .started = (uint64_t)time(NULL) - 100};
}

static inline int
world_setup(void **state)
{
	struct world *w = mem_zalloc(sizeof(*w));
	const char *tmp = getenv("TMPDIR");
	log_init("test", LOG_ERROR);
	w->map_size = (size_t)1 << 30;
	snprintf(w->dir, sizeof(w->dir), "%.40s/nsherd.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(addr_parse("127.0.0.1@4711", 0, &w->peer), OK);
	buf_init(&w->text, 0);
	world_fill_conf(w);
	world_open_store(w);
	w->backend_catalogs[0] = w->catalogs[0].nr;
	for (size_t i = 0; i < 2; i++) {
		w->backends[i].catalogs = w->backend_catalogs;
		w->backends[i].n_catalogs = 1;
	}
	world_open_proto(w);
	*state = w;
	return 0;
}

static inline void
world_close_proto(struct world *w)
{
	proto_transfer_free(w->transfer);
	w->transfer = NULL;
	proto_close(w->tcp);
	proto_close(w->udp);
	proto_free(w->proto);
	w->proto = NULL;
}

static inline int
world_teardown(void **state)
{
	struct world *w = *state;
	char path[512];
	struct dirent *entry;

	if (w->proto)
		world_close_proto(w);
	if (w->store)
		store_close(w->store);
	for (size_t i = 0; i < N_KEYS; i++)
		key_unref(w->keys[i]);
	free(w->narrow_patterns[0]);
	free(w->reply);
	buf_fini(&w->text);
	DIR *dir = opendir(w->dir);
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, entry->d_name);
		if (entry->d_name[0] != '.')
			unlink(path);
	}
	closedir(dir);
	rmdir(w->dir);
	free(w);
	return 0;
}

/* -- sending ---------------------------------------------------------------- */

/* Signs what out holds, unless the key is negative, and keeps it in w->wire. */
static inline void
world_sign(struct world *w, struct wire_out *out, int key)
{
	uint64_t now = w->sign_at ? w->sign_at : (uint64_t)time(NULL);
	assert_int_equal(out->err, OK);
	if (key >= 0)
		assert_int_equal(tsig_sign_request(w->keys[key], out, now, &w->tsig),
		    OK);
	w->wire_size = out->size;
}

static inline void
world_push(struct world *w, struct proto_session *session)
{
	proto_receive(session, &w->peer, w->wire, w->wire_size);
}

/* Waits for n replies since the start. */
static inline void
world_wait(struct world *w, unsigned n)
{
	for (unsigned i = 0; w->n_replies < n && i < 50000; i++) {
		store_reap(w->store);
		if (w->n_replies < n)
			usleep(200);
	}
	assert_int_equal(w->n_replies, n);
}

/* The last reply, framed; its signature is checked when the request had one. */
static inline unsigned
world_read_reply(struct world *w, bool is_signed, struct msg *msg)
{
	unsigned rcode, code;
	assert_int_equal(msg_frame(w->reply, w->reply_size, msg), OK);
	assert_true(msg->flags & FLAG_QR);
	if (is_signed)
		assert_int_equal(tsig_verify_reply(&w->tsig, msg, (uint64_t)time(NULL),
				     &rcode),
		    OK);
	if (msg_get_ede(msg, &code, w->ede, sizeof(w->ede)) != OK)
		w->ede[0] = '\0';
	return msg_rcode(msg);
}

/* Sends what w->wire holds and returns the rcode of its reply. */
static inline unsigned
world_exchange(struct world *w, struct proto_session *session, bool is_signed,
    struct msg *msg)
{
	unsigned n = w->n_replies;
	world_push(w, session);
	world_wait(w, n + 1);
	return world_read_reply(w, is_signed, msg);
}

/* -- UPDATE ----------------------------------------------------------------- */

/* "OWNER TYPE [RDATA...]" into a record. */
static inline void
parse_rr(const char *line, struct buf *rdata, struct rr *rr)
{
	char owner[1100], type[16], text[4096], name[DNAME_TEXT_MAX];
	int used = 0;

	buf_reset(rdata);
	assert_true(sscanf(line, "%1099s %15s %n", owner, type, &used) >= 2);
	*rr = (struct rr){.owner = owner_of(owner), .class = CLASS_IN};
	if (strcmp(type, "ANY") == 0) {
		rr->type = RR_ANY;
		return;
	}
	assert_int_equal(rr_type_parse(type, &rr->type), OK);
	if (line[used] == '\0')
		return;
	snprintf(text, sizeof(text), "%s 0 IN %s %s", dname_print(&rr->owner, name),
	    type, line + used);
	assert_int_equal(rr_parse(text, rdata, rr), OK);
}

/*
 * Lines: "add[:TTL] OWNER TYPE RDATA", "del OWNER TYPE RDATA", "delset OWNER
 * TYPE|ANY"; before them prerequisites: "yx OWNER TYPE|ANY", "nx OWNER
 * TYPE|ANY", "is OWNER TYPE RDATA".
 */
static inline void
put_line(struct wire_out *out, const char *line)
{
	struct buf rdata;
	struct rr rr;
	char verb[32];
	unsigned ttl = 0;
	int used = 0;

	buf_init(&rdata, 0);
	assert_int_equal(sscanf(line, "%31[a-z]%n", verb, &used), 1);
	if (line[used] == ':') {
		int more = 0;
		assert_int_equal(sscanf(line + used, ":%u%n", &ttl, &more), 1);
		used += more;
	}
	parse_rr(line + used + 1, &rdata, &rr);
	rr.ttl = ttl;
	bool prereq = verb[1] == 'x' || strcmp(verb, "is") == 0;
	if (strcmp(verb, "del") == 0 || strcmp(verb, "nx") == 0)
		rr.class = CLASS_NONE;
	else if (strcmp(verb, "delset") == 0 || strcmp(verb, "yx") == 0)
		rr.class = CLASS_ANY;
	msg_put_rr(out,
	    prereq ? (enum msg_section)MSG_PREREQ : (enum msg_section)MSG_UPDATES, &rr);
	buf_fini(&rdata);
}

static inline void
update_begin(struct world *w, struct wire_out *out, const char *zone)
{
	struct dname name = dn(zone);
	wire_out_init(out, w->wire, sizeof(w->wire));
	msg_start(out, (uint16_t)(w->n_replies + 1), OPCODE_UPDATE << 11);
	msg_put_question(out, &name, RR_SOA, CLASS_IN);
}

static inline void
update_build(struct world *w, int key, const char *const *lines)
{
	struct wire_out out;
	update_begin(w, &out, "catalog.example.");
	for (; *lines; lines++)
		put_line(&out, *lines);
	msg_put_opt(&out, 1232, 0, 0, NULL);
	world_sign(w, &out, key);
}

static inline unsigned
update_as(struct world *w, int key, const char *const *lines)
{
	struct msg msg;
	update_build(w, key, lines);
	return world_exchange(w, w->tcp, true, &msg);
}

#define UPDATE_AS(w, key, ...) \
	update_as(w, key, (const char *const[]){__VA_ARGS__, NULL})
#define UPDATE(w, ...) UPDATE_AS(w, KEY_FULL, __VA_ARGS__)

/* -- queries ---------------------------------------------------------------- */

static inline void
put_text(struct world *w, const struct rr *rr)
{
	rr_print(rr, &w->text);
	buf_puts(&w->text, "\n");
	w->n_rrs++;
}

/* Appends the section's records to w->text, a line each. */
static inline void
print_section(struct world *w, const struct msg *msg, enum msg_section section)
{
	struct msg_cursor c;
	struct buf rdata;
	struct rr rr;
	buf_init(&rdata, 0);
	msg_walk(msg, section, &c);
	while (msg_next(&c, &rdata, &rr) == OK)
		put_text(w, &rr);
	buf_fini(&rdata);
}

static inline unsigned
query_as(struct world *w, int key, struct proto_session *session, const char *owner,
    uint16_t type, struct msg *msg)
{
	struct wire_out out;
	struct dname name = owner_of(owner);
	wire_out_init(&out, w->wire, sizeof(w->wire));
	msg_start(&out, (uint16_t)(w->n_replies + 1), 0);
	msg_put_question(&out, &name, type, CLASS_IN);
	msg_put_opt(&out, 1232, 0, 0, NULL);
	world_sign(w, &out, key);
	unsigned rcode = world_exchange(w, session, true, msg);
	buf_reset(&w->text);
	w->n_rrs = 0;
	print_section(w, msg, MSG_ANSWER);
	return rcode;
}

static inline unsigned
query(struct world *w, const char *owner, uint16_t type)
{
	struct msg msg;
	return query_as(w, KEY_FULL, w->tcp, owner, type, &msg);
}

/* Of the SOA that its answer section begins with. */
static inline uint32_t
serial_in(const struct msg *msg)
{
	struct msg_cursor c;
	struct buf rdata;
	struct rr rr;
	struct soa soa;
	buf_init(&rdata, 0);
	msg_walk(msg, MSG_ANSWER, &c);
	assert_int_equal(msg_next(&c, &rdata, &rr), OK);
	assert_int_equal(soa_read(rr.rdata, rr.rdata_size, &soa), OK);
	buf_fini(&rdata);
	return soa.serial;
}

static inline uint32_t
serial_of(struct world *w, const char *zone)
{
	struct msg msg;
	assert_int_equal(query_as(w, KEY_FULL, w->tcp, zone, RR_SOA, &msg), 0);
	return serial_in(&msg);
}

/* -- transfers -------------------------------------------------------------- */

static inline void
transfer_ask(struct world *w, int key, const char *zone, const uint32_t *serial,
    struct proto_session *session)
{
	struct wire_out out;
	struct dname name = owner_of(zone);
	struct buf rdata;
	struct soa soa = {.mname = dname_root, .rname = dname_root};

	wire_out_init(&out, w->wire, sizeof(w->wire));
	msg_start(&out, 99, 0);
	msg_put_question(&out, &name, serial ? RR_IXFR : RR_AXFR, CLASS_IN);
	buf_init(&rdata, 0);
	if (serial) {
		soa.serial = *serial;
		soa_write(&soa, &rdata);
		struct rr rr = {.owner = name,
		    .type = RR_SOA,
		    .class = CLASS_IN,
		    .rdata_size = (uint16_t)rdata.size,
		    .rdata = rdata.data};
		msg_put_rr(&out, MSG_AUTHORITY, &rr);
	}
	buf_fini(&rdata);
	msg_put_opt(&out, 1232, 0, 0, NULL);
	world_sign(w, &out, key);
	world_push(w, session);
}

/* Streams the transfer that was handed over; room as net gives it. */
static inline void
transfer_read(struct world *w, size_t room)
{
	uint8_t *wire = malloc(room);
	bool last = false;
	unsigned rcode;
	size_t size;

	assert_non_null(w->transfer);
	buf_reset(&w->text);
	w->n_rrs = w->n_messages = 0;
	while (!last) {
		struct msg msg;
		assert_int_equal(proto_transfer_next(w->transfer, wire, room, &size,
				     &last),
		    OK);
		assert_int_equal(msg_frame(wire, size, &msg), OK);
		assert_int_equal(msg_rcode(&msg), 0);
		assert_int_equal(msg.flags & (FLAG_QR | FLAG_AA | FLAG_TC),
		    FLAG_QR | FLAG_AA);
		assert_int_equal(msg.id, 99);
		assert_true(msg.has_opt);
		assert_true(msg.tsig_at != 0);
		assert_int_equal(tsig_verify_reply(&w->tsig, &msg, (uint64_t)time(NULL),
				     &rcode),
		    OK);
		print_section(w, &msg, MSG_ANSWER);
		w->n_messages++;
	}
	free(wire);
	proto_transfer_free(w->transfer);
	w->transfer = NULL;
}

static inline void
axfr(struct world *w, const char *zone)
{
	transfer_ask(w, KEY_FULL, zone, NULL, w->tcp);
	transfer_read(w, MSG_MAX);
}

static inline void
ixfr(struct world *w, const char *zone, uint32_t serial)
{
	transfer_ask(w, KEY_FULL, zone, &serial, w->tcp);
	transfer_read(w, MSG_MAX);
}

/* -- looking ---------------------------------------------------------------- */

static inline void
assert_has(struct world *w, const char *part)
{
	if (!strstr(buf_text(&w->text), part))
		fail_msg("no \"%s\" in:\n%s", part, buf_text(&w->text));
}

static inline void
assert_has_not(struct world *w, const char *part)
{
	if (strstr(buf_text(&w->text), part))
		fail_msg("there is \"%s\" in:\n%s", part, buf_text(&w->text));
}

static inline void
assert_ede(struct world *w, const char *part)
{
	if (!strstr(w->ede, part))
		fail_msg("no \"%s\" in EDE \"%s\"", part, w->ede);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

#endif
