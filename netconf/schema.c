/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/schema.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <libyang/libyang.h>

static const char *const netconf_features[] = {"writable-running", "candidate",
    "rollback-on-error", "validate", "xpath", NULL};

static const struct {
	const char *name;
	const char *const *features;
} modules[] = {
    {"ietf-netconf", netconf_features},
    {"ietf-netconf-with-defaults", NULL},
    {"ietf-netconf-monitoring", NULL},
    {"notifications", NULL},
    {"nc-notifications", NULL},
    {"nsherd", NULL},
};

enum err
schema_open(const char *dir, struct ly_ctx **ctx, struct err_where *where)
{
	char ietf[4096];
	*ctx = NULL;
	snprintf(ietf, sizeof(ietf), "%s/ietf", dir);
	ly_log_options(LY_LOSTORE_LAST);
	if (ly_ctx_new(dir, LY_CTX_DISABLE_SEARCHDIR_CWD, ctx) ||
	    ly_ctx_set_searchdir(*ctx, ietf))
		return err_at(where, dir, 0, "no directory of YANG modules");
	for (size_t i = 0; i < sizeof(modules) / sizeof(*modules); i++) {
		const char **features = (const char **)(uintptr_t)modules[i].features;
		if (!ly_ctx_load_module(*ctx, modules[i].name, NULL, features))
			return err_at(where, dir, 0, "module %s: %s", modules[i].name,
			    ly_errmsg(*ctx));
	}
	return OK;
}

void
schema_close(struct ly_ctx *ctx)
{
	if (ctx)
		ly_ctx_destroy(ctx);
}

const char *
schema_ns(void *ctx, const char *module, size_t size)
{
	const struct lys_module *m;
	uint32_t at = 0;
	while ((m = ly_ctx_get_module_iter(ctx, &at)))
		if (m->implemented && strlen(m->name) == size &&
		    memcmp(m->name, module, size) == 0)
			return m->ns;
	return NULL;
}
