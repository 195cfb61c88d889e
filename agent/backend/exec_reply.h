/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_EXEC_REPLY_H
#define AGENT_BACKEND_EXEC_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/backend/backend.h"
#include "lib/dname.h"
#include "lib/err.h"

/* One line that a program of the exec driver says: doc/exec-protocol.md. */

enum { EXEC_PROTOCOL = 1, EXEC_REPLY_MAX = 65536, EXEC_DEPTH_MAX = 8 };

enum exec_reply_kind { EXEC_END, EXEC_ZONE, EXEC_OP, EXEC_KEY };

enum exec_end {
	EXEC_END_OK,
	EXEC_END_DOWN,        /* its server cannot be reached */
	EXEC_END_BUSY,        /* not now */
	EXEC_END_REJECTED,    /* the server says no */
	EXEC_END_UNSUPPORTED, /* there is no such thing */
};

struct exec_reply {
	uint64_t id;
	enum exec_reply_kind kind;
	/* EXEC_ZONE: mark "": not ours. EXEC_KEY: the key's name. */
	struct dname name;
	char mark[128];
	/* EXEC_OP */
	uint64_t op;
	enum backend_result result; /* never RESULT_NONE */
	unsigned after_s;
	/* EXEC_OP, EXEC_END: printable ASCII; the rest is replaced by '?' */
	char text[200];
	/* EXEC_END */
	enum exec_end end;
	unsigned protocol, batch; /* 0: not given */
	struct backend_identity identity;
};

/*
 * The line has no newline any more, and need not end in a NUL. ERR_FORM: it is
 * none, why says what is wrong with it. Members that are not known are passed over.
 */
NODISCARD enum err exec_reply_parse(const char *line, size_t size,
    struct exec_reply *reply, char why[static 100]);

/* At most n octets of what was said, for messages: printable ASCII. */
void exec_reply_show(const char *said, size_t size, char *out, size_t room);

#endif
