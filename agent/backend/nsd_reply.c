/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/nsd_reply.h"

#include <stdio.h>
#include <string.h>

/*
 * Texts are those of 4.6.1. From 4.9 on some begin with a capital and the
 * refusal of a catalog's member has two lines, so words inside are looked for,
 * without case, and only outcomes, echoes and trailers must be exact. A name
 * that we send is printable and has no blank, so it cannot imitate a line.
 */

enum { REASONS_MAX = 4 };

static void
copy_printable(char *out, size_t out_size, const char *text)
{
	size_t n = 0;

	for (; *text != '\0' && n + 1 < out_size; text++)
		out[n++] = *text >= ' ' && *text <= '~' ? *text : '?';
	out[n] = '\0';
}

static bool
says(const char *text, const char *words)
{
	return strcasestr(text, words) != NULL;
}

static enum nsd_outcome
classify(const char *reason)
{
	if (says(reason, "cannot delete it in this manner") ||
	    says(reason, "catalog consumer"))
		return NSD_FOREIGN;
	if (says(reason, "error pattern ") && says(reason, " does not exist"))
		return NSD_NOPATTERN;
	if (says(reason, "cannot parse zone name") ||
	    says(reason, "could not find next argument"))
		return NSD_BADNAME;
	if (says(reason, "could not add zonelist entry"))
		return NSD_FULL;
	if ((says(reason, "warning zone ") && says(reason, " not present")) ||
	    (says(reason, "error zone ") && says(reason, " not configured")))
		return NSD_ABSENT;
	return NSD_ERROR;
}

/* -- addzones, delzones ---------------------------------------------------- */

void
nsd_bulk_init(struct nsd_bulk *bulk, bool deleting, const char *const *names, size_t n,
    nsd_outcome_fn *fn, void *arg)
{
	memset(bulk, 0, sizeof(*bulk));
	bulk->deleting = deleting;
	bulk->names = names;
	bulk->n = n;
	bulk->fn = fn;
	bulk->arg = arg;
}

/* After prefix, the name as sent, then suffix, and nothing else. */
static bool
echoes(const char *line, const char *prefix, const char *name, const char *suffix)
{
	size_t prefix_size = strlen(prefix), name_size = strlen(name);

	return strncmp(line, prefix, prefix_size) == 0 &&
	       strncmp(line + prefix_size, name, name_size) == 0 &&
	       strcmp(line + prefix_size + name_size, suffix) == 0;
}

static bool
is_trailer(const struct nsd_bulk *bulk, const char *line)
{
	char trailer[64];

	snprintf(trailer, sizeof(trailer), "%s %zu zones",
	    bulk->deleting ? "deleted" : "added", bulk->n_done);
	return strcmp(line, trailer) == 0;
}

static void
outcome(struct nsd_bulk *bulk, enum nsd_outcome what)
{
	bulk->fn(bulk->arg, bulk->i, what, bulk->reason);
	bulk->i++;
	bulk->n_reasons = 0;
	bulk->reason[0] = '\0';
}

enum err
nsd_bulk_line(void *arg, const char *line)
{
	struct nsd_bulk *bulk = arg;
	const char *done = bulk->deleting ? "removed: " : "added: ";

	if (bulk->ended)
		return ERR_FORM;
	if (bulk->i == bulk->n) {
		bulk->ended = is_trailer(bulk, line);
		return bulk->ended ? OK : ERR_FORM;
	}
	if (echoes(line, done, bulk->names[bulk->i], "")) {
		bulk->n_done++;
		/* Whatever else it said: it is to be looked at. */
		outcome(bulk, bulk->n_reasons == 0 ? NSD_DONE : NSD_EXISTS);
		return OK;
	}
	if (echoes(line, "error for input line '", bulk->names[bulk->i], "'")) {
		outcome(bulk, classify(bulk->reason));
		return OK;
	}
	if (strncmp(line, done, strlen(done)) == 0 ||
	    strncmp(line, "error for input line", 20) == 0)
		return ERR_FORM;
	if (++bulk->n_reasons > REASONS_MAX)
		return ERR_FORM;
	if (bulk->n_reasons == 1)
		copy_printable(bulk->reason, sizeof(bulk->reason), line);
	return OK;
}

enum err
nsd_bulk_end(const struct nsd_bulk *bulk)
{
	return bulk->ended ? OK : ERR_FORM;
}

/* -- single commands ------------------------------------------------------- */

void
nsd_single_init(struct nsd_single *single)
{
	memset(single, 0, sizeof(*single));
}

enum err
nsd_single_line(void *arg, const char *line)
{
	struct nsd_single *single = arg;
	/* changezone forgets a newline: `zone x did not exist, creatingok`;
	 * transfer of all says `ok, N zones`. */
	bool ok = strcmp(line, "ok") == 0 || strncmp(line, "ok, ", 4) == 0 ||
		  (strncmp(line, "zone ", 5) == 0 &&
		      says(line, " did not exist, creatingok"));

	if (++single->n > 1000)
		return ERR_FORM;
	single->ok = ok; /* the last line counts */
	single->exists |= says(line, " already exists");
	if (!ok && single->reason[0] == '\0')
		copy_printable(single->reason, sizeof(single->reason), line);
	copy_printable(single->last, sizeof(single->last), line);
	return OK;
}

enum nsd_outcome
nsd_single_outcome(const struct nsd_single *single)
{
	if (!single->ok)
		return classify(single->reason);
	return single->exists ? NSD_EXISTS : NSD_DONE;
}

/* -- zonestatus ------------------------------------------------------------ */

void
nsd_zones_init(struct nsd_zones *zones, nsd_zone_fn *fn, void *arg)
{
	memset(zones, 0, sizeof(*zones));
	zones->fn = fn;
	zones->arg = arg;
}

static enum err
finish_zone(struct nsd_zones *zones)
{
	if (!zones->open)
		return OK;
	zones->open = false;
	return zones->fn(zones->arg, zones->name, zones->pattern);
}

enum err
nsd_zones_line(void *arg, const char *line)
{
	static const char pattern[] = "\tpattern: ";
	struct nsd_zones *zones = arg;
	enum err err;

	if (strncmp(line, "zone:\t", 6) == 0) {
		err = finish_zone(zones);
		if (err != OK)
			return err;
		if (strlen(line + 6) >= sizeof(zones->name))
			return ERR_FORM;
		strcpy(zones->name, line + 6);
		zones->pattern[0] = '\0';
		zones->open = true;
		return OK;
	}
	if (line[0] == '\t') {
		if (!zones->open)
			return ERR_FORM;
		/* What is left of a pattern removed under its zones is garbage;
		 * such a zone is nobody's, but it has a pattern. */
		if (strncmp(line, pattern, sizeof(pattern) - 1) == 0)
			snprintf(zones->pattern, sizeof(zones->pattern), "%s",
			    line[sizeof(pattern) - 1] != '\0'
				? line + sizeof(pattern) - 1
				: "?");
		return OK;
	}
	copy_printable(zones->error, sizeof(zones->error), line);
	return OK;
}

enum err
nsd_zones_end(struct nsd_zones *zones)
{
	return finish_zone(zones);
}

/* -- lines ----------------------------------------------------------------- */

bool
nsd_list_line(char *line, const char **name, const char **pattern)
{
	char *blank = strrchr(line, ' ');

	if (strncmp(line, "add ", 4) != 0 || blank <= line + 4 || blank[1] == '\0')
		return false;
	*blank = '\0';
	*name = line + 4;
	*pattern = blank + 1;
	return true;
}

const char *
nsd_reply_value(const char *line, const char *name)
{
	size_t size = strlen(name);

	if (strncmp(line, name, size) != 0)
		return NULL;
	line += size;
	if (*line == '=')
		return line + 1;
	if (*line != ':')
		return NULL;
	line++;
	return line + strspn(line, " \t");
}
