/* SPDX-License-Identifier: ISC */
/* policy: the body of an MTA-STS policy. RFC 8461 s3.2; RULES S19-S24. */
#ifndef STS_POLICY_H
#define STS_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/why.h"
#include "lib/dns/rr.h"

#define STS_BODY_MAX		65536		/* octets, RFC 8461 s3.3 */
#define STS_MAX_AGE_MAX		31557600	/* seconds; larger ones are capped (S22) */
#define STS_PATTERNS_MAX	64		/* mx patterns kept; more are cut off */

enum sts_mode { STS_MODE_NONE, STS_MODE_TESTING, STS_MODE_ENFORCE };

struct sts_policy {
	enum sts_mode	 mode;
	uint32_t	 max_age;	/* seconds, capped */
	int		 capped;	/* max_age was larger */
	int		 cut;		/* there were more patterns */
	char		 (*patterns)[DNS_NAME_MAX];	/* owned; lower case, no trailing dot */
	size_t		 npatterns;
};

/* 0 and *p filled (fini it), or -1 and *why STS_INVALID with the line number. */
int		 sts_policy_parse(struct sts_policy *p, const char *body, size_t len,
		    struct why *);
void		 sts_policy_fini(struct sts_policy *);
const char	*sts_mode_name(enum sts_mode);		/* "enforce" */

#endif
