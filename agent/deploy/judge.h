/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_DEPLOY_JUDGE_H
#define AGENT_DEPLOY_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/backend/backend.h"
#include "agent/deploy/asks.h"
#include "agent/deploy/desire.h"
#include "agent/deploy/plan.h"
#include "agent/deploy/record.h"
#include "agent/deploy/watch.h"
#include "agent/store/store.h"
#include "lib/dname.h"
#include "lib/err.h"

/*
 * What is to be done about one zone, from what the catalogs want, what the
 * ledger says is ours, what data is left, and what the server was seen to
 * have. The same judgement serves the log, retries, reconciling and pattern
 * changes: whatever led to the zone, the answer depends on its state alone.
 */

struct engine;

enum action {
	ACT_NONE,
	ACT_NOTE,   /* write the note, no more */
	ACT_CHECK,  /* nothing to send; ask whether it is served */
	ACT_LOOK,   /* ask the driver whether it is there, then judge_looked */
	ACT_ADOPT,  /* it is there with our mark: take it into the ledger, check */
	ACT_CLASH,  /* it is there and not ours */
	ACT_FORGET, /* not there, or not ours: out of the ledger */
	ACT_GONE,   /* the removal went through: see it gone */
	ACT_REMOVE,
	ACT_PURGE,
	ACT_CHANGE,
	ACT_ADD,
	ACT_ASK, /* the guard, before any of these */
};

/* What led to the zone. */
enum source { FROM_LOG, FROM_AGAIN, FROM_RETRY, FROM_WALK, FROM_GRAVES };

enum presence { PRESENCE_UNKNOWN, PRESENCE_ABSENT, PRESENCE_OURS, PRESENCE_OTHER };

struct item {
	struct dname zone;
	enum source source;
	uint64_t touch_seq; /* FROM_LOG, FROM_AGAIN: the entry, or 0 */
	bool touched;       /* FROM_LOG: touch says how */
	enum touch_kind touch;
	struct label touch_id;
	uint8_t touch_catalog, touch_heir;
	struct log_says log_says;
	bool removal;           /* a member of that zone went, and its time has come */
	bool lost;              /* it is ours, but does not answer: look */
	bool look;              /* what the server has is in doubt */
	bool walk;              /* FROM_AGAIN: a walk of the patterns named it */
	uint8_t status_catalog; /* FROM_RETRY: whose record */
	/* FROM_WALK: in the server's own list, which may be seconds old */
	enum presence presence;
	char presence_mark[128];
	bool presence_fresh; /* so new that an absence need not be looked up */

	unsigned view; /* n_opened of the views it was judged by */
	enum action action;
	bool doomed;   /* REMOVE although it is desired: another id, another state */
	bool stray;    /* ours by its mark, but neither in the ledger nor desired */
	bool kept;     /* with the settings it has: the guard holds their change */
	bool is_early; /* what the catalog says is too young: apply-delay */
	bool asks;     /* ask is to be put, also beside another action */
	bool replaced; /* what the server may have is of another member */
	struct guard_ask ask;
	struct guard_view guard;
	uint32_t shape; /* of the settings desired */
	struct desire desire;
	struct ledger_entry *ledger; /* NULL: not in it */
	struct grave *grave;         /* NULL: nothing is left */
	bool has_status;
	enum zone_state state; /* as last recorded */
	bool retrying;         /* and to be tried again */
	bool is_unseen;        /* and it never was served, under that id */
	char mark[128];        /* under the settings desired */
	char *zonefile;        /* the same, its own; NULL: as in the ledger */
	bool has_note;
	struct {
		enum note_kind kind;
		enum zone_state state;
		enum note_retry retry;
		uint64_t retry_at;
		enum zone_fault fault;
		char error[200];
	} note;
	bool refused;  /* prepare failed: no operation */
	bool recorded; /* by its operation */
	bool counts;   /* among the transfers to come, if it is given to the server */
};

/* Snapshots of both environments; made when they are first needed. */
struct views {
	struct store *store;
	struct store_txn *catalog, *status;
	unsigned n_opened;
};

void views_open(struct views *v);
void views_close(struct views *v);

void judge_item(struct engine *e, struct views *v, struct item *item);
/* What the log says of a zone that is that catalog's, under the id `own`. */
void judge_touch(struct item *item, uint8_t catalog, const struct label *own);
/* The same, of one that was judged. */
void judge_touch_again(struct item *item);
/* After the look-up. */
void judge_looked(struct engine *e, struct item *item, enum presence presence,
    const char *mark);
void item_fini(struct item *item);

/* A label that no catalog uses, for data that must not be used again. */
extern const struct label judge_no_id;

#endif
