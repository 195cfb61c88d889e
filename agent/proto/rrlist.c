/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/rrlist.h"

#include <stdlib.h>

#include "lib/mem.h"

/* The count was checked against the message when it was framed. */
enum err
rrlist_read(const struct msg *msg, enum msg_section section, struct rrlist *list)
{
	struct msg_cursor c;
	enum err err = OK;
	size_t at = 0;

	list->n = 0;
	list->items = NULL;
	buf_init(&list->rdata, 0);
	if (msg->count[section] == 0)
		return OK;
	list->items = mem_alloc(msg->count[section] * sizeof(*list->items));
	msg_walk(msg, section, &c);
	while (list->n < msg->count[section] && err == OK) {
		err = msg_next(&c, &list->rdata, &list->items[list->n]);
		list->n += err == OK;
	}
	if (err != OK && err != ERR_NOTFOUND) {
		rrlist_fini(list);
		return err;
	}
	/* The buffer moved while it grew. */
	for (size_t i = 0; i < list->n; i++) {
		struct rr *rr = &list->items[i];
		rr->rdata =
		    rr->rdata_size ? list->rdata.data + at : (const uint8_t *)"";
		at += rr->rdata_size;
	}
	return OK;
}

void
rrlist_fini(struct rrlist *list)
{
	free(list->items);
	buf_fini(&list->rdata);
	list->items = NULL;
	list->n = 0;
}

size_t
rrlist_bytes(const struct rrlist *list)
{
	return list->n * sizeof(*list->items) + list->rdata.room;
}
