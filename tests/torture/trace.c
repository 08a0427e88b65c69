/* SPDX-License-Identifier: ISC */
/* trace: lines in a mapped file, since a descriptor would not outlive the start of a role. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/fault/beside.h"
#include "tests/torture/control.h"

#define IDS_MAX	400

static char *trace;
static int64_t room;

void
trace_map(void)
{
	size_t n = 0;

	trace = beside_map("trace", 8, &n);
	room = (int64_t)n - 8;
}

void
trace_line(const char *fmt, ...)
{
	char line[IDS_MAX + 400];
	int64_t at;
	va_list ap;
	int n;

	if (trace == NULL)
		return;
	va_start(ap, fmt);
	n = vsnprintf(line, sizeof line - 1, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof line - 1)
		return;
	line[n++] = '\n';
	at = atomic_fetch_add((_Atomic int64_t *)(void *)trace, n);
	if (at + n <= room)
		memcpy(trace + 8 + at, line, (size_t)n);
}

void
trace_write(const char *name, const void *data, size_t n)
{
	static const char field[] = "X-Test-Id: ";
	const char *p = data, *end = p + n;
	char ids[IDS_MAX] = "";
	size_t used = 0;

	while (
	    trace != NULL && (p = memmem(p, (size_t)(end - p), field, sizeof field - 1)) != NULL) {
		size_t len = 0;

		p += sizeof field - 1;
		while (p + len < end && p[len] > ' ' && len < 40)
			len++;
		if (used + len + 2 > sizeof ids)
			break;
		ids[used++] = ' ';
		memcpy(ids + used, p, len);
		used += len;
		ids[used] = '\0';
	}
	trace_line("write %s%s", name, ids);
}
