/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/change.h"
#include "ctl/options.h"
#include "lib/catz.h"
#include "lib/mem.h"

/*
 * The sending of changes against a peer in a process of its own, which knows
 * just enough to refuse: it keeps the zones it was given, refuses a zone that
 * it has and names beginning with "bad", and may lose the connection.
 */

enum { ZONES_MAX = 4000 };

struct peer {
	unsigned n_messages, n_lost;
	unsigned lose_every; /* 0: never; after applying, before answering */
	unsigned busy_every; /* 0: never */
	unsigned n_zones;
	struct dname ids[ZONES_MAX], zones[ZONES_MAX];
};

static struct peer *peer; /* shared with the child */
static pid_t child;
static struct session session;
static struct orders orders;

static bool
read_full(int fd, uint8_t *data, size_t size)
{
	while (size > 0) {
		ssize_t n = recv(fd, data, size, 0);
		if (n <= 0)
			return false;
		data += n;
		size -= (size_t)n;
	}
	return true;
}

static bool
has(const struct dname *list, const struct dname *name)
{
	for (unsigned i = 0; i < peer->n_zones; i++)
		if (dname_equal(&list[i], name))
			return true;
	return false;
}

static unsigned
peer_check(const struct msg *msg, char *why, size_t size)
{
	struct msg_cursor c;
	struct rr rr;
	struct buf rdata;
	struct dname zone;
	unsigned rcode = RCODE_NOERROR;
	buf_init(&rdata, 0);
	msg_walk(msg, MSG_PREREQ, &c);
	while (!msg_next(&c, &rdata, &rr) && rcode == RCODE_NOERROR)
		if (rr.class == CLASS_NONE && has(peer->ids, &rr.owner))
			rcode = RCODE_YXRRSET;
	msg_walk(msg, MSG_UPDATES, &c);
	while (rcode == RCODE_NOERROR && !msg_next(&c, &rdata, &rr)) {
		if (rr.type != RR_PTR ||
		    dname_from_wire(rr.rdata, rr.rdata_size, &zone))
			continue;
		const char *reason = has(peer->zones, &zone) ? "duplicate-zone"
				     : memcmp(zone.wire + 1, "bad", 3) == 0
					 ? "control-zone"
					 : NULL;
		if (!reason)
			continue;
		rcode = RCODE_REFUSED;
		snprintf(why, size, "reason=%s rr=%u", reason, c.n);
	}
	buf_fini(&rdata);
	return rcode;
}

static void
peer_apply(const struct msg *msg)
{
	struct msg_cursor c;
	struct rr rr;
	struct buf rdata;
	buf_init(&rdata, 0);
	msg_walk(msg, MSG_UPDATES, &c);
	while (!msg_next(&c, &rdata, &rr)) {
		if (rr.type != RR_PTR || peer->n_zones == ZONES_MAX)
			continue;
		peer->ids[peer->n_zones] = rr.owner;
		if (!dname_from_wire(rr.rdata, rr.rdata_size,
			&peer->zones[peer->n_zones]))
			peer->n_zones++;
	}
	buf_fini(&rdata);
}

static void
peer_answer(int fd, const struct msg *msg, unsigned rcode, unsigned ede,
    const char *why)
{
	static uint8_t octets[2 + MSG_MAX];
	struct wire_out out;
	wire_out_init(&out, octets + 2, MSG_MAX);
	msg_start_reply(&out, msg, rcode, false);
	msg_put_opt(&out, 1232, rcode, ede, *why ? why : NULL);
	octets[0] = (uint8_t)(out.size >> 8);
	octets[1] = (uint8_t)out.size;
	if (send(fd, octets, out.size + 2, MSG_NOSIGNAL) < 0)
		_exit(1);
}

/* False: the connection is to be dropped. */
static bool
peer_serve_one(int fd)
{
	static uint8_t in[MSG_MAX];
	uint8_t size[2];
	struct msg msg;
	char why[128] = "";
	if (!read_full(fd, size, 2))
		return false;
	size_t n = (size_t)size[0] << 8 | size[1];
	if (!read_full(fd, in, n) || msg_frame(in, n, &msg))
		return false;
	peer->n_messages++;
	if (peer->busy_every && peer->n_messages % peer->busy_every == 0) {
		peer_answer(fd, &msg, RCODE_SERVFAIL, EDE_NOT_READY, "reason=busy");
		return true;
	}
	unsigned rcode = peer_check(&msg, why, sizeof(why));
	if (rcode == RCODE_NOERROR)
		peer_apply(&msg);
	if (peer->lose_every && peer->n_messages % peer->lose_every == 0) {
		peer->n_lost++;
		return false;
	}
	peer_answer(fd, &msg, rcode, EDE_PROHIBITED, why);
	return true;
}

static void
peer_main(int listen_fd)
{
	for (;;) {
		int fd = accept(listen_fd, NULL, NULL);
		if (fd < 0)
			_exit(1);
		while (peer_serve_one(fd))
			;
		/* Let the client read what was answered: no reset by what it
		 * still sends. */
		static uint8_t rest[MSG_MAX];
		shutdown(fd, SHUT_WR);
		while (recv(fd, rest, sizeof(rest), 0) > 0)
			;
		close(fd);
	}
}

static void
start(unsigned lose_every, unsigned busy_every)
{
	peer = mmap(NULL, sizeof(*peer), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(peer != MAP_FAILED);
	peer->lose_every = lose_every;
	peer->busy_every = busy_every;
	memset(&session, 0, sizeof(session));
	session.conf.timeout_ms = 10000;
	session.conf.cancel_fd = -1;
	assert_int_equal(addr_parse("127.0.0.1", 0, &session.conf.server), OK);
	struct addr *a = &session.conf.server;
	socklen_t size = addr_size(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, &a->u.sa, size), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, &a->u.sa, &size), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when a test fails */
		peer_main(fd);
	}
	close(fd);
	assert_int_equal(dname_parse("cat.example", &session.catalog), OK);
	assert_int_equal(session_reopen(&session), OK);
}

static void
stop(void)
{
	session_close(&session);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	orders_fini(&orders);
	munmap(peer, sizeof(*peer));
}

/* -- what is sent: additions ------------------------------------------------ */

static void
prereq(const struct order *o, const struct dname *zone, const struct dname *node,
    size_t n, struct wire_out *out)
{
	(void)o;
	(void)zone;
	if (n == 0)
		props_write_absent(node, out);
}

static void
update(const struct order *o, const struct dname *zone, const struct dname *node,
    struct wire_out *out)
{
	props_write_add(zone, node, o->props, out);
}

static const struct change_kind adding = {
    .doing = "adding",
    .done = "added",
    .prereq = prereq,
    .update = update,
    .again_rcode = RCODE_YXRRSET,
    .again_proves_all = true,
};

static void
order(const char *zone, const struct props *props)
{
	static uint64_t n = 1;
	assert_int_equal(orders_add(&orders, zone, props, ""), OK);
	struct label id = catz_new_id(n++);
	order_set_id(&orders, &orders.items[orders.n - 1], &id);
}

static void
order_many(unsigned n, const struct props *props)
{
	char zone[64];
	memset(&orders, 0, sizeof(orders));
	for (unsigned i = 0; i < n; i++) {
		snprintf(zone, sizeof(zone), "z%05u.example", i);
		order(zone, props);
	}
}

static unsigned
count(enum order_state state)
{
	unsigned n = 0;
	for (size_t i = 0; i < orders.n; i++)
		n += orders.items[i].state == state;
	return n;
}

static const struct props none;

static void
change_run__many__go_in_chunks(void **state)
{
	(void)state;
	order_many(3201, &none);
	start(0, 0);
	change_run(&session, &adding, &orders);
	assert_int_equal(count(ORDER_DONE), 3201);
	assert_int_equal(peer->n_zones, 3201);
	assert_int_equal(peer->n_messages, 7);
	stop();
}

static void
change_run__one_bad_zone__spoils_no_other(void **state)
{
	(void)state;
	order_many(1000, &none);
	order("bad.example", &none);
	order("bad2.example", &none);
	start(0, 0);
	change_run(&session, &adding, &orders);
	assert_int_equal(count(ORDER_DONE), 1000);
	assert_int_equal(count(ORDER_REFUSED), 2);
	assert_string_equal(orders.items[1000].reason,
	    "it is, or lies below, a zone of the agent itself (control-zone)");
	assert_int_equal(peer->n_messages, 2 + 1 + 2);
	stop();
}

static void
change_run__zones_that_are_there__are_refused_one_by_one(void **state)
{
	(void)state;
	order_many(600, &none);
	start(0, 0);
	change_run(&session, &adding, &orders);
	orders_fini(&orders);
	order_many(700, &none);
	change_run(&session, &adding, &orders);
	assert_int_equal(count(ORDER_DONE), 100);
	assert_int_equal(count(ORDER_REFUSED), 600);
	assert_string_equal(orders.items[0].reason,
	    "already in the catalog (duplicate-zone)");
	stop();
}

/* Each connection is lost after a change was made and before its answer. */
static void
change_run__answers_lost__nothing_is_done_twice_or_not_at_all(void **state)
{
	(void)state;
	order_many(3000, &none);
	start(3, 0);
	change_run(&session, &adding, &orders);
	assert_int_equal(count(ORDER_DONE), 3000);
	assert_int_equal(peer->n_zones, 3000);
	assert_true(peer->n_lost > 0);
	stop();
}

static void
change_run__busy__comes_back_later(void **state)
{
	(void)state;
	order_many(2000, &none);
	start(0, 2);
	change_run(&session, &adding, &orders);
	assert_int_equal(count(ORDER_DONE), 2000);
	assert_int_equal(peer->n_zones, 2000);
	stop();
}

static void
change_run__agent_gone__says_what_is_not_known(void **state)
{
	(void)state;
	order_many(1000, &none);
	start(0, 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	change_run(&session, &adding, &orders);
	assert_int_equal(count(ORDER_DONE), 0);
	assert_int_equal(count(ORDER_UNKNOWN) + count(ORDER_REFUSED), 1000);
	for (size_t i = 0; i < orders.n; i++)
		assert_non_null(orders.items[i].reason);
	stop();
}

/* 500 zones with 8 kB each do not fit into a message: it is halved until they do. */
static void
change_run__large_parameters__take_smaller_messages(void **state)
{
	(void)state;
	struct pool pool = {0};
	struct props props = {0}, huge = {0};
	static uint8_t value[PROPS_VALUE_MAX];
	const char *why;
	memset(value, 'v', sizeof(value));
	assert_int_equal(props_add_param("a", 1, value, sizeof(value), &pool, &props,
			     &why),
	    OK);
	for (char name = 'a'; name < 'k'; name++)
		assert_int_equal(props_add_param(&name, 1, value, sizeof(value), &pool,
				     &huge, &why),
		    OK);
	order_many(40, &props);
	order("zz.example", &huge);
	start(0, 0);
	change_run(&session, &adding, &orders);
	assert_int_equal(count(ORDER_DONE), 40);
	assert_int_equal(orders.items[40].state, ORDER_REFUSED);
	assert_string_equal(orders.items[40].reason,
	    "the request is too large for one message");
	assert_int_equal(peer->n_zones, 40);
	stop();
	pool_fini(&pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(change_run__many__go_in_chunks),
	    cmocka_unit_test(change_run__one_bad_zone__spoils_no_other),
	    cmocka_unit_test(change_run__zones_that_are_there__are_refused_one_by_one),
	    cmocka_unit_test(
		change_run__answers_lost__nothing_is_done_twice_or_not_at_all),
	    cmocka_unit_test(change_run__busy__comes_back_later),
	    cmocka_unit_test(change_run__agent_gone__says_what_is_not_known),
	    cmocka_unit_test(change_run__large_parameters__take_smaller_messages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
