/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_net_fixture.h"

/* -- UDP ------------------------------------------------------------------- */

static void
udp__many_datagrams__all_answered(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	bool seen[100] = {0};

	assert_int_equal(connect(fd, &f->addr.u.sa, addr_size(&f->addr)), 0);
	for (uint8_t i = 0; i < 100; i++)
		assert_int_equal(send(fd, (uint8_t[]){'E', i}, 2, 0), 2);
	for (int i = 0; i < 100; i++) {
		uint8_t msg[8];
		assert_true(run_until_readable(f, fd, 2000));
		assert_int_equal(recv(fd, msg, sizeof(msg), 0), 2);
		seen[msg[1]] = true;
	}
	for (int i = 0; i < 100; i++)
		assert_true(seen[i]);
	assert_int_equal(send(fd, "", 0, 0), 0);
	assert_int_equal(send(fd, "E.", 2, 0), 2);
	assert_true(run_until_readable(f, fd, 2000));
	close(fd);
	stop(f);
}

static void
udp__largest_datagram__arrives_whole(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	static uint8_t out[65507], in[65507];

	memset(out, 'E', sizeof(out));
	assert_int_equal(connect(fd, &f->addr.u.sa, addr_size(&f->addr)), 0);
	assert_int_equal(send(fd, out, sizeof(out), 0), sizeof(out));
	assert_true(run_until_readable(f, fd, 2000));
	assert_int_equal(recv(fd, in, sizeof(in), 0), sizeof(in));
	assert_memory_equal(in, out, sizeof(in));
	close(fd);
	stop(f);
}

static void
udp__wildcard__replies_from_the_address_asked(void **state)
{
	(void)state;
	struct fixture *f = start_on("0.0.0.0", (struct net_conf){0});
	struct addr to = address("127.0.0.77"), from;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t size;
	char msg[8];

	addr_set_port(&to, addr_port(&f->addr));
	for (int i = 0; i < 2; i++) {
		const char *text = i == 0 ? "E" : "D";
		assert_int_equal(sendto(fd, text, 1, 0, &to.u.sa, addr_size(&to)), 1);
		if (i == 1) {
			run_for(f, 50);
			answer_laters();
		}
		assert_true(run_until_readable(f, fd, 2000));
		size = sizeof(from);
		assert_int_equal(recvfrom(fd, msg, sizeof(msg), 0, &from.u.sa, &size),
		    1);
		assert_true(addr_equal(&from, &to));
	}
	close(fd);
	stop(f);
}

static void
udp__ipv6_wildcard__answers(void **state)
{
	(void)state;
	struct fixture *f = start_on("::", (struct net_conf){0});
	struct addr to = address("::1");
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	char msg[8];

	addr_set_port(&to, addr_port(&f->addr));
	assert_int_equal(sendto(fd, "E", 1, 0, &to.u.sa, addr_size(&to)), 1);
	assert_true(run_until_readable(f, fd, 2000));
	assert_int_equal(recv(fd, msg, sizeof(msg), 0), 1);
	close(fd);
	fd = connect_to(&to);
	send_text(f, fd, "E6");
	expect_text(f, fd, "E6");
	close(fd);
	stop(f);
}

static void
udp__too_many_outstanding__reading_waits(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char msg[64];

	assert_int_equal(connect(fd, &f->addr.u.sa, addr_size(&f->addr)), 0);
	for (int i = 0; i < 5000; i++) {
		send(fd, "D", 1, 0);
		if (i % 50 == 0)
			uv_run(&f->loop, UV_RUN_NOWAIT);
	}
	run_for(f, 20);
	assert_in_range(n_received, 4000, 4096 + 16);
	answer_laters();
	run_for(f, 20);
	while (recv(fd, msg, sizeof(msg), MSG_DONTWAIT) >= 0)
		continue;
	answer_laters();
	run_for(f, 20);
	while (recv(fd, msg, sizeof(msg), MSG_DONTWAIT) >= 0)
		continue;
	assert_int_equal(send(fd, "Eagain", 6, 0), 6);
	assert_true(run_until_readable(f, fd, 2000));
	close(fd);
	stop(f);
}

/* -- framing --------------------------------------------------------------- */

static void
tcp__pipelined_messages__answered_in_order(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	int fd = connect_to(&f->addr);
	static uint8_t all[5000 * 10];

	for (unsigned i = 0; i < 5000; i++) {
		uint8_t *m = all + (size_t)i * 10;
		memcpy(m, "\0\10E......", 10);
		m[3] = (uint8_t)(i >> 8);
		m[4] = (uint8_t)i;
	}
	send_all(f, fd, all, sizeof(all));
	for (unsigned i = 0; i < 5000; i++) {
		uint8_t msg[16];
		assert_int_equal(recv_msg(f, fd, msg), 8);
		assert_int_equal(msg[1] << 8 | msg[2], i);
	}
	close(fd);
	stop(f);
}

static void
tcp__octet_by_octet__same_as_whole(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	int fd = connect_to(&f->addr);
	static const char stream[] = "\0\3Eab\0\0\0\1E\0\5Ehelo";

	for (size_t i = 0; i < sizeof(stream) - 1; i++) {
		send_all(f, fd, stream + i, 1);
		run_for(f, 2);
	}
	expect_text(f, fd, "Eab");
	expect_text(f, fd, "E");
	expect_text(f, fd, "Ehelo");
	assert_int_equal(n_received, 4); /* the empty one too */
	close(fd);
	stop(f);
}

static void
tcp__largest_messages__arrive_whole(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	int fd = connect_to(&f->addr);
	static uint8_t out[65535], in[65535];

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7);
	out[0] = 'E';
	for (int i = 0; i < 4; i++)
		send_msg(f, fd, out, sizeof(out));
	for (int i = 0; i < 4; i++) {
		assert_int_equal(recv_msg(f, fd, in), sizeof(in));
		assert_memory_equal(in, out, sizeof(in));
	}
	close(fd);
	stop(f);
}

/* -- ends ------------------------------------------------------------------ */

static void
tcp__half_closed__late_replies_still_come(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	int fd = connect_to(&f->addr);

	send_text(f, fd, "E1");
	send_text(f, fd, "D2");
	send_msg(f, fd, "T\1\0\3", 4);
	shutdown(fd, SHUT_WR);
	expect_text(f, fd, "E1");
	static uint8_t msg[65536];
	for (int i = 0; i < 3; i++)
		assert_int_equal(recv_msg(f, fd, msg), TRANSFER_MSG);
	run_for(f, 50);
	answer_laters();
	expect_text(f, fd, "D2");
	expect_end(f, fd, 1000);
	close(fd);
	stop(f);
}

/* On a busy machine that takes its time. */
static void
run_until_sessions(struct fixture *f, unsigned n)
{
	for (int i = 0; i < 500 && n_sessions != n; i++)
		run_for(f, 20);
	assert_int_equal(n_sessions, n);
}

static void
tcp__close_effect__reply_then_end(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	int fd = connect_to(&f->addr);
	static uint8_t rest[200000];

	send_text(f, fd, "D0");
	run_for(f, 20);
	send_text(f, fd, "Cbye");
	/* What is sent after it must not turn the end into a reset. */
	send_all(f, fd, rest, sizeof(rest));
	expect_text(f, fd, "Cbye");
	char c;
	assert_true(run_until_readable(f, fd, 2000));
	assert_int_equal(recv(fd, &c, 1, 0), 0);
	answer_laters(); /* too late: the end was sent */
	run_for(f, 20);
	close(fd);
	run_until_sessions(f, 1);
	stop(f);
}

static void
tcp__peer_never_ends__linger_is_bounded(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	int fd = connect_to(&f->addr);

	send_text(f, fd, "Cbye");
	expect_text(f, fd, "Cbye");
	run_for(f, 3000);
	assert_int_equal(n_sessions, 1);
	close(fd);
	stop(f);
}

static void
tcp__reset__session_is_closed(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	int fd = connect_to(&f->addr);
	struct linger now = {.l_onoff = 1};

	send_text(f, fd, "D1");
	run_until_sessions(f, 2);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
	run_until_sessions(f, 1);
	answer_laters();
	stop(f);
}

static void
tcp__agent_ends__queued_replies_leave(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	int fd = connect_to(&f->addr);

	send_text(f, fd, "D1");
	run_for(f, 20);
	answer_laters();
	stop(f);
	char msg[16];
	assert_int_equal(recv(fd, msg, sizeof(msg), 0), 4);
	assert_memory_equal(msg, "\0\2D1", 4);
	close(fd);
}

/* The replies that are due when the agent ends come a moment later. */
static void
answer_soon(uv_timer_t *timer)
{
	answer_laters();
	uv_close((uv_handle_t *)timer, NULL);
}

static void
tcp__agent_ends__replies_that_are_due_leave(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	int fd = connect_to(&f->addr), udp = socket(AF_INET, SOCK_DGRAM, 0);
	uv_timer_t soon;

	assert_int_equal(connect(udp, &f->addr.u.sa, addr_size(&f->addr)), 0);
	send_text(f, fd, "D1");
	send_text(f, fd, "D2");
	assert_int_equal(send(udp, "D3", 2, 0), 2);
	run_for(f, 20);
	uv_timer_init(&f->loop, &soon);
	uv_timer_start(&soon, answer_soon, 50, 0);
	send_text(f, fd, "D4"); /* not read any more */
	uint64_t began = now_ms();
	stop(f);
	assert_in_range(now_ms() - began, 40, 900);
	char msg[16];
	assert_int_equal(recv(fd, msg, 8, MSG_WAITALL), 8);
	assert_memory_equal(msg, "\0\2D1\0\2D2", 8);
	assert_int_equal(recv(udp, msg, sizeof(msg), MSG_DONTWAIT), 2);
	assert_memory_equal(msg, "D3", 2);
	close(fd);
	close(udp);
}

static void
tcp__agent_ends_and_nothing_answers__end_is_bounded(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	int fd = connect_to(&f->addr);

	send_text(f, fd, "D1");
	run_for(f, 20);
	uint64_t began = now_ms();
	stop(f);
	assert_in_range(now_ms() - began, 900, 2500);
	close(fd);
}

/* -- transfers ------------------------------------------------------------- */

static void
transfer__whole__every_message_in_order(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	int fd = connect_to(&f->addr);
	static uint8_t msg[65536];

	send_msg(f, fd, "T\1\7\320", 4); /* 2000 messages */
	for (unsigned i = 0; i < 2000; i++) {
		assert_int_equal(recv_msg(f, fd, msg), TRANSFER_MSG);
		assert_int_equal(msg[2] << 8 | msg[3], i);
		assert_int_equal(msg[TRANSFER_MSG - 1], i & 0xff);
	}
	assert_int_equal(n_transfers_alive, 0);
	send_text(f, fd, "Eafter");
	expect_text(f, fd, "Eafter");
	close(fd);
	stop(f);
}

static void
transfer__two_and_a_query__query_first(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	int fd = connect_to(&f->addr);
	static uint8_t msg[65536];
	unsigned at[3] = {0}, echo_at = 0;

	send_msg(f, fd, "T\1\1\220", 4); /* 400 each */
	send_msg(f, fd, "T\2\1\220", 4);
	send_text(f, fd, "Equick");
	for (unsigned i = 0; i < 801; i++) {
		size_t size = recv_msg(f, fd, msg);
		if (msg[0] == 'E') {
			echo_at = i;
			continue;
		}
		assert_int_equal(size, TRANSFER_MSG);
		assert_int_equal(msg[2] << 8 | msg[3], at[msg[1]]++);
		if (msg[1] == 2)
			assert_int_equal(at[1], 400);
	}
	assert_true(echo_at < 100);
	assert_int_equal(at[2], 400);
	close(fd);
	stop(f);
}

static void
transfer__fails__connection_is_closed(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	int fd = connect_to(&f->addr);
	static uint8_t msg[65536];

	send_msg(f, fd, "X\1\0\11", 4);
	while (recv_msg(f, fd, msg) != SIZE_MAX)
		continue;
	run_for(f, 20);
	assert_int_equal(n_sessions, 1);
	assert_int_equal(n_transfers_alive, 0);
	close(fd);
	stop(f);
}

static void
transfer__peer_does_not_read__ended_by_stall(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){.stall_s = 1});
	int fd = connect_slow(&f->addr);

	send_msg(f, fd, "T\1\377\377", 4);
	run_for(f, 300);
	assert_int_equal(n_transfers_alive, 1);
	run_for(f, 2000);
	assert_int_equal(n_transfers_alive, 0);
	assert_int_equal(n_sessions, 1);
	close(fd);
	stop(f);
}

static void
transfer__too_old__ended(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){.transfer_s = 5});
	int fd = connect_slow(&f->addr);

	send_msg(f, fd, "T\1\377\377", 4);
	run_for(f, 400);
	assert_int_equal(n_transfers_alive, 1);
	transfer_age_ms = 5001;
	run_for(f, 600);
	assert_int_equal(n_transfers_alive, 0);
	assert_int_equal(n_sessions, 1);
	close(fd);
	stop(f);
}

static void
transfer__one_too_many__its_connection_is_closed(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){.max_transfers = 40});
	int fds[41];

	for (int i = 0; i < 41; i++) {
		fds[i] = connect_slow(&f->addr);
		send_msg(f, fds[i], "T\1\377\377", 4);
		run_for(f, 5);
	}
	run_for(f, 50);
	assert_int_equal(n_transfers_alive, 40);
	assert_int_equal(n_sessions, 41);
	expect_end(f, fds[40], 1000);
	for (int i = 0; i < 41; i++)
		close(fds[i]);
	stop(f);
}

static void
transfer__many_on_one_connection__the_rest_wait(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	int fd = connect_to(&f->addr);
	static uint8_t msg[65536];

	for (int i = 0; i < 60; i++)
		send_msg(f, fd, "T\1\0\62", 4); /* 50 messages */
	run_for(f, 50);
	assert_in_range(n_transfers_alive, 1, 16);
	for (int i = 0; i < 60 * 50; i++)
		assert_int_equal(recv_msg(f, fd, msg), TRANSFER_MSG);
	assert_int_equal(n_transfers_alive, 0);
	close(fd);
	stop(f);
}

/* -- bounds ---------------------------------------------------------------- */

static void
bounds__outstanding__reading_stops_and_resumes(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	int fd = connect_to(&f->addr);

	for (int i = 0; i < 6000; i++)
		send_text(f, fd, "D");
	run_for(f, 50);
	assert_int_equal(n_received, 4096);
	answer_laters();
	run_for(f, 50);
	assert_int_equal(n_received, 6000);
	answer_laters();
	for (int i = 0; i < 6000; i++)
		expect_text(f, fd, "D");
	close(fd);
	stop(f);
}

static void
bounds__peer_reads_no_replies__reading_stops_then_closed(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){.stall_s = 1});
	int fd = connect_slow(&f->addr);

	for (int i = 0; i < 1000; i++)
		send_text(f, fd, "B");
	run_for(f, 300);
	/* What the kernel took (some MB), and 256 kB. */
	assert_in_range(n_received, 5, 200);
	run_for(f, 2000);
	assert_int_equal(n_sessions, 1);
	close(fd);
	stop(f);
}

static void
bounds__peer_reads_slowly__gets_everything(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	int fd = connect_slow(&f->addr);
	static uint8_t msg[65536];

	for (int i = 0; i < 500; i++)
		send_text(f, fd, "B");
	run_for(f, 100);
	for (int i = 0; i < 500; i++)
		assert_int_equal(recv_msg(f, fd, msg), BIG);
	close(fd);
	stop(f);
}

static void
bounds__idle__closed_unless_a_reply_is_due(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){.idle_s = 1});
	int quiet = connect_to(&f->addr), partial = connect_to(&f->addr);
	int waiting = connect_to(&f->addr);

	send_all(f, partial, "\0\10Eab", 5);
	send_text(f, waiting, "D1");
	for (int i = 0; i < 15; i++) {
		run_for(f, 100);
		if (i < 8)
			send_all(f, partial, ".", i < 4); /* never a whole message */
	}
	expect_end(f, quiet, 500);
	expect_end(f, partial, 500);
	assert_int_equal(n_sessions, 2);
	answer_laters();
	expect_text(f, waiting, "D1");
	expect_end(f, waiting, 2000);
	close(quiet);
	close(partial);
	close(waiting);
	stop(f);
}

static void
bounds__connections__oldest_idle_one_gives_way(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){.max_connections = 3});
	int busy = connect_to(&f->addr);
	send_text(f, busy, "D1");
	run_for(f, 10);
	int first = connect_to(&f->addr);
	send_text(f, first, "E");
	expect_text(f, first, "E");
	run_for(f, 10);
	int second = connect_to(&f->addr);
	send_text(f, second, "E");
	expect_text(f, second, "E");
	run_for(f, 10);
	send_text(f, first, "Efresh");
	expect_text(f, first, "Efresh");

	int third = connect_to(&f->addr);
	send_text(f, third, "E3");
	expect_text(f, third, "E3");
	expect_end(f, second, 1000);
	assert_int_equal(n_sessions, 4);
	send_text(f, first, "Estill");
	expect_text(f, first, "Estill");

	/* All busy: the newcomer is refused. */
	send_text(f, first, "D");
	send_text(f, third, "D");
	run_for(f, 20);
	int fourth = connect_to(&f->addr);
	expect_end(f, fourth, 1000);
	answer_laters();
	expect_text(f, busy, "D1");
	close(busy);
	close(first);
	close(second);
	close(third);
	close(fourth);
	stop(f);
}

static int
top_fd(void)
{
	int fd = fcntl(0, F_DUPFD_CLOEXEC, 0);
	close(fd);
	return fd;
}

static void
bounds__no_descriptor_left__refused_without_spinning(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	int fds[8];
	struct rlimit old, low;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	for (int i = 0; i < 8; i++)
		fds[i] = make_socket(AF_INET);
	low = old;
	low.rlim_cur = (rlim_t)top_fd() + 2; /* two more connections, no third */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(connect(fds[i], &f->addr.u.sa, addr_size(&f->addr)),
		    0);
		send_text(f, fds[i], "D1");
		run_for(f, 10);
	}
	assert_int_equal(n_sessions, 3);
	/* Both are busy: the next ones are accepted by the reserve, and closed. */
	for (int i = 2; i < 5; i++) {
		assert_int_equal(connect(fds[i], &f->addr.u.sa, addr_size(&f->addr)),
		    0);
		expect_end(f, fds[i], 1000);
	}
	/* Once one is idle, it gives way. */
	answer_laters();
	expect_text(f, fds[0], "D1");
	assert_int_equal(connect(fds[5], &f->addr.u.sa, addr_size(&f->addr)), 0);
	send_text(f, fds[5], "Enew");
	expect_text(f, fds[5], "Enew");
	assert_int_equal(n_sessions, 3);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	for (int i = 0; i < 8; i++)
		close(fds[i]);
	stop(f);
}

/* -- opening --------------------------------------------------------------- */

static void
open__address_in_use__says_which(void **state)
{
	(void)state;
	struct fixture *f = start((struct net_conf){0});
	struct net_conf conf = {.listen = &f->addr, .n_listen = 1};
	struct err_where where = {0};
	struct net *other = NULL;
	char text[ADDR_TEXT_MAX];

	assert_int_equal(net_open(&f->loop, &conf, NULL, &where, &other), ERR_IO);
	assert_null(other);
	assert_non_null(strstr(where.what, addr_print(&f->addr, text)));
	assert_non_null(strstr(where.what, "in use"));
	stop(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(udp__many_datagrams__all_answered),
	    cmocka_unit_test(udp__largest_datagram__arrives_whole),
	    cmocka_unit_test(udp__wildcard__replies_from_the_address_asked),
	    cmocka_unit_test(udp__ipv6_wildcard__answers),
	    cmocka_unit_test(udp__too_many_outstanding__reading_waits),
	    cmocka_unit_test(tcp__pipelined_messages__answered_in_order),
	    cmocka_unit_test(tcp__octet_by_octet__same_as_whole),
	    cmocka_unit_test(tcp__largest_messages__arrive_whole),
	    cmocka_unit_test(tcp__half_closed__late_replies_still_come),
	    cmocka_unit_test(tcp__close_effect__reply_then_end),
	    cmocka_unit_test(tcp__peer_never_ends__linger_is_bounded),
	    cmocka_unit_test(tcp__reset__session_is_closed),
	    cmocka_unit_test(tcp__agent_ends__queued_replies_leave),
	    cmocka_unit_test(tcp__agent_ends__replies_that_are_due_leave),
	    cmocka_unit_test(tcp__agent_ends_and_nothing_answers__end_is_bounded),
	    cmocka_unit_test(transfer__whole__every_message_in_order),
	    cmocka_unit_test(transfer__two_and_a_query__query_first),
	    cmocka_unit_test(transfer__fails__connection_is_closed),
	    cmocka_unit_test(transfer__peer_does_not_read__ended_by_stall),
	    cmocka_unit_test(transfer__too_old__ended),
	    cmocka_unit_test(transfer__one_too_many__its_connection_is_closed),
	    cmocka_unit_test(transfer__many_on_one_connection__the_rest_wait),
	    cmocka_unit_test(bounds__outstanding__reading_stops_and_resumes),
	    cmocka_unit_test(bounds__peer_reads_no_replies__reading_stops_then_closed),
	    cmocka_unit_test(bounds__peer_reads_slowly__gets_everything),
	    cmocka_unit_test(bounds__idle__closed_unless_a_reply_is_due),
	    cmocka_unit_test(bounds__connections__oldest_idle_one_gives_way),
	    cmocka_unit_test(bounds__no_descriptor_left__refused_without_spinning),
	    cmocka_unit_test(open__address_in_use__says_which),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
