/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/backend/nsd.h"
#include "agent/backend/nsd_reply.h"
#include "agent/backend/proc.h"
#include "agent/backend/tool.h"
#include "lib/clock.h"
#include "lib/mem.h"

/*
 * Which process NSD is, and where it has its files. NSD writes a line of log
 * for every question, so it is asked when something may have changed, and once
 * in a while; that its process is still the one of before, and its socket, can
 * be seen from outside.
 */

enum {
	BOOT_ASK_MS = 300000,
	LOOK_LOCAL_MS = 300000, /* a process that we can see */
	LOOK_REMOTE_MS = 60000,
};

/* -- which process is it? -------------------------------------------------- */

static bool
is_nsd(pid_t pid)
{
	char comm[64];
	size_t size;

	return proc_read(pid, "comm", comm, sizeof(comm), &size) &&
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
		err = backend_fail(why, ERR_IO, "%s: no %s in the answer", command,
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
	pid_t peer = nsd->chan.chan.peer;
	unsigned long long start, parent;
	char text[64];
	enum err err;

	*pid = 0;
	if (nsd->chan.path == NULL)
		return OK;
	if (peer == nsd->peer && is_nsd(nsd->pid) &&
	    proc_stat(nsd->pid, PROC_START, &start) && start == nsd->start) {
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
		else if (proc_stat(*pid, PROC_PARENT, &parent) && is_nsd((pid_t)parent))
			*pid = (pid_t)parent;
	}
	nsd->peer = peer;
	nsd->pid = *pid;
	if (!proc_stat(*pid, PROC_START, &nsd->start))
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
	int64_t now = clock_ms(), started = nsd->started_ms;
	double age_s;
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
		age_s = strtod(boot, NULL);
		if (!(age_s >= 0 && age_s < 1e10))
			return backend_fail(why, ERR_IO, "time.boot is %.60s", boot);
		started = clock_unix_ms() - (int64_t)(age_s * 1000);
		/* The clocks of two readings never agree to the millisecond. */
		if (same_pid && llabs(started - nsd->started_ms) < 5000)
			started = nsd->started_ms;
		nsd->boot_seen_ms = now;
	}
	*started_ms = started;
	snprintf(process, 64, "%.20s@%lld", pid, (long long)started / 1000);
	return OK;
}

void
nsd_forget_places(struct nsd *nsd)
{
	free(nsd->config);
	free(nsd->zonelist);
	free(nsd->checkconf);
	nsd->config = nsd->zonelist = nsd->checkconf = NULL;
}

static void
note_socket(struct nsd *nsd)
{
	struct stat st;

	if (nsd->chan.path == NULL || stat(nsd->chan.path, &st) == -1)
		return;
	nsd->socket_dev = st.st_dev;
	nsd->socket_ino = st.st_ino;
}

enum err
nsd_look(struct nsd *nsd, struct backend_error *why)
{
	char version[64], process[64];
	int64_t started_ms = 0;
	pid_t pid;
	enum err err = ask_value(nsd, "status", "version", version, why);

	if (err == OK)
		err = find_server(nsd, &pid, why);
	if (err != OK)
		return err;
	if (pid != 0) {
		snprintf(process, sizeof(process), "%ld:%llu", (long)pid, nsd->start);
		started_ms = proc_start_ms(nsd->start);
	} else {
		err = process_by_asking(nsd, process, &started_ms, why);
		if (err != OK)
			return err;
	}
	if (strcmp(nsd->process, process) != 0)
		nsd_forget_places(nsd);
	snprintf(nsd->version, sizeof(nsd->version), "%.31s", version);
	memcpy(nsd->process, process, sizeof(process));
	nsd->started_ms = started_ms;
	note_socket(nsd);
	nsd->looked_ms = clock_ms();
	return OK;
}

bool
nsd_seems_same(const struct nsd *nsd)
{
	bool local = nsd->chan.path != NULL && nsd->pid != 0;
	int64_t age = clock_ms() - nsd->looked_ms;
	unsigned long long start;
	struct stat st;

	if (nsd->looked_ms == 0 || nsd->chan.failed ||
	    age >= (local ? LOOK_LOCAL_MS : LOOK_REMOTE_MS))
		return false;
	if (nsd->chan.path != NULL &&
	    (stat(nsd->chan.path, &st) == -1 || st.st_dev != nsd->socket_dev ||
		st.st_ino != nsd->socket_ino))
		return false;
	return !local ||
	       (proc_stat(nsd->pid, PROC_START, &start) && start == nsd->start);
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
	nsd_forget_places(nsd);
	if (nsd->pid != 0)
		proc_read(nsd->pid, "cmdline", words, sizeof(words), &size);
	if (config == NULL && size > 0)
		config = find_config(words, size);
	if (config == NULL)
		config = "/etc/nsd/nsd.conf";
	if (config[0] != '/')
		return backend_fail(why, ERR_INVALID,
		    "nsd was started with the relative path -c %.80s: the backend "
		    "needs config",
		    config);
	nsd->config = mem_strdup(config);
	nsd->checkconf = tool_find("nsd-checkconf", words);
	if (zonelist != NULL)
		nsd->zonelist = mem_strdup(zonelist);
	else
		err = nsd_check_value(nsd, nsd->config, "zonelistfile", &nsd->zonelist,
		    why);
	if (err != OK && err != ERR_CANCELED) {
		/* A broken nsd.conf hides where the list is; NSD can be asked. */
		nsd->zonelist = mem_strdup("");
		err = OK;
	}
	return err;
}
