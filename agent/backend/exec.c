/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/exec.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backend/drivers.h"
#include "agent/backend/exec_request.h"
#include "agent/backend/mark.h"
#include "lib/mem.h"

/*
 * The driver of what has no driver: a program of the operator's, which speaks lines
 * of JSON with us over its stdin and stdout (doc/exec-protocol.md), and does to its
 * name server what we ask for.
 *
 * The program is started when it is needed (exec_child.c), greeted, and kept: one
 * request at a time, whose replies are heard as they come (exec_talk.c). It is not
 * trusted with more than its task: of our keys it has those that its zones name, it
 * has no environment and no descriptors of ours, every line of it is checked
 * (exec_reply.c), and when it hangs, dies or says what it should not it is ended,
 * and started again a while later, which is as if its server had been away. A batch
 * whose end was not seen is unknown as a whole.
 */

enum {
	LOOKUP_MAX = 500, /* names of one request */
	KEYS_MAX = 1000,
	RETRY_SOON_S = 10,
	GRACE_MS = 1500, /* for a program to end; a stop of ours may take 5 s */
};

static void
exec_close(void *ctx)
{
	struct exec *x = ctx;

	if (x == NULL)
		return;
	exec_child_stop(&x->child, GRACE_MS);
	mem_wipe(x->in, sizeof(x->in));
	free(x->words);
	free(x);
}

static enum err
exec_open(const struct backend_conf *conf, struct err_where *where, void **ctx)
{
	struct exec *x = mem_zalloc(sizeof(*x));
	enum err err = exec_read_conf(conf, x, where);

	exec_child_init(&x->child, conf->name, x->argv);
	x->batch = EXEC_BATCH_MAX;
	if (err != OK) {
		exec_close(x);
		return err;
	}
	*ctx = x;
	return OK;
}

/* A request whose only reply is its end, which is to be ok. */
static enum err
ask(struct exec *x, struct buf *request, struct exec_reply *end,
    struct backend_error *why)
{
	struct exec_call call = {0};
	enum err err = exec_call(x, request, &call, why);

	if (err != OK)
		return err;
	*end = call.end;
	return exec_end_error(x, end, why);
}

/* -- keys ------------------------------------------------------------------------- */

struct key_names {
	struct dname *names;
	size_t n, room;
};

static enum err
take_key(void *arg, const struct exec_reply *reply, struct backend_error *why)
{
	struct key_names *list = arg;

	(void)why;
	if (reply->kind != EXEC_KEY || list->n >= KEYS_MAX)
		return ERR_FORM;
	list->names = mem_grow(list->names, list->n, &list->room, sizeof(*list->names));
	list->names[list->n++] = reply->name;
	return OK;
}

/* Those that its server has are told as they are now; no others. */
static enum err
tell_keys(struct exec *x, struct backend_error *why)
{
	struct key_names list = {0};
	struct exec_call call = {.fn = take_key, .arg = &list};
	struct exec_reply end;
	struct buf request;
	enum err err;

	exec_begin(x, &request, "keys");
	err = exec_call(x, &request, &call, why);
	if (err == OK)
		err = exec_end_error(x, &call.end, why);
	if (err == OK && list.n > 0) {
		exec_begin(x, &request, "rekey");
		exec_put_keys(&request, list.names, list.n, x->conf.keys);
		err = ask(x, &request, &end, why);
	}
	free(list.names);
	if (err == ERR_UNSUPPORTED) /* it has no keys */
		err = OK;
	if (err == OK)
		x->keys_due = false;
	return err;
}

static enum err
exec_rekey(void *ctx, const struct keyring *keys, struct backend_error *why)
{
	struct exec *x = ctx;

	x->conf.keys = keys;
	x->keys_due = true;
	return tell_keys(x, why);
}

/* -- the server ------------------------------------------------------------------- */

static enum err
exec_identify(void *ctx, struct backend_identity *id, struct backend_error *why)
{
	struct backend_error later = {""};
	struct exec *x = ctx;
	struct exec_reply end;
	struct buf request;
	enum err err;

	exec_begin(x, &request, "identify");
	err = ask(x, &request, &end, why);
	if (err != OK)
		return err;
	if (end.identity.product[0] == '\0')
		return exec_fault(x, why, "does not say which server it is for");
	*id = end.identity;
	/* Secrets may have changed while it, or we, did not run. That they have to
	 * wait is no reason not to serve; that it died of them is. */
	if (x->keys_due)
		err = tell_keys(x, &later);
	if (err == OK || x->child.pid != 0)
		return err == ERR_CANCELED ? err : OK;
	*why = later;
	return err;
}

struct listing {
	backend_zone_fn *fn;
	void *arg;
};

static enum err
take_zone(void *arg, const struct exec_reply *reply, struct backend_error *why)
{
	struct listing *l = arg;
	enum err err;

	if (reply->kind != EXEC_ZONE)
		return ERR_FORM;
	err = l->fn(l->arg, &reply->name, reply->mark[0] != '\0' ? reply->mark : NULL);
	/* Not the program's fault. */
	return err == ERR_FORM ? backend_fail(why, ERR_IO, "%s", err_str(err)) : err;
}

static enum err
list(struct exec *x, struct buf *request, struct listing *l, struct backend_error *why)
{
	struct exec_call call = {.fn = take_zone, .arg = l};
	enum err err = exec_call(x, request, &call, why);

	return err == OK ? exec_end_error(x, &call.end, why) : err;
}

static enum err
exec_inventory(void *ctx, backend_zone_fn *fn, void *arg, struct backend_error *why)
{
	struct listing l = {fn, arg};
	struct buf request;

	exec_begin(ctx, &request, "inventory");
	return list(ctx, &request, &l, why);
}

static enum err
exec_lookup(void *ctx, const struct dname *zones, size_t n, backend_zone_fn *fn,
    void *arg, struct backend_error *why)
{
	struct listing l = {fn, arg};
	struct buf request;
	enum err err = OK;

	for (size_t i = 0; err == OK && i < n; i += LOOKUP_MAX) {
		exec_begin(ctx, &request, "lookup");
		exec_put_zones(&request, &zones[i],
		    n - i < LOOKUP_MAX ? n - i : LOOKUP_MAX);
		err = list(ctx, &request, &l, why);
	}
	return err;
}

/* -- settings --------------------------------------------------------------------- */

/* They come with the operations. */
static enum err
exec_prepare(void *ctx, struct settings *const *settings, size_t n,
    enum backend_result *results, struct backend_error *texts,
    struct backend_error *why)
{
	struct exec *x = ctx;

	(void)why;
	for (size_t i = 0; i < n; i++) {
		texts[i].text[0] = '\0';
		results[i] =
		    exec_check_settings(settings[i], x->conf.keys, &texts[i]) == OK
			? RESULT_OK
			: RESULT_REJECTED;
	}
	return OK;
}

static enum err
exec_retire(void *ctx, const char *const *marks, size_t n, struct backend_error *why)
{
	(void)ctx;
	(void)marks;
	(void)n;
	(void)why;
	return OK;
}

/* -- operations ------------------------------------------------------------------- */

struct part {
	struct backend_op *ops;
	size_t n;
	bool *open; /* of each: it was said */
};

static enum err
take_result(void *arg, const struct exec_reply *reply, struct backend_error *why)
{
	struct part *p = arg;
	struct backend_op *op;

	if (reply->kind != EXEC_OP)
		return ERR_FORM;
	if (reply->op >= p->n || !p->open[reply->op]) {
		backend_fail(why, ERR_FORM, "is about no operation that waits for it");
		return ERR_FORM;
	}
	p->open[reply->op] = false;
	op = &p->ops[reply->op];
	if (reply->result == RESULT_RETRY)
		op_retry(op, reply->after_s, "%s", reply->text);
	else
		op_settle(op, reply->result, "%s", reply->text);
	if ((op->kind == OP_ADD || op->kind == OP_CHANGE) &&
	    (op->result == RESULT_OK || op->result == RESULT_ALREADY))
		mark_print(op->settings, op->mark);
	return OK;
}

/* What may have become of those without a result. */
static enum err
settle_rest(struct exec *x, struct part *p, const struct exec_reply *end,
    struct backend_error *why)
{
	enum err err = exec_end_error(x, end, why);
	size_t n_open = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (!p->open[i])
			continue;
		n_open++;
		if (err == ERR_CLOSED)
			op_settle(&p->ops[i], RESULT_UNKNOWN, "%.190s", why->text);
		else if (err == ERR_BUSY)
			op_retry(&p->ops[i], RETRY_SOON_S, "%.190s", why->text);
		else if (err != OK)
			op_settle(&p->ops[i], RESULT_REJECTED, "%.190s", why->text);
	}
	if (err == OK && n_open > 0)
		return exec_fault(x, why, "ended a batch without the results of %zu",
		    n_open);
	return err == ERR_CLOSED ? err : OK;
}

static void
settle_unknown(struct part *p, const struct backend_error *why)
{
	for (size_t i = 0; i < p->n; i++) {
		op_begin(&p->ops[i]);
		op_settle(&p->ops[i], RESULT_UNKNOWN, "%.190s", why->text);
	}
}

/* As many as go into one request: *n of those given. */
static enum err
apply_part(struct exec *x, struct backend_op *ops, size_t *n, struct backend_error *why)
{
	struct part p = {.ops = ops};
	struct exec_call call = {.fn = take_result, .arg = &p};
	struct buf request;
	enum err err;

	exec_begin(x, &request, "apply");
	p.n = *n = exec_put_ops(&request, ops, *n, x->conf.keys);
	p.open = mem_alloc(p.n * sizeof(p.open[0]));
	memset(p.open, true, p.n * sizeof(p.open[0]));
	err = exec_call(x, &request, &call, why);
	if (err == OK)
		err = settle_rest(x, &p, &call.end, why);
	else if (call.sent)
		settle_unknown(&p, why);
	/* A fault at the end leaves nothing known either. */
	if (err == ERR_IO && call.sent)
		settle_unknown(&p, why);
	free(p.open);
	return err;
}

static enum err
exec_apply(void *ctx, struct backend_op *ops, size_t n, struct backend_error *why)
{
	struct exec *x = ctx;
	enum err err = OK;

	assert(n <= EXEC_BATCH_MAX);
	for (size_t i = 0; i < n; i++)
		op_begin(&ops[i]);
	err = exec_ready(x, why);
	for (size_t i = 0, taken; err == OK && i < n; i += taken) {
		taken = n - i < x->batch ? n - i : x->batch;
		err = apply_part(x, &ops[i], &taken, why);
	}
	return err;
}

static unsigned
exec_batch_size(const void *ctx)
{
	const struct exec *x = ctx;

	return x->batch;
}

static enum err
exec_command(void *ctx, enum backend_verb verb, const struct dname *zone,
    struct backend_error *why)
{
	static const char *const words[] = {
	    [VERB_REFRESH] = "refresh",
	    [VERB_RETRANSFER] = "retransfer",
	    [VERB_RELOAD] = "reload",
	    [VERB_NOTIFY] = "notify",
	    [VERB_FLUSH] = "flush",
	    [VERB_FREEZE] = "freeze",
	    [VERB_THAW] = "thaw",
	};
	char name[DNAME_TEXT_MAX];
	struct exec_reply end;
	struct buf request;

	if (zone == NULL)
		return backend_fail(why, ERR_INVALID, "a zone must be named");
	exec_begin(ctx, &request, "command");
	exec_put_text(&request, "verb", words[verb]);
	exec_put_text(&request, "zone", dname_print_plain(zone, name));
	return ask(ctx, &request, &end, why);
}

static const char *const options[] = {"command", "arguments", "config", "timeout",
    NULL};

const struct backend_driver exec_driver = {
    .name = "exec",
    .batch_max = EXEC_BATCH_MAX,
    .batch_size = exec_batch_size,
    .caps =
	CAP_LIST | CAP_RESTART_ID | CAP_PER_ZONE_SETTINGS | CAP_TYPE_CHANGE | CAP_SIGNS,
    .options = options,
    .check = exec_check,
    .open = exec_open,
    .close = exec_close,
    .rekey = exec_rekey,
    .identify = exec_identify,
    .inventory = exec_inventory,
    .lookup = exec_lookup,
    .prepare = exec_prepare,
    .mark_of = mark_of,
    .retire = exec_retire,
    .apply = exec_apply,
    .command = exec_command,
};
