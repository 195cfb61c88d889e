/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_RR_H
#define LIB_RR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/dname.h"
#include "lib/err.h"
#include "lib/wire.h"

/* Resource records: types, RDATA, presentation format, serial arithmetic. */

enum rr_type {
	RR_A = 1,
	RR_NS = 2,
	RR_CNAME = 5,
	RR_SOA = 6,
	RR_PTR = 12,
	RR_TXT = 16,
	RR_AAAA = 28,
	RR_OPT = 41,
	RR_TKEY = 249,
	RR_TSIG = 250,
	RR_IXFR = 251,
	RR_AXFR = 252,
	RR_MAILB = 253,
	RR_MAILA = 254,
	RR_ANY = 255,
};

enum rr_class { CLASS_IN = 1, CLASS_CH = 3, CLASS_NONE = 254, CLASS_ANY = 255 };

enum rcode {
	RCODE_NOERROR = 0,
	RCODE_FORMERR = 1,
	RCODE_SERVFAIL = 2,
	RCODE_NXDOMAIN = 3,
	RCODE_NOTIMP = 4,
	RCODE_REFUSED = 5,
	RCODE_YXDOMAIN = 6,
	RCODE_YXRRSET = 7,
	RCODE_NXRRSET = 8,
	RCODE_NOTAUTH = 9,
	RCODE_NOTZONE = 10,
	RCODE_BADVERS = 16,
	RCODE_BADSIG = 16, /* in a TSIG's error field */
	RCODE_BADKEY = 17,
	RCODE_BADTIME = 18,
	RCODE_BADTRUNC = 22,
};

/* "NOERROR", "REFUSED", ...; "RCODE<n>" for others, valid until the next call
 * of the thread. */
const char *rcode_str(unsigned rcode);

struct rr {
	struct dname owner;
	uint16_t type;
	uint16_t class;
	uint32_t ttl;
	uint16_t rdata_size;
	const uint8_t *rdata; /* uncompressed; who owns it, each function says */
};

/* Types that are questions or transport, never zone data (RFC 2136 section 3.4.1.3). */
bool rr_type_is_meta(uint16_t type);
NODISCARD enum err rr_type_parse(const char *text, uint16_t *type);
char *rr_type_print(uint16_t type, char out[static 16]);

/*
 * Append the RDATA of the type, that stands at in->pos with size octets, to
 * out, with the names of the RFC 1035 types decompressed and lower-cased. A
 * name must end exactly where its type says and the RDATA at size, and fixed
 * parts must be there: else ERR_FORM. TXT must be well-formed strings, A 4 and
 * AAAA 16 octets. Other types are copied as they are.
 */
NODISCARD enum err rr_rdata_read(struct wire_in *in, uint16_t type, size_t size,
    struct buf *out);

/* Write a whole record; names in RDATA are compressed for RFC 1035 types. */
void rr_write(struct wire_out *out, const struct rr *rr);

/*
 * One line of presentation format; RDATA is appended to *rdata, which rr
 * borrows. ERR_FORM, also for a relative owner or name. TTL and class may be
 * left out (0, IN); RDATA only of the classes ANY and NONE. Types beyond those
 * of RFC 1035 and the usual newer ones are taken as RFC 3597 writes them.
 */
NODISCARD enum err rr_parse(const char *text, struct buf *rdata, struct rr *rr);
/* One line, no newline. */
void rr_print(const struct rr *rr, struct buf *out);
/* The RDATA alone. */
void rr_print_rdata(const struct rr *rr, struct buf *out);

struct soa {
	struct dname mname;
	struct dname rname;
	uint32_t serial, refresh, retry, expire, minimum;
};

NODISCARD enum err soa_read(const uint8_t *rdata, size_t size, struct soa *soa);
void soa_write(const struct soa *soa, struct buf *rdata);

/* RFC 1982: a is newer than b. */
bool serial_gt(uint32_t a, uint32_t b);
/* The next serial, never 0 (RFC 2136 section 4.2). */
uint32_t serial_next(uint32_t serial);

/* Character-strings of a TXT. txt_put splits nothing: text over 255 octets is
 * cut at 255. txt_next returns false at the end; *pos starts at 0. */
void txt_put(struct buf *rdata, const char *text);
PRINTF(2, 3) void txt_printf(struct buf *rdata, const char *fmt, ...);
bool txt_next(const uint8_t *rdata, size_t size, size_t *pos, const uint8_t **string,
    uint8_t *string_size);
/*
 * The value of `key=` in a TXT of key=value strings, as a C string cut to fit.
 * ERR_NOTFOUND.
 */
NODISCARD enum err txt_get(const uint8_t *rdata, size_t size, const char *key,
    char *out, size_t out_size);

#endif
