/* SPDX-License-Identifier: ISC */
/*
 * ctl_part: one worker's part of an answer that several give, as the front
 * sees it: lines that come a step at a time, from this process or over a
 * channel, until the last one, or until the worker is lost.
 */
#ifndef SMTP_CTL_PART_H
#define SMTP_CTL_PART_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct ctl_front;
struct ctl_house;
struct ctl_part;
struct event_base;
struct siblings;

/*
 * The front's end of the channels; joins SIBLINGS_CTL. The house is borrowed.
 * patience: ms that a worker may take for a step.
 */
struct ctl_front	*ctl_front_new(struct event_base *, struct siblings *, struct ctl_house *,
			    int64_t patience);
/* After the last part. */
void			 ctl_front_free(struct ctl_front **);
unsigned		 ctl_front_workers(const struct ctl_front *);
struct event_base	*ctl_front_base(const struct ctl_front *);

/* Asks the worker. patience: 0: the front's. come is called from the loop whenever ctl_part_take may have an answer. */
struct ctl_part		*ctl_part_new(struct ctl_front *, unsigned worker, uint32_t uid,
			    const char *line, int64_t patience, void (*come)(void *arg),
			    void *arg);
/* What the worker still does for it is in vain. */
void			 ctl_part_free(struct ctl_part **);

enum ctl_part_state {
	CTL_PART_LINE,		/* *line is one; the caller's */
	CTL_PART_WAITS,		/* `come` will say when there is more */
	CTL_PART_OVER,		/* *line is the last one; the caller's, given once */
	CTL_PART_LOST		/* down, silent, or mad: ctl_part_why */
};
enum ctl_part_state	 ctl_part_take(struct ctl_part *, json_t **line);
const char		*ctl_part_why(const struct ctl_part *);	/* "is down" */

#endif
