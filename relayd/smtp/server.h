/* SPDX-License-Identifier: ISC */
/*
 * server: one SMTP session of a client (RFC 5321, 1870, 2034, 2920, 3030,
 * 3207, 6152, 6531). Relays only for configured client networks; ends a
 * message only at CRLF.CRLF or by the count of BDAT; says 250 to it only
 * behind the commit.
 */
#ifndef SMTP_SERVER_H
#define SMTP_SERVER_H

#include <sys/socket.h>

#include "lib/base/list.h"
#include "relayd/smtp/admission.h"
#include "relayd/smtp/generation.h"
#include "relayd/smtp/intake.h"

struct event_base;
struct server;

/* What sessions share. */
struct server_house {
	struct event_base	*base;
	struct store		*store;
	struct admission	*admission;
	struct intake_sink	 sink;
	TAILQ_HEAD(server_list, server) live, over;
};

void	server_house_init(struct server_house *, struct event_base *, struct store *,
	    struct admission *, const struct intake_sink *);
/* Once a turn of the loop: frees the sessions that are over. */
void	server_house_sweep(struct server_house *);
/* The relay is stopping: 421 to each as soon as no message is in the middle (HARDENING O5). */
void	server_house_drain(struct server_house *);
int	server_house_empty(const struct server_house *);
/* Cuts what is left. */
void	server_house_fini(struct server_house *);

/* A new session; takes fd. It belongs to the house. listener: index in listen[]. */
void	server_open(struct server_house *, struct generation *, unsigned listener, int fd,
	    const struct sockaddr *);

#endif
