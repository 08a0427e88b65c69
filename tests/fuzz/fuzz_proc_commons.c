/* SPDX-License-Identifier: ISC */
/* What the workers share, as one that is not itself any more may leave it. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "lib/base/bug.h"
#include "lib/proc/commons.h"

#define ROWS	2
#define NOW	INT64_C(5000000000)

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct proc_commons *commons;
static uint8_t *table;
static size_t size;

static void
begin(void)
{
	int fd = proc_commons_make(ROWS);
	struct stat st;

	MUST(fd != -1 && fstat(fd, &st) == 0);
	size = (size_t)st.st_size;
	table = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(table != MAP_FAILED);
	commons = proc_commons_map(fd, ROWS, 1);
	MUST(commons != NULL);
}

/* The same bytes everywhere: whatever bucket an id has, it finds them. */
static void
spoil(const uint8_t *data, size_t n)
{
	uint8_t block[4096] = { 0 };

	for (size_t i = 0; n > 0 && i < sizeof block; i++)
		block[i] = data[i % n];
	for (size_t i = 0; i < size; i += sizeof block)
		memcpy(table + i, block, sizeof block < size - i ? sizeof block : size - i);
}

static void
use(struct proc_commons *c, const char *name)
{
	uint64_t id = proc_commons_id(c, name);
	int64_t time = proc_commons_time(c, id, NOW);

	MUST(id != 0);
	MUST(time <= NOW + (INT64_C(1) << 45) && time >= NOW - (INT64_C(1) << 46));
	MUST(proc_commons_move(c, id, NOW, time, NOW + 7) != 1 ||
	    proc_commons_time(c, id, NOW) == NOW + 7);
	for (int sheet = 0; sheet < PROC_COMMONS__SHEETS; sheet++) {
		struct proc_commons_entry e = { .n = 3, .since = 4 };

		for (unsigned row = 0; row < ROWS; row++)
			(void)proc_commons_get(c, (enum proc_commons_sheet)sheet, row, id);
		if (proc_commons_set(c, (enum proc_commons_sheet)sheet, id, e) == 0) {
			e = proc_commons_get(c, (enum proc_commons_sheet)sheet, 1, id);
			MUST(e.n == 3 && e.since == 4);
		}
		proc_commons_clear(c, (enum proc_commons_sheet)sheet, 1);
		MUST(proc_commons_get(c, (enum proc_commons_sheet)sheet, 1, id).n == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (commons == NULL)
		begin();
	spoil(data, n);
	use(commons, "a.example");
	use(commons, "");
	return 0;
}
