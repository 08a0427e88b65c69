/* SPDX-License-Identifier: ISC */
/*
 * ctl_gather: the front's answer to a request that concerns every worker: it
 * asks them all and makes one answer of theirs (ctl_merge.h). A worker that is
 * down or silent is named in the last line: an answer never looks complete
 * that is not.
 */
#ifndef SMTP_CTL_GATHER_H
#define SMTP_CTL_GATHER_H

#include <jansson.h>

struct ctl_call;
struct ctl_front;
struct ctl_gather;

/* 1: this call needs all workers. 0: any one of them can answer, this one does. */
int	ctl_gather_is_needed(const struct ctl_front *, const struct ctl_call *);
/* Asks. The answer is written to the call; request is the asker's, borrowed. */
struct ctl_gather *ctl_gather_new(struct ctl_front *, struct ctl_call *, json_t *request);
void	ctl_gather_free(struct ctl_gather **);
/* In place of the verb's step: the asker has read what was written. */
void	ctl_gather_step(struct ctl_gather *);

#endif
