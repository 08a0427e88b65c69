/* SPDX-License-Identifier: ISC */
/*
 * admission: may this client have a session now? Counts sessions in all and
 * per address, and new connections per minute (HARDENING I6). Which mail it
 * may relay is said by the clients[] entry of its network. With several
 * workers the counts are those of all of them (lib/proc/crowd).
 */
#ifndef SMTP_ADMISSION_H
#define SMTP_ADMISSION_H

#include <sys/socket.h>

#include "lib/conf/conf.h"
#include "lib/mail/answer.h"
#include "lib/proc/crowd.h"

struct admission;
struct admission_slot;

struct admission	*admission_new(void);
void			 admission_free(struct admission **);
/* Taken: who is connected to the other workers. */
void			 admission_share(struct admission *, struct proc_crowd *);
/* A slot that the session gives back at its end; NULL and *answer (421) if there is none. */
struct admission_slot	*admission_enter(struct admission *, const struct conf *, const char *ip,
			    struct mail_answer *);
void			 admission_leave(struct admission_slot **);
/* 1 if another worker has fewer sessions: it should have the next one. */
int			 admission_yields(const struct admission *);
/* 1 if more than nine in ten sessions are taken: idle ones get little time (I7). */
int			 admission_stressed(const struct admission *, const struct conf *);
unsigned		 admission_count(const struct admission *);	/* of this worker */
/* The clients[] entry of an address, IPv4-mapped ones included; NULL: it may not relay. */
const struct conf_client *admission_client(const struct conf *, const struct sockaddr *);

#endif
