/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/file.h"

#include <errno.h>
#include <unistd.h>

bool
file_write(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size > 0) {
		ssize_t n = write(fd, at, size);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return false;
		at += n;
		size -= (size_t)n;
	}
	return true;
}
