/* SPDX-License-Identifier: ISC */
/* Who is told what: NOTIFY, the cap, the steps of delay, and notices of any size. */
#include "relayd/smtp/notice.h"

#include <check.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/conf/conf.h"
#include "relayd/smtp/notice_cap.h"

#define HOUR	(60 * 60 * 1000)
#define BUSY	"451 4.2.1 busy"

static struct conf *conf;

static void
conf_setup(void)
{
	static const char text[] = "hostname = \"relay.test\";"
	    "notices = { per_sender = 2; postmaster = \"pm@corp.example\"; };";
	struct conf_errors errors;

	ck_assert_int_eq(conf_load_text(text, sizeof text - 1, "test", &conf, &errors), 0);
	conf_errors_fini(&errors);
}

static void
conf_teardown(void)
{
	conf_free(&conf);
}

static struct job *
job_of(const char *sender, size_t n, const char *notify)
{
	struct store_message *m = must_calloc(1, sizeof *m);
	struct job *j;

	m->id = 7;
	m->sender = must_strdup(sender);
	m->created = 1000;
	m->nrcpts = n;
	m->rcpts = must_calloc(n, sizeof *m->rcpts);
	for (size_t i = 0; i < n; i++) {
		m->rcpts[i].address = must_strdup("user@far.example");
		m->rcpts[i].dest = must_strdup("far.example");
		m->rcpts[i].notify = notify != NULL ? must_strdup(notify) : NULL;
	}
	j = job_new(m);
	for (size_t i = 0; i < n; i++) {
		why_set(&j->results[i].why, WHY_REMOTE_DEFERRED, "%s", BUSY);
		str_copy(j->results[i].reply, BUSY, sizeof j->results[i].reply);
		j->results[i].remote = 1;
	}
	return j;
}

/* ---- NOTIFY ---- */

static const struct {
	const char	*sender, *notify;
	int		 failed, delayed, relayed;
} wishes[] = {
	{ "a@corp.example", NULL, 1, 1, 0 },
	{ "a@corp.example", "", 1, 1, 0 },
	{ "a@corp.example", "nonsense", 1, 1, 0 },	/* a damaged row: rather too much */
	{ "a@corp.example", "NEVER", 0, 0, 0 },
	{ "a@corp.example", "FAILURE", 1, 0, 0 },
	{ "a@corp.example", "DELAY", 0, 1, 0 },
	{ "a@corp.example", "SUCCESS", 0, 0, 1 },
	{ "a@corp.example", "SUCCESS,FAILURE,DELAY", 1, 1, 1 },
	/* the postmaster */
	{ "", NULL, 1, 0, 0 },
	{ "", "SUCCESS,FAILURE,DELAY", 1, 0, 0 },
	{ "", "NEVER", 0, 0, 0 },
};

static int
told(const struct job *j, enum mail_dsn_action action)
{
	struct notice n;
	int owed;

	notice_init(&n, j, conf);
	notice_add(&n, 0, action, "5.0.0", NULL, 0);
	owed = n.n > 0;
	notice_fini(&n);
	return owed;
}

START_TEST(notify)
{
	struct job *j = job_of(wishes[_i].sender, 1, wishes[_i].notify);

	ck_assert_int_eq(told(j, MAIL_DSN_FAILED), wishes[_i].failed);
	ck_assert_int_eq(told(j, MAIL_DSN_EXPIRED), wishes[_i].failed);
	ck_assert_int_eq(told(j, MAIL_DSN_DELAYED), wishes[_i].delayed);
	ck_assert_int_eq(told(j, MAIL_DSN_RELAYED), wishes[_i].relayed);
	job_free(&j);
}
END_TEST

/* ---- the cap ---- */

START_TEST(cap_holds)
{
	struct notice_cap *cap = notice_cap_new(NULL, NULL);
	uint64_t held;

	ck_assert(notice_cap_take(cap, "a@x", 2, 0, &held));
	ck_assert(notice_cap_take(cap, "A@X", 2, 1, &held));
	ck_assert(!notice_cap_take(cap, "a@x", 2, HOUR - 1, &held));
	ck_assert_uint_eq(held, 1);
	ck_assert(!notice_cap_take(cap, "a@X", 2, HOUR - 1, &held));
	ck_assert_uint_eq(held, 2);
	ck_assert(notice_cap_take(cap, "b@x", 2, HOUR - 1, &held));
	ck_assert(notice_cap_take(cap, "a@x", 2, HOUR, &held));
	for (int i = 0; i < 1000; i++)
		ck_assert(notice_cap_take(cap, "c@x", 0, 0, &held));
	notice_cap_free(&cap);
	notice_cap_free(&cap);
}
END_TEST

/* ---- to whom ---- */

static size_t
told_to(const char *sender, enum mail_dsn_action action, struct notice_cap *cap)
{
	struct job *j = job_of(sender, 1, NULL);
	struct notice n;
	size_t nto;

	notice_init(&n, j, conf);
	notice_add(&n, 0, action, "5.0.0", NULL, 0);
	notice_address(&n, cap);
	nto = n.nto;
	notice_fini(&n);
	job_free(&j);
	return nto;
}

START_TEST(addressed)
{
	struct notice_cap *cap = notice_cap_new(NULL, NULL);

	ck_assert_uint_eq(told_to("a@x.example", MAIL_DSN_FAILED, cap), 2);
	ck_assert_uint_eq(told_to("b@x.example", MAIL_DSN_DELAYED, cap), 1);
	ck_assert_uint_eq(told_to("PM@corp.example", MAIL_DSN_FAILED, cap), 1);
	/* the postmaster has two by now */
	ck_assert_uint_eq(told_to("c@x.example", MAIL_DSN_FAILED, cap), 1);
	ck_assert_uint_eq(told_to("c@x.example", MAIL_DSN_FAILED, cap), 1);
	ck_assert_uint_eq(told_to("c@x.example", MAIL_DSN_FAILED, cap), 0);
	ck_assert_uint_eq(told_to("", MAIL_DSN_DELAYED, cap), 0);
	ck_assert_uint_eq(told_to("nobody", MAIL_DSN_DELAYED, cap), 0);
	notice_cap_free(&cap);
}
END_TEST

/* ---- size ---- */

static const struct { size_t rcpts, original; } sizes[] = {
	{ 1, 0 }, { 1, 1000 }, { 1, 65536 }, { 50, 65536 }, { 1000, 65536 }, { 1000, 0 },
};

static void
fill_headers(struct notice *n, size_t len)
{
	while (buf_len(&n->headers) + 66 <= len)
		buf_adds(&n->headers,
		    "X-Filler: 0123456789012345678901234567890123456789012345678901\r\n");
}

static size_t
count_of(const struct store_message *m, const char *word)
{
	size_t n = 0;

	for (const char *p = m->body->data, *end = p + m->body->size;
	    (p = memmem(p, (size_t)(end - p), word, strlen(word))) != NULL; p++)
		n++;
	return n;
}

START_TEST(fits)
{
	struct job *j = job_of("a@x.example", sizes[_i].rcpts, NULL);
	struct notice_cap *cap = notice_cap_new(NULL, NULL);
	struct notice n;

	notice_init(&n, j, conf);
	fill_headers(&n, sizes[_i].original);
	for (size_t i = 0; i < sizes[_i].rcpts; i++)
		notice_add(&n, i, MAIL_DSN_FAILED, "5.0.0", "mx.far.example", 0);
	ck_assert(notice_address(&n, cap));
	for (int again = 0; again < 2; again++) {	/* the store could not write the first */
		size_t all = 0;

		notice_make(&n);
		for (size_t i = 0; i < n.nmade; i++) {
			ck_assert_uint_le(n.messages[i]->size, STORE_INLINE_MAX);
			ck_assert_str_eq(n.messages[i]->sender, "");
			ck_assert_uint_eq(n.messages[i]->id, n.made[i].id);
			all += count_of(n.messages[i], "Final-Recipient:");
			store_message_free(&n.messages[i]);
		}
		ck_assert_uint_eq(all, 2 * sizes[_i].rcpts);	/* sender and postmaster */
	}
	notice_fini(&n);
	notice_cap_free(&cap);
	job_free(&j);
}
END_TEST

/* ---- when ---- */

START_TEST(tls_reasons_sooner)
{
	struct job *j = job_of("a@x.example", 2, NULL);
	struct why tls;

	why_set(&tls, WHY_STARTTLS_NOT_SUPPORTED, "none");
	ck_assert_int_eq(notice_delay_first(conf, j->msg, &tls), 1000 + HOUR);
	ck_assert_int_eq(notice_delay_first(conf, j->msg, &j->results[0].why), 1000 + 4 * HOUR);
	j->msg->rcpts[0].warned = 2 * HOUR;
	ck_assert_int_eq(notice_delay_at(conf, j->msg, &j->msg->rcpts[0], &tls), 1000 + 24 * HOUR);
	ck_assert_int_eq(notice_delay_first(conf, j->msg, &tls), 1000 + HOUR);
	job_free(&j);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("smtp_notice");
	TCase *t = tcase_create("notice");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, conf_setup, conf_teardown);
	tcase_add_loop_test(t, notify, 0, LENGTH(wishes));
	tcase_add_test(t, cap_holds);
	tcase_add_test(t, addressed);
	tcase_add_loop_test(t, fits, 0, LENGTH(sizes));
	tcase_add_test(t, tls_reasons_sooner);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
