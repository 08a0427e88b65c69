/* SPDX-License-Identifier: ISC */
/*
 * smtp_door: a house of server sessions over a store whose puts and appends
 * can be held back or made to fail, and a client end that says octets and
 * hears replies.
 */
#ifndef TESTS_UNIT_SMTP_DOOR_H
#define TESTS_UNIT_SMTP_DOOR_H

#include <arpa/inet.h>

#include "relayd/smtp/server_int.h"
#include "tests/unit/smtp_kit.h"

#define DOOR_CONF							\
	"hostname = \"relay.example.org\";"				\
	"listen = ( { address = \"127.0.0.1:0\"; },"			\
	" { address = \"127.0.0.1:0\"; tls = \"starttls\"; certificate = \"/c\"; key = \"/k\"; },"	\
	" { address = \"127.0.0.1:0\"; tls = \"implicit\"; certificate = \"/c\"; key = \"/k\"; } );"	\
	"clients = ( { name = \"in\"; networks = [ \"10.0.0.0/8\" ]; },"	\
	" { name = \"strict\"; networks = [ \"10.1.0.0/16\" ]; profile = \"strict\"; },"	\
	" { name = \"old\"; networks = [ \"10.2.0.0/16\" ]; profile = \"appliance\"; },"	\
	" { name = \"tls\"; networks = [ \"10.3.0.0/16\" ]; tls = \"required\"; } );"	\
	"limits = { sessions = 12; sessions_per_client = 3; connects_per_minute = 1000;"	\
	" recipients = 3; errors = 5; junk = 8; messages = 4; };"	\
	"queue = { max_message = \"100K\"; };"

#define DOOR_MAX_MESSAGE	(100 << 10)

/* ---- the store ---- */

struct door_put {
	struct store_message	*msg;
	struct store_spool	*spool;
	store_done_fn		*done;
	void			*arg;
};

struct door_append {
	struct store_spool	*spool;		/* NULL: aborted or answered */
	store_done_fn		*done;
	void			*arg;
};

static struct {
	struct store		 pub;		/* first */
	struct store		*inner;
	int			 hold_puts, hold_appends;
	enum why_reason		 refusal;	/* of new mail */
	struct door_put		 puts[16];
	struct door_append	 appends[16];
	size_t			 nputs, nappends;
	int			 spools;	/* files there are */
} door_store;

KIT_UNUSED void
door_put(struct store *st, struct store_message *m, struct store_spool *spool, store_done_fn *done,
    void *arg)
{
	if (spool != NULL)
		door_store.spools--;
	if (door_store.hold_puts) {
		MUST(door_store.nputs < 16);
		door_store.puts[door_store.nputs++] = (struct door_put){ m, spool, done, arg };
		return;
	}
	door_store.inner->ops->put(door_store.inner, m, spool, done, arg);
}

KIT_UNUSED struct store_spool *
door_spool_new(struct store *st)
{
	door_store.spools++;
	return door_store.inner->ops->spool_new(door_store.inner);
}

KIT_UNUSED void
door_spool_append(struct store_spool *sp, const void *data, size_t n, store_done_fn *done,
    void *arg)
{
	if (door_store.hold_appends) {
		MUST(door_store.nappends < 16);
		door_store.appends[door_store.nappends++] = (struct door_append){ sp, done, arg };
		return;
	}
	door_store.inner->ops->spool_append(sp, data, n, done, arg);
}

/* As the contract of the store has it: an aborted spool answers nothing any more. */
KIT_UNUSED void
door_spool_abort(struct store_spool **sp)
{
	if (*sp != NULL)
		door_store.spools--;
	for (size_t i = 0; i < door_store.nappends; i++)
		if (door_store.appends[i].spool == *sp)
			door_store.appends[i].spool = NULL;
	door_store.inner->ops->spool_abort(sp);
}

KIT_UNUSED enum why_reason
door_refuses(struct store *st)
{
	return door_store.refusal;
}

/* Lets the held puts go, or fails them. */
KIT_UNUSED void
door_release_puts(enum why_reason reason)
{
	size_t n = door_store.nputs;

	door_store.hold_puts = 0;
	door_store.nputs = 0;
	for (size_t i = 0; i < n; i++) {
		struct door_put *p = &door_store.puts[i];
		struct why why;

		if (reason == WHY_NONE) {
			door_store.inner->ops->put(door_store.inner, p->msg, p->spool, p->done, p->arg);
			continue;
		}
		door_store.inner->ops->spool_abort(&p->spool);
		why_set(&why, reason, "said the test");
		p->done(p->arg, &why);
	}
}

KIT_UNUSED void
door_release_appends(enum why_reason reason)
{
	struct why why;

	door_store.hold_appends = 0;
	why_set(&why, reason, "said the test");
	for (size_t i = 0; i < door_store.nappends; i++)
		if (door_store.appends[i].spool != NULL) {
			door_store.appends[i].spool = NULL;
			door_store.appends[i].done(door_store.appends[i].arg, &why);
		}
	door_store.nappends = 0;
}

/* ---- the house ---- */

static struct generation *door_generation;
static struct server_house house;
static int door_fd = -1;
static struct buf door_heard;
static int door_closed;
static uint64_t door_queued;
static struct store_message *door_last;		/* the last message that was queued */
static int door_turns = 4;			/* of the loop between saying and hearing */

KIT_UNUSED void
door_on_queued(void *arg, struct store_message *m)
{
	door_queued++;
	store_message_free(&door_last);
	door_last = m;
}

KIT_UNUSED void
door_build(int with_tls)
{
	static struct store_ops ops;
	static const struct intake_sink sink = { .queued = door_on_queued };

	memset(&door_store, 0, sizeof door_store);
	io_base = event_base_new();
	door_store.inner = store_memory_open(io_base);
	ops = *door_store.inner->ops;
	ops.put = door_put;
	ops.spool_new = door_spool_new;
	ops.spool_append = door_spool_append;
	ops.spool_abort = door_spool_abort;
	ops.refuses = door_refuses;
	door_store.pub.ops = &ops;
	door_generation = smtp_generation(DOOR_CONF, with_tls);
	server_house_init(&house, io_base, &door_store.pub, admission_new(), &sink);
	door_queued = 0;
}

KIT_UNUSED void
door_hear(void)
{
	static char data[65536];
	ssize_t n;

	if (door_fd == -1)
		return;
	while ((n = recv(door_fd, data, sizeof data, 0)) > 0)
		buf_add(&door_heard, data, (size_t)n);
	if (n == 0 || errno != EAGAIN)
		door_closed = 1;
}

KIT_UNUSED void
door_turn(int n)
{
	while (n-- > 0) {
		event_base_loop(io_base, EVLOOP_NONBLOCK);
		server_house_sweep(&house);
	}
}

KIT_UNUSED void
door_leave(void)
{
	if (door_fd != -1)
		close(door_fd);
	door_fd = -1;
	buf_clear(&door_heard);
	door_closed = 0;
	door_turn(3);
}

/* A new session from this address; what was there before is hung up. */
KIT_UNUSED void
door_enter(const char *ip, unsigned listener)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int fd[2];

	door_leave();
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) == 0);
	inet_pton(AF_INET, ip, &in.sin_addr);
	door_fd = fd[1];
	server_open(&house, door_generation, listener, fd[0], (struct sockaddr *)&in);
	door_turn(2);
}

KIT_UNUSED void
door_demolish(void)
{
	struct admission *admission = house.admission;

	door_leave();
	server_house_fini(&house);
	door_turn(3);
	MUST(door_store.spools == 0);
	MUST(admission_count(admission) == 0);
	admission_free(&admission);
	door_store.inner->ops->close(&door_store.inner);
	store_message_free(&door_last);
	generation_unref(&door_generation);
	buf_fini(&door_heard);
	event_base_free(io_base);
}

/* Says n octets in segments of at most `step`; the loop turns behind each. */
KIT_UNUSED void
door_say(const char *s, size_t n, size_t step)
{
	while (n > 0 && door_fd != -1) {
		size_t len = n < step ? n : step;
		ssize_t sent = send(door_fd, s, len, MSG_NOSIGNAL);

		if (sent == -1 && errno != EAGAIN)
			break;
		if (sent > 0) {
			s += sent;
			n -= (size_t)sent;
		}
		door_turn(sent > 0 && len == step ? 1 : 2);
		door_hear();
	}
	door_turn(door_turns);
	door_hear();
}

/* The codes of the replies heard so far, "250 354", and forgets them. */
KIT_UNUSED const char *
door_codes(void)
{
	static char codes[4096];
	char *line = buf_len(&door_heard) > 0 ? buf_data(&door_heard) : NULL;
	char *end = line != NULL ? line + buf_len(&door_heard) : NULL, *lf;

	codes[0] = '\0';
	for (; line < end && (lf = memchr(line, '\n', (size_t)(end - line))) != NULL; line = lf + 1) {
		char code[5] = { 0 };

		if (line[3] == '-')
			continue;
		memcpy(code, line, 3);
		if (codes[0] != '\0')
			str_cat(codes, " ", sizeof codes);
		str_cat(codes, code, sizeof codes);
	}
	buf_clear(&door_heard);
	return codes;
}

/* Says a text in one go and returns the codes of what comes back. */
KIT_UNUSED const char *
door_ask(const char *s)
{
	door_say(s, strlen(s), 65536);
	return door_codes();
}

/* ---- for the checks ---- */

#define IN	"10.0.0.1"
#define STRICT	"10.1.0.1"
#define OLD	"10.2.0.1"
#define TLS	"10.3.0.1"
#define FOREIGN	"192.0.2.1"

#define HELLO	"EHLO printer\r\n"
#define ENVELOPE "MAIL FROM:<a@corp.example>\r\nRCPT TO:<b@example.com>\r\n"
#define LETTER	"Subject: x\r\n\r\ntext\r\n.\r\n"

KIT_UNUSED void set_up(void) { door_build(1); }
KIT_UNUSED void set_up_plain(void) { door_build(0); }
KIT_UNUSED void tear_down(void) { door_demolish(); }

#define EXPECT_CODES(said, codes)	ck_assert_str_eq(door_ask(said), codes)

KIT_UNUSED void
enter(const char *ip)
{
	door_enter(ip, 0);
	EXPECT_CODES("", "220");
	EXPECT_CODES(HELLO, "250");
}

#endif
