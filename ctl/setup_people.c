/* SPDX-License-Identifier: BSD-2-Clause */
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/setup.h"
#include "lib/mem.h"

/* Who the agent and the server are, and what the agent may read. */

enum { GROUPS_MAX = 1024 };

static bool
is_in_group(const struct setup *s, gid_t gid)
{
	for (size_t i = 0; i < s->n_groups; i++)
		if (s->groups[i] == gid)
			return true;
	return false;
}

static void
find_groups(struct setup *s, gid_t own)
{
	int n = GROUPS_MAX;

	s->groups = mem_zalloc(GROUPS_MAX * sizeof(*s->groups));
	if (getgrouplist(s->user, own, s->groups, &n) >= 0)
		s->n_groups = (size_t)n;
}

void
setup_people(struct setup *s)
{
	s->user = setup_get(s, "user", "nsherd");
	s->group = setup_get(s, "group", s->server->group);
	const struct passwd *pw = getpwnam(s->user);
	gid_t own = pw != NULL ? pw->pw_gid : 0;
	s->has_user = pw != NULL;
	s->uid = pw != NULL ? pw->pw_uid : 0;
	const struct group *gr = getgrnam(s->group);
	s->has_group = gr != NULL;
	s->gid = gr != NULL ? gr->gr_gid : 0;
	if (s->has_user)
		find_groups(s, own);
	if (!s->has_group)
		setup_todo(s, "no group %s: is the server installed?", s->group);
	if (!s->has_user)
		setup_todo(s, "useradd --system -G %s %s", s->group, s->user);
	if (s->has_user && s->has_group && s->uid != 0 && !is_in_group(s, s->gid))
		setup_todo(s, "usermod -a -G %s %s, and restart the agent", s->group,
		    s->user);
}

/* By the mode alone, of whose three parts the first that fits decides. */
static bool
may(const struct setup *s, const struct stat *st, mode_t bit)
{
	if (s->uid == 0)
		return true;
	if (st->st_uid == s->uid)
		return (st->st_mode & bit << 6) != 0;
	if (is_in_group(s, st->st_gid))
		return (st->st_mode & bit << 3) != 0;
	return (st->st_mode & bit) != 0;
}

void
setup_readable(struct setup *s, const char *path)
{
	char *copy = mem_strdup(path);
	const char *dir = dirname(copy);
	struct stat st;

	if (stat(path, &st) == -1) {
		setup_todo(s, "no file %s: the server's configuration names it", path);
	} else if (s->has_user && !may(s, &st, S_IROTH)) {
		const struct group *own = getgrgid(s->groups[0]);
		setup_todo(s, "chgrp %s %s && chmod 640 %s",
		    own != NULL ? own->gr_name : s->user, path, path);
	} else if (s->has_user && stat(dir, &st) == 0 && !may(s, &st, S_IXOTH)) {
		setup_todo(s, "let %s enter %s", s->user, dir);
	}
	free(copy);
}
