/* SPDX-License-Identifier: ISC */
/*
 * commons: what the processes of one server use together and may use only so
 * much of, in memory that they share. There is no lock, so that nobody who dies
 * keeps one:
 *
 *	sheets	A row for each process, which it alone writes and all read: how
 *		many it has of what has this id. Who wants one more says so, then
 *		looks at the others, and steps back if that was one too many.
 *		Of two at the last one at least one steps back.
 *	times	One word for an id, changed by all: when it will be full again
 *		(lib/queue/rate). It stays behind whoever dies.
 *
 * The parent makes it, and clears what a process had that died. What the others
 * write is bounded and counted, nothing else: a process that lies can let the
 * others wait or let too much go, no more. Two names never share an entry; where
 * there are more of them than places, some find none, which is told.
 */
#ifndef PROC_COMMONS_H
#define PROC_COMMONS_H

#include <stddef.h>
#include <stdint.h>

#define PROC_COMMONS_PARENT	UINT32_MAX	/* has no row of its own */
#define PROC_COMMONS_ALL	0	/* no name's id; in USED it always has a place */

struct proc_commons;

enum proc_commons_sheet {
	PROC_COMMONS_USED,	/* what a process has now; since: waits for one more */
	PROC_COMMONS_SENT,	/* what it did since */
	PROC_COMMONS__SHEETS
};

/* Of one row. since: mono ms; 0: not since anything. */
struct proc_commons_entry {
	uint32_t	n;
	int64_t		since;
};

/* The descriptor of a new one for so many processes; -1 with errno. */
int		 proc_commons_make(unsigned rows);
/* Takes fd. NULL with errno, also if it is not one for so many. */
struct proc_commons *proc_commons_map(int fd, unsigned rows, unsigned own);
void		 proc_commons_free(struct proc_commons **);

/* The same in all processes, not to be guessed by others. */
uint64_t	 proc_commons_id(const struct proc_commons *, const char *name);
unsigned	 proc_commons_rows(const struct proc_commons *);
unsigned	 proc_commons_own(const struct proc_commons *);

/* What is so in this process; n = 0 and since = 0 gives the place back. 0, or -1: there is none. */
int		 proc_commons_set(struct proc_commons *, enum proc_commons_sheet, uint64_t id,
		    struct proc_commons_entry);
/* What is so in that one: anything. Zeros if it knows nothing of it. */
struct proc_commons_entry
		 proc_commons_get(const struct proc_commons *, enum proc_commons_sheet,
		    unsigned row, uint64_t id);
/* That process is no more, or begins anew. */
void		 proc_commons_clear(struct proc_commons *, enum proc_commons_sheet, unsigned row);

/* us, mono; not after now: it is not remembered. May be wrong by anything. */
int64_t		 proc_commons_time(const struct proc_commons *, uint64_t id, int64_t now);
/*
 * 1: it was `from`, as told last, and is `to`. 0: somebody else was quicker, ask
 * again; or -1: there is no room to remember it until others run out.
 */
int		 proc_commons_move(struct proc_commons *, uint64_t id, int64_t now, int64_t from,
		    int64_t to);

#endif
