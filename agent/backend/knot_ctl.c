/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/knot_ctl.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

struct reply {
	struct knot_reader reader;
	knot_unit_fn *fn;
	void *arg;
	struct knot_fault *fault;
};

void
knot_ctl_init(struct knot_ctl *ctl, const char *path, int cancel_fd,
    unsigned timeout_ms)
{
	memset(ctl, 0, sizeof(*ctl));
	ctl->path = path;
	chan_init(&ctl->chan, path, cancel_fd, timeout_ms);
}

enum err
knot_ctl_open(struct knot_ctl *ctl, struct backend_error *why)
{
	enum err err = chan_open_unix(&ctl->chan, ctl->path, why);

	ctl->open = ctl->clean = err == OK;
	return err;
}

void
knot_ctl_close(struct knot_ctl *ctl)
{
	uint8_t end = KNOT_TYPE_END;

	/* One octet always has room; if not, closing says the same. */
	if (ctl->open && ctl->clean && send(ctl->chan.fd, &end, 1, MSG_NOSIGNAL) == -1)
		ctl->clean = false;
	chan_close(&ctl->chan);
	ctl->open = ctl->clean = false;
}

static void
copy_field(char *out, size_t room, const char *text)
{
	snprintf(out, room, "%s", text != NULL ? text : "");
}

static enum err
take_unit(void *arg, const struct knot_unit *unit)
{
	struct reply *r = arg;
	struct knot_fault *f = r->fault;
	const char *id = unit->field[KNOT_ID];

	if (unit->field[KNOT_ERROR] == NULL)
		return r->fn != NULL ? r->fn(r->arg, unit) : OK;
	if (f->is)
		return OK;
	f->is = true;
	copy_field(f->text, sizeof(f->text), unit->field[KNOT_ERROR]);
	copy_field(f->section, sizeof(f->section), unit->field[KNOT_SECTION]);
	copy_field(f->item, sizeof(f->item), unit->field[KNOT_ITEM]);
	copy_field(f->data, sizeof(f->data), unit->field[KNOT_DATA]);
	copy_field(f->id, sizeof(f->id), id != NULL ? id : unit->field[KNOT_ZONE]);
	return OK;
}

static enum err
feed(void *arg, const uint8_t *data, size_t size, bool *done)
{
	struct reply *r = arg;

	return knot_reader_feed(&r->reader, data, size, done);
}

enum err
knot_ctl_block(struct knot_ctl *ctl, struct buf *units, knot_unit_fn *fn, void *arg,
    struct knot_fault *fault, struct backend_error *why)
{
	struct reply r = {.fn = fn, .arg = arg, .fault = fault};
	size_t sent;
	enum err err;

	memset(fault, 0, sizeof(*fault));
	why->text[0] = '\0';
	if (!ctl->open || !ctl->clean)
		return backend_fail(why, ERR_CLOSED, "%s: no connection",
		    ctl->chan.peer_text);
	buf_put_u8(units, KNOT_TYPE_BLOCK);
	if (units->err != OK)
		return backend_fail(why, ERR_RANGE, "a value is too long for knot");
	knot_reader_init(&r.reader, take_unit, &r);
	ctl->clean = false;
	err = chan_talk(&ctl->chan, units->data, units->size, &sent, feed, &r, why);
	knot_reader_fini(&r.reader);
	ctl->clean = err == OK;
	if (err == ERR_FORM)
		backend_fail(why, err, "%s: the answer is not understood",
		    ctl->chan.peer_text);
	else if (err != OK && why->text[0] == '\0')
		backend_fail(why, err, "%s: %s", ctl->chan.peer_text, err_str(err));
	return err;
}

enum err
knot_ctl_command(struct knot_ctl *ctl, const char *cmd, struct knot_fault *fault,
    struct backend_error *why)
{
	struct knot_unit unit = {.field = {[KNOT_CMD] = cmd}};
	struct buf units;
	enum err err;

	buf_init(&units, 0);
	knot_unit_put(&units, &unit);
	err = knot_ctl_block(ctl, &units, NULL, NULL, fault, why);
	buf_fini(&units);
	return err;
}

char *
knot_fault_print(const struct knot_fault *fault, char out[static 160])
{
	size_t n = (size_t)snprintf(out, 160, "%s", fault->text);

	if (fault->section[0] != '\0' && n < 160)
		n += (size_t)snprintf(out + n, 160 - n, ": %s", fault->section);
	if (fault->id[0] != '\0' && n < 160)
		n += (size_t)snprintf(out + n, 160 - n, "[%.60s]", fault->id);
	if (fault->item[0] != '\0' && n < 160)
		n += (size_t)snprintf(out + n, 160 - n, ".%s", fault->item);
	/* What was refused helps the operator, but for a secret. */
	if (fault->data[0] != '\0' && strcmp(fault->item, "secret") != 0 && n < 160)
		snprintf(out + n, 160 - n, " = %.40s", fault->data);
	return out;
}
