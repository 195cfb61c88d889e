/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/dname.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <openssl/sha.h>

enum { LABELS_MAX = 127 }; /* one octet each, and the root */

const struct dname dname_root = {.size = 1};

static inline uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* -- text ---------------------------------------------------------------- */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* One octet of a label, which may be written \X or \DDD. */
static bool
parse_octet(const char **text, uint8_t *octet)
{
	const char *p = *text;
	/* A blank or an octet that is not ASCII must be escaped: who typed it
	 * did not mean it to be part of a name. */
	if (*p <= ' ' || *p > '~')
		return false;
	if (*p != '\\') {
		*octet = (uint8_t)*p;
		*text = p + 1;
		return true;
	}
	if (!is_digit(p[1])) {
		*octet = (uint8_t)p[1];
		*text = p + 2;
		return p[1] >= ' ' && p[1] <= '~';
	}
	if (!is_digit(p[2]) || !is_digit(p[3]))
		return false;
	unsigned value = (unsigned)(p[1] - '0') * 100 + (unsigned)(p[2] - '0') * 10 +
			 (unsigned)(p[3] - '0');
	*octet = (uint8_t)value;
	*text = p + 4;
	return value <= 255;
}

enum err
dname_parse(const char *text, struct dname *name)
{
	struct dname n;
	unsigned start = 0; /* where the label's length octet goes */
	unsigned at = 1;    /* where its next octet goes */

	if (strcmp(text, ".") == 0) {
		*name = dname_root;
		return OK;
	}
	for (const char *p = text; *p != '\0';) {
		uint8_t c;
		if (*p == '.') {
			if (at == start + 1)
				return ERR_FORM;
			n.wire[start] = (uint8_t)(at - start - 1);
			start = at++;
			p++;
			continue;
		}
		if (!parse_octet(&p, &c) || at - start > DNAME_LABEL_MAX ||
		    at > DNAME_WIRE_MAX - 2)
			return ERR_FORM;
		n.wire[at++] = lower(c);
	}
	if (at == start + 1) {
		if (start == 0)
			return ERR_FORM; /* empty text */
		n.wire[start] = 0;       /* it had its final dot */
		n.size = (uint8_t)(start + 1);
	} else {
		n.wire[start] = (uint8_t)(at - start - 1);
		n.wire[at] = 0;
		n.size = (uint8_t)(at + 1);
	}
	memcpy(name->wire, n.wire, n.size);
	name->size = n.size;
	return OK;
}

static char *
put_ddd(char *out, uint8_t c)
{
	*out++ = '\\';
	*out++ = (char)('0' + c / 100);
	*out++ = (char)('0' + c / 10 % 10);
	*out++ = (char)('0' + c % 10);
	return out;
}

typedef char *put_octet_fn(char *out, uint8_t c);

static char *
put_octet(char *out, uint8_t c)
{
	switch (c) {
	case '.':
	case ';':
	case '(':
	case ')':
	case '\\':
	case '"':
	case '@':
	case '$': *out++ = '\\'; break;
	default:
		if (c <= ' ' || c >= 0x7f)
			return put_ddd(out, c);
	}
	*out++ = (char)c;
	return out;
}

static char *
put_octet_plain(char *out, uint8_t c)
{
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
	    c == '*') {
		*out++ = (char)c;
		return out;
	}
	return put_ddd(out, c);
}

/* Every label with a dot behind it. Returns the end, where the NUL is. */
static inline char *
print_labels(const struct dname *name, char *out, put_octet_fn *put)
{
	for (const uint8_t *p = name->wire; *p != 0; p += 1 + *p) {
		for (unsigned i = 1; i <= *p; i++)
			out = put(out, p[i]);
		*out++ = '.';
	}
	*out = '\0';
	return out;
}

char *
dname_print(const struct dname *name, char out[static DNAME_TEXT_MAX])
{
	if (name->size == 1)
		strcpy(out, ".");
	else
		print_labels(name, out, put_octet);
	return out;
}

char *
dname_print_short(const struct dname *name, char out[static DNAME_TEXT_MAX])
{
	if (name->size == 1)
		strcpy(out, ".");
	else
		print_labels(name, out, put_octet)[-1] = '\0';
	return out;
}

char *
dname_print_plain(const struct dname *name, char out[static DNAME_TEXT_MAX])
{
	if (name->size == 1)
		strcpy(out, ".");
	else
		print_labels(name, out, put_octet_plain)[-1] = '\0';
	return out;
}

char *
dname_print_file(const struct dname *name, char out[static DNAME_FILE_MAX])
{
	char text[DNAME_TEXT_MAX];
	size_t n = strlen(dname_print_plain(name, text));

	if (name->size == 1) {
		strcpy(out, "@");
	} else if (n < DNAME_FILE_MAX) {
		memcpy(out, text, n + 1);
	} else {
		/* No zone has this name itself: it would be a label of 66. */
		uint8_t hash[SHA256_DIGEST_LENGTH];
		const uint8_t *done = SHA256(name->wire, name->size, hash);
		assert(done);
		char *p = out + sprintf(out, "h-");
		for (size_t i = 0; i < sizeof(hash); i++)
			p += sprintf(p, "%02x", hash[i]);
	}
	return out;
}

/* -- wire ---------------------------------------------------------------- */

size_t
dname_scan(const uint8_t *wire, size_t size)
{
	size_t at = 0;
	while (at < size && at < DNAME_WIRE_MAX) {
		if (wire[at] == 0)
			return at + 1;
		if (wire[at] > DNAME_LABEL_MAX)
			return 0;
		at += 1 + (size_t)wire[at];
	}
	return 0;
}

/* Eight octets at a time: names are most of what is read and written. */
void
dname_copy_lower(uint8_t *to, const uint8_t *from, size_t size)
{
	static const uint64_t ones = UINT64_C(0x0101010101010101);
	for (; size >= 8; size -= 8, to += 8, from += 8) {
		uint64_t w;
		memcpy(&w, from, 8);
		/* No sum carries into the next octet: what is left of each is < 0x80.
		 */
		uint64_t low = w & 0x7f * ones;
		uint64_t from_a = low + (0x80 - 'A') * ones;
		uint64_t past_z = low + (0x80 - 'Z' - 1) * ones;
		w |= (from_a & ~past_z & ~w & 0x80 * ones) >> 2;
		memcpy(to, &w, 8);
	}
	for (size_t i = 0; i < size; i++)
		to[i] = lower(from[i]);
}

enum err
dname_from_wire(const uint8_t *wire, size_t size, struct dname *name)
{
	if (size == 0 || dname_scan(wire, size) != size)
		return ERR_FORM;
	/* Length octets are below 'A': lowering them changes nothing. */
	dname_copy_lower(name->wire, wire, size);
	name->size = (uint8_t)size;
	return OK;
}

bool
dname_equal(const struct dname *a, const struct dname *b)
{
	return a->size == b->size && memcmp(a->wire, b->wire, a->size) == 0;
}

/* Where each label begins, the first one first. Returns how many. */
static unsigned
find_labels(const struct dname *name, uint8_t at[static LABELS_MAX])
{
	unsigned n = 0;
	for (unsigned i = 0; name->wire[i] != 0; i += 1 + name->wire[i])
		at[n++] = (uint8_t)i;
	return n;
}

int
dname_compare(const struct dname *a, const struct dname *b)
{
	uint8_t at_a[LABELS_MAX], at_b[LABELS_MAX];
	unsigned n_a = find_labels(a, at_a), n_b = find_labels(b, at_b);

	for (unsigned i = 1; i <= n_a && i <= n_b; i++) {
		const uint8_t *la = a->wire + at_a[n_a - i];
		const uint8_t *lb = b->wire + at_b[n_b - i];
		int order = memcmp(la + 1, lb + 1, *la < *lb ? *la : *lb);
		if (order == 0)
			order = (int)*la - (int)*lb;
		if (order != 0)
			return order;
	}
	return (int)n_a - (int)n_b;
}

bool
dname_is_at_or_below(const struct dname *name, const struct dname *apex)
{
	unsigned at = 0;
	if (name->size < apex->size)
		return false;
	while (name->size - at > apex->size)
		at += 1 + name->wire[at];
	return name->size - at == apex->size &&
	       memcmp(name->wire + at, apex->wire, apex->size) == 0;
}

bool
dname_is_below(const struct dname *name, const struct dname *apex)
{
	return name->size > apex->size && dname_is_at_or_below(name, apex);
}

unsigned
dname_n_labels(const struct dname *name)
{
	uint8_t at[LABELS_MAX];
	return find_labels(name, at);
}

void
dname_strip(const struct dname *name, unsigned n, struct dname *out)
{
	unsigned at = 0;
	for (; n > 0 && name->wire[at] != 0; n--)
		at += 1 + name->wire[at];
	unsigned size = name->size - at;
	memmove(out->wire, name->wire + at, size);
	out->size = (uint8_t)size;
}

enum err
dname_first_label(const struct dname *name, struct label *label)
{
	if (name->size == 1)
		return ERR_NOTFOUND;
	label->size = name->wire[0];
	memcpy(label->data, name->wire + 1, label->size);
	return OK;
}

/* True when labels is a run of whole labels without a root. */
static bool
is_run(const uint8_t *labels, size_t size)
{
	size_t at = 0;
	while (at < size) {
		if (labels[at] == 0 || labels[at] > DNAME_LABEL_MAX)
			return false;
		at += 1 + (size_t)labels[at];
	}
	return at == size;
}

enum err
dname_join(const uint8_t *labels, size_t size, const struct dname *suffix,
    struct dname *out)
{
	if (size > DNAME_WIRE_MAX - (size_t)suffix->size)
		return ERR_RANGE;
	if (!is_run(labels, size))
		return ERR_FORM;
	unsigned suffix_size = suffix->size;
	memmove(out->wire + size, suffix->wire, suffix_size);
	dname_copy_lower(out->wire, labels, size);
	out->size = (uint8_t)(size + suffix_size);
	return OK;
}

enum err
dname_prepend(const struct label *label, const struct dname *suffix, struct dname *out)
{
	uint8_t run[1 + DNAME_LABEL_MAX];
	assert(label->size >= 1 && label->size <= DNAME_LABEL_MAX);
	run[0] = label->size;
	memcpy(run + 1, label->data, label->size);
	return dname_join(run, 1 + (size_t)label->size, suffix, out);
}

/* -- labels -------------------------------------------------------------- */

struct label
label_of(const char *text)
{
	struct label label;
	size_t size = strlen(text);
	assert(size >= 1 && size <= DNAME_LABEL_MAX);
	label.size = (uint8_t)size;
	for (size_t i = 0; i < size; i++)
		label.data[i] = lower((uint8_t)text[i]);
	return label;
}

bool
label_equal(const struct label *a, const struct label *b)
{
	return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

bool
label_is(const struct label *label, const char *text)
{
	return strlen(text) == label->size &&
	       memcmp(label->data, text, label->size) == 0;
}

/* -- keys ---------------------------------------------------------------- */

size_t
dname_key(const struct dname *name, uint8_t key[static DNAME_KEY_MAX])
{
	uint8_t at[LABELS_MAX];
	size_t size = 0;

	for (unsigned n = find_labels(name, at); n > 0; n--) {
		const uint8_t *label = name->wire + at[n - 1];
		if (size > 0)
			key[size++] = 0x00;
		for (unsigned i = 1; i <= *label; i++) {
			if (label[i] > 0x01) {
				key[size++] = label[i];
			} else {
				key[size++] = 0x01;
				key[size++] = label[i] + 1;
			}
		}
	}
	return size;
}

/* The label at key[*at], its escapes undone; *at moves to the separator behind
 * it, or to size. */
static bool
read_key_label(const uint8_t *key, size_t size, size_t *at, struct label *label)
{
	label->size = 0;
	for (; *at < size && key[*at] != 0x00; (*at)++) {
		uint8_t c = key[*at];
		if (c == 0x01) {
			if (++*at == size || key[*at] < 0x01 || key[*at] > 0x02)
				return false;
			c = key[*at] - 1;
		}
		if (c != lower(c) || label->size == DNAME_LABEL_MAX)
			return false;
		label->data[label->size++] = c;
	}
	return label->size > 0;
}

enum err
dname_from_key(const uint8_t *key, size_t size, struct dname *name)
{
	struct dname n = {.size = 1};

	for (size_t at = 0; at < size; at++) {
		struct label label;
		if (!read_key_label(key, size, &at, &label) ||
		    dname_prepend(&label, &n, &n) != OK)
			return ERR_FORM;
		if (at + 1 == size)
			return ERR_FORM; /* a separator with nothing behind it */
	}
	*name = n;
	return OK;
}
