/* SPDX-License-Identifier: ISC */
/* io_kit: turning the event loop until something holds, bounded in time. */
#ifndef TESTS_UNIT_IO_KIT_H
#define TESTS_UNIT_IO_KIT_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <check.h>
#include <event2/event.h>

#define IO_KIT	__attribute__((unused)) static

IO_KIT struct event_base *io_base;
IO_KIT int io_idle_ms = 1;	/* between two turns */

IO_KIT int64_t
io_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Turns the loop, without sleeping long, until cond holds or 5 s have passed. */
#define IO_UNTIL(cond)							\
	do {								\
		int64_t until_ = io_now_ms() + 5000;			\
		int holds_;						\
		while (!(holds_ = (cond) ? 1 : 0) && io_now_ms() < until_) {	\
			event_base_loop(io_base, EVLOOP_NONBLOCK);	\
			poll(NULL, 0, io_idle_ms);			\
		}							\
		if (!holds_)						\
			ck_abort_msg("never came: %s", #cond);		\
	} while (0)

IO_KIT void
io_turn(int n)
{
	while (n-- > 0)
		event_base_loop(io_base, EVLOOP_NONBLOCK);
}

IO_KIT void
io_pair(int fd[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd), 0);
}

IO_KIT int
io_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}

#endif
