/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/health/health.h"
#include "agent/health/health_file.h"

static const struct health_conf conf = {.down_after_s = 10,
    .up_after_s = 30,
    .min_serving = 95};

enum { S = 1000000, START = 1000 };

static struct health_backend
backend(void)
{
	return (struct health_backend){.name = "nsd1",
	    .control = "up",
	    .has_probe = true,
	    .is_asked = true,
	    .is_known = true,
	    .n_serving = 100};
}

/* At that second after the start. */
static bool
judge(struct health *h, const struct health_backend *b, size_t n, unsigned at_s)
{
	return health_judge(h, &conf, b, n, (uint64_t)(START + at_s) * S, at_s);
}

static void
judge__first_verdict_good__ok_at_once(void **state)
{
	(void)state;
	struct health h = {0};
	struct health_backend b = backend();
	b.is_known = false;
	assert_false(judge(&h, &b, 1, 1));
	assert_int_equal(h.state, HEALTH_UNKNOWN);
	b.is_known = true;
	assert_true(judge(&h, &b, 1, 2));
	assert_int_equal(h.state, HEALTH_OK);
	assert_int_equal(h.since, 2);
	assert_false(judge(&h, &b, 1, 3));
}

static void
judge__no_backends__ok(void **state)
{
	(void)state;
	struct health h = {0};
	assert_true(judge(&h, NULL, 0, 1));
	assert_int_equal(h.state, HEALTH_OK);
}

static void
judge__silent__degraded_after_a_while_and_ok_after_another(void **state)
{
	(void)state;
	struct health h = {0};
	struct health_backend b[2] = {backend(), backend()};
	(void)judge(&h, b, 2, 0);
	snprintf(b[1].name, sizeof(b[1].name), "knot1");
	b[1].silent_us = (uint64_t)(START + 10) * S;
	assert_false(judge(&h, b, 2, 12));
	assert_false(judge(&h, b, 2, 19));
	assert_true(judge(&h, b, 2, 20)); /* since the first silence */
	assert_int_equal(h.state, HEALTH_DEGRADED);
	assert_string_equal(h.reason, "backend knot1 does not answer");
	b[1].silent_us = 0;
	assert_false(judge(&h, b, 2, 21));
	assert_false(judge(&h, b, 2, 50));
	assert_int_equal(h.state, HEALTH_DEGRADED);
	assert_true(judge(&h, b, 2, 51));
	assert_int_equal(h.state, HEALTH_OK);
	assert_int_equal(h.since, 51);
	assert_string_equal(h.reason, "");
}

static void
judge__flapping__stays_what_it_is(void **state)
{
	(void)state;
	struct health h = {0};
	struct health_backend b = backend();
	(void)judge(&h, &b, 1, 0);
	for (unsigned t = 1; t < 100; t++) {
		b.silent_us = t % 9 == 0 ? 0 : (uint64_t)(START + t - t % 9 + 1) * S;
		(void)judge(&h, &b, 1, t);
		assert_int_equal(h.state, HEALTH_OK);
	}
	h.state = HEALTH_DEGRADED;
	for (unsigned t = 100; t < 300; t++) {
		b.silent_us = t % 29 == 0 ? (uint64_t)(START + t) * S : 0;
		(void)judge(&h, &b, 1, t);
		assert_int_equal(h.state, HEALTH_DEGRADED);
	}
}

static void
judge__zones__counts_only_what_was_served(void **state)
{
	(void)state;
	struct health h = {0};
	struct health_backend b = backend();
	b.n_expired = 100000; /* upstream is away */
	(void)judge(&h, &b, 1, 0);
	(void)judge(&h, &b, 1, 100);
	assert_int_equal(h.state, HEALTH_OK);
	b.n_serving = 95;
	b.n_lost = 5;
	(void)judge(&h, &b, 1, 101);
	(void)judge(&h, &b, 1, 200);
	assert_int_equal(h.state, HEALTH_OK);
	b.n_lost = 6;
	b.n_serving = 94;
	(void)judge(&h, &b, 1, 201);
	assert_int_equal(h.state, HEALTH_OK);
	(void)judge(&h, &b, 1, 211);
	assert_int_equal(h.state, HEALTH_DEGRADED);
	assert_string_equal(h.reason,
	    "backend nsd1 serves 94 of the 100 zones that it served");
	b.n_lost = b.n_serving = 0; /* an empty server is not a bad one */
	(void)judge(&h, &b, 1, 212);
	(void)judge(&h, &b, 1, 242);
	assert_int_equal(h.state, HEALTH_OK);
}

static void
judge__control_down__only_matters_without_a_probe(void **state)
{
	(void)state;
	struct health h = {0};
	struct health_backend b = backend();
	snprintf(b.control, sizeof(b.control), "down");
	(void)judge(&h, &b, 1, 0);
	(void)judge(&h, &b, 1, 100);
	assert_int_equal(h.state, HEALTH_OK);
	b.has_probe = b.is_asked = false;
	(void)judge(&h, &b, 1, 101);
	(void)judge(&h, &b, 1, 111);
	assert_int_equal(h.state, HEALTH_DEGRADED);
	assert_string_equal(h.reason, "backend nsd1 is down");
	snprintf(b.control, sizeof(b.control), "starting");
	(void)judge(&h, &b, 1, 112);
	(void)judge(&h, &b, 1, 212);
	assert_int_equal(h.state, HEALTH_DEGRADED);
}

static void
judge__unknown__interrupts_both_times(void **state)
{
	(void)state;
	struct health h = {.state = HEALTH_DEGRADED, .since = 7};
	struct health_backend b = backend();
	(void)judge(&h, &b, 1, 0);
	b.is_known = false;
	(void)judge(&h, &b, 1, 29);
	b.is_known = true;
	(void)judge(&h, &b, 1, 31);
	assert_int_equal(h.state, HEALTH_DEGRADED);
	assert_int_equal(h.since, 7);
	(void)judge(&h, &b, 1, 61);
	assert_int_equal(h.state, HEALTH_OK);
}

/* -- the file ----------------------------------------------------------------- */

static char *
slurp(const char *path)
{
	static char text[1024];
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

static void
put_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	fclose(f);
}

static void
file__written__is_read_and_is_for_everybody(void **state)
{
	(void)state;
	char dir[] = "/tmp/nsherd-health-XXXXXX", path[64];
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/health", dir);
	struct health h = {.state = HEALTH_DEGRADED,
			  .since = 42,
			  .reason = "backend nsd1 does not answer"},
		      back = {0};
	struct health_backend b = backend();
	b.silent_us = 1;
	b.n_expired = 3;
	const struct health_report r = {.agent = "ams1",
	    .health = &h,
	    .backends = &b,
	    .n = 1,
	    .at = 50};
	assert_int_equal(health_file_read(path, &back), ERR_NOTFOUND);
	mode_t mask = umask(077);
	assert_int_equal(health_file_write(path, &r), OK);
	umask(mask);
	assert_string_equal(slurp(path),
	    "health=degraded since=42 at=50 agent=ams1 reason=backend nsd1 does not "
	    "answer\n"
	    "backend=nsd1 answers=no control=up serving=100 lost=0 expired=3\n");
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(health_file_read(path, &back), OK);
	assert_int_equal(back.state, HEALTH_DEGRADED);
	assert_int_equal(back.since, 42);
	assert_int_equal(health_file_write("/nonexistent/health", &r), ERR_IO);
	static const char *const bad[] = {"", "health=", "health=fine since=1 at=1",
	    "health=ok", "health=ok since=x ", "ok", "health=okokokokokokokokokok"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put_text(path, bad[i]);
		assert_int_equal(health_file_read(path, &back), ERR_FORM);
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0); /* nothing is left aside */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(judge__first_verdict_good__ok_at_once),
	    cmocka_unit_test(judge__no_backends__ok),
	    cmocka_unit_test(
		judge__silent__degraded_after_a_while_and_ok_after_another),
	    cmocka_unit_test(judge__flapping__stays_what_it_is),
	    cmocka_unit_test(judge__zones__counts_only_what_was_served),
	    cmocka_unit_test(judge__control_down__only_matters_without_a_probe),
	    cmocka_unit_test(judge__unknown__interrupts_both_times),
	    cmocka_unit_test(file__written__is_read_and_is_for_everybody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
