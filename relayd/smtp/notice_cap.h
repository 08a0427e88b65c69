/* SPDX-License-Identifier: ISC */
/*
 * notice_cap: at most so many notices to one address within an hour, so that
 * a sender of much bad mail, or one whose name was forged, is not buried. The
 * counts are noted in the store, so that a restart begins no new hour. What
 * is held back is counted, and said once an hour for each address. With several
 * workers all of them count together; what is held back each says for itself.
 */
#ifndef SMTP_NOTICE_CAP_H
#define SMTP_NOTICE_CAP_H

#include <stdint.h>

#include "lib/store/store.h"

#define NOTICE_CAP_PREFIX	"notices/"

struct event_base;
struct notice_cap;
struct proc_commons;

/* Reads the notes: ahead of all that is asked of the store later. NULL, NULL: in memory only. */
struct notice_cap	*notice_cap_new(struct event_base *, struct store *);
void			 notice_cap_free(struct notice_cap **);	/* after the store is closed */
/* At once: before the notes are read. commons: borrowed. */
void			 notice_cap_share(struct notice_cap *, struct proc_commons *commons);
/*
 * 1: one more may go to the address (any case), and is counted. 0: max were
 * sent within the hour (max 0: no limit); *suppressed: how many were not.
 */
int			 notice_cap_take(struct notice_cap *, const char *address, unsigned max,
			    int64_t queue_ms, uint64_t *suppressed);
/* Notes what was counted; right before the settlement that brings the notices. */
void			 notice_cap_note(struct notice_cap *);
/* Hours that are over by then are forgotten; what was held back in them is logged. */
void			 notice_cap_sweep(struct notice_cap *, int64_t queue_ms);

#endif
