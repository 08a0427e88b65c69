/* SPDX-License-Identifier: ISC */
/* record: the TXT record at _mta-sts.<domain>. RFC 8461 s3.1; RULES S01-S04. */
#ifndef STS_RECORD_H
#define STS_RECORD_H

#include <stddef.h>

#include "lib/base/why.h"
#include "lib/dns/txt.h"

#define STS_ID_MAX	33	/* 32 letters and digits, NUL */

enum sts_record {
	STS_RECORD_OTHER,	/* does not begin with "v=STSv1;": not counted (S02, S03) */
	STS_RECORD_INVALID,	/* begins so, and is broken: no live record (S04) */
	STS_RECORD_VALID
};

/*
 * One joined TXT value. VALID: id is filled. INVALID: *why says where.
 * Tolerated beyond the ABNF: white space and empty fields at the end.
 */
enum sts_record	sts_record_parse(const char *, size_t len, char id[STS_ID_MAX], struct why *);

/*
 * The records of a look-up that was FOUND: VALID if exactly one is left that
 * begins with "v=STSv1;" and it is valid; OTHER if none is; INVALID else.
 */
enum sts_record	sts_record_pick(const struct dns_txt *, char id[STS_ID_MAX], struct why *);

#endif
