/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/check.h"
#include "agent/backend/nsd.h"

/* The [backend] section, as far as it can be checked while NSD is down. */

static enum err
check_files(const struct check *c)
{
	static const struct {
		const char *name;
		bool secret, must_exist;
	} files[] = {
	    {"config", false, true},
	    {"zonelist", false, false},
	    {"tls-cert", false, true},
	    {"tls-key", true, true},
	    {"tls-ca", false, true},
	};
	enum err err = OK;

	for (size_t i = 0; err == OK && i < sizeof(files) / sizeof(files[0]); i++)
		err = check_file(c, files[i].name,
		    backend_option(c->conf, files[i].name, NULL), files[i].secret,
		    files[i].must_exist);
	return err == OK ? check_include(c, nsd_include_name) : err;
}

enum err
nsd_check(const struct backend_conf *conf, struct err_where *where)
{
	struct check c = {conf, where};
	struct nsd_chan chan;
	const char *control = backend_option(conf, "control", "");
	enum err err = check_dirs(&c);

	if (err == OK)
		err = check_files(&c);
	if (err == OK)
		err = nsd_chan_init(&chan, conf, where);
	if (err != OK)
		return err;
	nsd_chan_fini(&chan);
	return control[0] == '/' ? check_socket(&c, "control", control) : OK;
}
