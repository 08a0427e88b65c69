/* SPDX-License-Identifier: ISC */
/* server: commands in, replies out, one message at a time. */
#include "tests/bench/server.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/bench/wire.h"

struct server {
	const struct server_param *param;
	struct wire	*wire;		/* NULL: the client has gone */
	char		 rcpt[256];
	size_t		 scanned;	/* of the content, known to hold no end */
	int		 secure;
	int		 in_data;
	int		 owing;		/* the reply to a message */
	int		 busy;		/* in take(): it frees */
};

typedef void verb_fn(struct server *, const char *line);

static void	on_secured(void *, int);
static void	on_input(void *);
static void	on_closed(void *, const char *);

static const struct wire_events events = {
	.secured = on_secured, .input = on_input, .closed = on_closed,
};

static void
verb_ehlo(struct server *s, const char *line)
{
	wire_adds(s->wire, "250-bench\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n");
	if (s->param->ctx != NULL && !s->secure)
		wire_adds(s->wire, "250-STARTTLS\r\n");
	wire_adds(s->wire, "250 SIZE 100000000\r\n");
}

static void
verb_starttls(struct server *s, const char *line)
{
	if (s->param->ctx == NULL || s->secure) {
		wire_adds(s->wire, "503 5.5.1 Not now\r\n");
		return;
	}
	wire_adds(s->wire, "220 2.0.0 Ready\r\n");
	wire_secure(s->wire, s->param->ctx, NULL);
}

static void
verb_mail(struct server *s, const char *line)
{
	s->rcpt[0] = '\0';
	if (s->param->ctx != NULL && !s->secure) {
		s->param->count->clear++;
		wire_adds(s->wire, "530 5.7.0 STARTTLS first\r\n");
		return;
	}
	wire_adds(s->wire, "250 2.1.0 Ok\r\n");
}

static void
verb_rcpt(struct server *s, const char *line)
{
	const char *from = strchr(line, '<'), *to = from == NULL ? NULL : strchr(from, '>');
	size_t len;

	if (to == NULL || (len = (size_t)(to - from - 1)) >= sizeof s->rcpt) {
		wire_adds(s->wire, "501 5.1.3 Bad address\r\n");
		return;
	}
	memcpy(s->rcpt, from + 1, len);
	s->rcpt[len] = '\0';
	wire_adds(s->wire, "250 2.1.5 Ok\r\n");
}

static void
verb_data(struct server *s, const char *line)
{
	if (s->rcpt[0] == '\0') {
		wire_adds(s->wire, "503 5.5.1 RCPT first\r\n");
		return;
	}
	s->in_data = 1;
	s->scanned = 0;
	wire_adds(s->wire, "354 Go on\r\n");
}

static void
verb_rset(struct server *s, const char *line)
{
	s->rcpt[0] = '\0';
	wire_adds(s->wire, "250 2.0.0 Ok\r\n");
}

static void
verb_quit(struct server *s, const char *line)
{
	wire_adds(s->wire, "221 2.0.0 Bye\r\n");
	wire_flush(s->wire);
	if (s->wire != NULL) {
		wire_close(&s->wire);
		s->param->count->open--;
	}
}

static const struct {
	const char	*word;
	verb_fn		*act;
} verbs[] = {
	{ "MAIL", verb_mail }, { "RCPT", verb_rcpt }, { "DATA", verb_data },
	{ "EHLO", verb_ehlo }, { "HELO", verb_ehlo }, { "STARTTLS", verb_starttls },
	{ "RSET", verb_rset }, { "NOOP", verb_rset }, { "QUIT", verb_quit },
};

static void
command(struct server *s, const char *line)
{
	size_t i;

	for (i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		if (strncasecmp(line, verbs[i].word, strlen(verbs[i].word)) == 0) {
			verbs[i].act(s, line);
			return;
		}
	wire_adds(s->wire, "502 5.5.2 Unknown\r\n");
}

/* Where the content ends, and how long the end is; -1: not yet. */
static int
content_end(struct server *s, const char *data, size_t len, size_t *at, size_t *end)
{
	const char *p;
	size_t from = s->scanned > 4 ? s->scanned - 4 : 0;

	if (len >= 3 && memcmp(data, ".\r\n", 3) == 0) {
		*at = 0;
		*end = 3;
		return 0;
	}
	if ((p = memmem(data + from, len - from, "\r\n.\r\n", 5)) == NULL) {
		s->scanned = len;
		return -1;
	}
	*at = (size_t)(p - data) + 2;
	*end = *at + 3;
	return 0;
}

/* Everything that has come, up to a message that is not answered yet. */
static void
take(struct server *s)
{
	size_t len, at, end;
	char *in, *nl;

	while (s->wire != NULL && !s->owing && (in = wire_in(s->wire, &len)) != NULL) {
		if (s->in_data) {
			if (content_end(s, in, len, &at, &end) == -1)
				return;
			s->in_data = 0;
			s->owing = 1;
			s->param->message(s, s->rcpt, in, at);
			wire_drop(s->wire, end);
		} else {
			if ((nl = memchr(in, '\n', len)) == NULL)
				return;
			*nl = '\0';
			wire_drop(s->wire, (size_t)(nl - in) + 1);
			command(s, in);
		}
	}
}

static void
on_input(void *arg)
{
	struct server *s = arg;

	s->busy = 1;
	take(s);
	s->busy = 0;
	if (s->wire == NULL && !s->owing)
		free(s);
}

void
server_reply(struct server *s, const char *line)
{
	s->owing = 0;
	if (s->wire != NULL) {
		wire_adds(s->wire, line);
		wire_adds(s->wire, "\r\n");
	}
	if (s->busy)
		return;		/* take() goes on, and the wire flushes */
	if (s->wire == NULL) {
		free(s);
		return;
	}
	s->busy = 1;
	take(s);
	s->busy = 0;
	if (s->wire != NULL)
		wire_flush(s->wire);
	else if (!s->owing)
		free(s);
}

static void
on_secured(void *arg, int resumed)
{
	struct server *s = arg;

	s->secure = 1;
	s->param->count->handshakes++;
	s->param->count->resumed += (uint64_t)resumed;
}

static void
on_closed(void *arg, const char *why)
{
	struct server *s = arg;

	s->wire = NULL;
	s->param->count->open--;
	if (!s->owing && !s->busy)
		free(s);
}

void
server_new(const struct server_param *param, int fd)
{
	struct server *s = calloc(1, sizeof *s);

	if (s == NULL)
		err(1, "calloc");
	s->param = param;
	s->wire = wire_new(param->base, fd, 0, &events, s);
	param->count->connections++;
	param->count->open++;
	wire_adds(s->wire, "220 bench ESMTP\r\n");
	wire_flush(s->wire);
}
