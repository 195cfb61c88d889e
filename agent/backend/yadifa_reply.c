/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/yadifa_reply.h"

#include "lib/buf.h"
#include "lib/rr.h"

bool
yadifa_reply_is_served(const struct msg *msg, const struct dname *zone,
    uint32_t *serial)
{
	struct msg_cursor c;
	struct buf rdata;
	struct rr rr;
	struct soa soa;
	bool served = false;

	if (msg_rcode(msg) != RCODE_NOERROR || (msg->flags & FLAG_AA) == 0)
		return false;
	buf_init(&rdata, MSG_MAX);
	msg_walk(msg, MSG_ANSWER, &c);
	while (!served && msg_next(&c, &rdata, &rr) == OK) {
		if (rr.type == RR_SOA && rr.class == CLASS_IN &&
		    dname_equal(&rr.owner, zone) &&
		    soa_read(rr.rdata, rr.rdata_size, &soa) == OK) {
			*serial = soa.serial;
			served = true;
		}
		buf_reset(&rdata);
	}
	buf_fini(&rdata);
	return served;
}

bool
yadifa_reply_text(const struct msg *msg, char *out, size_t size)
{
	struct msg_cursor c;
	struct buf rdata;
	struct rr rr;
	const uint8_t *text;
	uint8_t text_size;
	size_t n = 0;
	bool found = false;

	buf_init(&rdata, MSG_MAX);
	msg_walk(msg, MSG_ANSWER, &c);
	while (!found && msg_next(&c, &rdata, &rr) == OK) {
		size_t pos = 0;

		if (rr.type == RR_TXT &&
		    txt_next(rr.rdata, rr.rdata_size, &pos, &text, &text_size)) {
			for (; n < text_size && n + 1 < size; n++)
				out[n] = text[n] > ' ' && text[n] < 0x7f ? (char)text[n]
									 : '?';
			out[n] = '\0';
			found = true;
		}
		buf_reset(&rdata);
	}
	buf_fini(&rdata);
	return found;
}
