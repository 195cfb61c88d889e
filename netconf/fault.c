/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/msg.h"
#include "lib/session.h"
#include "netconf/schema.h"

static enum err
set(struct fault *f, NC_ERR tag, const char *elem, const char *fmt, va_list ap)
{
	if (f->tag)
		return ERR_INVALID;
	f->tag = tag;
	f->type = NC_ERR_TYPE_APP;
	snprintf(f->elem, sizeof(f->elem), "%s", elem);
	vsnprintf(f->message, sizeof(f->message), fmt, ap);
	return ERR_INVALID;
}

enum err
fault_set(struct fault *f, NC_ERR tag, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	enum err e = set(f, tag, "", fmt, ap);
	va_end(ap);
	return e;
}

enum err
fault_element(struct fault *f, NC_ERR tag, const char *elem, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	enum err e = set(f, tag, elem, fmt, ap);
	va_end(ap);
	return e;
}

void
fault_path(struct fault *f, const char *fmt, ...)
{
	va_list ap;
	if (f->path[0])
		return;
	va_start(ap, fmt);
	vsnprintf(f->path, sizeof(f->path), fmt, ap);
	va_end(ap);
}

/* -- as a reply --------------------------------------------------------------- */

static struct lyd_node *
make(const struct ly_ctx *ctx, const struct fault *f)
{
	switch (f->tag) {
	case NC_ERR_MISSING_ELEM:
	case NC_ERR_BAD_ELEM:
	case NC_ERR_UNKNOWN_ELEM: return nc_err(ctx, f->tag, f->type, f->elem);
	case NC_ERR_UNKNOWN_NS: return nc_err(ctx, f->tag, f->type, f->elem, f->ns);
	case NC_ERR_MISSING_ATTR:
	case NC_ERR_BAD_ATTR:
	case NC_ERR_UNKNOWN_ATTR: return nc_err(ctx, f->tag, f->type, f->ns, f->elem);
	case NC_ERR_LOCK_DENIED: return nc_err(ctx, f->tag, f->session_id);
	case NC_ERR_DATA_EXISTS:
	case NC_ERR_DATA_MISSING:
	case NC_ERR_MALFORMED_MSG: return nc_err(ctx, f->tag);
	case NC_ERR_IN_USE:
	case NC_ERR_INVALID_VALUE:
	case NC_ERR_ACCESS_DENIED:
	case NC_ERR_ROLLBACK_FAILED:
	case NC_ERR_OP_NOT_SUPPORTED:
	case NC_ERR_TOO_BIG:
	case NC_ERR_RES_DENIED:
	case NC_ERR_OP_FAILED: return nc_err(ctx, f->tag, f->type);
	case NC_ERR_UNKNOWN: break;
	}
	return nc_err(ctx, NC_ERR_OP_FAILED, NC_ERR_TYPE_APP);
}

struct nc_server_reply *
fault_reply(const struct ly_ctx *ctx, const struct fault *f)
{
	struct lyd_node *e = make(ctx, f);
	if (f->message[0])
		nc_err_set_msg(e, f->message, "en");
	if (f->path[0])
		nc_err_set_path(e, f->path);
	if (f->app_tag)
		nc_err_set_app_tag(e, f->app_tag);
	return nc_server_reply_err(e);
}

/* -- what the agent says ------------------------------------------------------ */

static const struct {
	const char *reason;
	NC_ERR tag;
} tags[] = {
    {"duplicate-zone", NC_ERR_DATA_EXISTS},
    {"locked", NC_ERR_IN_USE},
    {"not-permitted", NC_ERR_ACCESS_DENIED},
    {"no-read-right", NC_ERR_ACCESS_DENIED},
    {"no-update-right", NC_ERR_ACCESS_DENIED},
    {"no-command-right", NC_ERR_ACCESS_DENIED},
    {"no-admin-right", NC_ERR_ACCESS_DENIED},
    {"no-such-member", NC_ERR_DATA_MISSING},
    {"no-such-backend", NC_ERR_INVALID_VALUE},
    {"control-zone", NC_ERR_INVALID_VALUE},
    {"root-zone", NC_ERR_INVALID_VALUE},
    {"too-many-records", NC_ERR_RES_DENIED},
    {"too-large", NC_ERR_RES_DENIED},
    {"too-much", NC_ERR_TOO_BIG},
    {"transaction-too-large", NC_ERR_TOO_BIG},
    {"too-many-connections", NC_ERR_RES_DENIED},
    {"too-many-transfers", NC_ERR_RES_DENIED},
    {"rate-limit", NC_ERR_RES_DENIED},
    {"busy", NC_ERR_RES_DENIED},
    {"storage-full", NC_ERR_RES_DENIED},
};

static bool
read_text(const struct msg *msg, char *text, size_t size)
{
	unsigned code;
	return !msg_get_ede(msg, &code, text, size);
}

bool
fault_is_reason(const struct msg *msg, const char *word)
{
	char text[SESSION_REASON_MAX];
	size_t n = strlen(word);
	return read_text(msg, text, sizeof(text)) && strncmp(text, "reason=", 7) == 0 &&
	       strncmp(text + 7, word, n) == 0 &&
	       (text[7 + n] == ' ' || text[7 + n] == '\0');
}

unsigned
fault_number(const struct msg *msg, const char *key)
{
	char text[SESSION_REASON_MAX], word[32];
	snprintf(word, sizeof(word), " %s=", key);
	if (!read_text(msg, text, sizeof(text)))
		return 0;
	const char *at = strstr(text, word);
	return at ? (unsigned)strtoul(at + strlen(word), NULL, 10) : 0;
}

enum err
fault_refused(struct fault *f, const struct msg *msg)
{
	char why[SESSION_REASON_MAX];
	NC_ERR tag = NC_ERR_OP_FAILED;
	for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++)
		if (fault_is_reason(msg, tags[i].reason))
			tag = tags[i].tag;
	return fault_set(f, tag, "%s", session_reason(msg, why));
}

enum err
fault_unreachable(struct fault *f, const struct session *s, enum err e)
{
	bool was_free = f->tag == 0;
	fault_set(f, e == ERR_DENIED ? NC_ERR_ACCESS_DENIED : NC_ERR_OP_FAILED, "%s",
	    s->error[0] ? s->error : err_str(e));
	if (was_free)
		f->lost = session_is_lost(e);
	return e;
}
