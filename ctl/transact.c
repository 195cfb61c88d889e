/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/transact.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/connect.h"
#include "ctl/say.h"
#include "lib/mem.h"
#include "lib/order.h"
#include "lib/rr.h"

enum { CHUNK = 500, WINDOW = 16, COMMIT_MS = 600000 };

/* What one message of the transaction has. */
struct part {
	size_t from, n; /* items; n 0: the prerequisite alone */
};

struct transact {
	struct session *s;
	const struct memberlist *members;
	const struct diff *diff;
	struct part *parts;
	size_t n_parts, room;
	size_t n_answered;
	uint16_t ids[WINDOW];
};

/* -- messages --------------------------------------------------------------- */

static void
put_soa(const struct transact *t, struct wire_out *out)
{
	const struct rr soa = {.owner = t->s->catalog,
	    .type = RR_SOA,
	    .class = CLASS_IN,
	    .rdata_size = (uint16_t)t->members->soa_size,
	    .rdata = t->members->soa};
	msg_put_rr(out, (enum msg_section)MSG_PREREQ, &soa);
}

/* From items on, as many as fit. */
static enum err
send_part(struct transact *t, size_t from, size_t *n)
{
	for (size_t want = *n;; want /= 2) {
		uint16_t id;
		struct wire_out *out =
		    session_begin(t->s, OPCODE_UPDATE, &t->s->catalog, RR_SOA);
		if (t->n_parts == 0)
			put_soa(t, out);
		for (size_t i = from; i < from + want; i++)
			diff_write(&t->diff->items[i], &t->s->catalog, out);
		enum err e = session_send(t->s, out, &id);
		if (e == ERR_SPACE && want > 1)
			continue;
		if (e)
			return e;
		t->ids[t->n_parts % WINDOW] = id;
		t->parts = mem_grow(t->parts, t->n_parts, &t->room, sizeof(*t->parts));
		t->parts[t->n_parts++] = (struct part){from, want};
		*n = want;
		return OK;
	}
}

/* Answers come in the order of the messages. */
static enum err
receive_part(struct transact *t, struct msg *msg)
{
	enum err e = session_receive(t->s, msg);
	if (!e)
		t->n_answered++;
	return e;
}

/* -- what went wrong -------------------------------------------------------- */

/* The item that has the nth record of the message. */
static const struct diff_item *
item_of_rr(const struct transact *t, const struct part *p, unsigned n)
{
	uint8_t *wire = mem_alloc(MSG_MAX);
	const struct diff_item *found = NULL;
	struct wire_out out;

	for (size_t i = p->from; i < p->from + p->n && found == NULL; i++) {
		wire_out_init(&out, wire, MSG_MAX);
		msg_start(&out, 0, 0);
		diff_write(&t->diff->items[i], &t->s->catalog, &out);
		unsigned count = (unsigned)wire[8] << 8 | wire[9];
		if (n <= count)
			found = &t->diff->items[i];
		n -= count;
	}
	free(wire);
	return found;
}

/* The agent tells message and record; the user knows zones. */
static void
say_refusal(const struct transact *t, const struct msg *msg, size_t nth)
{
	char why[SESSION_REASON_MAX], text[SESSION_REASON_MAX], zone[DNAME_TEXT_MAX];
	unsigned code, number = (unsigned)nth, rr = 0;
	const struct diff_item *item = NULL;

	session_reason(msg, why);
	if (msg_get_ede(msg, &code, text, sizeof(text)) == OK) {
		const char *at = strstr(text, " msg="), *rr_at = strstr(text, " rr=");
		if (at != NULL)
			number = (unsigned)strtoul(at + 5, NULL, 10);
		if (rr_at != NULL)
			rr = (unsigned)strtoul(rr_at + 4, NULL, 10);
	}
	if (rr > 0 && number > 0 && number <= t->n_parts)
		item = item_of_rr(t, &t->parts[number - 1], rr);
	if (item != NULL)
		say_error("nothing was changed: %s: %s", diff_zone_text(item, zone),
		    why);
	else
		say_error("nothing was changed: %s", why);
}

static bool
has_changed_meanwhile(const struct msg *msg)
{
	char text[SESSION_REASON_MAX];
	unsigned code;

	return msg_rcode(msg) == RCODE_NXRRSET &&
	       msg_get_ede(msg, &code, text, sizeof(text)) == OK &&
	       strstr(text, "msg=1 rr=1") != NULL;
}

static enum exit_status
say_lost(const struct transact *t, const char *what)
{
	say_error("%s", t->s->error);
	say_error("%s", what);
	return EXIT_FAILED;
}

/* -- the whole -------------------------------------------------------------- */

static enum exit_status
begin(struct transact *t)
{
	struct msg msg;
	char why[SESSION_REASON_MAX];

	do {
		if (order_send(t->s, "begin", NULL, 0, NULL, &msg))
			return say_lost(t, "nothing was changed");
	} while (connect_move(t->s, &msg));
	if (msg_rcode(&msg) == RCODE_NOERROR)
		return EXIT_DONE;
	say_error("nothing was changed: %s", session_reason(&msg, why));
	return EXIT_FAILED;
}

/* Messages are sent ahead of their answers. */
static enum exit_status
stage(struct transact *t)
{
	size_t from = 0, step = CHUNK;
	struct msg msg;

	while (from < t->diff->n || t->n_answered < t->n_parts) {
		if (from < t->diff->n && t->n_parts - t->n_answered < WINDOW) {
			size_t n = t->diff->n - from < step ? t->diff->n - from : step;
			if (send_part(t, from, &n))
				return say_lost(t, "nothing was changed");
			from += n;
			say_progress("sending", from, t->diff->n);
			continue;
		}
		if (receive_part(t, &msg))
			return say_lost(t, "nothing was changed");
		if (msg_rcode(&msg) != RCODE_NOERROR) {
			say_refusal(t, &msg, t->n_answered);
			return EXIT_FAILED;
		}
	}
	return EXIT_DONE;
}

static enum exit_status
commit(struct transact *t)
{
	struct msg msg;

	session_allow_ms(t->s, COMMIT_MS);
	if (order_send(t->s, "commit", NULL, 0, NULL, &msg))
		return say_lost(t, "the answer to the commit was not seen: all was "
				   "changed, or nothing; run it again to see");
	if (msg_rcode(&msg) == RCODE_NOERROR)
		return EXIT_DONE;
	if (has_changed_meanwhile(&msg))
		say_error("nothing was changed: the catalog is not any more what this "
			  "was made from; run it again");
	else
		say_refusal(t, &msg, 0);
	return EXIT_FAILED;
}

enum exit_status
transact(struct session *s, const struct memberlist *members, const struct diff *diff)
{
	struct transact t = {.s = s, .members = members, .diff = diff};
	enum exit_status rc = begin(&t);

	if (!rc)
		rc = stage(&t);
	if (!rc)
		rc = commit(&t);
	say_progress_end();
	free(t.parts);
	return rc;
}
