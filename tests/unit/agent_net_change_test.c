/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include "agent/net/net.h"
#include "agent/proto/proto.h"
#include "tests/unit/agent_net_fixture.h"

/* Other addresses while the net is open. */

static struct addr
with_port(const char *host, const struct addr *like)
{
	struct addr a = address(host);
	addr_set_port(&a, addr_port(like));
	return a;
}

static enum err
try_change(struct fixture *f, const struct addr *listen_on, size_t n,
    struct err_where *where)
{
	struct net_conf conf = {.listen = listen_on, .n_listen = n};
	struct net_change *change;
	enum err err = net_prepare(f->net, &conf, where, &change);
	if (err == OK)
		net_commit(change);
	return err;
}

static void
change(struct fixture *f, const struct addr *listen_on, size_t n)
{
	struct err_where where = {0};
	if (try_change(f, listen_on, n, &where) != OK)
		fail_msg("%s", where.what);
	for (size_t i = 0; i < n; i++)
		assert_true(addr_equal(net_address(f->net, i), &listen_on[i]));
	assert_null(net_address(f->net, n));
}

static int
ask_udp(struct fixture *f, const struct addr *to, const char *text)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, &to->u.sa, addr_size(to)), 0);
	assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
	run_for(f, 5);
	return fd;
}

static bool
has_reply(struct fixture *f, int fd, const char *text)
{
	char reply[100];
	if (!run_until_readable(f, fd, 500))
		return false;
	ssize_t n = recv(fd, reply, sizeof(reply), MSG_DONTWAIT);
	return n == (ssize_t)strlen(text) && memcmp(reply, text, (size_t)n) == 0;
}

/* By both ways. */
static bool
answers(struct fixture *f, const struct addr *to)
{
	int udp = ask_udp(f, to, "Eu"), tcp = make_socket(AF_INET);
	bool by_udp = has_reply(f, udp, "Eu");
	bool by_tcp = connect(tcp, &to->u.sa, addr_size(to)) == 0;
	if (by_tcp) {
		send_text(f, tcp, "Et");
		expect_text(f, tcp, "Et");
	}
	close(udp);
	close(tcp);
	assert_int_equal(by_udp, by_tcp);
	return by_udp;
}

static void
change__one_added_and_one_removed__what_is_under_way_lives_on(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	struct addr all[] = {with_port("127.0.0.2", &f->addr), f->addr,
	    with_port("127.0.0.3", &f->addr)};
	int tcp = connect_to(&f->addr);

	send_text(f, tcp, "Ea");
	expect_text(f, tcp, "Ea");
	change(f, all, 2);
	assert_true(answers(f, &all[0]) && answers(f, &all[1]));

	/* Requests whose replies are due when their address goes. */
	int udp = ask_udp(f, &f->addr, "Dudp");
	send_text(f, tcp, "Dtcp");
	run_for(f, 5);
	change(f, all, 1);
	assert_false(answers(f, &f->addr));
	answer_laters();
	assert_true(has_reply(f, udp, "Dudp"));
	expect_text(f, tcp, "Dtcp");
	send_text(f, tcp, "Eb");
	expect_text(f, tcp, "Eb");
	run_for(f, 10);
	assert_false(answers(f, &f->addr));

	/* It comes back, and the order is another one. */
	struct addr turned[] = {all[2], all[1], all[0]};
	change(f, turned, 3);
	for (size_t i = 0; i < 3; i++)
		assert_true(answers(f, &all[i]));
	close(udp);
	close(tcp);
	stop(f);
}

static void
change__replies_never_come__socket_goes_all_the_same(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	struct addr other = with_port("127.0.0.2", &f->addr);
	int udp = ask_udp(f, &f->addr, "Dudp");

	change(f, &other, 1);
	assert_int_equal(n_sessions, 2);
	uint64_t end = now_ms() + 5000;
	while (n_sessions > 1 && now_ms() < end)
		run_for(f, 10);
	assert_int_equal(n_sessions, 1);
	answer_laters();
	close(udp);

	/* and at the end, at once */
	udp = ask_udp(f, &other, "Dudp");
	change(f, &f->addr, 1);
	close(udp);
	stop(f);
}

static void
change__address_is_taken__all_is_as_it_was(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	int taken = make_socket(AF_INET), one = 1;
	/* where nobody's calls come from, which might take the port that is let go */
	struct addr all[] = {with_port("127.0.0.2", &f->addr), address("127.0.0.9"),
	    f->addr};
	socklen_t size = sizeof(all[1]);
	struct err_where where = {0};
	char text[ADDR_TEXT_MAX];

	setsockopt(taken, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(taken, &all[1].u.sa, addr_size(&all[1])), 0);
	assert_int_equal(getsockname(taken, &all[1].u.sa, &size), 0);
	assert_int_equal(listen(taken, 1), 0);
	assert_int_equal(try_change(f, all, 3, &where), ERR_IO);
	assert_non_null(strstr(where.what, addr_print(&all[1], text)));
	assert_string_equal(where.file, "listen");
	assert_true(answers(f, &f->addr));
	assert_false(answers(f, &all[0]));
	assert_null(net_address(f->net, 1));
	close(taken);
	change(f, all, 3);
	assert_true(answers(f, &all[0]));
	stop(f);
}

static void
change__all_addresses_and_one_again__the_old_makes_way(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	struct addr any = with_port("0.0.0.0", &f->addr),
		    other = with_port("127.0.0.2", &f->addr);

	change(f, &any, 1);
	assert_true(answers(f, &f->addr) && answers(f, &other));
	change(f, &f->addr, 1);
	assert_true(answers(f, &f->addr));
	assert_false(answers(f, &other));

	/* What made way is back where the change cannot be. */
	int taken = make_socket(AF_INET);
	struct addr both[] = {any, address("127.0.0.1")};
	socklen_t size = sizeof(both[1]);
	struct err_where where = {0};
	assert_int_equal(bind(taken, &both[1].u.sa, addr_size(&both[1])), 0);
	assert_int_equal(getsockname(taken, &both[1].u.sa, &size), 0);
	assert_int_equal(listen(taken, 1), 0);
	assert_int_equal(try_change(f, both, 2, &where), ERR_IO);
	assert_true(answers(f, &f->addr));
	assert_false(answers(f, &other));
	close(taken);
	stop(f);
}

static void
cancel__prepared__nothing_is_left_of_it(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	struct addr other = with_port("127.0.0.2", &f->addr);
	struct net_conf conf = {.listen = &other, .n_listen = 1};
	struct err_where where = {0};
	struct net_change *change;

	assert_int_equal(net_prepare(f->net, &conf, &where, &change), OK);
	net_cancel(change);
	net_cancel(NULL);
	assert_true(answers(f, &f->addr));
	assert_false(answers(f, &other));
	stop(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		change__one_added_and_one_removed__what_is_under_way_lives_on),
	    cmocka_unit_test(change__replies_never_come__socket_goes_all_the_same),
	    cmocka_unit_test(change__address_is_taken__all_is_as_it_was),
	    cmocka_unit_test(change__all_addresses_and_one_again__the_old_makes_way),
	    cmocka_unit_test(cancel__prepared__nothing_is_left_of_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
