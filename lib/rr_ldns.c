/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All that the project has of ldns. It sees text, and RDATA that was read by
 * rr_rdata_read(); of that only types that cannot make it allocate much.
 */
#include "lib/rr_ldns.h"

#include <stdlib.h>
#include <string.h>

#include <ldns/ldns.h>

#include "lib/mem.h"
#include "lib/rr.h"

/* ldns allocates more than the RDATA per field. */
enum { LDNS_RDATA_MAX = 4096 };

enum err
rr_ldns_type(const char *text, uint16_t *type)
{
	ldns_rr_type known = ldns_get_rr_type_by_name(text);
	if (known == 0)
		return ERR_FORM;
	*type = (uint16_t)known;
	return OK;
}

const char *
rr_ldns_type_name(uint16_t type)
{
	const ldns_rr_descriptor *known = ldns_rr_descript(type);
	uint16_t back;
	if (!known || known->_type != type || !known->_name)
		return NULL;
	/* ldns 1.8.4 calls type 262 by the name of another. */
	return rr_ldns_type(known->_name, &back) == OK && back == type ? known->_name
								       : NULL;
}

/* -- parsing ------------------------------------------------------------- */

/*
 * The types that ldns may read and print. It knows more, but leaks on bad text
 * of some (CERT) and takes a field an octet, each as large as the whole, for
 * those with an open end: they are written as RFC 3597 writes any type.
 */
static bool
is_for_ldns(uint16_t type)
{
	switch (type) {
	case RR_A:
	case RR_NS:
	case RR_CNAME:
	case RR_SOA:
	case RR_PTR:
	case 13: /* HINFO */
	case 15: /* MX */
	case RR_TXT:
	case 17: /* RP */
	case 18: /* AFSDB */
	case RR_AAAA:
	case 33: /* SRV */
	case 35: /* NAPTR */
	case 39: /* DNAME */
	case 43: /* DS */
	case 44: /* SSHFP */
	case 48: /* DNSKEY */
	case 52: /* TLSA */
	case 59: /* CDS */
	case 60: /* CDNSKEY */
	case 257: /* CAA */ return true;
	default: return false;
	}
}

/*
 * ldns completes relative names without a word. Given an origin that nobody
 * writes, they give themselves away.
 */
static const uint8_t relative_mark[] = "\x0c\x01relative\x02\x03\x04";

static bool
take_rdf(const ldns_rdf *rdf, const struct dname *mark, struct buf *raw)
{
	const uint8_t *data = ldns_rdf_data(rdf);
	size_t size = ldns_rdf_size(rdf);
	struct dname name;

	if (ldns_rdf_get_type(rdf) == LDNS_RDF_TYPE_DNAME) {
		if (dname_from_wire(data, size, &name) != OK ||
		    dname_is_at_or_below(&name, mark))
			return false;
	}
	buf_put(raw, data, size);
	return true;
}

enum err
rr_ldns_parse(uint16_t type, const char *text, struct buf *raw)
{
	char type_text[16];
	struct dname mark;
	ldns_rr *rr = NULL;
	enum err err = ERR_FORM;

	if (!is_for_ldns(type) ||
	    dname_from_wire(relative_mark, sizeof(relative_mark), &mark) != OK)
		return ERR_FORM;
	ldns_rdf *origin =
	    ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, mark.size, mark.wire);
	char *line = mem_printf(". 0 IN %s %s", rr_type_print(type, type_text), text);
	if (origin &&
	    ldns_rr_new_frm_str(&rr, line, 0, origin, NULL) == LDNS_STATUS_OK &&
	    ldns_rr_get_type(rr) == type && ldns_rr_rd_count(rr) > 0) {
		err = OK;
		for (size_t i = 0; i < ldns_rr_rd_count(rr) && err == OK; i++) {
			const ldns_rdf *rdf = ldns_rr_rdf(rr, i);
			if (!rdf || !take_rdf(rdf, &mark, raw))
				err = ERR_FORM;
		}
	}
	ldns_rr_free(rr);
	ldns_rdf_deep_free(origin);
	free(line);
	return err;
}

/* -- printing ------------------------------------------------------------ */

/* The RDATA in ldns's words, or NULL where it has none. Free with free(3). */
static char *
text_by_ldns(uint16_t type, const uint8_t *rdata, size_t size)
{
	uint8_t wire[2 + LDNS_RDATA_MAX];
	size_t pos = 0;
	char *text = NULL;

	if (size == 0 || size > LDNS_RDATA_MAX || !is_for_ldns(type))
		return NULL;
	wire[0] = (uint8_t)(size >> 8);
	wire[1] = (uint8_t)size;
	memcpy(wire + 2, rdata, size);

	ldns_rr *rr = ldns_rr_new();
	ldns_rdf *owner = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, 1, "");
	if (rr && owner) {
		ldns_rr_set_owner(rr, owner);
		owner = NULL;
		ldns_rr_set_type(rr, type);
		if (ldns_wire2rdf(rr, wire, 2 + size, &pos) == LDNS_STATUS_OK &&
		    pos == 2 + size && ldns_rr_rd_count(rr) > 0)
			text = ldns_rr2str_fmt(ldns_output_format_nocomments, rr);
	}
	ldns_rdf_deep_free(owner);
	ldns_rr_free(rr);
	return text;
}

/* Behind owner, TTL, class and type, each with a tab; without the newline. */
static char *
strip_head(char *line)
{
	for (unsigned i = 0; i < 4; i++) {
		line = strchr(line, '\t');
		if (!line)
			return NULL;
		line++;
	}
	size_t n = strcspn(line, "\n");
	while (n > 0 && line[n - 1] == ' ')
		n--;
	line[n] = '\0';
	return line;
}

bool
rr_ldns_print(uint16_t type, const uint8_t *rdata, size_t size, struct buf *out)
{
	struct buf again;
	char *line = text_by_ldns(type, rdata, size);
	char *text = line ? strip_head(line) : NULL;

	buf_init(&again, UINT16_MAX);
	bool good = text && rr_ldns_parse(type, text, &again) == OK &&
		    again.size == size && memcmp(again.data, rdata, size) == 0;
	if (good)
		buf_puts(out, text);
	buf_fini(&again);
	free(line);
	return good;
}
