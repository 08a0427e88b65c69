/* SPDX-License-Identifier: ISC */
/*
 * ctlserve: the control socket's server end: one JSON request line, JSON
 * lines as the answer. Input is hostile: bounded in size, depth and time; a
 * bad request gets an error object and never ends the daemon
 * (HARDENING 1.4, CVE-2025-62875).
 *
 * Request:	{"v":1,"verb":"queue.list","domain":"partner.example"}
 * Answer:	any number of objects, one a line, and a last one that is either
 *		{"end":true,"count":n} or {"error":"..","fix":"..","kind":".."}
 *		(kind: ctl_request.h). An answer without a last line was cut.
 *
 * Who may: the socket's mode decides who reads; verbs that change something,
 * and message bodies, are for root and for the daemon's own account
 * (SO_PEERCRED).
 */
#ifndef SMTP_CTLSERVE_H
#define SMTP_CTLSERVE_H

#include <stdint.h>

struct admission;
struct ctl_local;
struct ctlserve;
struct event_base;
struct sched;
struct siblings;
struct store;

/* Takes the listening fd; -1: nobody asks over a socket, only ctlserve_ask. */
struct ctlserve	*ctlserve_new(struct event_base *, int fd, struct store *, struct sched *);
/* Lets `status` tell the number of SMTP sessions; borrowed. */
void		 ctlserve_watch(struct ctlserve *, const struct admission *);
/*
 * What concerns all workers is asked of all; before siblings_start. One that
 * takes longer than patience (ms) for a step of its answer is left out.
 */
void		 ctlserve_share(struct ctlserve *, struct siblings *, int64_t patience);
/* See ctl_local.h. Freed before the control server. */
struct ctl_local *ctlserve_ask(struct ctlserve *, const char *verb, void (*done)(void *arg),
		    void *arg);
/* Answers in progress are cut. Before the store is closed and the scheduler freed. */
void		 ctlserve_free(struct ctlserve **);

#endif
