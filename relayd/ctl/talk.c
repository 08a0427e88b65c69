/* SPDX-License-Identifier: ISC */
/* talk: see talk.h. */
#include "relayd/ctl/talk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "relayd/ctl/out.h"

#define MATCHED_NOTHING	1
#define NOT_GOOD	1
#define SHOWN_MAX	1024

static const struct {
	const char	*kind;
	int		 code;
} kinds[] = {
	{ "usage", EX_USAGE }, { "denied", EX_NOPERM }, { "busy", EX_TEMPFAIL },
	{ "failed", EX_IOERR },
};

/* ---- connection ---- */

static int
cannot_connect(const char *path, int err)
{
	if (err == EACCES || err == EPERM) {
		fprintf(stderr, "relayctl: %s: permission denied; run it as root or as a member of "
		    "the socket's group\n", path);
		return EX_NOPERM;
	}
	fprintf(stderr, "relayctl: relayd does not answer on %s: %s; start it, or name its "
	    "control.socket with -s or its configuration with -f\n", path, strerror(err));
	return EX_UNAVAILABLE;
}

/* The descriptor, or -1 with *code. */
static int
dial(const char *path, int *code)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd;

	if (str_copy(un.sun_path, path, sizeof un.sun_path) >= sizeof un.sun_path) {
		fprintf(stderr, "relayctl: %s: a socket's path has at most %zu characters\n", path,
		    sizeof un.sun_path - 1);
		*code = EX_USAGE;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd != -1 && connect(fd, (struct sockaddr *)&un, sizeof un) == 0)
		return fd;
	*code = cannot_connect(path, errno);
	if (fd != -1)
		close(fd);
	return -1;
}

/* A daemon that turns us away may have closed already; its words are still there to be read. */
static void
send_request(int fd, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t n = strlen(text), done = 0;
	ssize_t sent = 0;

	text[n] = '\n';		/* in place of the NUL */
	while (done < n + 1 && sent != -1) {
		sent = send(fd, text + done, n + 1 - done, MSG_NOSIGNAL);
		if (sent > 0)
			done += (size_t)sent;
		else if (sent == -1 && errno == EINTR)
			sent = 0;
	}
	free(text);
}

/* ---- the answer ---- */

static const char *
shown(const json_t *line, const char *key, char to[SHOWN_MAX])
{
	const char *s = json_string_value(json_object_get(line, key));

	str_escape_to(to, SHOWN_MAX, s == NULL ? "" : s, s == NULL ? 0 : strlen(s));
	return to;
}

static int
refused(const json_t *line)
{
	char error[SHOWN_MAX], fix[SHOWN_MAX], kind[SHOWN_MAX];

	(void)shown(line, "error", error);
	(void)shown(line, "fix", fix);
	(void)shown(line, "kind", kind);
	fprintf(stderr, "relayctl: %s%s%s\n", error, fix[0] != '\0' ? "; " : "", fix);
	for (size_t i = 0; i < LENGTH(kinds); i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			return kinds[i].code;
	return EX_SOFTWARE;
}

static int
ended(const json_t *line)
{
	char next[SHOWN_MAX];

	if (json_integer_value(json_object_get(line, "count")) == 0) {
		fputs("relayctl: nothing matched\n", stderr);
		return MATCHED_NOTHING;
	}
	if (json_is_false(json_object_get(line, "good")))
		return NOT_GOOD;
	if (shown(line, "next", next)[0] != '\0')
		fprintf(stderr, "relayctl: there is more, go on with -a %s\n", next);
	return EX_OK;
}

/* 1 if this was the last line, then *code is set. */
static int
take_line(const char *raw, const json_t *line, struct out *out, int *code)
{
	if (json_object_get(line, "error") != NULL)
		*code = refused(line);
	else if (json_object_get(line, "end") != NULL)
		*code = ended(line);
	else {
		out_line(out, raw, line);
		return 0;
	}
	out_last(out, raw, line);
	return 1;
}

static int
read_answer(FILE *f, const char *path, struct out *out)
{
	char *raw = NULL;
	size_t cap = 0;
	ssize_t n;
	int code = EX_UNAVAILABLE, last = 0;

	while (!last && (n = getline(&raw, &cap, f)) > 0 && raw[n - 1] == '\n') {
		json_t *line;

		raw[n - 1] = '\0';
		line = json_loadb(raw, (size_t)n - 1, JSON_REJECT_DUPLICATES, NULL);
		if (!json_is_object(line)) {
			json_decref(line);
			break;
		}
		last = take_line(raw, line, out, &code);
		json_decref(line);
	}
	free(raw);
	if (!last)
		fprintf(stderr, "relayctl: the answer on %s was cut; see the daemon's log and "
		    "ask again\n", path);
	return code;
}

int
talk_open(const char *path, const json_t *request, int *code)
{
	int fd = dial(path, code);

	if (fd != -1)
		send_request(fd, request);
	return fd;
}

int
talk(const char *path, const json_t *request, struct out *out)
{
	int code, fd = talk_open(path, request, &code);
	FILE *f;

	if (fd == -1)
		return code;
	f = fdopen(fd, "r");
	if (f == NULL) {
		close(fd);
		return EX_OSERR;
	}
	code = read_answer(f, path, out);
	fclose(f);
	return code;
}
