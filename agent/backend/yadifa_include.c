/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/yadifa_include.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"

static const char head[] =
    "# Written by nsherdd, which undoes every edit.\n# nsherd 1 ";

void
yadifa_include_init(struct yadifa_include *inc)
{
	memset(inc, 0, sizeof(*inc));
	yadifa_table_init(&inc->table);
}

void
yadifa_include_fini(struct yadifa_include *inc)
{
	yadifa_table_fini(&inc->table);
	for (size_t i = 0; i < inc->n_natives; i++)
		yadifa_native_free(inc->natives[i]);
	free(inc->natives);
	for (size_t i = 0; i < inc->n_old_keys; i++) {
		mem_wipe(inc->old_keys[i].text, strlen(inc->old_keys[i].text));
		free(inc->old_keys[i].text);
		free(inc->old_keys[i].name);
	}
	free(inc->old_keys);
	memset(inc, 0, sizeof(*inc));
}

/* Sorted by mark and digest. */
static int
compare(const struct yadifa_native *a, const char *mark, const char *digest)
{
	int order = strcmp(a->mark, mark);

	return order != 0 ? order : strcmp(a->digest, digest);
}

static size_t
position(const struct yadifa_include *inc, const char *mark, const char *digest)
{
	size_t low = 0, high = inc->n_natives;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(inc->natives[middle], mark, digest) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct yadifa_native *
yadifa_include_intern(struct yadifa_include *inc, struct yadifa_native **n)
{
	struct yadifa_native *new = *n;
	size_t at = position(inc, new->mark, new->digest);

	*n = NULL;
	if (at < inc->n_natives &&
	    compare(inc->natives[at], new->mark, new->digest) == 0) {
		yadifa_native_free(new);
		return inc->natives[at];
	}
	inc->natives = mem_grow(inc->natives, inc->n_natives, &inc->natives_room,
	    sizeof(inc->natives[0]));
	memmove(&inc->natives[at + 1], &inc->natives[at],
	    (inc->n_natives - at) * sizeof(inc->natives[0]));
	inc->natives[at] = new;
	inc->n_natives++;
	return new;
}

void
yadifa_include_sweep(struct yadifa_include *inc)
{
	size_t kept = 0;

	for (size_t i = 0; i < inc->n_natives; i++) {
		if (inc->natives[i]->n_zones > 0)
			inc->natives[kept++] = inc->natives[i];
		else
			yadifa_native_free(inc->natives[i]);
	}
	inc->n_natives = kept;
}

/* -- writing --------------------------------------------------------------- */

struct key_list {
	char **names;
	size_t n, room;
};

static void
add_key(void *arg, const char *name)
{
	struct key_list *l = arg;

	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->names[i], name) == 0)
			return;
	}
	l->names = mem_grow(l->names, l->n, &l->room, sizeof(l->names[0]));
	l->names[l->n++] = mem_strdup(name);
}

static const struct yadifa_old_key *
find_old_key(const struct yadifa_include *inc, const char *name)
{
	for (size_t i = 0; i < inc->n_old_keys; i++) {
		if (strcmp(inc->old_keys[i].name, name) == 0)
			return &inc->old_keys[i];
	}
	return NULL;
}

static void
print_body(const char *name, const struct key *key, struct buf *out)
{
	buf_printf(out, "\tname %s\n\talgorithm %s\n\tsecret ", name,
	    key_alg_str(key_algorithm(key)));
	key_secret_print(key, out);
	buf_puts(out, "\n");
}

static void
print_key(const struct yadifa_include *inc, const char *name,
    const struct keyring *ring, struct buf *out)
{
	const struct yadifa_old_key *old = find_old_key(inc, name);
	struct dname dname;
	const struct key *key =
	    dname_parse(name, &dname) == OK ? keyring_find(ring, &dname) : NULL;

	if (key != NULL) {
		buf_puts(out, "<key>\n");
		print_body(name, key, out);
		buf_puts(out, "</key>\n");
	} else if (old != NULL) {
		buf_printf(out, "<key>\n%s</key>\n", old->text);
	} /* else the operator's own configuration has it */
}

/* Those that zones name. */
static void
list_keys(const struct yadifa_include *inc, struct key_list *list)
{
	for (size_t i = 0; i < inc->n_natives; i++) {
		if (inc->natives[i]->n_zones > 0)
			yadifa_native_keys(inc->natives[i], add_key, list);
	}
}

void
yadifa_include_print_keys(const struct yadifa_include *inc, const struct keyring *ring,
    struct buf *out)
{
	struct key_list list = {.n = 0};

	list_keys(inc, &list);
	for (size_t i = 0; i < list.n; i++) {
		print_key(inc, list.names[i], ring, out);
		free(list.names[i]);
	}
	free(list.names);
}

/* Takes text. */
static void
put_old_key(struct yadifa_include *inc, const char *name, char *text)
{
	for (size_t i = 0; i < inc->n_old_keys; i++) {
		struct yadifa_old_key *old = &inc->old_keys[i];

		if (strcmp(old->name, name) != 0)
			continue;
		mem_wipe(old->text, strlen(old->text));
		free(old->text);
		old->text = text;
		return;
	}
	inc->old_keys = mem_grow(inc->old_keys, inc->n_old_keys, &inc->old_keys_room,
	    sizeof(inc->old_keys[0]));
	inc->old_keys[inc->n_old_keys++] =
	    (struct yadifa_old_key){mem_strdup(name), text};
}

static void
keep_key(struct yadifa_include *inc, const char *name, const struct keyring *from,
    const struct keyring *to)
{
	struct dname dname;
	const struct key *key;
	struct buf text;

	if (dname_parse(name, &dname) != OK || keyring_find(to, &dname) != NULL ||
	    (key = keyring_find(from, &dname)) == NULL)
		return;
	buf_init(&text, 0);
	print_body(name, key, &text);
	put_old_key(inc, name, mem_strdup(buf_text(&text)));
	mem_wipe(text.data, text.size);
	buf_fini(&text);
}

void
yadifa_include_keep_keys(struct yadifa_include *inc, const struct keyring *from,
    const struct keyring *to)
{
	struct key_list list = {.n = 0};

	list_keys(inc, &list);
	for (size_t i = 0; i < list.n; i++) {
		keep_key(inc, list.names[i], from, to);
		free(list.names[i]);
	}
	free(list.names);
}

bool
yadifa_include_has_keys(const struct yadifa_include *inc, const struct keyring *ring)
{
	struct buf now, then;
	bool same;

	buf_init(&now, 0);
	buf_init(&then, 0);
	yadifa_include_print_keys(inc, ring, &now);
	for (size_t i = 0; i < inc->n_old_keys; i++)
		buf_printf(&then, "<key>\n%s</key>\n", inc->old_keys[i].text);
	same = strcmp(buf_text(&now), buf_text(&then)) == 0;
	if (now.data != NULL)
		mem_wipe(now.data, now.size);
	if (then.data != NULL)
		mem_wipe(then.data, then.size);
	buf_fini(&then);
	buf_fini(&now);
	return same;
}

struct writer {
	FILE *file;
	uint64_t sum;
	bool failed;
};

/* FNV-1a: it is to notice edits, not to stop somebody who means it. */
static uint64_t
add_sum(uint64_t sum, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		sum = (sum ^ (uint8_t)text[i]) * 1099511628211U;
	return sum;
}

static const uint64_t sum_start = 14695981039346656037U;

static void
put(struct writer *w, const char *text)
{
	size_t size = strlen(text);

	w->sum = add_sum(w->sum, text, size);
	w->failed |= fwrite(text, 1, size, w->file) != size;
}

/* yadifad reads a file by its absolute path, but to write it, at a SYNC or when
 * its journal is full, puts datapath before whatever path it was given. This is
 * from datapath, wherever that is, up to the root. */
static const char to_root[] = "../../../../../../../../../../../../../../../..";

static void
put_zone(struct writer *w, const struct yadifa_zone *zone, const char *zone_dir)
{
	const struct yadifa_native *n = zone->native;
	struct dname name;
	char domain[DNAME_TEXT_MAX], path[YADIFA_PATH_MAX];

	yadifa_zone_name(zone, &name);
	if (yadifa_native_path(n, &name, path) != OK)
		return; /* looked at before it came into the table */
	put(w, "# ");
	put(w, n->mark);
	put(w, " ");
	put(w, n->digest);
	put(w, " ");
	put(w, n->template);
	put(w, "\n<zone>\n\tdomain ");
	put(w, dname_print_plain(&name, domain));
	put(w, "\n\tfile \"");
	put(w, to_root);
	put(w, zone_dir);
	put(w, "/");
	put(w, path);
	put(w, "\"\n");
	put(w, n->body);
	put(w, "</zone>\n");
}

bool
yadifa_include_write(const struct yadifa_include *inc, const char *zone_dir,
    const struct keyring *ring, FILE *file)
{
	struct writer w = {file, sum_start, false};
	struct yadifa_zone **all = yadifa_table_sorted(&inc->table);
	struct buf keys;

	buf_init(&keys, 0);
	yadifa_include_print_keys(inc, ring, &keys);
	put(&w, head);
	put(&w, zone_dir);
	put(&w, "\n");
	put(&w, buf_text(&keys));
	for (size_t i = 0; !w.failed && i < inc->table.n; i++)
		put_zone(&w, all[i], zone_dir);
	w.failed |=
	    fprintf(file, "# end %zu %016" PRIx64 "\n", inc->table.n, w.sum) < 0;
	if (keys.data != NULL)
		mem_wipe(keys.data, keys.size);
	buf_fini(&keys);
	free(all);
	return !w.failed;
}

/* -- reading --------------------------------------------------------------- */

enum { AT_TOP, IN_KEY, IN_ZONE, IN_JUNK };

void
yadifa_parser_init(struct yadifa_parser *p, struct yadifa_include *inc)
{
	memset(p, 0, sizeof(*p));
	p->inc = inc;
	p->state = AT_TOP;
	p->sum = sum_start;
	buf_init(&p->body, YADIFA_BODY_MAX);
}

void
yadifa_parser_fini(struct yadifa_parser *p)
{
	if (p->body.data != NULL)
		mem_wipe(p->body.data, p->body.size);
	buf_fini(&p->body);
}

/* The text after word and a blank; NULL: it is another line. */
static char *
after(char *line, const char *word)
{
	size_t size = strlen(word);

	return strncmp(line, word, size) == 0 ? line + size : NULL;
}

static void
take_end(struct yadifa_parser *p, const char *text)
{
	char expected[64];

	snprintf(expected, sizeof(expected), "%zu %016" PRIx64, p->n_zones, p->sum);
	p->ended = p->whole = strcmp(text, expected) == 0;
}

static void
take_comment(struct yadifa_parser *p, char *text)
{
	char *rest;

	p->mark[0] = '\0';
	if ((rest = after(text, "nsherd 1 ")) != NULL) {
		snprintf(p->inc->zone_dir, sizeof(p->inc->zone_dir), "%s", rest);
		return;
	}
	if ((rest = after(text, "end ")) != NULL) {
		take_end(p, rest);
		return;
	}
	char *digest = strchr(text, ' ');
	char *template = digest != NULL ? strchr(digest + 1, ' ') : NULL;
	if (template == NULL || strlen(template + 1) >= sizeof(p->template))
		return;
	*digest = *template = '\0';
	if (!mark_is_ours(text) || strlen(digest + 1) != sizeof(p->digest) - 1 ||
	    template[1] == '\0')
		return;
	strcpy(p->mark, text);
	strcpy(p->digest, digest + 1);
	strcpy(p->template, template + 1);
}

static void
take_top(struct yadifa_parser *p, char *line)
{
	char *rest = after(line, "# ");

	buf_reset(&p->body);
	p->domain[0] = p->file[0] = '\0';
	if (rest != NULL)
		take_comment(p, rest);
	else if (strcmp(line, "<key>") == 0)
		p->state = IN_KEY;
	else if (strcmp(line, "<zone>") == 0)
		p->state = p->mark[0] != '\0' ? IN_ZONE : IN_JUNK;
}

static void
end_key(struct yadifa_parser *p)
{
	static const char word[] = "\tname ";
	struct yadifa_include *inc = p->inc;
	const char *text = buf_text(&p->body);
	size_t size;

	if (p->body.err != OK || strncmp(text, word, sizeof(word) - 1) != 0)
		return;
	size = strcspn(text + sizeof(word) - 1, "\n");
	inc->old_keys = mem_grow(inc->old_keys, inc->n_old_keys, &inc->old_keys_room,
	    sizeof(inc->old_keys[0]));
	inc->old_keys[inc->n_old_keys++] = (struct yadifa_old_key){
	    mem_printf("%.*s", (int)size, text + sizeof(word) - 1), mem_strdup(text)};
}

static void
end_zone(struct yadifa_parser *p)
{
	struct yadifa_include *inc = p->inc;
	struct yadifa_native *n;
	struct dname zone;
	char path[YADIFA_PATH_MAX], file[sizeof(p->file)], text[160];

	p->n_zones++;
	if (p->body.err != OK || dname_parse(p->domain, &zone) != OK ||
	    yadifa_check_name(&zone, YADIFA_NAME_MAX, text, sizeof(text)) != OK)
		return;
	n = yadifa_native_new(p->mark, p->template, buf_text(&p->body));
	file[0] = '\0';
	if (yadifa_native_path(n, &zone, path) == OK)
		snprintf(file, sizeof(file), "\"%s%s/%s\"", to_root, inc->zone_dir,
		    path);
	if (strcmp(n->digest, p->digest) != 0 || strcmp(file, p->file) != 0) {
		yadifa_native_free(n);
		return;
	}
	yadifa_table_put(&inc->table, &zone, yadifa_include_intern(inc, &n));
}

static void
take_zone_line(struct yadifa_parser *p, char *line)
{
	char *rest;

	if (p->domain[0] == '\0' && (rest = after(line, "\tdomain ")) != NULL) {
		snprintf(p->domain, sizeof(p->domain), "%s", rest);
	} else if (p->file[0] == '\0' && (rest = after(line, "\tfile ")) != NULL) {
		snprintf(p->file, sizeof(p->file), "%s", rest);
	} else {
		buf_puts(&p->body, line);
		buf_puts(&p->body, "\n");
	}
}

void
yadifa_parser_line(struct yadifa_parser *p, char *line, size_t size)
{
	uint64_t sum = add_sum(p->sum, line, size);

	p->whole = false; /* unless it is the last line */
	if (size > 0 && line[size - 1] == '\n')
		line[--size] = '\0';
	else if (p->state != AT_TOP) /* too long, cut, or with a NUL in it */
		p->state = IN_JUNK;
	switch (p->state) {
	case AT_TOP: take_top(p, line); break;
	case IN_KEY:
		if (strcmp(line, "</key>") == 0) {
			end_key(p);
			p->state = AT_TOP;
		} else {
			take_zone_line(p, line);
		}
		break;
	case IN_ZONE:
		if (strcmp(line, "</zone>") == 0) {
			end_zone(p);
			p->state = AT_TOP;
			p->mark[0] = '\0';
		} else {
			take_zone_line(p, line);
		}
		break;
	default:
		if (strcmp(line, "</zone>") == 0)
			p->state = AT_TOP;
		break;
	}
	p->sum = sum;
}

bool
yadifa_include_read(struct yadifa_include *inc, FILE *file, bool *whole)
{
	struct yadifa_parser p;
	char *line = mem_alloc(YADIFA_LINE_MAX);

	yadifa_parser_init(&p, inc);
	while (fgets(line, YADIFA_LINE_MAX, file) != NULL)
		yadifa_parser_line(&p, line, strlen(line));
	*whole = p.whole;
	yadifa_parser_fini(&p);
	mem_wipe(line, YADIFA_LINE_MAX);
	free(line);
	return ferror(file) == 0;
}
