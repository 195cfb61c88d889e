/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/nsd_include.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backend/textset.h"
#include "lib/digest.h"
#include "lib/mem.h"

enum { CHECKSUM = 16 };

static const char mark_key[] = "# nsherd key ";
static const char mark_pattern[] = "# nsherd pattern ";
static const char mark_end[] = "# nsherd end ";

void
nsd_include_init(struct nsd_include *inc)
{
	memset(inc, 0, sizeof(*inc));
}

static void
free_keys(struct nsd_include *inc)
{
	for (size_t i = 0; i < inc->n_keys; i++) {
		mem_wipe(inc->keys[i].block, strlen(inc->keys[i].block));
		free(inc->keys[i].name);
		free(inc->keys[i].block);
	}
	free(inc->keys);
	inc->keys = NULL;
	inc->n_keys = 0;
}

void
nsd_include_fini(struct nsd_include *inc)
{
	for (size_t i = 0; i < inc->n; i++)
		free(inc->natives[i].block);
	free(inc->natives);
	free_keys(inc);
	memset(inc, 0, sizeof(*inc));
}

/* -- native patterns in order of name -------------------------------------- */

/* Where name is, or would be put. */
static size_t
position(const struct nsd_include *inc, const char *name)
{
	size_t low = 0, high = inc->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(inc->natives[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct nsd_native *
nsd_include_find(const struct nsd_include *inc, const char *name)
{
	size_t at = position(inc, name);

	return at < inc->n && strcmp(inc->natives[at].name, name) == 0
		   ? &inc->natives[at]
		   : NULL;
}

struct nsd_native *
nsd_include_add(struct nsd_include *inc, const char *name, const char *digest,
    char *block)
{
	size_t at = position(inc, name);
	struct nsd_native *native;

	assert(nsd_include_find(inc, name) == NULL);
	inc->natives =
	    mem_grow(inc->natives, inc->n, &inc->room, sizeof(inc->natives[0]));
	native = &inc->natives[at];
	memmove(native + 1, native, (inc->n - at) * sizeof(*native));
	inc->n++;
	memset(native, 0, sizeof(*native));
	snprintf(native->name, sizeof(native->name), "%s", name);
	snprintf(native->digest, sizeof(native->digest), "%s", digest);
	native->block = block;
	native->fresh = true;
	return native;
}

void
nsd_include_drop(struct nsd_include *inc, const char *name)
{
	struct nsd_native *native = nsd_include_find(inc, name);
	size_t at;

	if (native == NULL)
		return;
	at = (size_t)(native - inc->natives);
	free(native->block);
	inc->n--;
	memmove(native, native + 1, (inc->n - at) * sizeof(*native));
}

void
nsd_include_copy(struct nsd_include *to, const struct nsd_include *from)
{
	for (size_t i = 0; i < from->n; i++) {
		const struct nsd_native *f = &from->natives[i];
		struct nsd_native *native =
		    nsd_include_add(to, f->name, f->digest, mem_strdup(f->block));

		native->fresh = f->fresh;
	}
	to->keys = mem_alloc((from->n_keys + 1) * sizeof(to->keys[0]));
	for (size_t i = 0; i < from->n_keys; i++) {
		to->keys[i].name = mem_strdup(from->keys[i].name);
		to->keys[i].block = mem_strdup(from->keys[i].block);
	}
	to->n_keys = from->n_keys;
	memcpy(to->canary, from->canary, sizeof(to->canary));
	to->intact = from->intact;
}

struct nsd_native *
nsd_include_at_line(struct nsd_include *inc, unsigned line)
{
	for (size_t i = 0; i < inc->n; i++) {
		struct nsd_native *native = &inc->natives[i];

		if (line >= native->line && line - native->line < native->n_lines)
			return native;
	}
	return NULL;
}

size_t
nsd_include_variants(const struct nsd_include *inc, const char *pattern)
{
	char prefix[MARK_MAX];
	size_t n = 0;

	mark_print_prefix(pattern, prefix);
	for (size_t i = position(inc, prefix); i < inc->n; i++, n++) {
		if (strncmp(inc->natives[i].name, prefix, strlen(prefix)) != 0)
			break;
	}
	return n;
}

/* -- reading --------------------------------------------------------------- */

/* One block: its marker line, cut into words, and the text up to the next. */
struct block {
	char words[4][256];
	size_t n_words;
	const char *text;
	size_t size;
};

static void
split_words(const char *line, size_t size, struct block *b)
{
	b->n_words = 0;
	while (size > 0 && b->n_words < 4) {
		const char *blank = memchr(line, ' ', size);
		size_t n = blank != NULL ? (size_t)(blank - line) : size;

		if (n == 0 || n >= sizeof(b->words[0]))
			return;
		memcpy(b->words[b->n_words], line, n);
		b->words[b->n_words++][n] = '\0';
		n += blank != NULL;
		line += n;
		size -= n;
	}
}

static bool
has_checksum(const struct block *b, const char *checksum)
{
	char hex[DIGEST_HEX_MAX + 1];

	/* A block is whole lines: what is written after it must begin one. */
	if (b->size == 0 || b->text[b->size - 1] != '\n')
		return false;
	return strcmp(digest_hex(b->text, b->size, CHECKSUM, hex), checksum) == 0;
}

static char *
dup_text(const char *text, size_t size)
{
	char *out = mem_alloc(size + 1);

	memcpy(out, text, size);
	out[size] = '\0';
	return out;
}

static bool
take_key(struct nsd_include *inc, const struct block *b)
{
	struct nsd_keyblock *key;

	if (b->n_words != 2 || !has_checksum(b, b->words[1]))
		return false;
	inc->keys = mem_realloc(inc->keys, (inc->n_keys + 1) * sizeof(inc->keys[0]));
	key = &inc->keys[inc->n_keys++];
	key->name = mem_strdup(b->words[0]);
	key->block = dup_text(b->text, b->size);
	return true;
}

static bool
take_pattern(struct nsd_include *inc, const struct block *b)
{
	if (b->n_words != 3 || !has_checksum(b, b->words[2]) ||
	    !mark_is_ours(b->words[0]) || strlen(b->words[1]) >= NSD_DIGEST_MAX ||
	    nsd_include_find(inc, b->words[0]) != NULL)
		return false;
	nsd_include_add(inc, b->words[0], b->words[1], dup_text(b->text, b->size))
	    ->fresh = false;
	return true;
}

static bool
starts(const char *text, size_t size, const char *prefix)
{
	return size >= strlen(prefix) && memcmp(text, prefix, strlen(prefix)) == 0;
}

static const char *
next_line(const char *text, const char *end)
{
	const char *newline = memchr(text, '\n', (size_t)(end - text));

	return newline != NULL ? newline + 1 : end;
}

void
nsd_include_parse(struct nsd_include *inc, const char *text, size_t size)
{
	/* We write no NUL: what follows one is not ours. */
	const size_t n_good = strnlen(text, size);
	const char *const start = text, *const end = text + n_good;
	bool good = n_good == size, ended = false;

	while (text < end) {
		const char *next = next_line(text, end);
		size_t n = (size_t)(next - text), skip = 0;
		bool is_key = starts(text, n, mark_key);
		struct block b;

		if (starts(text, n, mark_end)) {
			char hex[DIGEST_HEX_MAX + 1];

			digest_hex(start, (size_t)(text - start), CHECKSUM, hex);
			snprintf(inc->canary, sizeof(inc->canary), "nsherd.%.16s", hex);
			n -= sizeof(mark_end) - 1;
			ended = n == strlen(inc->canary) + 1 &&
				memcmp(text + sizeof(mark_end) - 1, inc->canary,
				    n - 1) == 0;
			break;
		}
		if (is_key)
			skip = sizeof(mark_key) - 1;
		else if (starts(text, n, mark_pattern))
			skip = sizeof(mark_pattern) - 1;
		if (skip == 0) {
			text = next;
			continue;
		}
		split_words(text + skip, n - skip - (next[-1] == '\n'), &b);
		b.text = next;
		while (next < end && !starts(next, (size_t)(end - next), "# nsherd "))
			next = next_line(next, end);
		b.size = (size_t)(next - b.text);
		good &= is_key ? take_key(inc, &b) : take_pattern(inc, &b);
		text = next;
	}
	inc->intact = good && ended;
	if (!inc->intact)
		inc->canary[0] = '\0';
}

/* -- rendering ------------------------------------------------------------- */

/* The lines that print_remotes makes. */
static bool
is_remote_line(const char *line)
{
	static const char *const words[] = {"\trequest-xfr: ", "\tallow-notify: ",
	    "\tnotify: ", "\tprovide-xfr: "};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strncmp(line, words[i], strlen(words[i])) == 0)
			return true;
	}
	return false;
}

/*
 * The keys that the blocks name. Every line that takes a key ends in it, in
 * quotes, with its final dot. Keys in raw options are the operator's.
 */
static void
list_keys(const struct nsd_include *inc, struct textset *names)
{
	for (size_t i = 0; i < inc->n; i++) {
		const char *at = inc->natives[i].block, *end;

		for (; (end = strchr(at, '\n')) != NULL; at = end + 1) {
			const char *quote = memchr(at, '"', (size_t)(end - at));
			char *name;

			if (strncmp(at, nsd_native_raw, strlen(nsd_native_raw)) == 0)
				break;
			if (!is_remote_line(at) || quote == NULL || end - quote < 4 ||
			    end[-1] != '"' || end[-2] != '.')
				continue;
			name = dup_text(quote + 1, (size_t)(end - quote) - 3);
			textset_add(names, name);
			free(name);
		}
	}
}

/* The block of a key: as the ring has it, or as it was. NULL: nowhere. */
static char *
key_block(const struct nsd_include *inc, const struct keyring *ring, const char *name)
{
	struct dname dname;
	const struct key *key = NULL;
	struct buf out;
	char *block;

	if (ring != NULL && dname_parse(name, &dname) == OK)
		key = keyring_find(ring, &dname);
	if (key == NULL) {
		for (size_t i = 0; i < inc->n_keys; i++) {
			if (strcmp(inc->keys[i].name, name) == 0)
				return mem_strdup(inc->keys[i].block);
		}
		return NULL;
	}
	buf_init(&out, 0);
	buf_printf(&out, "key:\n\tname: \"%s.\"\n\talgorithm: %s\n\tsecret: \"", name,
	    key_alg_str(key_algorithm(key)));
	key_secret_print(key, &out);
	buf_puts(&out, "\"\n");
	block = mem_strdup(buf_text(&out));
	mem_wipe(out.data, out.size);
	buf_fini(&out);
	return block;
}

static enum err
renew_keys(struct nsd_include *inc, const struct keyring *ring,
    struct backend_error *why)
{
	struct nsd_include next = {.n = 0};
	struct textset names = {NULL, 0, 0};
	enum err err = OK;

	list_keys(inc, &names);
	next.keys = mem_alloc((names.n + 1) * sizeof(next.keys[0]));
	for (size_t i = 0; i < names.n; i++) {
		const char *name = names.list[i];
		char *block = key_block(inc, ring, name);

		if (block == NULL) {
			if (err == OK)
				err = backend_fail(why, ERR_NOTFOUND,
				    "key %.150s is not configured in the agent", name);
			continue;
		}
		next.keys[next.n_keys++] =
		    (struct nsd_keyblock){mem_strdup(name), block};
	}
	textset_fini(&names);
	if (err == OK) {
		free_keys(inc);
		inc->keys = next.keys;
		inc->n_keys = next.n_keys;
	} else {
		free_keys(&next);
	}
	return err;
}

static unsigned
count_lines(const char *text)
{
	unsigned n = 0;

	for (; (text = strchr(text, '\n')) != NULL; text++)
		n++;
	return n;
}

enum err
nsd_include_render(struct nsd_include *inc, const struct keyring *ring, struct buf *out,
    struct backend_error *why)
{
	char hex[DIGEST_HEX_MAX + 1];
	unsigned line;
	enum err err = renew_keys(inc, ring, why);

	if (err != OK)
		return err;
	buf_puts(out, "# Written by nsherdd, which reads it again: do not edit.\n"
		      "# nsd.conf includes it once. It holds TSIG secrets.\n");
	for (size_t i = 0; i < inc->n_keys; i++) {
		const char *block = inc->keys[i].block;

		buf_printf(out, "%s%s %s\n%s", mark_key, inc->keys[i].name,
		    digest_hex(block, strlen(block), CHECKSUM, hex), block);
	}
	line = count_lines(buf_text(out)) + 1;
	for (size_t i = 0; i < inc->n; i++) {
		struct nsd_native *native = &inc->natives[i];
		const char *block = native->block;

		buf_printf(out, "%s%s %s %s\n%s", mark_pattern, native->name,
		    native->digest, digest_hex(block, strlen(block), CHECKSUM, hex),
		    block);
		native->line = line;
		native->n_lines = 1 + count_lines(block);
		line += native->n_lines;
	}
	digest_hex(buf_text(out), out->size, CHECKSUM, hex);
	snprintf(inc->canary, sizeof(inc->canary), "nsherd.%.16s", hex);
	buf_printf(out, "%s%s\npattern:\n\tname: \"%s\"\n", mark_end, inc->canary,
	    inc->canary);
	return out->err;
}
