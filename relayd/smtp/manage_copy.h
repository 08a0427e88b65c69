/* SPDX-License-Identifier: ISC */
/*
 * manage_copy: a message whose text is in the spool, once more under another
 * queue id. Its text is copied piece by piece; the copy is durable, and held,
 * before the recipient that it replaces goes. A note says how far it is:
 *
 *	made		with the copy. After a crash the copy goes again.
 *	decided		with the removal of what it replaces. After a crash the copy is
 *			released if that is gone, and goes again if it is not.
 *
 * So there are never two deliveries and never none.
 */
#ifndef SMTP_MANAGE_COPY_H
#define SMTP_MANAGE_COPY_H

#include <stdint.h>

#include "lib/base/why.h"

struct manage_copy;
struct store;
struct store_body;
struct store_message;

/*
 * The message (taken) has one recipient; its body (a reference, taken) is in a file. It
 * replaces this row of that message, and others that go with it.
 */
struct manage_copy *manage_copy_new(struct store *, struct store_message **, struct store_body **,
		    uint64_t message, int64_t row, void (*done)(void *arg, const struct why *), void *arg);
/* After done without a why, right before the settlement of what it replaces. */
void		 manage_copy_decide(struct manage_copy *);
/* Behind that: the copy is to be delivered, and done says that it is durable so;
 * or it is to go again. Frees. */
void		 manage_copy_release(struct manage_copy **, int64_t due,
		    void (*done)(void *arg, const struct why *), void *arg);
void		 manage_copy_remove(struct manage_copy **);
/* After done with a why. */
void		 manage_copy_free(struct manage_copy **);
/* Puts right what a process that was killed left half done; before anything is delivered. */
void		 manage_copy_recover(struct store *, void (*done)(void *arg, const struct why *),
		    void *arg);

#endif
