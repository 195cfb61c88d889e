/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/log.h"

static int saved_stderr, reader;

/* stderr becomes a pipe whose other end is `reader`. */
static void
capture(void)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	saved_stderr = dup(STDERR_FILENO);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	close(ends[1]);
	reader = ends[0];
}

static size_t
captured(char *text, size_t size)
{
	size_t n = 0;
	ssize_t got;
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	while (n < size - 1 && (got = read(reader, text + n, size - 1 - n)) > 0)
		n += (size_t)got;
	close(reader);
	text[n] = '\0';
	return n;
}

static void
log_gather__lines__are_one_write_at_the_spill(void **state)
{
	char text[4096];
	(void)state;
	unsetenv("JOURNAL_STREAM");
	log_init("test", LOG_INFO);
	capture();
	log_gather();
	log_info("update", "serial=1");
	log_error("update", "serial=2");
	assert_int_equal(write(STDERR_FILENO, "between\n", 8), 8);
	log_spill();
	log_info("update", "serial=3");
	captured(text, sizeof(text));
	assert_string_equal(text, "between\ninfo update: serial=1\n"
				  "error update: serial=2\ninfo update: serial=3\n");
}

static void
log_info__plain__is_level_subsystem_text(void **state)
{
	char text[4096];
	(void)state;
	unsetenv("JOURNAL_STREAM");
	log_init("test", LOG_INFO);
	capture();
	log_info("update", "zone=%s serial=%u", "a.example", 7u);
	log_debug("update", "not wanted");
	log_error("deploy", "broken");
	captured(text, sizeof(text));
	assert_string_equal(text,
	    "info update: zone=a.example serial=7\nerror deploy: broken\n");
}

/* The same, and it is what systemd says that the journal has. */
static void
capture_journal(const char *path, enum log_level level)
{
	struct stat st;
	char text[64];
	capture();
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", text, 1);
	log_set_journal(path);
	log_init("test", level);
}

static void
log_info__to_the_journal__is_an_entry_with_fields(void **state)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	char text[4096], entry[4096];
	(void)state;
	char dir[] = "/tmp/log-test-XXXXXX";
	assert_non_null(mkdtemp(dir));
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/socket", dir);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	capture_journal(sun.sun_path, LOG_INFO);
	log_gather();
	log_warn("deploy", "backend=%s zone=%s op=add failed error=\"%s\"", "nsd1",
	    "a.example", "1\n2");
	ssize_t n = recv(fd, entry, sizeof(entry) - 1, MSG_DONTWAIT);
	log_spill();
	/* It is gone: nothing is lost. */
	close(fd);
	unlink(sun.sun_path);
	log_info("a", "x");
	captured(text, sizeof(text));
	unsetenv("JOURNAL_STREAM");
	log_init("test", LOG_INFO);
	rmdir(dir);
	assert_true(n > 0);
	entry[n] = '\0';
	assert_string_equal(entry,
	    "MESSAGE=deploy: backend=nsd1 zone=a.example op=add failed error=\"1\\x0a2\"\n"
	    "PRIORITY=4\nSYSLOG_IDENTIFIER=test\nNSHERD_SUBSYSTEM=deploy\n"
	    "NSHERD_BACKEND=nsd1\nNSHERD_ZONE=a.example\nNSHERD_OP=add\n");
	assert_string_equal(text, "<6>a: x\n");
}

/* systemd started a shell, and that has sent it elsewhere. */
static void
log_info__redirected_away_from_the_journal__is_plain(void **state)
{
	char text[4096];
	(void)state;
	setenv("JOURNAL_STREAM", "9:1", 1);
	log_init("test", LOG_INFO);
	capture();
	log_info("a", "x");
	captured(text, sizeof(text));
	unsetenv("JOURNAL_STREAM");
	assert_string_equal(text, "info a: x\n");
}

static void
log_info__under_the_journal__has_its_priority(void **state)
{
	char text[4096];
	(void)state;
	capture_journal("/nonexistent/socket", LOG_DEBUG);
	log_error("a", "x");
	log_warn("a", "x");
	log_info("a", "x");
	log_debug("a", "x");
	captured(text, sizeof(text));
	unsetenv("JOURNAL_STREAM");
	assert_string_equal(text, "<3>a: x\n<4>a: x\n<6>a: x\n<7>a: x\n");
}

static void
log_info__control_characters__stay_one_line(void **state)
{
	char text[4096];
	(void)state;
	log_init("test", LOG_INFO);
	capture();
	log_info("a", "x=%s", "1\n2\x1b[0m\xff");
	captured(text, sizeof(text));
	assert_string_equal(text, "info a: x=1\\x0a2\\x1b[0m\\xff\n");
}

/* As a program of the operator's may say it, or a primary. */
static void
log_info__quote_in_a_value__stays_in_it(void **state)
{
	const char *said = "\" zone=evil.example \"";
	char text[4096];
	(void)state;
	log_init("test", LOG_INFO);
	capture();
	log_info("a", "zone=%s error=\"%s\" text=\"%.*s\" n=%zu%s", "a.example", said,
	    5, "\"\"\"\"\"\"", (size_t)7, " more=\"1\"");
	log_info("a", "n=%u file=\"%s:%u: %s\"", 1u, "\"", 2u, "\n\"");
	log_info("a", "text=\"no value\"");
	captured(text, sizeof(text));
	assert_string_equal(text,
	    "info a: zone=a.example error=\"\\x22 zone=evil.example \\x22\" "
	    "text=\"\\x22\\x22\\x22\\x22\\x22\" n=7 more=\"1\"\n"
	    "info a: n=1 file=\"\\x22:2: \\x0a\\x22\"\n"
	    "info a: text=\"no value\"\n");
}

#define FIFTY    "12345678901234567890123456789012345678901234567890"
#define HUNDREDS FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY

/* Longer than what is looked at: its own quotes stay. */
static void
log_info__long_format__keeps_its_quotes(void **state)
{
	char text[4096];
	(void)state;
	log_init("test", LOG_INFO);
	capture();
	log_info("a", "text=\"" HUNDREDS HUNDREDS "\" n=%d", 1);
	captured(text, sizeof(text));
	assert_string_equal(text, "info a: text=\"" HUNDREDS HUNDREDS "\" n=1\n");
}

static void
log_info__long_text__is_cut_and_ends_the_line(void **state)
{
	static char big[8192];
	char text[8192];
	(void)state;
	log_init("test", LOG_INFO);
	for (int c = 0; c < 2; c++) {
		memset(big, c ? '\x01' : 'y', sizeof(big) - 1);
		capture();
		log_info("a", "%s", big);
		size_t n = captured(text, sizeof(text));
		assert_in_range(n, 2000, 2048);
		assert_int_equal(text[n - 1], '\n');
		assert_null(memchr(text, '\n', n - 1));
	}
}

static void
log_info__errno__is_left_alone(void **state)
{
	char text[4096];
	(void)state;
	capture();
	errno = EDOM;
	log_info("a", "x");
	int error = errno;
	captured(text, sizeof(text));
	assert_int_equal(error, EDOM);
}

static void *
log_from_thread(void *arg)
{
	for (int i = 0; i < 50; i++) {
		log_set_level(LOG_INFO);
		log_info("thread", "who=%s", (const char *)arg);
		log_debug("thread", "not wanted");
	}
	return NULL;
}

static void
log_info__many_threads__lines_stay_whole(void **state)
{
	static const char who[4][16] = {"aaaaaaaa", "bbbbbbbb", "cccccccc", "dddddddd"};
	char text[8192];
	pthread_t threads[4];
	unsigned n_lines = 0;
	(void)state;
	log_init("test", LOG_INFO);
	capture();
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_from_thread,
				     (void *)(uintptr_t)who[i]),
		    0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	captured(text, sizeof(text));
	for (const char *p = text; *p != '\0'; p = strchr(p, '\n') + 1, n_lines++) {
		assert_memory_equal(p, "info thread: who=", 17);
		for (int i = 1; i < 8; i++)
			assert_int_equal(p[17 + i], p[17]);
		assert_int_equal(p[25], '\n');
	}
	assert_int_equal(n_lines, 200);
}

static void
log_level_parse__names__are_known(void **state)
{
	enum log_level level = LOG_WARN;
	(void)state;
	assert_int_equal(log_level_parse("debug", &level), OK);
	assert_int_equal(level, LOG_DEBUG);
	assert_int_equal(log_level_parse("Error", &level), OK);
	assert_int_equal(level, LOG_ERROR);
	assert_int_equal(log_level_parse("loud", &level), ERR_INVALID);
	assert_int_equal(level, LOG_ERROR);
}

static void
log_fatal__any_level__aborts(void **state)
{
	char text[4096];
	int status;
	(void)state;
	capture();
	pid_t pid = fork();
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		log_fatal("mem", "out of it");
	}
	captured(text, sizeof(text));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_non_null(strstr(text, "fatal mem: out of it\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(log_gather__lines__are_one_write_at_the_spill),
	    cmocka_unit_test(log_info__plain__is_level_subsystem_text),
	    cmocka_unit_test(log_info__under_the_journal__has_its_priority),
	    cmocka_unit_test(log_info__to_the_journal__is_an_entry_with_fields),
	    cmocka_unit_test(log_info__redirected_away_from_the_journal__is_plain),
	    cmocka_unit_test(log_info__control_characters__stay_one_line),
	    cmocka_unit_test(log_info__quote_in_a_value__stays_in_it),
	    cmocka_unit_test(log_info__long_format__keeps_its_quotes),
	    cmocka_unit_test(log_info__long_text__is_cut_and_ends_the_line),
	    cmocka_unit_test(log_info__errno__is_left_alone),
	    cmocka_unit_test(log_info__many_threads__lines_stay_whole),
	    cmocka_unit_test(log_level_parse__names__are_known),
	    cmocka_unit_test(log_fatal__any_level__aborts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
