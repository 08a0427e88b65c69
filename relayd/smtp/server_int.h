/* SPDX-License-Identifier: ISC */
/* server_int: what the files of the server share. Included nowhere else. */
#ifndef SMTP_SERVER_INT_H
#define SMTP_SERVER_INT_H

#include <stddef.h>

#include "lib/io/stream.h"
#include "lib/mail/command.h"
#include "relayd/smtp/server.h"

#define SERVER_MAGIC	0x5e47e001u

/* In order: each later phase has passed the earlier ones. */
enum server_state {
	SERVER_GREETED,		/* no EHLO yet */
	SERVER_READY,		/* no transaction */
	SERVER_MAIL,		/* MAIL was taken */
	SERVER_RCPT,		/* at least one recipient */
	SERVER_TEXT,		/* behind 354 */
	SERVER_CHUNK,		/* behind BDAT, until its octets are there */
	SERVER_CHUNKS,		/* between two of them */
	SERVER_SPOILT,		/* the same, but one was refused */
	SERVER_COMMIT,		/* waits for the store */
	SERVER_HANDSHAKE,	/* behind 220 to STARTTLS */
	SERVER_CLOSING,		/* the last reply is on its way */
	SERVER__COUNT
};

/* BDAT: what was announced, and what becomes of it. */
struct server_chunks {
	uint64_t		 left;		/* octets of this one to come */
	int			 last;
	uint64_t		 octets;	/* announced in all */
	unsigned		 n;
	enum server_state	 home;		/* where the first one came */
	struct mail_answer	 refusal;	/* code 0: none */
	int			 told;
};

struct server {
	unsigned			 magic;
	TAILQ_ENTRY(server)		 link;
	enum server_state		 state;
	struct server_house		*house;
	struct generation		*generation;
	const struct conf_listen	*listen;
	struct tls_server		*tls;		/* NULL: not offered */
	const struct conf_client	*client;	/* NULL: may not relay */
	struct admission_slot		*slot;
	struct io_stream		*stream;
	struct intake			*intake;
	char				 ip[64], text[80];	/* "unknown[ip]" */
	char				 helo[MAIL_HELO_MAX + 1];
	int				 esmtp, spoke, draining;
	int				 in_line;	/* the clock of a started line is running */
	char				 tls_text[80];	/* "" in clear */
	unsigned			 errors, junk, messages;
	int64_t				 text_began;
	struct server_chunks		 chunks;	/* n = 0: the text comes by DATA */
};

/* server.c */
void	server_reply(struct server *, int code, const char *dsn, const char *fmt, ...)
	    __attribute__((format(printf, 4, 5)));
void	server_answer(struct server *, const struct mail_answer *);
/* Sends the reply and ends the session. */
void	server_close(struct server *, int code, const char *dsn, const char *fmt, ...)
	    __attribute__((format(printf, 4, 5)));
void	server_reset(struct server *);		/* ends the transaction, if there is one */
/* Answers and leaves a NOQUEUE record; 5yz counts as an error. */
void	server_reject(struct server *, const char *verb, const struct mail_answer *,
	    const char *rcpt);
const char *server_protocol(const struct server *);	/* "ESMTPS" */

/* server_cmd.c */
void	server_command(struct server *, const char *line, size_t len);
/* 1: too many errors, or the relay is stopping; the session was ended. */
int	server_enough(struct server *);

/* server_text.c */
void	server_text_begin(struct server *);
void	server_text_input(struct server *);
/* What DATA and BDAT share. */
void	server_text_open(struct server *, int bdat);
int	server_text_is_slow(const struct server *, uint64_t octets);
void	server_text_wait(struct server *);	/* until the store has room */
void	server_text_go_on(struct server *);	/* more is to come */
void	server_text_commit(struct server *);
extern const struct intake_events server_text_events;

/* server_chunk.c */
void	server_chunk_begin(struct server *, uint64_t octets, int last);
void	server_chunk_input(struct server *);

#endif
