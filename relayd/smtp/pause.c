/* SPDX-License-Identifier: ISC */
/* pause: see pause.h. */
#include "relayd/smtp/pause.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/num.h"
#include "lib/base/str.h"

struct pauses {
	struct map	*by_domain;
	int		 waits;		/* see pause_wait */
	void		(*done)(void *arg, const struct why *);
	void		*arg;
};

/* ---- as text ---- */

void
pause_print(const struct pause *p, char *to, size_t cap)
{
	(void)str_fmt(to, cap, "1 %" PRIu32 " %" PRId64 " %s", p->uid, p->since, p->reason);
}

/* The number up to the next blank; p behind that. */
static int
take_number(const char **p, uint64_t max, uint64_t *n)
{
	const char *blank = strchr(*p, ' ');
	char word[24];

	if (blank == NULL || (size_t)(blank - *p) >= sizeof word)
		return -1;
	(void)str_copy(word, *p, (size_t)(blank - *p) + 1);
	*p = blank + 1;
	return num_u64(word, max, n);
}

int
pause_parse(const char *value, struct pause *p)
{
	uint64_t version, uid, since;

	if (take_number(&value, 1, &version) == -1 || version != 1 ||
	    take_number(&value, UINT32_MAX, &uid) == -1 ||
	    take_number(&value, INT64_MAX, &since) == -1)
		return -1;
	p->uid = (uint32_t)uid;
	p->since = (int64_t)since;
	(void)str_copy(p->reason, value, sizeof p->reason);
	return 0;
}

/* ---- in memory ---- */

const struct pause *
pause_of(const struct pauses *p, const char *domain)
{
	static const struct pause all = { .reason = "until worker 0 tells what is paused" };
	const struct pause *own = map_gets(p->by_domain, domain);

	return own == NULL && p->waits ? &all : own;
}

void
pause_wait(struct pauses *p, int waits)
{
	p->waits = waits;
}

void
pause_set(struct pauses *p, const struct pause *pause)
{
	struct pause *copy = must_calloc(1, sizeof *copy);

	*copy = *pause;
	free(map_puts(p->by_domain, copy->domain, copy));
}

void
pause_end(struct pauses *p, const char *domain)
{
	free(map_removes(p->by_domain, domain));
}

size_t
pause_count(const struct pauses *p)
{
	return map_count(p->by_domain);
}

struct each {
	void	(*fn)(const struct pause *, void *arg);
	void	*arg;
};

static void
show_one(void *value, void *arg)
{
	const struct each *e = arg;

	e->fn(value, e->arg);
}

void
pause_each(struct pauses *p, void (*fn)(const struct pause *, void *), void *arg)
{
	struct each e = { fn, arg };

	map_each(p->by_domain, show_one, &e);
}

/* ---- from the store ---- */

static void
on_notes(void *arg, const struct why *why, const struct store_note *notes, size_t n)
{
	struct pauses *p = arg;

	for (size_t i = 0; i < n; i++) {
		struct pause pause = { .reason = "" };

		(void)str_copy(pause.domain, notes[i].key + strlen(PAUSE_PREFIX),
		    sizeof pause.domain);
		if (pause_parse(notes[i].value, &pause) == -1)
			log_err("%s: the note of its pause is damaged; it is paused",
			    pause.domain);
		pause_set(p, &pause);
	}
	p->done(p->arg, why);
}

void
pause_load(struct pauses *p, struct store *store, void (*done)(void *, const struct why *),
    void *arg)
{
	p->done = done;
	p->arg = arg;
	store->ops->notes(store, PAUSE_PREFIX, on_notes, p);
}

/* ---- life ---- */

struct pauses *
pause_new(void)
{
	struct pauses *p = must_calloc(1, sizeof *p);

	p->by_domain = map_new();
	return p;
}

static void
free_one(void *value, void *arg)
{
	free(value);
}

void
pause_free(struct pauses **pp)
{
	struct pauses *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	map_each(p->by_domain, free_one, NULL);
	map_free(&p->by_domain);
	free(p);
}
