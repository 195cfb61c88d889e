/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/bind_names.h"

#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/mem.h"

enum { HEAD = sizeof(uint32_t) + 1 };

void
bind_names_init(struct bind_names *names)
{
	memset(names, 0, sizeof(*names));
}

void
bind_names_fini(struct bind_names *names)
{
	for (size_t i = 1; i < names->n_texts; i++)
		free(names->texts[i]);
	free(names->texts);
	free(names->data);
	free(names->slots);
	free(names->text_slots);
	bind_names_init(names);
}

static uint64_t
hash(const uint8_t *data, size_t size)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < size; i++)
		h = (h ^ data[i]) * UINT64_C(1099511628211);
	return h ^ h >> 29;
}

static uint32_t
text_number_at(const struct bind_names *names, size_t at)
{
	uint32_t number;

	memcpy(&number, names->data + at, sizeof(number));
	return number;
}

/* The slot of the name, or the free one where it belongs. */
static size_t
find(const struct bind_names *names, const uint8_t *wire, size_t size)
{
	size_t slot = (size_t)hash(wire, size) & (names->n_slots - 1);

	for (;; slot = (slot + 1) & (names->n_slots - 1)) {
		const uint8_t *entry;

		if (names->slots[slot] == 0)
			return slot;
		entry = names->data + names->slots[slot] - 1;
		if (entry[HEAD - 1] == size && memcmp(entry + HEAD, wire, size) == 0)
			return slot;
	}
}

static void
grow(struct bind_names *names)
{
	if (names->n_all * 3 < names->n_slots * 2)
		return;
	names->n_slots = names->n_slots == 0 ? 64 : names->n_slots * 2;
	free(names->slots);
	names->slots = mem_zalloc(names->n_slots * sizeof(names->slots[0]));
	for (size_t at = 0; at < names->size; at += HEAD + names->data[at + HEAD - 1]) {
		const uint8_t *entry = names->data + at;
		size_t slot = find(names, entry + HEAD, entry[HEAD - 1]);

		names->slots[slot] = (uint32_t)at + 1;
	}
}

static size_t
find_text(const struct bind_names *names, const char *text)
{
	size_t mask = names->n_text_slots - 1;
	size_t slot = (size_t)hash((const uint8_t *)text, strlen(text)) & mask;

	while (names->text_slots[slot] != 0 &&
	       strcmp(names->texts[names->text_slots[slot]], text) != 0)
		slot = (slot + 1) & mask;
	return slot;
}

static void
grow_texts(struct bind_names *names)
{
	if (names->n_texts == 0)
		names->n_texts = 1;
	names->texts = mem_grow(names->texts, names->n_texts, &names->texts_room,
	    sizeof(names->texts[0]));
	names->texts[0] = NULL;
	if (names->n_texts * 3 < names->n_text_slots * 2)
		return;
	names->n_text_slots = names->n_text_slots == 0 ? 64 : names->n_text_slots * 2;
	free(names->text_slots);
	names->text_slots =
	    mem_zalloc(names->n_text_slots * sizeof(names->text_slots[0]));
	for (size_t i = 1; i < names->n_texts; i++)
		names->text_slots[find_text(names, names->texts[i])] = (uint32_t)i;
}

static uint32_t
intern(struct bind_names *names, const char *text)
{
	size_t slot;

	grow_texts(names);
	slot = find_text(names, text);
	if (names->text_slots[slot] == 0) {
		names->texts[names->n_texts] = mem_strdup(text);
		names->text_slots[slot] = (uint32_t)names->n_texts++;
	}
	return names->text_slots[slot];
}

static void
append(struct bind_names *names, const struct dname *name)
{
	size_t need = names->size + HEAD + name->size;

	if (need > UINT32_MAX)
		log_fatal("bind", "too many names to keep");
	if (need > names->room) {
		names->room = need * 3 / 2 + 1024;
		names->data = mem_realloc(names->data, names->room);
	}
	memset(names->data + names->size, 0, sizeof(uint32_t));
	names->data[names->size + HEAD - 1] = name->size;
	memcpy(names->data + names->size + HEAD, name->wire, name->size);
	names->size = need;
	names->n_all++;
}

void
bind_names_set(struct bind_names *names, const struct dname *name, const char *text)
{
	uint32_t number = text != NULL ? intern(names, text) : 0;
	size_t slot, at;
	bool had;

	grow(names);
	slot = find(names, name->wire, name->size);
	if (names->slots[slot] == 0) {
		if (number == 0)
			return;
		names->slots[slot] = (uint32_t)names->size + 1;
		append(names, name);
	}
	at = names->slots[slot] - 1;
	had = text_number_at(names, at) != 0;
	memcpy(names->data + at, &number, sizeof(number));
	names->n = names->n - had + (number != 0);
}

const char *
bind_names_get(const struct bind_names *names, const struct dname *name)
{
	size_t slot;

	if (names->n == 0)
		return NULL;
	slot = find(names, name->wire, name->size);
	if (names->slots[slot] == 0)
		return NULL;
	return names->texts[text_number_at(names, names->slots[slot] - 1)];
}

bool
bind_names_next(const struct bind_names *names, size_t *at, struct dname *name,
    const char **text)
{
	while (*at < names->size) {
		const uint8_t *entry = names->data + *at;
		uint32_t number = text_number_at(names, *at);

		*at += HEAD + entry[HEAD - 1];
		if (number == 0)
			continue;
		memset(name, 0, sizeof(*name));
		name->size = entry[HEAD - 1];
		memcpy(name->wire, entry + HEAD, name->size);
		*text = names->texts[number];
		return true;
	}
	return false;
}
