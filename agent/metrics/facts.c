/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/metrics/facts.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"

void
facts_init(struct facts *f)
{
	*f = (struct facts){.is_complete = true};
}

void
facts_fini(struct facts *f)
{
	free(f->catalogs);
	free(f->backends);
	free(f->shares);
	free(f->problems);
	facts_init(f);
}

void
facts_add_problem(struct facts *f, const struct facts_problem *p)
{
	for (size_t i = 0; i < f->n_problems; i++)
		if (strcmp(f->problems[i].what, p->what) == 0)
			return;
	if (f->n_problems == FACTS_PROBLEMS_MAX) {
		f->has_more_problems = true;
		return;
	}
	if (f->problems == NULL)
		f->problems = mem_alloc(FACTS_PROBLEMS_MAX * sizeof(*f->problems));
	f->problems[f->n_problems++] = *p;
}
