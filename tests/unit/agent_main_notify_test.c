/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include "agent/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int
listen_on(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t n = strlen(path);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	memcpy(addr.sun_path, path, n);
	if (path[0] == '@')
		addr.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&addr,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
	    0);
	return fd;
}

static void
expect(int fd, const char *text)
{
	char got[200] = "";
	assert_true(recv(fd, got, sizeof(got) - 1, 0) > 0);
	assert_int_equal(strncmp(got, text, strlen(text)), 0);
}

static void
exercise(const char *path)
{
	int fd = listen_on(path);

	setenv("NOTIFY_SOCKET", path, 1);
	notify_ready("2 catalogs");
	expect(fd, "READY=1\nSTATUS=2 catalogs");
	notify_reloading();
	expect(fd, "RELOADING=1\nMONOTONIC_USEC=");
	notify_alive();
	expect(fd, "WATCHDOG=1");
	notify_stopping();
	expect(fd, "STOPPING=1");
	close(fd);
	notify_stopping(); /* nobody there: a log line, no failure */
}

static void
notify__socket_in_the_file_system__told(void **state)
{
	(void)state;
	char dir[] = "/tmp/notify-test-XXXXXX", path[64];
	snprintf(path, sizeof(path), "%s/s", mkdtemp(dir));
	exercise(path);
	unlink(path);
	rmdir(dir);
}

static void
notify__abstract_socket__told(void **state)
{
	(void)state;
	char path[64];
	snprintf(path, sizeof(path), "@notify-test-%ld", (long)getpid());
	exercise(path);
}

static void
notify__no_service_manager__nothing_happens(void **state)
{
	(void)state;
	char path[200];
	unsetenv("NOTIFY_SOCKET");
	notify_ready("x");
	setenv("NOTIFY_SOCKET", "relative", 1);
	notify_ready("x");
	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	setenv("NOTIFY_SOCKET", path, 1);
	notify_ready("x");
	unsetenv("NOTIFY_SOCKET");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(notify__socket_in_the_file_system__told),
	    cmocka_unit_test(notify__abstract_socket__told),
	    cmocka_unit_test(notify__no_service_manager__nothing_happens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
