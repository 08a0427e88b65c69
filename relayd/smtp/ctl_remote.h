/* SPDX-License-Identifier: ISC */
/*
 * ctl_remote: what the front asks this worker for relayctl: the same verbs as
 * on the control socket, their lines sent back over the channel. A step runs
 * when the front has taken the one before, so an answer of any length needs
 * little memory on both sides.
 */
#ifndef SMTP_CTL_REMOTE_H
#define SMTP_CTL_REMOTE_H

struct ctl_house;
struct ctl_remote;
struct event_base;
struct siblings;

/* Joins SIBLINGS_CTL; the house is borrowed. */
struct ctl_remote	*ctl_remote_new(struct event_base *, struct siblings *, struct ctl_house *);
void			 ctl_remote_free(struct ctl_remote **);

#endif
