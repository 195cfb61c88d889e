/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/metrics/om.h"

#include <inttypes.h>
#include <string.h>

void
om_family(struct buf *out, const char *name, const char *type, const char *unit,
    const char *help)
{
	buf_printf(out, "# TYPE %s %s\n", name, type);
	if (unit != NULL)
		buf_printf(out, "# UNIT %s %s\n", name, unit);
	buf_printf(out, "# HELP %s %s\n", name, help);
}

void
om_gauge(struct buf *out, const char *name, const char *help)
{
	om_family(out, name, "gauge", NULL, help);
}

static void
put_escaped(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '\\' || c == '"')
			buf_printf(out, "\\%c", c);
		else if (c >= 0x20 && c < 0x7f)
			buf_put_u8(out, c);
		else
			buf_printf(out, "\\\\x%02x", c);
	}
}

struct om_sample
om_begin(struct buf *out, const char *name)
{
	buf_puts(out, name);
	return (struct om_sample){.out = out};
}

void
om_label(struct om_sample *s, const char *name, const char *value)
{
	buf_printf(s->out, "%s%s=\"", s->n_labels++ > 0 ? "," : "{", name);
	put_escaped(s->out, value);
	buf_puts(s->out, "\"");
}

void
om_end(const struct om_sample *s, uint64_t value)
{
	buf_printf(s->out, "%s %" PRIu64 "\n", s->n_labels > 0 ? "}" : "", value);
}

void
om_end_us(const struct om_sample *s, uint64_t us)
{
	buf_printf(s->out, "%s %" PRIu64 ".%06u\n", s->n_labels > 0 ? "}" : "",
	    us / 1000000, (unsigned)(us % 1000000));
}

void
om_plain(struct buf *out, const char *name, uint64_t value)
{
	const struct om_sample s = om_begin(out, name);
	om_end(&s, value);
}

void
om_labelled(struct buf *out, const char *name, const char *key, const char *text,
    uint64_t value)
{
	struct om_sample s = om_begin(out, name);
	om_label(&s, key, text);
	om_end(&s, value);
}

void
om_states(struct buf *out, const char *name, const char *key, const char *of,
    const char *const *states, const char *is)
{
	for (; *states != NULL; states++) {
		struct om_sample s = om_begin(out, name);
		if (key != NULL)
			om_label(&s, key, of);
		om_label(&s, "state", *states);
		om_end(&s, strcmp(*states, is) == 0);
	}
}
