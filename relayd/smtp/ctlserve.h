/* SPDX-License-Identifier: ISC */
/*
 * ctlserve: the control socket's server end: one JSON request line, JSON
 * lines as the answer. Input is hostile: bounded in size, depth and time; a
 * bad request gets an error object and never ends the daemon.
 */
#ifndef SMTP_CTLSERVE_H
#define SMTP_CTLSERVE_H

struct ctlserve;
struct event_base;
struct sched;
struct store;

/* Takes the listening fd. */
struct ctlserve	*ctlserve_new(struct event_base *, int fd, struct store *, struct sched *);
void		 ctlserve_free(struct ctlserve **);

#endif
