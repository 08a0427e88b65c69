/* SPDX-License-Identifier: ISC */
/*
 * xtext: the hex-escaped text of ENVID, ORCPT and AUTH parameters
 * (RFC 3461 s4), and the address form for other alphabets (RFC 6533 s3).
 */
#ifndef MAIL_XTEXT_H
#define MAIL_XTEXT_H

#include <stddef.h>

struct buf;

/*
 * Decodes into to (terminated). 0, or -1: not xtext, does not fit, or hides
 * an octet that must not reach a header or a record: NUL, CR, LF, another
 * control octet, DEL, or anything beyond ASCII (HARDENING I10).
 */
int	mail_xtext_decode(const char *, size_t len, char *to, size_t cap);
/* Appends s as xtext: + = space and everything outside 33..126 as +XX. */
void	mail_xtext_encode(struct buf *, const char *s);
/*
 * Appends s as utf-8-addr-xtext (RFC 6533 s3): \x{HEX} for all that may not
 * stand for itself; \x{HEX} that is there already is kept. Invalid UTF-8
 * becomes \x{FFFD}.
 */
void	mail_xtext_encode_utf8(struct buf *, const char *s);

#endif
