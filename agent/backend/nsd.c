/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/nsd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/backend/drivers.h"
#include "agent/backend/nsd_reply.h"
#include "agent/backend/spool.h"
#include "lib/mem.h"

/*
 * The driver of NSD, written against 4.6.1 and the texts of later versions.
 *
 * NSD takes orders on a control socket (nsd_chan.c, nsd_reply.c): one request
 * a connection, read byte by byte by the thread that also does transfers, so
 * we never hold a connection that we do not write to. Zones are added and
 * removed in bulk (nsd_apply.c), under patterns; NSD has no per-zone settings,
 * so each set of settings is one native pattern nsherd-<pattern>.<version>.
 * <hash>, which is also our mark on a zone. They stand, with their TSIG keys,
 * in a file that nsd.conf includes (nsd_include.c, nsd_native.c), and NSD reads
 * them by `reconfig` (nsd_load.c), after nsd-checkconf (nsd_check.c). Which
 * zones there are: nsd_find.c. The [backend] section: nsd_conf.c.
 *
 * What must never happen: a pattern taken away that a zone is under; a batch
 * sent again without a look whose end was not seen; a zone of nsd.conf or under
 * another pattern touched; a file outside zone-dir removed.
 */

enum { BOOT_ASK_MS = 300000 };

enum err
nsd_fail(struct backend_error *why, enum err err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return err;
}

static int64_t
clock_ms(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
nsd_now_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

/* -- which process is it? -------------------------------------------------- */

/* The whole of a small file of /proc, NUL-terminated. */
static bool
read_proc(pid_t pid, const char *file, char *out, size_t out_size, size_t *size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return false;
	n = read(fd, out, out_size - 1);
	close(fd);
	if (n <= 0)
		return false;
	out[n] = '\0';
	*size = (size_t)n;
	return true;
}

/* Of the fields of stat, by their numbers in proc(5). */
static bool
read_stat(pid_t pid, unsigned field, unsigned long long *value)
{
	char stat[1024], *at;
	size_t size;

	if (pid <= 0 || !read_proc(pid, "stat", stat, sizeof(stat), &size))
		return false;
	at = strrchr(stat, ')'); /* ends field 2, which may hold anything */
	for (unsigned i = 2; at != NULL && i < field; i++)
		at = strchr(at + 1, ' ');
	return at != NULL && sscanf(at, " %llu", value) == 1;
}

enum { STAT_PPID = 4, STAT_START = 22 /* clock ticks after boot */ };

static bool
is_nsd(pid_t pid)
{
	char comm[64];
	size_t size;

	return pid > 0 && read_proc(pid, "comm", comm, sizeof(comm), &size) &&
	       strncmp(comm, "nsd", 3) == 0;
}

struct value {
	const char *name;
	char text[64];
};

static enum err
take_value(void *arg, const char *line)
{
	struct value *v = arg;
	const char *text = v->name[0] == '\0' ? line : nsd_reply_value(line, v->name);

	if (text != NULL && v->text[0] == '\0')
		snprintf(v->text, sizeof(v->text), "%s", text);
	return OK;
}

static enum err
ask_value(struct nsd *nsd, const char *command, const char *name, char text[static 64],
    struct backend_error *why)
{
	struct value v = {.name = name};
	enum err err = nsd_chan_command(&nsd->chan, take_value, &v, why, "%s", command);

	if (err == OK && v.text[0] == '\0')
		err = nsd_fail(why, ERR_IO, "%s: no %s in the answer", command,
		    name[0] != '\0' ? name : "text");
	if (err == OK)
		memcpy(text, v.text, sizeof(v.text));
	return err;
}

/*
 * The local process that is NSD's first, or 0. Over a unix socket the kernel
 * tells who made it listen: that is it, if NSD runs in the foreground; when it
 * made itself a daemon it is gone since, and NSD is asked for the process that
 * it calls its server, whose parent it is.
 */
static enum err
find_server(struct nsd *nsd, pid_t *pid, struct backend_error *why)
{
	pid_t peer = nsd->chan.peer;
	unsigned long long start, parent;
	char text[64];
	enum err err;

	*pid = 0;
	if (!nsd->chan.is_unix)
		return OK;
	if (peer == nsd->peer && is_nsd(nsd->pid) &&
	    read_stat(nsd->pid, STAT_START, &start) && start == nsd->start) {
		*pid = nsd->pid;
		return OK;
	}
	if (is_nsd(peer)) {
		*pid = peer;
	} else {
		err = ask_value(nsd, "serverpid", "", text, why);
		if (err != OK)
			return err;
		*pid = (pid_t)strtol(text, NULL, 10);
		if (!is_nsd(*pid))
			*pid = 0; /* of another name space, such as a container's */
		else if (read_stat(*pid, STAT_PPID, &parent) && is_nsd((pid_t)parent))
			*pid = (pid_t)parent;
	}
	nsd->peer = peer;
	nsd->pid = *pid;
	if (!read_stat(*pid, STAT_START, &nsd->start))
		nsd->pid = *pid = 0;
	return OK;
}

/*
 * Otherwise there is the pid of the server process, which is cheap, and may be
 * the same again in a container; and the time since the start, which costs NSD
 * a reload, and so is asked for rarely.
 */
static enum err
process_by_asking(struct nsd *nsd, char process[static 64], int64_t *started_ms,
    struct backend_error *why)
{
	char pid[64], boot[64];
	int64_t now = clock_ms(CLOCK_MONOTONIC), started = nsd->started_ms;
	bool same_pid;
	enum err err = ask_value(nsd, "serverpid", "", pid, why);

	if (err != OK)
		return err;
	same_pid = strncmp(nsd->process, pid, strlen(pid)) == 0 &&
		   nsd->process[strlen(pid)] == '@';
	if (!same_pid || nsd->boot_seen_ms == 0 ||
	    now - nsd->boot_seen_ms > BOOT_ASK_MS) {
		err = ask_value(nsd, "stats_noreset", "time.boot", boot, why);
		if (err != OK)
			return err;
		started = nsd_now_ms() - (int64_t)(strtod(boot, NULL) * 1000);
		/* The clocks of two readings never agree to the millisecond. */
		if (same_pid && llabs(started - nsd->started_ms) < 5000)
			started = nsd->started_ms;
		nsd->boot_seen_ms = now;
	}
	*started_ms = started;
	snprintf(process, 64, "%.20s@%lld", pid, (long long)started / 1000);
	return OK;
}

static void
forget_places(struct nsd *nsd)
{
	free(nsd->config);
	free(nsd->zonelist);
	free(nsd->checkconf);
	nsd->config = nsd->zonelist = nsd->checkconf = NULL;
}

enum err
nsd_look(struct nsd *nsd, struct backend_error *why)
{
	unsigned long long hertz = (unsigned long long)sysconf(_SC_CLK_TCK);
	char version[64], process[64];
	int64_t started_ms;
	pid_t pid;
	enum err err = ask_value(nsd, "status", "version", version, why);

	if (err == OK)
		err = find_server(nsd, &pid, why);
	if (err != OK)
		return err;
	if (pid != 0) {
		snprintf(process, sizeof(process), "%ld:%llu", (long)pid, nsd->start);
		started_ms = nsd_now_ms() - clock_ms(CLOCK_BOOTTIME) +
			     (int64_t)(nsd->start * 1000 / hertz);
	} else {
		err = process_by_asking(nsd, process, &started_ms, why);
		if (err != OK)
			return err;
	}
	if (strcmp(nsd->process, process) != 0)
		forget_places(nsd);
	snprintf(nsd->version, sizeof(nsd->version), "%.31s", version);
	memcpy(nsd->process, process, sizeof(process));
	nsd->started_ms = started_ms;
	return OK;
}

static enum err
nsd_identify(void *ctx, struct backend_identity *id, struct backend_error *why)
{
	struct nsd *nsd = ctx;
	enum err err = nsd_look(nsd, why);

	if (err != OK)
		return err;
	memset(id, 0, sizeof(*id));
	strcpy(id->product, "NSD");
	memcpy(id->version, nsd->version, sizeof(id->version));
	memcpy(id->process, nsd->process, sizeof(id->process));
	return OK;
}

/* -- where its files are --------------------------------------------------- */

/* The argument of -c in a command line whose words end in NULs. */
static const char *
find_config(const char *words, size_t size)
{
	const char *end = words + size;

	for (const char *w = words; w < end; w += strlen(w) + 1) {
		if (strncmp(w, "-c", 2) != 0)
			continue;
		if (w[2] != '\0')
			return w + 2;
		w += strlen(w) + 1;
		return w < end ? w : NULL;
	}
	return NULL;
}

/* Beside the server, else where packages and sources put it. */
static char *
find_checkconf(const char *server)
{
	static const char *const dirs[] = {"/usr/sbin", "/usr/local/sbin", "/sbin"};
	const char *slash = strrchr(server, '/');
	char *path;

	if (server[0] == '/') {
		path = mem_printf("%.*s/nsd-checkconf", (int)(slash - server), server);
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		path = mem_printf("%s/nsd-checkconf", dirs[i]);
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return mem_strdup("nsd-checkconf");
}

enum err
nsd_locate(struct nsd *nsd, struct backend_error *why)
{
	const char *config = backend_option(&nsd->conf, "config", NULL);
	const char *zonelist = backend_option(&nsd->conf, "zonelist", NULL);
	char words[8192] = "";
	size_t size = 0;
	enum err err = OK;

	if (nsd->config != NULL && nsd->zonelist != NULL && nsd->zonelist[0] != '\0')
		return OK;
	if (nsd->process[0] == '\0')
		err = nsd_look(nsd, why); /* tells who is at the other end */
	if (err != OK)
		return err;
	forget_places(nsd);
	if (nsd->pid != 0)
		read_proc(nsd->pid, "cmdline", words, sizeof(words), &size);
	if (config == NULL && size > 0)
		config = find_config(words, size);
	if (config == NULL)
		config = "/etc/nsd/nsd.conf";
	if (config[0] != '/')
		return nsd_fail(why, ERR_INVALID,
		    "nsd was started with the relative path -c %.80s: the backend "
		    "needs config",
		    config);
	nsd->config = mem_strdup(config);
	nsd->checkconf = find_checkconf(words);
	if (zonelist != NULL)
		nsd->zonelist = mem_strdup(zonelist);
	else
		err = nsd_check_value(nsd, "zonelistfile", &nsd->zonelist, why);
	if (err != OK && err != ERR_CANCELED) {
		/* A broken nsd.conf hides where the list is; NSD can be asked. */
		nsd->zonelist = mem_strdup("");
		err = OK;
	}
	return err;
}

/* -- which zones it has ---------------------------------------------------- */

struct listing {
	struct nsd *nsd;
	backend_zone_fn *fn;
	void *arg;
};

/* A native pattern that we keep empty is no mark: the zone must be changed. */
static const char *
mark_of_pattern(const struct nsd *nsd, const char *pattern)
{
	const struct nsd_native *native;

	if (!nsd_native_is_ours(pattern))
		return NULL;
	native = nsd_include_find(&nsd->inc, pattern);
	return native != NULL && strcmp(native->digest, "-") == 0 ? "nsherd-lost"
								  : pattern;
}

static enum err
list_zone(void *arg, const char *name, const char *pattern)
{
	struct listing *l = arg;
	struct nsd *nsd = l->nsd;
	struct dname dname;

	if (dname_parse(name, &dname) != OK)
		return OK; /* no name that we could ever be asked for */
	if (pattern[0] == '\0') {
		nsd->conf_zones = mem_grow(nsd->conf_zones, nsd->n_conf_zones,
		    &nsd->conf_zones_room, sizeof(nsd->conf_zones[0]));
		nsd->conf_zones[nsd->n_conf_zones++] = dname;
	}
	return l->fn(l->arg, &dname, mark_of_pattern(nsd, pattern));
}

static int
by_name(const void *a, const void *b)
{
	return dname_compare(a, b);
}

static enum err
nsd_inventory(void *ctx, backend_zone_fn *fn, void *arg, struct backend_error *why)
{
	struct nsd *nsd = ctx;
	struct listing l = {nsd, fn, arg};
	struct nsd_zones zones;
	enum err err = nsd_load_include(nsd, why);

	if (err != OK)
		return err;
	nsd->n_conf_zones = 0;
	nsd_zones_init(&zones, list_zone, &l);
	err = nsd_chan_command(&nsd->chan, nsd_zones_line, &zones, why, "zonestatus");
	if (err == OK)
		err = nsd_zones_end(&zones);
	if (err == OK && zones.error[0] != '\0')
		err = nsd_fail(why, ERR_IO, "zonestatus: %s", zones.error);
	if (nsd->n_conf_zones > 1)
		qsort(nsd->conf_zones, nsd->n_conf_zones, sizeof(nsd->conf_zones[0]),
		    by_name);
	return err;
}

static enum err
nsd_lookup(void *ctx, const struct dname *names, size_t n, backend_zone_fn *fn,
    void *arg, struct backend_error *why)
{
	struct nsd *nsd = ctx;
	struct nsd_found *found = mem_zalloc((n + 1) * sizeof(found[0]));
	char **texts = mem_zalloc((n + 1) * sizeof(texts[0]));
	char plain[DNAME_TEXT_MAX];
	enum err err = nsd_load_include(nsd, why);

	for (size_t i = 0; i < n; i++)
		texts[i] = mem_strdup(dname_print_plain(&names[i], plain));
	if (err == OK)
		err = nsd_find(nsd, (const char *const *)texts, n, found, why);
	for (size_t i = 0; err == OK && i < n; i++) {
		if (found[i].state == NSD_ZONE_OURS)
			err = fn(arg, &names[i], mark_of_pattern(nsd, found[i].mark));
		else if (found[i].state == NSD_ZONE_FOREIGN ||
			 (nsd->n_conf_zones > 0 &&
			     bsearch(&names[i], nsd->conf_zones, nsd->n_conf_zones,
				 sizeof(nsd->conf_zones[0]), by_name) != NULL))
			err = fn(arg, &names[i], NULL);
	}
	nsd_free_texts(texts, n);
	free(found);
	return err;
}

static void
nsd_mark_of(void *ctx, const struct settings *s, char mark[static 128])
{
	(void)ctx;
	nsd_native_name(s, mark);
}

/* -- verbs ----------------------------------------------------------------- */

static enum err
nsd_command(void *ctx, enum backend_verb verb, const struct dname *zone,
    struct backend_error *why)
{
	struct nsd *nsd = ctx;
	const char *command = NULL;
	char name[DNAME_TEXT_MAX];
	struct nsd_found found;
	struct nsd_single single;
	enum err err;

	switch (verb) {
	case VERB_REFRESH: command = "transfer"; break;
	case VERB_RETRANSFER: command = "force_transfer"; break;
	case VERB_RELOAD: command = "reload"; break;
	case VERB_NOTIFY: command = "notify"; break;
	case VERB_FLUSH: command = "write"; break;
	case VERB_FREEZE:
	case VERB_THAW:
		return nsd_fail(why, ERR_UNSUPPORTED, "nsd has no dynamic updates");
	}
	if (zone == NULL)
		return nsd_fail(why, ERR_INVALID, "a zone must be named");
	dname_print_plain(zone, name);
	err = nsd_find_one(nsd, name, &found, why);
	if (err != OK)
		return err;
	if (found.state != NSD_ZONE_OURS)
		return nsd_fail(why,
		    found.state == NSD_ZONE_NONE ? ERR_NOTFOUND : ERR_DENIED,
		    found.state == NSD_ZONE_NONE ? "nsd does not have the zone"
						 : "the zone in nsd is not ours");
	nsd_single_init(&single);
	err = nsd_chan_command(&nsd->chan, nsd_single_line, &single, why, "%s %s",
	    command, name);
	if (err == OK && !single.ok)
		err = nsd_fail(why, ERR_INVALID, "%s", single.reason);
	return err;
}

/* -- the driver ------------------------------------------------------------ */

static void
sweep(const char *dir)
{
	int fd;

	if (spool_open(dir, &fd) != OK)
		return;
	spool_sweep(fd);
	close(fd);
}

static enum err
nsd_open(const struct backend_conf *conf, struct err_where *where, void **ctx)
{
	struct nsd *nsd;
	struct nsd_chan chan;
	enum err err = nsd_check_dirs(conf, where);

	if (err == OK)
		err = nsd_chan_init(&chan, conf, where);
	if (err != OK)
		return err;
	nsd = mem_zalloc(sizeof(*nsd));
	nsd->conf = *conf;
	if (nsd->conf.max_variants == 0)
		nsd->conf.max_variants = 1000;
	nsd->chan = chan;
	nsd_include_init(&nsd->inc);
	sweep(conf->zone_dir);
	sweep(conf->config_dir);
	*ctx = nsd;
	return OK;
}

static void
nsd_close(void *ctx)
{
	struct nsd *nsd = ctx;

	if (nsd == NULL)
		return;
	forget_places(nsd);
	nsd_include_fini(&nsd->inc);
	nsd_chan_fini(&nsd->chan);
	free(nsd->conf_zones);
	free(nsd);
}

static const char *const options[] = {"control", "zonelist", "config", "tls-cert",
    "tls-key", "tls-ca", NULL};

const struct backend_driver nsd_driver = {
    .name = "nsd",
    .batch_max = NSD_LIST_MAX,
    .caps = CAP_LIST | CAP_RESTART_ID | CAP_PER_ZONE_SETTINGS | CAP_TYPE_CHANGE,
    .options = options,
    .check = nsd_check,
    .open = nsd_open,
    .close = nsd_close,
    .identify = nsd_identify,
    .inventory = nsd_inventory,
    .lookup = nsd_lookup,
    .prepare = nsd_prepare,
    .mark_of = nsd_mark_of,
    .retire = nsd_retire,
    .apply = nsd_apply,
    .command = nsd_command,
};
