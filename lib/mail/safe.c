/* SPDX-License-Identifier: ISC */
/* safe: octets from outside in headers and texts of ours. */
#include "lib/mail/safe.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "lib/mail/utf8.h"

static int
is_name_char(char c)
{
	return str_is_alnum(c) || (c != '\0' && strchr(".-_:[]", c) != NULL);
}

void
mail_safe_name(struct buf *out, const char *s, size_t max)
{
	for (; s != NULL && *s != '\0' && max > 0; s++, max--)
		buf_addc(out, is_name_char(*s) ? *s : '?');
}

void
mail_safe_text(struct buf *out, const char *s, size_t max, int utf8)
{
	size_t n = s == NULL ? 0 : strlen(s), step, len;
	char shown[16];
	uint32_t rune;

	for (; n > 0; s += step, n -= step) {
		step = mail_utf8_char(s, n, &rune);
		if (step == 0 || (step == 1 && (rune < 32 || rune == 127))) {
			str_fmt(shown, sizeof shown, "\\x%02x", (unsigned)(unsigned char)*s);
			step = 1;
		} else if (step > 1 && (!utf8 || str_acts(rune))) {
			str_fmt(shown, sizeof shown, "\\x{%X}", (unsigned)rune);
		} else {
			memcpy(shown, s, step);
			shown[step] = '\0';
		}
		len = strlen(shown);
		if (len > max)
			return;
		max -= len;
		buf_add(out, shown, len);
	}
}

int
mail_safe_is_wide(const char *s)
{
	for (; s != NULL && *s != '\0'; s++)
		if ((unsigned char)*s >= 0x80)
			return 1;
	return 0;
}
