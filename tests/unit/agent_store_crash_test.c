/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_store_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "agent/store/catalogs.h"
#include "agent/store/members.h"
#include "agent/store/worklog.h"

/*
 * A child writes members with several threads, says on a pipe which it submits
 * and which were acknowledged, and is killed. Afterwards: what was acknowledged
 * is there; what is there was submitted; members, index, head and log agree.
 */

enum { ROUNDS = 20, WRITERS = 4, MEMBERS_MAX = 60000 };

struct report {
	char what; /* 's' submitted, 'a' acknowledged */
	uint8_t writer;
	uint32_t nr;
};

struct add_job {
	struct store_job job;
	uint32_t nr;
};

static struct label
id_of(uint32_t nr)
{
	char text[32];

	snprintf(text, sizeof(text), "m%u", nr);
	return label_of(text);
}

static struct dname
zone_of(uint32_t nr)
{
	char text[64];

	snprintf(text, sizeof(text), "z%u.example", nr * 2654435761u);
	return dn(text);
}

static enum err
run_add(struct store_txn *txn, struct store_job *job)
{
	struct member m;
	struct catalog_head head;
	const struct add_job *add = (struct add_job *)job;

	enum err err = catalogs_get(txn, 1, &head);
	if (err != OK)
		return err;
	member_init(&m);
	m.id = id_of(add->nr);
	m.zone = zone_of(add->nr);
	members_put(txn, 1, &m);
	struct work w = {.kind = WORK_MEMBER,
	    .catalog = 1,
	    .serial_from = head.soa.serial,
	    .serial_to = serial_next(head.soa.serial)};
	worklog_append(txn, &w);
	head.soa.serial = w.serial_to;
	head.seq = w.seq;
	head.n_members++;
	catalogs_put(txn, &head);
	return OK;
}

struct child {
	struct store *store;
	int fd;
	uint8_t writer;
	uint32_t first;
};

static void
say(int fd, char what, uint8_t writer, uint32_t nr)
{
	struct report r;

	memset(&r, 0, sizeof(r));
	r.what = what;
	r.writer = writer;
	r.nr = nr;
	if (write(fd, &r, sizeof(r)) != sizeof(r))
		_exit(1);
}

static void *
child_writer(void *arg)
{
	struct child *c = arg;

	for (uint32_t nr = c->first + c->writer;; nr += WRITERS) {
		struct add_job add = {.job.run = run_add, .nr = nr};
		say(c->fd, 's', c->writer, nr);
		if (store_call(c->store, STORE_CATALOG, &add.job) != OK)
			_exit(2);
		say(c->fd, 'a', c->writer, nr);
	}
	return NULL;
}

static void
child_main(struct fixture *f, int fd, uint32_t first)
{
	struct child children[WRITERS];

	fixture_open(f);
	for (uint8_t i = 0; i < WRITERS; i++) {
		pthread_t thread;
		children[i] = (struct child){.store = f->store,
		    .fd = fd,
		    .writer = i,
		    .first = first};
		if (pthread_create(&thread, NULL, child_writer, &children[i]) != 0)
			_exit(3);
	}
	for (;;)
		pause();
}

struct known {
	bool submitted[MEMBERS_MAX], acknowledged[MEMBERS_MAX];
	uint32_t next; /* beyond all submitted */
	uint64_t n_stored;
};

static void
listen_to(int fd, struct known *k)
{
	struct report r;

	while (read(fd, &r, sizeof(r)) == sizeof(r)) {
		assert_true(r.nr < MEMBERS_MAX);
		if (r.what == 's')
			k->submitted[r.nr] = true;
		else
			k->acknowledged[r.nr] = true;
		if (r.nr >= k->next)
			k->next = r.nr + 1;
	}
}

static enum err
check_member(void *arg, const struct member *m)
{
	struct known *k = arg;
	char text[64] = {0};

	memcpy(text, m->id.data + 1, m->id.size - 1u);
	unsigned long nr = strtoul(text, NULL, 10);
	assert_true(nr < MEMBERS_MAX && k->submitted[nr]);
	k->n_stored++;
	return OK;
}

static void
check_store(struct fixture *f, struct known *k)
{
	struct catalog_head head;
	uint64_t first, last;
	struct label id;

	fixture_open(f);
	assert_true(store_was_unclean(f->store));
	struct store_txn *txn = store_read(f->store, STORE_CATALOG);
	for (uint32_t nr = 0; nr < k->next; nr++) {
		struct dname zone = zone_of(nr);
		struct label expected = id_of(nr);
		if (!k->acknowledged[nr])
			continue;
		assert_int_equal(members_find_zone(txn, 1, &zone, &id), OK);
		assert_true(label_equal(&id, &expected));
	}
	k->n_stored = 0;
	assert_int_equal(members_each(txn, 1, NULL, SIZE_MAX, check_member, k), OK);
	uint64_t by_id = k->n_stored;
	k->n_stored = 0;
	assert_int_equal(members_each_by_zone(txn, 1, NULL, SIZE_MAX, check_member, k),
	    OK);
	assert_true(k->n_stored == by_id);
	assert_int_equal(catalogs_get(txn, 1, &head), OK);
	assert_true(head.n_members == by_id && head.soa.serial == 1 + by_id);
	assert_int_equal(worklog_range(txn, &first, &last), OK);
	assert_true(last == by_id && head.seq == last);
	assert_true(store_log_seq(f->store) == last);
	store_end(&txn);
	fixture_close(f);
}

static void
one_round(struct fixture *f, struct known *k, unsigned delay_us)
{
	int fds[2], status;

	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(fds[0]);
		child_main(f, fds[1], k->next);
	}
	close(fds[1]);
	/* From its first word on, so that a slow start is no empty round. */
	struct report r;
	assert_true(read(fds[0], &r, sizeof(r)) == sizeof(r));
	assert_int_equal(r.what, 's');
	k->submitted[r.nr] = true;
	k->next = r.nr >= k->next ? r.nr + 1 : k->next;
	usleep(delay_us);
	kill(pid, SIGKILL);
	listen_to(fds[0], k);
	close(fds[0]);
	assert_true(waitpid(pid, &status, 0) == pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	check_store(f, k);
}

static void
store__killed_under_load__keeps_what_it_acknowledged(void **state)
{
	struct fixture *f = *state;
	struct known *k = calloc(1, sizeof(*k));
	struct catalog_head head = {.name = dn("catalog.example.")};
	uint32_t n_acknowledged = 0;

	head.soa.mname = head.soa.rname = dname_root;
	head.soa.serial = 1;
	assert_int_equal(catalogs_add(begin(f, STORE_CATALOG), &head), OK);
	commit(f);
	fixture_close(f);
	srand((unsigned)getpid());
	for (unsigned i = 0; i < ROUNDS; i++)
		one_round(f, k, (unsigned)rand() % 30000);
	for (uint32_t i = 0; i < k->next; i++)
		n_acknowledged += k->acknowledged[i];
	assert_true(n_acknowledged > 0);
	print_message("%u acknowledged, %u stored\n", n_acknowledged,
	    (unsigned)k->n_stored);
	free(k);
	fixture_open(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(store__killed_under_load__keeps_what_it_acknowledged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
