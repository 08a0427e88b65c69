/* SPDX-License-Identifier: ISC */
/*
 * aftermath: what a process that was killed left in the journal of outgoing
 * mail (lib/store/flight.h), put right before anything is delivered.
 *
 *	accepted	its recipients are settled as delivered: they are not sent to again, and
 *			a sender who wanted to know (RFC 3461) is told in the same transaction
 *	dot sent	nobody knows: the log names a possible duplicate, and marks the next attempt
 *	begun		nothing went out
 *
 * A message that was on its way in AFTERMATH_CRASHES crashes of this process
 * is held, so that it is not the cause of the next (HARDENING O2): a crash is
 * a fault of our own, not a kill from outside. Before the last of them those
 * that may be to blame are tried one after the other, so that one does not take
 * all with it. The count is a note in the queue and goes when an attempt comes
 * to its end.
 */
#ifndef SMTP_AFTERMATH_H
#define SMTP_AFTERMATH_H

#include <stdint.h>

#include "lib/base/why.h"

#define AFTERMATH_CRASHES	3

struct aftermath;
struct generation;
struct notice_cap;
struct store;

struct aftermath	*aftermath_new(struct store *);		/* borrowed */
void			 aftermath_free(struct aftermath **);
/* What notices go by: a reference is taken, the cap is borrowed. Without it none are written. */
void			 aftermath_notices(struct aftermath *, struct generation *,
			    struct notice_cap *);
/* Once. The journal is empty when the callback comes without a why. */
void			 aftermath_recover(struct aftermath *,
			    void (*done)(void *arg, const struct why *), void *arg);
/* 1: this row may have a copy at its server already. aftermath may be NULL. */
int			 aftermath_suspects(const struct aftermath *, int64_t rcpt);
/* An attempt with this row has come to its end, durably. */
void			 aftermath_settled(struct aftermath *, uint64_t message, int64_t rcpt);

#endif
