/* SPDX-License-Identifier: ISC */
/* want: copies of what a handshake is to be checked against. */
#include "lib/tls/want.h"

#include <string.h>

void
tls_want_copy(struct tls_want *to, const struct tls_want *from)
{
	*to = *from;
	to->tlsa = (struct dns_tlsa_set){ 0 };
	dns_tlsa_set_copy(&to->tlsa, &from->tlsa);
}

void
tls_want_fini(struct tls_want *want)
{
	dns_tlsa_set_fini(&want->tlsa);
	memset(want, 0, sizeof *want);
}
