/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nsherdd, the agent: options, the configuration, and off to run.c. All else of
 * agent/ is a library that the tests link.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/conf.h"
#include "agent/run.h"
#include "agent/store/backup.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/version.h"

static const char usage[] =
    "usage: nsherdd [-c FILE] [-t | -b DIR] [-v]\n"
    "  -c FILE  configuration (/etc/nsherd/nsherd.conf)\n"
    "  -t       check configuration, patterns and rights, print every fault\n"
    "  -b DIR   copy the state to DIR, also while an agent runs\n"
    "  -v       log at debug\n"
    "  -V       print the version\n"
    "  -h       this\n";

enum { EXIT_USAGE = 2 };

static void
print_faults(const struct conf *conf)
{
	char *text;

	for (size_t i = 0; (text = conf_fault_text(conf, i)) != NULL; i++) {
		fprintf(stderr, "%s\n", text);
		free(text);
	}
}

static enum err
back_up(const struct conf *conf, const char *to)
{
	struct err_where where = {0};

	enum err err = store_backup(conf->state_dir, to, &where);
	if (err != OK)
		fprintf(stderr, "nsherdd: %s: %s\n", where.file, where.what);
	return err;
}

static void
print_advice(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "%s\n", text);
}

int
main(int argc, char **argv)
{
	const char *path = "/etc/nsherd/nsherd.conf", *backup = NULL;
	bool test = false, verbose = false;
	int opt;

	while ((opt = getopt(argc, argv, "b:c:tvVh")) != -1) {
		switch (opt) {
		case 'b': backup = optarg; break;
		case 'c': path = optarg; break;
		case 't': test = true; break;
		case 'v': verbose = true; break;
		case 'V': printf("nsherdd %s\n", NSHERD_VERSION); return EXIT_SUCCESS;
		case 'h': fputs(usage, stdout); return EXIT_SUCCESS;
		default: fputs(usage, stderr); return EXIT_USAGE;
		}
	}
	if (optind != argc || (test && backup != NULL)) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	mem_keep_little();
	struct conf *conf;
	enum err err = conf_load(path, &conf);
	if (test)
		err = conf_check_all(conf);
	if (err == OK && backup != NULL)
		err = back_up(conf, backup);
	if (err != OK || test || backup != NULL) {
		print_faults(conf);
		if (test)
			conf_advise(conf, print_advice, NULL);
		conf_free(conf);
		return err == OK ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	log_init("nsherdd", verbose ? LOG_DEBUG : conf->log);
	return run_agent(&conf, verbose) == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
