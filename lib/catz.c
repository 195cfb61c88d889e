/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/catz.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "lib/log.h"

/* -- classifying --------------------------------------------------------- */

static bool
label_at_is(const uint8_t *wire, const char *text)
{
	return wire[0] == strlen(text) && memcmp(wire + 1, text, wire[0]) == 0;
}

static enum catz_kind
kind_below_member(const uint8_t *lowest, unsigned n)
{
	if (label_at_is(lowest, "ext"))
		return CATZ_MEMBER_EXT;
	if (n == 1 && label_at_is(lowest, "group"))
		return CATZ_GROUP;
	if (n == 1 && label_at_is(lowest, "coo"))
		return CATZ_COO;
	return CATZ_MEMBER_OTHER;
}

void
catz_classify(const struct dname *owner, const struct dname *apex,
    struct catz_name *out)
{
	uint8_t at[DNAME_WIRE_MAX / 2]; /* labels below C, the first one first */
	unsigned n = 0;
	size_t below = (size_t)owner->size - apex->size;

	memset(out, 0, sizeof(*out));
	out->prefix = owner->wire;
	if (!dname_is_at_or_below(owner, apex)) {
		out->kind = CATZ_OUTSIDE;
		return;
	}
	for (size_t i = 0; i < below; i += 1 + (size_t)owner->wire[i])
		at[n++] = (uint8_t)i;
	if (n == 0) {
		out->kind = CATZ_APEX;
		return;
	}

	/* The label next to C says what it is about. */
	const uint8_t *wire = owner->wire, *top = wire + at[n - 1];
	out->prefix_size = below;
	if (label_at_is(top, "zones") && n >= 2) {
		out->id.size = wire[at[n - 2]];
		memcpy(out->id.data, wire + at[n - 2] + 1, out->id.size);
		out->prefix_size = at[n - 2];
		out->kind =
		    n == 2 ? CATZ_MEMBER : kind_below_member(wire + at[n - 3], n - 2);
	} else if (label_at_is(top, "zones")) {
		out->kind = CATZ_ZONES;
	} else if (label_at_is(top, "version") && n == 1) {
		out->kind = CATZ_VERSION;
	} else {
		out->kind = label_at_is(top, "ext") ? CATZ_EXT : CATZ_OTHER;
	}
}

/* -- making -------------------------------------------------------------- */

enum err
catz_member_owner(const struct label *id, const struct dname *apex, struct dname *out)
{
	static const uint8_t zones[] = {5, 'z', 'o', 'n', 'e', 's'};
	uint8_t labels[1 + DNAME_LABEL_MAX + sizeof(zones)];
	size_t size = 1 + (size_t)id->size;
	assert(id->size >= 1 && id->size <= DNAME_LABEL_MAX);
	labels[0] = id->size;
	memcpy(labels + 1, id->data, id->size);
	memcpy(labels + size, zones, sizeof(zones));
	return dname_join(labels, size + sizeof(zones), apex, out);
}

enum err
catz_control_zone(const char *label, const struct dname *apex, struct dname *out)
{
	struct label l = label_of(label);
	return dname_prepend(&l, apex, out);
}

struct label
catz_new_id(uint64_t order)
{
	uint16_t noise;
	char text[17];

	/* Only tells apart two tools that count from the same moment. */
	if (getrandom(&noise, sizeof(noise), 0) != (ssize_t)sizeof(noise))
		log_fatal("catz", "getrandom failed");
	snprintf(text, sizeof(text), "%016llx",
	    (unsigned long long)(order << 12 | (noise & 0xfff)));
	return label_of(text);
}
