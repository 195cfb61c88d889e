/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/store/store.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "agent/store/inside.h"
#include "agent/store/status.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * The store: a directory with a lock and two LMDB environments.
 *
 * catalog.mdb is the truth, every commit of it synchronous. status.mdb is what
 * was observed: not synchronous, so after a crash of the machine it may be
 * damaged, and it is never even opened then but made anew. Whether the last
 * stop was clean is a record in catalog.mdb, set to "open" for as long as an
 * agent runs; with it stands the version of the status as last noted.
 *
 * Threads: one writer for each environment (writer.c), the only ones that
 * write, with the exception of opening and closing; readers anywhere (txn.c).
 * Maps are set once: a resize under a reader would be a SIGBUS. Pages are
 * written with pwrite(2), never through the map, so a full disk is an error
 * code, and what is committed stays as it was.
 */

/* 1 had in tables what TABLE_ROOT has now, and is read as well; what knows only that
 * one must not be let loose on this one. */
enum { STATE_FORMAT = 2, STATE_FORMAT_MIN = 1 };

static const char catalog_file[] = "catalog.mdb";
static const char status_file[] = "status.mdb";

uint64_t
store_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t
store_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

bool
store_has_room(const struct store *store)
{
	struct statvfs vfs;

	if (fstatvfs(store->dir_fd, &vfs) != 0)
		return true; /* the commit will tell */
	return (uint64_t)vfs.f_bavail * vfs.f_frsize >= STORE_DISK_RESERVE;
}

/* -- the record of how the last stop was ------------------------------------------ */

struct state {
	bool open;
	uint64_t status_version;
};

static void
state_key(struct skey *key)
{
	skey_init(key);
	skey_bytes(key, "state", 5);
}

static void
state_put(struct store_txn *txn, const struct state *state)
{
	struct skey key;

	state_key(&key);
	buf_reset(&txn->buf);
	buf_put_u32(&txn->buf, STATE_FORMAT);
	buf_put_u8(&txn->buf, state->open);
	buf_put_u64(&txn->buf, state->status_version);
	txn_put_buf(txn, TABLE_META, &key);
}

/* ERR_NOTFOUND: a new directory. ERR_UNSUPPORTED: of another format. */
static enum err
state_get(struct store_txn *txn, struct state *state)
{
	MDB_val v;
	struct skey key;
	struct wire_in in;

	state_key(&key);
	enum err err = txn_get(txn, TABLE_META, &key, &v);
	if (err != OK)
		return err;
	wire_in_init(&in, v.mv_data, v.mv_size);
	uint32_t format = wire_get_u32(&in);
	if (in.err == OK && (format < STATE_FORMAT_MIN || format > STATE_FORMAT))
		return ERR_UNSUPPORTED;
	state->open = wire_get_u8(&in) != 0;
	state->status_version = unpack_u64(&in);
	return unpack_end(&in);
}

/* Without the writer's thread, before it starts and after it ended. */
static enum err
state_save(struct store *store, const struct state *state)
{
	struct store_txn txn;

	txn_init(&txn, store, STORE_CATALOG);
	txn_begin(&txn);
	state_put(&txn, state);
	enum err err = txn_commit(&txn);
	txn_fini(&txn);
	return err;
}

static enum err
state_load(struct store *store, struct state *state)
{
	struct store_txn *txn = store_read(store, STORE_CATALOG);
	enum err err = state_get(txn, state);
	uint64_t last;

	if (err == OK)
		err = worklog_last(txn, &last);
	if (err == OK)
		atomic_store(&store->log_seq, last);
	store_end(&txn);
	return err;
}

static enum err
version_run(struct store_txn *txn, struct store_job *job)
{
	struct state state = {.open = true};
	struct store *store = txn->store;

	(void)job;
	state.status_version = atomic_load(&store->version_new);
	state_put(txn, &state);
	return OK;
}

static void
version_done(struct store_job *job, enum err err)
{
	struct store *store =
	    (struct store *)(void *)((char *)job - offsetof(struct store, version_job));

	if (err == OK)
		atomic_store(&store->version_noted, atomic_load(&store->version_new));
	atomic_store(&store->version_busy, false);
}

void
store_note_version(struct store *store, uint64_t version)
{
	if (version - atomic_load(&store->version_noted) < STATUS_VERSION_NOTE ||
	    atomic_exchange(&store->version_busy, true))
		return;
	atomic_store(&store->version_new, version);
	store->version_job =
	    (struct store_job){.run = version_run, .done = version_done};
	writer_submit(&store->sides[STORE_CATALOG].writer, &store->version_job);
}

/* -- opening ------------------------------------------------------------------------
 */

static enum err
fail(struct err_where *where, const struct store *store, enum err err, const char *what)
{
	const char *why = err == ERR_IO ? mem_errno_text(errno) : err_str(err);

	if (where != NULL)
		(void)err_at(where, store->dir, 0, "%s: %s", what, why);
	return err;
}

static enum err
fail_errno(struct err_where *where, const struct store *store, const char *what)
{
	bool full = errno == ENOSPC || errno == EDQUOT;

	return fail(where, store, full ? ERR_FULL : ERR_IO, what);
}

/* A new entry of a directory is durable when the directory is. */
static bool
make_dir(const char *dir)
{
	if (mkdir(dir, 0700) != 0)
		return errno == EEXIST;
	char *parent = mem_printf("%s/..", dir);
	int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(parent);
	if (fd < 0)
		return true; /* not ours to read: the best that can be done */
	bool ok = fsync(fd) == 0;
	close(fd);
	return ok;
}

static enum err
lock_dir(struct store *store, struct err_where *where)
{
	if (!make_dir(store->dir))
		return fail_errno(where, store, "cannot make the directory");
	store->dir_fd = open(store->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->dir_fd < 0)
		return fail_errno(where, store, "cannot open the directory");
	store->lock_fd = openat(store->dir_fd, "lock",
	    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (store->lock_fd < 0)
		return fail_errno(where, store, "cannot open the lock file");
	if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return OK;
	if (errno == EWOULDBLOCK)
		return fail(where, store, ERR_BUSY, "another agent has it open");
	return fail_errno(where, store, "cannot lock");
}

static void
remove_leftovers(struct store *store)
{
	struct dirent *entry;
	DIR *dir = opendir(store->dir);

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, SCRATCH_PREFIX, strlen(SCRATCH_PREFIX)) == 0)
			(void)unlinkat(store->dir_fd, entry->d_name, 0);
	closedir(dir);
}

static enum err
env_open(struct store *store, enum store_env env)
{
	struct store_side *side = &store->sides[env];
	unsigned flags = MDB_NOSUBDIR | MDB_NOTLS;
	const char *file = env == STORE_CATALOG ? catalog_file : status_file;

	if (env == STORE_STATUS)
		flags |= MDB_NOSYNC;
	int rc = mdb_env_create(&side->mdb);
	if (rc != 0) {
		side->mdb = NULL;
		return txn_from_lmdb(rc);
	}
	(void)mdb_env_set_maxdbs(side->mdb, N_TABLES);
	(void)mdb_env_set_maxreaders(side->mdb, STORE_READERS_MAX);
	rc = mdb_env_set_mapsize(side->mdb, store->map_size);
	if (rc == 0) {
		char *path = mem_printf("%s/%s", store->dir, file);
		rc = mdb_env_open(side->mdb, path, flags, 0600);
		free(path);
	}
	if (rc == 0)
		(void)mdb_reader_check(side->mdb, NULL);
	if (rc > 0)
		errno = rc;
	return rc == 0 ? txn_open_tables(store, env) : txn_from_lmdb(rc);
}

static void
env_close(struct store_side *side)
{
	txn_free_readers(side);
	if (side->mdb != NULL)
		mdb_env_close(side->mdb);
	side->mdb = NULL;
}

bool
store_shrink(struct store *store, enum store_env env)
{
	struct store_side *side = &store->sides[env];

	if (!txn_shut(side))
		return false;
	mdb_env_close(side->mdb);
	side->mdb = NULL;
	enum err err = env_open(store, env);
	if (err != OK) /* as after a crash: only a new start helps */
		log_fatal("store", "opening it again failed: %s",
		    err == ERR_IO ? mem_errno_text(errno) : err_str(err));
	txn_open(side);
	mem_trim();
	return true;
}

static enum err
open_catalog(struct store *store, struct state *state, struct err_where *where)
{
	enum err err = env_open(store, STORE_CATALOG);

	if (err != OK)
		return fail(where, store, err, "cannot open catalog.mdb");
	if (fsync(store->dir_fd) != 0)
		return fail_errno(where, store, "cannot sync the directory");
	err = state_load(store, state);
	store->unclean = err == ERR_NOTFOUND || state->open;
	if (err != OK && err != ERR_NOTFOUND)
		return fail(where, store, err, "cannot use catalog.mdb");
	return OK;
}

/* The version, written where there is none. */
static enum err
status_start(struct store *store, uint64_t version)
{
	struct store_txn txn;

	txn_init(&txn, store, STORE_STATUS);
	txn_begin(&txn);
	status_put_version(&txn, version);
	enum err err = txn_commit(&txn);
	txn_fini(&txn);
	return err;
}

static enum err
status_renew(struct store *store, uint64_t version)
{
	static const char lock_suffix[] = "-lock";
	char *lock = mem_printf("%s%s", status_file, lock_suffix);

	env_close(&store->sides[STORE_STATUS]);
	(void)unlinkat(store->dir_fd, status_file, 0);
	(void)unlinkat(store->dir_fd, lock, 0);
	free(lock);
	enum err err = env_open(store, STORE_STATUS);
	return err == OK ? status_start(store, version) : err;
}

/*
 * What is there is used only after a clean stop, and only when it is what that
 * stop left: not when one of the two files was put back from elsewhere.
 */
static enum err
open_status(struct store *store, struct state *state, struct err_where *where)
{
	enum err err = ERR_NOTFOUND;
	uint64_t version = 0;

	if (!store->unclean && faccessat(store->dir_fd, status_file, F_OK, 0) == 0)
		err = env_open(store, STORE_STATUS);
	if (!store->unclean && err == OK) {
		uint64_t touches = 0;
		struct store_txn *txn = store_read(store, STORE_STATUS);
		err = status_touches(txn, &touches);
		atomic_store(&store->touches, touches);
		if (err == OK)
			err = status_version(txn, &version);
		store_end(&txn);
	}
	if (err != OK || version != state->status_version) {
		store->unclean = true;
		atomic_store(&store->touches, 0);
		state->status_version +=
		    state->status_version == 0 ? 1 : STATUS_VERSION_JUMP;
		err = status_renew(store, state->status_version);
	} else {
		/* What was given under a serial before the stop may be told in other
		 * words now: another version, another configuration. */
		err = status_start(store, ++state->status_version);
	}
	return err == OK ? OK : fail(where, store, err, "cannot open status.mdb");
}

static enum err
start(struct store *store, struct err_where *where)
{
	struct state state = {0};

	enum err err = lock_dir(store, where);
	if (err != OK)
		return err;
	remove_leftovers(store);
	err = open_catalog(store, &state, where);
	if (err == OK)
		err = open_status(store, &state, where);
	if (err != OK)
		return err;
	state.open = true;
	atomic_store(&store->version_noted, state.status_version);
	err = state_save(store, &state);
	if (err != OK)
		return fail(where, store, err, "cannot write catalog.mdb");
	for (enum store_env env = STORE_CATALOG; env <= STORE_STATUS; env++) {
		err = writer_start(&store->sides[env].writer, store, env);
		if (err != OK)
			return fail(where, store, err, "cannot start a thread");
	}
	return OK;
}

static void
release(struct store *store)
{
	for (size_t i = 0; i < 2; i++) {
		env_close(&store->sides[i]);
		pthread_cond_destroy(&store->sides[i].opened);
		pthread_mutex_destroy(&store->sides[i].lock);
	}
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	if (store->dir_fd >= 0)
		close(store->dir_fd);
	pthread_mutex_destroy(&store->reap_lock);
	pthread_mutex_destroy(&store->bell_lock);
	replay_forget_index(store);
	free(store->dir);
	free(store);
}

static void
side_init(struct store_side *side)
{
	pthread_mutex_init(&side->lock, NULL);
	pthread_cond_init(&side->opened, NULL);
}

enum err
store_open(const struct store_conf *conf, struct err_where *where,
    struct store **storep)
{
	struct store *store = mem_zalloc(sizeof(*store));

	store->dir = mem_strdup(conf->dir);
	store->dir_fd = store->lock_fd = -1;
	store->map_size = conf->map_size;
	if (store->map_size == 0)
		store->map_size =
		    sizeof(size_t) > 4 ? (size_t)1 << 36 : (size_t)1 << 30;
	store->log_bytes = conf->log_bytes != 0 ? conf->log_bytes : (uint64_t)1 << 28;
	store->wake = conf->wake;
	store->wake_arg = conf->wake_arg;
	store->reap_last = &store->reap_first;
	store->past_bytes =
	    conf->past_bytes != 0 ? conf->past_bytes : (uint64_t)1 << 26;
	pthread_mutex_init(&store->reap_lock, NULL);
	pthread_mutex_init(&store->bell_lock, NULL);
	for (size_t i = 0; i < 2; i++)
		side_init(&store->sides[i]);

	enum err err = start(store, where);
	if (err != OK) {
		for (size_t i = 0; i < 2; i++)
			writer_stop(&store->sides[i].writer);
		release(store);
		return err;
	}
	*storep = store;
	return OK;
}

/* -- closing ------------------------------------------------------------------------
 */

/* What is told of a commit may submit again, to the other side as well. */
static void
drain(struct store *store)
{
	do {
		writer_drain(&store->sides[STORE_CATALOG].writer);
		writer_drain(&store->sides[STORE_STATUS].writer);
		store_reap(store);
	} while (atomic_load(&store->n_live) > 0);
}

void
store_close(struct store *store)
{
	struct state state = {.open = false};

	if (store == NULL)
		return;
	drain(store);
	for (size_t i = 0; i < 2; i++)
		writer_stop(&store->sides[i].writer);
	store_reap(store);

	struct store_txn *txn = store_read(store, STORE_STATUS);
	enum err err = status_version(txn, &state.status_version);
	store_end(&txn);
	/* The status must be on disk before it is called clean. */
	if (err == OK && !atomic_load(&store->is_status_spoilt) &&
	    mdb_env_sync(store->sides[STORE_STATUS].mdb, 1) == 0 &&
	    fsync(store->dir_fd) == 0)
		(void)state_save(store, &state);
	release(store);
}

bool
store_was_unclean(const struct store *store)
{
	return store->unclean;
}

uint64_t
store_log_seq(const struct store *store)
{
	return atomic_load(&store->log_seq);
}

void
store_on_append(struct store *store, void (*fn)(void *arg, uint64_t seq), void *arg)
{
	pthread_mutex_lock(&store->bell_lock);
	assert(store->n_bells < STORE_BELLS_MAX);
	store->bells[store->n_bells++] = (struct store_bell){.fn = fn, .arg = arg};
	pthread_mutex_unlock(&store->bell_lock);
}

void
store_off_append(struct store *store, const void *arg)
{
	size_t n = 0;

	pthread_mutex_lock(&store->bell_lock);
	for (size_t i = 0; i < store->n_bells; i++)
		if (store->bells[i].arg != arg)
			store->bells[n++] = store->bells[i];
	store->n_bells = n;
	pthread_mutex_unlock(&store->bell_lock);
}

static uint64_t
used(struct store_side *side)
{
	MDB_stat stat;
	MDB_envinfo info;

	if (mdb_env_info(side->mdb, &info) != 0 || mdb_env_stat(side->mdb, &stat) != 0)
		return 0;
	return ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
}

void
store_trim(struct store *store, enum store_env env)
{
	int fd;
	struct stat st;
	uint64_t size = used(&store->sides[env]);

	/* No snapshot, of whatever age, has pages beyond the last commit's. */
	if (size == 0 || mdb_env_get_fd(store->sides[env].mdb, &fd) != 0 ||
	    fstat(fd, &st) != 0 || (uint64_t)st.st_size <= size)
		return;
	(void)!ftruncate(fd, (off_t)size);
}

void
store_get_space(struct store *store, struct store_space *space)
{
	struct statvfs vfs;

	*space = (struct store_space){.map_size = store->map_size};
	if (fstatvfs(store->dir_fd, &vfs) == 0)
		space->disk_free = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	for (size_t i = 0; i < 2; i++)
		txn_enter(&store->sides[i]);
	space->catalog_used = used(&store->sides[STORE_CATALOG]);
	space->status_used = used(&store->sides[STORE_STATUS]);
	for (size_t i = 0; i < 2; i++)
		txn_leave(&store->sides[i]);
}
