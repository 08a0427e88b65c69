/* SPDX-License-Identifier: ISC */
/* common: parts that several messages have. See ipc_int.h. */
#include "lib/ipc/ipc_int.h"

#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/str.h"
#include "lib/dns/name.h"

unsigned
ipc_enum_get(struct buf_reader *r, unsigned last)
{
	uint8_t byte = 0;

	if (buf_get_u8(r, &byte) == -1 || byte > last)
		r->failed = 1;
	return r->failed ? 0 : byte;
}

int
ipc_bool_get(struct buf_reader *r)
{
	return (int)ipc_enum_get(r, 1);
}

size_t
ipc_count_get(struct buf_reader *r, size_t max)
{
	uint16_t n = 0;

	if (buf_get_u16(r, &n) == -1 || n > max)
		r->failed = 1;
	return r->failed ? 0 : n;
}

int64_t
ipc_time_get(struct buf_reader *r)
{
	uint64_t v = 0;

	if (buf_get_u64(r, &v) == -1 || v > HISTORY_TIME_MAX)
		r->failed = 1;
	return r->failed ? 0 : (int64_t)v;
}

void
ipc_patterns_put(struct buf *b, char (*patterns)[DNS_NAME_MAX], size_t n)
{
	buf_add_u16(b, (uint16_t)n);
	for (size_t i = 0; i < n; i++)
		buf_add_str(b, patterns[i]);
}

size_t
ipc_patterns_get(struct buf_reader *r, char (**patterns)[DNS_NAME_MAX])
{
	size_t n = ipc_count_get(r, PLAN_PATTERNS_MAX);

	*patterns = n > 0 ? must_calloc(n, sizeof **patterns) : NULL;
	for (size_t i = 0; i < n && !r->failed; i++)
		buf_get_str(r, (*patterns)[i], sizeof (*patterns)[i]);
	return n;
}

/* "" or a name in the one spelling that this program knows (lib/dns/name.h). */
int
ipc_name_get(struct buf_reader *r, char *to)
{
	char normal[DNS_NAME_MAX];

	if (buf_get_str(r, to, DNS_NAME_MAX) == -1)
		return -1;
	if (to[0] != '\0' && (dns_name_normalize(to, strlen(to), normal) == -1 ||
	    strcmp(normal, to) != 0))
		r->failed = 1;
	return r->failed ? -1 : 0;
}

void
ipc_why_put(struct buf *b, const struct why *why)
{
	buf_add_str(b, why_token(why->reason));
	buf_add_str(b, why->dsn);
	buf_add_str(b, why->text);
}

/* Was the text escaped by its sender? Escaping it again changes nothing but backslashes. */
static int
is_escaped(const char *text)
{
	char plain[sizeof ((struct why *)0)->text], again[sizeof plain];
	size_t n = str_copy(plain, text, sizeof plain);

	for (char *p = plain; (p = strchr(p, '\\')) != NULL; )
		*p = '/';
	str_escape_to(again, sizeof again, plain, n);
	return strcmp(again, plain) == 0;
}

void
ipc_why_get(struct buf_reader *r, struct why *why)
{
	char token[64], dsn[sizeof why->dsn], text[sizeof why->text];
	enum why_reason reason;

	why_clear(why);
	if (buf_get_str(r, token, sizeof token) == -1 || buf_get_str(r, dsn, sizeof dsn) == -1 ||
	    buf_get_str(r, text, sizeof text) == -1)
		return;
	if ((reason = why_reason_of(token)) == WHY__COUNT || !is_escaped(text)) {
		r->failed = 1;
		return;
	}
	if (reason == WHY_NONE)
		return;
	why_set_dsn(why, reason, dsn, "%s", "");
	str_copy(why->text, text, sizeof why->text);
}
