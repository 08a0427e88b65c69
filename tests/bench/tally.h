/* SPDX-License-Identifier: ISC */
/*
 * tally: what load and sink count, in a file that both ends map: the program
 * that runs the comparison reads it while they work.  Little-endian u64s:
 * struct tally_head, then slots of struct tally_row.  Message number i, from
 * its X-Id header, owns row i.  Times: CLOCK_MONOTONIC in microseconds,
 * so that rows of two processes of one machine compare.
 */
#ifndef BENCH_TALLY_H
#define BENCH_TALLY_H

#include <stdint.h>

struct tally_head {
	uint64_t	slots;		/* rows that follow */
	uint64_t	distinct;	/* sink: ids seen; load: messages accepted */
	uint64_t	total;		/* sink: messages seen; load: messages begun */
	uint64_t	stray;		/* sink: without a known id; load: refused */
	uint64_t	connections;	/* opened, ever */
	uint64_t	handshakes;	/* TLS, completed */
	uint64_t	resumed;	/* of these from a session ticket */
	uint64_t	open;		/* connections now */
	uint64_t	lost_connections;	/* load: ended by the other side */
	uint64_t	clear;		/* sink: MAIL without TLS, refused */
};

struct tally_row {
	uint64_t	first;		/* sink: arrival; load: (due to be) sent */
	uint64_t	second;		/* sink: how often it came; load: time of the 250 */
};

struct tally {
	struct tally_head *head;
	struct tally_row  *rows;
};

/* Creates and maps path; exits on failure. */
void	 tally_open(struct tally *, const char *path, uint64_t slots);
uint64_t tally_now(void);

#endif
