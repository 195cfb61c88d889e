/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any text as a name and as a record, any octets as a name's wire form, key and
 * labels. What is taken must print, and print to what gives it back.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/catz.h"
#include "lib/dname.h"
#include "lib/member.h"
#include "lib/rr.h"
#include "lib/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)           \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

static void
check_name(const struct dname *name)
{
	char text[DNAME_TEXT_MAX], file[DNAME_FILE_MAX];
	uint8_t key[DNAME_KEY_MAX];
	struct dname back;
	struct catz_name parts;
	struct label zones = label_of("zones");

	MUST(dname_from_wire(name->wire, name->size, &back) == OK);
	MUST(dname_equal(name, &back));
	MUST(dname_parse(dname_print(name, text), &back) == OK);
	MUST(dname_equal(name, &back));
	MUST(dname_parse(dname_print_short(name, text), &back) == OK);
	MUST(dname_equal(name, &back));
	MUST(dname_parse(dname_print_plain(name, text), &back) == OK);
	MUST(dname_equal(name, &back));
	dname_print_file(name, file);
	MUST(
	    strlen(file) < DNAME_FILE_MAX && !strchr(file, '/') && !strstr(file, ".."));

	size_t size = dname_key(name, key);
	MUST(size < DNAME_KEY_MAX);
	MUST(dname_from_key(key, size, &back) == OK);
	MUST(dname_equal(name, &back));

	dname_strip(name, dname_n_labels(name) / 2, &back);
	MUST(dname_is_at_or_below(name, &back));
	MUST(dname_compare(&back, name) <= 0);
	catz_classify(name, &back, &parts);
	MUST(parts.kind != CATZ_OUTSIDE);
	MUST(parts.prefix_size <= name->size);
	if (dname_prepend(&zones, name, &back) == OK)
		MUST(dname_is_below(&back, name));
}

static void
check_order(const uint8_t *data, size_t size)
{
	struct dname a, b;
	uint8_t ka[DNAME_KEY_MAX], kb[DNAME_KEY_MAX];
	if (dname_from_key(data, size / 2, &a) != OK ||
	    dname_from_key(data + size / 2, size - size / 2, &b) != OK)
		return;
	size_t na = dname_key(&a, ka), nb = dname_key(&b, kb);
	/* There is one key for a name. */
	MUST(na == size / 2 && memcmp(ka, data, na) == 0);
	int order = memcmp(ka, kb, na < nb ? na : nb);
	if (order == 0)
		order = (na > nb) - (na < nb);
	int other = dname_compare(&a, &b);
	MUST((order > 0) == (other > 0) && (order < 0) == (other < 0));
}

static void
check_record(const char *text)
{
	struct buf rdata, back, printed;
	struct rr rr, again;

	buf_init(&rdata, 0);
	buf_init(&back, 0);
	buf_init(&printed, 0);
	if (rr_parse(text, &rdata, &rr) == OK) {
		check_name(&rr.owner);
		rr_print(&rr, &printed);
		/* Only empty RDATA of a real class is printed and not taken. */
		if (rr.rdata_size > 0 || rr.class == CLASS_ANY ||
		    rr.class == CLASS_NONE) {
			MUST(rr_parse(buf_text(&printed), &back, &again) == OK);
			MUST(dname_equal(&rr.owner, &again.owner));
			MUST(rr.type == again.type && rr.class == again.class &&
			     rr.ttl == again.ttl);
			MUST(rr.rdata_size == again.rdata_size &&
			     memcmp(rr.rdata, again.rdata, rr.rdata_size) == 0);
		}
	}
	buf_fini(&rdata);
	buf_fini(&back);
	buf_fini(&printed);
}

static void
check_member(const uint8_t *data, size_t size)
{
	struct member m;
	struct buf packed;
	char group[MEMBER_GROUP_MAX];

	member_init(&m);
	buf_init(&packed, 0);
	if (member_unpack(data, size, &m) == OK) {
		for (size_t n = 0; n < 3 && member_group(&m, n, group); n++)
			MUST(strlen(group) < sizeof(group));
		member_pack(&m, &packed);
		MUST(packed.err == OK);
	}
	member_fini(&m);
	buf_fini(&packed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dname name;
	struct remote remote;
	if (size > 4096)
		return 0;
	char *text = malloc(size + 1);
	if (!text)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';

	if (dname_parse(text, &name) == OK)
		check_name(&name);
	if (dname_from_wire(data, size, &name) == OK)
		check_name(&name);
	if (dname_from_key(data, size, &name) == OK)
		check_name(&name);
	check_order(data, size);
	check_record(text);
	check_member(data, size);
	if (remote_parse(text, 53, &remote) == OK)
		MUST(addr_port(&remote.addr) != 0);
	free(text);
	return 0;
}
