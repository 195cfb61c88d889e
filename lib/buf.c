/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/buf.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"

void
buf_init(struct buf *buf, size_t max)
{
	*buf = (struct buf){.max = max};
}

void
buf_fini(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){.max = buf->max};
}

void
buf_reset(struct buf *buf)
{
	buf->size = 0;
	buf->err = OK;
	if (buf->data)
		buf->data[0] = '\0';
}

/* Room for size more octets and the NUL behind them. */
static bool
reserve(struct buf *buf, size_t size)
{
	if (buf->err != OK)
		return false;
	size_t max = buf->max ? buf->max : SIZE_MAX / 4;
	if (size > max || buf->size > max - size) {
		buf->err = ERR_SPACE;
		return false;
	}
	size_t want = buf->size + size + 1;
	if (want > buf->room) {
		size_t room = buf->room < 64 ? 64 : buf->room;
		while (room < want)
			room *= 2;
		buf->data = mem_realloc(buf->data, room);
		buf->room = room;
	}
	return true;
}

uint8_t *
buf_extend(struct buf *buf, size_t size)
{
	if (!reserve(buf, size))
		return NULL;
	uint8_t *p = buf->data + buf->size;
	buf->size += size;
	buf->data[buf->size] = '\0';
	return p;
}

void
buf_put(struct buf *buf, const void *data, size_t size)
{
	uint8_t *p = buf_extend(buf, size);
	if (p && size > 0)
		memcpy(p, data, size);
}

void
buf_put_u8(struct buf *buf, uint8_t value)
{
	uint8_t *p = buf_extend(buf, 1);
	if (p)
		p[0] = value;
}

void
buf_put_u16(struct buf *buf, uint16_t value)
{
	uint8_t *p = buf_extend(buf, 2);
	if (!p)
		return;
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

void
buf_put_u32(struct buf *buf, uint32_t value)
{
	uint8_t *p = buf_extend(buf, 4);
	for (unsigned i = 0; p && i < 4; i++)
		p[i] = (uint8_t)(value >> (24 - 8 * i));
}

void
buf_put_u64(struct buf *buf, uint64_t value)
{
	uint8_t *p = buf_extend(buf, 8);
	for (unsigned i = 0; p && i < 8; i++)
		p[i] = (uint8_t)(value >> (56 - 8 * i));
}

void
buf_puts(struct buf *buf, const char *text)
{
	buf_put(buf, text, strlen(text));
}

void
buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0) {
		buf->err = ERR_SPACE;
		return;
	}

	uint8_t *p = buf_extend(buf, (size_t)n);
	if (!p)
		return;
	va_start(args, fmt);
	vsnprintf((char *)p, (size_t)n + 1, fmt, args);
	va_end(args);
}

void
buf_consume(struct buf *buf, size_t n)
{
	if (n > buf->size)
		n = buf->size;
	if (n == 0)
		return;
	memmove(buf->data, buf->data + n, buf->size - n + 1);
	buf->size -= n;
}

const char *
buf_text(const struct buf *buf)
{
	return buf->data ? (const char *)buf->data : "";
}
