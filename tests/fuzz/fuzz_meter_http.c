/* SPDX-License-Identifier: ISC */
/*
 * fuzz_meter_http: a request over HTTP has one verdict, however its octets are
 * cut, and more octets behind it do not change it.
 */
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bug.h"
#include "lib/meter/http.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *p = (const char *)data;
	enum meter_http all = meter_http_request(p, n), what = METER_HTTP_MORE;

	for (size_t i = 0; i <= n && what == METER_HTTP_MORE; i++)
		what = meter_http_request(p, i);
	MUST(what == all);
	MUST(n < METER_HTTP_MAX || what != METER_HTTP_MORE);
	return 0;
}
