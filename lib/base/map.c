/* SPDX-License-Identifier: ISC */
/* map: chains under a power-of-two table, doubled when it is full. */
#include "lib/base/map.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/rand.h"

struct entry {
	struct entry	*next;
	uint64_t	 hash;
	void		*value;
	size_t		 len;
	char		 key[];
};

struct map {
	struct entry	**chains;
	size_t		  size;		/* a power of two */
	size_t		  count;
	unsigned	  walks;	/* map_each in progress: the table must stay */
};

struct map *
map_new(void)
{
	struct map *m = must_calloc(1, sizeof *m);

	m->size = 16;
	m->chains = must_calloc(m->size, sizeof *m->chains);
	return m;
}

void
map_free(struct map **mp)
{
	struct map *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	MUST(m->walks == 0);
	for (size_t i = 0; i < m->size; i++)
		for (struct entry *e = m->chains[i], *next; e != NULL; e = next) {
			next = e->next;
			free(e);
		}
	free(m->chains);
	free(m);
}

size_t
map_count(const struct map *m)
{
	return m->count;
}

/* Where the entry hangs, or where it would. */
static struct entry **
find(const struct map *m, uint64_t hash, const void *key, size_t len)
{
	struct entry **at = &m->chains[hash & (m->size - 1)];

	for (; *at != NULL; at = &(*at)->next)
		if ((*at)->hash == hash && (*at)->len == len &&
		    (len == 0 || memcmp((*at)->key, key, len) == 0))
			break;
	return at;
}

static void
grow(struct map *m)
{
	size_t size = m->size * 2;
	struct entry **chains = must_calloc(size, sizeof *chains);

	for (size_t i = 0; i < m->size; i++)
		for (struct entry *e = m->chains[i], *next; e != NULL; e = next) {
			next = e->next;
			e->next = chains[e->hash & (size - 1)];
			chains[e->hash & (size - 1)] = e;
		}
	free(m->chains);
	m->chains = chains;
	m->size = size;
}

void *
map_get(const struct map *m, const void *key, size_t len)
{
	struct entry *e = *find(m, rand_hash(key, len), key, len);

	return e == NULL ? NULL : e->value;
}

void *
map_put(struct map *m, const void *key, size_t len, void *value)
{
	uint64_t hash = rand_hash(key, len);
	struct entry **at, *e;

	MUST(value != NULL);
	at = find(m, hash, key, len);
	if (*at != NULL) {
		void *old = (*at)->value;

		(*at)->value = value;
		return old;
	}
	MUST(len < SIZE_MAX / 2);
	e = must_calloc(1, sizeof *e + len);
	*e = (struct entry){ .hash = hash, .value = value, .len = len };
	if (len > 0)
		memcpy(e->key, key, len);
	*at = e;
	if (++m->count > m->size && m->walks == 0)
		grow(m);
	return NULL;
}

void *
map_remove(struct map *m, const void *key, size_t len)
{
	struct entry **at = find(m, rand_hash(key, len), key, len), *e = *at;
	void *value;

	if (e == NULL)
		return NULL;
	value = e->value;
	*at = e->next;
	free(e);
	m->count--;
	return value;
}

void
map_each(struct map *m, void (*fn)(void *value, void *arg), void *arg)
{
	m->walks++;
	for (size_t i = 0; i < m->size; i++)
		for (struct entry *e = m->chains[i], *next; e != NULL; e = next) {
			next = e->next;
			fn(e->value, arg);
		}
	m->walks--;
}

void *
map_gets(const struct map *m, const char *key)
{
	return map_get(m, key, strlen(key));
}

void *
map_puts(struct map *m, const char *key, void *value)
{
	return map_put(m, key, strlen(key), value);
}

void *
map_removes(struct map *m, const char *key)
{
	return map_remove(m, key, strlen(key));
}
