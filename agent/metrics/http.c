/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/metrics/http.h"

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <microhttpd.h>

#include "agent/metrics/facts.h"
#include "agent/metrics/openmetrics.h"
#include "agent/metrics/page.h"
#include "agent/metrics/process.h"
#include "lib/clock.h"
#include "lib/html.h"
#include "lib/log.h"
#include "lib/mem.h"

enum {
	CONNECTIONS_MAX = 32,
	CONNECTIONS_OF_ONE_MAX = 16,
	IDLE_S = 10,
	MEMORY_MAX = 16 << 10, /* of one connection: its request has to fit */
	NAP_MS = 100,
};

/* One who has come. */
struct guest {
	int fd; /* -1: nobody */
	int64_t since_ms;
};

struct http {
	struct MHD_Daemon *daemon;
	pthread_mutex_t lock; /* of the guests */
	struct guest guests[CONNECTIONS_MAX];
	metrics_look_fn *look;
	void *arg;
	char *policy; /* Content-Security-Policy of the page */
};

/* -- answers ------------------------------------------------------------------- */

struct answer {
	unsigned status;
	const char *type;
	struct buf body;
};

static void
answer_text(struct answer *a, unsigned status, const char *text)
{
	a->status = status;
	a->type = "text/plain; charset=utf-8";
	buf_reset(&a->body);
	buf_puts(&a->body, text);
}

static void
answer_metrics(struct answer *a, const struct facts *f)
{
	struct process process;

	process_look(&process);
	a->type = OPENMETRICS_TYPE;
	openmetrics_write(&a->body, f, &process);
}

static void
answer_page(struct answer *a, const struct facts *f)
{
	a->type = "text/html; charset=utf-8";
	page_write(&a->body, f);
}

static void
make_answer(const struct http *h, struct answer *a, bool is_page)
{
	struct facts f;

	facts_init(&f);
	h->look(h->arg, &f, is_page);
	if (is_page)
		answer_page(a, &f);
	else
		answer_metrics(a, &f);
	/* No number at all is better than a wrong one. */
	if (!f.is_complete || a->body.err != OK)
		answer_text(a, MHD_HTTP_SERVICE_UNAVAILABLE,
		    "the agent's store cannot be read\n");
	facts_fini(&f);
}

static void
answer_to(const struct http *h, struct answer *a, const char *method, const char *path)
{
	bool is_page = strcmp(path, "/") == 0;

	a->status = MHD_HTTP_OK;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
	    strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		answer_text(a, MHD_HTTP_METHOD_NOT_ALLOWED, "only to be read\n");
	else if (is_page || strcmp(path, "/metrics") == 0)
		make_answer(h, a, is_page);
	else
		answer_text(a, MHD_HTTP_NOT_FOUND, "there are / and /metrics\n");
}

static bool
add_headers(const struct http *h, const struct answer *a, struct MHD_Response *r)
{
	struct {
		const char *name, *value;
	} const headers[] = {
	    {MHD_HTTP_HEADER_CONTENT_TYPE, a->type},
	    {MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"},
	    {"Content-Security-Policy", h->policy},
	    {"X-Content-Type-Options", "nosniff"},
	    {"Referrer-Policy", "no-referrer"},
	};

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		if (MHD_add_response_header(r, headers[i].name, headers[i].value) !=
		    MHD_YES)
			return false;
	return a->status != MHD_HTTP_METHOD_NOT_ALLOWED ||
	       MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") ==
		   MHD_YES;
}

/* The body is copied: a page is small, and buf's memory is its own. */
static enum MHD_Result
send_answer(const struct http *h, const struct answer *a, struct MHD_Connection *c)
{
	enum MHD_Result sent = MHD_NO;
	struct MHD_Response *r = MHD_create_response_from_buffer(a->body.size,
	    a->body.data, MHD_RESPMEM_MUST_COPY);

	if (r != NULL && add_headers(h, a, r))
		sent = MHD_queue_response(c, a->status, r);
	if (r != NULL)
		MHD_destroy_response(r);
	return sent;
}

/* Called with the head of a request. What follows it is not waited for. */
static enum MHD_Result
on_request(void *arg, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *data, size_t *size, void **state)
{
	const struct http *h = arg;
	struct answer a;

	(void)version;
	(void)data;
	(void)size;
	(void)state;
	buf_init(&a.body, 0);
	answer_to(h, &a, method, url);
	enum MHD_Result sent = send_answer(h, &a, c);
	buf_fini(&a.body);
	return sent;
}

/* -- guests ---------------------------------------------------------------------- */

/* MHD closes the socket after it has said so, and not before this returns. */
static void
on_connection(void *arg, struct MHD_Connection *c, void **context,
    enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct http *h = arg;
	struct guest *g = *context;

	pthread_mutex_lock(&h->lock);
	for (size_t i = 0; g == NULL && i < CONNECTIONS_MAX; i++)
		if (h->guests[i].fd < 0)
			g = &h->guests[i];
	if (g != NULL && code == MHD_CONNECTION_NOTIFY_STARTED)
		*g = (struct guest){.fd = info != NULL ? info->connect_fd : -1,
		    .since_ms = clock_ms()};
	else if (g != NULL)
		g->fd = -1;
	pthread_mutex_unlock(&h->lock);
	*context = code == MHD_CONNECTION_NOTIFY_STARTED ? g : NULL;
}

void
http_expire(struct http *http, unsigned age_ms)
{
	int64_t now = clock_ms();

	if (http == NULL)
		return;
	pthread_mutex_lock(&http->lock);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		const struct guest *g = &http->guests[i];
		if (g->fd >= 0 && now - g->since_ms >= age_ms)
			(void)shutdown(g->fd, SHUT_RDWR); /* MHD sees its end */
	}
	pthread_mutex_unlock(&http->lock);
}

/* -- life ----------------------------------------------------------------------- */

/*
 * Where there is no descriptor for who comes first, MHD tries again at once, for as
 * long as there is none: its thread would be busy with nothing else. It says so each
 * time, and waits for this to return.
 */
static void
rest_if_exhausted(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	if (fd >= 0)
		close(fd);
	else
		poll(NULL, 0, NAP_MS);
}

PRINTF(2, 0)
static void
on_trouble(void *arg, const char *fmt, va_list args)
{
	char text[200];

	(void)arg;
	vsnprintf(text, sizeof(text), fmt, args);
	text[strcspn(text, "\n")] = '\0';
	log_debug("metrics", "http=\"%s\"", text);
	rest_if_exhausted();
}

/* The path as it came: no name of ours has an escape in it. */
static size_t
keep_escapes(void *arg, struct MHD_Connection *c, char *text)
{
	(void)arg;
	(void)c;
	return strlen(text);
}

static void
http_free(struct http *h)
{
	pthread_mutex_destroy(&h->lock);
	free(h->policy);
	free(h);
}

/* Where it is the thread that is missing MHD closed it, and not where a descriptor
 * is; by now another may have its number. */
static void
close_unless_closed(int fd, const struct stat *was)
{
	struct stat is;

	if (fstat(fd, &is) == 0 && is.st_dev == was->st_dev && is.st_ino == was->st_ino)
		close(fd);
}

struct http *
http_start(int fd, metrics_look_fn *look, void *arg)
{
	struct http *h = mem_zalloc(sizeof(*h));
	struct stat socket = {.st_ino = 0};
	char *policy = html_policy();

	h->look = look;
	h->arg = arg;
	h->policy = mem_printf("%s; frame-ancestors 'none'", policy);
	free(policy);
	pthread_mutex_init(&h->lock, NULL);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		h->guests[i].fd = -1;
	(void)fstat(fd, &socket);
	h->daemon = MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_ITC |
					 MHD_USE_ERROR_LOG,
	    0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_trouble, NULL,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
	    (unsigned)CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
	    (unsigned)CONNECTIONS_OF_ONE_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
	    (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_MAX,
	    MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	if (h->daemon != NULL)
		return h;
	close_unless_closed(fd, &socket);
	http_free(h);
	return NULL;
}

void
http_stop(struct http *http)
{
	if (http == NULL)
		return;
	MHD_stop_daemon(http->daemon);
	http_free(http);
}
