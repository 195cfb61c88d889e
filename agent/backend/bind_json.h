/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_BIND_JSON_H
#define AGENT_BACKEND_BIND_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/*
 * JSON as it comes, a piece at a time, in a fixed amount of memory: the list of
 * a million zones has 170 MB. No sockets. Values are handed over one by one
 * with the keys that lead to them; nothing is kept.
 */

enum { BIND_JSON_DEPTH_MAX = 16, BIND_JSON_KEY_MAX = 80, BIND_JSON_TEXT_MAX = 2048 };

struct bind_json;

/*
 * A string, number or word, as text without quotes; NULL: an object or array
 * ends. Its key is json->keys[json->depth - 1], "" in an array.
 */
typedef enum err bind_json_fn(void *arg, const struct bind_json *json,
    const char *value);

struct bind_json {
	/* what encloses the value: the keys of depth containers, outermost first;
	 * keys[depth] is the value's own */
	unsigned depth;
	char keys[BIND_JSON_DEPTH_MAX + 1][BIND_JSON_KEY_MAX];
	bool is_array[BIND_JSON_DEPTH_MAX + 1];
	bool cut; /* the value was too long, or not ASCII */
	/* its own */
	enum {
		JSON_VALUE,
		JSON_FIRST, /* a value or the end of the container */
		JSON_KEY,
		JSON_COLON,
		JSON_NEXT, /* a comma or the end of the container */
		JSON_STRING,
		JSON_ESCAPE,
		JSON_HEX,
		JSON_WORD,
		JSON_DONE
	} state;
	bool in_key;
	unsigned hex, n_hex;
	char text[BIND_JSON_TEXT_MAX];
	size_t size;
	bind_json_fn *fn;
	void *arg;
};

void bind_json_init(struct bind_json *json, bind_json_fn *fn, void *arg);
/* ERR_FORM: this is no JSON, or nested too deeply; or what fn returned. */
NODISCARD enum err bind_json_put(struct bind_json *json, const char *data, size_t size);
/* ERR_FORM: there should be more. */
NODISCARD enum err bind_json_end(const struct bind_json *json);

/* -- what we read in it ------------------------------------------------------- */

/* A zone of class IN in that view, its name as in the list. */
typedef enum err bind_json_zone_fn(void *arg, const char *name, const char *type);

/* /json/v1/zones and /json/v1/status, with one reader. */
struct bind_stats {
	const char *view;
	bind_json_zone_fn *zone; /* or NULL */
	void *arg;
	char boot[40], config[40], version[64];
	bool has_view;
	/* its own */
	char name[BIND_JSON_TEXT_MAX], class[16], type[32];
	bool cut;
};

/* A bind_json_fn; arg is a struct bind_stats. */
NODISCARD enum err bind_stats_take(void *arg, const struct bind_json *json,
    const char *value);

/* Unix milliseconds of "2026-11-22T06:57:20.355Z"; 0: it is none. */
int64_t bind_stats_time_ms(const char *text);

#endif
