/* SPDX-License-Identifier: ISC */
/*
 * fuzz_mail_datain (F3): DATA and BDAT text. The first octet picks the
 * profile. Fed whole, in odd pieces and octet by octet: same text, same end,
 * same facts; what is stored has only CRLF and no NUL.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/bug.h"
#include "lib/mail/datain.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct outcome {
	struct mail_datain	d;
	struct buf		text;
	size_t			used;
};

static void
run(const struct mail_datain_param *param, const char *s, size_t n, size_t step,
    struct outcome *o)
{
	size_t used;
	int ended = 0;

	buf_init(&o->text);
	mail_datain_init(&o->d, param);
	for (o->used = 0; o->used < n && !ended; o->used += used) {
		size_t len = step < n - o->used ? step : n - o->used;

		ended = mail_datain_feed(&o->d, s + o->used, len, &used, &o->text);
		MUST(used <= len && (ended || used == len));
	}
	MUST(ended == o->d.ended);
	if (param->bdat)
		mail_datain_finish(&o->d, &o->text);
}

static void
check_clean(const struct buf *text)
{
	const char *s = buf_data(text);

	for (size_t i = 0; i < buf_len(text); i++) {
		MUST(s[i] != '\0');
		MUST(s[i] != '\r' || (i + 1 < buf_len(text) && s[i + 1] == '\n'));
		MUST(s[i] != '\n' || (i > 0 && s[i - 1] == '\r'));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const size_t steps[] = { 1, 2, 3, 7 };
	struct mail_datain_param param = { 0 };
	struct outcome whole, cut;

	if (n == 0)
		return 0;
	param.strict = data[0] & 1;
	param.lenient_eod = data[0] >> 1 & 1;
	param.bdat = data[0] >> 2 & 1;
	run(&param, (const char *)data + 1, n - 1, n, &whole);
	if (whole.d.ended)
		check_clean(&whole.text);
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		run(&param, (const char *)data + 1, n - 1, steps[i], &cut);
		MUST(cut.used == whole.used);
		MUST(memcmp(&cut.d, &whole.d, sizeof cut.d) == 0);
		MUST(buf_len(&cut.text) == buf_len(&whole.text));
		MUST(buf_len(&cut.text) == 0 ||
		    memcmp(buf_data(&cut.text), buf_data(&whole.text), buf_len(&cut.text)) == 0);
		buf_fini(&cut.text);
	}
	buf_fini(&whole.text);
	return 0;
}
