/* SPDX-License-Identifier: ISC */
/* walk: see walk.h. */
#include "relayd/smtp/walk.h"

#include <string.h>

#include "lib/base/bug.h"

static int
has(const struct walk_memory *m, uint64_t address)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->tried[i] == address)
			return 1;
	return 0;
}

static void
add(struct walk_memory *m, uint64_t address)
{
	if (m->n < WALK_TRIED_MAX && !has(m, address))
		m->tried[m->n++] = address;
}

void
walk_begin(struct walk *w, const struct walk_memory *memory)
{
	memset(w, 0, sizeof *w);
	plan_requiretls_begin(&w->before.refused);
	if (memory != NULL)
		w->before = *memory;
	w->now = w->before;
}

void
walk_host(struct walk *w)
{
	w->on_host = 0;
}

int
walk_may_try(struct walk *w, uint64_t address)
{
	if (has(&w->before, address))
		return 0;
	if (w->sessions < WALK_SESSIONS && w->on_host < WALK_ADDRESSES_PER_HOST)
		return 1;
	w->left = 1;
	return w->sessions < WALK_SESSIONS ? 0 : -1;
}

void
walk_tried(struct walk *w, uint64_t address, int session)
{
	add(&w->now, address);
	w->on_host++;
	w->dialled++;
	w->sessions += session != 0;
}

void
walk_skipped(struct walk *w, uint64_t address)
{
	add(&w->now, address);
	w->dialled++;
}

void
walk_cut(struct walk *w)
{
	w->left = 1;
}

int
walk_again(struct walk *w)
{
	if (w->dialled > 0 || w->before.n == 0)
		return 0;
	walk_begin(w, NULL);
	return 1;
}

struct walk_memory *
walk_end(const struct walk *w)
{
	struct walk_memory *m;

	if (!w->left)
		return NULL;
	m = must_calloc(1, sizeof *m);
	*m = w->now;
	return m;
}
