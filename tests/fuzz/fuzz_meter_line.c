/* SPDX-License-Identifier: ISC */
/*
 * fuzz_meter_line: a family of metrics as it comes over a socket is refused, or
 * becomes text of which every line is a comment of ours or a sample.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <jansson.h>

#include "lib/base/buf.h"
#include "lib/base/bug.h"
#include "lib/meter/line.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* It begins with the name, which all samples share, and ends with a number. */
static void
check_sample(const char *line, size_t n, const char *name)
{
	const char *value = memrchr(line, ' ', n);

	MUST(n > strlen(name) && memcmp(line, name, strlen(name)) == 0);
	MUST(value != NULL && value + 1 < line + n);
	MUST(strspn(value + 1, "0123456789.e+-") == (size_t)(line + n - value - 1));
}

static void
check(struct buf *b, const char *name)
{
	const char *text = buf_str(b), *end;
	unsigned comments = 0;

	MUST(strlen(text) == buf_len(b));
	for (; *text != '\0'; text = end + 1) {
		end = strchr(text, '\n');
		MUST(end != NULL);
		if (text[0] == '#')
			comments++;
		else
			check_sample(text, (size_t)(end - text), name);
	}
	MUST(comments == 2);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	json_t *o = json_loadb((const char *)data, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
	    NULL);
	struct buf b;

	buf_init(&b);
	if (meter_line_text(&b, o) == 0)
		check(&b, json_string_value(json_object_get(o, "metric")));
	else
		MUST(buf_len(&b) == 0);
	buf_fini(&b);
	json_decref(o);
	return 0;
}
