/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_BUF_H
#define LIB_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/*
 * A growing byte buffer with a bound. The first failure sticks: later puts do
 * nothing, and the caller looks at `err` once, at the end. Numbers are big
 * endian. data is always followed by a NUL that size does not count (as long
 * as anything was put), so text can be used as a C string by buf_text().
 */
struct buf {
	uint8_t *data;
	size_t size;
	size_t room;
	size_t max;   /* 0: no bound but memory */
	enum err err; /* OK or ERR_SPACE */
};

void buf_init(struct buf *buf, size_t max);
void buf_fini(struct buf *buf);
void buf_reset(struct buf *buf); /* empty again, memory kept, error cleared */

void buf_put(struct buf *buf, const void *data, size_t size);
void buf_put_u8(struct buf *buf, uint8_t value);
void buf_put_u16(struct buf *buf, uint16_t value);
void buf_put_u32(struct buf *buf, uint32_t value);
void buf_put_u64(struct buf *buf, uint64_t value);
void buf_puts(struct buf *buf, const char *text);
PRINTF(2, 3) void buf_printf(struct buf *buf, const char *fmt, ...);

/* Room for size more bytes at the end; NULL after a failure. */
uint8_t *buf_extend(struct buf *buf, size_t size);

/* Drop the first n bytes. */
void buf_consume(struct buf *buf, size_t n);

/* Never NULL; "" when empty. */
const char *buf_text(const struct buf *buf);

#endif
