/* SPDX-License-Identifier: ISC */
/* check_proc_notify: what a service manager would hear. */
#include "lib/proc/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <check.h>

#include "lib/base/clock.h"
#include "lib/base/list.h"

static char dir[64], address[100];
static int manager = -1;

/* Plays the manager: a bound socket, its address in the environment. */
static void
listen_at(int abstract)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t n;

	snprintf(address, sizeof address, "%s%s/notify", abstract ? "@" : "", dir);
	n = strlen(address);
	memcpy(sun.sun_path, address, n);
	if (abstract)
		sun.sun_path[0] = '\0';
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ne(manager, -1);
	ck_assert_int_eq(bind(manager, (struct sockaddr *)&sun,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)), 0);
	setenv("NOTIFY_SOCKET", address, 1);
}

static void
setup(void)
{
	snprintf(dir, sizeof dir, "/tmp/check_proc_notify.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

static void
teardown(void)
{
	proc_notify_close();
	if (manager != -1)
		close(manager);
	manager = -1;
	if (address[0] == '/')
		unlink(address);
	rmdir(dir);
}

static const char *
heard(void)
{
	static char text[2048];
	ssize_t n = recv(manager, text, sizeof text - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

START_TEST(tells_each_state)
{
	int64_t before = clock_mono_us(), stamp;

	listen_at(_i);
	ck_assert_int_eq(proc_notify_open(), 1);
	ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
	ck_assert_int_eq(proc_notify_ready("listening on 2"), 0);
	ck_assert_str_eq(heard(), "READY=1\nSTATUS=listening on 2");
	ck_assert_int_eq(proc_notify_status("%d queued\nREADY=1", 5), 0);
	ck_assert_str_eq(heard(), "STATUS=5 queued\\x0aREADY=1");
	ck_assert_int_eq(proc_notify_reloading(), 0);
	ck_assert_int_eq(sscanf(heard(), "RELOADING=1\nMONOTONIC_USEC=%ld", &stamp), 1);
	ck_assert_int_ge(stamp, before);
	ck_assert_int_le(stamp, clock_mono_us());
	ck_assert_int_eq(proc_notify_watchdog(), 0);
	ck_assert_str_eq(heard(), "WATCHDOG=1");
	ck_assert_int_eq(proc_notify_stopping("bye"), 0);
	ck_assert_str_eq(heard(), "STOPPING=1\nSTATUS=bye");
}
END_TEST

START_TEST(no_manager_is_no_error)
{
	ck_assert_int_eq(proc_notify_open(), 0);
	ck_assert_int_eq(proc_notify_ready("x"), 0);
	ck_assert_int_eq(proc_notify_status("x"), 0);
	ck_assert_int_eq(proc_notify_reloading(), 0);
	ck_assert_int_eq(proc_notify_watchdog(), 0);
	ck_assert_int_eq(proc_notify_stopping("x"), 0);
	ck_assert_int_eq(proc_notify_watchdog_ms(), 0);
}
END_TEST

static const char *const bad_addresses[] = {
	"relative", "/", "@", "vsock:2:1234",
	("/0123456789012345678901234567890123456789012345678901234567890123456789"
	"012345678901234567890123456789012345678901234567890"),
};

START_TEST(bad_address_is_refused)
{
	setenv("NOTIFY_SOCKET", bad_addresses[_i], 1);
	setenv("WATCHDOG_USEC", "1000000", 1);
	ck_assert_int_eq(proc_notify_open(), -1);
	ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
	ck_assert_int_eq(proc_notify_ready("x"), 0);
	ck_assert_int_eq(proc_notify_watchdog_ms(), 0);
}
END_TEST

START_TEST(manager_that_went_away)
{
	listen_at(0);
	ck_assert_int_eq(proc_notify_open(), 1);
	close(manager);
	manager = -1;
	ck_assert_int_eq(proc_notify_ready("x"), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	unlink(address);
	ck_assert_int_eq(proc_notify_ready("x"), -1);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

static const struct {
	const char	*usec, *pid;	/* "me": ours */
	int64_t		 ms;
} watchdogs[] = {
	{ "30000000", "me", 30000 }, { "30000000", NULL, 30000 }, { "1500", "me", 1 },
	{ "1", NULL, 1 }, { NULL, NULL, 0 }, { NULL, "me", 0 }, { "0", "me", 0 },
	{ "30000000", "1", 0 }, { "30000000", "x", 0 }, { "30000000", "", 0 },
	{ "-1", "me", 0 }, { "3s", "me", 0 }, { "", "me", 0 }, { "99999999999999999999", "me", 0 },
};

START_TEST(watchdog_is_ours_or_none)
{
	char me[32];

	snprintf(me, sizeof me, "%d", (int)getpid());
	listen_at(1);
	if (watchdogs[_i].usec != NULL)
		setenv("WATCHDOG_USEC", watchdogs[_i].usec, 1);
	if (watchdogs[_i].pid != NULL)
		setenv("WATCHDOG_PID", strcmp(watchdogs[_i].pid, "me") == 0 ? me :
		    watchdogs[_i].pid, 1);
	ck_assert_int_eq(proc_notify_open(), 1);
	ck_assert_int_eq(proc_notify_watchdog_ms(), watchdogs[_i].ms);
	ck_assert_ptr_null(getenv("WATCHDOG_USEC"));
	ck_assert_ptr_null(getenv("WATCHDOG_PID"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proc_notify");
	TCase *tc = tcase_create("notify");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, tc);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, tells_each_state, 0, 2);
	tcase_add_test(tc, no_manager_is_no_error);
	tcase_add_loop_test(tc, bad_address_is_refused, 0, LENGTH(bad_addresses));
	tcase_add_test(tc, manager_that_went_away);
	tcase_add_loop_test(tc, watchdog_is_ours_or_none, 0, LENGTH(watchdogs));
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
