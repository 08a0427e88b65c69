/* SPDX-License-Identifier: ISC */
/* check_mail_command: command lines, paths, parameters, and printing them. */
#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/mail/command.h"
#include "lib/mail/xtext.h"
#include "tests/unit/mail_vectors.h"

static struct mail_command cmd;
static struct mail_answer answer;

static int
parse(const char *line)
{
	return mail_command_parse(line, strlen(line), &cmd, &answer);
}

/* What a command prints is read as the same command. */
static void
check_reprint(const struct mail_command *c, const char *id)
{
	struct mail_command again;
	struct buf first, second;

	buf_init(&first);
	buf_init(&second);
	mail_command_print(&first, c);
	ck_assert_msg(mail_command_parse(buf_data(&first), buf_len(&first) - 2, &again,
	    &answer) == 0, "%s: %s: %s", id, buf_str(&first), answer.text);
	mail_command_print(&second, &again);
	ck_assert_str_eq(buf_str(&first), buf_str(&second));
	buf_fini(&first);
	buf_fini(&second);
}

static void
check_params(const json_t *row, const struct mail_command *c)
{
	json_t *params = json_object_get(row, "params"), *v;
	const char *key, *id = vectors_id(row);
	char text[600];

	json_object_foreach(params, key, v) {
		if (strcmp(key, "SIZE") == 0) {
			ck_assert_uint_eq(c->size, (uint64_t)json_integer_value(v));
		} else if (strcmp(key, "BODY") == 0) {
			ck_assert_int_eq(c->body, MAIL_BODY_8BITMIME);
		} else if (strcmp(key, "SMTPUTF8") == 0) {
			ck_assert(c->smtputf8);
		} else if (strcmp(key, "REQUIRETLS") == 0) {
			ck_assert(c->requiretls);
		} else if (strcmp(key, "RET") == 0) {
			ck_assert_str_eq(mail_ret_name(c->ret), json_string_value(v));
		} else if (strcmp(key, "ENVID") == 0) {
			ck_assert_str_eq(c->envid, json_string_value(v));
		} else if (strcmp(key, "AUTH") == 0) {
			ck_assert(c->has_auth);
		} else if (strcmp(key, "ORCPT") == 0) {
			snprintf(text, sizeof text, "%s;%s",
			    json_string_value(json_array_get(v, 0)),
			    json_string_value(json_array_get(v, 1)));
			ck_assert_str_eq(c->orcpt, text);
		} else if (strcmp(key, "NOTIFY") == 0) {
			ck_assert(c->notify.given);
			ck_assert_uint_eq((size_t)(c->notify.never + c->notify.success +
			    c->notify.failure + c->notify.delay), json_array_size(v));
		} else {
			ck_abort_msg("%s: unknown parameter %s", id, key);
		}
	}
}

START_TEST(vectors_mail_rcpt)
{
	json_t *root = vectors_load("smtp-command/mail-rcpt.json"), *row, *code;
	struct text in, path;
	size_t i;
	int rc;

	if (root == NULL)
		return;
	VECTORS_EACH(root, i, row) {
		if (vectors_disputed(row))
			continue;
		in = vectors_text(row, "input");
		rc = mail_command_parse(in.p, in.n, &cmd, &answer);
		ck_assert_msg((rc == 0) == json_is_true(json_object_get(row, "valid")),
		    "%s: %s: rc %d %s", vectors_id(row), in.p, rc, rc ? answer.text : "");
		code = json_object_get(row, "expect_code");
		if (rc == -1) {
			ck_assert(answer.code >= 500 && answer.code <= 599 && answer.dsn[0] == '5');
			if (code != NULL)
				ck_assert_msg(answer.code == json_integer_value(code), "%s: %d",
				    vectors_id(row), answer.code);
			continue;
		}
		path = vectors_text(row, "path");
		ck_assert_msg(strcmp(cmd.path, path.p) == 0, "%s: %s", vectors_id(row), cmd.path);
		check_params(row, &cmd);
		if (!cmd.path_utf8)
			check_reprint(&cmd, vectors_id(row));
	}
	json_decref(root);
}
END_TEST

START_TEST(vectors_other)
{
	json_t *root = vectors_load("smtp-command/other.json"), *row, *v;
	struct text in;
	size_t i;
	int rc;

	if (root == NULL)
		return;
	VECTORS_EACH(root, i, row) {
		if (vectors_disputed(row))
			continue;
		in = vectors_text(row, "input");
		rc = mail_command_parse(in.p, in.n, &cmd, &answer);
		ck_assert_msg((rc == 0) == json_is_true(json_object_get(row, "valid")), "%s",
		    vectors_id(row));
		if ((v = json_object_get(row, "code")) != NULL)
			ck_assert_msg(answer.code == json_integer_value(v), "%s: %d",
			    vectors_id(row), answer.code);
		if ((v = json_object_get(row, "size")) != NULL)
			ck_assert_uint_eq(cmd.chunk, (uint64_t)json_integer_value(v));
		if ((v = json_object_get(row, "last")) != NULL)
			ck_assert_int_eq(cmd.last, json_is_true(v));
		if (rc == 0)
			check_reprint(&cmd, vectors_id(row));
	}
	json_decref(root);
}
END_TEST

START_TEST(vectors_xtext)
{
	json_t *root = vectors_load("smtp-command/xtext.json"), *row;
	struct text in, out;
	char decoded[256];
	size_t i;
	int rc;

	if (root == NULL)
		return;
	VECTORS_EACH(root, i, row) {
		in = vectors_text(row, "input");
		out = vectors_text(row, "output");
		rc = mail_xtext_decode(in.p, in.n, decoded, sizeof decoded);
		ck_assert_msg((rc == 0) == (out.p != NULL), "%s", vectors_id(row));
		if (rc == 0)
			ck_assert_str_eq(decoded, out.p);
	}
	json_decref(root);
}
END_TEST

static const struct {
	const char	*line;
	int		 code;		/* 0: taken */
	const char	*dsn;
	const char	*path;
	int		 lax;
} rows[] = {
	{ "MAIL FROM:<a@b.example>", 0, "", "a@b.example", 0 },
	{ "mail from:<a@b.example> size=5", 0, "", "a@b.example", 0 },
	{ "MAIL FROM: <a@b.example>", 0, "", "a@b.example", 1 },
	{ "MAIL FROM:a@b.example SIZE=1", 0, "", "a@b.example", 1 },
	{ "RCPT TO: a@b.example", 0, "", "a@b.example", 1 },
	{ "RCPT TO:<a%b@c.example>", 0, "", "a%b@c.example", 0 },
	{ "RCPT TO:<b!a@c.example>", 0, "", "b!a@c.example", 0 },
	{ "RCPT TO:<@[IPv6:::1],@x:a@c.example>", 0, "", "a@c.example", 0 },
	{ "RCPT TO:<a@[192.0.2.1]>", 0, "", "a@[192.0.2.1]", 0 },
	{ "RCPT TO:<POSTMASTER>", 0, "", "POSTMASTER", 0 },
	{ "MAIL FROM:<postmaster>", 553, "5.1.7", NULL, 0 },
	{ "RCPT TO:<root>", 553, "5.1.3", NULL, 0 },
	{ "RCPT TO:<>", 553, "5.1.3", NULL, 0 },
	{ "RCPT TO:<@a.example>", 553, "5.1.3", NULL, 0 },
	{ "RCPT TO:<@a.example:>", 553, "5.1.3", NULL, 0 },
	{ "RCPT TO:<@[a.example:b@c.example>", 553, "5.1.3", NULL, 0 },
	{ "RCPT FROM:<a@b.example>", 501, "5.5.4", NULL, 0 },
	{ "MAIL FROM:<\"a>@b.example", 501, "5.5.4", NULL, 0 },
	{ "MAIL FROM:<a@b.example>SIZE=1", 501, "5.5.4", NULL, 0 },
	{ "MAIL FROM:<a@b.example> =", 501, "5.5.4", NULL, 0 },
	{ "MAIL FROM:<a@b.example> SIZE", 501, "5.5.4", NULL, 0 },
	{ "MAIL FROM:<a@b.example> =x=y", 501, "5.5.4", NULL, 0 },
	{ "MAIL FROM:<a@b.example> SIZE=1 SIZE=2", 501, "5.5.4", NULL, 0 },
	{ "MAIL FROM:<a@b.example> SIZE=18446744073709551616", 552, "5.3.4", NULL, 0 },
	{ "MAIL FROM:<a@b.example> SIZE=000000000000000000001", 501, "5.5.4", NULL, 0 },
	{ "MAIL FROM:<a@b.example> HOLDFOR=5", 555, "5.5.4", NULL, 0 },
	{ "MAIL FROM:<a@b.example> NOTIFY=NEVER", 555, "5.5.4", NULL, 0 },
	{ "MAIL FROM:<a@b.example> AUTH=a+0Ab", 501, "5.5.4", NULL, 0 },
	{ "MAIL FROM:<\xc3\xa9@b.example>", 553, "5.6.7", NULL, 0 },
	{ "MAIL FROM:<\xc3\xa9@b.example> SMTPUTF8", 0, "", "\xc3\xa9@b.example", 0 },
	{ "MAIL FROM:<\xc3@b.example> SMTPUTF8", 553, "5.1.7", NULL, 0 },
	{ "RCPT TO:<a@b.example> NOTIFY=SUCCESS,", 501, "5.5.4", NULL, 0 },
	{ "RCPT TO:<a@b.example> NOTIFY=,", 501, "5.5.4", NULL, 0 },
	{ "RCPT TO:<a@b.example> ORCPT=rfc822;x+0D+0Ay", 501, "5.5.4", NULL, 0 },
	{ "RCPT TO:<a@b.example> ORCPT=rf c822;x", 501, "5.5.4", NULL, 0 },
	{ "RCPT TO:<a@b.example> ORCPT=rfc822;\xc3\xa9", 501, "5.5.4", NULL, 0 },
	{ "RCPT TO:<a@b.example> ORCPT=utf-8;\xc3", 501, "5.5.4", NULL, 0 },
	{ "EHLO My Printer", 0, "", NULL, 1 },
	{ "EHLO a_b.example", 0, "", NULL, 1 },
	{ "EHLO a.example ", 0, "", NULL, 0 },
	{ "EHLO \x1b[2J", 501, "5.5.4", NULL, 0 },
	{ "NOOP a\nb", 500, "5.5.2", NULL, 0 },
	{ "NOOP a\rb", 500, "5.5.2", NULL, 0 },
	{ "SSH-2.0-x", 500, "5.5.2", NULL, 0 },
	{ "AUTH", 501, "5.5.4", NULL, 0 },
	{ "AUTHPLAIN", 500, "5.5.2", NULL, 0 },
	{ " NOOP", 500, "5.5.2", NULL, 0 },
	{ "MAIL FROM:<a@b.example> ENVID=a+", 501, "5.5.4", NULL, 0 },
	{ "MAIL FROM:<a@b.example> RET=ALL", 501, "5.5.4", NULL, 0 },
	{ "MAIL FROM:<\"a\x01\"@b.example>", 553, "5.1.7", NULL, 0 },
	{ "MAIL FROM:<\"a\\", 501, "5.5.4", NULL, 0 },
	{ "MAIL FROM:", 501, "5.5.4", NULL, 0 },
	{ "RCPT TO:<@a.example,b@c.example>", 553, "5.1.3", NULL, 0 },
	{ "RCPT TO:<@a.example,@b.example:c@d.example>", 0, "", "c@d.example", 0 },
	{ "BDAT 18446744073709551615", 0, "", NULL, 0 },
	{ "BDAT 18446744073709551616", 501, "5.5.4", NULL, 0 },
};

START_TEST(own_rows)
{
	int rc = parse(rows[_i].line);

	ck_assert_msg((rc == 0) == (rows[_i].code == 0), "%s: %d %s", rows[_i].line, answer.code,
	    answer.text);
	if (rc == -1) {
		ck_assert_msg(answer.code == rows[_i].code, "%s: %d", rows[_i].line, answer.code);
		ck_assert_str_eq(answer.dsn, rows[_i].dsn);
		return;
	}
	ck_assert_int_eq(cmd.lax, rows[_i].lax);
	if (rows[_i].path != NULL)
		ck_assert_str_eq(cmd.path, rows[_i].path);
}
END_TEST

START_TEST(line_limits)
{
	char *line = malloc(MAIL_COMMAND_MAX + 2);

	memset(line, 'a', MAIL_COMMAND_MAX + 2);
	memcpy(line, "NOOP ", 5);
	ck_assert_int_eq(mail_command_parse(line, 510, &cmd, &answer), 0);
	ck_assert_int_eq(mail_command_parse(line, 511, &cmd, &answer), -1);
	ck_assert_int_eq(answer.code, 500);
	memcpy(line, "AUTH PLAIN ", 11);
	ck_assert_int_eq(mail_command_parse(line, MAIL_COMMAND_MAX, &cmd, &answer), 0);
	ck_assert_uint_eq(cmd.arg_len, MAIL_COMMAND_MAX - 5);
	ck_assert_int_eq(mail_command_parse(line, MAIL_COMMAND_MAX + 1, &cmd, &answer), -1);
	memcpy(line, "EHLO ", 5);
	ck_assert_int_eq(mail_command_parse(line, 5 + MAIL_HELO_MAX, &cmd, &answer), 0);
	ck_assert_int_eq(mail_command_parse(line, 6 + MAIL_HELO_MAX, &cmd, &answer), -1);
	ck_assert_int_eq(answer.code, 501);
	free(line);
}
END_TEST

START_TEST(foreign_protocols)
{
	ck_assert_int_eq(parse("GET / HTTP/1.1"), -1);
	ck_assert_int_eq(cmd.verb, MAIL_VERB_FOREIGN);
	ck_assert(mail_command_is_foreign("\x16\x03\x01\x02", 4));
	ck_assert(!mail_command_is_foreign("\x16", 1));
	ck_assert(!mail_command_is_foreign("GET", 3));
	ck_assert(!mail_command_is_foreign("", 0));
	ck_assert_int_eq(parse("XYZZY"), -1);
	ck_assert_int_eq(cmd.verb, MAIL_VERB_UNKNOWN);
}
END_TEST

START_TEST(orcpt_forms)
{
	struct buf out;

	buf_init(&out);
	ck_assert_int_eq(parse("RCPT TO:<a@b.example> ORCPT=utf-8;m\\x{F8}x@b.example"), 0);
	ck_assert_str_eq(cmd.orcpt, "utf-8;m\\x{F8}x@b.example");
	ck_assert(!cmd.path_utf8);
	ck_assert_int_eq(parse("RCPT TO:<a@b.example> ORCPT=utf-8;m\xc3\xb8x@b.example"), 0);
	ck_assert_str_eq(cmd.orcpt, "utf-8;m\\x{F8}x@b.example");
	ck_assert(cmd.path_utf8);
	mail_command_print(&out, &cmd);
	ck_assert_str_eq(buf_str(&out),
	    "RCPT TO:<a@b.example> ORCPT=utf-8;m\\x{F8}x@b.example\r\n");
	/* A plus is sent as +2B, never bare. */
	buf_clear(&out);
	ck_assert_int_eq(parse("RCPT TO:<a@b.example> ORCPT=rfc822;u+2Btag@b.example"), 0);
	ck_assert_str_eq(cmd.orcpt, "rfc822;u+tag@b.example");
	mail_command_print(&out, &cmd);
	ck_assert_str_eq(buf_str(&out),
	    "RCPT TO:<a@b.example> ORCPT=rfc822;u+2Btag@b.example\r\n");
	buf_fini(&out);
}
END_TEST

START_TEST(notify_words)
{
	static const char *const good[] = { "NEVER", "SUCCESS", "FAILURE", "DELAY",
	    "SUCCESS,FAILURE,DELAY", "SUCCESS,DELAY" };
	struct mail_notify n;
	char text[64];

	for (size_t i = 0; i < LENGTH(good); i++) {
		ck_assert_int_eq(mail_notify_parse(good[i], &n), 0);
		mail_notify_print(&n, text, sizeof text);
		ck_assert_str_eq(text, good[i]);
	}
	ck_assert_int_eq(mail_notify_parse("", &n), -1);
	ck_assert_int_eq(mail_notify_parse("NEVER,DELAY", &n), -1);
	ck_assert_int_eq(mail_ret_of("FULL"), MAIL_RET_FULL);
	ck_assert_int_eq(mail_ret_of("x"), MAIL_RET_NONE);
}
END_TEST

START_TEST(print_answer)
{
	struct buf out;

	buf_init(&out);
	ck_assert_int_eq(mail_answer_set(&answer, 550, "5.7.1", "no %s", "a\r\n250 ok"), -1);
	mail_answer_print(&out, &answer);
	ck_assert_str_eq(buf_str(&out), "550 5.7.1 no a\\x0d\\x0a250 ok\r\n");
	buf_clear(&out);
	mail_answer_set(&answer, 221, "", "Bye");
	mail_answer_print(&out, &answer);
	ck_assert_str_eq(buf_str(&out), "221 Bye\r\n");
	buf_fini(&out);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mail_command");
	TCase *tc = tcase_create("command");

	tcase_add_test(tc, vectors_mail_rcpt);
	tcase_add_test(tc, vectors_other);
	tcase_add_test(tc, vectors_xtext);
	tcase_add_loop_test(tc, own_rows, 0, LENGTH(rows));
	tcase_add_test(tc, line_limits);
	tcase_add_test(tc, foreign_protocols);
	tcase_add_test(tc, orcpt_forms);
	tcase_add_test(tc, notify_words);
	tcase_add_test(tc, print_answer);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
