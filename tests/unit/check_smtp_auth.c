/* SPDX-License-Identifier: ISC */
/* Logging in to a next hop: what is sent to whom, and TLS from the first byte. */
#include "tests/unit/smtp_client_kit.h"

#define LOGIN		7
#define PLAIN64		"AHJlbGF5AHMzY3JldA=="
#define NAME64		"cmVsYXk="
#define PASSWORD64	"czNjcmV0"

static void
set_up_login(void)
{
	struct via *v;

	set_up_with("hostname = \"relay.example.org\";"
	    "destinations = ( { domains = [ \"example.com\" ]; } );");
	v = generation->vias = must_calloc(1, sizeof *v);
	*v = (struct via){ .username = "relay", .password = "s3cret", .password_len = 6,
		.plan.login = LOGIN };
}

static void
log_in(const char *const *script, enum plan_level level, int implicit)
{
	struct route *r = make_route(level);

	r->plan.targets[0].implicit = implicit;
	r->plan.targets[0].requirement.login = LOGIN;
	dial_by(script, r);
	PEER_UNTIL(ready || ended);
}

#define CLEAR(ehlo)	"220 mx", ">EHLO", ehlo
#define PLAIN		"250-mx\r\n250 AUTH PLAIN"
#define EITHER		"250-mx\r\n250 AUTH LOGIN PLAIN CRAM-MD5"
#define ONLY_LOGIN	"250-mx\r\n250 AUTH LOGIN"

static const struct row {
	const char	*name;
	enum plan_level	 level;
	enum conf_auth	 auth;
	enum why_reason	 reason;	/* NONE: ready */
	const char	*sent;		/* under TLS, NULL: no AUTH at all */
	const char	*script[16];
} rows[] = {
	{ "PLAIN", PLAN_VERIFY, CONF_AUTH_AUTO, WHY_NONE, "AUTH PLAIN " PLAIN64 "\r\n",
	  { SECURE(PLAIN), ">AUTH PLAIN ", "235 ok", "<serve>" } },
	{ "PLAIN before LOGIN", PLAN_VERIFY, CONF_AUTH_AUTO, WHY_NONE, "AUTH PLAIN " PLAIN64,
	  { SECURE(EITHER), ">AUTH PLAIN ", "235 ok", "<serve>" } },
	{ "LOGIN", PLAN_VERIFY, CONF_AUTH_AUTO, WHY_NONE, NAME64 "\r\n" PASSWORD64 "\r\n",
	  { SECURE(ONLY_LOGIN), ">AUTH LOGIN", "334 VXNlcm5hbWU6", ">" NAME64, "334 UGFzc3dvcmQ6",
	    ">" PASSWORD64, "235 ok", "<serve>" } },
	{ "LOGIN as told", PLAN_VERIFY, CONF_AUTH_LOGIN, WHY_NONE, PASSWORD64 "\r\n",
	  { SECURE(EITHER), ">AUTH LOGIN", "334 ", ">" NAME64, "334 ", ">", "235 ok", "<serve>" } },
	{ "535", PLAN_VERIFY, CONF_AUTH_AUTO, WHY_AUTH_FAILED, PLAIN64,
	  { SECURE(PLAIN), ">AUTH", "535 5.7.8 no s3cret", "<hang>" } },
	{ "454", PLAN_VERIFY, CONF_AUTH_AUTO, WHY_AUTH_FAILED, PLAIN64,
	  { SECURE(PLAIN), ">AUTH", "454 4.7.0 later", "<hang>" } },
	{ "no name wanted", PLAN_VERIFY, CONF_AUTH_AUTO, WHY_AUTH_FAILED, "AUTH LOGIN\r\n",
	  { SECURE(ONLY_LOGIN), ">AUTH LOGIN", "504 no", "<hang>" } },
	{ "235 too early", PLAN_VERIFY, CONF_AUTH_AUTO, WHY_PROTOCOL_ERROR, "AUTH LOGIN\r\n",
	  { SECURE(ONLY_LOGIN), ">AUTH LOGIN", "235 ok", "<hang>" } },
	{ "334 too often", PLAN_VERIFY, CONF_AUTH_AUTO, WHY_PROTOCOL_ERROR, PLAIN64,
	  { SECURE(PLAIN), ">AUTH", "334 more", "<hang>" } },
	{ "two replies", PLAN_VERIFY, CONF_AUTH_AUTO, WHY_PROTOCOL_ERROR, NAME64,
	  { SECURE(ONLY_LOGIN), ">AUTH LOGIN", "334 a", ">" NAME64, "334 s3cret\r\n235 ok", "<hang>" } },
	{ "bogus", PLAN_VERIFY, CONF_AUTH_AUTO, WHY_PROTOCOL_ERROR, PLAIN64,
	  { SECURE(PLAIN), ">AUTH", "s3cret", "<hang>" } },
	{ "cut", PLAN_VERIFY, CONF_AUTH_AUTO, WHY_CONNECTION_LOST, PLAIN64,
	  { SECURE(PLAIN), ">AUTH", "<close>" } },
	/* nothing is sent */
	{ "offered in clear only", PLAN_VERIFY, CONF_AUTH_AUTO, WHY_AUTH_FAILED, NULL,
	  { CLEAR("250-mx\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS"), ">STARTTLS", "220 go", "<tls>",
	    ">EHLO", "250 mx", "<hang>" } },
	{ "LOGIN not wanted", PLAN_VERIFY, CONF_AUTH_PLAIN, WHY_AUTH_FAILED, NULL,
	  { SECURE(ONLY_LOGIN), "<hang>" } },
	{ "PLAIN not wanted", PLAN_VERIFY, CONF_AUTH_LOGIN, WHY_AUTH_FAILED, NULL,
	  { SECURE(PLAIN), "<hang>" } },
	{ "nothing known", PLAN_VERIFY, CONF_AUTH_AUTO, WHY_AUTH_FAILED, NULL,
	  { SECURE("250-mx\r\n250 AUTH SCRAM-SHA-256"), "<hang>" } },
	{ "stranger", PLAN_VERIFY, CONF_AUTH_AUTO, WHY_CERT_NOT_TRUSTED, NULL,
	  { CLEAR("250-mx\r\n250 STARTTLS"), ">STARTTLS", "220 go", "<tls!>", ">EHLO", PLAIN,
	    "<hang>" } },
	{ "stranger, exception encrypt", PLAN_ENCRYPT, CONF_AUTH_AUTO, WHY_AUTH_FAILED, NULL,
	  { CLEAR("250-mx\r\n250 STARTTLS"), ">STARTTLS", "220 go", "<tls!>", ">EHLO", PLAIN,
	    "<hang>" } },
	{ "exception plaintext", PLAN_PLAINTEXT, CONF_AUTH_AUTO, WHY_AUTH_FAILED, NULL,
	  { CLEAR(EITHER), "<hang>" } },
	{ "no STARTTLS", PLAN_VERIFY, CONF_AUTH_AUTO, WHY_STARTTLS_NOT_SUPPORTED, NULL,
	  { CLEAR(EITHER), ">STARTTLS", "502 no", "<hang>" } },
};

START_TEST(logins)
{
	const struct row *r = &rows[_i];

	generation->vias[0].auth = r->auth;
	log_in(r->script, r->level, 0);
	ck_assert_int_eq(ready, r->reason == WHY_NONE);
	ck_assert_msg(ready || why_ended.reason == r->reason, "%s: %s %s", r->name,
	    why_token(why_ended.reason), why_ended.text);
	ck_assert(!peer_saw_clear("AUTH") && !peer_saw_clear(PLAIN64) && !peer_saw_clear("MAIL"));
	ck_assert_msg(r->sent != NULL ? peer_saw_hidden(r->sent) : !peer_saw_hidden("AUTH"),
	    "%s", r->name);
	ck_assert(!peer_saw_hidden("MAIL"));
	/* HARDENING O7: not even if the server repeats it. */
	ck_assert_ptr_null(strstr(why_ended.text, "s3cret"));
	if (r->reason == WHY_AUTH_FAILED)
		ck_assert_str_eq(why_ended.dsn, "4.7.8");
}
END_TEST

/* RFC 4954 s4: what does not fit into a command line follows it. */
START_TEST(long_password)
{
	static char password[255];

	memset(password, 'p', sizeof password);
	generation->vias[0].username = "a-name-of-some-length@branch.example-and-more-and-more-and-more-"
	    "and-more-and-more-and-more-and-more-and-more-and-more-and-more-and-more-and-more";
	generation->vias[0].password = password;
	generation->vias[0].password_len = sizeof password;
	log_in(SCRIPT(SECURE(PLAIN), ">AUTH PLAIN", "334 ", ">AGEtbmFtZS", "235 ok", "<serve>"),
	    PLAN_VERIFY, 0);
	ck_assert_int_eq(ready, 1);
	ck_assert(peer_saw_hidden("AUTH PLAIN\r\n"));
}
END_TEST

START_TEST(once_a_connection)
{
	log_in(SCRIPT(SECURE(PLAIN), ">AUTH PLAIN ", "235 ok", "<serve>"), PLAN_VERIFY, 0);
	buf_clear(&peer.hidden);
	client_give(client, make_job(1, TEXT));
	PEER_UNTIL(ready == 2);
	ck_assert(peer_saw_hidden("MAIL FROM:<from@corp.example>"));
	ck_assert(!peer_saw_hidden("AUTH"));
}
END_TEST

/* RFC 8314: no byte in clear, one EHLO. */
START_TEST(implicit)
{
	log_in(SCRIPT("<tls>", "220 mx", ">EHLO", PLAIN, ">AUTH PLAIN ", "235 ok", "<serve>"),
	    PLAN_VERIFY, 1);
	ck_assert_int_eq(ready, 1);
	ck_assert_uint_eq(buf_len(&peer.clear), 0);
	ck_assert(!peer_saw_hidden("STARTTLS"));
}
END_TEST

static const struct {
	enum why_reason	 reason;
	const char	*script[6];
} implicit_failures[] = {
	{ WHY_CERT_NOT_TRUSTED, { "<tls!>", "220 mx", ">EHLO", PLAIN, "<hang>" } },
	{ WHY_TLS_ALERT, { "220 mx ESMTP, which speaks in clear", "<hang>" } },
	{ WHY_TLS_EOF, { "<close>" } },
	{ WHY_REMOTE_DEFERRED, { "<tls>", "554 no", "<hang>" } },
	{ WHY_REMOTE_DEFERRED, { "<tls>", "220 mx", ">EHLO", "500 what", "<hang>" } },
};

START_TEST(implicit_failure)
{
	log_in(implicit_failures[_i].script, PLAN_VERIFY, 1);
	ck_assert_msg(ended && why_ended.reason == implicit_failures[_i].reason, "%s",
	    why_ended.text);
	ck_assert(!peer_saw_clear("EHLO") && !peer_saw_clear("AUTH") && !peer_saw_hidden("AUTH"));
}
END_TEST

START_TEST(edges)
{
	for (int from = 0; from < CLIENT__COUNT; from++) {
		enum client_state f = (enum client_state)from;

		ck_assert_int_eq(client_may_move(f, CLIENT_AUTH),
		    f == CLIENT_ADMIT || f == CLIENT_AUTH);
		ck_assert_int_eq(client_may_move(CLIENT_AUTH, f),
		    f == CLIENT_AUTH || f == CLIENT_IDLE || f == CLIENT_CLOSED);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("smtp_auth");
	TCase *tc = tcase_create("auth");

	smtp_quiet();
	tcase_set_timeout(tc, 30);
	tcase_add_unchecked_fixture(tc, smtp_certificates, smtp_certificates_free);
	tcase_add_checked_fixture(tc, set_up_login, tear_down);
	tcase_add_loop_test(tc, logins, 0, (int)LENGTH(rows));
	tcase_add_test(tc, long_password);
	tcase_add_test(tc, once_a_connection);
	tcase_add_test(tc, implicit);
	tcase_add_loop_test(tc, implicit_failure, 0, (int)LENGTH(implicit_failures));
	tcase_add_test(tc, edges);
	suite_add_tcase(suite, tc);
	return io_run(suite);
}
