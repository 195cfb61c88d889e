/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_FILE_H
#define LIB_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* All of it, also where the system takes it in pieces. False: not all, see errno. */
bool file_write(int fd, const void *data, size_t size);

#endif
