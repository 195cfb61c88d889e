/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "lib/log.h"

NORETURN static void
out_of_memory(size_t size)
{
	log_fatal("mem", "out of memory: size=%zu", size);
}

void *
mem_alloc(size_t size)
{
	void *p = malloc(size ? size : 1);
	if (!p)
		out_of_memory(size);
	return p;
}

void *
mem_zalloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);
	if (!p)
		out_of_memory(size);
	return p;
}

void *
mem_realloc(void *old, size_t size)
{
	void *p = realloc(old, size ? size : 1);
	if (!p)
		out_of_memory(size);
	return p;
}

void *
mem_dup(const void *data, size_t size)
{
	void *p = mem_alloc(size);
	if (size > 0)
		memcpy(p, data, size);
	return p;
}

char *
mem_strdup(const char *text)
{
	return mem_dup(text, strlen(text) + 1);
}

void
mem_copy_text(char *out, size_t room, const char *text)
{
	size_t n = strnlen(text, room - 1);
	memcpy(out, text, n);
	out[n] = '\0';
}

char *
mem_printf(const char *fmt, ...)
{
	char *text;
	va_list args;
	va_start(args, fmt);
	int n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0)
		out_of_memory(0);
	return text;
}

void *
mem_grow(void *array, size_t n, size_t *room, size_t element_size)
{
	if (n < *room)
		return array;
	size_t want = *room < 8 ? 8 : *room;
	while (want <= n && want <= SIZE_MAX / 2)
		want *= 2;
	if (want <= n || want > SIZE_MAX / element_size)
		out_of_memory(SIZE_MAX);
	array = mem_realloc(array, want * element_size);
	*room = want;
	return array;
}

/* Both thresholds else grow with the largest block ever freed. */
void
mem_keep_little(void)
{
#ifdef __GLIBC__
	enum { KEPT = 256 << 10 };

	mallopt(M_MMAP_THRESHOLD, KEPT);
	mallopt(M_TRIM_THRESHOLD, KEPT);
#endif
}

void
mem_trim(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

void
mem_wipe(void *data, size_t size)
{
	if (size > 0)
		explicit_bzero(data, size);
}

const char *
mem_errno_text(int error)
{
	static _Thread_local char text[128];
	/* glibc's strerror_r may return a text of its own. */
	const char *message = strerror_r(error, text, sizeof(text));
	if (message != text)
		snprintf(text, sizeof(text), "%s", message);
	return text;
}
