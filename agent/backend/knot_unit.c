/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/knot_unit.h"

#include <string.h>

enum { CODE_FIRST = 16, FIELD_MAX = 65535 };

/* -- writing ------------------------------------------------------------------ */

void
knot_unit_put(struct buf *out, const struct knot_unit *unit)
{
	buf_put_u8(out, KNOT_TYPE_DATA);
	for (unsigned i = 0; i < KNOT_N_FIELDS; i++) {
		size_t size;

		if (unit->field[i] == NULL)
			continue;
		size = strlen(unit->field[i]);
		if (size > FIELD_MAX) {
			out->err = ERR_SPACE;
			return;
		}
		buf_put_u8(out, (uint8_t)(CODE_FIRST + i));
		buf_put_u16(out, (uint16_t)size);
		buf_put(out, unit->field[i], size);
	}
}

void
knot_unit_put_conf(struct buf *out, const char *cmd, const char *section,
    const char *id, const char *item, const char *data)
{
	struct knot_unit unit = {.field = {[KNOT_CMD] = cmd,
				     [KNOT_SECTION] = section,
				     [KNOT_ID] = id,
				     [KNOT_ITEM] = item,
				     [KNOT_DATA] = data}};

	knot_unit_put(out, &unit);
}

const char *
knot_unit_flags(const struct knot_unit *unit)
{
	return unit->field[KNOT_FILTER] != NULL ? unit->field[KNOT_FILTER]
						: unit->field[KNOT_FLAGS];
}

/* -- reading ------------------------------------------------------------------ */

void
knot_reader_init(struct knot_reader *r, knot_unit_fn *fn, void *arg)
{
	memset(r, 0, sizeof(*r));
	r->fn = fn;
	r->arg = arg;
	buf_init(&r->text, (FIELD_MAX + 1) * KNOT_N_FIELDS);
}

void
knot_reader_fini(struct knot_reader *r)
{
	buf_fini(&r->text);
}

static enum err
end_unit(struct knot_reader *r)
{
	struct knot_unit unit = {{NULL}};
	const char *text = buf_text(&r->text);

	if (!r->in_unit)
		return OK;
	for (unsigned i = 0; i < KNOT_N_FIELDS; i++) {
		if (r->at[i] != 0)
			unit.field[i] = text + r->at[i] - 1;
	}
	memset(r->at, 0, sizeof(r->at));
	r->in_unit = false;
	/* The text stays as it is until the next field. */
	return r->fn(r->arg, &unit);
}

static enum err
begin_unit(struct knot_reader *r, uint8_t type, bool *done)
{
	enum err err = end_unit(r);

	if (err != OK)
		return err;
	buf_reset(&r->text);
	switch (type) {
	case KNOT_TYPE_END: return ERR_CLOSED;
	case KNOT_TYPE_BLOCK: *done = true; return OK;
	case KNOT_TYPE_DATA:
	case KNOT_TYPE_EXTRA: r->in_unit = true; return OK;
	default: return ERR_FORM;
	}
}

/* The head is complete. */
static enum err
begin_field(struct knot_reader *r)
{
	unsigned i = r->head[0] - (unsigned)CODE_FIRST;

	r->n_head = 0;
	if (!r->in_unit || r->at[i] != 0)
		return ERR_FORM;
	r->at[i] = r->text.size + 1;
	r->left = (size_t)r->head[1] << 8 | r->head[2];
	r->in_field = true;
	return OK;
}

/* As much of the field as there is in data; returns how much. */
static size_t
take_text(struct knot_reader *r, const uint8_t *data, size_t size)
{
	if (size > r->left)
		size = r->left;
	buf_put(&r->text, data, size);
	r->left -= size;
	return size;
}

static enum err
take_octet(struct knot_reader *r, uint8_t octet, bool *done)
{
	if (r->n_head == 0 && octet < CODE_FIRST)
		return begin_unit(r, octet, done);
	if (r->n_head == 0 && octet >= CODE_FIRST + KNOT_N_FIELDS)
		return ERR_FORM;
	r->head[r->n_head++] = octet;
	return r->n_head == sizeof(r->head) ? begin_field(r) : OK;
}

enum err
knot_reader_feed(struct knot_reader *r, const uint8_t *data, size_t size, bool *done)
{
	size_t pos = 0;
	enum err err = OK;

	while (err == OK && (pos < size || (r->in_field && r->left == 0))) {
		if (*done)
			return ERR_FORM;
		if (!r->in_field) {
			err = take_octet(r, data[pos++], done);
			continue;
		}
		if (memchr(data + pos, '\0',
			size - pos < r->left ? size - pos : r->left))
			return ERR_FORM;
		pos += take_text(r, data + pos, size - pos);
		if (r->left == 0) {
			buf_put_u8(&r->text, '\0');
			r->in_field = false;
		}
	}
	return err;
}
