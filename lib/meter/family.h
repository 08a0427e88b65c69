/* SPDX-License-Identifier: ISC */
/*
 * family: what is measured: names, types, help, labels and their words.
 * Constant tables, nothing that changes.
 */
#ifndef METER_FAMILY_H
#define METER_FAMILY_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/why.h"

enum meter_type { METER_COUNTER, METER_HISTOGRAM, METER_GAUGE };

enum meter_family {
#define COUNTER(id, name, a, b, help)		METER_##id,
#define HISTOGRAM(id, name, bounds, help)	METER_##id,
#define GAUGE(id, name, help)			METER_##id,
#include "lib/meter/family.def"
#undef COUNTER
#undef HISTOGRAM
#undef GAUGE
	METER__FAMILIES
};

/* ---- labels: each value is a number below its count ---- */

enum meter_label {
	METER_NO_LABEL,
	METER_STAGE,			/* enum meter_stage */
	METER_RESULT,			/* enum meter_result */
	METER_POLICY,			/* enum meter_policy */
	METER_REASON,			/* enum why_reason */
	METER_ALLOW,			/* enum meter_allow */
	METER_NEEDED,			/* 0 or 1 */
	METER_KIND,			/* enum meter_kind */
	METER_RECORD,			/* enum meter_record */
	METER_FOUND,			/* enum meter_found */
	METER_MODE,			/* enum meter_mode */
	METER_ROLE,			/* enum meter_role */
	METER__LABELS
};

enum meter_stage { METER_AT_MAIL, METER_AT_RCPT, METER_AT_DATA, METER_AT_BDAT, METER__STAGES };
/* status= of the delivery log. */
enum meter_result {
	METER_SENT, METER_DEFERRED, METER_BOUNCED, METER_EXPIRED, METER_HOLD, METER_RELEASED,
	METER_DELETED, METER_REDIRECTED, METER__RESULTS
};
/* policy= of the delivery log. */
enum meter_policy {
	METER_NO_POLICY, METER_PKIX, METER_STS, METER_STS_TESTING, METER_DANE, METER_ROUTE,
	METER__POLICIES
};
enum meter_allow { METER_WEAK_TLS, METER_ENCRYPT, METER_PLAINTEXT, METER__ALLOWS };
enum meter_kind { METER_NON_DELIVERY, METER_DELAYED, METER_RELAYED, METER__KINDS };
enum meter_record { METER_MX, METER_ADDRESS, METER_TLSA, METER__RECORDS };
enum meter_found {
	METER_SECURE, METER_INSECURE, METER_NONE, METER_BOGUS, METER_FAILED, METER_LATE,
	METER__FOUNDS
};
enum meter_mode {
	METER_STS_NONE, METER_STS_TEST, METER_STS_ENFORCE, METER_STS_FAILED, METER_STS_UNKNOWN,
	METER__MODES
};
enum meter_role { METER_SMTP, METER_POLICY_ROLE, METER__ROLES };

enum {
	METER_COUNT_NO_LABEL = 1, METER_COUNT_STAGE = METER__STAGES,
	METER_COUNT_RESULT = METER__RESULTS, METER_COUNT_POLICY = METER__POLICIES,
	METER_COUNT_REASON = WHY__COUNT, METER_COUNT_ALLOW = METER__ALLOWS,
	METER_COUNT_RECORD = METER__RECORDS, METER_COUNT_FOUND = METER__FOUNDS,
	METER_COUNT_MODE = METER__MODES, METER_COUNT_NEEDED = 2, METER_COUNT_KIND = METER__KINDS, METER_COUNT_ROLE = METER__ROLES
};

const char	*meter_label_key(enum meter_label);			/* "reason"; NULL: none */
unsigned	 meter_label_count(enum meter_label);			/* of words; 1: none */
const char	*meter_label_word(enum meter_label, unsigned value);	/* "tlsa-mismatch" */
/* The value of a word, whatever the case of its letters; the count if there is none. */
unsigned	 meter_label_of(enum meter_label, const char *word);

/* ---- families ---- */

#define METER_BOUNDS	12	/* of every histogram; behind them stands +Inf */

const char	*meter_family_name(enum meter_family);
const char	*meter_family_help(enum meter_family);
enum meter_type	 meter_family_type(enum meter_family);
const char	*meter_type_name(enum meter_type);			/* "counter" */
/* Of a counter: its labels, METER_NO_LABEL for none. */
enum meter_label meter_family_label(enum meter_family, unsigned which);	/* 0 or 1 */
/* Of a histogram: METER_BOUNDS of them, ms, ascending. */
const int64_t	*meter_family_bounds(enum meter_family);

#endif
