/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/fleet_view.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/say.h"
#include "lib/mem.h"

/* -- making it -------------------------------------------------------------- */

void
view_fini(struct view *v)
{
	free(v->backends);
	free(v->patterns);
	free(v->reasons);
	pool_fini(&v->pool);
	*v = (struct view){0};
}

static const char *
get_text(struct view *v, const struct rr *rr, const char *key)
{
	char value[OBSERVED_VALUE_MAX];
	const char *text = observed_get(rr, key, value);
	return text ? pool_strdup(&v->pool, text) : NULL;
}

static bool
get_number(const struct rr *rr, const char *key, uint64_t *number)
{
	char value[OBSERVED_VALUE_MAX], *end;
	const char *text = observed_get(rr, key, value);
	if (!text || *text < '0' || *text > '9' || strlen(text) > 18)
		return false;
	*number = strtoull(text, &end, 10);
	return *end == '\0';
}

static bool
get_serial(const struct rr *rr, const char *key, uint32_t *serial)
{
	uint64_t number;
	if (!get_number(rr, key, &number) || number > UINT32_MAX)
		return false;
	*serial = (uint32_t)number;
	return true;
}

static uint64_t
get_count(const struct rr *rr, const char *key)
{
	uint64_t number = 0;
	return get_number(rr, key, &number) ? number : 0;
}

/* The key may be there more than once. */
static void
take_reasons(struct view *v, const struct rr *rr)
{
	static const char key[] = "health-reason=";
	const uint8_t *string;
	uint8_t size;
	size_t pos = 0, key_size = sizeof(key) - 1;

	while (txt_next(rr->rdata, rr->rdata_size, &pos, &string, &size)) {
		char text[UINT8_MAX + 1];
		if (size <= key_size || memcmp(string, key, key_size) != 0)
			continue;
		memcpy(text, string + key_size, size - key_size);
		text[size - key_size] = '\0';
		v->reasons = mem_grow(v->reasons, v->n_reasons, &v->reasons_room,
		    sizeof(*v->reasons));
		v->reasons[v->n_reasons++] = pool_strdup(&v->pool, text);
	}
}

char *
view_reasons(const struct view *v, char out[static VIEW_WHY_MAX])
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < v->n_reasons && n < VIEW_WHY_MAX; i++)
		n += (size_t)snprintf(out + n, VIEW_WHY_MAX - n, "%s%s",
		    i > 0 ? "; " : "", v->reasons[i]);
	say_printable(out);
	return out;
}

static void
take_agent(struct view *v, const struct rr *rr)
{
	if (v->answered)
		return; /* there is but one; who sends a million would fill our memory
			 */
	v->answered = true;
	v->agent = get_text(v, rr, "agent");
	v->version = get_text(v, rr, "version");
	v->role = get_text(v, rr, "role");
	v->catalog = get_text(v, rr, "catalog");
	v->guard = get_text(v, rr, "guard");
	v->guard_limit = get_text(v, rr, "guard-limit");
	v->health = get_text(v, rr, "health");
	v->error = get_text(v, rr, "error");
	take_reasons(v, rr);
	v->has_serial = get_serial(rr, "catalog-serial", &v->serial);
	v->held = get_count(rr, "held");
	v->has_used = get_number(rr, "guard-used", &v->guard_used);
	v->has_window = get_number(rr, "guard-window", &v->guard_window);
	v->has_since = get_number(rr, "guard-since", &v->guard_since);
}

static enum err
take_backend(struct view *v, const struct dname *name, const struct rr *rr)
{
	char text[DNAME_TEXT_MAX];
	if (v->n_backends >= VIEW_BACKENDS_MAX)
		return ERR_RANGE;
	v->backends = mem_grow(v->backends, v->n_backends, &v->backends_room,
	    sizeof(*v->backends));
	struct view_backend *b = &v->backends[v->n_backends++];
	*b = (struct view_backend){
	    .name = pool_strdup(&v->pool, dname_print_short(name, text)),
	    .server = get_text(v, rr, "server"),
	    .state = get_text(v, rr, "state"),
	    .error = get_text(v, rr, "error"),
	    .serving = get_count(rr, "serving"),
	    .pending = get_count(rr, "pending"),
	    .failed = get_count(rr, "failed"),
	    .conflict = get_count(rr, "conflict"),
	    .unassigned = get_count(rr, "unassigned"),
	    .held = get_count(rr, "held"),
	    .removing = get_count(rr, "removing"),
	    .queue = get_count(rr, "queue"),
	};
	b->has_applied = get_serial(rr, "applied", &b->applied);
	return OK;
}

static enum err
take_pattern(struct view *v, const struct dname *name, const struct rr *rr)
{
	char text[DNAME_TEXT_MAX];
	if (v->n_patterns >= VIEW_PATTERNS_MAX)
		return ERR_RANGE;
	v->patterns = mem_grow(v->patterns, v->n_patterns, &v->patterns_room,
	    sizeof(*v->patterns));
	v->patterns[v->n_patterns++] = (struct view_pattern){
	    .name = pool_strdup(&v->pool, dname_print_short(name, text)),
	    .hash = get_text(v, rr, "hash"),
	};
	return OK;
}

enum err
view_take(struct view *v, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	switch (kind) {
	case OBSERVED_AGENT: take_agent(v, rr); return OK;
	case OBSERVED_BACKEND: return take_backend(v, name, rr);
	case OBSERVED_PATTERN: return take_pattern(v, name, rr);
	case OBSERVED_ZONE:
	case OBSERVED_ID:
	case OBSERVED_OTHER: break;
	}
	return OK;
}

static int
compare_backends(const void *a, const void *b)
{
	const struct view_backend *x = a, *y = b;
	return strcmp(x->name, y->name);
}

static int
compare_patterns(const void *a, const void *b)
{
	const struct view_pattern *x = a, *y = b;
	return strcmp(x->name, y->name);
}

void
view_end(struct view *v)
{
	if (v->n_backends > 1)
		qsort(v->backends, v->n_backends, sizeof(*v->backends),
		    compare_backends);
	if (v->n_patterns > 1)
		qsort(v->patterns, v->n_patterns, sizeof(*v->patterns),
		    compare_patterns);
}

const struct view_pattern *
view_pattern_find(const struct view *v, const char *name)
{
	const struct view_pattern key = {.name = name};
	return v->n_patterns == 0 ? NULL
				  : bsearch(&key, v->patterns, v->n_patterns,
					sizeof(*v->patterns), compare_patterns);
}

/* -- judging it ------------------------------------------------------------- */

static bool
is(const char *value, const char *text)
{
	return value && strcmp(value, text) == 0;
}

PRINTF(2, 3)
static bool
missing(char why[static VIEW_WHY_MAX], const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	vsnprintf(why, VIEW_WHY_MAX, fmt, args);
	va_end(args);
	return false;
}

static bool
backend_is_settled(const struct view_backend *b, uint32_t serial,
    char why[static VIEW_WHY_MAX])
{
	static const struct {
		size_t slot;
		const char *what;
	} counts[] = {
#define COUNT(member) {offsetof(struct view_backend, member), #member}
	    COUNT(pending),
	    COUNT(failed),
	    COUNT(conflict),
	    COUNT(unassigned),
	    COUNT(held),
	    COUNT(removing),
#undef COUNT
	};
	if (!is(b->state, "up"))
		return missing(why, "%s: %s%s%s", b->name, b->state ? b->state : "?",
		    b->error ? ", " : "", b->error ? b->error : "");
	if (!b->has_applied || serial_gt(serial, b->applied))
		return missing(why,
		    "%s: has not applied catalog serial %" PRIu32 " yet", b->name,
		    serial);
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		uint64_t n;
		memcpy(&n, (const char *)b + counts[i].slot, sizeof(n));
		if (n > 0)
			return missing(why, "%s: %" PRIu64 " %s", b->name, n,
			    counts[i].what);
	}
	return true;
}

bool
view_is_settled(const struct view *v, uint32_t serial, char why[static VIEW_WHY_MAX])
{
	if (!v->answered)
		return missing(why, "no answer");
	if (v->catalog && !is(v->catalog, "valid"))
		return missing(why, "catalog %s%s%s", v->catalog, v->error ? ": " : "",
		    v->error ? v->error : "");
	if (!v->has_serial || serial_gt(serial, v->serial))
		return missing(why, "catalog serial %" PRIu32 ", not %" PRIu32,
		    v->serial, serial);
	for (size_t i = 0; i < v->n_backends; i++)
		if (!backend_is_settled(&v->backends[i], serial, why))
			return false;
	return true;
}

enum err
view_lag(const struct view *v, const struct view_backend *b, uint32_t serial,
    uint32_t *lag)
{
	bool has = b ? b->has_applied : v->has_serial;
	uint32_t at = b ? b->applied : v->serial;

	if (!v->answered || !has)
		return ERR_NOTFOUND;
	if (serial_gt(at, serial))
		return ERR_RANGE;
	*lag = serial - at;
	return OK;
}
