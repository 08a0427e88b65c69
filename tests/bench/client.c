/* SPDX-License-Identifier: ISC */
/* client: banner, EHLO, STARTTLS, EHLO, then message after message. */
#include "tests/bench/client.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/bench/wire.h"

enum stage { BANNER, EHLO, STARTTLS, HANDSHAKE, SECURE_EHLO, READY, MAIL, RCPT, DATA, DOT };

struct client {
	struct client_param	 param;
	struct wire		*wire;
	enum stage		 stage;
	const char		*data;
	size_t			 len;
	int			 refused;	/* first code that was not 2xx */
	int			 busy;		/* in on_input: it frees */
};

static void	on_secured(void *, int);
static void	on_input(void *);
static void	on_closed(void *, const char *);

static const struct wire_events events = {
	.secured = on_secured, .input = on_input, .closed = on_closed,
};

struct client *
client_new(const struct client_param *param)
{
	struct client *c;
	int fd = wire_connect(param->address);

	if (fd == -1)
		return NULL;
	if ((c = calloc(1, sizeof *c)) == NULL)
		err(1, "calloc");
	c->param = *param;
	c->wire = wire_new(param->base, fd, 1, &events, c);
	return c;
}

void
client_send(struct client *c, const char *from, const char *rcpt, const char *data, size_t len)
{
	c->data = data;
	c->len = len;
	c->refused = 0;
	c->stage = MAIL;
	wire_adds(c->wire, "MAIL FROM:<");
	wire_adds(c->wire, from);
	wire_adds(c->wire, ">\r\nRCPT TO:<");
	wire_adds(c->wire, rcpt);
	wire_adds(c->wire, ">\r\nDATA\r\n");
	if (!c->busy)
		wire_flush(c->wire);
}

void
client_quit(struct client **cp)
{
	struct client *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	c->param.closed = NULL;
	if (c->stage == READY) {
		c->busy++;
		wire_adds(c->wire, "QUIT\r\n");
		wire_flush(c->wire);
		c->busy--;
	}
	wire_close(&c->wire);
	if (!c->busy)
		free(c);
}

static void
finish(struct client *c, int code)
{
	c->stage = READY;
	c->param.done(c->param.arg, code);
}

static void
ready(struct client *c)
{
	c->stage = READY;
	c->param.ready(c->param.arg);
}

/* NULL: go on; else why this connection is of no use. */
static const char *
reply(struct client *c, int code)
{
	if (c->stage < READY && code / 100 != 2)
		return "refused before MAIL";
	switch (c->stage) {
	case BANNER:
		wire_adds(c->wire, "EHLO bench.example\r\n");
		c->stage = EHLO;
		return NULL;
	case EHLO:
		if (c->param.ctx == NULL) {
			ready(c);
			return NULL;
		}
		wire_adds(c->wire, "STARTTLS\r\n");
		c->stage = STARTTLS;
		return NULL;
	case STARTTLS:
		c->stage = HANDSHAKE;
		wire_secure(c->wire, c->param.ctx, c->param.name);
		return NULL;
	case SECURE_EHLO:
		ready(c);
		return NULL;
	case MAIL:
	case RCPT:
		if (code / 100 != 2 && c->refused == 0)
			c->refused = code;
		c->stage = c->stage == MAIL ? RCPT : DATA;
		return NULL;
	case DATA:
		if (code != 354) {
			finish(c, c->refused != 0 ? c->refused : code);
			return NULL;
		}
		if (c->refused == 0)
			wire_add(c->wire, c->data, c->len);
		wire_adds(c->wire, ".\r\n");
		c->stage = DOT;
		return NULL;
	case DOT:
		finish(c, c->refused != 0 ? c->refused : code);
		return NULL;
	case HANDSHAKE:
	case READY:
		break;
	}
	return "reply to nothing";
}

static void
on_input(void *arg)
{
	struct client *c = arg;
	const char *why = NULL;
	size_t len;
	char *in, *nl;

	c->busy++;
	while (why == NULL && c->wire != NULL && (in = wire_in(c->wire, &len)) != NULL &&
	    (nl = memchr(in, '\n', len)) != NULL) {
		int last = nl - in >= 3 && in[3] != '-';
		int code = atoi(in);

		wire_drop(c->wire, (size_t)(nl - in) + 1);
		if (last)
			why = reply(c, code);
	}
	c->busy--;
	if (why != NULL && c->wire != NULL) {
		wire_close(&c->wire);
		if (c->param.closed != NULL)
			c->param.closed(c->param.arg, why);
	}
	if (c->wire == NULL && c->busy == 0)
		free(c);
}

static void
on_secured(void *arg, int resumed)
{
	struct client *c = arg;

	wire_adds(c->wire, "EHLO bench.example\r\n");
	c->stage = SECURE_EHLO;
}

static void
on_closed(void *arg, const char *why)
{
	struct client *c = arg;

	c->wire = NULL;
	if (c->param.closed != NULL)
		c->param.closed(c->param.arg, why);
	if (c->busy == 0)
		free(c);
}
