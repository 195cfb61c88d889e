/* SPDX-License-Identifier: BSD-2-Clause */
/* netconf.conf as a whole: a configuration, or faults that say where. */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netconf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[64];

static void
at_exit(void)
{
	unlink(path);
}

static void
init(void)
{
	snprintf(path, sizeof(path), "%s/nsherd-fuzz.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	int fd = mkstemp(path);
	if (fd < 0)
		abort();
	close(fd);
	atexit(at_exit);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *conf = NULL;

	if (path[0] == '\0')
		init();
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
	enum err err = conf_load(path, &conf);
	assert(conf != NULL);
	assert(err == OK || err == ERR_INVALID);
	assert((err == OK) == (conf->faults.size == 0));
	assert(conf_find_user(conf, "") == NULL);
	conf_free(conf);
	return 0;
}
