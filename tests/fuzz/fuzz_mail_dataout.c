/* SPDX-License-Identifier: ISC */
/*
 * fuzz_mail_dataout (F4): the DATA writer on any octets. Either it refuses,
 * or the wire form ends once, at its end, and decodes to the input.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/bug.h"
#include "lib/base/why.h"
#include "lib/mail/datain.h"
#include "lib/mail/dataout.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int
write_all(const uint8_t *data, size_t n, size_t step, struct buf *wire)
{
	struct mail_dataout d;
	struct why why;
	size_t len;

	mail_dataout_init(&d);
	for (size_t at = 0; at < n; at += len) {
		len = step < n - at ? step : n - at;
		if (mail_dataout_add(&d, data + at, len, wire, &why) == -1)
			return -1;
	}
	return mail_dataout_finish(&d, wire, &why);
}

/* Even of a refused text nothing odd may be on the wire. */
static void
check_wire(const struct buf *wire)
{
	const char *s = buf_data(wire);

	for (size_t i = 0; i < buf_len(wire); i++) {
		MUST(s[i] != '\0');
		MUST(s[i] != '\r' || (i + 1 < buf_len(wire) && s[i + 1] == '\n'));
		MUST(s[i] != '\n' || (i > 0 && s[i - 1] == '\r'));
	}
}

static void
check_decodes(const struct buf *wire, const uint8_t *data, size_t n)
{
	struct mail_datain in;
	struct buf text;
	size_t used;

	buf_init(&text);
	mail_datain_init(&in, &(struct mail_datain_param){ .strict = 1 });
	MUST(mail_datain_feed(&in, buf_data(wire), buf_len(wire), &used, &text) == 1);
	MUST(used == buf_len(wire) && buf_len(&text) == n);
	MUST(n == 0 || memcmp(buf_data(&text), data, n) == 0);
	MUST(mail_datain_verdict(&in, NULL) == 0);
	buf_fini(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const size_t steps[] = { 1, 2, 5 };
	struct buf whole, cut;
	int rc;

	buf_init(&whole);
	rc = write_all(data, n, n, &whole);
	check_wire(&whole);
	if (rc == 0)
		check_decodes(&whole, data, n);
	else
		MUST(buf_len(&whole) == 0 || memmem(buf_data(&whole), buf_len(&whole),
		    "\r\n.\r\n", 5) == NULL);
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		buf_init(&cut);
		MUST(write_all(data, n, steps[i], &cut) == rc);
		check_wire(&cut);
		if (rc == 0)
			MUST(buf_len(&cut) == buf_len(&whole) &&
			    memcmp(buf_data(&cut), buf_data(&whole), buf_len(&cut)) == 0);
		buf_fini(&cut);
	}
	buf_fini(&whole);
	return 0;
}
