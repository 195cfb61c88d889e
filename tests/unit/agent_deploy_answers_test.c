/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdatomic.h>
#include <sys/socket.h>

#include "agent/backend/backend.h"
#include "agent/probe/pace.h"
#include "tests/unit/agent_deploy_fixture.h"

/* What is made of a server's answers that are not the last word. */

/* A server of any zone by UDP, which answers SERVFAIL from a point in time on. */
static struct answering {
	int fd;
	pthread_t thread;
	atomic_bool stop;
	_Atomic uint64_t lame_from_us; /* 0: never */
	atomic_uint n_good, n_lame;
} server;

static size_t
make_answer(uint8_t *msg, size_t size, bool good)
{
	static const uint8_t soa[] = {0xc0, 12, 0, RR_SOA, 0, 1, 0, 0, 0, 0, 0, 22, 0,
	    0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1};
	size_t end = 12;

	while (end < size && msg[end] != 0)
		end += 1 + (size_t)msg[end];
	end += 5; /* the root, type and class */
	msg[2] = good ? 0x84 : 0x80;
	msg[3] = good ? RCODE_NOERROR : RCODE_SERVFAIL;
	memset(msg + 6, 0, 6);
	if (!good)
		return end;
	msg[7] = 1;
	memcpy(msg + end, soa, sizeof(soa));
	return end + sizeof(soa);
}

static void *
answer_all(void *arg)
{
	uint8_t msg[1024];

	while (!atomic_load(&server.stop)) {
		struct pollfd fd = {.fd = server.fd, .events = POLLIN};
		struct sockaddr_in from;
		socklen_t from_size = sizeof(from);
		ssize_t n;

		if (poll(&fd, 1, 20) <= 0)
			continue;
		n = recvfrom(server.fd, msg, 512, 0, (struct sockaddr *)&from,
		    &from_size);
		if (n < 17)
			continue;
		uint64_t lame = atomic_load(&server.lame_from_us);
		bool good = lame == 0 || pace_now_us() < lame;
		size_t size = make_answer(msg, (size_t)n, good);
		(void)!sendto(server.fd, msg, size, 0, (struct sockaddr *)&from,
		    from_size);
		atomic_fetch_add(good ? &server.n_good : &server.n_lame, 1);
	}
	return arg;
}

static struct world *
world_with_answers(void)
{
	struct world *w = world_new(&toy_driver);
	struct sockaddr_in at = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);

	memset(&server, 0, sizeof(server));
	server.fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(server.fd, (struct sockaddr *)&at, size), 0);
	assert_int_equal(getsockname(server.fd, (struct sockaddr *)&at, &size), 0);
	assert_int_equal(pthread_create(&server.thread, NULL, answer_all, NULL), 0);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&at, &w->backend.probe),
	    OK);
	w->backend.has_probe = true;
	world_start(w);
	return w;
}

static void
world_end(struct world *w)
{
	world_free(w);
	atomic_store(&server.stop, true);
	pthread_join(server.thread, NULL);
	close(server.fd);
}

static bool
serves_with(struct world *w, const char *zone, const char *pattern)
{
	struct zone_status s;

	return get_status(w, zone, &s) && s.state == ZONE_SERVING &&
	       strcmp(s.pattern, pattern) == 0;
}

/*
 * A server takes the order and carries it out a moment later; until then it answers
 * as before. That is no sign that it serves the zone with what it is to have now.
 */
static void
change__of_role__answer_of_before_does_not_count(void **state)
{
	(void)state;
	struct world *w = world_with_answers();

	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(serves_with(w, "a.test", "primary"));
	atomic_store(&server.lame_from_us, pace_now_us() + 400000);
	set_group(w, "a.test", "m1", "secondary");
	EVENTUALLY(
	    serves_with(w, "a.test", "secondary") || atomic_load(&server.n_lame) > 1);
	assert_false(serves_with(w, "a.test", "secondary"));
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	atomic_store(&server.lame_from_us, 0); /* its transfer is through */
	EVENTUALLY(serves_with(w, "a.test", "secondary"));
	world_end(w);
}

/* What has no gap in service is not kept waiting. */
static void
change__of_lists__first_answer_counts(void **state)
{
	(void)state;
	struct world *w = world_with_answers();

	write_pattern(w, "listed",
	    "[pattern]\nrole = primary\nzonefile = ${zone}.zone\nnotify = 192.0.2.1\n");
	load_patterns(w);
	deploy_set_patterns(w->deploy, w->patterns);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(serves_with(w, "a.test", "primary"));
	unsigned before = atomic_load(&server.n_good);
	set_group(w, "a.test", "m1", "listed");
	EVENTUALLY(serves_with(w, "a.test", "listed"));
	assert_in_range(atomic_load(&server.n_good) - before, 1, 2);
	world_end(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(change__of_role__answer_of_before_does_not_count),
	    cmocka_unit_test(change__of_lists__first_answer_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
