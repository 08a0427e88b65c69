/* SPDX-License-Identifier: ISC */
/*
 * client_text: the text of a message on its way out. By DATA: dot-stuffed, the
 * final dot in the same write as the last of it. By BDAT (RFC 3030): in chunks,
 * each in the same write as its command and each answered before the next, so
 * that a refusal finds nothing half said. Either way through lib/mail/dataout,
 * and no more in memory than a window.
 */
#include <stdlib.h>

#include "lib/base/bug.h"
#include "relayd/smtp/client_int.h"
#include "relayd/smtp/flight.h"

#define BLOCK		65536u		/* read at a time of a body that is in a file */
#define WINDOW		(256u << 10)	/* unsent bytes beyond which the next block waits */
#define BDAT_MAX	(1u << 20)	/* octets of one chunk */

/* ---- framing ---- */

/* Checked text goes to the stream as far as the chunk reaches, its command before it. */
static void
put_chunk(struct client *c)
{
	struct buf *out = io_stream_out(c->stream);
	uint64_t rest = c->body->size - c->chunk_end;
	size_t n = buf_len(&c->checked);

	if (c->chunk_left == 0) {
		c->chunk_left = rest < BDAT_MAX ? rest : BDAT_MAX;
		c->chunk_end += c->chunk_left;
		buf_addf(out, "BDAT %llu%s\r\n", (unsigned long long)c->chunk_left,
		    c->chunk_end == c->body->size ? " LAST" : "");
	}
	if (n > c->chunk_left)
		n = (size_t)c->chunk_left;
	buf_add(out, buf_data(&c->checked), n);
	buf_drop(&c->checked, n);
	c->chunk_left -= n;
}

/* n more octets of the stored text. 0, or -1: not one of them may leave, nor the end. */
static int
put_text(struct client *c, const char *data, size_t n, struct why *why)
{
	struct buf *to = c->chunked ? &c->checked : io_stream_out(c->stream);

	if (n > c->body->size - c->read_bytes)
		return why_set(why, WHY_CORRUPT, "stored text is longer than it should be");
	c->read_bytes += n;
	if (mail_dataout_add(&c->out, data, n, to, why) == -1)
		return -1;
	if (c->read_bytes < c->body->size)
		return 0;
	return mail_dataout_finish(&c->out, to, why);
}

/* The state that what was put leads to: BODY while there is more to put. */
static enum client_state
progress(struct client *c)
{
	int whole = c->read_bytes == c->body->size;

	if (!c->chunked)
		return whole ? CLIENT_DOT : CLIENT_BODY;
	put_chunk(c);
	if (c->chunk_left > 0)
		return CLIENT_BODY;
	return whole && buf_len(&c->checked) == 0 ? CLIENT_DOT : CLIENT_CHUNK;
}

/* 1: more is to be put now. */
static int
go_on(struct client *c)
{
	enum client_state next = progress(c);

	if (next == CLIENT_DOT)
		flight_dot(c->store, c->job);
	io_stream_push(c->stream);
	if (next == CLIENT_BODY)
		return 1;
	client_enter(c, next);
	return 0;
}

/* ---- reading ---- */

/* The store answers by callback; the client may be gone by then. */
static void
on_block(void *arg, const struct why *why, const char *data, size_t n)
{
	struct client_read *read = arg;
	struct client *c = read->client;
	struct why local;

	free(read);
	if (c == NULL)
		return;
	c->reading = NULL;
	if (why_is_set(why)) {
		client_fail(c, why);
		return;
	}
	if (n == 0) {
		why_set(&local, WHY_CORRUPT, "stored text ends too early");
		client_fail(c, &local);
		return;
	}
	if (put_text(c, data, n, &local) == -1) {
		client_fail(c, &local);
		return;
	}
	io_stream_deadline(c->stream, client_state_seconds(CLIENT_BODY) * 1000LL);
	if (go_on(c))
		client_text_continue(c);
}

static void
begin(struct client *c)
{
	c->body = store_body_ref(c->plain != NULL ? c->plain : c->job->msg->body);
	c->read_bytes = c->chunk_end = c->chunk_left = 0;
	if (c->chunked)
		mail_dataout_init_bdat(&c->out);
	else
		mail_dataout_init(&c->out);
}

void
client_text_continue(struct client *c)
{
	struct why why;

	if (c->body == NULL) {
		begin(c);
		if (c->body->data != NULL) {
			if (put_text(c, c->body->data, c->body->size, &why) == -1)
				client_fail(c, &why);
			else
				MUST(go_on(c) == 0);
			return;
		}
	}
	/* What was read and did not fit into the chunk before. */
	if (c->chunk_left == 0 && buf_len(&c->checked) > 0 && !go_on(c))
		return;
	if (c->reading != NULL)
		return;
	if (io_stream_unsent(c->stream) > WINDOW) {
		io_stream_want_drain(c->stream);
		return;
	}
	c->reading = must_calloc(1, sizeof *c->reading);
	c->reading->client = c;
	c->store->ops->read(c->store, c->body, c->read_bytes, BLOCK, on_block, c->reading);
}

void
client_text_drop(struct client *c)
{
	if (c->reading != NULL)
		c->reading->client = NULL;
	c->reading = NULL;
	store_body_unref(&c->body);
	store_body_unref(&c->plain);
	buf_fini(&c->checked);
}
