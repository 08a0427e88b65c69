/* SPDX-License-Identifier: ISC */
/* check_proc_listenfds: sockets from a service manager, and what is not one. */
#include "lib/proc/listenfds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <check.h>

#include "lib/base/list.h"
#include "tests/unit/child_kit.h"

/* Descriptor 3 listens, 4 does not, 5 is no socket, 6 and up are closed. */
static void
set_scene(const char *fds, const char *pid, const char *names)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };	/* autobind */
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), plain = socket(AF_UNIX, SOCK_STREAM, 0);
	int null = open("/dev/null", O_RDONLY);
	char me[32];

	NEED(bind(listener, (struct sockaddr *)&sun, sizeof sun.sun_family) == 0);
	NEED(listen(listener, 1) == 0);
	listener = fcntl(listener, F_DUPFD, 100);
	plain = fcntl(plain, F_DUPFD, 100);
	null = fcntl(null, F_DUPFD, 100);
	NEED(dup2(listener, 3) == 3 && dup2(plain, 4) == 4 && dup2(null, 5) == 5);
	NEED(close_range(6, ~0u, 0) == 0);
	snprintf(me, sizeof me, "%d", (int)getpid());
	clearenv();
	if (fds != NULL)
		setenv("LISTEN_FDS", fds, 1);
	if (pid != NULL)
		setenv("LISTEN_PID", strcmp(pid, "me") == 0 ? me : pid, 1);
	if (names != NULL)
		setenv("LISTEN_FDNAMES", names, 1);
}

static void
adopts(int unused)
{
	struct proc_listenfd l[4];

	set_scene("3", "me", "smtp:sub\nmission:");
	NEED(proc_listenfds_take(l, 4) == 3);
	for (int i = 0; i < 3; i++) {
		NEED(l[i].fd == 3 + i);
		NEED(fcntl(l[i].fd, F_GETFD) == FD_CLOEXEC);
		NEED((fcntl(l[i].fd, F_GETFL) & O_NONBLOCK) != 0);
		NEED(l[i].listening == (i == 0));
	}
	NEED(strcmp(l[0].name, "smtp") == 0);
	NEED(strcmp(l[1].name, "sub\\x0amission") == 0);
	NEED(strcmp(l[2].name, "unknown") == 0);
	NEED(getenv("LISTEN_FDS") == NULL && getenv("LISTEN_PID") == NULL);
	NEED(getenv("LISTEN_FDNAMES") == NULL);
	NEED(proc_listenfds_take(l, 4) == 0);
}

START_TEST(adopts_what_is_ours)
{
	ck_assert_int_eq(in_child(adopts, 0), 0);
}
END_TEST

static const struct {
	const char	*fds, *pid, *names;
	int		 count, error;
} scenes[] = {
	{ NULL, NULL, NULL, 0, 0 },
	{ "1", NULL, NULL, 0, 0 },
	{ NULL, "me", NULL, 0, 0 },
	{ "0", "me", NULL, 0, 0 },
	{ "1", "1", NULL, 0, 0 },			/* another process's */
	{ "1", "me", NULL, 1, 0 },
	{ "2", "me", "only", 2, 0 },
	{ "2", "me", "a:b:c:d", 2, 0 },
	{ "1", "me", ":::", 1, 0 },
	{ "1", "", NULL, -1, EINVAL },
	{ "1", "x", NULL, -1, EINVAL },
	{ "", "me", NULL, -1, EINVAL },
	{ "-1", "me", NULL, -1, EINVAL },
	{ "1 ", "me", NULL, -1, EINVAL },
	{ "99999999999", "me", NULL, -1, EINVAL },
	{ "5", "me", NULL, -1, E2BIG },
	{ "2147483644", "me", NULL, -1, E2BIG },
	{ "4", "me", NULL, -1, EBADF },
};

static void
play(int i)
{
	struct proc_listenfd l[4];

	set_scene(scenes[i].fds, scenes[i].pid, scenes[i].names);
	NEED(proc_listenfds_take(l, 4) == scenes[i].count);
	NEED(scenes[i].error == 0 || errno == scenes[i].error);
	NEED(getenv("LISTEN_FDS") == NULL && getenv("LISTEN_PID") == NULL);
}

START_TEST(counts_and_refuses)
{
	ck_assert_int_eq(in_child(play, _i), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proc_listenfds");
	TCase *tc = tcase_create("listenfds");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, tc);
	tcase_add_test(tc, adopts_what_is_ours);
	tcase_add_loop_test(tc, counts_and_refuses, 0, LENGTH(scenes));
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
