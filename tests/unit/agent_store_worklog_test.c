/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_store_fixture.h"

#include "agent/store/worklog.h"

static uint64_t
append(struct store_txn *txn, uint8_t catalog, uint32_t from, uint32_t to, size_t size)
{
	uint8_t *del = calloc(1, size + 1);
	struct work w = {.kind = WORK_MEMBER,
	    .catalog = catalog,
	    .serial_from = from,
	    .serial_to = to,
	    .del = del,
	    .del_size = size};

	worklog_append(txn, &w);
	free(del);
	return w.seq;
}

struct seen {
	size_t n;
	uint64_t first, last, stop_at;
};

static enum err
see(void *arg, const struct work *w)
{
	struct seen *seen = arg;

	if (seen->n++ == 0)
		seen->first = w->seq;
	else
		assert_true(w->seq == seen->last + 1);
	seen->last = w->seq;
	return w->seq == seen->stop_at ? ERR_CANCELED : OK;
}

static enum err
check_entry(void *arg, const struct work *w)
{
	(void)arg;
	assert_true(w->seq == 1 && w->kind == WORK_COMMAND && w->catalog == 3);
	assert_true(w->time == 1700000000 && w->serial_from == 5 && w->serial_to == 5);
	assert_string_equal(w->by, "ctl.example");
	assert_string_equal(w->source, "192.0.2.1@4711 udp");
	assert_string_equal(w->text, "refresh");
	assert_int_equal(w->del_size, 2);
	assert_memory_equal(w->del, "ab", 2);
	assert_int_equal(w->add_size, 3);
	assert_memory_equal(w->add, "cde", 3);
	return OK;
}

static void
worklog_append__read_back__all_of_it(void **state)
{
	struct fixture *f = *state;
	struct work w = {.kind = WORK_COMMAND,
	    .catalog = 3,
	    .time = 1700000000,
	    .serial_from = 5,
	    .serial_to = 5,
	    .by = "ctl.example",
	    .source = "192.0.2.1@4711 udp",
	    .del = (const uint8_t *)"ab",
	    .del_size = 2,
	    .add = (const uint8_t *)"cde",
	    .add_size = 3,
	    .text = "refresh"};
	uint64_t seq;

	struct store_txn *txn = begin(f, STORE_CATALOG);
	worklog_append(txn, &w);
	assert_true(w.seq == 1);
	assert_int_equal(worklog_each(txn, 0, 9, check_entry, NULL), OK);
	commit(f);
	txn = store_read(f->store, STORE_CATALOG);
	assert_int_equal(worklog_each(txn, 0, 9, check_entry, NULL), OK);
	/* nothing left a serial */
	assert_int_equal(worklog_find_serial(txn, 3, 5, &seq), ERR_NOTFOUND);
	store_end(&txn);
}

static void
worklog_each__empty_log__ends_or_is_pruned(void **state)
{
	struct fixture *f = *state;
	struct seen seen = {.n = 0};
	uint64_t first = 1, last = 1;

	struct store_txn *txn = store_read(f->store, STORE_CATALOG);
	assert_int_equal(worklog_range(txn, &first, &last), OK);
	assert_true(first == 0 && last == 0);
	assert_int_equal(worklog_each(txn, 0, 9, see, &seen), OK);
	assert_int_equal(seen.n, 0);
	assert_int_equal(worklog_each(txn, 7, 9, see, &seen), ERR_NOTFOUND);
	store_end(&txn);
}

static void
worklog_each__pages_and_errors__as_told(void **state)
{
	struct fixture *f = *state;
	struct seen seen = {.n = 0};

	struct store_txn *txn = begin(f, STORE_CATALOG);
	for (uint32_t i = 1; i <= 100; i++)
		assert_true(append(txn, 1, i, i + 1, 10) == i);
	assert_int_equal(worklog_each(txn, 40, 10, see, &seen), OK);
	assert_true(seen.n == 10 && seen.first == 41 && seen.last == 50);
	seen = (struct seen){.stop_at = 95};
	assert_int_equal(worklog_each(txn, 90, 100, see, &seen), ERR_CANCELED);
	assert_true(seen.n == 5);
	seen = (struct seen){.n = 0};
	assert_int_equal(worklog_each(txn, 100, 100, see, &seen), OK);
	assert_int_equal(seen.n, 0);
	assert_int_equal(worklog_each(txn, 101, 100, see, &seen), ERR_NOTFOUND);
	commit(f);
}

static void
worklog_append__beyond_the_bytes__prunes_the_oldest(void **state)
{
	struct fixture *f = *state;
	struct seen seen = {.n = 0};
	uint64_t first, last, seq;

	fixture_close(f);
	f->conf.log_bytes = 1 << 20;
	fixture_open(f);
	for (uint32_t round = 0; round < 20; round++) {
		struct store_txn *txn = begin(f, STORE_CATALOG);
		for (uint32_t i = 1; i <= 100; i++)
			append(txn, 1, round * 100 + i, round * 100 + i + 1, 6000);
		commit(f);
	}
	struct store_txn *txn = store_read(f->store, STORE_CATALOG);
	assert_int_equal(worklog_range(txn, &first, &last), OK);
	assert_true(last == 2000);
	/* two pages an entry; a sixteenth is free after pruning */
	assert_true(last - first + 1 <= (1 << 20) / 8192);
	assert_true(last - first + 1 >= (1 << 20) / 8192 * 15 / 16);
	assert_int_equal(worklog_each(txn, first - 1, SIZE_MAX, see, &seen), OK);
	assert_true(seen.first == first && seen.last == last);
	assert_int_equal(worklog_each(txn, first - 2, 9, see, &seen), ERR_NOTFOUND);
	assert_int_equal(worklog_find_serial(txn, 1, (uint32_t)first, &seq), OK);
	assert_true(seq == first);
	assert_int_equal(worklog_find_serial(txn, 1, (uint32_t)first - 1, &seq),
	    ERR_NOTFOUND);
	store_end(&txn);

	/* the file does not grow with what was pruned */
	struct store_space space;
	store_get_space(f->store, &space);
	assert_true(space.catalog_used < 6 << 20);
}

static void
worklog_append__larger_than_the_log__newest_stays(void **state)
{
	struct fixture *f = *state;
	uint64_t first, last;

	fixture_close(f);
	f->conf.log_bytes = 1000;
	fixture_open(f);
	struct store_txn *txn = begin(f, STORE_CATALOG);
	for (uint32_t i = 1; i <= 200; i++)
		append(txn, 1, i, i + 1, 10);
	append(txn, 1, 201, 202, 100000);
	assert_int_equal(worklog_range(txn, &first, &last), OK);
	assert_true(first == 201 && last == 201);
	commit(f);
	/* and the sequence goes on after a restart */
	fixture_close(f);
	fixture_open(f);
	assert_true(store_log_seq(f->store) == 201);
	txn = begin(f, STORE_CATALOG);
	assert_true(append(txn, 1, 202, 203, 10) == 202);
	assert_int_equal(worklog_range(txn, &first, &last), OK);
	assert_true(first == 202 && last == 202);
	commit(f);
}

static void
worklog_append__many_small_before_large__comes_down_in_bounded_steps(void **state)
{
	struct fixture *f = *state;
	uint64_t first, last, before;

	fixture_close(f);
	f->conf.log_bytes = 64000;
	fixture_open(f);
	struct store_txn *txn = begin(f, STORE_CATALOG);
	for (uint32_t i = 1; i <= 600; i++)
		append(txn, 1, i, i + 1, 1);
	assert_int_equal(worklog_range(txn, &before, &last), OK);
	append(txn, 1, 601, 602, 60000);
	assert_int_equal(worklog_range(txn, &first, &last), OK);
	assert_true(first == before + 64); /* bounded work for one append */
	for (uint32_t i = 602; i <= 612; i++)
		append(txn, 1, i, i + 1, 1);
	assert_int_equal(worklog_range(txn, &first, &last), OK);
	assert_true(first > 580);
	commit(f);
}

static void
worklog_find_serial__across_the_wrap__newest_entry(void **state)
{
	struct fixture *f = *state;
	uint64_t seq;

	fixture_close(f);
	f->conf.log_bytes = 36000;
	fixture_open(f);
	struct store_txn *txn = begin(f, STORE_CATALOG);
	append(txn, 1, UINT32_MAX - 1, UINT32_MAX, 1900);
	append(txn, 1, UINT32_MAX, 1, 1900);
	append(txn, 1, 1, 2, 1900);
	append(txn, 2, 1, 9, 10);
	assert_int_equal(worklog_find_serial(txn, 1, UINT32_MAX, &seq), OK);
	assert_true(seq == 2);
	assert_int_equal(worklog_find_serial(txn, 1, 1, &seq), OK);
	assert_true(seq == 3);
	assert_int_equal(worklog_find_serial(txn, 2, 1, &seq), OK);
	assert_true(seq == 4);
	assert_int_equal(worklog_find_serial(txn, 1, 2, &seq), ERR_NOTFOUND);
	/* the same serial left once more, then the first of them pruned */
	append(txn, 1, 1, 2, 10);
	append(txn, 1, 2, 3, 30000);
	uint64_t first, last;
	assert_int_equal(worklog_range(txn, &first, &last), OK);
	assert_true(first > 3 && first <= 5);
	assert_int_equal(worklog_find_serial(txn, 1, 1, &seq), OK);
	assert_true(seq == 5);
	assert_int_equal(worklog_find_serial(txn, 1, UINT32_MAX, &seq), ERR_NOTFOUND);
	commit(f);
}

static void
worklog_pruned_at__after_pruning__nothing_goes_for_a_while(void **state)
{
	struct fixture *f = *state;
	uint64_t seq, at = 0, first, last;
	unsigned n_appends = 0, n_pruning = 0;

	fixture_close(f);
	f->conf.log_bytes = 1 << 20;
	fixture_open(f);
	struct store_txn *txn = begin(f, STORE_CATALOG);
	assert_int_equal(worklog_pruned_at(txn, &seq), OK);
	assert_true(seq == 0);
	for (uint32_t i = 1; i <= 30000; i++) {
		append(txn, 1, i, i + 1, 10);
		assert_int_equal(worklog_pruned_at(txn, &at), OK);
		n_appends += at != 0;
		n_pruning += at == i;
	}
	assert_true(n_appends > 10000);
	assert_true(n_pruning < n_appends / 50);
	commit(f);
	fixture_close(f);
	fixture_open(f);
	txn = begin(f, STORE_CATALOG);
	assert_int_equal(worklog_pruned_at(txn, &seq), OK);
	assert_true(seq == at);
	assert_int_equal(worklog_range(txn, &first, &last), OK);
	assert_true(first > 1 && at >= first && at <= last);
	commit(f);
}

static void
work_rr__damage__ends_the_list(void **state)
{
	struct buf buf;
	struct work_rr rr = {.prefix = (const uint8_t *)"\1a",
	    .prefix_size = 2,
	    .type = 12,
	    .ttl = 5,
	    .rdata = (const uint8_t *)"xyz",
	    .rdata_size = 3};
	size_t pos = 0, n = 0;

	(void)state;
	buf_init(&buf, 0);
	work_rr_put(&buf, &rr);
	rr.prefix_size = 0;
	rr.rdata_size = 0;
	work_rr_put(&buf, &rr);
	while (work_rr_next(buf.data, buf.size, &pos, &rr))
		n++;
	assert_int_equal(n, 2);
	for (size_t size = 0; size < buf.size; size++) {
		uint8_t *exact = malloc(size + 1);
		memcpy(exact, buf.data, size);
		pos = n = 0;
		while (work_rr_next(exact, size, &pos, &rr))
			n++;
		assert_true(n == (size >= 14));
		free(exact);
	}
	buf_fini(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(worklog_append__read_back__all_of_it),
	    TEST(worklog_each__empty_log__ends_or_is_pruned),
	    TEST(worklog_each__pages_and_errors__as_told),
	    TEST(worklog_append__beyond_the_bytes__prunes_the_oldest),
	    TEST(worklog_append__larger_than_the_log__newest_stays),
	    TEST(worklog_append__many_small_before_large__comes_down_in_bounded_steps),
	    TEST(worklog_find_serial__across_the_wrap__newest_entry),
	    TEST(worklog_pruned_at__after_pruning__nothing_goes_for_a_while),
	    cmocka_unit_test(work_rr__damage__ends_the_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
