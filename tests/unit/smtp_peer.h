/* SPDX-License-Identifier: ISC */
/*
 * smtp_peer: a scripted SMTP server on loopback. Steps of a script:
 *	">EHLO"		waits for a line that begins so
 *	"<text>"	waits for the end of a message
 *	"<chunk>"	waits for BDAT and its octets; "<last>": for BDAT LAST and its
 *	"<tls>"		handshake; "<tls!>": with a certificate of nobody's
 *	"<close>"	closes (under TLS without close_notify); "<reset>": RST
 *	"<hang>"	does nothing more
 *	"<serve>"	from here on answers as a good server would
 *	"!bytes"	sends just these
 *	other text	is sent with CRLF, in one write
 * What it has received is kept, in clear and under TLS.
 */
#ifndef TESTS_UNIT_SMTP_PEER_H
#define TESTS_UNIT_SMTP_PEER_H

#include <arpa/inet.h>
#include <netinet/tcp.h>

#include "lib/base/buf.h"
#include "tests/unit/smtp_kit.h"

struct smtp_peer {
	int		  listener, fd;
	uint16_t	  port;
	SSL_CTX		 *good, *bad;
	SSL		 *ssl;
	const char *const *script;	/* ends with NULL */
	struct buf	  in;		/* not yet looked at */
	struct buf	  clear, hidden;	/* all of it */
	size_t		  chunk;	/* octets of BDAT that <serve> still reads */
	int		  secure, serving, in_text, deaf, pipelining, over;
	const char	 *offers;	/* EHLO lines of <serve> under TLS */
};

static struct smtp_peer peer = { .listener = -1, .fd = -1 };

KIT_UNUSED void
peer_open(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof in;

	memset(&peer, 0, sizeof peer);
	peer.fd = -1;
	peer.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	MUST(bind(peer.listener, (struct sockaddr *)&in, len) == 0);
	MUST(listen(peer.listener, 8) == 0);
	MUST(getsockname(peer.listener, (struct sockaddr *)&in, &len) == 0);
	setsockopt(peer.listener, SOL_SOCKET, SO_RCVBUF, &(int){ 65536 }, sizeof(int));
	peer.port = ntohs(in.sin_port);
	if (smtp_leaf.cert == NULL)
		return;
	peer.good = kit_server(&smtp_leaf, NULL, 0);
	peer.bad = kit_server(&smtp_stranger, NULL, 0);
}

/* Ends the connection, not the listener. */
KIT_UNUSED void
peer_hang_up(int reset)
{
	struct linger now = { 1, 0 };

	if (peer.fd == -1)
		return;
	if (reset)
		setsockopt(peer.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	SSL_free(peer.ssl);
	peer.ssl = NULL;
	close(peer.fd);
	peer.fd = -1;
	peer.over = 1;
}

KIT_UNUSED void
peer_begin(const char *const *script)
{
	peer_hang_up(0);
	buf_clear(&peer.in);
	buf_clear(&peer.clear);
	buf_clear(&peer.hidden);
	peer.script = script;
	peer.chunk = 0;
	peer.secure = peer.serving = peer.in_text = peer.deaf = peer.over = 0;
}

KIT_UNUSED void
peer_close(void)
{
	peer_hang_up(0);
	close(peer.listener);
	SSL_CTX_free(peer.good);
	SSL_CTX_free(peer.bad);
	buf_fini(&peer.in);
	buf_fini(&peer.clear);
	buf_fini(&peer.hidden);
}

KIT_UNUSED void
peer_send(const char *s, size_t n)
{
	ERR_clear_error();
	if (peer.fd == -1)
		return;
	if (peer.secure)
		(void)!SSL_write(peer.ssl, s, (int)n);
	else
		(void)!send(peer.fd, s, n, MSG_NOSIGNAL);
}

KIT_UNUSED void
peer_receive(void)
{
	static char data[65536];
	struct buf *all = peer.secure ? &peer.hidden : &peer.clear;
	int n;

	if (peer.fd == -1 || peer.deaf)
		return;
	ERR_clear_error();
	n = peer.secure ? SSL_read(peer.ssl, data, sizeof data) :
	    (int)recv(peer.fd, data, sizeof data, 0);
	if (n > 0) {
		buf_add(all, data, (size_t)n);
		buf_add(&peer.in, data, (size_t)n);
	}
}

/* A line off the input, without CRLF; 0 if there is none. */
KIT_UNUSED int
peer_line(char *to, size_t cap)
{
	char *lf = buf_len(&peer.in) > 0 ? memchr(buf_data(&peer.in), '\n', buf_len(&peer.in)) : NULL;
	size_t n;

	if (lf == NULL)
		return 0;
	n = (size_t)(lf - buf_data(&peer.in));
	str_escape_to(to, cap, buf_data(&peer.in), n > 0 ? n - 1 : 0);
	buf_drop(&peer.in, n + 1);
	return 1;
}

KIT_UNUSED int
peer_shake(SSL_CTX *ctx)
{
	if (peer.ssl == NULL) {
		buf_clear(&peer.in);
		peer.ssl = SSL_new(ctx);
		SSL_set_fd(peer.ssl, peer.fd);
		SSL_set_accept_state(peer.ssl);
	}
	ERR_clear_error();
	return peer.secure = SSL_do_handshake(peer.ssl) == 1;
}

KIT_UNUSED void
peer_serve(void)
{
	char line[600], reply[300];

	for (;;) {
		const char *say = "250 2.0.0 fine\r\n";

		if (peer.chunk > 0) {	/* octets of BDAT */
			size_t n = buf_len(&peer.in) < peer.chunk ? buf_len(&peer.in) : peer.chunk;

			buf_drop(&peer.in, n);
			if ((peer.chunk -= n) > 0)
				return;
			peer_send(say, strlen(say));
		}
		if (peer.fd == -1 || !peer_line(line, sizeof line))
			return;
		if (peer.in_text && strcmp(line, ".") != 0)
			continue;
		peer.in_text = 0;
		if (strncmp(line, "EHLO", 4) == 0) {
			str_fmt(reply, sizeof reply, "250-mx.example.com\r\n%s%s%s250 X\r\n",
			    peer.secure ? "" : "250-STARTTLS\r\n",
			    peer.pipelining ? "250-PIPELINING\r\n" : "",
			    peer.offers != NULL ? peer.offers : "");
			say = reply;
		} else if (strcmp(line, "STARTTLS") == 0) {
			peer_send("220 go\r\n", 8);
			for (int i = 0; i < 2000 && !peer_shake(peer.good); i++)
				event_base_loop(io_base, EVLOOP_NONBLOCK);
			continue;
		} else if (strcmp(line, "DATA") == 0) {
			peer.in_text = 1;
			say = "354 go\r\n";
		} else if (strncmp(line, "BDAT ", 5) == 0) {
			peer.chunk = strtoul(line + 5, NULL, 10);
			MUST(peer.chunk > 0);
			continue;
		} else if (strcmp(line, "QUIT") == 0) {
			peer_send("221 bye\r\n", 9);
			peer_hang_up(0);
			return;
		}
		peer_send(say, strlen(say));
	}
}

/* BDAT with its octets off the input; 0: not all of it is there. Another line is a bug. */
KIT_UNUSED int
peer_chunk(int last)
{
	char line[64] = "", *rest, *lf = NULL;
	size_t n;

	if (buf_len(&peer.in) > 0)
		lf = memchr(buf_data(&peer.in), '\n', buf_len(&peer.in));
	if (lf == NULL)
		return 0;
	n = (size_t)(lf + 1 - buf_data(&peer.in));
	MUST(n < sizeof line && memcmp(buf_data(&peer.in), "BDAT ", 5) == 0);
	memcpy(line, buf_data(&peer.in), n);
	n += strtoul(line + 5, &rest, 10);
	if (strcmp(rest, last ? " LAST\r\n" : "\r\n") != 0)
		fatal(1, "\"%s\" instead of %s", line, last ? "the last one" : "a chunk");
	if (buf_len(&peer.in) < n)
		return 0;
	buf_drop(&peer.in, n);
	return 1;
}

/* Takes the step if it can be taken now. */
KIT_UNUSED int
peer_step(const char *step)
{
	const char *end;
	char line[600];

	if (step[0] == '>') {
		if (!peer_line(line, sizeof line))
			return 0;
		if (strncmp(line, step + 1, strlen(step + 1)) != 0)
			fatal(1, "\"%s\" instead of \"%s\"", line, step + 1);
	} else if (strcmp(step, "<text>") == 0) {
		end = buf_len(&peer.in) < 3 ? NULL :
		    memcmp(buf_data(&peer.in), ".\r\n", 3) == 0 ? buf_data(&peer.in) - 2 :
		    memmem(buf_data(&peer.in), buf_len(&peer.in), "\r\n.\r\n", 5);
		if (end == NULL)
			return 0;
		buf_drop(&peer.in, (size_t)(end + 5 - buf_data(&peer.in)));
	} else if (strcmp(step, "<chunk>") == 0 || strcmp(step, "<last>") == 0) {
		return peer_chunk(step[1] == 'l');
	} else if (strncmp(step, "<tls", 4) == 0) {
		return peer_shake(step[4] == '!' ? peer.bad : peer.good);
	} else if (strcmp(step, "<close>") == 0 || strcmp(step, "<reset>") == 0) {
		peer_hang_up(step[1] == 'r');
	} else if (strcmp(step, "<serve>") == 0) {
		peer.serving = 1;
	} else if (strcmp(step, "<hang>") == 0) {
		return 0;
	} else if (step[0] == '!') {
		peer_send(step + 1, strlen(step + 1));
	} else {
		str_fmt(line, sizeof line, "%s\r\n", step);
		peer_send(line, strlen(line));
	}
	return 1;
}

/* One turn of the peer; call between turns of the loop. */
KIT_UNUSED int
peer_turn(void)
{
	if (peer.fd == -1 && !peer.over) {
		peer.fd = accept4(peer.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (peer.fd == -1)
			return 0;
		setsockopt(peer.fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	}
	if (peer.script == NULL || peer.over)
		return 0;
	if (peer.ssl == NULL || peer.secure)
		peer_receive();
	while (!peer.serving && *peer.script != NULL && !peer.over && peer_step(*peer.script))
		peer.script++;
	if (peer.serving)
		peer_serve();
	return 0;
}

/* 1 if such bytes came in clear. */
KIT_UNUSED int
peer_saw_clear(const char *s)
{
	return buf_len(&peer.clear) > 0 &&
	    memmem(buf_data(&peer.clear), buf_len(&peer.clear), s, strlen(s)) != NULL;
}

KIT_UNUSED int
peer_saw_hidden(const char *s)
{
	return buf_len(&peer.hidden) > 0 &&
	    memmem(buf_data(&peer.hidden), buf_len(&peer.hidden), s, strlen(s)) != NULL;
}

#define PEER_UNTIL(cond)	IO_UNTIL((peer_turn(), (cond)))

#endif
