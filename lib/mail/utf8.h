/* SPDX-License-Identifier: ISC */
/* utf8: one character of RFC 3629 UTF-8. Private to lib/mail. */
#ifndef MAIL_UTF8_H
#define MAIL_UTF8_H

#include <stddef.h>
#include <stdint.h>

/*
 * Octets of the character at s (n > 0 octets are there) and *rune; 0 if they
 * are no valid character: cut, overlong, surrogate or beyond U+10FFFF.
 */
size_t	mail_utf8_char(const char *s, size_t n, uint32_t *rune);

#endif
