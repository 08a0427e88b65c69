/* SPDX-License-Identifier: ISC */
/* job: see job.h. */
#include "relayd/smtp/job.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/str.h"

struct store_message *
job_take_out(struct store_message *m, int (*wanted)(const struct store_rcpt *, const void *),
    const void *arg)
{
	struct store_message *part;
	size_t kept = 0, n = 0;

	for (size_t i = 0; i < m->nrcpts; i++)
		n += wanted(&m->rcpts[i], arg) ? 1 : 0;
	if (n == 0)
		return NULL;
	part = store_envelope_copy(m, n);
	part->body = m->body != NULL ? store_body_ref(m->body) : NULL;
	for (size_t i = 0; i < m->nrcpts; i++) {
		if (wanted(&m->rcpts[i], arg))
			part->rcpts[part->nrcpts++] = m->rcpts[i];
		else
			m->rcpts[kept++] = m->rcpts[i];
	}
	m->nrcpts = kept;
	return part;
}

struct job *
job_new(struct store_message *msg)
{
	struct job *j = must_calloc(1, sizeof *j);

	j->msg = msg;
	j->results = must_calloc(msg->nrcpts, sizeof *j->results);
	j->queued = clock_mono_ms();
	return j;
}

void
job_free(struct job **jp)
{
	struct job *j = *jp;

	*jp = NULL;
	if (j == NULL)
		return;
	store_message_free(&j->msg);
	free(j->results);
	free(j);
}

void
job_abandon(struct job **jp)
{
	if (*jp != NULL && (*jp)->abandoned != NULL)
		(*jp)->abandoned((*jp)->settled_arg);
	job_free(jp);
}

static int
is_behind(const struct store_rcpt *r, const void *first)
{
	return r >= (const struct store_rcpt *)first;
}

struct job *
job_split(struct job *j, size_t n)
{
	return job_new(job_take_out(j->msg, is_behind, &j->msg->rcpts[n]));
}

static int
is_put_off(const struct store_rcpt *r, const void *arg)
{
	const struct job *j = arg;

	return j->results[r - j->msg->rcpts].put_off;
}

struct job *
job_split_put_off(struct job *j)
{
	size_t n = j->msg->nrcpts, kept = 0;
	struct store_message *part = job_take_out(j->msg, is_put_off, j);

	if (part == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (!j->results[i].put_off)
			j->results[kept++] = j->results[i];
	return job_new(part);
}

void
job_reopen(struct job *j)
{
	memset(j->results, 0, j->msg->nrcpts * sizeof *j->results);
}

void
job_settle_open(struct job *j, enum job_fate fate, const struct why *why, const char *reply)
{
	for (size_t i = 0; i < j->msg->nrcpts; i++) {
		struct job_result *r = &j->results[i];

		if (r->fate != JOB_OPEN)
			continue;
		r->fate = fate;
		if (why != NULL)
			r->why = *why;
		str_copy(r->reply, reply == NULL ? "" : reply, sizeof r->reply);
	}
}
