/* SPDX-License-Identifier: ISC */
/* store: the values that travel through every store: bodies and messages. */
#include "lib/store/store.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"

struct store_body *
store_body_new(char **data, size_t size)
{
	struct store_body *b = must_calloc(1, sizeof *b);

	b->refs = 1;
	b->size = size;
	b->data = *data;
	*data = NULL;
	return b;
}

struct store_body *
store_body_ref(struct store_body *b)
{
	MUST(b->refs > 0);
	b->refs++;
	return b;
}

void
store_body_unref(struct store_body **bp)
{
	struct store_body *b = *bp;

	*bp = NULL;
	if (b == NULL)
		return;
	MUST(b->refs > 0);
	if (--b->refs > 0)
		return;
	free(b->data);
	free(b);
}

void
store_rcpt_fini(struct store_rcpt *r)
{
	free(r->address);
	free(r->dest);
	free(r->orcpt);
	free(r->notify);
	free(r->last);
	free(r->reason);
}

void
store_rcpt_copy(struct store_rcpt *to, const struct store_rcpt *from)
{
	*to = *from;
	to->address = must_strdup_null(from->address);
	to->dest = must_strdup_null(from->dest);
	to->orcpt = must_strdup_null(from->orcpt);
	to->notify = must_strdup_null(from->notify);
	to->last = must_strdup_null(from->last);
	to->reason = must_strdup_null(from->reason);
}

struct store_message *
store_envelope_copy(const struct store_message *from, size_t nrcpts)
{
	struct store_message *m = must_calloc(1, sizeof *m);

	*m = *from;
	m->sender = must_strdup_null(from->sender);
	m->client = must_strdup_null(from->client);
	m->client_name = must_strdup_null(from->client_name);
	m->envid = must_strdup_null(from->envid);
	m->ret = must_strdup_null(from->ret);
	m->body = NULL;
	m->rcpts = must_calloc(nrcpts, sizeof *m->rcpts);
	m->nrcpts = 0;
	return m;
}

struct store_message *
store_message_copy(const struct store_message *from)
{
	struct store_message *m = store_envelope_copy(from, from->nrcpts);

	for (; m->nrcpts < from->nrcpts; m->nrcpts++)
		store_rcpt_copy(&m->rcpts[m->nrcpts], &from->rcpts[m->nrcpts]);
	return m;
}

void
store_message_free(struct store_message **mp)
{
	struct store_message *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->nrcpts; i++)
		store_rcpt_fini(&m->rcpts[i]);
	free(m->rcpts);
	free(m->sender);
	free(m->client);
	free(m->client_name);
	free(m->envid);
	free(m->ret);
	store_body_unref(&m->body);
	free(m);
}

int
store_rcpt_is_first(const struct store_message *m, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (strcmp(m->rcpts[j].dest, m->rcpts[i].dest) == 0)
			return 0;
	return 1;
}
