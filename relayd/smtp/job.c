/* SPDX-License-Identifier: ISC */
/* job: see job.h. */
#include "relayd/smtp/job.h"

#include <stdlib.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/str.h"

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
