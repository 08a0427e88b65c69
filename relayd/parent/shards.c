/* SPDX-License-Identifier: ISC */
/*
 * shards: made below a directory that belongs to the user of the workers, as
 * that user: so root follows nobody's links, and needs no right to write there.
 */
#include "relayd/parent/shards.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/str.h"

/* The directory of this name below dir, open; fatal if it is anything else. */
static int
make_below(int dir, const char *name, const char *top)
{
	int fd;

	if (mkdirat(dir, name, 0700) == -1 && errno != EEXIST)
		fatal(EX_CANTCREAT, "%s: %s: %s", top, name, strerror(errno));
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		fatal(EX_CANTCREAT, "%s: %s is no directory that can be used: %s", top, name,
		    strerror(errno));
	return fd;
}

static void
make_all(int top, unsigned workers, const char *directory)
{
	int shards = make_below(top, "shards", directory);

	for (unsigned k = 1; k < workers; k++) {
		char name[16];

		(void)str_fmt(name, sizeof name, "%u", k);
		close(make_below(shards, name, directory));
	}
	close(shards);
}

void
shards_make(const char *directory, unsigned workers, const char *user)
{
	const struct passwd *owner = geteuid() == 0 ? getpwnam(user) : NULL;
	int top;

	if (workers < 2)
		return;
	top = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top == -1)
		fatal(EX_CANTCREAT, "%s: %s", directory, strerror(errno));
	if (owner != NULL && (setegid(owner->pw_gid) == -1 || seteuid(owner->pw_uid) == -1))
		fatal(EX_OSERR, "cannot act as %s: %s", user, strerror(errno));
	make_all(top, workers, directory);
	if (owner != NULL && (seteuid(0) == -1 || setegid(0) == -1))
		fatal(EX_OSERR, "cannot act as root again: %s", strerror(errno));
	close(top);
}
