/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_FAULT_H
#define NETCONF_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include <nc_server.h>

#include "lib/dname.h"
#include "lib/err.h"

/* Why an operation is refused: an rpc-error of RFC 6241, appendix A. */
struct fault {
	NC_ERR tag;          /* 0: none */
	const char *app_tag; /* NULL: none */
	char elem[80];       /* bad-element */
	char attr[40];       /* bad-attribute */
	char ns[200];        /* bad-namespace */
	char path[1400];     /* error-path; "": none */
	char message[1100];
	uint32_t session_id; /* of lock-denied */
	bool lost;           /* the agent's connection; nothing was changed */
	bool broken;         /* the connection is good for nothing any more */
};

/* The first fault stays. Returns ERR_INVALID, so that it can be returned. */
PRINTF(3, 4)
enum err fault_set(struct fault *f, NC_ERR tag, const char *fmt, ...);
/* The same for those that name an element. */
PRINTF(4, 5)
enum err fault_element(struct fault *f, NC_ERR tag, const char *elem, const char *fmt,
    ...);
PRINTF(2, 3) void fault_path(struct fault *f, const char *fmt, ...);
/* The path of that zone. */
void fault_zone(struct fault *f, const struct dname *zone);

struct nc_server_reply *fault_reply(const struct ly_ctx *ctx, const struct fault *f);

/* A refusal of the agent, or a failure to reach it: tag and message. */
struct session;
struct msg;
enum err fault_refused(struct fault *f, const struct msg *msg);
enum err fault_unreachable(struct fault *f, const struct session *s, enum err e);
/* The same of a connection beside the session's own, which is not to suffer. */
enum err fault_aside(struct fault *f, const struct session *s, enum err e);
/* "reason=WORD ..." -> is it that word? */
bool fault_is_reason(const struct msg *msg, const char *word);
/* The number behind KEY= in the text; 0: there is none. */
unsigned fault_number(const struct msg *msg, const char *key);

#endif
