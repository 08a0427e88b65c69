/* SPDX-License-Identifier: ISC */
/* check_mail_reply: server replies, whole and in every cut, and EHLO keywords. */
#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/base/why.h"
#include "lib/mail/reply.h"
#include "tests/unit/mail_vectors.h"

/* What came out of one input. */
struct outcome {
	enum mail_reply_result	 result;
	size_t			 used;
	struct mail_reply	 reply;
	char			 lines[65536];
	struct why		 why;
};

/* Feeds in pieces; cut 0: whole, 1: octet by octet, n: first n octets, then the rest. */
static void
run(const char *s, size_t n, size_t cut, int bytewise, struct outcome *o)
{
	struct mail_reply_parser p;
	size_t at = 0, len, used;

	memset(o, 0, sizeof *o);
	mail_reply_init(&p);
	o->result = MAIL_REPLY_MORE;
	while (at < n && o->result == MAIL_REPLY_MORE) {
		len = bytewise ? 1 : at < cut ? cut - at : n - at;
		o->result = mail_reply_feed(&p, s + at, len, &used, &o->reply, &o->why);
		at += used;
	}
	o->used = at;
	if (o->result == MAIL_REPLY_DONE) {
		ck_assert(o->reply.lines_len < sizeof o->lines);
		memcpy(o->lines, o->reply.lines, o->reply.lines_len);
		o->reply.lines = NULL;
	}
	mail_reply_fini(&p);
}

static void
check_same(const struct outcome *a, const struct outcome *b, const char *id)
{
	ck_assert_msg(a->result == b->result, "%s", id);
	if (a->result != MAIL_REPLY_DONE)
		return;
	ck_assert_msg(a->used == b->used, "%s", id);
	ck_assert_msg(memcmp(&a->reply, &b->reply, sizeof a->reply) == 0, "%s", id);
	ck_assert_msg(strcmp(a->lines, b->lines) == 0, "%s", id);
}

static void
check_cuts(const char *s, size_t n, const struct outcome *whole, const char *id)
{
	static struct outcome other;

	run(s, n, 0, 1, &other);
	check_same(whole, &other, id);
	for (size_t cut = 1; cut < n; cut++) {
		run(s, n, cut, 0, &other);
		check_same(whole, &other, id);
	}
}

static void
check_text(const json_t *row, const struct outcome *o)
{
	json_t *lines = json_object_get(row, "text_lines"), *line;
	char want[1024] = "", shown[MAIL_REPLY_TEXT_MAX + 1];
	size_t i;

	if (!json_is_array(lines))
		return;
	ck_assert_uint_eq(o->reply.nlines, json_array_size(lines));
	json_array_foreach(lines, i, line) {
		if (want[0] != '\0' && json_string_length(line) > 0)
			str_cat(want, " ", sizeof want);
		str_cat(want, json_string_value(line), sizeof want);
	}
	str_escape_to(shown, sizeof shown, want, strlen(want));
	ck_assert_msg(strcmp(o->reply.text, shown) == 0, "%s: %s", vectors_id(row), o->reply.text);
}

START_TEST(vectors_reply)
{
	static struct outcome o;
	json_t *root = vectors_load("smtp-reply/reply.json"), *row, *v;
	enum mail_reply_result want;
	struct text in;
	size_t i;

	if (root == NULL)
		return;
	VECTORS_EACH(root, i, row) {
		in = vectors_text(row, "input");
		run(in.p, in.n, 0, 0, &o);
		check_cuts(in.p, in.n, &o, vectors_id(row));
		if (vectors_disputed(row))
			continue;
		want = MAIL_REPLY_MORE;
		if (json_is_true(json_object_get(row, "complete")))
			want = json_is_true(json_object_get(row, "valid")) ? MAIL_REPLY_DONE :
			    MAIL_REPLY_BAD;
		ck_assert_msg(o.result == want, "%s: %d", vectors_id(row), o.result);
		if (want == MAIL_REPLY_BAD)
			ck_assert_int_eq(o.why.reason, WHY_PROTOCOL_ERROR);
		if (want != MAIL_REPLY_DONE)
			continue;
		ck_assert_int_eq(o.reply.code,
		    (int)json_integer_value(json_object_get(row, "code")));
		v = json_object_get(row, "enhanced");
		ck_assert_msg(strcmp(o.reply.dsn,
		    json_is_string(v) ? json_string_value(v) : "") == 0, "%s: %s",
		    vectors_id(row), o.reply.dsn);
		if ((v = json_object_get(row, "consumed")) != NULL)
			ck_assert_uint_eq(o.used, (size_t)json_integer_value(v));
		check_text(row, &o);
	}
	json_decref(root);
}
END_TEST

static void
parse_ehlo(const char *s, size_t n, struct mail_ehlo *ehlo)
{
	struct mail_reply_parser p;
	struct mail_reply reply;
	size_t used;

	mail_reply_init(&p);
	ck_assert_int_eq(mail_reply_feed(&p, s, n, &used, &reply, NULL), MAIL_REPLY_DONE);
	mail_ehlo_parse(&reply, ehlo);
	mail_reply_fini(&p);
}

static int
ehlo_has(const struct mail_ehlo *e, const char *name)
{
	const struct {
		const char	*name;
		int		 has;
	} all[] = {
		{ "STARTTLS", e->starttls }, { "PIPELINING", e->pipelining },
		{ "CHUNKING", e->chunking }, { "8BITMIME", e->eightbitmime },
		{ "SMTPUTF8", e->smtputf8 }, { "DSN", e->dsn },
		{ "ENHANCEDSTATUSCODES", e->enhancedstatuscodes },
		{ "REQUIRETLS", e->requiretls }, { "SIZE", e->has_size },
	};

	for (size_t i = 0; i < LENGTH(all); i++)
		if (strcmp(all[i].name, name) == 0)
			return all[i].has;
	ck_abort_msg("unknown keyword %s", name);
	return 0;
}

START_TEST(vectors_ehlo)
{
	json_t *root = vectors_load("smtp-reply/ehlo.json"), *row, *word;
	struct mail_ehlo e;
	struct text in;
	size_t i, k;

	if (root == NULL)
		return;
	VECTORS_EACH(root, i, row) {
		if (vectors_disputed(row))
			continue;
		in = vectors_text(row, "input");
		parse_ehlo(in.p, in.n, &e);
		json_array_foreach(json_object_get(row, "has"), k, word)
			ck_assert_msg(ehlo_has(&e, json_string_value(word)), "%s", vectors_id(row));
		json_array_foreach(json_object_get(row, "lacks"), k, word)
			ck_assert_msg(!ehlo_has(&e, json_string_value(word)), "%s",
			    vectors_id(row));
		if (json_object_get(row, "domain") != NULL)
			ck_assert_str_eq(e.domain, vectors_text(row, "domain").p);
		if (json_object_get(row, "size") != NULL)
			ck_assert_uint_eq(e.size,
			    (uint64_t)json_integer_value(json_object_get(row, "size")));
		ck_assert(!e.starttls_mangled);
	}
	json_decref(root);
}
END_TEST

static const struct {
	const char	*keyword;
	int		 mangled;
} mangled[] = {
	{ "XXXXXXXA", 1 }, { "XXXXXXXX", 1 }, { "xxxxxxxb", 1 }, { "XTARTTLS", 1 },
	{ "STARTTLX", 1 }, { "STARTXXX", 1 }, { "XXXX", 0 }, { "STARTTLSX", 0 },
	{ "8BITMIME", 0 }, { "SMTPUTF8", 0 }, { "CHUNKING", 0 }, { "XCLIENTS", 0 },
	{ "XFORWARD", 0 }, { "DELIVERY", 0 },
};

START_TEST(mangled_starttls)
{
	struct mail_ehlo e;
	char reply[128];

	snprintf(reply, sizeof reply, "250-a.example\r\n250 %s\r\n", mangled[_i].keyword);
	parse_ehlo(reply, strlen(reply), &e);
	ck_assert_msg(e.starttls_mangled == mangled[_i].mangled, "%s", mangled[_i].keyword);
	snprintf(reply, sizeof reply, "250-a.example\r\n250-STARTTLS\r\n250 %s\r\n",
	    mangled[_i].keyword);
	parse_ehlo(reply, strlen(reply), &e);
	ck_assert(e.starttls && !e.starttls_mangled);
}
END_TEST

START_TEST(ehlo_auth)
{
	static const char reply[] = "250-a.example\r\n250 AUTH  CRAM-MD5 login PLAIN\r\n";
	struct mail_ehlo e;

	parse_ehlo(reply, strlen(reply), &e);
	ck_assert(e.auth_plain && e.auth_login);
	parse_ehlo("250-\x1b[2J x\r\n250 SIZE\r\n", 23, &e);
	ck_assert_str_eq(e.domain, "\\x1b[2J");
}
END_TEST

START_TEST(two_replies_and_stale_status)
{
	static const char both[] = "550 5.7.1 no\r\n250 OK\r\n25";
	struct mail_reply_parser p;
	struct mail_reply r;
	size_t used, at;

	mail_reply_init(&p);
	ck_assert_int_eq(mail_reply_feed(&p, both, strlen(both), &used, &r, NULL), MAIL_REPLY_DONE);
	ck_assert_str_eq(r.dsn, "5.7.1");
	at = used;
	ck_assert_int_eq(mail_reply_feed(&p, both + at, strlen(both) - at, &used, &r, NULL),
	    MAIL_REPLY_DONE);
	ck_assert_int_eq(r.code, 250);
	ck_assert_str_eq(r.dsn, "");
	at += used;
	ck_assert_int_eq(mail_reply_feed(&p, both + at, strlen(both) - at, &used, &r, NULL),
	    MAIL_REPLY_MORE);
	mail_reply_fini(&p);
}
END_TEST

/* HARDENING C3, each at the limit and one beyond. */
static enum mail_reply_result
feed_lines(size_t count, size_t len, int final)
{
	static struct outcome o, other;
	struct buf in;

	buf_init(&in);
	for (size_t i = 0; i < count; i++) {
		buf_adds(&in, final && i == count - 1 ? "250 " : "250-");
		for (size_t k = 4; k < len; k++)
			buf_addc(&in, 'x');
		buf_adds(&in, "\r\n");
	}
	run(buf_data(&in), buf_len(&in), 0, 0, &o);
	run(buf_data(&in), buf_len(&in), 0, 1, &other);
	check_same(&o, &other, "limits");
	buf_fini(&in);
	return o.result;
}

START_TEST(limits)
{
	ck_assert_int_eq(feed_lines(1, 4096, 1), MAIL_REPLY_DONE);
	ck_assert_int_eq(feed_lines(1, 4097, 1), MAIL_REPLY_BAD);
	ck_assert_int_eq(feed_lines(128, 10, 1), MAIL_REPLY_DONE);
	ck_assert_int_eq(feed_lines(129, 10, 1), MAIL_REPLY_BAD);
	ck_assert_int_eq(feed_lines(127, 10, 0), MAIL_REPLY_MORE);
	ck_assert_int_eq(feed_lines(32, 2046, 1), MAIL_REPLY_DONE);
	ck_assert_int_eq(feed_lines(32, 2047, 1), MAIL_REPLY_BAD);
}
END_TEST

START_TEST(endless_line)
{
	struct mail_reply_parser p;
	struct mail_reply r;
	char x[512];
	size_t used, fed = 0;

	memset(x, '2', sizeof x);
	mail_reply_init(&p);
	while (mail_reply_feed(&p, x, sizeof x, &used, &r, NULL) == MAIL_REPLY_MORE)
		fed += sizeof x;
	ck_assert_uint_le(fed, MAIL_REPLY_LINE_MAX);
	/* Once bad, always bad. */
	ck_assert_int_eq(mail_reply_feed(&p, "250 ok\r\n", 8, &used, &r, NULL), MAIL_REPLY_BAD);
	mail_reply_fini(&p);
}
END_TEST

START_TEST(hostile_text)
{
	static const char in[] = "550 5.1.1 \x1b[2J\x07\x9b bad \xff\r\n";
	static struct outcome o;

	run(in, strlen(in), 0, 0, &o);
	ck_assert_int_eq(o.result, MAIL_REPLY_DONE);
	for (const char *c = o.reply.text; *c != '\0'; c++)
		ck_assert(*c >= 32 && *c < 127);
	run("250 ok\n", 7, 0, 0, &o);
	ck_assert_int_eq(o.result, MAIL_REPLY_BAD);
	run("250 o\0k\r\n", 9, 0, 0, &o);
	ck_assert_int_eq(o.result, MAIL_REPLY_BAD);
	run("\n", 1, 0, 0, &o);
	ck_assert_int_eq(o.result, MAIL_REPLY_BAD);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mail_reply");
	TCase *tc = tcase_create("reply");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, vectors_reply);
	tcase_add_test(tc, vectors_ehlo);
	tcase_add_loop_test(tc, mangled_starttls, 0, LENGTH(mangled));
	tcase_add_test(tc, ehlo_auth);
	tcase_add_test(tc, two_replies_and_stale_status);
	tcase_add_test(tc, limits);
	tcase_add_test(tc, endless_line);
	tcase_add_test(tc, hostile_text);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
