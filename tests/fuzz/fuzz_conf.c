/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nsherd.conf as a whole: whatever stands there is a configuration, or has faults
 * that say where.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/conf.h"

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
	assert((err == OK) == (conf->n_faults == 0));
	for (size_t n = 0; n < conf->n_faults; n++) {
		char *text = conf_fault_text(conf, n);
		assert(text != NULL && strncmp(text, path, strlen(path)) == 0);
		free(text);
	}
	assert(conf_fault_text(conf, conf->n_faults) == NULL);
	conf_free(conf);
	return 0;
}
