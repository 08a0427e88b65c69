/* SPDX-License-Identifier: ISC */
/* utf8: one character of RFC 3629 UTF-8. */
#include "lib/mail/utf8.h"

/* Indexed by length: what the first octet brings, and the least rune that needs it. */
static const struct {
	uint8_t		mask, lead;
	uint32_t	least;
} forms[] = {
	{ 0, 0, 0 },
	{ 0x80, 0x00, 0 },
	{ 0xe0, 0xc0, 0x80 },
	{ 0xf0, 0xe0, 0x800 },
	{ 0xf8, 0xf0, 0x10000 },
};

size_t
mail_utf8_char(const char *s, size_t n, uint32_t *rune)
{
	uint8_t c = (uint8_t)s[0];
	size_t len;

	for (len = 1; len <= 4; len++)
		if ((c & forms[len].mask) == forms[len].lead)
			break;
	if (len > 4 || len > n)
		return 0;
	*rune = c & (uint8_t)~forms[len].mask;
	for (size_t i = 1; i < len; i++) {
		if (((uint8_t)s[i] & 0xc0) != 0x80)
			return 0;
		*rune = *rune << 6 | ((uint8_t)s[i] & 0x3f);
	}
	if (*rune < forms[len].least || *rune > 0x10ffff || (*rune >= 0xd800 && *rune <= 0xdfff))
		return 0;
	return len;
}
