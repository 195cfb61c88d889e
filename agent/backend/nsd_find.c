/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/backend/nsd.h"
#include "agent/backend/nsd_reply.h"
#include "lib/mem.h"

/*
 * Which zones NSD has, and under which pattern. zonestatus is the truth, but
 * holds up transfers while it prints: one zone is nothing, all of 100,000 are
 * a second. The zone list file costs NSD nothing.
 */

enum {
	ASK_MAX = 8,
	LIST_LINE_MAX = 2100,
	/* NSD cuts the answer for a longer name, and cannot keep such a zone
	 * together with a pattern in its list. */
	NAME_MAX_HERE = 990,
};

static void
found_set(struct nsd_found *found, const char *pattern)
{
	found->state = NSD_ZONE_FOREIGN;
	found->mark[0] = '\0';
	if (!mark_is_ours(pattern) || strlen(pattern) >= sizeof(found->mark))
		return;
	found->state = NSD_ZONE_OURS;
	strcpy(found->mark, pattern);
}

/* -- names ----------------------------------------------------------------- */

enum err
nsd_name_parse(const char *text, struct dname *name)
{
	char escaped[DNAME_TEXT_MAX];
	size_t n = 0;

	for (const char *c = text; *c != '\0'; c++) {
		bool odd = *c <= ' ' || *c > '~', next_odd = c[1] <= ' ' || c[1] > '~';

		if (n + sizeof("\\DDD") > sizeof(escaped))
			return ERR_FORM;
		if (*c == '\\' && c[1] != '\0' && next_odd)
			continue;
		if (odd)
			n += (size_t)snprintf(escaped + n, sizeof(escaped) - n,
			    "\\%03u", (unsigned)(uint8_t)*c);
		else
			escaped[n++] = *c;
		if (*c == '\\' && c[1] != '\0')
			escaped[n++] = *++c;
	}
	escaped[n] = '\0';
	return dname_parse(escaped, name);
}

/* -- one by one ------------------------------------------------------------ */

static enum err
take_one(void *arg, const char *name, const char *pattern)
{
	(void)name; /* its text may be of another form */
	found_set(arg, pattern);
	return OK;
}

enum err
nsd_find_one(struct nsd *nsd, const char *name, struct nsd_found *found,
    struct backend_error *why)
{
	struct nsd_zones zones;
	enum err err;

	memset(found, 0, sizeof(*found));
	if (strlen(name) > NAME_MAX_HERE)
		return OK;
	nsd_zones_init(&zones, take_one, found);
	err = nsd_chan_command(&nsd->chan, nsd_zones_line, &zones, why, "zonestatus %s",
	    name);
	if (err == OK)
		err = nsd_zones_end(&zones);
	if (err != OK)
		return err;
	if (found->state == NSD_ZONE_NONE &&
	    strstr(zones.error, "not configured") == NULL)
		return backend_fail(why, ERR_IO, "zonestatus %.80s: %s", name,
		    zones.error[0] != '\0' ? zones.error : "no answer");
	return OK;
}

/* -- all of them ----------------------------------------------------------- */

/* The list has no end mark: whether it was cut tells only whether NSD is still
 * the process that it was. */
enum err
nsd_find_all(struct nsd *nsd, nsd_zone_fn *fn, void *arg, struct backend_error *why)
{
	struct nsd_zones zones;
	char process[64];
	enum err err = nsd->process[0] == '\0' ? nsd_look(nsd, why) : OK;

	if (err != OK)
		return err;
	memcpy(process, nsd->process, sizeof(process));
	nsd_zones_init(&zones, fn, arg);
	err = nsd_chan_command(&nsd->chan, nsd_zones_line, &zones, why, "zonestatus");
	if (err == OK)
		err = nsd_zones_end(&zones);
	if (err == OK && zones.error[0] != '\0')
		err = backend_fail(why, ERR_IO, "zonestatus: %s", zones.error);
	if (err == OK)
		err = nsd_look(nsd, why);
	if (err == OK && strcmp(process, nsd->process) != 0)
		err = backend_fail(why, ERR_CLOSED,
		    "nsd was restarted while it told its zones");
	return err;
}

/* -- the zone list file ---------------------------------------------------- */

typedef enum err list_fn(void *arg, const char *name, const char *pattern);

static enum err
read_list(const char *zonelist, list_fn *fn, void *arg, struct backend_error *why)
{
	char line[LIST_LINE_MAX];
	enum err err = OK;
	FILE *file = fopen(zonelist, "re");

	/* NSD makes it with its first zone; but a wrong path must not look like
	 * a server without zones, so that it is missing is a failure, too. */
	if (file == NULL)
		return backend_fail(why, ERR_IO, "%s: %s", zonelist,
		    mem_errno_text(errno));
	while (err == OK && fgets(line, sizeof(line), file) != NULL) {
		size_t size = strlen(line);
		const char *name, *pattern;

		/* Without its newline it is being written, or too long for NSD
		 * to read: no zone either way. */
		if (size == 0 || line[size - 1] != '\n')
			continue;
		line[size - 1] = '\0';
		if (nsd_list_line(line, &name, &pattern))
			err = fn(arg, name, pattern);
	}
	if (err == OK && ferror(file))
		err = backend_fail(why, ERR_IO, "%s: %s", zonelist,
		    mem_errno_text(errno));
	fclose(file);
	return err;
}

/* The wanted names, by hash: open addressing, 0 is empty. */
struct wanted {
	const char *const *names;
	struct nsd_found *found;
	uint32_t *slots;
	size_t mask;
	size_t n_listed;
};

static size_t
hash(const char *text)
{
	uint64_t h = 14695981039346656037U;

	for (; *text != '\0'; text++)
		h = (h ^ (uint8_t)*text) * 1099511628211U;
	return (size_t)(h ^ h >> 32);
}

static void
wanted_init(struct wanted *w, const char *const *names, size_t n,
    struct nsd_found *found)
{
	size_t n_slots = 16;

	while (n_slots < n * 2)
		n_slots *= 2;
	*w = (struct wanted){names, found, mem_zalloc(n_slots * sizeof(w->slots[0])),
	    n_slots - 1, 0};
	for (size_t i = 0; i < n; i++) {
		size_t at = hash(names[i]);

		while (w->slots[at & w->mask] != 0)
			at++;
		w->slots[at & w->mask] = (uint32_t)i + 1;
	}
}

/* NSD keeps names as they were typed; ours are in plain form already. */
static const char *
to_plain(const char *name, char out[static DNAME_TEXT_MAX])
{
	struct dname dname;
	size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_*-.");

	if (name[size] == '\0' && size > 0 && (name[size - 1] != '.' || size == 1))
		return name;
	return nsd_name_parse(name, &dname) == OK ? dname_print_plain(&dname, out)
						  : NULL;
}

static enum err
take_wanted(void *arg, const char *name, const char *pattern)
{
	struct wanted *w = arg;
	char text[DNAME_TEXT_MAX];
	const char *plain = to_plain(name, text);

	w->n_listed++;
	if (plain == NULL)
		return OK;
	for (size_t at = hash(plain); w->slots[at & w->mask] != 0; at++) {
		size_t i = w->slots[at & w->mask] - 1;

		if (strcmp(w->names[i], plain) == 0) {
			found_set(&w->found[i], pattern);
			break;
		}
	}
	return OK;
}

enum err
nsd_find(struct nsd *nsd, const char *const *names, size_t n, struct nsd_found *found,
    struct backend_error *why)
{
	enum err err = OK;

	memset(found, 0, n * sizeof(found[0]));
	if (n > ASK_MAX && nsd_locate(nsd, why) == OK) {
		struct wanted w;

		wanted_init(&w, names, n, found);
		err = read_list(nsd->zonelist, take_wanted, &w, why);
		free(w.slots);
		if (err == OK)
			nsd->n_listed = w.n_listed;
		if (err == OK)
			return OK;
		memset(found, 0, n * sizeof(found[0]));
		err = OK; /* it cannot be read: ask */
	}
	for (size_t i = 0; err == OK && i < n; i++)
		err = nsd_find_one(nsd, names[i], &found[i], why);
	return err;
}

/* -- patterns in use ------------------------------------------------------- */

static enum err
take_pattern(void *arg, const char *name, const char *pattern)
{
	(void)name;
	if (pattern[0] != '\0')
		textset_add(arg, pattern);
	return OK;
}

enum err
nsd_patterns_in_use(struct nsd *nsd, bool ask, struct textset *patterns,
    struct backend_error *why)
{
	struct textset t = {NULL, 0, 0};
	enum err err = ask ? ERR_UNSUPPORTED : nsd_locate(nsd, why);

	if (err == OK)
		err = read_list(nsd->zonelist, take_pattern, &t, why);
	if (err != OK)
		err = nsd_find_all(nsd, take_pattern, &t, why);
	if (err == OK)
		*patterns = t;
	else
		textset_fini(&t);
	return err;
}

enum err
nsd_patterns_listed(const char *zonelist, struct textset *patterns,
    struct backend_error *why)
{
	struct textset t = {NULL, 0, 0};
	enum err err = OK;

	if (access(zonelist, F_OK) == 0 || errno != ENOENT)
		err = read_list(zonelist, take_pattern, &t, why);
	if (err == OK)
		*patterns = t;
	else
		textset_fini(&t);
	return err;
}
