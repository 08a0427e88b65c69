/* SPDX-License-Identifier: ISC */
/* check_proc_fd: which descriptors live on. */
#include "lib/proc/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <check.h>

#include "tests/unit/child_kit.h"

static int
is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

static void
lose_stdio(int mask)
{
	for (int fd = 0; fd < 3; fd++)
		if (mask & 1 << fd)
			close(fd);
	NEED(proc_fd_stdio() == 0);
	for (int fd = 0; fd < 3; fd++)
		NEED(is_open(fd));
}

START_TEST(fills_the_standard_three)
{
	ck_assert_int_eq(in_child(lose_stdio, _i), 0);
}
END_TEST

START_TEST(sets_and_clears_flags)
{
	int fd = open("/dev/null", O_RDONLY);

	ck_assert_int_eq(proc_fd_cloexec(fd, 1), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(proc_fd_cloexec(fd, 0), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), 0);
	ck_assert_int_eq(proc_fd_nonblock(fd, 1), 0);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(proc_fd_nonblock(fd, 0), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	close(fd);
	ck_assert_int_eq(proc_fd_cloexec(fd, 1), -1);
	ck_assert_int_eq(proc_fd_nonblock(fd, 1), -1);
}
END_TEST

static void
raise_it(int unused)
{
	struct rlimit r;

	NEED(getrlimit(RLIMIT_NOFILE, &r) == 0);
	r.rlim_cur = 64;
	r.rlim_max = 512;
	NEED(setrlimit(RLIMIT_NOFILE, &r) == 0);
	NEED(proc_fd_raise_limit() == 512);
	NEED(getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur == 512);
	NEED(proc_fd_raise_limit() == 512);
}

static void
reserve_it(int unused)
{
	struct rlimit r = { .rlim_cur = 64, .rlim_max = 64 };

	NEED(setrlimit(RLIMIT_NOFILE, &r) == 0);
	NEED(proc_fd_reserved(64 - PROC_FD_RESERVE));
	NEED(proc_fd_reserved(63));
	NEED(!proc_fd_reserved(63 - PROC_FD_RESERVE));
	NEED(!proc_fd_reserved(3));
}

START_TEST(keeps_a_reserve)
{
	ck_assert_int_eq(in_child(reserve_it, 0), 0);
}
END_TEST

START_TEST(raises_the_limit)
{
	ck_assert_int_eq(in_child(raise_it, 0), 0);
}
END_TEST

START_TEST(locks_once)
{
	char path[] = "/tmp/check_proc_fd.XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	close(fd);
	fd = proc_fd_lock(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(proc_fd_lock(path), -1);
	ck_assert_int_eq(errno, EWOULDBLOCK);
	close(fd);
	fd = proc_fd_lock(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
	unlink(path);
	ck_assert_int_eq(proc_fd_lock("/nonexistent/lock"), -1);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proc_fd");
	TCase *tc = tcase_create("fd");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, tc);
	tcase_add_loop_test(tc, fills_the_standard_three, 0, 8);
	tcase_add_test(tc, sets_and_clears_flags);
	tcase_add_test(tc, raises_the_limit);
	tcase_add_test(tc, keeps_a_reserve);
	tcase_add_test(tc, locks_once);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
