/* SPDX-License-Identifier: ISC */
/*
 * notice_cap: at most so many notices to one address within an hour, so that
 * a sender of much bad mail, or one whose name was forged, is not buried.
 */
#ifndef SMTP_NOTICE_CAP_H
#define SMTP_NOTICE_CAP_H

#include <stdint.h>

struct notice_cap;

struct notice_cap	*notice_cap_new(void);
void			 notice_cap_free(struct notice_cap **);
/*
 * 1: one more may go to the address (any case), and is counted. 0: max were
 * sent within the hour (max 0: no limit); *suppressed: how many were not.
 */
int			 notice_cap_take(struct notice_cap *, const char *address, unsigned max,
			    int64_t mono_ms, uint64_t *suppressed);

#endif
