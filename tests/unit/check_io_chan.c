/* SPDX-License-Identifier: ISC */
/* Frames and descriptors, whole, cut, too long, of another version, and from a liar. */
#include <fcntl.h>

#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/io/chan.h"
#include "tests/unit/io_kit.h"

#define MAX	100000

static struct io_chan *chan;
static int peer;
static int frames, closed, fd_of_last, free_in_callback;
static int fds[100];
static size_t nfds;
static uint16_t type;
static uint32_t request;
static struct buf payload;

static void
on_frame(void *arg, const struct io_frame *f)
{
	ck_assert_int_eq(closed, 0);
	frames++;
	type = f->type;
	request = f->request;
	fd_of_last = f->fd;
	if (f->fd != -1)
		fds[nfds++] = f->fd;
	buf_clear(&payload);
	buf_add(&payload, f->data, f->len);
	if (free_in_callback)
		io_chan_free(&chan);
}

static void
on_closed(void *arg, const char *why)
{
	ck_assert_int_gt((int)strlen(why), 0);
	closed++;
	if (free_in_callback)
		io_chan_free(&chan);
}

static const struct io_chan_events events = { .frame = on_frame, .closed = on_closed };

static void
set_up(void)
{
	int fd[2];

	io_base = event_base_new();
	io_pair(fd);
	peer = fd[1];
	fd_of_last = -1;
	chan = io_chan_new(io_base, fd[0], MAX, &events, NULL);
}

static void
tear_down(void)
{
	io_chan_free(&chan);
	close(peer);
	buf_fini(&payload);
	event_base_free(io_base);
}

/* A frame as bytes, fields as told. */
static size_t
frame(char *to, uint32_t len, uint16_t t, uint16_t version, uint32_t req, const char *data,
    size_t n)
{
	struct buf b;
	size_t all;

	buf_init(&b);
	buf_add_u32(&b, len);
	buf_add_u16(&b, t);
	buf_add_u16(&b, version);
	buf_add_u32(&b, req);
	buf_add(&b, data, n);
	all = buf_len(&b);
	memcpy(to, buf_data(&b), all);
	buf_fini(&b);
	return all;
}

/* Every cut of two frames in a row. */
START_TEST(cut_anywhere)
{
	char bytes[64];
	size_t n = frame(bytes, 5, 7, 1, 0xfffffffe, "hello", 5);

	n += frame(bytes + n, 0, 8, 1, 2, "", 0);
	if ((size_t)_i >= n)
		return;
	ck_assert_int_eq((int)send(peer, bytes, (size_t)_i, 0), _i);
	io_turn(3);
	ck_assert_int_eq(frames, _i < 17 ? 0 : 1);
	if (frames == 1)
		ck_assert(type == 7 && request == 0xfffffffe && buf_len(&payload) == 5);
	send(peer, bytes + _i, n - (size_t)_i, 0);
	IO_UNTIL(frames == 2);
	ck_assert(type == 8 && request == 2 && buf_len(&payload) == 0);
	ck_assert_int_eq(closed, 0);
}
END_TEST

static const struct {
	uint32_t	len;
	uint16_t	version;
} refused[] = {
	{ MAX + 1, 1 }, { UINT32_MAX, 1 }, { 0x80000000, 1 },
	{ 0, 0 }, { 0, 2 }, { 0, 0x7fff },
	{ 0, 0x8001 },			/* says that a descriptor comes along, and none does */
	{ 0, 0x8002 },
};

START_TEST(refused_frames)
{
	char bytes[64];
	size_t n = frame(bytes, refused[_i].len, 1, refused[_i].version, 1, "", 0);

	free_in_callback = _i % 2;
	send(peer, bytes, n, 0);
	IO_UNTIL(closed == 1);
	ck_assert_int_eq(frames, 0);
	if (chan != NULL)
		io_chan_send(chan, 1, 1, "x", 1, dup(0));	/* closed here, not leaked */
	io_turn(3);
	ck_assert_int_eq(closed, 1);
}
END_TEST

START_TEST(longest_frame)
{
	static char data[MAX];
	struct buf b;

	buf_init(&b);
	buf_add_u32(&b, MAX);
	buf_add_u16(&b, 3);
	buf_add_u16(&b, 1);
	buf_add_u32(&b, 9);
	buf_add(&b, data, MAX);
	while (buf_len(&b) > 0) {
		ssize_t n = send(peer, buf_data(&b), buf_len(&b), MSG_NOSIGNAL);

		if (n > 0)
			buf_drop(&b, (size_t)n);
		io_turn(2);
	}
	IO_UNTIL(frames == 1);
	ck_assert_uint_eq(buf_len(&payload), MAX);
	buf_fini(&b);
}
END_TEST

START_TEST(freed_in_the_frame_callback)
{
	char bytes[64];
	size_t n = frame(bytes, 0, 1, 1, 1, "", 0);

	free_in_callback = 1;
	n += frame(bytes + n, 0, 1, 1, 2, "", 0);
	send(peer, bytes, n, 0);
	IO_UNTIL(chan == NULL);
	io_turn(3);
	ck_assert(frames == 1 && closed == 0);
}
END_TEST

START_TEST(peer_gone)
{
	close(peer);
	peer = dup(0);
	IO_UNTIL(closed == 1);
	io_chan_send(chan, 1, 1, "x", 1, -1);
	io_turn(3);
}
END_TEST

/* Two channels that talk to each other: order, back-pressure and descriptors stay together. */
static struct io_chan *other;

START_TEST(both_ends)
{
	static char data[MAX];
	int pipes[3][2];
	char c;

	other = io_chan_new(io_base, dup(peer), MAX, &events, NULL);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(pipe(pipes[i]), 0);
		for (unsigned k = 0; k < 5; k++)
			io_chan_send(other, 1, k, data, sizeof data, -1);
		io_chan_send(other, 2, i, "fd", 2, pipes[i][0]);
	}
	IO_UNTIL(frames == 18);
	ck_assert_uint_eq(nfds, 3);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq((int)write(pipes[i][1], &"abc"[i], 1), 1);
		ck_assert_int_eq((int)read(fds[i], &c, 1), 1);
		ck_assert_int_eq(c, "abc"[i]);
		ck_assert(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		close(fds[i]);
		close(pipes[i][1]);
	}
	io_chan_free(&other);
}
END_TEST

START_TEST(descriptors_one_by_one)
{
	char c;
	int p[2];

	other = io_chan_new(io_base, dup(peer), MAX, &events, NULL);
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(pipe(p), 0);
		io_chan_send(other, 2, (uint32_t)i, "", 0, p[0]);
		IO_UNTIL(frames == i + 1);
		ck_assert_int_eq((int)write(p[1], "x", 1), 1);
		ck_assert_int_eq((int)read(fd_of_last, &c, 1), 1);
		close(fd_of_last);
		close(p[1]);
	}
	io_chan_free(&other);
}
END_TEST

/* Unsent descriptors are closed with the channel; descriptors nobody asked for, too. */
START_TEST(nothing_leaks)
{
	int before = dup(0), after, p[2];

	close(before);
	ck_assert_int_eq(pipe(p), 0);
	for (int i = 0; i < 200; i++) {
		union { char space[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } u;
		struct iovec iov = { (char[]){ 0 }, 1 };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = u.space,
		    .msg_controllen = sizeof u.space };
		struct cmsghdr *m = CMSG_FIRSTHDR(&msg);

		*m = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
		    .cmsg_len = CMSG_LEN(sizeof(int)) };
		memcpy(CMSG_DATA(m), &p[0], sizeof(int));
		(void)!sendmsg(peer, &msg, 0);
		io_turn(1);
		io_chan_send(chan, 1, 1, "", 0, dup(p[1]));
	}
	io_chan_free(&chan);
	close(p[0]);
	close(p[1]);
	after = dup(0);
	close(after);
	ck_assert_int_le(after, before);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("io_chan");
	TCase *tc = tcase_create("chan");

	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, cut_anywhere, 1, 29);
	tcase_add_loop_test(tc, refused_frames, 0, (int)LENGTH(refused));
	tcase_add_test(tc, longest_frame);
	tcase_add_test(tc, freed_in_the_frame_callback);
	tcase_add_test(tc, peer_gone);
	tcase_add_test(tc, both_ends);
	tcase_add_test(tc, descriptors_one_by_one);
	tcase_add_test(tc, nothing_leaks);
	suite_add_tcase(suite, tc);
	return io_run(suite);
}
