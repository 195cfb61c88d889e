/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>

#include "ctl/commands.h"
#include "ctl/connect.h"
#include "ctl/fleet.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/say.h"

/* fleet nodes: the inventory as text, and from a file into the catalog. */

static void
print_nodes(struct ctl *ctl, const char *catalog, const struct nodes *nodes)
{
	static const struct column columns[] = {
	    {"agent", NULL, CELL_TEXT, false},
	    {"address", NULL, CELL_TEXT, false},
	    {"tls", NULL, CELL_TEXT, false},
	    {"role", NULL, CELL_TEXT, false},
	};
	struct buf line;
	output_field(ctl->out, "catalog", NULL, CELL_TEXT, cell_text(catalog));
	output_table(ctl->out, "nodes", columns, 4);
	for (size_t i = 0; i < nodes->n && ctl->opt->json; i++) {
		const struct node *n = &nodes->items[i];
		const struct cell row[] = {cell_text(n->name), cell_text(n->address),
		    cell_text(n->tls), cell_text(n->is_hub ? "hub" : NULL)};
		output_row(ctl->out, row);
	}
	output_table_end(ctl->out);
	for (size_t i = 0; i < nodes->n; i++) {
		buf_init(&line, 0);
		nodes_print(&nodes->items[i], &line);
		output_line(ctl->out, buf_text(&line));
		buf_fini(&line);
	}
}

static void
put_records(const struct nodes *nodes, const struct dname *owner, struct wire_out *out)
{
	const struct rr none = {.owner = *owner, .type = RR_TXT, .class = CLASS_ANY};
	struct buf rdata;

	msg_put_rr(out, (enum msg_section)MSG_UPDATES, &none);
	for (size_t i = 0; i < nodes->n; i++) {
		buf_init(&rdata, 0);
		nodes_write_txt(&nodes->items[i], &rdata);
		const struct rr rr = {.owner = *owner,
		    .type = RR_TXT,
		    .class = CLASS_IN,
		    .rdata_size = (uint16_t)rdata.size,
		    .rdata = rdata.data};
		msg_put_rr(out, (enum msg_section)MSG_UPDATES, &rr);
		buf_fini(&rdata);
	}
}

static enum exit_status
send_records(struct session *s, const struct nodes *nodes)
{
	char why[SESSION_REASON_MAX];
	struct dname owner;
	struct msg msg;
	uint16_t id;
	enum err e = nodes_owner(&s->catalog, &owner);

	if (e) {
		say_error("%s: the catalog's name is too long", s->catalog_text);
		return EXIT_FAILED;
	}
	do {
		struct wire_out *out =
		    session_begin(s, OPCODE_UPDATE, &s->catalog, RR_SOA);
		put_records(nodes, &owner, out);
		e = session_send(s, out, &id);
		if (!e)
			e = session_receive(s, &msg);
	} while (!e && connect_move(s, &msg));
	if (!e && msg_rcode(&msg) == RCODE_NOERROR)
		return EXIT_DONE;
	say_error("%s", e ? s->error : session_reason(&msg, why));
	return EXIT_FAILED;
}

static enum exit_status
publish(struct ctl *ctl)
{
	struct nodes nodes = {0};
	struct session s = {0};
	char count[SAY_COUNT_MAX], line[128];
	/* A file that came to nothing is to remove nobody. */
	enum exit_status rc = fleet_read_file(&nodes, ctl->opt->from);

	if (!rc)
		rc = connect_open(&s, ctl);
	if (!rc)
		rc = send_records(&s, &nodes);
	if (!rc && ctl->opt->json) {
		print_nodes(ctl, s.catalog_text, &nodes);
	} else if (!rc) {
		snprintf(line, sizeof(line), "set %s",
		    say_count(nodes.n, "agent", count));
		output_line(ctl->out, line);
	}
	session_close(&s);
	nodes_fini(&nodes);
	return rc;
}

enum exit_status
fleet_nodes_run(struct ctl *ctl)
{
	struct fleet f = {0};

	if (ctl->opt->from && ctl->opt->fleet) {
		say_error("--from sets the agents, --fleet names others: which?");
		return EXIT_USAGE;
	}
	if (ctl->opt->from)
		return publish(ctl);
	enum exit_status rc = fleet_open(&f, ctl);
	if (!rc)
		print_nodes(ctl, f.peers[0].s.catalog_text, &f.nodes);
	if (!rc && f.n_bad > 0)
		rc = EXIT_PARTLY;
	fleet_close(&f);
	return rc;
}
