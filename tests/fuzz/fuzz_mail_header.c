/* SPDX-License-Identifier: ISC */
/*
 * fuzz_mail_header (F13): the header scan on any octets: stays inside them,
 * keeps its limits, and a Received field put in front counts as one more hop.
 */
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/bug.h"
#include "lib/mail/header.h"
#include "lib/mail/received.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char marker[] = "by relay.example (relayd)";
	struct mail_received r = { .host = "relay.example", .client_ip = "192.0.2.1", .when = 1 };
	struct mail_header before, after;
	struct buf text;

	mail_header_scan((const char *)data, n, 0, marker, &before);
	MUST(before.len <= n);
	mail_header_scan((const char *)data, n, 1, marker, &before);
	MUST(before.len <= n && before.fields <= MAIL_HEADER_FIELDS_MAX);
	MUST(before.complete || before.too_big || before.too_many);
	MUST(before.own <= before.received && before.received <= before.fields);

	buf_init(&text);
	mail_received_add(&text, &r);
	if (before.fresh_line)
		buf_adds(&text, "\r\n");
	buf_add(&text, data, n);
	mail_header_scan(buf_data(&text), buf_len(&text), 1, marker, &after);
	MUST(after.received == before.received + 1 || after.too_many || after.too_big);
	MUST(after.own == before.own + 1 || after.too_many || after.too_big);
	MUST(after.from == before.from || after.too_many || after.too_big);
	buf_fini(&text);
	return 0;
}
