/* SPDX-License-Identifier: ISC */
/* The stream against a peer that cuts, stalls, injects and lies. */
#include "tests/unit/tls_kit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>

#include "lib/io/stream.h"
#include "tests/unit/io_kit.h"

static struct io_stream *stream;
static int peer;			/* the other end */
static SSL *peer_ssl;
static SSL_CTX *client_ctx, *server_ctx;
static struct kit_pair leaf;

/* what happened */
static struct buf got;
static int connected, drained, secured, ended, inputs;
static enum io_end how;
static void (*on_input)(void);		/* what the test does in the callback */

static void
take_all(void)
{
	struct buf *in = io_stream_in(stream);

	buf_add(&got, buf_data(in), buf_len(in));
	buf_drop(in, buf_len(in));
}

static void ev_connected(void *arg) { connected++; }
static void ev_drained(void *arg) { drained++; }
static void ev_secured(void *arg) { secured++; }

static void
ev_input(void *arg)
{
	ck_assert_int_eq(ended, 0);
	inputs++;
	on_input();
}

static void
ev_ended(void *arg, enum io_end e)
{
	ended++;
	how = e;
}

static const struct io_stream_events events = {
	.connected = ev_connected, .input = ev_input, .drained = ev_drained,
	.secured = ev_secured, .ended = ev_ended,
};

static void
set_up(void)
{
	int fd[2];

	io_base = event_base_new();
	leaf = kit_issue(&(struct kit_spec){ .cn = "x" }, NULL);
	server_ctx = kit_server(&leaf, NULL, 0);
	client_ctx = SSL_CTX_new(TLS_client_method());
	io_pair(fd);
	peer = fd[1];
	on_input = take_all;
	stream = io_stream_new(io_base, fd[0], &events, NULL);
}

static void
tear_down(void)
{
	io_stream_free(&stream);
	SSL_free(peer_ssl);
	if (peer != -1)
		close(peer);
	io_turn(3);
	kit_pair_free(&leaf);
	SSL_CTX_free(client_ctx);
	SSL_CTX_free(server_ctx);
	buf_fini(&got);
	event_base_free(io_base);
}

static void
say(const char *s, size_t n)
{
	ck_assert_int_eq((int)send(peer, s, n, MSG_NOSIGNAL), (int)n);
}

/* What the stream has sent so far, in clear. */
static size_t
hear(char *to, size_t cap)
{
	ssize_t n;

	io_turn(3);
	n = recv(peer, to, cap - 1, 0);
	to[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

/* The peer takes a step of its handshake; 1 when it is through. */
static int
peer_shakes(void)
{
	ERR_clear_error();
	return SSL_do_handshake(peer_ssl) == 1;
}

/* The stream as a TLS server, the peer as its client; both in the secure phase. */
static void
go_secure(void)
{
	ck_assert_int_eq(io_stream_tls(stream, SSL_new(server_ctx), 1), 0);
	peer_ssl = SSL_new(client_ctx);
	SSL_set_fd(peer_ssl, peer);
	SSL_set_connect_state(peer_ssl);
	IO_UNTIL(peer_shakes() && secured);
}

/* ---- in clear ---- */

START_TEST(bytes_both_ways)
{
	char text[64];

	io_stream_write(stream, "one ", 4);
	io_stream_write(stream, "two", 3);
	hear(text, sizeof text);
	ck_assert_str_eq(text, "one two");
	say("abc", 3);
	IO_UNTIL(buf_len(&got) == 3);
	close(peer);
	peer = -1;
	IO_UNTIL(ended);
	ck_assert_int_eq((int)how, IO_EOF);
	io_stream_write(stream, "x", 1);	/* to nobody */
	io_turn(3);
	ck_assert_int_eq(ended, 1);
}
END_TEST

static void leave_it(void) { }

START_TEST(input_max)
{
	static char block[70000];

	on_input = leave_it;
	io_stream_input_max(stream, 1000);
	ck_assert_int_gt((int)send(peer, block, sizeof block, MSG_NOSIGNAL), 20000);
	io_turn(50);
	ck_assert_int_eq(inputs, 1);		/* one read, and no more */
	ck_assert_uint_le(buf_len(io_stream_in(stream)), 1000 + 16384);
	on_input = take_all;
	io_stream_resume(stream);
	IO_UNTIL(buf_len(&got) > 20000);
}
END_TEST

START_TEST(pause_and_resume)
{
	io_stream_pause(stream);
	say("abc", 3);
	io_turn(5);
	ck_assert_int_eq(inputs, 0);
	io_stream_resume(stream);
	IO_UNTIL(buf_len(&got) == 3);
	/* Input left over is told again. */
	on_input = leave_it;
	say("def", 3);
	IO_UNTIL(inputs == 2);
	on_input = take_all;
	io_stream_pause(stream);
	io_stream_resume(stream);
	IO_UNTIL(buf_len(&got) == 6);
}
END_TEST

START_TEST(deadline_and_last_words)
{
	char text[64];

	io_stream_deadline(stream, 20);
	io_stream_deadline(stream, 60);		/* later: moved */
	io_turn(1);
	poll(NULL, 0, 30);
	io_turn(1);
	ck_assert_int_eq(ended, 0);
	IO_UNTIL(ended);
	ck_assert_int_eq((int)how, IO_TIMEOUT);
	io_stream_write(stream, "421 bye\r\n", 9);
	io_stream_finish(&stream);
	ck_assert_ptr_null(stream);
	hear(text, sizeof text);
	ck_assert_str_eq(text, "421 bye\r\n");
	ck_assert_int_eq((int)recv(peer, text, 1, 0), 0);
}
END_TEST

START_TEST(no_deadline)
{
	io_stream_deadline(stream, 10);
	io_stream_deadline(stream, 0);
	poll(NULL, 0, 20);
	io_turn(3);
	ck_assert_int_eq(ended, 0);
}
END_TEST

static void free_it(void) { io_stream_free(&stream); }

START_TEST(freed_in_a_callback)
{
	on_input = free_it;
	say("abc", 3);
	IO_UNTIL(stream == NULL);
	ck_assert_int_eq(ended, 0);
}
END_TEST

static void
finish_it(void)
{
	io_stream_write(stream, "bye", 3);
	io_stream_finish(&stream);
}

START_TEST(finished_in_a_callback)
{
	char text[64];

	on_input = finish_it;
	say("abc", 3);
	IO_UNTIL(stream == NULL);
	hear(text, sizeof text);
	ck_assert_str_eq(text, "bye");
	ck_assert_int_eq((int)recv(peer, text, 1, 0), 0);
	/* A peer that goes on talking is not listened to for ever. */
	for (int i = 0; i < 100; i++) {
		static char junk[4096];

		(void)!send(peer, junk, sizeof junk, MSG_NOSIGNAL);
		io_turn(2);
	}
	ck_assert_int_eq((int)send(peer, "x", 1, MSG_NOSIGNAL), -1);
}
END_TEST

START_TEST(finish_sends_all)
{
	static char block[1 << 20], sink[65536];
	size_t n = 0;
	ssize_t r;

	io_stream_write(stream, block, sizeof block);
	io_stream_finish(&stream);
	for (int i = 0; i < 5000; i++) {
		io_turn(1);
		if ((r = recv(peer, sink, sizeof sink, 0)) > 0)
			n += (size_t)r;
		else if (r == 0)
			break;
	}
	ck_assert_uint_eq(n, sizeof block);
}
END_TEST

START_TEST(drained_once)
{
	static char block[1 << 20], sink[65536];

	io_stream_write(stream, block, sizeof block);
	io_stream_want_drain(stream);
	io_turn(5);
	ck_assert_int_eq(drained, 0);
	for (int i = 0; i < 5000 && !drained; i++) {
		io_turn(1);
		(void)!recv(peer, sink, sizeof sink, 0);
	}
	ck_assert_int_eq(drained, 1);
	io_stream_want_drain(stream);		/* nothing waits: at once, but from the loop */
	ck_assert_int_eq(drained, 1);
	IO_UNTIL(drained == 2);
}
END_TEST

static void
take_and_want_drain(void)
{
	take_all();
	io_stream_want_drain(stream);
}

START_TEST(drained_behind_a_callback)
{
	on_input = take_and_want_drain;
	say("x", 1);
	IO_UNTIL(drained == 1);
}
END_TEST

/* The peer says why before it hangs up on what we write. */
START_TEST(words_before_a_reset)
{
	static char block[1 << 20];

	io_stream_pause(stream);
	say("552 no", 6);
	close(peer);
	peer = -1;
	io_stream_write(stream, block, sizeof block);
	IO_UNTIL(ended);
	ck_assert_uint_eq(buf_len(&got), 6);
}
END_TEST

START_TEST(refused_connection)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, len), 0);	/* bound, not listening */
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	io_stream_free(&stream);
	stream = io_stream_connect(io_base, (struct sockaddr *)&in, len, NULL, 0, &events, NULL);
	ck_assert_ptr_nonnull(stream);
	IO_UNTIL(ended);
	ck_assert_int_eq((int)how, IO_ERROR);
	ck_assert_int_eq(connected, 0);
	ck_assert_int_eq(io_stream_errno(stream), ECONNREFUSED);
	close(fd);
}
END_TEST

START_TEST(unreachable_at_once)
{
	struct sockaddr_in in = { .sin_family = AF_INET };	/* a broadcast address: EACCES */

	in.sin_addr.s_addr = htonl(INADDR_BROADCAST);
	in.sin_port = htons(9);
	io_stream_free(&stream);
	stream = io_stream_connect(io_base, (struct sockaddr *)&in, sizeof in, NULL, 0, &events,
	    NULL);
	ck_assert_ptr_nonnull(stream);
	ck_assert_int_eq(ended, 0);
	IO_UNTIL(ended);
	ck_assert_int_eq(connected, 0);
	ck_assert_int_ne(io_stream_errno(stream), 0);
}
END_TEST

/* ---- STARTTLS ---- */

static int tls_rc = 1;

/* A server in miniature: a line STARTTLS is answered, then the handshake begins. */
static void
starttls_server(void)
{
	struct buf *in = io_stream_in(stream);
	char *lf = buf_len(in) > 0 ? memchr(buf_data(in), '\n', buf_len(in)) : NULL;

	if (lf == NULL || tls_rc != 1)
		return;
	buf_drop(in, (size_t)(lf - buf_data(in)) + 1);
	tls_rc = io_stream_tls(stream, SSL_new(server_ctx), 1);
	if (tls_rc == 0) {
		io_stream_write(stream, "220\n", 4);
	} else {
		io_stream_write(stream, "554\n", 4);
		io_stream_finish(&stream);
	}
}

#define INJECTED "STARTTLS\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<a@b.example>\r\n"

/* The segment is cut at every place: nothing of it ever comes out behind the handshake. */
START_TEST(injection)
{
	char text[64];

	on_input = starttls_server;
	say(INJECTED, (size_t)_i);
	io_turn(4);
	if (stream != NULL)
		(void)!send(peer, &INJECTED[_i], sizeof INJECTED - 1 - (size_t)_i, MSG_NOSIGNAL);
	io_turn(4);
	hear(text, sizeof text);
	ck_assert_int_eq(secured, 0);
	ck_assert_int_ne(tls_rc, 1);
	if (tls_rc == -1)
		ck_assert_str_eq(text, "554\n");	/* in clear, and alone */
	else
		ck_assert_int_eq((int)how, IO_TLS_FAILED);
	ck_assert(tls_rc == -1 || _i <= 10);
	if (stream != NULL)
		ck_assert_uint_eq(buf_len(io_stream_in(stream)), 0);
}
END_TEST

/* Bytes that came with the last read are in the buffer, or still in the socket: both are seen. */
START_TEST(injection_still_in_the_socket)
{
	io_stream_pause(stream);
	say("a", 1);
	io_turn(3);
	io_stream_resume(stream);
	IO_UNTIL(buf_len(&got) == 1);
	say("late", 4);				/* not yet read */
	ck_assert_int_eq(io_stream_tls(stream, SSL_new(client_ctx), 0), -1);
	ck_assert_ptr_null(io_stream_ssl(stream));
}
END_TEST

START_TEST(starttls)
{
	char text[16];

	on_input = starttls_server;
	say("STARTTLS\r\n", 10);
	hear(text, sizeof text);
	ck_assert_str_eq(text, "220\n");
	on_input = take_all;
	peer_ssl = SSL_new(client_ctx);
	SSL_set_fd(peer_ssl, peer);
	SSL_set_connect_state(peer_ssl);
	IO_UNTIL(peer_shakes() && secured);
	ck_assert_int_eq(SSL_write(peer_ssl, "hidden", 6), 6);
	IO_UNTIL(buf_len(&got) == 6);
	io_stream_write(stream, "answer", 6);
	IO_UNTIL(SSL_read(peer_ssl, text, sizeof text) == 6);
}
END_TEST

/* ---- under TLS ---- */

START_TEST(orderly_end)
{
	go_secure();
	SSL_write(peer_ssl, "last", 4);
	SSL_shutdown(peer_ssl);
	IO_UNTIL(ended);
	ck_assert_int_eq((int)how, IO_EOF);
	ck_assert_uint_eq(buf_len(&got), 4);
}
END_TEST

/* HARDENING C5: the end of TCP is not the end of TLS. */
START_TEST(truncation)
{
	char text[64];

	go_secure();
	ck_assert_int_eq(SSL_read(peer_ssl, text, sizeof text), -1);	/* unread bytes would be a reset */
	SSL_write(peer_ssl, "250 o", 5);
	close(peer);
	peer = -1;
	IO_UNTIL(ended);
	ck_assert_int_eq((int)how, IO_TRUNCATED);
	ck_assert_uint_eq(buf_len(&got), 5);
}
END_TEST

START_TEST(garbage_record)
{
	go_secure();
	say("\x17\x03\x03\x00\x05hello", 10);
	IO_UNTIL(ended);
	ck_assert_int_eq((int)how, IO_TLS_FAILED);
	ck_assert_uint_eq(buf_len(&got), 0);
}
END_TEST

START_TEST(eof_in_handshake)
{
	ck_assert_int_eq(io_stream_tls(stream, SSL_new(server_ctx), 1), 0);
	io_turn(3);
	close(peer);
	peer = -1;
	IO_UNTIL(ended);
	ck_assert_int_eq((int)how, IO_TLS_FAILED);
}
END_TEST

START_TEST(deadline_in_handshake)
{
	char text[8];

	ck_assert_int_eq(io_stream_tls(stream, SSL_new(server_ctx), 1), 0);
	io_stream_deadline(stream, 10);
	IO_UNTIL(ended);
	ck_assert_int_eq((int)how, IO_TIMEOUT);
	io_stream_write(stream, "421", 3);	/* there is no way to say it */
	io_stream_finish(&stream);
	ck_assert_uint_eq(hear(text, sizeof text), 0);
}
END_TEST

/* One record of 16 KiB, a limit of 1,000 octets: what TLS holds back comes when there is room. */
START_TEST(tls_input_max)
{
	static char block[40000];

	io_stream_input_max(stream, 1000);
	on_input = leave_it;
	go_secure();
	for (size_t off = 0; off < sizeof block; )
		off += (size_t)SSL_write(peer_ssl, block + off, (int)(sizeof block - off));
	io_turn(20);
	ck_assert_uint_le(buf_len(io_stream_in(stream)), 1000 + 2 * 16384);
	on_input = take_all;
	io_stream_pause(stream);
	io_turn(5);
	ck_assert_uint_eq(buf_len(&got), 0);
	io_stream_resume(stream);
	IO_UNTIL(buf_len(&got) == sizeof block);
}
END_TEST

START_TEST(tls_words_before_a_reset)
{
	static char block[1 << 20];

	go_secure();
	io_stream_pause(stream);
	SSL_write(peer_ssl, "552 no", 6);
	close(peer);
	peer = -1;
	io_stream_write(stream, block, sizeof block);
	IO_UNTIL(ended);
	ck_assert_uint_eq(buf_len(&got), 6);
}
END_TEST

START_TEST(tls_finish)
{
	char text[64];

	go_secure();
	io_stream_write(stream, "bye", 3);
	io_stream_finish(&stream);
	IO_UNTIL(SSL_read(peer_ssl, text, sizeof text) == 3);
	io_turn(3);
	ck_assert_int_eq(SSL_read(peer_ssl, text, sizeof text), 0);
	ck_assert_int_eq(SSL_get_shutdown(peer_ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("io_stream");
	TCase *tc = tcase_create("stream");

	signal(SIGPIPE, SIG_IGN);	/* as in every role */
	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, bytes_both_ways);
	tcase_add_test(tc, input_max);
	tcase_add_test(tc, pause_and_resume);
	tcase_add_test(tc, deadline_and_last_words);
	tcase_add_test(tc, no_deadline);
	tcase_add_test(tc, freed_in_a_callback);
	tcase_add_test(tc, finished_in_a_callback);
	tcase_add_test(tc, finish_sends_all);
	tcase_add_test(tc, drained_once);
	tcase_add_test(tc, drained_behind_a_callback);
	tcase_add_test(tc, words_before_a_reset);
	tcase_add_test(tc, refused_connection);
	tcase_add_test(tc, unreachable_at_once);
	tcase_add_loop_test(tc, injection, 1, (int)sizeof INJECTED - 1);
	tcase_add_test(tc, injection_still_in_the_socket);
	tcase_add_test(tc, starttls);
	tcase_add_test(tc, orderly_end);
	tcase_add_test(tc, truncation);
	tcase_add_test(tc, garbage_record);
	tcase_add_test(tc, eof_in_handshake);
	tcase_add_test(tc, deadline_in_handshake);
	tcase_add_test(tc, tls_input_max);
	tcase_add_test(tc, tls_words_before_a_reset);
	tcase_add_test(tc, tls_finish);
	suite_add_tcase(suite, tc);
	return io_run(suite);
}
