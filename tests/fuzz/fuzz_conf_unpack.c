/* SPDX-License-Identifier: ISC */
/* fuzz_conf_unpack: any frame is refused with a reason or gives a checked configuration. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/base/buf.h"
#include "lib/conf/conf.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct conf *c;
	struct why why;
	struct buf b;
	int rc;

	why_clear(&why);
	rc = conf_unpack(data, n, &c, &why);
	if ((rc == 0) != (c != NULL) || (rc == -1) != why_is_set(&why))
		abort();
	if (rc == -1)
		return 0;
	buf_init(&b);
	conf_pack(c, &b);
	conf_diff_restart(c, c, &b);
	buf_fini(&b);
	conf_free(&c);
	return 0;
}
