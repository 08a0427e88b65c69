/* SPDX-License-Identifier: ISC */
/* heap: a binary min-heap whose nodes know where they are. */
#include "lib/base/heap.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"

void
heap_init(struct heap *h)
{
	memset(h, 0, sizeof *h);
}

void
heap_fini(struct heap *h)
{
	for (size_t i = 0; i < h->n; i++)
		h->nodes[i]->at = 0;
	free(h->nodes);
	heap_init(h);
}

static void
place(struct heap *h, size_t i, struct heap_node *node)
{
	h->nodes[i] = node;
	node->at = i + 1;
}

static void
sift_up(struct heap *h, size_t i)
{
	struct heap_node *node = h->nodes[i];

	for (; i > 0 && h->nodes[(i - 1) / 2]->key > node->key; i = (i - 1) / 2)
		place(h, i, h->nodes[(i - 1) / 2]);
	place(h, i, node);
}

static void
sift_down(struct heap *h, size_t i)
{
	struct heap_node *node = h->nodes[i];
	size_t child;

	while ((child = 2 * i + 1) < h->n) {
		if (child + 1 < h->n && h->nodes[child + 1]->key < h->nodes[child]->key)
			child++;
		if (h->nodes[child]->key >= node->key)
			break;
		place(h, i, h->nodes[child]);
		i = child;
	}
	place(h, i, node);
}

/* Its key has changed; at most one of the two moves it. */
static void
settle(struct heap *h, struct heap_node *node)
{
	sift_up(h, node->at - 1);
	sift_down(h, node->at - 1);
}

void
heap_set(struct heap *h, struct heap_node *node, int64_t key)
{
	node->key = key;
	if (node->at == 0) {
		if (h->n == h->cap) {
			h->cap = h->cap ? h->cap * 2 : 16;
			h->nodes = must_realloc(h->nodes, h->cap, sizeof *h->nodes);
		}
		place(h, h->n++, node);
	}
	MUST(node->at <= h->n && h->nodes[node->at - 1] == node);
	settle(h, node);
}

void
heap_remove(struct heap *h, struct heap_node *node)
{
	struct heap_node *last;

	if (node->at == 0)
		return;
	MUST(node->at <= h->n && h->nodes[node->at - 1] == node);
	last = h->nodes[--h->n];
	if (last != node) {
		place(h, node->at - 1, last);
		settle(h, last);
	}
	node->at = 0;
}

struct heap_node *
heap_min(const struct heap *h)
{
	return h->n == 0 ? NULL : h->nodes[0];
}
