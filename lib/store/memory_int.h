/* SPDX-License-Identifier: ISC */
/* memory_int: what the two files of the double share. */
#ifndef STORE_MEMORY_INT_H
#define STORE_MEMORY_INT_H

#include "lib/base/list.h"
#include "lib/store/store.h"

enum answer_kind { ANSWER_DONE, ANSWER_SETTLED, ANSWER_LOADED, ANSWER_BODY, ANSWER_CHUNK, ANSWER_DESTS,
	ANSWER_NOTES, ANSWER_WOKEN, ANSWER_AGED, ANSWER_HELD };

/* A result on its way back through the loop. */
struct answer {
	STAILQ_ENTRY(answer)	 next;
	enum answer_kind	 kind;
	struct why		 why;
	void			*arg;
	store_done_fn		*done;
	store_settled_fn	*settled;
	store_load_fn		*loaded;
	store_body_fn		*bodied;
	store_chunk_fn		*chunked;
	store_dests_fn		*dested;
	store_woken_fn		*woken;
	store_notes_fn		*noted;
	store_aged_fn		*aged;
	store_held_fn		*held;
	struct store_mark	 mark;
	uint64_t		 counts[2];
	struct store_spool	*spool;		/* no call if aborted meanwhile */
	int			 number;	/* gone, more */
	int64_t			 next_due;
	struct store_message	**messages;
	struct store_body	*body;
	char			*bytes;
	struct store_dest	*dests;
	struct store_note	*notes;
	size_t			 n;
};
STAILQ_HEAD(answers, answer);

struct memory_store {
	struct store		 pub;		/* first */
	struct event		*turn;
	struct answers		 answers;
	struct store_message	**messages;	/* by id; bodies kept in memory here */
	size_t			 n, cap;
	int64_t			 next_rcpt;
	struct memory_note	*notes;
	size_t			 nnotes;
	STAILQ_HEAD(, store_spool) dead;	/* aborted, answers may still name them */
};

struct store_spool {
	STAILQ_ENTRY(store_spool) next;
	struct memory_store	*owner;
	struct buf		 bytes;
	int			 aborted;
};

static inline struct memory_store *
memory_self(struct store *st)
{
	return (struct memory_store *)(void *)st;
}

/* A new answer, given at the next turn of the loop. */
struct answer	*memory_answer(struct memory_store *, enum answer_kind, void *arg);
size_t		 memory_position(const struct memory_store *, uint64_t id);
struct store_message *memory_find(const struct memory_store *, uint64_t id);
struct store_body *memory_file_body(const struct store_message *);

void	memory_load(struct store *, const char *dest, int64_t due, size_t max, const int64_t *skip,
	    size_t nskip, store_load_fn *, void *arg);
void	memory_aged(struct store *, const char *dest, int64_t due, size_t max,
	    const struct store_mark *, store_aged_fn *, void *arg);
void	memory_held(struct store *, uint64_t before, store_held_fn *, void *arg);
void	memory_fetch(struct store *, uint64_t message, store_load_fn *, void *arg);
void	memory_list(struct store *, uint64_t after, size_t max, store_load_fn *, void *arg);
void	memory_body(struct store *, uint64_t message, store_body_fn *, void *arg);
void	memory_read(struct store *, struct store_body *, uint64_t offset, size_t n,
	    store_chunk_fn *, void *arg);
void	memory_dests(struct store *, store_dests_fn *, void *arg);
void	memory_wake(struct store *, const char *dest, const char *const *reasons, size_t n,
	    int64_t now, store_woken_fn *, void *arg);

/* memory_note.c */
void	memory_note_put(struct store *, const char *key, const char *value, store_done_fn *,
	    void *arg);
void	memory_notes(struct store *, const char *prefix, store_notes_fn *, void *arg);
void	memory_note_set(struct memory_store *, const char *key, const char *value);
void	memory_note_fini(struct memory_store *);

#endif
