/* SPDX-License-Identifier: ISC */
/* priv: becoming nobody in particular, and proving it. */
#include "lib/proc/priv.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "lib/base/str.h"

int
proc_priv_find(const char *name, struct proc_user *user)
{
	char text[16384];
	struct passwd entry, *found;
	int rc = getpwnam_r(name, &entry, text, sizeof text, &found);

	if (rc != 0 || found == NULL) {
		errno = rc != 0 ? rc : ENOENT;
		return -1;
	}
	user->uid = found->pw_uid;
	user->gid = found->pw_gid;
	if (str_copy(user->name, name, sizeof user->name) >= sizeof user->name) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

/* What any exec may ever gain. Needs CAP_SETPCAP; without it no_new_privs has to do. */
static void
shrink_bounds(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

/* What is held, and what is handed on by exec. */
static int
drop_caps(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };

	/* A kernel without ambient capabilities has none to clear. */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1 && errno != EINVAL)
		return -1;
	return (int)syscall(SYS_capset, &header, none);
}

static int
has_caps(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct now[2] = { { 0 } };

	if (syscall(SYS_capget, &header, now) == -1)
		return 1;
	for (size_t i = 0; i < LENGTH(now); i++)
		if (now[i].effective | now[i].permitted | now[i].inheritable)
			return 1;
	return 0;
}

static int
enter(const char *root)
{
	return chroot(root) == -1 || chdir("/") == -1 ? -1 : 0;
}

static int
set_ids(const struct proc_user *u, const char **step)
{
	*step = "setresgid";
	if (setresgid(u->gid, u->gid, u->gid) == -1)
		return -1;
	*step = "setresuid";
	return setresuid(u->uid, u->uid, u->uid);
}

/* Believes no return value above: looks, and tries to get back. */
static int
is_final(const struct proc_user *u)
{
	uid_t uids[3];
	gid_t gids[3];

	if (getresuid(&uids[0], &uids[1], &uids[2]) == -1 ||
	    getresgid(&gids[0], &gids[1], &gids[2]) == -1)
		return 0;
	for (int i = 0; i < 3; i++)
		if (uids[i] != u->uid || gids[i] != u->gid)
			return 0;
	return !has_caps() && setresuid((uid_t)-1, 0, (uid_t)-1) == -1 &&
	    setuid(0) == -1 && (u->gid == 0 || setgid(0) == -1);
}

int
proc_priv_drop(const struct proc_user *u, const char *root, const char **step)
{
	MUST(step != NULL);
	*step = "refusing the superuser";
	errno = EINVAL;
	if (u->uid == 0)
		return -1;
	/* Groups before the chroot: their list is outside. */
	*step = "initgroups";
	if (geteuid() == 0 && initgroups(u->name, u->gid) == -1)
		return -1;
	*step = "chroot";
	if (root != NULL && enter(root) == -1)
		return -1;
	shrink_bounds();
	if (set_ids(u, step) == -1)
		return -1;
	*step = "capabilities";
	if (drop_caps() == -1)
		return -1;
	*step = "proof that there is no way back";
	errno = EPERM;
	return is_final(u) ? 0 : -1;
}

int
proc_priv_seal(void)
{
	struct rlimit none = { 0, 0 };

	umask(077);
	if (setrlimit(RLIMIT_CORE, &none) == -1)
		return -1;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		return -1;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}
