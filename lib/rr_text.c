/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Presentation format of types and records. Owner, TTL, class and type are
 * read here, the RDATA by ldns. The few types that a transfer is full of are
 * printed here, without an allocation each; some others by ldns; all the rest
 * as RFC 3597 writes unknown types. So every RDATA has a text, and every text
 * gives it back.
 */
#include "lib/rr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/rr_ldns.h"

enum { TYPE_MX = 15 };

/* -- codes --------------------------------------------------------------- */

struct code_name {
	uint16_t code;
	const char *name;
};

/* The types that we print ourselves, and those that ldns has no names for. */
static const struct code_name type_names[] = {
    {RR_PTR, "PTR"},
    {RR_TXT, "TXT"},
    {RR_A, "A"},
    {RR_AAAA, "AAAA"},
    {RR_NS, "NS"},
    {RR_SOA, "SOA"},
    {RR_CNAME, "CNAME"},
    {TYPE_MX, "MX"},
    {RR_OPT, "OPT"},
    {RR_TKEY, "TKEY"},
    {RR_TSIG, "TSIG"},
    {RR_IXFR, "IXFR"},
    {RR_AXFR, "AXFR"},
    {RR_MAILB, "MAILB"},
    {RR_MAILA, "MAILA"},
    {RR_ANY, "ANY"},
};

static const struct code_name class_names[] = {
    {CLASS_IN, "IN"},
    {CLASS_CH, "CH"},
    {4, "HS"},
    {CLASS_NONE, "NONE"},
    {CLASS_ANY, "ANY"},
};

static const struct code_name rcode_names[] = {
    {RCODE_NOERROR, "NOERROR"},
    {RCODE_FORMERR, "FORMERR"},
    {RCODE_SERVFAIL, "SERVFAIL"},
    {RCODE_NXDOMAIN, "NXDOMAIN"},
    {RCODE_NOTIMP, "NOTIMP"},
    {RCODE_REFUSED, "REFUSED"},
    {RCODE_YXDOMAIN, "YXDOMAIN"},
    {RCODE_YXRRSET, "YXRRSET"},
    {RCODE_NXRRSET, "NXRRSET"},
    {RCODE_NOTAUTH, "NOTAUTH"},
    {RCODE_NOTZONE, "NOTZONE"},
    {RCODE_BADSIG, "BADSIG"},
    {RCODE_BADKEY, "BADKEY"},
    {RCODE_BADTIME, "BADTIME"},
    {RCODE_BADTRUNC, "BADTRUNC"},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *
name_of(const struct code_name *names, size_t n, unsigned code)
{
	for (size_t i = 0; i < n; i++)
		if (names[i].code == code)
			return names[i].name;
	return NULL;
}

/* The code of a name, or of the prefix and a number ("TYPE123"). */
static enum err
code_of(const struct code_name *names, size_t n, const char *prefix, const char *text,
    uint16_t *code)
{
	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(names[i].name, text) == 0) {
			*code = names[i].code;
			return OK;
		}
	}
	size_t skip = strlen(prefix);
	if (strncasecmp(text, prefix, skip) != 0)
		return ERR_FORM;
	unsigned value = 0;
	const char *p = text + skip;
	for (; *p >= '0' && *p <= '9' && value <= 65535; p++)
		value = value * 10 + (unsigned)(*p - '0');
	if (p == text + skip || *p != '\0' || value > 65535)
		return ERR_FORM;
	*code = (uint16_t)value;
	return OK;
}

const char *
rcode_str(unsigned rcode)
{
	static _Thread_local char text[24];
	const char *name = name_of(rcode_names, COUNT(rcode_names), rcode);
	if (name)
		return name;
	snprintf(text, sizeof(text), "RCODE%u", rcode);
	return text;
}

enum err
rr_type_parse(const char *text, uint16_t *type)
{
	if (code_of(type_names, COUNT(type_names), "TYPE", text, type) == OK)
		return OK;
	if (strncasecmp(text, "TYPE", 4) == 0)
		return ERR_FORM; /* ldns would read on with atoi(3) */
	return rr_ldns_type(text, type);
}

char *
rr_type_print(uint16_t type, char out[static 16])
{
	const char *name = name_of(type_names, COUNT(type_names), type);
	if (!name)
		name = rr_ldns_type_name(type);
	if (name)
		snprintf(out, 16, "%s", name);
	else
		snprintf(out, 16, "TYPE%u", type);
	return out;
}

static void
print_class(uint16_t class, struct buf *out)
{
	const char *name = name_of(class_names, COUNT(class_names), class);
	if (name)
		buf_puts(out, name);
	else
		buf_printf(out, "CLASS%u", class);
}

/* -- parsing ------------------------------------------------------------- */

/* The next item up to a blank, an escaped blank not being one. ERR_NOTFOUND at
 * the end, ERR_FORM if it does not fit. */
static enum err
next_item(const char **text, char *item, size_t size)
{
	const char *p = *text + strspn(*text, " \t");
	size_t n = 0;
	if (*p == '\0')
		return ERR_NOTFOUND;
	for (; *p != '\0' && *p != ' ' && *p != '\t'; p++) {
		if (n + 2 >= size)
			return ERR_FORM;
		if (*p == '\\' && p[1] != '\0')
			item[n++] = *p++;
		item[n++] = *p;
	}
	item[n] = '\0';
	*text = p;
	return OK;
}

/* A name that says by its final dot that it is whole. */
static enum err
parse_absolute(const char *text, struct dname *name)
{
	size_t n = strlen(text), slashes = 0;
	if (n == 0 || text[n - 1] != '.')
		return ERR_FORM;
	while (slashes < n - 1 && text[n - 2 - slashes] == '\\')
		slashes++;
	return slashes % 2 == 0 ? dname_parse(text, name) : ERR_FORM;
}

static bool
parse_ttl(const char *text, uint32_t *ttl)
{
	uint64_t value = 0;
	const char *p = text;
	for (; *p >= '0' && *p <= '9' && value <= UINT32_MAX; p++)
		value = value * 10 + (uint64_t)(*p - '0');
	if (p == text || *p != '\0' || value > UINT32_MAX)
		return false;
	*ttl = (uint32_t)value;
	return true;
}

/* Owner, TTL and class in any order, type. Leaves *text at the RDATA. */
static enum err
parse_head(const char **text, struct rr *rr)
{
	char item[DNAME_TEXT_MAX];
	bool has_ttl = false, has_class = false;

	rr->ttl = 0;
	rr->class = CLASS_IN;
	if (**text == ' ' || **text == '\t') /* "the last owner", in a zone file */
		return ERR_FORM;
	if (next_item(text, item, sizeof(item)) != OK ||
	    parse_absolute(item, &rr->owner) != OK)
		return ERR_FORM;
	for (;;) {
		if (next_item(text, item, sizeof(item)) != OK)
			return ERR_FORM;
		if (!has_ttl && parse_ttl(item, &rr->ttl))
			has_ttl = true;
		else if (!has_class && code_of(class_names, COUNT(class_names), "CLASS",
					   item, &rr->class) == OK)
			has_class = true;
		else
			return rr_type_parse(item, &rr->type);
	}
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3597 section 5, behind the \#: the size, then hexadecimal digits. */
static enum err
parse_generic(const char *text, struct buf *raw)
{
	char item[16];
	uint32_t size;

	if (next_item(&text, item, sizeof(item)) != OK || !parse_ttl(item, &size) ||
	    size > UINT16_MAX)
		return ERR_FORM;
	for (;;) {
		text += strspn(text, " \t");
		if (*text == '\0')
			return raw->size == size ? OK : ERR_FORM;
		int high = hex_digit(text[0]);
		int low = high < 0 ? -1 : hex_digit(text[1]);
		if (low < 0 || raw->size == size)
			return ERR_FORM;
		buf_put_u8(raw, (uint8_t)(high << 4 | low));
		text += 2;
	}
}

enum err
rr_parse(const char *text, struct buf *rdata, struct rr *rr)
{
	struct rr r;
	struct buf raw;
	struct wire_in in;
	size_t start = rdata->size;

	if (strpbrk(text, "\r\n") || parse_head(&text, &r) != OK)
		return ERR_FORM;
	text += strspn(text, " \t");

	buf_init(&raw, UINT16_MAX);
	enum err err = OK;
	bool empty = *text == '\0';
	if (empty)
		err = r.class == CLASS_ANY || r.class == CLASS_NONE ? OK : ERR_FORM;
	else if (text[0] == '\\' && text[1] == '#' &&
		 (text[2] == ' ' || text[2] == '\t'))
		err = parse_generic(text + 2, &raw);
	else
		err = rr_ldns_parse(r.type, text, &raw);
	if (err == OK && raw.err != OK)
		err = ERR_FORM;
	/* Lower case, and no RDATA that could not have come by the network. */
	bool bare = raw.size == 0 && (r.class == CLASS_ANY || r.class == CLASS_NONE);
	if (err == OK && !bare) {
		wire_in_init(&in, raw.data, raw.size);
		err = rr_rdata_read(&in, r.type, raw.size, rdata);
	}
	buf_fini(&raw);
	if (err != OK)
		return err;

	r.rdata_size = (uint16_t)(rdata->size - start);
	r.rdata = r.rdata_size > 0 ? rdata->data + start : (const uint8_t *)"";
	*rr = r;
	return OK;
}

/* -- printing ------------------------------------------------------------ */

static void
print_generic(const uint8_t *rdata, size_t size, struct buf *out)
{
	static const char hex[] = "0123456789abcdef";
	buf_printf(out, "\\# %zu", size);
	if (size == 0)
		return;
	uint8_t *p = buf_extend(out, 1 + 2 * size);
	if (!p)
		return;
	*p++ = ' ';
	for (size_t i = 0; i < size; i++) {
		*p++ = (uint8_t)hex[rdata[i] >> 4];
		*p++ = (uint8_t)hex[rdata[i] & 15];
	}
}

static void
print_string(const uint8_t *string, size_t size, struct buf *out)
{
	char text[2 + 4 * 255 + 1], *p = text;
	*p++ = '"';
	for (size_t i = 0; i < size; i++) {
		uint8_t c = string[i];
		if (c < ' ' || c >= 0x7f) {
			*p++ = '\\';
			*p++ = (char)('0' + c / 100);
			*p++ = (char)('0' + c / 10 % 10);
			*p++ = (char)('0' + c % 10);
			continue;
		}
		if (c == '"' || c == '\\')
			*p++ = '\\';
		*p++ = (char)c;
	}
	*p++ = '"';
	buf_put(out, text, (size_t)(p - text));
}

static bool
print_txt(const uint8_t *rdata, size_t size, struct buf *out)
{
	const uint8_t *string;
	uint8_t string_size;
	size_t pos = 0, was = out->size;

	while (txt_next(rdata, size, &pos, &string, &string_size)) {
		if (out->size > was)
			buf_puts(out, " ");
		print_string(string, string_size, out);
	}
	return size > 0 && pos == size;
}

static bool
print_name(const uint8_t *rdata, size_t size, size_t *at, struct buf *out)
{
	struct dname name;
	char text[DNAME_TEXT_MAX];
	size_t n = dname_scan(rdata + *at, size - *at);

	if (n == 0 || dname_from_wire(rdata + *at, n, &name) != OK)
		return false;
	*at += n;
	buf_puts(out, dname_print(&name, text));
	return true;
}

static bool
print_soa(const uint8_t *rdata, size_t size, struct buf *out)
{
	struct soa soa;
	char mname[DNAME_TEXT_MAX], rname[DNAME_TEXT_MAX];
	if (soa_read(rdata, size, &soa) != OK)
		return false;
	buf_printf(out, "%s %s %u %u %u %u %u", dname_print(&soa.mname, mname),
	    dname_print(&soa.rname, rname), soa.serial, soa.refresh, soa.retry,
	    soa.expire, soa.minimum);
	return true;
}

static bool
print_mx(const uint8_t *rdata, size_t size, struct buf *out)
{
	size_t at = 2;
	if (size < 3)
		return false;
	buf_printf(out, "%u ", (unsigned)rdata[0] << 8 | rdata[1]);
	return print_name(rdata, size, &at, out) && at == size;
}

static bool
print_address(int family, const uint8_t *rdata, struct buf *out)
{
	char text[INET6_ADDRSTRLEN];
	if (!inet_ntop(family, rdata, text, sizeof(text)))
		return false;
	buf_puts(out, text);
	return true;
}

static bool
print_known(uint16_t type, const uint8_t *rdata, size_t size, struct buf *out)
{
	size_t at = 0;
	switch (type) {
	case RR_A: return size == 4 && print_address(AF_INET, rdata, out);
	case RR_AAAA: return size == 16 && print_address(AF_INET6, rdata, out);
	case RR_NS:
	case RR_CNAME:
	case RR_PTR: return print_name(rdata, size, &at, out) && at == size;
	case RR_SOA: return print_soa(rdata, size, out);
	case RR_TXT: return print_txt(rdata, size, out);
	case TYPE_MX: return print_mx(rdata, size, out);
	default: return rr_ldns_print(type, rdata, size, out);
	}
}

void
rr_print_rdata(const struct rr *rr, struct buf *out)
{
	size_t was = out->size;
	if (rr->rdata_size > 0 && print_known(rr->type, rr->rdata, rr->rdata_size, out))
		return;
	if (out->err == OK && out->size > was)
		out->size = was;
	print_generic(rr->rdata, rr->rdata_size, out);
}

void
rr_print(const struct rr *rr, struct buf *out)
{
	char name[DNAME_TEXT_MAX], type[16];
	buf_puts(out, dname_print(&rr->owner, name));
	buf_printf(out, " %u ", rr->ttl);
	print_class(rr->class, out);
	buf_puts(out, " ");
	buf_puts(out, rr_type_print(rr->type, type));
	buf_puts(out, " ");
	rr_print_rdata(rr, out);
}
