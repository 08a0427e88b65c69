/* SPDX-License-Identifier: ISC */
/* preflight: see preflight.h. */
#include "relayd/ctl/preflight.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "lib/base/map.h"
#include "relayd/ctl/out.h"
#include "relayd/ctl/talk.h"

#define AT_ONCE		4
#define DOMAINS_MAX	100000
#define LINE_MAX_OCTETS	65536	/* of the answer */

static const char *const verdicts[] = {
	"deliver", "partial", "refuse", "unreachable", "defer", "reject", "error",
};
#define GOOD	2	/* so many of them mean that mail would go */

struct domain {
	char	*name;
	json_t	*sum;		/* NULL: not there yet */
};

/* A domain that the daemon works on. */
struct asker {
	struct domain	*domain;	/* NULL: free */
	int		 fd;
	struct buf	 in;
};

struct flight {
	const char	*socket;
	json_t		*request;
	struct out	*out;
	struct domain	*domains;
	size_t		 n, next, shown;
	size_t		 counts[LENGTH(verdicts)];
	struct asker	 askers[AT_ONCE];
	int		 code;
};

/* ---- the list ---- */

/* The domain on this line, NULL if there is none. In place. */
static char *
domain_of(char *line)
{
	char *at;

	line[strcspn(line, "#\r\n")] = '\0';
	line += strspn(line, " \t");
	line[strcspn(line, " \t")] = '\0';
	at = strrchr(line, '@');
	if (at != NULL)
		line = at + 1;
	return line[0] != '\0' ? line : NULL;
}

static void
add(struct flight *f, struct map *known, const char *name)
{
	struct domain *d;

	if (map_gets(known, name) != NULL || f->n == DOMAINS_MAX)
		return;
	f->domains = must_realloc(f->domains, f->n + 1, sizeof *f->domains);
	d = &f->domains[f->n++];
	*d = (struct domain){ .name = must_strdup(name) };
	(void)map_puts(known, name, known);	/* any value */
}

static int
read_list(struct flight *f, const char *path)
{
	int is_stdin = strcmp(path, "-") == 0;
	FILE *file = is_stdin ? stdin : fopen(path, "r");
	struct map *known;
	char *line = NULL, *name;
	size_t cap = 0;

	if (file == NULL) {
		fprintf(stderr, "relayctl: %s: %s\n", path, strerror(errno));
		return EX_NOINPUT;
	}
	known = map_new();
	while (getline(&line, &cap, file) > 0)
		if ((name = domain_of(line)) != NULL)
			add(f, known, name);
	free(line);
	map_free(&known);
	if (!is_stdin)
		fclose(file);
	if (f->n > 0)
		return EX_OK;
	fprintf(stderr, "relayctl: %s: there is no domain in it\n", path);
	return EX_DATAERR;
}

/* ---- answers ---- */

static size_t
verdict_of(const json_t *sum)
{
	const char *s = json_string_value(json_object_get(sum, "verdict"));

	for (size_t i = 0; i < LENGTH(verdicts); i++)
		if (s != NULL && strcmp(s, verdicts[i]) == 0)
			return i;
	return LENGTH(verdicts) - 1;
}

/* In the order of the list, as far as all before are there. */
static void
show(struct flight *f)
{
	for (; f->shown < f->n && f->domains[f->shown].sum != NULL; f->shown++) {
		const json_t *sum = f->domains[f->shown].sum;
		char *raw = json_dumps(sum, JSON_COMPACT);

		f->counts[verdict_of(sum)]++;
		out_line(f->out, raw, sum);
		free(raw);
	}
}

static void
end_asker(struct flight *f, struct asker *a, json_t *sum)
{
	if (a->domain->sum == NULL)
		a->domain->sum = sum;
	else
		json_decref(sum);
	if (a->fd != -1)
		close(a->fd);
	buf_fini(&a->in);
	a->domain = NULL;
	show(f);
}

static json_t *
failure(const struct asker *a, const char *why)
{
	return json_pack("{s:s, s:s, s:s}", "probe", a->domain->name, "verdict", "error", "why",
	    why == NULL ? "the answer was cut" : why);
}

/* One line; 1 if it was the last one. */
static int
take_line(struct asker *a, const char *p, size_t n, json_t **sum)
{
	json_t *line = json_loadb(p, n, JSON_REJECT_DUPLICATES, NULL);
	int last = !json_is_object(line) || json_object_get(line, "end") != NULL;

	*sum = NULL;
	if (json_object_get(line, "error") != NULL) {
		*sum = failure(a, json_string_value(json_object_get(line, "error")));
		last = 1;
	} else if (json_object_get(line, "probe") != NULL) {
		a->domain->sum = json_incref(line);
	}
	if (last && *sum == NULL)
		*sum = failure(a, NULL);	/* dropped if the sum is there */
	json_decref(line);
	return last;
}

static void
on_readable(struct flight *f, struct asker *a)
{
	ssize_t got = read(a->fd, buf_reserve(&a->in, 4096), 4096);
	const char *end;
	json_t *sum;

	if (got > 0)
		buf_commit(&a->in, (size_t)got);
	if (got <= 0 || buf_len(&a->in) > LINE_MAX_OCTETS) {
		end_asker(f, a, failure(a, NULL));
		return;
	}
	while ((end = memchr(buf_data(&a->in), '\n', buf_len(&a->in))) != NULL) {
		size_t n = (size_t)(end - buf_data(&a->in));

		if (take_line(a, buf_data(&a->in), n, &sum)) {
			end_asker(f, a, sum);
			return;
		}
		buf_drop(&a->in, n + 1);
		if (buf_len(&a->in) == 0)
			return;
	}
}

/* ---- the flight ---- */

static void
begin(struct flight *f, struct asker *a)
{
	struct domain *d = &f->domains[f->next++];

	a->domain = d;
	buf_init(&a->in);
	/* A name that is no UTF-8 is no domain either. */
	if (json_object_set_new(f->request, "domain", json_string(d->name)) == -1) {
		a->fd = -1;
		end_asker(f, a, json_pack("{s:s, s:s, s:s}", "probe", "?", "verdict", "error",
		    "why", "this is no domain"));
		return;
	}
	a->fd = talk_open(f->socket, f->request, &f->code);
	if (a->fd == -1)
		end_asker(f, a, failure(a, "relayd does not answer"));
}

/* Waits for answers; 0 when nothing is under way. */
static int
turn(struct flight *f)
{
	struct pollfd fds[AT_ONCE];
	struct asker *of[AT_ONCE];
	nfds_t n = 0;

	for (size_t i = 0; i < AT_ONCE; i++) {
		struct asker *a = &f->askers[i];

		while (a->domain == NULL && f->next < f->n && f->code == EX_OK)
			begin(f, a);
		if (a->domain == NULL)
			continue;
		of[n] = a;
		fds[n++] = (struct pollfd){ .fd = a->fd, .events = POLLIN };
	}
	if (n == 0)
		return 0;
	if (poll(fds, n, -1) == -1)
		return errno == EINTR;
	for (nfds_t i = 0; i < n; i++)
		if (fds[i].revents != 0)
			on_readable(f, of[i]);
	return 1;
}

static int
finish(struct flight *f)
{
	json_t *all = json_pack("{s:I}", "preflight", (json_int_t)f->n), *last;
	size_t good = 0;
	char *raw;

	for (size_t i = 0; i < LENGTH(verdicts); i++) {
		MUST(json_object_set_new(all, verdicts[i],
		    json_integer((json_int_t)f->counts[i])) == 0);
		if (i < GOOD)
			good += f->counts[i];
	}
	raw = json_dumps(all, JSON_COMPACT);
	out_line(f->out, raw, all);
	free(raw);
	json_decref(all);
	last = json_pack("{s:b, s:I, s:b}", "end", 1, "count", (json_int_t)f->n, "good",
	    good == f->n);
	raw = json_dumps(last, JSON_COMPACT);
	out_last(f->out, raw, last);
	free(raw);
	json_decref(last);
	return good == f->n ? EX_OK : 1;
}

int
preflight(const char *socket, const json_t *request, struct out *out)
{
	struct flight f = { .socket = socket, .out = out, .code = EX_OK };
	int code = read_list(&f, json_string_value(json_object_get(request, "file")));

	f.request = json_copy((json_t *)(uintptr_t)request);
	(void)json_object_del(f.request, "file");
	MUST(json_object_set_new(f.request, "verb", json_string("probe")) == 0);
	if (code == EX_OK) {
		while (turn(&f))
			;
		code = f.code == EX_OK ? finish(&f) : f.code;
	}
	for (size_t i = 0; i < f.n; i++) {
		free(f.domains[i].name);
		json_decref(f.domains[i].sum);
	}
	free(f.domains);
	json_decref(f.request);
	return code;
}
