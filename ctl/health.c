/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "ctl/commands.h"
#include "ctl/connect.h"
#include "ctl/fleet_view.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/say.h"
#include "lib/mem.h"
#include "lib/observed.h"
#include "lib/session.h"

/*
 * The agent's own verdict on its backends, as an exit status: for the health check of
 * whoever announces a route. Nobody is announced or withdrawn here.
 */

static enum err
take(void *arg, enum observed_kind kind, const struct dname *name, const struct rr *rr)
{
	return kind == OBSERVED_AGENT ? view_take(arg, kind, name, rr) : OK;
}

static void
print_health(struct ctl *ctl, const struct session *s, const struct view *v, bool ok)
{
	struct output *o = ctl->out;
	struct cell_item *items = mem_zalloc((v->n_reasons + 1) * sizeof(*items));

	for (size_t i = 0; i < v->n_reasons; i++)
		items[i] = (struct cell_item){.value = v->reasons[i],
		    .value_size = strlen(v->reasons[i])};
	output_field(o, "catalog", NULL, CELL_TEXT, cell_text(s->catalog_text));
	output_field(o, "agent", NULL, CELL_TEXT, cell_text(v->agent));
	output_field(o, "health", NULL, CELL_STATE, cell_text(v->health));
	output_field(o, "reasons", NULL, CELL_LIST, cell_items(items, v->n_reasons));
	if (ok)
		output_line(o, "ok");
	free(items);
}

static void
say_health(const struct view *v)
{
	char why[VIEW_WHY_MAX];

	if (v->health == NULL)
		say_error("the agent does not say: see nsherdctl backends");
	else if (v->n_reasons > 0)
		say_error("%s: %s", v->health, view_reasons(v, why));
	else if (strcmp(v->health, "unknown") == 0)
		say_error("unknown: there is no first verdict yet");
	else
		say_error("%s: see nsherdctl backends", v->health);
}

enum exit_status
health_run(struct ctl *ctl)
{
	struct session s;
	struct view v = {0};
	enum exit_status rc = connect_open(&s, ctl);

	enum err e = rc ? OK : observed_query(&s, &s.status, take, &v);
	if (e) {
		say_error("%s", e == ERR_NOTFOUND
				    ? "the agent says nothing about itself"
				    : s.error);
		rc = EXIT_FAILED;
	}
	bool ok = v.health && strcmp(v.health, "ok") == 0;
	if (!rc && !(ctl->opt->given & OPTION_QUIET))
		print_health(ctl, &s, &v, ok);
	if (!rc && !ok) {
		output_end(ctl->out);
		say_health(&v);
		rc = EXIT_FAILED;
	}
	view_fini(&v);
	session_close(&s);
	return rc;
}
