/* SPDX-License-Identifier: ISC */
/* fuzz_conf_load: any text is a configuration or a list of complaints, and one that loads packs. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/conf/conf.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
pack_again(const struct conf *c)
{
	struct conf *d = NULL;
	struct buf a, b;
	struct why why;

	buf_init(&a);
	buf_init(&b);
	conf_pack(c, &a);
	if (conf_unpack(buf_data(&a), buf_len(&a), &d, &why) == -1)
		abort();
	conf_pack(d, &b);
	if (buf_len(&a) != buf_len(&b) || memcmp(buf_data(&a), buf_data(&b), buf_len(&a)) != 0)
		abort();
	buf_fini(&a);
	buf_fini(&b);
	conf_free(&d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct conf_exception *first;
	static const uint8_t address[16] = { 10, 8, 0, 1 };
	struct conf_errors e;
	struct conf *c;
	int rc = conf_load_text((const char *)data, n, "fuzz", &c, &e);

	if ((rc == 0) != (e.nerrors == 0) || (rc == 0) != (c != NULL))
		abort();
	conf_errors_fini(&e);
	if (rc == -1)
		return 0;
	conf_client_of(c, AF_INET, address);
	conf_client_of(c, AF_INET6, address);
	conf_destination_of(c, "a.partner.example");
	conf_exceptions_of(c, "a.partner.example", 0, &first, 1);
	pack_again(c);
	conf_free(&c);
	return 0;
}
