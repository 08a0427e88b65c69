/* SPDX-License-Identifier: ISC */
/* arena: memory that lives and dies with a struct conf. */
#include "lib/conf/conf_int.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"

#define CHUNK	((size_t)64 << 10)

static char *
arena_chunk(struct conf_arena *a, size_t size)
{
	a->chunks = must_realloc(a->chunks, a->n + 1, sizeof *a->chunks);
	a->chunks[a->n] = must_calloc(1, size);
	return a->chunks[a->n++];
}

void *
conf_arena_alloc(struct conf_arena *a, size_t size)
{
	char *p;

	size = (size + 15) & ~(size_t)15;
	if (size > CHUNK / 4)
		return arena_chunk(a, size);
	if (a->left < size) {
		a->next = arena_chunk(a, CHUNK);
		a->left = CHUNK;
	}
	p = a->next;
	a->next += size;
	a->left -= size;
	return p;
}

char *
conf_arena_strndup(struct conf_arena *a, const char *s, size_t n)
{
	char *p = conf_arena_alloc(a, n + 1);

	if (n > 0)
		memcpy(p, s, n);
	return p;
}

void
conf_arena_fini(struct conf_arena *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->chunks[i]);
	free(a->chunks);
	memset(a, 0, sizeof *a);
}
