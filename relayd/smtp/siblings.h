/* SPDX-License-Identifier: ISC */
/*
 * siblings: the channels between smtp processes when there are several
 * (`workers`). They form a star: worker 0, the front, has one to each other
 * worker; the others have one, to worker 0. The parent makes a new pair
 * whenever one of the two is new.
 *
 * Several stages share a channel, each with messages of its own
 * (lib/ipc/sibling.h). What comes over a channel is as hostile as any other
 * input: a stage that cannot read a message drops the sibling.
 *
 * A relay with one worker has no siblings: NULL is good for every function.
 */
#ifndef SMTP_SIBLINGS_H
#define SMTP_SIBLINGS_H

#include <stddef.h>
#include <stdint.h>

#define SIBLINGS_MAX	64	/* workers */

struct event_base;
struct io_frame;
struct siblings;

enum siblings_stage { SIBLINGS_CTL, SIBLINGS_LEASES, SIBLINGS_PAUSES, SIBLINGS__STAGES };

struct siblings_events {
	void	(*came)(void *arg, unsigned index);	/* may be NULL */
	void	(*went)(void *arg, unsigned index);	/* may be NULL */
	void	(*frame)(void *arg, unsigned index, const struct io_frame *);
};

/* NULL if count is 1. self: this worker; self < count <= SIBLINGS_MAX. */
struct siblings	*siblings_new(struct event_base *, unsigned self, unsigned count);
void		 siblings_free(struct siblings **);
/* Takes fd, at any time; one that was there for the same worker is closed. */
void		 siblings_connect(struct siblings *, unsigned index, int fd);
/* What is to be told, from siblings_start on. */
void		 siblings_join(struct siblings *, enum siblings_stage,
		    const struct siblings_events *, void *arg);
/* Every stage has joined: channels begin to work. */
void		 siblings_start(struct siblings *);

unsigned	 siblings_self(const struct siblings *);	/* 0 without siblings */
unsigned	 siblings_count(const struct siblings *);	/* of all workers; 1 without siblings */
int		 siblings_is_up(const struct siblings *, unsigned index);
/* 0, or -1: it is down. */
int		 siblings_send(struct siblings *, unsigned index, uint16_t type, uint32_t request,
		    const void *, size_t);
/* It said what it should not: it is down until the parent makes a new channel. */
void		 siblings_drop(struct siblings *, unsigned index, const char *what);

#endif
