/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/fault.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libyang/libyang.h>

#include "lib/msg.h"
#include "lib/session.h"
#include "netconf/schema.h"
#include "netconf/tree.h"

PRINTF(4, 0)
static enum err
set(struct fault *f, NC_ERR tag, const char *elem, const char *fmt, va_list ap)
{
	if (f->tag)
		return ERR_INVALID;
	f->tag = tag;
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

void
fault_zone(struct fault *f, const struct dname *zone)
{
	char text[DNAME_TEXT_MAX];
	fault_path(f, SCHEMA_ZONE "[nsherd:domain='%s']",
	    dname_print_short(zone, text));
}

/* -- as a reply ----------------------------------------------------------- */

/* Not by nc_err(): its elements do not come in the order of the RFC's schema, and the
 * prefix in error-path must be declared. */
static const char *
tag_name(NC_ERR tag)
{
	switch (tag) {
	case NC_ERR_IN_USE: return "in-use";
	case NC_ERR_INVALID_VALUE: return "invalid-value";
	case NC_ERR_TOO_BIG: return "too-big";
	case NC_ERR_MISSING_ATTR: return "missing-attribute";
	case NC_ERR_BAD_ATTR: return "bad-attribute";
	case NC_ERR_UNKNOWN_ATTR: return "unknown-attribute";
	case NC_ERR_MISSING_ELEM: return "missing-element";
	case NC_ERR_BAD_ELEM: return "bad-element";
	case NC_ERR_UNKNOWN_ELEM: return "unknown-element";
	case NC_ERR_UNKNOWN_NS: return "unknown-namespace";
	case NC_ERR_ACCESS_DENIED: return "access-denied";
	case NC_ERR_LOCK_DENIED: return "lock-denied";
	case NC_ERR_RES_DENIED: return "resource-denied";
	case NC_ERR_ROLLBACK_FAILED: return "rollback-failed";
	case NC_ERR_DATA_EXISTS: return "data-exists";
	case NC_ERR_DATA_MISSING: return "data-missing";
	case NC_ERR_OP_NOT_SUPPORTED: return "operation-not-supported";
	case NC_ERR_MALFORMED_MSG: return "malformed-message";
	case NC_ERR_OP_FAILED:
	case NC_ERR_UNKNOWN: break;
	}
	return "operation-failed";
}

static void
put(struct buf *xml, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	buf_printf(xml, "<%s>", name);
	tree_escape(value, xml);
	buf_printf(xml, "</%s>", name);
}

static void
put_info(struct buf *xml, const struct fault *f)
{
	bool is_attr = f->tag == NC_ERR_MISSING_ATTR || f->tag == NC_ERR_BAD_ATTR ||
		       f->tag == NC_ERR_UNKNOWN_ATTR;
	bool is_lock = f->tag == NC_ERR_LOCK_DENIED;
	if (!is_lock && !f->elem[0])
		return;
	buf_puts(xml, "<error-info>");
	if (is_lock)
		buf_printf(xml, "<session-id>%" PRIu32 "</session-id>", f->session_id);
	put(xml, "bad-attribute", is_attr ? f->attr : NULL);
	put(xml, "bad-element", f->elem);
	put(xml, "bad-namespace", f->tag == NC_ERR_UNKNOWN_NS ? f->ns : NULL);
	buf_puts(xml, "</error-info>");
}

static void
put_error(struct buf *xml, const struct fault *f)
{
	buf_puts(xml, "<rpc-error xmlns=\"" NC_NS_BASE "\">");
	put(xml, "error-type",
	    f->tag == NC_ERR_LOCK_DENIED ? "protocol" : "application");
	put(xml, "error-tag", tag_name(f->tag));
	put(xml, "error-severity", "error");
	put(xml, "error-app-tag", f->app_tag);
	if (f->path[0]) {
		buf_puts(xml, "<error-path xmlns:nsherd=\"" SCHEMA_NS "\">");
		tree_escape(f->path, xml);
		buf_puts(xml, "</error-path>");
	}
	put(xml, "error-message", f->message);
	put_info(xml, f);
	buf_puts(xml, "</rpc-error>");
}

struct nc_server_reply *
fault_reply(const struct ly_ctx *ctx, const struct fault *f)
{
	struct buf xml;
	struct lyd_node *e = NULL;
	buf_init(&xml, 0);
	put_error(&xml, f);
	LY_ERR bad = lyd_parse_data_mem(ctx, buf_text(&xml), LYD_XML,
	    LYD_PARSE_ONLY | LYD_PARSE_OPAQ, 0, &e);
	buf_fini(&xml);
	if (bad || !e) /* cannot be: all of it was escaped */
		e = nc_err(ctx, NC_ERR_OP_FAILED, NC_ERR_TYPE_APP);
	return nc_server_reply_err(e);
}

/* -- what the agent says -------------------------------------------------- */

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
fault_aside(struct fault *f, const struct session *s, enum err e)
{
	const char *why = s->error[0] ? s->error : err_str(e);
	size_t n = strlen(s->server);
	/* Who it was that refused is clear. */
	if (e == ERR_DENIED && strncmp(why, s->server, n) == 0 &&
	    strncmp(why + n, ": ", 2) == 0)
		why += n + 2;
	fault_set(f, e == ERR_DENIED ? NC_ERR_ACCESS_DENIED : NC_ERR_OP_FAILED, "%s",
	    why);
	return e;
}

enum err
fault_unreachable(struct fault *f, const struct session *s, enum err e)
{
	if (f->tag == 0)
		f->lost = session_is_lost(e);
	f->broken = f->broken || (e != ERR_DENIED && e != ERR_SPACE);
	return fault_aside(f, s, e);
}
