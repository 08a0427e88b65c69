/* SPDX-License-Identifier: ISC */
/* family: see family.h. */
#include "lib/meter/family.h"

#include <strings.h>

#include "lib/base/bug.h"
#include "lib/base/list.h"

/* ---- labels ---- */

static const char *const stages[METER__STAGES] = {
	[METER_AT_MAIL] = "mail", [METER_AT_RCPT] = "rcpt", [METER_AT_DATA] = "data",
	[METER_AT_BDAT] = "bdat",
};
static const char *const results[METER__RESULTS] = {
	[METER_SENT] = "sent", [METER_DEFERRED] = "deferred", [METER_BOUNCED] = "bounced",
	[METER_EXPIRED] = "expired", [METER_HOLD] = "held", [METER_RELEASED] = "released",
	[METER_DELETED] = "deleted", [METER_REDIRECTED] = "redirected",
};
static const char *const policies[METER__POLICIES] = {
	[METER_NO_POLICY] = "none", [METER_PKIX] = "pkix", [METER_STS] = "sts",
	[METER_STS_TESTING] = "sts-testing", [METER_DANE] = "dane", [METER_ROUTE] = "route",
};
static const char *const allows[METER__ALLOWS] = {
	[METER_WEAK_TLS] = "weak-tls", [METER_ENCRYPT] = "encrypt",
	[METER_PLAINTEXT] = "plaintext",
};
static const char *const yes_no[2] = { "no", "yes" };
static const char *const kinds[METER__KINDS] = {
	[METER_NON_DELIVERY] = "non-delivery", [METER_DELAYED] = "delay",
	[METER_RELAYED] = "relay",
};
static const char *const records[METER__RECORDS] = {
	[METER_MX] = "mx", [METER_ADDRESS] = "address", [METER_TLSA] = "tlsa",
};
static const char *const founds[METER__FOUNDS] = {
	[METER_SECURE] = "secure", [METER_INSECURE] = "insecure", [METER_NONE] = "none",
	[METER_BOGUS] = "bogus", [METER_FAILED] = "failed", [METER_LATE] = "late",
};
static const char *const modes[METER__MODES] = {
	[METER_STS_NONE] = "none", [METER_STS_TEST] = "testing", [METER_STS_ENFORCE] = "enforce",
	[METER_STS_FAILED] = "failed", [METER_STS_UNKNOWN] = "unknown",
};
static const char *const roles[METER__ROLES] = {
	[METER_SMTP] = "smtp", [METER_POLICY_ROLE] = "policy",
};

static const struct {
	const char		*key;
	unsigned		 count;
	const char *const	*words;		/* NULL: why_token */
} labels[METER__LABELS] = {
	[METER_NO_LABEL] = { NULL, METER_COUNT_NO_LABEL, NULL },
	[METER_STAGE] = { "stage", METER_COUNT_STAGE, stages },
	[METER_RESULT] = { "result", METER_COUNT_RESULT, results },
	[METER_POLICY] = { "policy", METER_COUNT_POLICY, policies },
	[METER_REASON] = { "reason", METER_COUNT_REASON, NULL },
	[METER_ALLOW] = { "allow", METER_COUNT_ALLOW, allows },
	[METER_NEEDED] = { "needed", METER_COUNT_NEEDED, yes_no },
	[METER_KIND] = { "kind", METER_COUNT_KIND, kinds },
	[METER_RECORD] = { "record", METER_COUNT_RECORD, records },
	[METER_FOUND] = { "result", METER_COUNT_FOUND, founds },
	[METER_MODE] = { "result", METER_COUNT_MODE, modes },
	[METER_ROLE] = { "role", METER_COUNT_ROLE, roles },
};

const char *
meter_label_key(enum meter_label l)
{
	return labels[l].key;
}

unsigned
meter_label_count(enum meter_label l)
{
	return labels[l].count;
}

const char *
meter_label_word(enum meter_label l, unsigned value)
{
	MUST(l != METER_NO_LABEL && value < labels[l].count);
	return labels[l].words != NULL ? labels[l].words[value] :
	    why_token((enum why_reason)value);
}

unsigned
meter_label_of(enum meter_label l, const char *word)
{
	unsigned i = 0;

	while (i < labels[l].count && strcasecmp(meter_label_word(l, i), word) != 0)
		i++;
	return i;
}

/* ---- families ---- */

#define SECONDS(n)	((n) * INT64_C(1000))

static const int64_t delay[METER_BOUNDS] = {
	100, 500, SECONDS(1), SECONDS(5), SECONDS(15), SECONDS(60), SECONDS(300), SECONDS(900),
	SECONDS(3600), SECONDS(4 * 3600), SECONDS(86400), SECONDS(5 * 86400),
};
static const int64_t brief[METER_BOUNDS] = {
	2, 5, 10, 25, 50, 100, 250, 500, SECONDS(1), SECONDS(2), SECONDS(5), SECONDS(15),
};

static const struct family {
	const char		*name, *help;
	enum meter_type		 type;
	enum meter_label	 labels[2];
	const int64_t		*bounds;
} families[METER__FAMILIES] = {
#define COUNTER(id, n, a, b, h)							\
	[METER_##id] = { .name = n, .help = h, .type = METER_COUNTER,		\
	    .labels = { METER_##a, METER_##b } },
#define HISTOGRAM(id, n, bounds_, h)						\
	[METER_##id] = { .name = n, .help = h, .type = METER_HISTOGRAM, .bounds = bounds_ },
#define GAUGE(id, n, h)								\
	[METER_##id] = { .name = n, .help = h, .type = METER_GAUGE },
#include "lib/meter/family.def"
#undef COUNTER
#undef HISTOGRAM
#undef GAUGE
};

static const struct family *
family(enum meter_family f)
{
	MUST(f < METER__FAMILIES);
	return &families[f];
}

const char *
meter_family_name(enum meter_family f)
{
	return family(f)->name;
}

const char *
meter_family_help(enum meter_family f)
{
	return family(f)->help;
}

enum meter_type
meter_family_type(enum meter_family f)
{
	return family(f)->type;
}

const char *
meter_type_name(enum meter_type t)
{
	static const char *const names[] = {
		[METER_COUNTER] = "counter", [METER_HISTOGRAM] = "histogram",
		[METER_GAUGE] = "gauge",
	};

	return names[t];
}

enum meter_label
meter_family_label(enum meter_family f, unsigned which)
{
	MUST(which < LENGTH(families[0].labels));
	return family(f)->labels[which];
}

const int64_t *
meter_family_bounds(enum meter_family f)
{
	MUST(family(f)->bounds != NULL);
	return family(f)->bounds;
}
