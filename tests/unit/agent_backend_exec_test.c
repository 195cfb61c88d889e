/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/backend/backend.h"
#include "agent/backend/exec_reply.h"
#include "agent/backend/proc.h"
#include "lib/mem.h"
#include "lib/settings.h"

/*
 * The exec driver against small programs, good and bad ones. What they have in
 * common stands in front of each: the functions say, ask, hello, ....
 */

static const char prelude[] =
    "#!/usr/bin/python3\n"
    "import json, os, signal, sys, time\n"
    "def say(**r): print(json.dumps(r), flush=True)\n"
    "def ask():\n"
    "    line = sys.stdin.readline()\n"
    "    if not line: sys.exit(0)\n"
    "    return json.loads(line)\n"
    "def hello(**r):\n"
    "    say(id=ask()['id'], end='ok', protocol=1, **r)\n"
    "def identity(q): say(id=q['id'], end='ok', product='P', version='1', process='7')\n"
    "def first(q):\n"
    "    identity(q)\n"
    "    say(id=ask()['id'], end='unsupported')\n"
    "def note(text):\n"
    "    with open(sys.argv[0] + '.note', 'a') as f: f.write(text)\n";

struct fixture {
	char dir[40], program[64];
	struct backend_option options[4];
	struct backend_conf conf;
	struct keyring *ring;
	int cancel[2];
	void *ctx;
	struct backend_error why;
};

static const struct backend_driver *
driver(void)
{
	return backend_find("exec");
}

static void
add_option(struct fixture *f, const char *name, const char *value)
{
	f->options[f->conf.n_options++] = (struct backend_option){name, value, "f", 1};
}

static void
write_file(const char *path, const char *a, const char *b, mode_t mode)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(a, file);
	fputs(b, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void
add_key(struct fixture *f, const char *text)
{
	struct dname name;
	struct key *key;

	assert_int_equal(dname_parse(text, &name), OK);
	assert_int_equal(key_new(&name, KEY_SHA256, (const uint8_t *)"secret", 6, &key),
	    OK);
	assert_int_equal(keyring_add(f->ring, key), OK);
	key_unref(key);
}

/* Not opened yet. */
static struct fixture *
prepared(const char *body)
{
	struct fixture *f = mem_zalloc(sizeof(*f));

	strcpy(f->dir, "/tmp/nsherd-exec.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->program, sizeof(f->program), "%s/program", f->dir);
	write_file(f->program, prelude, body, 0700);
	assert_int_equal(pipe2(f->cancel, O_CLOEXEC), 0);
	f->ring = keyring_new();
	add_key(f, "a.key");
	add_key(f, "b.key");
	f->conf = (struct backend_conf){.name = "x",
	    .options = f->options,
	    .keys = f->ring,
	    .cancel_fd = f->cancel[0],
	    .timeout_ms = 60000};
	add_option(f, "command", f->program);
	return f;
}

static struct fixture *
opened(const char *body)
{
	struct fixture *f = prepared(body);
	struct err_where where = {.what = ""};

	if (driver()->open(&f->conf, &where, &f->ctx) != OK)
		fail_msg("%s", where.what);
	return f;
}

static void
done(struct fixture *f)
{
	char *command = mem_printf("rm -r %s", f->dir);

	driver()->close(f->ctx);
	keyring_unref(f->ring);
	close(f->cancel[0]);
	if (f->cancel[1] != -1)
		close(f->cancel[1]);
	assert_int_equal(system(command), 0);
	free(command);
	free(f);
}

static enum err
identify(struct fixture *f)
{
	struct backend_identity id = {.product = ""};
	enum err err = driver()->identify(f->ctx, &id, &f->why);

	if (err == OK)
		assert_string_equal(id.product, "P");
	return err;
}

static void
expect_why(const struct fixture *f, const char *part)
{
	if (strstr(f->why.text, part) == NULL)
		fail_msg("'%s' is not in: %s", part, f->why.text);
}

/* What the program noted; free it. */
static char *
noted(const struct fixture *f)
{
	char *path = mem_printf("%s.note", f->program);
	char *text = mem_zalloc(65536);
	FILE *file = fopen(path, "re");

	if (file != NULL) {
		text[fread(text, 1, 65535, file)] = '\0';
		fclose(file);
	}
	free(path);
	return text;
}

static struct settings *
primary(void)
{
	struct settings *s = settings_new();

	strcpy(s->pattern, "p");
	strcpy(s->version, "12345678");
	strcpy(s->hash, "0");
	s->role = ROLE_PRIMARY;
	s->zonefile = mem_strdup("${zone}.zone");
	return s;
}

static struct settings *
secondary(const char *remote)
{
	struct settings *s = primary();

	s->role = ROLE_SECONDARY;
	s->primaries.items = mem_zalloc(sizeof(struct remote));
	s->primaries.n = 1;
	assert_int_equal(remote_parse(remote, 53, &s->primaries.items[0]), OK);
	return s;
}

enum { OPS_MAX = 400 };
struct ops {
	struct backend_op items[OPS_MAX];
	struct settings *s;
};

/* Additions of z0.example, z1.example, ... */
static struct ops *
additions(size_t n, struct settings *s)
{
	struct ops *ops = mem_zalloc(sizeof(*ops));

	assert_true(n <= OPS_MAX);
	ops->s = s;
	for (size_t i = 0; i < n; i++) {
		char name[40];

		snprintf(name, sizeof(name), "z%zu.example", i);
		ops->items[i].kind = OP_ADD;
		ops->items[i].settings = s;
		assert_int_equal(dname_parse(name, &ops->items[i].zone), OK);
	}
	return ops;
}

static void
free_ops(struct ops *ops)
{
	settings_unref(ops->s);
	free(ops);
}

/* -- one line --------------------------------------------------------------- */

static enum err
parse(const char *line, struct exec_reply *r)
{
	char why[100] = "";
	enum err err = exec_reply_parse(line, strlen(line), r, why);

	assert_true(err == OK || why[0] != '\0');
	return err;
}

static void
exec_reply_parse__good_lines__are_read(void **state)
{
	struct exec_reply r;

	(void)state;
	assert_int_equal(
	    parse(
		"{\"id\":7,\"zone\":\"A.example.\",\"mark\":\"nsherd-p.1.0\",\"x\":[]}",
		&r),
	    OK);
	assert_int_equal(r.id, 7);
	assert_int_equal(r.kind, EXEC_ZONE);
	assert_string_equal(r.mark, "nsherd-p.1.0");
	/* a mark of somebody else is none */
	assert_int_equal(parse("{\"id\":7,\"zone\":\".\",\"mark\":\"mine\"}", &r), OK);
	assert_string_equal(r.mark, "");
	assert_int_equal(parse("{\"id\":1,\"zone\":\"a\",\"mark\":null}\r", &r), OK);
	assert_int_equal(
	    parse("{\"id\":1,\"op\":3,\"result\":\"retry\",\"after\":9,\"text\":"
		  "\"caf\\u00e9\\n\"}",
		&r),
	    OK);
	assert_int_equal(r.kind, EXEC_OP);
	assert_int_equal(r.op, 3);
	assert_int_equal(r.result, RESULT_RETRY);
	assert_int_equal(r.after_s, 9);
	assert_string_equal(r.text, "caf??");
	assert_int_equal(parse("{\"id\":1,\"key\":\"A.key\"}", &r), OK);
	assert_int_equal(r.kind, EXEC_KEY);
	assert_int_equal(parse("{\"id\":1,\"end\":\"busy\",\"batch\":3}", &r), OK);
	assert_int_equal(r.end, EXEC_END_BUSY);
	assert_int_equal(r.batch, 3);
}

static void
exec_reply_parse__bad_lines__are_refused(void **state)
{
	static const char *const lines[] = {"", "x", "[]", "null", "{}", "{\"id\":1}",
	    "{\"id\":-1,\"end\":\"ok\"}", "{\"id\":1.5,\"end\":\"ok\"}",
	    "{\"id\":\"1\",\"end\":\"ok\"}", "{\"end\":\"ok\"}",
	    "{\"id\":1,\"end\":\"fine\"}", "{\"id\":1,\"end\":7}",
	    "{\"id\":1,\"id\":1,\"end\":\"ok\"}", "{\"id\":1,\"end\":\"ok\"}{}",
	    "{\"id\":1,\"end\":\"ok\"", "{\"id\":1,\"end\":\"ok\",\"text\":3}",
	    "{\"id\":1,\"end\":\"ok\",\"batch\":-1}",
	    "{\"id\":1,\"end\":\"ok\",\"batch\":99999999}",
	    "{\"id\":99999999999999999999,\"end\":\"ok\"}", "{\"id\":1,\"zone\":7}",
	    "{\"id\":1,\"zone\":\"a..b\"}", "{\"id\":1,\"zone\":\"a b\"}",
	    "{\"id\":1,\"zone\":\"a\",\"mark\":7}", "{\"id\":1,\"key\":\"..\"}",
	    "{\"id\":1,\"op\":-1,\"result\":\"ok\"}",
	    "{\"id\":1,\"op\":0,\"result\":\"none\"}", "{\"id\":1,\"op\":0}",
	    "{\"id\":1,\"op\":0,\"result\":\"retry\",\"after\":\"9\"}",
	    "{\"id\":1,\"op\":0,\"result\":\"retry\",\"after\":9999}",
	    "{\"id\":1,\"end\":\"\xff\"}",
	    "{\"id\":1,\"text\":\"\x01\",\"end\":\"ok\"}",
	    "{\"id\":1,\"x\":[[[[[[[[[]]]]]]]]],\"end\":\"ok\"}"};
	struct exec_reply r;
	char *deep = mem_alloc(60001), *mark;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (parse(lines[i], &r) != ERR_FORM)
			fail_msg("taken: %s", lines[i]);
	}
	memset(deep, '[', 60000);
	deep[60000] = '\0';
	assert_int_equal(parse(deep, &r), ERR_FORM);
	free(deep);
	mark = mem_printf("{\"id\":1,\"zone\":\"a\",\"mark\":\"%0128d\"}", 7);
	assert_int_equal(parse(mark, &r), ERR_FORM);
	free(mark);
	mark = mem_printf("{\"id\":1,\"end\":\"ok\",\"text\":\"%0300d\"}", 7);
	assert_int_equal(parse(mark, &r), OK);
	assert_int_equal(strlen(r.text), 199);
	free(mark);
}

/* -- the [backend] section --------------------------------------------------- */

static void
expect_fault(struct fixture *f, const char *part)
{
	struct err_where where = {.what = ""};

	assert_int_equal(driver()->check(&f->conf, &where), ERR_INVALID);
	if (strstr(where.what, part) == NULL)
		fail_msg("'%s' is not in: %s", part, where.what);
}

static void
check__what_may_not_be_run__is_named(void **state)
{
	struct fixture *f = prepared("");
	struct err_where where = {.what = ""};

	(void)state;
	assert_int_equal(driver()->check(&f->conf, &where), OK);
	chmod(f->program, 0702);
	expect_fault(f, "can be written by others");
	chmod(f->program, 0600);
	expect_fault(f, "Permission denied");
	chmod(f->program, 0700);
	chmod(f->dir, 0777);
	expect_fault(f, "directory that can be written by others");
	chmod(f->dir, 0700);
	f->options[0].value = f->dir;
	expect_fault(f, "not a plain file");
	f->options[0].value = "program";
	expect_fault(f, "not an absolute path");
	f->options[0].value = "/nonesuch";
	expect_fault(f, "No such file");
	f->conf.n_options = 0;
	expect_fault(f, "is missing");
	f->conf.n_options = 1;
	f->options[0].value = f->program;
	add_option(f, "timeout", "0");
	expect_fault(f, "3600 seconds");
	f->options[1].value = "5s";
	expect_fault(f, "3600 seconds");
	f->options[1] = (struct backend_option){"config", "/nonesuch", "f", 1};
	expect_fault(f, "No such file");
	chmod(f->program, 0704); /* not empty, and anybody may read it */
	f->options[1] = (struct backend_option){"config", f->program, "f", 1};
	expect_fault(f, "holds secrets");
	expect_fault(f, "and the mode 640");
	chmod(f->program, 0700);
	f->conf.n_options = 1;
	f->conf.zone_dir = "/nonesuch";
	expect_fault(f, "No such file or directory: make it");
	f->conf.zone_dir = NULL;
	f->conf.n_options = 2;
	f->options[1] = (struct backend_option){"arguments",
	    "a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a", "f", 1};
	expect_fault(f, "too many");
	done(f);
}

/* -- the process ------------------------------------------------------------- */

static void
program__started__has_nothing_of_ours(void **state)
{
	struct fixture *f = prepared(
	    "fds = [d for d in os.listdir('/proc/self/fd') if int(d) > 2]\n"
	    "fds = [d for d in fds if os.path.exists('/proc/self/fd/' + d)]\n"
	    "handler = signal.getsignal(signal.SIGUSR1)\n"
	    "mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])\n"
	    "note('%s %s %s %s %s %s|' % (fds, sorted(os.environ), os.getcwd(),\n"
	    "    sys.argv[1:], handler == signal.SIG_DFL, sorted(mask)))\n"
	    "note('%s' % (os.getpgid(0) == os.getpid()))\n"
	    "hello()\n"
	    "first(ask())\n"
	    "ask()\n");
	struct err_where where = {.what = ""};
	int fd = dup(0); /* not close-on-exec */
	sigset_t set;
	char *text;

	(void)state;
	add_option(f, "arguments", "  one two  $HOME ");
	unsetenv("TMPDIR");
	unsetenv("TZ");
	setenv("NOTIFY_SOCKET", "/nonesuch", 1);
	signal(SIGUSR1, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	assert_int_equal(driver()->open(&f->conf, &where, &f->ctx), OK);
	assert_int_equal(identify(f), OK);
	text = noted(f);
	/* Python adds LC_CTYPE where it takes the locale for the C one */
	assert_non_null(strstr(text, "[] ["));
	assert_null(strstr(text, "NOTIFY_SOCKET"));
	assert_null(strstr(text, "HOME'] /"));
	assert_non_null(strstr(text, "'LANG'"));
	assert_non_null(strstr(text, "'NSHERD_BACKEND', 'PATH'] / ['one', 'two', "
				     "'$HOME'] True []|True"));
	free(text);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	signal(SIGUSR1, SIG_DFL);
	if (fd != -1)
		close(fd);
	done(f);
}

static void
identify__program_that_writes_much_to_stderr__is_heard(void **state)
{
	struct fixture *f = opened("hello()\n"
				   "q = ask()\n"
				   "for i in range(3000): print('e' * 400, i, "
				   "file=sys.stderr)\n"
				   "sys.stderr.flush()\n"
				   "first(q)\n"
				   "q = ask()\n");

	(void)state;
	assert_int_equal(identify(f), OK);
	done(f);
}

static void
expect_bad(const char *body, enum err expected, const char *part)
{
	struct fixture *f = opened(body);
	enum err err = identify(f);

	if (err != expected)
		fail_msg("%s: %s: %s", body, err_str(err), f->why.text);
	expect_why(f, part);
	/* it is not started again at once */
	assert_int_equal(identify(f), ERR_CLOSED);
	expect_why(f, part);
	done(f);
}

static void
identify__program_that_says_what_it_should_not__is_ended(void **state)
{
	(void)state;
	expect_bad("print('Hello', flush=True)\ntime.sleep(600)\n", ERR_IO,
	    "said 'Hello', which is no JSON");
	expect_bad("say(id=0, end='ok', protocol=2)\ntime.sleep(600)\n", ERR_IO,
	    "protocol 2, not 1");
	expect_bad("say(id=0, end='rejected', text='no \\u00fc')\ntime.sleep(600)\n",
	    ERR_IO, "refuses: no ?");
	expect_bad("hello()\nask()\nsay(id=99, end='ok')\ntime.sleep(600)\n", ERR_IO,
	    "no request that is under way");
	expect_bad("hello()\nq = ask()\nsay(id=q['id'], zone='a')\ntime.sleep(600)\n",
	    ERR_IO, "does not belong there");
	expect_bad("hello()\nq = ask()\nsay(id=q['id'], end='ok')\ntime.sleep(600)\n",
	    ERR_IO, "which server");
	expect_bad("hello()\nask()\nprint('x' * 70000, flush=True)\ntime.sleep(600)\n",
	    ERR_IO, "a line without an end");
	expect_bad("hello()\nask()\nwhile True: sys.stdout.write('y' * 4096)\n", ERR_IO,
	    "said 'yyyyy");
	expect_bad("q = ask()\nsay(id=0, end='ok', protocol=1, zone='a')\n"
		   "q = ask()\nprint('\\x00', flush=True)\ntime.sleep(600)\n",
	    ERR_IO, "is no JSON");
}

static void
identify__program_that_ends__says_how(void **state)
{
	(void)state;
	expect_bad("sys.exit('no such database')\n", ERR_CLOSED,
	    "ended with status 1: no such database");
	expect_bad("hello()\nask()\nos.kill(os.getpid(), 9)\n", ERR_CLOSED,
	    "was ended by signal 9");
	expect_bad("hello()\nask()\nos.close(1)\nos.close(0)\ntime.sleep(600)\n",
	    ERR_CLOSED, "closed its output");
}

static void
identify__no_interpreter__is_told(void **state)
{
	struct fixture *f = opened("");

	(void)state;
	write_file(f->program, "#!/nonesuch/interpreter\n", "", 0700);
	assert_int_equal(identify(f), ERR_CLOSED);
	expect_why(f, "No such file");
	done(f);
}

static void
identify__program_that_hangs__is_given_up(void **state)
{
	struct fixture *f = prepared("hello()\nask()\n"
				     "print('thinking', file=sys.stderr, flush=True)\n"
				     "time.sleep(600)\n");
	struct err_where where = {.what = ""};

	(void)state;
	add_option(f, "timeout", "2");
	assert_int_equal(driver()->open(&f->conf, &where, &f->ctx), OK);
	assert_int_equal(identify(f), ERR_TIMEOUT);
	/* at its start already, on a busy machine */
	expect_why(f, "no answer within 2 s");
	done(f);
}

static void
identify__unasked_line__ends_the_program(void **state)
{
	struct fixture *f = opened("hello()\nfirst(ask())\n"
				   "while not os.path.exists(sys.argv[0] + '.go'):\n"
				   "    time.sleep(0.01)\n"
				   "say(id=3, end='ok')\nnote('x')\ntime.sleep(600)\n");
	char *text = NULL, *go = mem_printf("%s.go", f->program);

	(void)state;
	assert_int_equal(identify(f), OK);
	write_file(go, "", "", 0600);
	free(go);
	do {
		free(text);
		usleep(10000);
		text = noted(f);
	} while (text[0] == '\0');
	free(text);
	assert_int_equal(identify(f), ERR_IO);
	expect_why(f, "which ");
	done(f);
}

static void
identify__program_that_died__is_started_again(void **state)
{
	struct fixture *f = opened("note('s')\nhello()\nfirst(ask())\n");
	char *text = NULL;
	enum err err = ERR_CLOSED;

	(void)state;
	assert_int_equal(identify(f), OK);
	/* it ends now; seen then, and again after a second */
	for (int i = 0; i < 3000 && (text == NULL || strlen(text) < 2); i++) {
		err = identify(f);
		assert_true(err == OK || err == ERR_CLOSED);
		usleep(10000);
		free(text);
		text = noted(f);
	}
	assert_int_equal(strlen(text), 2);
	free(text);
	done(f);
}

static void
close__program_that_ignores_everything__is_killed(void **state)
{
	struct fixture *f = opened("signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
				   "child = os.fork()\n"
				   "if child == 0:\n"
				   "    while True: time.sleep(600)\n"
				   "note('%d %d' % (os.getpid(), child))\n"
				   "hello()\nfirst(ask())\n"
				   "while True: time.sleep(600)\n");
	long pid = 0, child = 0;
	char *text;

	(void)state;
	assert_int_equal(identify(f), OK);
	text = noted(f);
	assert_int_equal(sscanf(text, "%ld %ld", &pid, &child), 2);
	free(text);
	/* also while an answer is awaited */
	assert_int_equal(write(f->cancel[1], "x", 1), 1);
	assert_int_equal(identify(f), ERR_CANCELED);
	done(f);
	/* and all that it started */
	assert_true(proc_has_ended((pid_t)pid));
	for (int i = 0; i < 3000 && !proc_has_ended((pid_t)child); i++)
		usleep(10000);
	assert_true(proc_has_ended((pid_t)child));
}

/* -- zones -------------------------------------------------------------------- */

struct seen {
	size_t n, n_ours, stop_at;
};

static enum err
see(void *arg, const struct dname *zone, const char *mark)
{
	struct seen *seen = arg;

	(void)zone;
	seen->n++;
	seen->n_ours += mark != NULL;
	return seen->n == seen->stop_at ? ERR_FULL : OK;
}

static const char many[] =
    "hello()\n"
    "while True:\n"
    "    q = ask()\n"
    "    if q['do'] == 'inventory':\n"
    "        out = []\n"
    "        for i in range(30000):\n"
    "            mark = ',\"mark\":\"nsherd-p.1.0\"' if i % 3 == 0 else ''\n"
    "            out.append('{\"id\":%d,\"zone\":\"z%d.example\"%s}\\n' % (q['id'], i, "
    "mark))\n"
    "        sys.stdout.write(''.join(out))\n"
    "        say(id=q['id'], end='ok')\n"
    "    elif q['do'] == 'lookup':\n"
    "        note('%d ' % len(q['zones']))\n"
    "        for z in q['zones'][:3]: say(id=q['id'], zone=z)\n"
    "        say(id=q['id'], end='ok')\n"
    "    else: say(id=q['id'], end='down', text='gone')\n";

static void
inventory__many_zones__are_streamed(void **state)
{
	struct fixture *f = opened(many);
	struct seen seen = {0};

	(void)state;
	assert_int_equal(driver()->inventory(f->ctx, see, &seen, &f->why), OK);
	assert_int_equal(seen.n, 30000);
	assert_int_equal(seen.n_ours, 10000);
	/* one who wants no more of them */
	seen = (struct seen){.stop_at = 500};
	assert_int_equal(driver()->inventory(f->ctx, see, &seen, &f->why), ERR_FULL);
	assert_int_equal(seen.n, 500);
	/* was our own fault: at once again */
	assert_int_equal(identify(f), ERR_CLOSED);
	expect_why(f, "gone");
	done(f);
}

static void
lookup__many_zones__are_asked_for_in_portions(void **state)
{
	struct fixture *f = opened(many);
	struct dname *zones = mem_zalloc(1100 * sizeof(zones[0]));
	struct seen seen = {0};
	char *text;

	(void)state;
	for (size_t i = 0; i < 1100; i++) {
		char name[300];

		snprintf(name, sizeof(name), "z%zu.%060d.%060d.%060d", i, 1, 2, 3);
		assert_int_equal(dname_parse(name, &zones[i]), OK);
	}
	assert_int_equal(driver()->lookup(f->ctx, zones, 1100, see, &seen, &f->why),
	    OK);
	assert_int_equal(seen.n, 9);
	text = noted(f);
	assert_string_equal(text, "500 500 100 ");
	free(text);
	free(zones);
	done(f);
}

/* -- batches ------------------------------------------------------------------ */

static void
apply__results_of_all_kinds__are_taken(void **state)
{
	struct fixture *f = opened(
	    "hello(batch=8)\n"
	    "q = ask()\n"
	    "note(json.dumps(q, sort_keys=True))\n"
	    "kinds = ['unknown', 'rejected', 'retry', 'conflict', 'already', 'ok', 'ok']\n"
	    "for i in reversed(range(7)):\n"
	    "    say(id=q['id'], op=i, result=kinds.pop(), after=9, text='t')\n"
	    "say(id=q['id'], end='ok')\n"
	    "ask()\n");
	static const enum backend_result results[] = {RESULT_UNKNOWN, RESULT_REJECTED,
	    RESULT_RETRY, RESULT_CONFLICT, RESULT_ALREADY, RESULT_OK, RESULT_OK};
	struct settings *s = secondary("192.0.2.1 key a.key");
	struct ops *ops = additions(7, s);
	char *text;

	(void)state;
	ops->items[5].kind = OP_REMOVE;
	ops->items[5].zonefile = "/";
	ops->items[6].kind = OP_PURGE;
	ops->items[6].zonefile = "z6.zone";
	assert_int_equal(driver()->apply(f->ctx, ops->items, 7, &f->why), OK);
	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(ops->items[i].result, results[i]);
		assert_string_equal(ops->items[i].text, "t");
	}
	assert_int_equal(ops->items[2].retry_s, 9);
	assert_string_equal(ops->items[4].mark, "nsherd-p.12345678.0");
	assert_string_equal(ops->items[5].mark, "");
	text = noted(f);
	/* of our keys the one that is needed, and each settings once */
	assert_non_null(
	    strstr(text, "\"keys\": [{\"algorithm\": \"hmac-sha256\", \"name\": "
			 "\"a.key\", \"secret\": \"c2VjcmV0\"}]"));
	assert_non_null(strstr(text, "\"address\": \"192.0.2.1\", \"key\": \"a.key\", "
				     "\"port\": 53}]"));
	assert_non_null(strstr(text, "{\"do\": \"remove\", \"op\": 5, \"zone\": "
				     "\"z5.example\"}"));
	assert_non_null(strstr(text, "{\"do\": \"purge\", \"op\": 6, \"zone\": "
				     "\"z6.example\", \"zonefile\": \"z6.zone\"}"));
	assert_null(strstr(strstr(text, "role") + 1, "role"));
	free(text);
	free_ops(ops);
	done(f);
}

/* The first part ends well, the second one does not. */
static void
expect_unknown(const char *second, enum err expected)
{
	char *body =
	    mem_printf("hello(batch=3)\n"
		       "q = ask()\n"
		       "for op in q['ops']: say(id=q['id'], op=op['op'], result='ok')\n"
		       "say(id=q['id'], end='ok')\n"
		       "q = ask()\n%s",
		second);
	struct fixture *f = opened(body);
	struct ops *ops = additions(8, primary());

	assert_int_equal(driver()->apply(f->ctx, ops->items, 8, &f->why), expected);
	for (size_t i = 0; i < 8; i++) {
		enum backend_result want = i < 3   ? RESULT_OK
					   : i < 6 ? RESULT_UNKNOWN
						   : RESULT_NONE;

		if (ops->items[i].result != want)
			fail_msg("%s: op %zu: %d", second, i,
			    (int)ops->items[i].result);
	}
	assert_string_equal(ops->items[4].mark, "");
	free_ops(ops);
	free(body);
	done(f);
}

static void
apply__end_of_a_batch_not_seen__is_unknown_as_a_whole(void **state)
{
	(void)state;
	expect_unknown("say(id=q['id'], op=1, result='ok')\nsys.exit(3)\n", ERR_CLOSED);
	expect_unknown("say(id=q['id'], op=1, result='ok')\n"
		       "say(id=q['id'], op=1, result='ok')\ntime.sleep(600)\n",
	    ERR_IO);
	expect_unknown("say(id=q['id'], op=3, result='ok')\ntime.sleep(600)\n", ERR_IO);
	expect_unknown("say(id=q['id'], op=0, result='ok')\n"
		       "say(id=q['id'], end='ok')\ntime.sleep(600)\n",
	    ERR_IO);
	expect_unknown("say(id=q['id'], end='down')\nask()\n", ERR_CLOSED);
}

static void
apply__end_that_is_not_ok__is_for_the_rest(void **state)
{
	struct fixture *f = opened("hello(batch=3)\n"
				   "for end in ['busy', 'rejected']:\n"
				   "    q = ask()\n"
				   "    say(id=q['id'], op=0, result='already')\n"
				   "    say(id=q['id'], end=end, text='because')\n"
				   "q = ask()\n"
				   "say(id=q['id'], op=0, result='conflict')\n"
				   "say(id=q['id'], op=1, result='ok')\n"
				   "say(id=q['id'], end='down', text='because')\n"
				   "ask()\n");
	static const enum backend_result results[] = {RESULT_ALREADY, RESULT_RETRY,
	    RESULT_RETRY, RESULT_ALREADY, RESULT_REJECTED, RESULT_REJECTED,
	    RESULT_CONFLICT, RESULT_OK, RESULT_UNKNOWN, RESULT_NONE};
	struct ops *ops = additions(10, primary());

	(void)state;
	assert_int_equal(driver()->apply(f->ctx, ops->items, 10, &f->why), ERR_CLOSED);
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(ops->items[i].result, results[i]);
	assert_string_equal(ops->items[1].text, "because");
	free_ops(ops);
	done(f);
}

static void
apply__large_batch__is_divided_and_nobody_waits_for_the_other(void **state)
{
	/* it answers while it is being asked */
	struct fixture *f = opened(
	    "hello()\n"
	    "while True:\n"
	    "    sys.stdout.flush()\n"
	    "    q = ask()\n"
	    "    note('%d ' % len(q['ops']))\n"
	    "    for op in q['ops']:\n"
	    "        assert len(op['initial']) > 8000\n"
	    "        say(id=q['id'], op=op['op'], result='ok', text='t' * 5000)\n"
	    "    say(id=q['id'], end='ok')\n");
	struct settings *s = primary();
	struct ops *ops;
	char *text = mem_alloc(8201);

	(void)state;
	memset(text, '"', 8200); /* two octets each */
	text[8200] = '\0';
	s->initial_file = text;
	ops = additions(200, s);
	assert_int_equal(driver()->apply(f->ctx, ops->items, 200, &f->why), OK);
	for (size_t i = 0; i < 200; i++)
		assert_int_equal(ops->items[i].result, RESULT_OK);
	text = noted(f);
	/* 1 MiB each, and what the last one takes */
	assert_string_equal(text, "64 64 64 8 ");
	free(text);
	free_ops(ops);
	done(f);
}

static void
apply__program_that_does_not_listen__is_unknown_or_not_tried(void **state)
{
	struct fixture *f = opened("hello()\nos.close(0)\nos.close(1)\nsys.exit(0)\n");
	struct ops *ops = additions(1, primary());
	enum err err = driver()->apply(f->ctx, ops->items, 1, &f->why);

	(void)state;
	assert_int_equal(err, ERR_CLOSED);
	assert_true(ops->items[0].result == RESULT_UNKNOWN ||
		    ops->items[0].result == RESULT_NONE);
	/* not started again yet: not tried */
	assert_int_equal(driver()->apply(f->ctx, ops->items, 1, &f->why), ERR_CLOSED);
	assert_int_equal(ops->items[0].result, RESULT_NONE);
	free_ops(ops);
	done(f);
}

static void
prepare__what_cannot_be_said__is_rejected(void **state)
{
	struct fixture *f = opened("");
	struct settings *list[] = {primary(), secondary("192.0.2.1 key a.key"),
	    secondary("192.0.2.1 key c.key"), primary()};
	enum backend_result results[4];
	struct backend_error texts[4];

	(void)state;
	list[3]->initial_file = mem_strdup("caf\xe9");
	assert_int_equal(driver()->prepare(f->ctx, list, 4, results, texts, &f->why),
	    OK);
	assert_int_equal(results[0], RESULT_OK);
	assert_int_equal(results[1], RESULT_OK);
	assert_int_equal(results[2], RESULT_REJECTED);
	assert_non_null(strstr(texts[2].text, "c.key"));
	assert_int_equal(results[3], RESULT_REJECTED);
	assert_non_null(strstr(texts[3].text, "UTF-8"));
	for (size_t i = 0; i < 4; i++)
		settings_unref(list[i]);
	done(f);
}

/* -- keys, verbs --------------------------------------------------------------- */

static void
rekey__keys_of_the_server__are_told_alone(void **state)
{
	struct fixture *f =
	    opened("hello()\n"
		   "while True:\n"
		   "    q = ask()\n"
		   "    if q['do'] == 'keys':\n"
		   "        say(id=q['id'], key='b.key')\n"
		   "        say(id=q['id'], key='gone.key')\n"
		   "    if q['do'] == 'rekey': note(json.dumps(q['keys']))\n"
		   "    if q['do'] == 'identify': identity(q)\n"
		   "    else: say(id=q['id'], end='ok')\n");
	char *text;

	(void)state;
	assert_int_equal(driver()->rekey(f->ctx, f->ring, &f->why), OK);
	text = noted(f);
	assert_string_equal(text,
	    "[{\"name\": \"b.key\", \"algorithm\": \"hmac-sha256\", "
	    "\"secret\": \"c2VjcmV0\"}]");
	free(text);
	/* told already */
	assert_int_equal(identify(f), OK);
	text = noted(f);
	assert_null(strstr(text, "]["));
	free(text);
	done(f);
}

static void
command__verbs__end_as_the_program_says(void **state)
{
	struct fixture *f =
	    opened("hello()\n"
		   "for end in ['ok', 'unsupported', 'rejected', 'busy', 'down']:\n"
		   "    q = ask()\n"
		   "    note(q['verb'] + ' ' + q['zone'] + ' ')\n"
		   "    say(id=q['id'], end=end)\n"
		   "ask()\n");
	static const enum err errors[] = {OK, ERR_UNSUPPORTED, ERR_INVALID, ERR_BUSY,
	    ERR_CLOSED};
	struct dname zone;
	char *text;

	(void)state;
	assert_int_equal(dname_parse("A/\\\"b.example.", &zone), OK);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		assert_int_equal(driver()->command(f->ctx, VERB_REFRESH, &zone,
				     &f->why),
		    errors[i]);
	text = noted(f);
	assert_int_equal(strncmp(text, "refresh a\\047\\034b.example refresh", 34), 0);
	free(text);
	done(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(exec_reply_parse__good_lines__are_read),
	    cmocka_unit_test(exec_reply_parse__bad_lines__are_refused),
	    cmocka_unit_test(check__what_may_not_be_run__is_named),
	    cmocka_unit_test(program__started__has_nothing_of_ours),
	    cmocka_unit_test(identify__program_that_writes_much_to_stderr__is_heard),
	    cmocka_unit_test(identify__program_that_says_what_it_should_not__is_ended),
	    cmocka_unit_test(identify__program_that_ends__says_how),
	    cmocka_unit_test(identify__no_interpreter__is_told),
	    cmocka_unit_test(identify__program_that_hangs__is_given_up),
	    cmocka_unit_test(identify__unasked_line__ends_the_program),
	    cmocka_unit_test(identify__program_that_died__is_started_again),
	    cmocka_unit_test(close__program_that_ignores_everything__is_killed),
	    cmocka_unit_test(inventory__many_zones__are_streamed),
	    cmocka_unit_test(lookup__many_zones__are_asked_for_in_portions),
	    cmocka_unit_test(apply__results_of_all_kinds__are_taken),
	    cmocka_unit_test(apply__end_of_a_batch_not_seen__is_unknown_as_a_whole),
	    cmocka_unit_test(apply__end_that_is_not_ok__is_for_the_rest),
	    cmocka_unit_test(
		apply__large_batch__is_divided_and_nobody_waits_for_the_other),
	    cmocka_unit_test(
		apply__program_that_does_not_listen__is_unknown_or_not_tried),
	    cmocka_unit_test(prepare__what_cannot_be_said__is_rejected),
	    cmocka_unit_test(rekey__keys_of_the_server__are_told_alone),
	    cmocka_unit_test(command__verbs__end_as_the_program_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
