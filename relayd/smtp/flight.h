/* SPDX-License-Identifier: ISC */
/*
 * flight: marks in the store's journal (lib/store/flight.h) how far the job
 * on a connection is, from its envelope to its durable outcome.
 */
#ifndef SMTP_FLIGHT_H
#define SMTP_FLIGHT_H

struct job;
struct store;

void	flight_begin(const struct store *, struct job *, const char *relay);
/* The final dot leaves: who is open then may be delivered. */
void	flight_dot(const struct store *, const struct job *);
/* The server has taken it: who is delivered is. reports: it tells of success (RFC 3461). */
void	flight_accepted(const struct store *, const struct job *, int reports);
/* The outcome is durable, or there was none. */
void	flight_end(const struct store *, struct job *);

/* A fault of our own (SIGSEGV, SIGABRT and their like) is marked in the journal before it ends us. */
void	flight_watch_crashes(const struct store *);

#endif
