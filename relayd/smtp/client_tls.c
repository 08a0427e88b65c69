/* SPDX-License-Identifier: ISC */
/* client_tls: from the offer of STARTTLS to the facts of the handshake (RFC 3207). */
#include <string.h>

#include "lib/tls/facts.h"
#include "lib/tls/why.h"
#include "relayd/smtp/client_int.h"

/*
 * Behind EHLO in clear. Where TLS is required STARTTLS is sent even if it is
 * not on offer (RULES S42): an offer may have been stripped on the path, and
 * the refusal is the evidence. In clear only if the requirement is plaintext.
 */
enum client_state
client_tls_offer(struct client *c)
{
	if (c->terms->level != PLAN_PLAINTEXT)
		return CLIENT_STARTTLS;
	return c->ehlo.starttls && !c->in_clear ? CLIENT_STARTTLS : CLIENT_ADMIT;
}

static enum client_state
not_offered(struct client *c, const struct mail_reply *r)
{
	if (c->terms->level == PLAN_PLAINTEXT && r->code >= 400 && r->code != 421)
		return CLIENT_ADMIT;
	/* RFC 5321 s3.8: about the server, not about its TLS. */
	if (r->code == 421)
		return client_failf(c, WHY_REMOTE_BUSY, "STARTTLS: %d %s", r->code, r->text);
	if (c->ehlo.starttls_mangled)
		return client_failf(c, WHY_STARTTLS_MANGLED,
		    "STARTTLS is overwritten on the path (\"%s\" in the reply to EHLO)",
		    c->ehlo.mangled);
	if (!c->ehlo.starttls)
		return client_failf(c, WHY_STARTTLS_NOT_SUPPORTED,
		    "STARTTLS is not offered and refused: %d %s", r->code, r->text);
	return client_failf(c, WHY_STARTTLS_REFUSED, "STARTTLS is offered but refused: %d %s",
	    r->code, r->text);
}

/* The stream takes the session; -1 and *why, or the handshake is on its way. */
static int
begin(struct client *c, struct why *why)
{
	SSL *ssl = tls_client_session(c->generation->tls, &c->terms->want, why);

	if (ssl == NULL)
		return -1;
	/* RFC 3207 s4.2, HARDENING C2 */
	if (io_stream_tls(c->stream, ssl, 0) == -1)
		return why_set(why, WHY_STARTTLS_INJECTION,
		    "bytes in clear followed the reply to STARTTLS");
	memset(&c->ehlo, 0, sizeof c->ehlo);
	return 0;
}

enum client_state
client_tls_start(struct client *c, const struct mail_reply *r)
{
	struct why why;

	if (r->code != 220)
		return not_offered(c, r);
	return begin(c, &why) == -1 ? client_fail(c, &why) : CLIENT_HANDSHAKE;
}

enum client_state
client_tls_implicit(struct client *c)
{
	struct why why;

	return begin(c, &why) == -1 ? client_fail(c, &why) : CLIENT_HANDSHAKE;
}

void
client_tls_secured(struct client *c)
{
	tls_facts_read(io_stream_ssl(c->stream), c->generation->tls,
	    &c->terms->want, &c->facts);
	client_enter(c, c->target->implicit ? CLIENT_BANNER : CLIENT_TLS_EHLO);
}

/* Each way to fail has a reason of its own (RULES P06). */
void
client_tls_ended(struct client *c, enum io_end how)
{
	struct why why;

	switch (how) {
	case IO_EOF:
	case IO_TRUNCATED:
	case IO_ERROR:
		why_set(&why, WHY_TLS_EOF, "the server closed the connection during the handshake");
		break;
	case IO_TIMEOUT:
		why_set(&why, WHY_TLS_TIMEOUT, "the TLS handshake was not finished in time");
		break;
	case IO_TLS_FAILED:
		tls_why_handshake(io_stream_ssl(c->stream), io_stream_ssl_error(c->stream), &why);
		break;
	}
	client_fail(c, &why);
}
