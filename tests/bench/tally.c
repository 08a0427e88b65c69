/* SPDX-License-Identifier: ISC */
/* tally: the shared file of counts and times. */
#include "tests/bench/tally.h"

#include <err.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

void
tally_open(struct tally *t, const char *path, uint64_t slots)
{
	size_t size = sizeof *t->head + slots * sizeof *t->rows;
	void *map;
	int fd;

	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd == -1 || ftruncate(fd, (off_t)size) == -1)
		err(1, "%s", path);
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		err(1, "mmap %s", path);
	close(fd);
	t->head = map;
	t->rows = (struct tally_row *)(t->head + 1);
	t->head->slots = slots;
}

uint64_t
tally_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}
