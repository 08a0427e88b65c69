/* SPDX-License-Identifier: ISC */
/*
 * heap: a binary min-heap of int64 keys.  Items embed a struct heap_node;
 * push, remove and re-key cost O(log n).  A node is in at most one heap.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct heap_node {
	int64_t	key;
	size_t	at;		/* index + 1; 0 = not in a heap */
};

struct heap {
	struct heap_node **nodes;
	size_t		   n, cap;
};

void			 heap_init(struct heap *);
void			 heap_fini(struct heap *);
/* Inserts, or moves to another key. */
void			 heap_set(struct heap *, struct heap_node *, int64_t key);
void			 heap_remove(struct heap *, struct heap_node *);	/* fine if absent */
struct heap_node	*heap_min(const struct heap *);			/* NULL if empty */

#define HEAP_OWNER(node, type, member)					\
	((type *)(void *)((char *)(node) - offsetof(type, member)))

#endif
