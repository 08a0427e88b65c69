/* SPDX-License-Identifier: ISC */
/*
 * priv: a role gives up, for good, what it does not need (HARDENING H1).
 * Order in a role: proc_priv_find, proc_priv_drop, proc_priv_seal. Whoever gets
 * -1 must not go on.
 */
#ifndef PROC_PRIV_H
#define PROC_PRIV_H

#include <sys/types.h>

struct proc_user {
	uid_t	uid;
	gid_t	gid;
	char	name[64];
};

/* Looks the account up. 0, or -1 with errno (ENOENT: there is none). */
int	proc_priv_find(const char *name, struct proc_user *);

/*
 * Becomes that user with its groups, inside root (NULL: no chroot; the working
 * directory is then left alone), without capabilities, and proves that there
 * is no way back. Started as that user already, only the capabilities go and
 * root must be NULL. 0, or -1 with errno and in *step the name of what failed
 * (static). Refuses to become the superuser.
 */
int	proc_priv_drop(const struct proc_user *, const char *root, const char **step);

/*
 * No new privileges by exec, not dumpable nor traceable by the same user, no
 * core files, umask 077. 0, or -1 with errno. Call it after the last exec.
 */
int	proc_priv_seal(void);

#endif
