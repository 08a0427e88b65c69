/* SPDX-License-Identifier: ISC */
/*
 * fuzz_base_escape: whatever the bytes are, what is shown of them is one line
 * of harmless UTF-8 that can be undone, the JSON is JSON, and an event of
 * them is one log line within its size (HARDENING F16, I10, O6).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jansson.h>

#include "lib/base/buf.h"
#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* jansson refuses invalid UTF-8, so it checks that on the way. */
static json_t *
parse(const char *text, size_t n)
{
	json_error_t err;
	json_t *j = json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &err);

	if (j == NULL)
		fprintf(stderr, "%s: %.*s\n", err.text, (int)n, text);
	MUST(j != NULL);
	return j;
}

static void
must_be_harmless(const char *text, size_t n)
{
	static const char *const never[] = { "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9",
		"\xe2\x80\xae", "\xe2\x81\xa6", "\xd8\x9c", "\xef\xbb\xbf" };

	for (size_t i = 0; i < n; i++)
		MUST((uint8_t)text[i] >= 0x20 && text[i] != 0x7f);
	for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
		MUST(memmem(text, n, never[i], strlen(never[i])) == NULL);
}

static void
add_utf8(struct buf *b, uint32_t cp)
{
	if (cp >= 0x10000) {
		buf_addc(b, (char)(0xf0 | cp >> 18));
		buf_addc(b, (char)(0x80 | (cp >> 12 & 0x3f)));
	} else if (cp >= 0x800)
		buf_addc(b, (char)(0xe0 | cp >> 12));
	if (cp >= 0x800)
		buf_addc(b, (char)(0x80 | (cp >> 6 & 0x3f)));
	else
		buf_addc(b, (char)(0xc0 | cp >> 6));
	buf_addc(b, (char)(0x80 | (cp & 0x3f)));
}

static void
undo(struct buf *to, const char *s, const char *end)
{
	while (s < end) {
		char *stop;

		if (*s != '\\')
			buf_addc(to, *s++);
		else if (s[1] == '\\') {
			buf_addc(to, '\\');
			s += 2;
		} else if (s[1] == 'x') {
			char hex[3] = { s[2], s[3], '\0' };

			buf_addc(to, (char)strtoul(hex, NULL, 16));
			s += 4;
		} else {
			MUST(s[1] == 'u' && s[2] == '{');
			add_utf8(to, (uint32_t)strtoul(s + 3, &stop, 16));
			MUST(*stop == '}');
			s = stop + 1;
		}
	}
}

/* max decides nothing but where it ends: a prefix, cut between two units. */
static void
check_text(const uint8_t *data, size_t n, size_t max)
{
	struct buf shown, back;

	buf_init(&shown);
	buf_init(&back);
	str_escape(&shown, data, n, max);
	MUST(buf_len(&shown) <= max);
	must_be_harmless(buf_str(&shown), buf_len(&shown));
	undo(&back, buf_data(&shown), buf_data(&shown) + buf_len(&shown));
	MUST(buf_len(&back) <= n && (max != SIZE_MAX || buf_len(&back) == n));
	MUST(buf_len(&back) == 0 || memcmp(buf_data(&back), data, buf_len(&back)) == 0);
	buf_fini(&shown);
	buf_fini(&back);
}

static void
check_json(const uint8_t *data, size_t n, size_t max)
{
	struct buf shown;
	json_t *j;

	buf_init(&shown);
	buf_addc(&shown, '"');
	str_json_max(&shown, data, n, max);
	MUST(buf_len(&shown) - 1 <= max);
	buf_addc(&shown, '"');
	must_be_harmless(buf_data(&shown), buf_len(&shown));
	j = parse(buf_data(&shown), buf_len(&shown));
	/* If nothing was replaced, it comes back as it went. */
	if (max == SIZE_MAX && memmem(buf_data(&shown), buf_len(&shown), "\xef\xbf\xbd", 3) == NULL)
		MUST(json_string_length(j) == n &&
		    (n == 0 || memcmp(json_string_value(j), data, n) == 0));
	json_decref(j);
	buf_fini(&shown);
}

static void
check_log(const char *value, enum log_format format)
{
	static int fd = -1;
	static char path[64], line[4096];
	struct log_kv kv[] = { LOG_STR("a", value), LOG_NUM("n", -7), LOG_STR("b", value),
		LOG_STR("c", NULL), LOG_STR("d", value) };
	struct log_param to = { .target = LOG_TO_FILE, .format = format, .level = LOG_LVL_INFO,
		.file = path, .tag = "relayd", .name = value, .host = value };
	ssize_t n;

	if (fd == -1) {
		MUST((fd = memfd_create("log", MFD_CLOEXEC)) != -1);
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	}
	MUST(log_open(&to) == 0);
	log_event(LOG_LVL_INFO, NULL, "delivery", format == LOG_TEXT ? value : NULL, kv, 5);
	log_flush();
	n = pread(fd, line, sizeof line, 0);
	MUST(ftruncate(fd, 0) == 0);
	MUST(n > 0 && n <= 2048 && line[n - 1] == '\n');
	must_be_harmless(line, (size_t)n - 1);
	if (format == LOG_JSON)
		json_decref(parse(line, (size_t)n - 1));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const size_t caps[] = { 0, 1, 5, 64, SIZE_MAX };
	char *value;

	clock_virtual(0, 1795305600000);
	for (size_t i = 0; i < sizeof caps / sizeof caps[0]; i++) {
		check_text(data, n, caps[i]);
		check_json(data, n, caps[i]);
	}
	value = must_strndup(n > 0 ? (const char *)data : "", n);
	check_log(value, LOG_TEXT);
	check_log(value, LOG_JSON);
	free(value);
	return 0;
}
