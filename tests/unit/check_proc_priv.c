/* SPDX-License-Identifier: ISC */
/* check_proc_priv: there is no way back. What needs root is skipped without it. */
#include "lib/proc/priv.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "tests/unit/child_kit.h"

static char dir[64];

static int
am_root(void)
{
	static int said;

	if (geteuid() == 0)
		return 1;
	if (!said++)
		fprintf(stderr, "check_proc_priv: not root, dropping is not tested\n");
	return 0;
}

static void
drop_to_nobody(int with_root)
{
	const char *step = NULL;
	struct proc_user nobody;
	gid_t groups[64];
	struct stat st;

	NEED(proc_priv_find("nobody", &nobody) == 0);
	NEED(proc_priv_drop(&nobody, with_root ? dir : NULL, &step) == 0);
	NEED(getuid() == nobody.uid && geteuid() == nobody.uid);
	NEED(getgid() == nobody.gid && getegid() == nobody.gid);
	for (int n = getgroups(64, groups); n > 0; n--)
		NEED(groups[n - 1] != 0);
	NEED(setuid(0) == -1 && seteuid(0) == -1 && setresuid(0, 0, 0) == -1);
	NEED(setgid(0) == -1 && setgroups(0, NULL) == -1);
	NEED(chroot("/") == -1);
	NEED(prctl(PR_CAPBSET_READ, 0, 0, 0, 0) == 0);
	NEED((stat("/etc/passwd", &st) == 0) == !with_root);
	/* Once more, as that user already. */
	NEED(proc_priv_drop(&nobody, NULL, &step) == 0);
	NEED(proc_priv_drop(&nobody, "/", &step) == -1 && strcmp(step, "chroot") == 0);
}

START_TEST(drops_for_good)
{
	if (!am_root())
		return;
	snprintf(dir, sizeof dir, "/tmp/check_proc_priv.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(in_child(drop_to_nobody, _i), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

static void
fail_to_drop(int unused)
{
	struct proc_user u = { .uid = 12345, .gid = 12345, .name = "nobody" };
	const char *step = NULL;

	if (am_root()) {
		NEED(proc_priv_drop(&u, "/no/such/dir", &step) == -1);
		NEED(errno == ENOENT && strcmp(step, "chroot") == 0);
		NEED(setresuid(1, 1, 1) == 0);
	}
	NEED(proc_priv_drop(&u, NULL, &step) == -1);
	NEED(errno == EPERM && strcmp(step, "setresgid") == 0);
}

START_TEST(failure_is_reported)
{
	ck_assert_int_eq(in_child(fail_to_drop, 0), 0);
}
END_TEST

static void
stay_root(int unused)
{
	struct proc_user root = { .uid = 0, .gid = 0, .name = "root" };
	const char *step = NULL;

	NEED(proc_priv_drop(&root, NULL, &step) == -1);
	NEED(errno == EINVAL && strstr(step, "superuser") != NULL);
}

START_TEST(superuser_is_refused)
{
	ck_assert_int_eq(in_child(stay_root, 0), 0);
}
END_TEST

START_TEST(finds_accounts)
{
	struct proc_user u;

	ck_assert_int_eq(proc_priv_find("root", &u), 0);
	ck_assert_uint_eq(u.uid, 0);
	ck_assert_int_eq(proc_priv_find("no-such-user-here", &u), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(proc_priv_find("", &u), -1);
}
END_TEST

static void
seal(int unused)
{
	struct rlimit r;

	NEED(proc_priv_seal() == 0);
	NEED(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	NEED(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	NEED(getrlimit(RLIMIT_CORE, &r) == 0 && r.rlim_cur == 0 && r.rlim_max == 0);
	NEED(umask(0) == 077);
}

START_TEST(seals)
{
	ck_assert_int_eq(in_child(seal, 0), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proc_priv");
	TCase *tc = tcase_create("priv");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, tc);
	tcase_add_loop_test(tc, drops_for_good, 0, 2);
	tcase_add_test(tc, failure_is_reported);
	tcase_add_test(tc, superuser_is_refused);
	tcase_add_test(tc, finds_accounts);
	tcase_add_test(tc, seals);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
