/* SPDX-License-Identifier: ISC */
/* client_int: what the files of the client share. Included nowhere else. */
#ifndef SMTP_CLIENT_INT_H
#define SMTP_CLIENT_INT_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "lib/base/buf.h"
#include "lib/io/stream.h"
#include "lib/mail/dataout.h"
#include "lib/mail/reply.h"
#include "relayd/smtp/client.h"

#define CLIENT_MAGIC	0xc11e0001u

enum client_state {
#define STATE(id, fn, secs)	CLIENT_##id,
#include "relayd/smtp/client_state.def"
#undef STATE
	CLIENT__COUNT
};

/* A chunk of a file body that the store is reading for us. */
struct client_read {
	struct client	*client;	/* NULL: it did not wait */
};

struct client {
	unsigned			 magic;
	enum client_state		 state;
	const struct client_events	*events;
	void				*arg;
	struct event_base		*base;
	struct store			*store;
	struct generation		*generation;
	struct route			*route;
	const struct plan_target	*target;
	const struct plan_requirement	*terms;		/* the target's, or monitor's */
	struct plan_requirement		 monitor;
	struct why			 refused;	/* set in monitor mode */
	int				 in_clear, requiretls, probing;
	struct io_stream		*stream;
	struct event			 ev_kick;	/* what must not happen inside a call */
	struct event			 ev_idle;
	int64_t				 started, ready_at;
	char				 relay[DNS_NAME_MAX + 64];
	const struct source		*source;	/* NULL: no address in particular */
	char				 local[64];	/* the address that was bound, or "" */
	enum families_reach		 reach;
	int				 at_once;	/* connect failed without asking the network */
	int				 full;		/* it failed behind the reply to EHLO */
	struct event			 ev_attempt;	/* the envelope takes too long */

	struct mail_reply_parser	 parser;
	struct mail_ehlo		 ehlo;
	int				 spoke;		/* a well-formed greeting came */
	struct tls_facts		 facts;
	int				 logged_in;
	unsigned			 auth_step;	/* parts of the credentials sent */
	struct why			 why;		/* why it ended */
	int				 was_ready, over;

	/* the message in flight */
	struct job			*job;
	size_t				 rcpt;		/* recipient whose reply is due */
	size_t				 accepted;
	int				 mail_ok, pipelined;
	int				 chunked;	/* the text goes by BDAT */
	struct mail_dataout		 out;
	struct store_body		*body;		/* reference while it is sent */
	struct store_body		*plain;		/* goes instead of the job's; NULL as a rule */
	uint64_t			 read_bytes;	/* of the body so far */
	struct buf			 checked;	/* BDAT: read and fit to go, chunk not begun */
	uint64_t			 chunk_left;	/* octets that the BDAT under way still needs */
	uint64_t			 chunk_end;	/* where in the body it ends */
	struct client_read		*reading;	/* on its way, NULL if none */
	int				 finished;	/* the job is settled, report it */
	unsigned			 begun, sent;	/* messages begun, and taken by the server */
	unsigned			 declined;	/* recipients that the server, as it is now, put off */
};

/* client_fsm.c */
void	client_enter(struct client *, enum client_state);
int	client_may_move(enum client_state from, enum client_state to);
/* more: bytes of a further reply were there before this one was looked at. */
void	client_reply(struct client *, const struct mail_reply *, int more);
const char *client_state_name(enum client_state);
unsigned client_state_seconds(enum client_state);

/* Ends the connection: the job in flight is deferred with this reason. Returns CLIENT_CLOSED. */
enum client_state client_fail(struct client *, const struct why *);
enum client_state client_failf(struct client *, enum why_reason, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
void	client_command(struct client *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void	client_kick(struct client *);

/* client_tls.c: each returns the next state */
enum client_state client_tls_offer(struct client *);	/* behind EHLO in clear */
enum client_state client_tls_start(struct client *, const struct mail_reply *);
void	client_tls_secured(struct client *);
void	client_tls_ended(struct client *, enum io_end);

/* RFC 8314: TLS from the first byte, then the greeting. */
enum client_state client_tls_implicit(struct client *);

/* client_auth.c */
enum client_state client_auth_begin(struct client *);	/* behind ADMIT: AUTH, or IDLE if done */
void	client_auth_send(struct client *);		/* the part that is due */
enum client_state client_auth_reply(struct client *, const struct mail_reply *);

/* client_xfer.c */
enum client_state client_xfer_begin(struct client *);	/* behind ADMIT with a job */
enum client_state client_xfer_mail(struct client *, const struct mail_reply *);
enum client_state client_xfer_rcpt(struct client *, const struct mail_reply *);
enum client_state client_xfer_data(struct client *, const struct mail_reply *);
enum client_state client_xfer_chunk(struct client *, const struct mail_reply *);
enum client_state client_xfer_dot(struct client *, const struct mail_reply *);
enum client_state client_xfer_early(struct client *, const struct mail_reply *);

/* client_text.c */
void	client_text_continue(struct client *);		/* in BODY: it begins, or there is room */
void	client_text_drop(struct client *);		/* the connection is over */

#endif
