/* SPDX-License-Identifier: ISC */
/*
 * flight: what is on its way out, in a small mapped file beside the database,
 * so that a process that was killed between a server's 250 and our commit of
 * it does not send the message again (HARDENING D5, states S4 and S5).
 *
 * One slot for each transaction: begun, its final dot sent, accepted. Setting
 * one is a few stores to memory, with no system call: what was set outlives
 * the process, and a power cut as far as the kernel had written it. Without
 * the file (NULL) everything here does nothing.
 *
 * What is read back counts as bytes from outside: a slot whose checksum does
 * not hold is no slot, and the caller checks the ids against the queue.
 */
#ifndef STORE_FLIGHT_H
#define STORE_FLIGHT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/why.h"

#define STORE_FLIGHT_RCPTS	128	/* of one transaction; others are not covered */
#define STORE_FLIGHT_SLOTS	1024
#define STORE_FLIGHT_SLOT	2048	/* bytes */
#define STORE_FLIGHT_SIZE	((STORE_FLIGHT_SLOTS + 1) * STORE_FLIGHT_SLOT)

struct store_flight;

enum store_flight_state { STORE_FLIGHT_BEGUN, STORE_FLIGHT_DOT, STORE_FLIGHT_ACCEPTED };

struct store_flight_entry {
	uint64_t		 message;
	enum store_flight_state	 state;
	/* Row ids. BEGUN: all of the transaction; DOT: those that may have been delivered;
	 * ACCEPTED: those that were. */
	int64_t			 rcpts[STORE_FLIGHT_RCPTS];
	size_t			 nrcpts;
	char			 relay[128], reply[256];	/* of one line, printable */
	int			 reports;	/* ACCEPTED: success is told by the server (RFC 3461) */
};

/* Recipients of a transaction by their place in it. */
struct store_flight_set {
	uint64_t	bits[STORE_FLIGHT_RCPTS / 64];
};
void	store_flight_set_add(struct store_flight_set *, size_t place);	/* beyond the last: nothing */

/* NULL and *why if there is no room for it, or the file cannot be used. */
struct store_flight *store_flight_open(const char *directory, struct why *);
void	 store_flight_close(struct store_flight **);	/* what is in it stays */
/* What the process before left, borrowed until store_flight_forget, which gives these slots
 * free; and whether it ended by a crash of its own (store_flight_crashing). */
size_t	 store_flight_found(const struct store_flight *, const struct store_flight_entry **);
size_t	 store_flight_damaged(const struct store_flight *);	/* slots that were not believed */
int	 store_flight_crashed(const struct store_flight *);
void	 store_flight_forget(struct store_flight *);

/* A handle, 0 if there is none left: then this transaction is not covered. */
unsigned store_flight_begin(struct store_flight *, uint64_t message, const int64_t *rcpts, size_t n,
	    const char *relay);
/* Before the final dot may leave: these recipients may be delivered from here on. */
void	 store_flight_dot(struct store_flight *, unsigned, const struct store_flight_set *);
void	 store_flight_accepted(struct store_flight *, unsigned, const struct store_flight_set *,
	    const char *reply, int reports);
/* The outcome is durable. */
void	 store_flight_clear(struct store_flight *, unsigned);
/* From a signal handler: this process ends by a fault of its own. */
void	 store_flight_crashing(struct store_flight *);

/* Pure: one slot. 1 and *entry; 0: it is empty; -1: it is damaged. */
int	 store_flight_read(const void *slot, unsigned number, struct store_flight_entry *);

#endif
