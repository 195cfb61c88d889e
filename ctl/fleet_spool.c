/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/fleet_spool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/mem.h"
#include "lib/observed.h"

static const char *const states[] = {
    [SPOOL_SERVING] = "serving",
    [SPOOL_PENDING] = "pending",
    [SPOOL_APPLIED] = "applied",
    [SPOOL_FAILED] = "failed",
    [SPOOL_CONFLICT] = "conflict",
    [SPOOL_UNASSIGNED] = "unassigned",
    [SPOOL_HELD] = "held",
    [SPOOL_REMOVING] = "removing",
};

/* What a record has before its texts. The key's first octets are those of the row
 * before. */
struct head {
	uint16_t n_same, n_rest;
	uint32_t serial;
	uint8_t state, flags, sizes[4];
};

enum { HAS_SERIAL = 1 };
enum { ERROR_AT = 3 }; /* of the texts */

int
spool_compare_keys(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
	int c = memcmp(a, b, a_size < b_size ? a_size : b_size);
	return c ? c : (a_size > b_size) - (a_size < b_size);
}

void
spool_fini(struct spool *s)
{
	if (s->file)
		fclose(s->file);
	*s = (struct spool){0};
}

/* As tmpfile(3), but where TMPDIR says: /tmp may be memory. */
static FILE *
temporary_file(void)
{
	const char *dir = getenv("TMPDIR");
	char *path = mem_printf("%s/nsherdctl.XXXXXX", dir && *dir ? dir : "/tmp");
	int fd = mkostemp(path, O_CLOEXEC);
	FILE *file = NULL;

	if (fd >= 0) {
		unlink(path);
		file = fdopen(fd, "w+");
		if (!file)
			close(fd);
	}
	free(path);
	return file;
}

enum err
spool_begin(struct spool *s)
{
	spool_fini(s);
	s->file = temporary_file();
	return s->file ? OK : ERR_IO;
}

/* -- writing ---------------------------------------------------------------- */

static enum spool_state
state_of(const char *text)
{
	size_t i = 0;
	while (text && i < SPOOL_OTHER && strcmp(states[i], text) != 0)
		i++;
	return text ? (enum spool_state)i : SPOOL_OTHER;
}

static size_t
n_same(const struct spool *s, const uint8_t *key, size_t size)
{
	size_t n = 0;
	while (n < size && n < s->last_size && s->last[n] == key[n])
		n++;
	return n;
}

enum err
spool_put(struct spool *s, const struct dname *zone, const struct rr *rr)
{
	static const char *const keys[4] = {"backend", "pattern", "id", "error"};
	char values[4][OBSERVED_VALUE_MAX], value[OBSERVED_VALUE_MAX];
	uint8_t key[DNAME_KEY_MAX];
	size_t size = dname_key(zone, key), same = n_same(s, key, size);
	const char *serial = observed_get(rr, "serial", value);
	struct head head = {.n_same = (uint16_t)same,
	    .n_rest = (uint16_t)(size - same)};

	if (s->any && spool_compare_keys(key, size, s->last, s->last_size) < 0)
		return ERR_INVALID;
	s->n_alike =
	    s->any && same == size && size == s->last_size ? s->n_alike + 1 : 1;
	if (s->n_alike > SPOOL_ROWS_MAX)
		return ERR_RANGE;
	if (serial) {
		head.flags |= HAS_SERIAL;
		head.serial = (uint32_t)strtoul(serial, NULL, 10);
	}
	head.state = (uint8_t)state_of(observed_get(rr, "state", value));
	for (size_t i = 0; i < 4; i++)
		if (observed_get(rr, keys[i], values[i]))
			head.sizes[i] = (uint8_t)strlen(values[i]);
	if (head.sizes[ERROR_AT] == 0 && observed_get(rr, "waiting", value))
		head.sizes[ERROR_AT] = (uint8_t)snprintf(values[ERROR_AT],
		    sizeof(values[ERROR_AT]), "waits for %.200s", value);
	bool ok = fwrite(&head, sizeof(head), 1, s->file) == 1 &&
		  fwrite(key + same, 1, size - same, s->file) == size - same;
	for (size_t i = 0; i < 4 && ok; i++)
		ok = fwrite(values[i], 1, head.sizes[i], s->file) == head.sizes[i];
	memcpy(s->last, key, size);
	s->last_size = size;
	s->any = true;
	return ok ? OK : ERR_IO;
}

/* -- reading ---------------------------------------------------------------- */

enum err
spool_rewind(struct spool *s)
{
	s->last_size = 0;
	if (fflush(s->file) != 0 || fseek(s->file, 0, SEEK_SET) != 0)
		return ERR_IO;
	return OK;
}

enum err
spool_next(struct spool *s, struct spool_row *row)
{
	char *const texts[4] = {row->backend, row->pattern, row->id, row->error};
	struct head head;

	if (fread(&head, sizeof(head), 1, s->file) != 1)
		return ferror(s->file) ? ERR_IO : ERR_NOTFOUND;
	row->key_size = (size_t)head.n_same + head.n_rest;
	if (head.n_same > s->last_size || row->key_size > sizeof(row->key))
		return ERR_IO; /* somebody else wrote into it */
	memcpy(row->key, s->last, head.n_same);
	bool ok = fread(row->key + head.n_same, 1, head.n_rest, s->file) == head.n_rest;
	for (size_t i = 0; i < 4 && ok; i++) {
		ok = fread(texts[i], 1, head.sizes[i], s->file) == head.sizes[i];
		texts[i][head.sizes[i]] = '\0';
	}
	memcpy(s->last, row->key, row->key_size);
	s->last_size = row->key_size;
	row->state = (enum spool_state)head.state;
	row->has_serial = head.flags & HAS_SERIAL;
	row->serial = head.serial;
	return ok ? OK : ERR_IO;
}
