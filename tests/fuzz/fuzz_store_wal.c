/* SPDX-License-Identifier: ISC */
/*
 * fuzz_store_wal: a WAL of any bytes. What was mended once needs no mending; a
 * copy of it was kept. The size of a frame is as it is: seeds have some.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/str.h"
#include "lib/store/sqlite_int.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* How many there were. */
static unsigned
clean(const char *path)
{
	struct dirent *e;
	DIR *dir = opendir(path);
	unsigned n = 0;

	MUST(dir != NULL);
	while ((e = readdir(dir)) != NULL)
		n += e->d_name[0] != '.' && unlinkat(dirfd(dir), e->d_name, 0) == 0;
	(void)closedir(dir);
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct store_db db = { 0 };
	char dir[] = "/tmp/fuzz_store_wal.XXXXXX", path[128], said[256], again[256];
	struct why why = { 0 };
	int fd, rc;

	/* What is cut off in a frame is cut off at its beginning. */
	if (n < 32 || (n - 32) % STORE_WAL_FRAME > 1)
		return 0;
	MUST(mkdtemp(dir) != NULL);
	(void)str_fmt(db.path, sizeof db.path, "%s/queue.db", dir);
	(void)str_fmt(path, sizeof path, "%s-wal", db.path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	MUST(fd != -1 && write(fd, data, n) == (ssize_t)n && close(fd) == 0);
	rc = store_wal_mend(&db, said, sizeof said, &why);
	if (rc == 0 && said[0] != '\0') {
		MUST(store_wal_mend(&db, again, sizeof again, &why) == 0 && again[0] == '\0');
		MUST(clean(dir) == 2);
	}
	(void)clean(dir);
	(void)rmdir(dir);
	return 0;
}
