/* SPDX-License-Identifier: ISC */
/* memory_note: the notes of the double, sorted by key. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/store/memory_int.h"

struct memory_note {
	char	*key, *value;
};

static size_t
place(const struct memory_store *s, const char *key, int *there)
{
	size_t i = 0;

	while (i < s->nnotes && strcmp(s->notes[i].key, key) < 0)
		i++;
	*there = i < s->nnotes && strcmp(s->notes[i].key, key) == 0;
	return i;
}

static void
drop(struct memory_store *s, size_t at)
{
	free(s->notes[at].key);
	free(s->notes[at].value);
	s->nnotes--;
	memmove(&s->notes[at], &s->notes[at + 1], (s->nnotes - at) * sizeof *s->notes);
}

static void
insert(struct memory_store *s, size_t at, const char *key, const char *value)
{
	s->notes = must_realloc(s->notes, s->nnotes + 1, sizeof *s->notes);
	memmove(&s->notes[at + 1], &s->notes[at], (s->nnotes - at) * sizeof *s->notes);
	s->notes[at] = (struct memory_note){ must_strdup(key), must_strdup(value) };
	s->nnotes++;
}

void
memory_note_set(struct memory_store *s, const char *key, const char *value)
{
	int there;
	size_t at = place(s, key, &there);

	MUST(*key != '\0' && strlen(key) <= STORE_NOTE_KEY_MAX);
	MUST(value == NULL || strlen(value) <= STORE_NOTE_MAX);
	if (there)
		drop(s, at);
	if (value != NULL)
		insert(s, at, key, value);
}

void
memory_note_put(struct store *st, const char *key, const char *value, store_done_fn *done,
    void *arg)
{
	struct memory_store *s = memory_self(st);

	memory_answer(s, ANSWER_DONE, arg)->done = done;
	memory_note_set(s, key, value);
}

static char *
put_text(char *p, const char *text)
{
	size_t n = strlen(text) + 1;

	memcpy(p, text, n);
	return p + n;
}

void
memory_notes(struct store *st, const char *prefix, store_notes_fn *noted, void *arg)
{
	struct memory_store *s = memory_self(st);
	struct answer *a = memory_answer(s, ANSWER_NOTES, arg);
	size_t need = 1;
	char *p;

	a->noted = noted;
	a->notes = must_calloc(s->nnotes + 1, sizeof *a->notes);
	for (size_t i = 0; i < s->nnotes; i++)
		need += strlen(s->notes[i].key) + strlen(s->notes[i].value) + 2;
	p = a->bytes = must_calloc(1, need);
	for (size_t i = 0; i < s->nnotes; i++) {
		if (strncmp(s->notes[i].key, prefix, strlen(prefix)) != 0)
			continue;
		a->notes[a->n].key = p;
		p = put_text(p, s->notes[i].key);
		a->notes[a->n++].value = p;
		p = put_text(p, s->notes[i].value);
	}
}

void
memory_note_fini(struct memory_store *s)
{
	while (s->nnotes > 0)
		drop(s, s->nnotes - 1);
	free(s->notes);
}
