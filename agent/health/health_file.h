/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_HEALTH_HEALTH_FILE_H
#define AGENT_HEALTH_HEALTH_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/health/health.h"
#include "lib/err.h"

/*
 * The file that a route-announcing health check reads:
 *
 *   health=ok since=UNIX at=UNIX agent=NAME reason=TEXT TO THE END OF THE LINE
 *   backend=NAME answers=yes control=up serving=N lost=N expired=N
 *
 * It is always whole: written aside and renamed, mode 0644. While nothing is known
 * there is none, or that of before the start.
 */

struct health_report {
	const char *agent;
	const struct health *health;
	const struct health_backend *backends;
	size_t n;
	uint64_t at; /* Unix time */
};

/* ERR_IO, ERR_FULL: the file is as it was. errno is the system's. */
NODISCARD enum err health_file_write(const char *path,
    const struct health_report *report);
/* State and since of the last verdict. ERR_NOTFOUND: there is no file; ERR_FORM: it
 * is none of ours. */
NODISCARD enum err health_file_read(const char *path, struct health *health);

#endif
