/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/probe/ask.h"
#include "agent/probe/pace.h"

static struct dname
name_of(const char *text)
{
	struct dname name;
	assert_int_equal(dname_parse(text, &name), OK);
	return name;
}

static void
ask_queue_put__many__come_out_by_time(void **state)
{
	(void)state;
	enum { N = 20000 };
	struct ask_queue q;
	ask_queue_init(&q);
	for (unsigned i = 0; i < N; i++) {
		char text[32];
		snprintf(text, sizeof(text), "z%u.test", i);
		struct dname zone = name_of(text);
		assert_true(ask_queue_put(&q, ask_new(&zone, i * 7919u % 1000)));
	}
	uint64_t last = 0;
	for (unsigned i = 0; i < N; i++) {
		struct ask *ask = ask_queue_first(&q);
		assert_non_null(ask);
		assert_true(ask->at_ms >= last);
		last = ask->at_ms;
		ask_queue_take(&q, ask);
		assert_true(ask_queue_done(&q, ask));
	}
	assert_null(ask_queue_first(&q));
	assert_int_equal(q.n, 0);
	ask_queue_fini(&q);
}

static void
ask_queue_put__same_zone__moves_to_the_earlier_time(void **state)
{
	(void)state;
	struct ask_queue q;
	struct dname a = name_of("a.test"), b = name_of("b.test");
	ask_queue_init(&q);
	assert_true(ask_queue_put(&q, ask_new(&a, 100)));
	assert_true(ask_queue_put(&q, ask_new(&b, 50)));
	assert_false(ask_queue_put(&q, ask_new(&a, 200)));
	assert_int_equal(ask_queue_first(&q)->at_ms, 50);
	assert_false(ask_queue_put(&q, ask_new(&a, 10)));
	assert_int_equal(ask_queue_first(&q)->at_ms, 10);
	assert_int_equal(q.n, 2);
	ask_queue_fini(&q);
}

static void
ask_queue_put__under_way__is_asked_once_more(void **state)
{
	(void)state;
	struct ask_queue q;
	struct dname a = name_of("a.test");
	ask_queue_init(&q);
	assert_true(ask_queue_put(&q, ask_new(&a, 1)));
	struct ask *ask = ask_queue_first(&q);
	ask_queue_take(&q, ask);
	assert_null(ask_queue_first(&q));
	assert_false(ask_queue_put(&q, ask_new(&a, 70)));
	assert_false(ask_queue_put(&q, ask_new(&a, 60)));
	assert_null(ask_queue_first(&q));
	assert_false(ask_queue_done(&q, ask));
	assert_ptr_equal(ask_queue_first(&q), ask);
	assert_int_equal(ask->at_ms, 60);
	ask_queue_take(&q, ask);
	assert_true(ask_queue_done(&q, ask));
	ask_queue_fini(&q);
}

static void
ask_list__any_order_of_leaving__stays_whole(void **state)
{
	(void)state;
	struct dname a = name_of("a.test");
	struct ask_list l = {0};
	struct ask *asks[3];
	for (size_t i = 0; i < 3; i++)
		ask_list_add(&l, asks[i] = ask_new(&a, i));
	ask_list_del(&l, asks[1]);
	assert_ptr_equal(l.first, asks[0]);
	assert_ptr_equal(l.last, asks[2]);
	ask_list_del(&l, asks[2]);
	assert_ptr_equal(l.last, asks[0]);
	ask_list_del(&l, asks[0]);
	assert_null(l.first);
	assert_null(l.last);
	assert_int_equal(l.n, 0);
	for (size_t i = 0; i < 3; i++)
		ask_free(asks[i]);
}

static void
pace_take__rate_and_burst__are_kept(void **state)
{
	(void)state;
	struct pace p;
	pace_init(&p, 100, 5);
	uint64_t now = 1000000;
	unsigned n = 0;
	while (pace_take(&p, now))
		n++;
	assert_int_equal(n, 5);
	assert_int_equal(pace_wait_us(&p, now), 10000);
	assert_false(pace_take(&p, now + 9999));
	assert_true(pace_take(&p, now + 10000));
	/* a second, asked each millisecond */
	n = 0;
	for (uint64_t t = now + 10000; t < now + 1010000; t += 1000)
		n += pace_take(&p, t);
	assert_in_range(n, 98, 101);
}

static void
pace_take__no_rate__never_waits(void **state)
{
	(void)state;
	struct pace p;
	pace_init(&p, 0, 0);
	for (size_t i = 0; i < 1000; i++)
		assert_true(pace_take(&p, 1));
	assert_int_equal(pace_wait_us(&p, 1), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ask_queue_put__many__come_out_by_time),
	    cmocka_unit_test(ask_queue_put__same_zone__moves_to_the_earlier_time),
	    cmocka_unit_test(ask_queue_put__under_way__is_asked_once_more),
	    cmocka_unit_test(ask_list__any_order_of_leaving__stays_whole),
	    cmocka_unit_test(pace_take__rate_and_burst__are_kept),
	    cmocka_unit_test(pace_take__no_rate__never_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
