/* SPDX-License-Identifier: ISC */
/*
 * safe: octets from outside as part of a header field or a text that we
 * write. Whatever goes in, one line of visible characters comes out
 * (HARDENING I10). NULL counts as "".
 */
#ifndef MAIL_SAFE_H
#define MAIL_SAFE_H

#include <stddef.h>

struct buf;

/* Host names, literals, ids: letters, digits and . - _ : [ ]; the rest becomes '?'. */
void	mail_safe_name(struct buf *, const char *s, size_t max);
/*
 * Any text: control octets and invalid UTF-8 as \xhh, other characters as
 * themselves if utf8, else as \x{HEX}; bidi controls, line and paragraph
 * separators always escaped. At most max octets of output, never half a
 * character.
 */
void	mail_safe_text(struct buf *, const char *s, size_t max, int utf8);
/* 1 if an octet >= 0x80 is in s. */
int	mail_safe_is_wide(const char *s);

#endif
