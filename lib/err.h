/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_ERR_H
#define LIB_ERR_H

/*
 * The one set of errors of nsherd. OK is 0. A foreign library's codes are
 * mapped where that library is called, nowhere else. A DNS rcode is not an
 * enum err: agent/proto has the one function that turns one into the other.
 */

#define NODISCARD    __attribute__((warn_unused_result))
#define PRINTF(a, b) __attribute__((format(printf, a, b)))
#define NORETURN     __attribute__((noreturn))

enum err {
	OK = 0,
	ERR_NOTFOUND,
	ERR_EXISTS,
	ERR_FORM,        /* malformed input */
	ERR_RANGE,       /* a value or size beyond its limit, input too short */
	ERR_SPACE,       /* the caller's buffer is full */
	ERR_INVALID,     /* well formed, but not acceptable */
	ERR_DENIED,      /* a right is missing */
	ERR_AUTH,        /* a signature or secret is wrong */
	ERR_BUSY,        /* try again later */
	ERR_TIMEOUT,     /* the other side did not answer in time */
	ERR_CLOSED,      /* the other side closed */
	ERR_CANCELED,    /* we were told to stop */
	ERR_FULL,        /* disk or map full; nothing was changed */
	ERR_IO,          /* the system said no; errno tells */
	ERR_CORRUPT,     /* stored data contradicts itself */
	ERR_UNSUPPORTED, /* understood, but not offered */
};

/* A short lower-case text, never NULL. */
const char *err_str(enum err err);

/*
 * Where and why a configuration, pattern or key file is wrong. The first
 * fault stays: later err_at() calls on a filled one do nothing.
 */
struct err_where {
	char file[256];
	unsigned line; /* 0: the file as a whole */
	char what[256];
};

/* Returns ERR_INVALID, so that a parser can say `return err_at(...)`. */
PRINTF(4, 5)
enum err err_at(struct err_where *where, const char *file, unsigned line,
    const char *fmt, ...);

#endif
