/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_DEPLOY_REPATTERN_H
#define AGENT_DEPLOY_REPATTERN_H

#include <stdbool.h>

#include "agent/deploy/batch.h"

/*
 * After a change of patterns: every member is judged again, as fast as the
 * rate allows; then the native patterns that no zone bears any more are
 * retired.
 */

struct engine;

/* Says of the patterns the engine has which are of no use here, before a zone
 * has them. */
void repattern_survey(struct engine *e);
void repattern_begin(struct engine *e);
/* The second half alone. */
void repattern_retire(struct engine *e);
/* The next slice. Returns whether there is more to do at once. */
bool repattern_step(struct engine *e, struct batch *b);
void repattern_end(struct engine *e);
/* Members are still being judged. */
bool repattern_is_walking(const struct engine *e);

/* A zone is about to bear the mark: it must not be retired. */
void repattern_used(struct engine *e, const char *mark);
/* The server has no use for the pattern: for its status. */
void repattern_rejected(struct engine *e, const char *pattern, const char *text);

#endif
