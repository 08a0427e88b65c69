/* SPDX-License-Identifier: ISC */
/*
 * ctl_queue_show: the verb `queue.show`: one message: its envelope, a line per
 * recipient, a line per destination that is in the way, and on request the
 * body in base64, so that its octets arrive as they are.
 */

#include <openssl/evp.h>

#include "lib/base/map.h"
#include "relayd/smtp/ctl_merge.h"
#include "relayd/smtp/ctl_print.h"
#include "relayd/smtp/ctl_verbs.h"
#include "relayd/smtp/sched.h"

#define RCPTS_A_STEP	100
#define CHUNK		24576	/* octets a line; a multiple of 3: no padding in between */

enum { SHOW_ID, SHOW_BODY };
static const struct ctl_arg args[] = {
	[SHOW_ID] = { .key = "id", .type = CTL_QID, .required = 1 },
	/* Who may read the queue may not yet read the mail. */
	[SHOW_BODY] = { .key = "body", .type = CTL_FLAG, .right = CTL_CHANGE },
	{ .key = NULL },
};

enum stage { STAGE_FETCH, STAGE_RCPTS, STAGE_DESTS, STAGE_LOAD_BODY, STAGE_BODY, STAGE_END };

struct show {
	enum stage		 stage;
	struct store_message	*msg;
	struct store_body	*body;
	size_t			 rcpt;
	uint64_t		 offset;
};

static void
fini(void *state)
{
	struct show *s = state;

	store_message_free(&s->msg);
	store_body_unref(&s->body);
}

/* ---- envelope and recipients ---- */

static void
on_message(struct ctl_call *c, const struct why *why, struct store_message **msgs, size_t n,
    int more)
{
	struct show *s = c->state;

	if ((s->msg = ctl_call_fetched(c, why, msgs, n)) == NULL)
		return;
	ctl_call_line(c, ctl_print_message(s->msg));
	s->stage = STAGE_RCPTS;
	ctl_call_next(c);
}

static void
show_rcpt(struct ctl_call *c, size_t i)
{
	const struct store_message *m = ((struct show *)c->state)->msg;

	ctl_call_line(c, ctl_print_recipient(c->house->sched, m, &m->rcpts[i]));
}

static void
show_block(struct ctl_call *c, size_t i)
{
	const struct store_message *m = ((struct show *)c->state)->msg;
	const struct dest *d = map_gets(c->house->sched->dests, m->rcpts[i].dest);
	enum ctl_state state = ctl_state_of(c->house->sched, &m->rcpts[i]);

	if (d != NULL && (state == CTL_BLOCKED || state == CTL_PAUSED) && store_rcpt_is_first(m, i))
		ctl_call_line(c, ctl_print_dest(d));
}

/* Some of the recipients; behind the last one comes another stage. */
static void
step_rcpts(struct ctl_call *c, void (*show)(struct ctl_call *, size_t), enum stage then)
{
	struct show *s = c->state;

	for (size_t i = 0; i < RCPTS_A_STEP && s->rcpt < s->msg->nrcpts; i++)
		show(c, s->rcpt++);
	if (s->rcpt == s->msg->nrcpts) {
		s->rcpt = 0;
		s->stage = then;
	}
	ctl_call_next(c);
}

/* ---- body ---- */

static void
on_body(struct ctl_call *c, const struct why *why, struct store_body *body)
{
	struct show *s = c->state;

	s->body = body;
	s->stage = STAGE_BODY;
	if (body == NULL)
		ctl_call_fail(c, why);
	else
		ctl_call_next(c);
}

static void
body_line(struct ctl_call *c, const char *p, size_t n)
{
	struct show *s = c->state;
	unsigned char text[CHUNK / 3 * 4 + 1];

	(void)EVP_EncodeBlock(text, (const unsigned char *)p, (int)n);
	ctl_call_line(c, json_pack("{s:s}", "body", (const char *)text));
	s->offset += n;
	ctl_call_next(c);
}

static void
on_chunk(struct ctl_call *c, const struct why *why, const char *p, size_t n)
{
	if (why_is_set(why))
		ctl_call_fail(c, why);
	else if (n == 0 || n > CHUNK)
		ctl_call_end(c, 1, NULL);
	else
		body_line(c, p, n);
}

static void
step_body(struct ctl_call *c)
{
	struct show *s = c->state;
	uint64_t left = s->body->size - s->offset;
	size_t n = left < CHUNK ? (size_t)left : CHUNK;

	if (n == 0)
		ctl_call_end(c, 1, NULL);
	else if (s->body->data != NULL)
		body_line(c, s->body->data + s->offset, n);
	else
		ctl_call_read(c, s->body, s->offset, n, on_chunk);
}

static void
show_step(struct ctl_call *c)
{
	struct show *s = c->state;

	switch (s->stage) {
	case STAGE_FETCH:
		ctl_call_fetch(c, c->values[SHOW_ID].number, on_message);
		break;
	case STAGE_RCPTS:
		step_rcpts(c, show_rcpt, STAGE_DESTS);
		break;
	case STAGE_DESTS:
		step_rcpts(c, show_block, c->values[SHOW_BODY].number ? STAGE_LOAD_BODY : STAGE_END);
		break;
	case STAGE_LOAD_BODY:
		ctl_call_body(c, s->msg->id, on_body);
		break;
	case STAGE_BODY:
		step_body(c);
		break;
	case STAGE_END:
		ctl_call_end(c, 1, NULL);
		break;
	}
}

static const struct ctl_merge merge = { .kind = CTL_WHOEVER };

const struct ctl_verb ctl_verb_queue_show = {
	.name = "queue.show", .args = args, .right = CTL_READ, .merge = &merge,
	.state_size = sizeof(struct show), .step = show_step, .fini = fini,
};
