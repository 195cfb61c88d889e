/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pattern file, a NUL, and then records of a member as (prefix size, prefix,
 * type 16 or other, RDATA size, RDATA): what comes out may not leave the zone
 * directory, nor carry anything into NSD's configuration that ends its line.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backend/nsd_include.h"
#include "agent/pattern/spec.h"
#include "agent/pattern/variant.h"
#include "lib/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Settings say nothing that would be more than its own line. */
static void
check_settings(const struct settings *s)
{
	struct dname zone;
	struct backend_error why = {""};
	char digest[NSD_DIGEST_MAX], *path, *block;

	assert(dname_parse("a\\/..\\000.example", &zone) != OK);
	assert(dname_parse("a\\/b.example", &zone) == OK);
	path = settings_zonefile(s, &zone);
	assert(path[0] != '/' && strstr(path, "..") == NULL);
	free(path);
	for (size_t i = 0; i < s->n_params; i++)
		assert(strpbrk(s->params[i].value, "\r\n") == NULL);
	if (nsd_native_print(s, "/z", NULL, &block, digest, &why) != OK)
		return;
	for (const char *line = block, *end; *line != '\0'; line = end + 1) {
		end = strchr(line, '\n');
		assert(end != NULL && (line == block) == (line[0] != '\t'));
	}
	free(block);
}

static void
read_member(const uint8_t *data, size_t size, struct member *m)
{
	while (size >= 3 && (size_t)data[0] + data[2] + 3 <= size) {
		struct member_rr rr = {.prefix = data + 3,
		    .prefix_size = data[0],
		    .type = data[1],
		    .rdata_size = data[2],
		    .rdata = data + 3 + data[0]};

		member_add_rr(m, &rr);
		data += 3 + (size_t)rr.prefix_size + rr.rdata_size;
		size -= 3 + (size_t)rr.prefix_size + rr.rdata_size;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size > 0 ? memchr(data, '\0', size) : NULL;
	size_t text_size = nul != NULL ? (size_t)(nul - data) : size;
	struct err_where where = {.line = 0};
	char *text = mem_alloc(text_size + 1), version[9], error[300];
	struct spec spec, child;
	struct member m;
	struct variant v;

	if (text_size > 0)
		memcpy(text, data, text_size);
	member_init(&m);
	if (nul != NULL)
		read_member(nul + 1, size - text_size - 1, &m);
	spec_init(&spec, "fuzz.ini");
	spec_init(&child, "child.ini");
	if (spec_parse(&spec, text, text_size, NULL, &where) == OK &&
	    spec_finish(&spec, "/nonexistent", NULL, &where) == OK) {
		spec_version(&spec, version);
		spec_inherit(&child, &spec);
		assert(spec_finish(&child, "/nonexistent", NULL, &where) == OK);
		if (variant_read(&v, &child, &m, NULL, error, sizeof(error)) == OK) {
			struct settings *s =
			    variant_settings(&v, &child, "fuzz", version);

			check_settings(s);
			settings_unref(s);
			variant_fini(&v);
		} else {
			assert(error[0] != '\0');
		}
	} else {
		assert(where.what[0] != '\0');
	}
	spec_fini(&child);
	spec_fini(&spec);
	member_fini(&m);
	free(text);
	return 0;
}
