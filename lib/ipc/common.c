/* SPDX-License-Identifier: ISC */
/* common: parts that several messages have. See ipc_int.h. */
#include "lib/ipc/ipc_int.h"

#include <string.h>

#include "lib/base/str.h"
#include "lib/dns/name.h"

int
ipc_enum_get(struct buf_reader *r, unsigned last, unsigned *v)
{
	uint8_t byte;

	if (buf_get_u8(r, &byte) == -1 || byte > last) {
		r->failed = 1;
		*v = 0;
		return -1;
	}
	*v = byte;
	return 0;
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
