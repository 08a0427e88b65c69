/* SPDX-License-Identifier: ISC */
/* want: what a handshake is to be checked against. */
#include "lib/tls/want.h"

#include <string.h>

void
tls_want_fini(struct tls_want *want)
{
	dns_tlsa_set_fini(&want->tlsa);
	memset(want, 0, sizeof *want);
}
