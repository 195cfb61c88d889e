/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/commands.h"
#include "ctl/fleet.h"
#include "ctl/fleet_zones.h"
#include "ctl/options.h"
#include "ctl/say.h"

/*
 * fleet add, del, set and sync are those of one agent, the hub; only what they wait
 * for is at all agents.
 */

enum exit_status
fleet_await(struct ctl *ctl, struct await *a)
{
	struct fleet *f = ctl->await_arg;
	struct fleet_zones z = {.fleet = f,
	    .orders = a->orders,
	    .end = a->end,
	    .has_serial = a->has_serial,
	    .serial = a->serial};

	fleet_zones_look(&z, a->timeout_s);
	bool all = fleet_zones_are_there(&z);
	if (!all)
		fleet_zones_missing(&z, a);
	fleet_zones_fini(&z);
	return all ? EXIT_DONE : EXIT_NOT_SERVED;
}

/* The options as they would be for the hub alone. */
static enum exit_status
options_of_hub(const struct fleet *f, struct options *opt)
{
	const struct node *node = f->hub ? f->hub->node : NULL;

	opt->given &= ~(unsigned)(OPTION_FLEET | OPTION_TIMEOUT);
	if (!f->hub) {
		say_error("which agent is the hub? -s ADDRESS, or the word hub in its "
			  "line of %s",
		    opt->fleet);
		return EXIT_USAGE;
	}
	if (!node || f->defaults.server)
		return EXIT_DONE;
	opt->server = node->address;
	opt->tls = node->tls ? node->tls : "-";
	opt->key_file = node->key_file ? node->key_file : opt->key_file;
	opt->catalog = node->catalog ? node->catalog : opt->catalog;
	opt->tls_ca = node->tls_ca ? node->tls_ca : opt->tls_ca;
	opt->tls_cert = node->tls_cert ? node->tls_cert : opt->tls_cert;
	opt->tls_key = node->tls_key ? node->tls_key : opt->tls_key;
	return EXIT_DONE;
}

enum exit_status
fleet_change_run(struct ctl *ctl)
{
	struct fleet f = {0};
	struct options opt = *ctl->opt;
	struct ctl at_hub = *ctl;
	const struct command *c = commands_find(ctl->opt->args[1]);
	enum exit_status rc = fleet_open(&f, ctl);

	if (!rc)
		rc = options_of_hub(&f, &opt);
	at_hub.opt = &opt;
	at_hub.await = fleet_await;
	at_hub.await_arg = &f;
	if (!rc)
		rc = c->run(&at_hub);
	fleet_close(&f);
	return rc;
}
