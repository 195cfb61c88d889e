/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* -- entries ----------------------------------------------------------------- */

void
journal_start(struct journal_entry *e)
{
	e->size = 0;
}

static void
append(struct journal_entry *e, const void *data, size_t size)
{
	memcpy(e->data + e->size, data, size);
	e->size += size;
}

void
journal_put(struct journal_entry *e, const char *name, const void *value, size_t size)
{
	size_t n = strlen(name);
	bool is_line = size <= sizeof(e->data) && memchr(value, '\n', size) == NULL;
	size_t room = sizeof(e->data) - e->size;
	if (size > room || n + 1 + (is_line ? 0 : 8) + size + 1 > room)
		return;
	append(e, name, n);
	append(e, is_line ? "=" : "\n", 1);
	if (!is_line)
		for (unsigned i = 0; i < 8; i++) /* little endian, wherever it runs */
			append(e, &(uint8_t){(uint8_t)((uint64_t)size >> 8 * i)}, 1);
	append(e, value, size);
	append(e, "\n", 1);
}

void
journal_put_text(struct journal_entry *e, const char *name, const char *value)
{
	journal_put(e, name, value, strlen(value));
}

static const struct {
	const char *word, *field;
} fields[] = {
    {"backend", "NSHERD_BACKEND"},
    {"catalog", "NSHERD_CATALOG"},
    {"key", "NSHERD_KEY"},
    {"op", "NSHERD_OP"},
    {"pattern", "NSHERD_PATTERN"},
    {"peer", "NSHERD_PEER"},
    {"primary", "NSHERD_PRIMARY"},
    {"rcode", "NSHERD_RCODE"},
    {"reason", "NSHERD_REASON"},
    {"serial", "NSHERD_SERIAL"},
    {"source", "NSHERD_SOURCE"},
    {"state", "NSHERD_STATE"},
    {"user", "NSHERD_USER"},
    {"zone", "NSHERD_ZONE"},
};

enum { N_FIELDS = sizeof(fields) / sizeof(fields[0]) };

static size_t
find_field(const char *word, size_t size)
{
	size_t i = 0;

	while (i < N_FIELDS && (strlen(fields[i].word) != size ||
				   memcmp(fields[i].word, word, size) != 0))
		i++;
	return i;
}

/* The value that begins here: without its quotes, or without what punctuation follows
 * it. *end: after it. */
static size_t
value_size(const char **value, const char **end)
{
	size_t n;

	if (**value == '"') {
		++*value;
		n = strcspn(*value, "\"");
		*end = *value + n + ((*value)[n] == '"');
		return n;
	}
	n = strcspn(*value, " ");
	*end = *value + n;
	while (n > 0 && strchr(":,;", (*value)[n - 1]) != NULL)
		n--;
	return n;
}

void
journal_put_words(struct journal_entry *e, const char *text)
{
	bool has[N_FIELDS] = {false};

	while (*text != '\0') {
		size_t n = strcspn(text, " =");
		const char *end = text + n;
		if (*end == '=') {
			const char *value = end + 1;
			size_t size = value_size(&value, &end);
			size_t field = find_field(text, n);
			if (field < N_FIELDS && !has[field]) {
				journal_put(e, fields[field].field, value, size);
				has[field] = true;
			}
		}
		text = end + (*end == ' ');
	}
}

/* -- the way to it ------------------------------------------------------------- */

bool
journal_has_stderr(void)
{
	unsigned long long dev, ino;
	char rest;
	struct stat st;
	const char *stream = getenv("JOURNAL_STREAM");

	return stream != NULL &&
	       sscanf(stream, "%llu:%llu%c", &dev, &ino, &rest) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

int
journal_open(void)
{
	return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

/* Not connected: a journal that is restarted is found again. */
bool
journal_send(int fd, const char *path, const struct journal_entry *e)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	if (fd < 0 || strlen(path) >= sizeof(to.sun_path))
		return false;
	memcpy(to.sun_path, path, strlen(path) + 1);
	return sendto(fd, e->data, e->size, MSG_NOSIGNAL, (const struct sockaddr *)&to,
		   sizeof(to)) == (ssize_t)e->size;
}
