/* SPDX-License-Identifier: ISC */
/* server_text: from 354, or the first BDAT, to the reply behind the commit. */
#include "lib/base/clock.h"
#include "relayd/smtp/server_int.h"

#define STALL_MS	60000	/* a client that sends nothing for so long */
#define FLOOR_AFTER_MS	60000
#define FLOOR_BYTES_S	500	/* HARDENING I7 */

void
server_text_open(struct server *s, int bdat)
{
	struct mail_received trace = {
		.helo = s->helo, .client_ip = s->ip, .esmtp = s->esmtp,
		.tls = s->tls_text[0] != '\0' ? s->tls_text : NULL,
	};

	s->text_began = clock_mono_ms();
	intake_begin(s->intake, &trace, bdat);
}

void
server_text_begin(struct server *s)
{
	s->state = SERVER_TEXT;
	s->chunks.n = 0;
	server_text_open(s, 0);
	server_text_go_on(s);
}

int
server_text_is_slow(const struct server *s, uint64_t octets)
{
	int64_t ms = clock_mono_ms() - s->text_began;

	if (ms > s->generation->conf->limits.data)
		return 1;
	return ms > FLOOR_AFTER_MS && octets < (uint64_t)(ms / 1000) * FLOOR_BYTES_S;
}

void
server_text_go_on(struct server *s)
{
	io_stream_deadline(s->stream, STALL_MS);
}

void
server_text_wait(struct server *s)
{
	io_stream_deadline(s->stream, 0);
	io_stream_pause(s->stream);
}

void
server_text_commit(struct server *s)
{
	s->state = SERVER_COMMIT;
	io_stream_deadline(s->stream, 0);	/* the store answers, sooner or later */
	/* Whoever hangs up behind the dot is told what became of it all the same. */
	io_stream_pause(s->stream);
	intake_commit(s->intake, server_protocol(s), s->tls_text);
}

void
server_text_input(struct server *s)
{
	struct buf *in = io_stream_in(s->stream);
	enum intake_text got;
	size_t used;

	if (buf_len(in) == 0)
		return;
	got = intake_text(s->intake, buf_data(in), buf_len(in), &used);
	buf_drop(in, used);
	switch (got) {
	case INTAKE_MORE:
		if (server_text_is_slow(s, intake_octets(s->intake)))
			server_close(s, 421, "4.4.2", "the message comes too slowly");
		else
			server_text_go_on(s);
		break;
	case INTAKE_WAIT:
		server_text_wait(s);
		break;
	case INTAKE_END:
		server_text_commit(s);
		break;
	case INTAKE_ABUSE:
		server_close(s, 552, "5.3.4", "the message is far too large");
		break;
	}
}

static void
on_go_on(void *arg)
{
	struct server *s = arg;

	server_text_go_on(s);
	io_stream_resume(s->stream);
	/* All of the chunk may have been read before the wait. */
	if (s->state == SERVER_CHUNK)
		server_chunk_input(s);
}

static void
on_committed(void *arg, const struct mail_answer *a)
{
	struct server *s = arg;

	s->intake = NULL;
	s->state = SERVER_READY;
	s->messages++;
	s->junk = 0;
	if (a->code / 100 == 2)
		server_answer(s, a);
	else
		server_reject(s, s->chunks.n > 0 ? "BDAT" : "DATA", a, NULL);
	if (s->draining) {
		server_close(s, 421, "4.3.2", "the relay is going down");
		return;
	}
	io_stream_deadline(s->stream, s->generation->conf->limits.idle);
	io_stream_resume(s->stream);	/* what was pipelined behind the text */
}

const struct intake_events server_text_events = {
	.go_on = on_go_on, .committed = on_committed,
};
