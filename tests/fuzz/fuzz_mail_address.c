/* SPDX-License-Identifier: ISC */
/*
 * fuzz_mail_address (F2): mailboxes and domains. Valid means: no CR, LF or
 * NUL, and converting a domain twice changes nothing.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/mail/address.h"
#include "lib/mail/domain.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_domain(const char *s, size_t n)
{
	char once[MAIL_DOMAIN_CAP], twice[MAIL_DOMAIN_CAP];

	if (mail_domain_to_ascii(s, n, once, NULL) == -1)
		return;
	MUST(once[0] != '\0' && once[strcspn(once, "\r\n \t/")] == '\0');
	MUST(mail_domain_to_ascii(once, strlen(once), twice, NULL) == 0);
	MUST(strcmp(once, twice) == 0);
	MUST(mail_address_domain_ok(once, strlen(once)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *s = (const char *)data;
	struct mail_address a;

	check_domain(s, n);
	if (mail_address_parse(s, n, &a) == -1)
		return 0;
	MUST(memchr(s, '\r', n) == NULL && memchr(s, '\n', n) == NULL);
	MUST(memchr(s, '\0', n) == NULL);
	MUST(a.local_len + 1 + a.domain_len == n);
	MUST(mail_address_local_ok(a.local, a.local_len));
	MUST(mail_address_domain_ok(a.domain, a.domain_len));
	check_domain(a.domain, a.domain_len);
	return 0;
}
