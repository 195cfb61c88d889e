/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/backend/chan.h"

enum { ANSWER_MAX = 1 << 20 };

/* Another end that talks on and on. Returns its process. */
static pid_t
talk_without_end(const int fds[2])
{
	static const char text[4096] = "zone:\n";
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		close(fds[0]);
		while (send(fds[1], text, sizeof(text), MSG_NOSIGNAL) > 0) {
		}
		_exit(0);
	}
	close(fds[1]);
	return pid;
}

static struct chan
chan_to(int fd)
{
	struct chan chan;

	chan_init(&chan, "the other end", -1, 30000);
	assert_true(chan.answer_max == CHAN_ANSWER_MAX);
	chan.answer_max = ANSWER_MAX;
	chan.fd = fd;
	return chan;
}

static void
expect_too_long(enum err err, const struct backend_error *why)
{
	assert_int_equal(err, ERR_IO);
	assert_non_null(strstr(why->text, "the other end: an answer of more than "));
}

static void
chan_receive__answer_without_end__is_given_up(void **state)
{
	struct backend_error why = {""};
	struct chan chan;
	char data[4096];
	size_t size, sum = 0;
	enum err err;
	pid_t pid;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			     0, fds),
	    0);
	chan = chan_to(fds[0]);
	assert_int_equal(chan_send(&chan, "list", 4, &why), OK);
	assert_int_equal(fcntl(fds[1], F_SETFL, 0), 0);
	pid = talk_without_end(fds);
	do {
		err = chan_receive(&chan, data, sizeof(data), &size, &why);
		sum += err == OK ? size : 0;
	} while (err == OK && sum <= 2 * ANSWER_MAX);
	expect_too_long(err, &why);
	assert_true(sum <= ANSWER_MAX);
	/* each question has an answer of its own */
	chan.answer_max = 3 * sizeof(data);
	assert_int_equal(chan_send(&chan, "", 0, &why), OK);
	assert_int_equal(chan_receive(&chan, data, sizeof(data), &size, &why), OK);
	chan_close(&chan);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static enum err
take_all(void *arg, const uint8_t *data, size_t size, bool *done)
{
	size_t *sum = arg;

	(void)data;
	*sum += size;
	*done = *sum > 2 * ANSWER_MAX;
	return OK;
}

static void
chan_talk__answer_without_end__is_given_up(void **state)
{
	struct backend_error why = {""};
	struct chan chan;
	size_t sent, sum = 0;
	enum err err;
	pid_t pid;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			     0, fds),
	    0);
	chan = chan_to(fds[0]);
	assert_int_equal(fcntl(fds[1], F_SETFL, 0), 0);
	pid = talk_without_end(fds);
	err = chan_talk(&chan, "list", 4, &sent, take_all, &sum, &why);
	expect_too_long(err, &why);
	assert_true(sum <= ANSWER_MAX);
	chan_close(&chan);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(chan_receive__answer_without_end__is_given_up),
	    cmocka_unit_test(chan_talk__answer_without_end__is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
