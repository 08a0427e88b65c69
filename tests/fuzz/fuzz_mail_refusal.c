/* SPDX-License-Identifier: ISC */
/* fuzz_mail_refusal: what a refusal is about, and the time that its text names. */
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bug.h"
#include "lib/base/str.h"
#include "lib/mail/refusal.h"
#include "lib/mail/reply.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const status[] = { "", "4.7.1", "4.2.0", "4.3.2", "4.5.3", "5.7.1" };
	struct mail_reply r = { 0 };
	enum mail_refusal_about about;
	int64_t wait;

	if (n < 3)
		return 0;
	r.code = 400 + data[0] % 200;
	str_copy(r.dsn, status[data[1] % 6], sizeof r.dsn);
	str_escape_to(r.text, sizeof r.text, (const char *)data + 3, n - 3);
	about = mail_refusal_about(&r, data[2] % 2, &wait);
	MUST(wait >= 0 && wait <= INT64_C(3600000) * 1000000);
	MUST(r.code < 500 || (about == MAIL_REFUSAL_MESSAGE && wait == 0));
	return 0;
}
