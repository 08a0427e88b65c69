/* SPDX-License-Identifier: ISC */
/* Listening unix sockets: what is dead is replaced, what is alive or no socket stays (D11). */
#include "lib/io/listener.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/str.h"

static char dir[64], path[96];

static void
set_up(void)
{
	str_copy(dir, "/tmp/check_io_listener.XXXXXX", sizeof dir);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	str_fmt(path, sizeof path, "%s/sock", dir);
}

static void
tear_down(void)
{
	unlink(path);
	rmdir(dir);
}

/* 1 if somebody answers behind path. */
static int
answers(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

	str_copy(un.sun_path, path, sizeof un.sun_path);
	rc = connect(fd, (struct sockaddr *)&un, sizeof un);
	close(fd);
	return rc == 0;
}

START_TEST(fresh)
{
	struct stat st;
	int fd = io_listener_bind_unix(path, 0640);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(answers(), 1);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0640);
	close(fd);
}
END_TEST

START_TEST(a_live_one_stays)
{
	int fd = io_listener_bind_unix(path, 0600);

	ck_assert_int_ge(fd, 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(io_listener_bind_unix(path, 0600), -1);
		ck_assert_int_eq(errno, EADDRINUSE);
		ck_assert_int_eq(answers(), 1);
	}
	close(fd);
}
END_TEST

/* It answers nobody now: its line is full. It lives all the same. */
START_TEST(a_busy_one_stays)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), waiting;

	str_copy(un.sun_path, path, sizeof un.sun_path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
	ck_assert_int_eq(listen(fd, 0), 0);
	waiting = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(waiting, (struct sockaddr *)&un, sizeof un), 0);
	ck_assert_int_eq(io_listener_bind_unix(path, 0600), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_assert_int_eq(access(path, F_OK), 0);
	close(waiting);
	close(fd);
}
END_TEST

START_TEST(a_dead_one_is_replaced)
{
	int fd = io_listener_bind_unix(path, 0600);

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert_int_eq(answers(), 0);
	fd = io_listener_bind_unix(path, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(answers(), 1);
	close(fd);
}
END_TEST

START_TEST(no_socket_stays)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(io_listener_bind_unix(path, 0600), -1);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(names_that_do_not_fit)
{
	char name[200];

	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	ck_assert_int_eq(io_listener_bind_unix(name, 0600), -1);
	ck_assert_int_eq(errno, ENAMETOOLONG);
	ck_assert_int_eq(io_listener_bind_unix("/nonexistent/sock", 0600), -1);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("io_listener");
	TCase *c = tcase_create("unix");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, fresh);
	tcase_add_test(c, a_live_one_stays);
	tcase_add_test(c, a_busy_one_stays);
	tcase_add_test(c, a_dead_one_is_replaced);
	tcase_add_test(c, no_socket_stays);
	tcase_add_test(c, names_that_do_not_fit);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
