/* SPDX-License-Identifier: ISC */
/* What a temporary refusal is about. */
#include "lib/mail/refusal.h"

#include <check.h>

#include "lib/base/str.h"
#include "lib/mail/reply.h"

#define MESSAGE		MAIL_REFUSAL_MESSAGE
#define SERVER		MAIL_REFUSAL_SERVER
#define GREY		MAIL_REFUSAL_GREYLIST

static const struct {
	int			 code;
	const char		*dsn, *text;
	int			 rcpt;
	enum mail_refusal_about	 about;
	int64_t			 wait;
} replies[] = {
	{ 421, "", "", 0, SERVER, 0 },
	{ 421, "4.7.0", "Try again later, closing connection", 0, SERVER, 0 },
	{ 421, "4.7.0", "Greylisted", 1, SERVER, 0 },
	{ 421, "4.3.2", "try again in 5 minutes", 1, SERVER, 300000 },
	{ 450, "4.3.2", "Service currently unavailable", 1, SERVER, 0 },
	{ 451, "4.3.2", "system not accepting network messages", 0, SERVER, 0 },
	{ 452, "4.3.1", "Insufficient system storage", 0, SERVER, 0 },
	{ 451, "4.4.5", "mail system congestion", 0, SERVER, 0 },
	{ 452, "4.5.3", "Too many messages", 0, SERVER, 0 },
	{ 451, "4.7.1", "Too many connections from your host", 1, SERVER, 0 },
	{ 450, "4.7.28", "You are sending too fast", 0, SERVER, 0 },
	{ 451, "4.7.500", "Server busy. Throttled", 0, SERVER, 0 },
	/* greylists as they talk */
	{ 450, "4.2.0", "<b@x>: Recipient address rejected: Greylisted", 1, GREY, 0 },
	{ 451, "4.7.1", "Please try again later", 1, GREY, 0 },
	{ 451, "4.7.1", "Greylisting in action, please come back in 00:05:00", 1, GREY, 300000 },
	{ 451, "", "Greylisted, please try again in 180 seconds", 1, GREY, 180000 },
	{ 451, "", "Greylisted for 1 minute", 0, GREY, 60000 },
	{ 450, "", "try again in 2 hours", 1, GREY, 7200000 },
	{ 450, "", "Graylisted: retry after 90s", 1, GREY, 90000 },
	{ 450, "4.0.0", "come back in 04:59", 1, GREY, 299000 },
	{ 451, "4.7.1", "wait 5-minutes", 1, GREY, 300000 },
	/* neither */
	{ 450, "4.2.1", "mailbox busy", 1, MESSAGE, 0 },
	{ 452, "4.2.2", "mailbox full", 1, MESSAGE, 0 },
	{ 451, "4.3.0", "local error in processing", 1, MESSAGE, 0 },
	{ 451, "", "Temporary local problem", 1, MESSAGE, 0 },
	{ 450, "4.7.1", "policy", 0, MESSAGE, 0 },
	{ 450, "4.2.0", "", 0, MESSAGE, 0 },
	{ 452, "", "4.3.2 in words only", 1, MESSAGE, 0 },
	{ 450, "", "in 12 words", 1, MESSAGE, 0 },
	{ 450, "", "in 99999999999999999999 seconds", 1, MESSAGE, 0 },
	{ 450, "", "in seconds", 1, MESSAGE, 0 },
	{ 450, "", "in 00:99:00", 1, MESSAGE, 0 },
	{ 450, "", "in 5:", 1, MESSAGE, 0 },
	{ 450, "", "in 999999:59:59:59:59:59:59:59:59:59:59:59:59", 1, MESSAGE, 0 },
	{ 450, "", "in ", 1, MESSAGE, 0 },
	{ 550, "5.7.1", "Greylisted, too many, try again in 5 minutes", 1, MESSAGE, 0 },
	{ 554, "5.3.2", "", 0, MESSAGE, 0 },
	{ 250, "2.0.0", "in 5 minutes", 1, MESSAGE, 0 },
};

START_TEST(about)
{
	struct mail_reply r = { .code = replies[_i].code };
	int64_t wait = -1;

	str_copy(r.dsn, replies[_i].dsn, sizeof r.dsn);
	str_copy(r.text, replies[_i].text, sizeof r.text);
	ck_assert_int_eq(mail_refusal_about(&r, replies[_i].rcpt, &wait), replies[_i].about);
	ck_assert_int_eq(wait, replies[_i].wait);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("mail refusal");
	TCase *c = tcase_create("refusal");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(c, about, 0, sizeof replies / sizeof replies[0]);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
