/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_MEM_H
#define LIB_MEM_H

#include <stddef.h>

#include "lib/err.h"

/*
 * Heap memory that is never NULL: when there is none, the program logs and
 * aborts (crash-only: nothing acknowledged is lost). Free with free(3).
 */

void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);
void *mem_realloc(void *old, size_t size);
void *mem_dup(const void *data, size_t size);
char *mem_strdup(const char *text);
/* Cut to fit; room is at least 1. */
void mem_copy_text(char *out, size_t room, const char *text);
PRINTF(1, 2) char *mem_printf(const char *fmt, ...);

/* Grow an array so that element n fits; *room counts elements. */
void *mem_grow(void *array, size_t n, size_t *room, size_t element_size);

/*
 * For a program that runs long, and seldom needs much: large blocks go back to the
 * system when they are freed. At the start. Later, after something unusually
 * large, mem_trim gives back what is free between small blocks; it takes some
 * milliseconds.
 */
void mem_keep_little(void);
void mem_trim(void);

/* Overwrites, and is not optimised away: for secrets. */
void mem_wipe(void *data, size_t size);

/* Room for strerror(3) text; threads do not share it. */
const char *mem_errno_text(int error);

#endif
