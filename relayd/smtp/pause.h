/* SPDX-License-Identifier: ISC */
/*
 * pause: destinations that an administrator stopped. They take mail and
 * deliver none until they are resumed. Kept as notes with the queue, so that
 * a pause outlives a restart.
 */
#ifndef SMTP_PAUSE_H
#define SMTP_PAUSE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/store/store.h"

#define PAUSE_PREFIX		"pause/"
#define PAUSE_DOMAIN_MAX	(STORE_NOTE_KEY_MAX - sizeof PAUSE_PREFIX)
#define PAUSE_REASON_CAP	256

struct pauses;

struct pause {
	char		domain[STORE_NOTE_KEY_MAX];	/* A-labels */
	uint32_t	uid;				/* who */
	int64_t		since;				/* Unix ms */
	char		reason[PAUSE_REASON_CAP];	/* "" if none was given */
};

struct pauses	*pause_new(void);
void		 pause_free(struct pauses **);
/* Reads the notes. A damaged one pauses its destination all the same. */
void		 pause_load(struct pauses *, struct store *,
		    void (*done)(void *arg, const struct why *), void *arg);

/* NULL: not paused. */
const struct pause *pause_of(const struct pauses *, const char *domain);
void		 pause_each(struct pauses *, void (*)(const struct pause *, void *arg), void *arg);
size_t		 pause_count(const struct pauses *);
/* 1: every destination is paused, because it is not known yet which ones are. */
void		 pause_wait(struct pauses *, int waits);
/* In memory only; the domain is not longer than PAUSE_DOMAIN_MAX. */
void		 pause_set(struct pauses *, const struct pause *);
void		 pause_end(struct pauses *, const char *domain);

/* As it is noted: "1 UID SINCE REASON". */
void		 pause_print(const struct pause *, char *to, size_t cap);
int		 pause_parse(const char *value, struct pause *);	/* not the domain; 0 or -1 */

#endif
