/* SPDX-License-Identifier: ISC */
/*
 * key: what a recipient waits under. Mail that needs other connections than
 * the rest for the same domain has a queue of its own, and with it a plan, a
 * back-off and connections of its own: nothing of one kind ever travels over
 * a connection that was made for another (HARDENING C7). The key is durable
 * with the recipient.
 *
 *	partner.example				ordinary mail
 *	partner.example/requiretls		RFC 8689: only where REQUIRETLS holds
 *	partner.example/requiretls-notice	the same from the null sender (RFC 8689 s5)
 *	partner.example/tls-required-no:NAME	"TLS-Required: No" of a client that may say so
 *	partner.example/from:NAME		from the local addresses of sources[] NAME
 *
 * from:NAME stands last and goes with each of the others.
 */
#ifndef QUEUE_KEY_H
#define QUEUE_KEY_H

#include <stddef.h>

/* domain, slash, word, client name, "/from:", source name, NUL */
#define QUEUE_KEY_CAP	448

enum queue_need { QUEUE_ORDINARY, QUEUE_REQUIRETLS, QUEUE_REQUIRETLS_NOTICE, QUEUE_TLS_OPTIONAL };

struct queue_key {
	char		 domain[256];	/* A-labels, or an address literal */
	enum queue_need	 need;
	char		 client[64];	/* of TLS_OPTIONAL: clients[].name; else "" */
	char		 source[64];	/* sources[].name, "" for what the destination has */
};

void	queue_key_print(char to[QUEUE_KEY_CAP], const char *domain, enum queue_need,
	    const char *client, const char *source);
/* What is not understood reads as ordinary: the gate judges each message all the same. */
void	queue_key_parse(const char *text, struct queue_key *);
/* 1: the key is this text, or its domain is. */
int	queue_key_is(const char *key, const char *text);

#endif
