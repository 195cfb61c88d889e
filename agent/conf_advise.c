/* SPDX-License-Identifier: BSD-2-Clause */
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/backend/backend.h"
#include "agent/backend/rights.h"
#include "agent/conf.h"
#include "lib/mem.h"

/* For -t: what is no fault, and yet likely to surprise. */

struct advising {
	conf_advice_fn *fn;
	void *arg;
};

static void
take_right(void *arg, const char *file, unsigned line, const char *text)
{
	const struct advising *a = arg;
	char *whole = line != 0 ? mem_printf("%s:%u: warning: %s", file, line, text)
				: mem_printf("warning: %s", text);

	a->fn(a->arg, whole);
	free(whole);
}

void
conf_advise(const struct conf *conf, conf_advice_fn *fn, void *arg)
{
	struct advising a = {fn, arg};

	if (geteuid() == 0 && getpwnam("nsherd") != NULL)
		fn(arg,
		    "warning: this is root, who may do everything: "
		    "`runuser -u nsherd -- nsherdd -t` looks with the eyes of the agent");
	for (size_t i = 0; i < conf->n_backends; i++) {
		const struct conf_backend *b = conf->backends[i];
		struct backend_conf bc;
		if (b->driver == NULL)
			continue;
		conf_get_backend(conf, b, &bc);
		rights_advise(b->driver, &bc, take_right, &a);
	}
}
