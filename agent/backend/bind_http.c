/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/bind_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/mem.h"

enum { CHUNK = 65536, HEAD_MAX = 8192 };

struct answer {
	struct chan *chan;
	const char *path;
	struct backend_error *why;
	char head[HEAD_MAX + 1];
	size_t head_size;
	size_t body_at;          /* of head: where the body begins; 0: not yet */
	unsigned long long left; /* of the body */
};

static enum err
bad(struct answer *a, const char *text)
{
	snprintf(a->why->text, sizeof(a->why->text), "%.80s%.40s: %.70s",
	    a->chan->peer_text, a->path, text);
	return ERR_FORM;
}

/* Of a head that ends in an empty line. */
static enum err
read_head(struct answer *a)
{
	char *line = a->head, *end;
	unsigned status = 0;
	bool has_length = false;

	if (sscanf(line, "HTTP/1.%*1u %3u", &status) != 1 || status != 200)
		return bad(a, status == 0 ? "this is no HTTP" : "not found there");
	while ((end = strstr(line, "\r\n")) != NULL && end > line) {
		if (strncasecmp(line, "Content-Length:", 15) == 0) {
			a->left = strtoull(line + 15, NULL, 10);
			has_length = true;
		} else if (strncasecmp(line, "Transfer-Encoding:", 18) == 0 ||
			   strncasecmp(line, "Content-Encoding:", 17) == 0) {
			return bad(a, "an encoding that we did not ask for");
		}
		line = end + 2;
	}
	return has_length ? OK : bad(a, "no length");
}

/* The head, and what of the body came with it. */
static enum err
receive_head(struct answer *a)
{
	while (a->body_at == 0) {
		size_t n;
		char *end;
		enum err err;

		if (a->head_size == HEAD_MAX)
			return bad(a, "too long a head");
		err = chan_receive(a->chan, a->head + a->head_size,
		    HEAD_MAX - a->head_size, &n, a->why);
		if (err != OK)
			return err;
		if (n == 0)
			return bad(a, "closed too early");
		a->head_size += n;
		a->head[a->head_size] = '\0';
		end = strstr(a->head, "\r\n\r\n");
		if (end != NULL)
			a->body_at = (size_t)(end - a->head) + 4;
	}
	return read_head(a);
}

static enum err
receive_body(struct answer *a, bind_http_fn *fn, void *arg)
{
	size_t n = a->head_size - a->body_at;
	char *chunk = mem_alloc(CHUNK);
	enum err err = OK;

	if (n > a->left)
		n = (size_t)a->left;
	if (n > 0)
		err = fn(arg, a->head + a->body_at, n);
	a->left -= n;
	while (err == OK && a->left > 0) {
		err = chan_receive(a->chan, chunk,
		    a->left < CHUNK ? (size_t)a->left : CHUNK, &n, a->why);
		if (err == OK && n == 0)
			err = bad(a, "closed too early");
		if (err == OK)
			err = fn(arg, chunk, n);
		a->left -= n;
	}
	free(chunk);
	return err;
}

enum err
bind_http_get(struct chan *chan, const struct addr *addr, const char *path,
    bind_http_fn *fn, void *arg, struct backend_error *why)
{
	struct answer a = {.chan = chan, .path = path, .why = why};
	char request[512];
	int size = snprintf(request, sizeof(request),
	    "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
	enum err err;

	if (size < 0 || (size_t)size >= sizeof(request))
		return bad(&a, "too long a path");
	why->text[0] = '\0';
	err = chan_open_tcp(chan, addr, why);
	if (err == OK)
		err = chan_send(chan, request, (size_t)size, why);
	if (err == OK)
		err = receive_head(&a);
	if (err == OK)
		err = receive_body(&a, fn, arg);
	chan_close(chan);
	if (err != OK && why->text[0] == '\0')
		bad(&a, "not understood");
	return err;
}
