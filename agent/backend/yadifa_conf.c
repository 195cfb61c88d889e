/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <string.h>

#include "agent/backend/check.h"
#include "agent/backend/yadifa.h"
#include "lib/mem.h"

/* The [backend] section, as far as it can be checked while yadifad is down. */

static enum err
read_key(const struct check *c, struct yadifa *y)
{
	const char *text = backend_option(c->conf, "key", NULL);
	struct dname name;
	char why[160];

	if (text == NULL)
		return check_fault(c, "key", "",
		    "is missing: yadifad takes signed orders");
	if (dname_parse(text, &name) == OK && c->conf->keys != NULL)
		y->key = keyring_find(c->conf->keys, &name);
	if (y->key == NULL)
		return check_fault(c, "key", text, "there is no such [key] section");
	if (yadifa_check_name(&name, YADIFA_NAME_MAX, why, sizeof(why)) != OK)
		return check_fault(c, "key", text, why);
	y->self.key = name;
	return OK;
}

/* With which our questions come to it, where that is beyond doubt. */
static void
find_address(struct yadifa *y)
{
	const struct addr *a = &y->control;

	y->self.address = *a;
	addr_set_port(&y->self.address, 0);
	y->self.has_address = addr_family(a) == AF_INET
				  ? a->u.in4.sin_addr.s_addr == htonl(INADDR_LOOPBACK)
				  : IN6_IS_ADDR_LOOPBACK(&a->u.in6.sin6_addr);
}

enum err
yadifa_read_conf(const struct backend_conf *conf, struct yadifa *y,
    struct err_where *where)
{
	struct check c = {conf, where};
	const char *control = backend_option(conf, "control", "127.0.0.1@53");
	enum err err = check_dirs(&c);

	y->conf = *conf;
	if (y->conf.timeout_ms == 0)
		y->conf.timeout_ms = 30000;
	y->transfer_dir = backend_option(conf, "transfer-dir", NULL);
	y->pidfile = backend_option(conf, "pidfile", NULL);
	y->operator.config = backend_option(conf, "config", NULL);
	if (err == OK)
		err = check_dir(&c, "transfer-dir", y->transfer_dir);
	if (err == OK && (y->pidfile == NULL || y->pidfile[0] != '/'))
		err = check_fault(&c, "pidfile", y->pidfile,
		    "the absolute path of yadifad's own pidfile is needed");
	if (err == OK)
		err = check_absolute(&c, "config", y->operator.config);
	if (err == OK && addr_parse(control, YADIFA_PORT, &y->control) != OK)
		err = check_fault(&c, "control", control, "is not ADDRESS@PORT");
	if (err == OK)
		find_address(y);
	return err == OK ? read_key(&c, y) : err;
}

enum err
yadifa_check(const struct backend_conf *conf, struct err_where *where)
{
	struct check c = {conf, where};
	struct yadifa y;
	enum err err;

	memset(&y, 0, sizeof(y));
	err = yadifa_read_conf(conf, &y, where);
	if (err == OK)
		err = check_file(&c, "config", y.operator.config, false, false);
	return err == OK ? check_include(&c, yadifa_include_name) : err;
}
