/* SPDX-License-Identifier: ISC */
/*
 * server_chunk: BDAT (RFC 3030 s2). Octets are counted, nothing among them is
 * looked for. What is refused is read all the same, up to a bound, so that no
 * text is ever taken for commands.
 */
#include "lib/base/clock.h"
#include "relayd/smtp/server_int.h"

/* Each costs a reply. Clients that send what their buffer holds (8 KiB) or a line are none. */
#define CHUNKS_FREE	1000
#define CHUNK_OCTETS	64u		/* of each further one, on the average */
#define SLACK		(1u << 20)	/* read beyond the limit at most (HARDENING I8) */

static int
is_begun(const struct server *s)
{
	return s->state == SERVER_CHUNKS || s->state == SERVER_SPOILT;
}

/* The first chunk of a message, or octets that no message waits for. */
static void
begin(struct server *s)
{
	s->chunks = (struct server_chunks){ .home = s->state };
	s->text_began = clock_mono_ms();
	if (s->state == SERVER_RCPT)
		server_text_open(s, 1);
	else if (s->state == SERVER_MAIL)
		mail_answer_set(&s->chunks.refusal, 554, "5.5.1", "no valid recipients");
	else
		mail_answer_set(&s->chunks.refusal, 503, "5.5.1", "send MAIL and RCPT first");
}

/* Announced so far; as much as there can be if a client counts on an overflow. */
static uint64_t
announce(struct server_chunks *k, uint64_t n)
{
	if (__builtin_add_overflow(k->octets, n, &k->octets))
		k->octets = UINT64_MAX;
	k->n++;
	return k->octets;
}

void
server_chunk_begin(struct server *s, uint64_t n, int last)
{
	struct server_chunks *k = &s->chunks;
	uint64_t max = s->generation->conf->queue.max_message, octets;

	if (!is_begun(s))
		begin(s);
	octets = announce(k, n);
	if (octets > max && k->refusal.code == 0)
		mail_answer_set(&k->refusal, 552, "5.3.4", "the message is larger than %llu bytes",
		    (unsigned long long)max);
	/* A stranger has nothing to send that were worth reading. */
	if (octets > (s->client != NULL ? max + SLACK : SLACK)) {
		server_close(s, k->refusal.code, k->refusal.dsn, "%s", k->refusal.text);
		return;
	}
	if (k->n > CHUNKS_FREE + octets / CHUNK_OCTETS) {
		server_close(s, 554, "5.5.0", "too many small chunks");
		return;
	}
	k->left = n;
	k->last = last;
	s->state = SERVER_CHUNK;
}

/* The whole chunk was read and is not wanted. */
static void
refused(struct server *s)
{
	struct server_chunks *k = &s->chunks;

	if (k->home == SERVER_RCPT) {
		intake_free(&s->intake);
		/* RFC 3030 s2: more of it may be on its way already, up to LAST or RSET. */
		s->state = k->last ? SERVER_READY : SERVER_SPOILT;
	} else {
		s->state = k->home;
	}
	if (k->told) {
		server_answer(s, &k->refusal);
		return;
	}
	k->told = 1;
	server_reject(s, "BDAT", &k->refusal, NULL);
	server_enough(s);
}

static void
chunk_over(struct server *s)
{
	struct server_chunks *k = &s->chunks;

	if (k->refusal.code == 0 && k->last) {
		server_text_commit(s);
		return;
	}
	if (k->refusal.code == 0 && intake_refused(s->intake, &k->refusal) == 0) {
		s->state = SERVER_CHUNKS;
		server_reply(s, 250, "2.0.0", "%llu octets in all", (unsigned long long)k->octets);
		return;
	}
	refused(s);
}

/* Reads on, or finds that the chunk is complete. */
void
server_chunk_input(struct server *s)
{
	struct server_chunks *k = &s->chunks;
	struct buf *in = io_stream_in(s->stream);
	size_t n = buf_len(in) < k->left ? buf_len(in) : (size_t)k->left, used;
	int wait = 0;

	if (n > 0 && k->refusal.code == 0)
		wait = intake_text(s->intake, buf_data(in), n, &used) == INTAKE_WAIT;
	buf_drop(in, n);
	k->left -= n;
	if (server_text_is_slow(s, k->octets - k->left))
		server_close(s, 421, "4.4.2", "the message comes too slowly");
	else if (wait)
		server_text_wait(s);
	else if (k->left == 0)
		chunk_over(s);
	else
		server_text_go_on(s);
}
