/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/options.h"
#include "ctl/say.h"
#include "lib/clock.h"
#include "lib/mem.h"

/*
 * What the commands about many agents have in common. An inventory makes peers, each
 * with a session of its own; talks (fleet_talk.c) are held with all at once, and what
 * each says of itself is a view (fleet_view.c). Who does not answer is a line in the
 * table, never a reason to wait for longer than its time.
 */

enum { PAUSE_FIRST_MS = 50, PAUSE_LAST_MS = 1000 };

unsigned
fleet_timeout_ms(const struct fleet *f)
{
	const struct options *opt = f->ctl->opt;
	unsigned s = opt->given & OPTION_TIMEOUT ? opt->timeout_s : FLEET_TIMEOUT_S;
	if (f->limit_s > 0 && f->limit_s < s)
		s = f->limit_s;
	return s > 0 ? 1000 * s : 1000;
}

int64_t
fleet_pause(int64_t *pause_ms, int64_t took_ms)
{
	int64_t pause = *pause_ms ? *pause_ms * 3 / 2 : PAUSE_FIRST_MS;
	*pause_ms = pause > PAUSE_LAST_MS ? PAUSE_LAST_MS : pause;
	return *pause_ms > 3 * took_ms ? *pause_ms : 3 * took_ms;
}

/* -- the inventory ---------------------------------------------------------- */

enum exit_status
fleet_read_file(struct nodes *nodes, const char *path)
{
	struct err_where where = {0};
	enum err e = nodes_read(nodes, path, &where);

	if (e) {
		say_where(&where);
		return e == ERR_INVALID ? EXIT_USAGE : EXIT_FAILED;
	}
	if (nodes->n > 0)
		return EXIT_DONE;
	say_error("%s: no agents", path);
	return EXIT_USAGE;
}

static void
take_records(struct fleet *f, const struct dname *owner, const struct msg *msg)
{
	struct msg_cursor c;
	struct rr rr;
	struct buf rdata;

	buf_init(&rdata, MSG_MAX);
	msg_walk(msg, MSG_ANSWER, &c);
	for (; !msg_next(&c, &rdata, &rr); buf_reset(&rdata)) {
		struct err_where where = {0};
		if (rr.type != RR_TXT || !dname_equal(&rr.owner, owner) ||
		    !nodes_take_txt(&f->nodes, &rr, &where))
			continue;
		say_error("nodes.nsherd.ext.%s: a record is left out: %s",
		    f->hub_session.catalog_text, where.what);
		f->n_bad++;
	}
	buf_fini(&rdata);
}

static int
compare_nodes(const void *a, const void *b)
{
	const struct node *x = a, *y = b;
	return strcmp(x->name, y->name);
}

/* The hub is connected. */
static enum exit_status
read_catalog(struct fleet *f)
{
	struct session *s = &f->hub_session;
	char why[SESSION_REASON_MAX];
	struct dname owner;
	struct msg msg;

	if (nodes_owner(&s->catalog, &owner)) {
		say_error("%s: the catalog's name is too long", s->catalog_text);
		return EXIT_FAILED;
	}
	if (session_query(s, &owner, RR_TXT, &msg)) {
		say_error("%s", s->error);
		return EXIT_FAILED;
	}
	if (msg_rcode(&msg) != RCODE_NOERROR && msg_rcode(&msg) != RCODE_NXDOMAIN) {
		say_error("nodes.nsherd.ext.%s: %s", s->catalog_text,
		    session_reason(&msg, why));
		return EXIT_FAILED;
	}
	take_records(f, &owner, &msg);
	if (f->nodes.n == 0) {
		say_error("which agents? --fleet FILE, or records at "
			  "nodes.nsherd.ext.%s (nsherdctl fleet nodes --from FILE)",
		    s->catalog_text);
		return EXIT_FAILED;
	}
	/* Records have no order of their own. */
	qsort(f->nodes.items, f->nodes.n, sizeof(*f->nodes.items), compare_nodes);
	return EXIT_DONE;
}

/* -- peers ------------------------------------------------------------------ */

static const char *
first(const char *a, const char *b)
{
	return a ? a : b;
}

static void
way_of(const struct fleet *f, const struct node *node, struct connect_way *way)
{
	const struct connect_way *d = &f->way;

	*way = (struct connect_way){
	    .server = node->address,
	    .key_file = first(node->key_file, d->key_file),
	    .catalog = first(node->catalog, d->catalog),
	    .tls = node->tls,
	    .tls_files = {.cert = first(node->tls_cert, d->tls_files.cert),
		.key = first(node->tls_key, d->tls_files.key),
		.ca = first(node->tls_ca, d->tls_files.ca)},
	};
}

static enum exit_status
add_nodes(struct fleet *f)
{
	const struct session *like = &f->hub_session;

	for (size_t i = 0; i < f->nodes.n; i++) {
		const struct node *node = &f->nodes.items[i];
		struct peer *p = &f->peers[f->n++];
		struct connect_way way;
		*p = (struct peer){.name = node->name, .node = node, .fleet = f};
		way_of(f, node, &way);
		enum exit_status rc = connect_prepare(&p->s, &way, like);
		like = &p->s;
		if (rc) {
			say_error("agent %s cannot be asked", node->name);
			return rc;
		}
	}
	return EXIT_DONE;
}

/* The hub that options or defaults name may be one of the inventory. */
static struct peer *
find_hub(struct fleet *f, bool is_named)
{
	const struct addr *server = &f->hub_session.conf.server;

	for (size_t i = 0; i < f->n; i++) {
		struct peer *p = &f->peers[i];
		if (is_named ? addr_equal(&p->s.conf.server, server) : p->node->is_hub)
			return p;
	}
	return NULL;
}

static enum exit_status
make_peers(struct fleet *f, bool is_named)
{
	f->all_peers = mem_zalloc((f->nodes.n + 1) * sizeof(*f->all_peers));
	f->peers = f->all_peers + 1;
	enum exit_status rc = add_nodes(f);
	if (rc)
		return rc;
	f->hub = find_hub(f, is_named);
	if (!f->hub && is_named) {
		f->hub = f->peers = f->all_peers;
		f->n++;
		*f->hub = (struct peer){.name = f->hub_session.server, .fleet = f};
		rc = connect_prepare(&f->hub->s, &f->way, &f->hub_session);
	}
	if (f->hub)
		f->hub->is_hub = true;
	return rc;
}

static enum exit_status
ask_hub_for_nodes(struct fleet *f)
{
	struct session *s = &f->hub_session;

	session_allow_ms(s, fleet_timeout_ms(f));
	if (session_reopen(s)) {
		say_error("%s", s->error);
		return EXIT_FAILED;
	}
	enum exit_status rc = read_catalog(f);
	exchange_close(s->x);
	s->x = NULL;
	return rc;
}

enum exit_status
fleet_open(struct fleet *f, struct ctl *ctl)
{
	const char *file = ctl->opt->fleet;
	*f = (struct fleet){.ctl = ctl};
	enum exit_status rc = connect_way_of(ctl->opt, &f->defaults, &f->way);
	bool is_named = !file || f->defaults.server;

	if (!rc && file)
		rc = fleet_read_file(&f->nodes, file);
	if (!rc && is_named)
		rc = connect_prepare(&f->hub_session, &f->way, NULL);
	if (!rc && !file)
		rc = ask_hub_for_nodes(f);
	return rc ? rc : make_peers(f, is_named);
}

void
fleet_close(struct fleet *f)
{
	for (size_t i = 0; i < f->n; i++) {
		session_close(&f->peers[i].s);
		view_fini(&f->peers[i].view);
		view_fini(&f->peers[i].next);
	}
	free(f->all_peers);
	f->peers = f->all_peers = NULL;
	f->n = 0;
	session_close(&f->hub_session);
	nodes_fini(&f->nodes);
	defaults_fini(&f->defaults);
}

/* -- looking ---------------------------------------------------------------- */

static enum err
take_head(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	struct peer *p = arg;
	enum err e = view_take(&p->next, kind, name, rr);
	return e ? session_fail(&p->s, e, "%s: too many backends or patterns",
		       p->s.server)
		 : OK;
}

static enum err
begin_look(void *arg, struct session *s)
{
	struct peer *p = arg;
	view_fini(&p->next);
	p->reading = (struct observed_reading){.status = &s->status,
	    .fn = take_head,
	    .arg = p,
	    .head_only = true};
	return session_transfer_begin(s, &s->status, observed_take, &p->reading);
}

static enum err
go_on_looking(void *arg, struct session *s)
{
	struct peer *p = arg;
	enum err e = session_transfer_go_on(s);
	return e == ERR_CANCELED && p->reading.head_ended ? OK : e;
}

/* The hub has no name in an inventory that has it not: it tells its own. */
static void
take_name(struct peer *p)
{
	if (p->node || !p->view.agent)
		return;
	char *name = pool_strdup(&p->fleet->nodes.pool, p->view.agent);
	say_printable(name);
	p->name = name;
}

static void
note_look(struct peer *p, enum err e)
{
	if (!e && !p->next.answered)
		e = session_fail(&p->s, ERR_NOTFOUND,
		    "%s: the agent says nothing about itself", p->s.server);
	p->err = e;
	view_fini(&p->view);
	if (e)
		return;
	p->view = p->next;
	p->next = (struct view){0};
	view_end(&p->view);
	take_name(p);
}

static int64_t
end_look(void *arg, struct session *s, enum err e)
{
	(void)s;
	note_look(arg, e);
	return TALK_OVER;
}

static int64_t
end_wait(void *arg, struct session *s, enum err e)
{
	struct peer *p = arg;
	char why[VIEW_WHY_MAX];
	(void)s;
	/* That our time is up says nothing about the agent, if it had answered. */
	if (e != ERR_TIMEOUT || p->err || clock_ms() < p->fleet->until_ms)
		note_look(p, e);
	p->is_settled = view_is_settled(&p->view, p->fleet->serial, why);
	return p->is_settled ? TALK_OVER : fleet_pause(&p->pause_ms, 0);
}

/* All, or those that are not settled. */
static void
hold_looks(struct fleet *f, const struct talk_ops *ops, const struct talk_plan *plan)
{
	struct talk *talks = mem_zalloc((f->n + 1) * sizeof(*talks));
	for (size_t i = 0; i < f->n; i++) {
		struct peer *p = &f->peers[i];
		talks[i] = (struct talk){.s = p->is_settled ? NULL : &p->s,
		    .ops = ops,
		    .arg = p};
	}
	talk_all(talks, f->n, plan);
	free(talks);
}

static void
find_serial(struct fleet *f)
{
	const struct peer *best = NULL;
	for (size_t i = 0; i < f->n; i++) {
		const struct peer *p = &f->peers[i];
		if (p->view.has_serial &&
		    (!best || serial_gt(p->view.serial, best->view.serial)))
			best = p;
	}
	if (f->hub && f->hub->view.has_serial)
		best = f->hub;
	f->serial_of = best;
	f->has_serial = best != NULL;
	f->serial = best ? best->view.serial : 0;
}

void
fleet_look(struct fleet *f)
{
	static const struct talk_ops ops = {begin_look, go_on_looking, end_look};
	const struct talk_plan plan = {.timeout_ms = fleet_timeout_ms(f),
	    .doing = "asking"};
	hold_looks(f, &ops, &plan);
	find_serial(f);
}

void
fleet_wait(struct fleet *f, unsigned seconds)
{
	static const struct talk_ops ops = {begin_look, go_on_looking, end_wait};
	char why[VIEW_WHY_MAX];
	f->until_ms = clock_ms() + (int64_t)seconds * 1000;
	const struct talk_plan plan = {.timeout_ms = fleet_timeout_ms(f),
	    .until_ms = f->until_ms,
	    .doing = "waiting"};
	for (size_t i = 0; i < f->n; i++)
		f->peers[i].is_settled =
		    view_is_settled(&f->peers[i].view, f->serial, why);
	if (f->has_serial)
		hold_looks(f, &ops, &plan);
}

size_t
fleet_n_answered(const struct fleet *f)
{
	size_t n = 0;
	for (size_t i = 0; i < f->n; i++)
		n += f->peers[i].err == OK;
	return n;
}

enum exit_status
fleet_verdict(const struct fleet *f)
{
	size_t n = fleet_n_answered(f);
	if (n == 0)
		return EXIT_FAILED;
	return n < f->n || f->n_bad > 0 ? EXIT_PARTLY : EXIT_DONE;
}
