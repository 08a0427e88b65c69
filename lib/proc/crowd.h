/* SPDX-License-Identifier: ISC */
/*
 * crowd: who is connected to the processes of one server, in memory that they
 * share, so that a limit holds over all of them. Each process has a row that it
 * alone writes; all read all rows. There is no lock: who comes first says so and
 * then looks at the others, and steps back if that was one too many.
 * The parent makes it, and clears the row of a process that died.
 *
 * What the others write is bounded and counted, nothing else: a process that
 * lies can keep clients out and let too many in, no more.
 */
#ifndef PROC_CROWD_H
#define PROC_CROWD_H

#include <stdint.h>

#define PROC_CROWD_PARENT	UINT32_MAX	/* has no row of its own */
#define PROC_CROWD_MINUTE	60000		/* ms that `recent` holds for */

struct proc_crowd;

struct proc_crowd_counts {
	uint32_t	sessions;	/* of the address */
	uint32_t	recent;		/* connections of the address since `since` */
	uint32_t	all;		/* sessions of everybody */
	int64_t		since;		/* mono ms; set only */
};

/* The descriptor of a new one for so many processes; -1 with errno. */
int		 proc_crowd_make(unsigned rows);
/* Takes fd. NULL with errno, also if it is not one for so many. */
struct proc_crowd *proc_crowd_map(int fd, unsigned rows, unsigned own);
void		 proc_crowd_free(struct proc_crowd **);
/*
 * What is so in this process. ip: 16 bytes, IPv4 mapped. An address may find no
 * place when very many are connected at once: the others do not see it then.
 */
void		 proc_crowd_set(struct proc_crowd *, const uint8_t ip[16], int64_t now,
		    const struct proc_crowd_counts *);
/* The sum over the other processes. */
void		 proc_crowd_others(const struct proc_crowd *, const uint8_t ip[16], int64_t now,
		    struct proc_crowd_counts *);
/* The sessions of that other process that has the fewest. */
uint32_t	 proc_crowd_least(const struct proc_crowd *);
/* The parent's: this process is no more. */
void		 proc_crowd_clear(struct proc_crowd *, unsigned row);

#endif
