/* SPDX-License-Identifier: ISC */
/*
 * replay: feeds every file named on the command line to a fuzz target, then
 * each of its prefixes and a few thousand seeded mutations of it, so that
 * `make check` exercises each parser without a fuzzing engine.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static uint64_t state = 0x9e3779b97f4a7c15u;

static uint32_t
next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

/* An exact-size copy, so that a sanitizer sees the first byte too far. */
static void
feed(const uint8_t *data, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	if (copy == NULL)
		exit(1);
	if (n > 0)
		memcpy(copy, data, n);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
}

static void
mutate(const uint8_t *data, size_t n)
{
	static const uint8_t odd[] = { 0, '\r', '\n', '.', ' ', '<', '>', '"', '\\', 0x7f, 0x80, 0xff };
	uint8_t *copy = malloc(n + 1);

	if (copy == NULL)
		exit(1);
	for (unsigned round = 0; round < 500 && n > 0; round++) {
		unsigned changes = 1 + next() % 4;

		memcpy(copy, data, n);
		while (changes-- > 0)
			copy[next() % n] = next() % 2 ? odd[next() % sizeof odd] : (uint8_t)next();
		feed(copy, n);
	}
	free(copy);
}

static int
replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(1 << 20);
	size_t n;

	if (f == NULL || data == NULL) {
		perror(path);
		return -1;
	}
	n = fread(data, 1, 1 << 20, f);
	fclose(f);
	feed(data, n);
	for (size_t cut = 0; cut < n && cut < 512; cut++)
		feed(data, cut);
	mutate(data, n);
	free(data);
	return 0;
}

int
main(int argc, char **argv)
{
	int failed = 0;

	feed(NULL, 0);
	for (int i = 1; i < argc; i++)
		failed |= replay(argv[i]);
	return failed ? 1 : 0;
}
