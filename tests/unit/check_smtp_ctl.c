/* SPDX-License-Identifier: ISC */
/* check_smtp_ctl: the control socket from its outside: bytes in, lines out, over both stores. */
#include <fcntl.h>
#include <sys/wait.h>

#include "lib/base/map.h"
#include "relayd/smtp/ctl_request.h"
#include "tests/unit/ctl_kit.h"

/* A message whose recipients' tries lie ahead. */
static void
put_due(uint64_t id, const char *rcpts, int64_t due)
{
	struct store_message *m = kit_message(id, rcpts, "Subject: x\r\n\r\nbody\r\n");

	for (size_t i = 0; i < m->nrcpts; i++)
		m->rcpts[i].due = due;
	ck_assert_int_eq(kit_put_message(m), WHY_NONE);
	store_message_free(&m);
}

/* ---- refusals: what is sent, what comes back ---- */

static const struct {
	const char	*line;
	const char	*kind, *error;
} refusals[] = {
	{ "\n", "usage", "not JSON" },
	{ "GET / HTTP/1.1\r\n\r\n", "usage", "not JSON" },
	{ "[]\n", "usage", "not an object" },
	{ "null\n", "usage", "not JSON" },
	{ "{}\n", "usage", "no version" },
	{ "{\"v\":1}\n", "usage", "no verb" },
	{ "{\"v\":2,\"verb\":\"status\"}\n", "usage", "version 1" },
	{ "{\"v\":\"1\",\"verb\":\"status\"}\n", "usage", "no version" },
	{ "{\"v\":1,\"verb\":7}\n", "usage", "no verb" },
	{ "{\"v\":1,\"verb\":\"\"}\n", "usage", "unknown verb" },
	{ "{\"v\":1,\"verb\":\"stat us\"}\n", "usage", "this is no verb" },
	{ "{\"v\":1,\"verb\":\"status\\u0000\"}\n", "usage", "not JSON" },
	{ "{\"v\":1,\"verb\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}\n", "usage", "no verb" },
	{ "{\"v\":1,\"verb\":\"status\",\"verb\":\"status\"}\n", "usage", "duplicate" },
	{ "{\"v\":1,\"verb\":\"status\"} {}\n", "usage", "not JSON" },
	{ "{\"v\":1,\"verb\":\"status\",\"x\":1}\n", "usage", "no argument" },
	{ "{\"v\":1,\"verb\":\"status\",\"x\":[[[[[]]]]]}\n", "usage", "too deep" },
	{ "{\"v\":1,\"verb\":\"statu\"}\n", "usage", "unknown verb" },
	{ "{\"v\":1,\"verb\":\"status\",\"\xff\":1}\n", "usage", "not JSON" },
	{ "{\"v\":1,\"verb\":\"queue.list\",\"domain\":7}\n", "usage", "a domain is wanted" },
	{ "{\"v\":1,\"verb\":\"queue.list\",\"domain\":\"a..b\"}\n", "usage", "this is no domain" },
	{ "{\"v\":1,\"verb\":\"queue.list\",\"max\":-1}\n", "usage", "a number" },
	{ "{\"v\":1,\"verb\":\"queue.list\",\"max\":1e3}\n", "usage", "a number" },
	{ "{\"v\":1,\"verb\":\"queue.list\",\"max\":99999999999}\n", "usage", "a number" },
	{ "{\"v\":1,\"verb\":\"queue.list\",\"max\":99999999999999999999999}\n", "usage", "not JSON" },
	{ "{\"v\":1,\"verb\":\"queue.list\",\"state\":\"odd\"}\n", "usage", "not known" },
	{ "{\"v\":1,\"verb\":\"queue.list\",\"state\":null}\n", "usage", "not known" },
	{ "{\"v\":1,\"verb\":\"queue.show\"}\n", "usage", "id is missing" },
	{ "{\"v\":1,\"verb\":\"queue.show\",\"id\":\"x\"}\n", "usage", "no queue id" },
	{ "{\"v\":1,\"verb\":\"queue.show\",\"id\":12}\n", "usage", "no queue id" },
	{ "{\"v\":1,\"verb\":\"queue.show\",\"id\":\"0000000BBBBB\",\"body\":1}\n", "usage", "true or" },
	{ "{\"v\":1,\"verb\":\"history.show\"}\n", "usage", "domain is missing" },
	{ "{\"v\":1,\"verb\":\"history.accept\",\"domain\":\"a.example\"}\n", "usage",
	    "reason is missing" },
	{ "{\"v\":1,\"verb\":\"history.accept\",\"domain\":\"a.example\",\"reason\":\"\"}\n", "usage",
	    "1 to 200 octets" },
	{ "{\"v\":1,\"verb\":\"history.accept\",\"domain\":\"a.example\",\"reason\":7}\n", "usage",
	    "1 to 200 octets" },
	{ "{\"v\":1,\"verb\":\"history.accept\",\"domain\":\"a.example\",\"reason\":\"a\\nb\"}\n",
	    "usage", "one printable line" },
	{ "{\"v\":1,\"verb\":\"history.accept\",\"domain\":\"a.example\",\"reason\":\"a\\u001bb\"}\n",
	    "usage", "one printable line" },
	{ "{\"v\":1,\"verb\":\"queue.flush\"}\n", "usage", "tried now" },
	{ "{\"v\":1,\"verb\":\"queue.flush\",\"all\":false}\n", "usage", "tried now" },
	{ "{\"v\":1,\"verb\":\"queue.flush\",\"all\":true,\"domain\":\"x.example\"}\n", "usage",
	    "tried now" },
	{ "{\"v\":1,\"verb\":\"dest.show\"}\n", "usage", "domain is missing" },
	{ "{\"v\":1,\"verb\":\"explain\"}\n", "usage", "one address" },
	{ "{\"v\":1,\"verb\":\"explain\",\"table\":true,\"domain\":\"a.example\"}\n", "usage",
	    "one address" },
	{ "{\"v\":1,\"verb\":\"explain\",\"id\":\"a.example\"}\n", "usage", "no queue id" },
	{ "{\"v\":1,\"verb\":\"probe\"}\n", "usage", "domain is missing" },
	{ "{\"v\":1,\"verb\":\"policy.show\",\"domain\":\"[192.0.2.1]\"}\n", "usage",
	    "no MTA-STS policy" },
	{ "{\"v\":1,\"verb\":\"policy.forget\"}\n", "usage", "domain is missing" },
};

START_TEST(refusal)
{
	const char *error;

	take(ask_raw(refusals[_i].line, strlen(refusals[_i].line)));
	error = json_string_value(json_object_get(answer.last, "error"));
	ck_assert_uint_eq(answer.n, 0);
	ck_assert_ptr_nonnull(error);
	ck_assert_msg(strstr(error, refusals[_i].error) != NULL, "%s", error);
	ck_assert_str_eq(kind(), refusals[_i].kind);
	ck_assert_int_eq(ask_verb("status", NULL), 1);
}
END_TEST

START_TEST(suggestion)
{
	ck_assert_int_eq(ask_verb("queue.lst", NULL), -1);
	ck_assert_str_eq(json_string_value(json_object_get(answer.last, "fix")),
	    "did you mean queue.list?");
}
END_TEST

/* Sizes around the cap, without a line end and with one. */
START_TEST(too_long)
{
	static const size_t sizes[] = { CTL_REQUEST_MAX, CTL_REQUEST_MAX + 1, 4 * CTL_REQUEST_MAX };
	char *line = must_calloc(1, sizes[_i]);

	memset(line, 'x', sizes[_i]);
	take(ask_raw(line, sizes[_i]));
	ck_assert_str_eq(kind(), "usage");
	ck_assert_int_eq(ask_verb("status", NULL), 1);
	free(line);
}
END_TEST

START_TEST(in_pieces)
{
	static const char line[] = "{\"v\":1,\"verb\":\"status\"}\ntrailing";
	int fd = dial();

	for (size_t i = 0; i < sizeof line - 1; i++)
		say(fd, line + i, 1);
	take(hear(fd));
	ck_assert_uint_eq(answer.n, 1);
}
END_TEST

/* Askers that leave: before, within and behind their request. */
START_TEST(gone)
{
	static const char line[] = "{\"v\":1,\"verb\":\"queue.list\"}\n";

	for (uint64_t i = 1; i <= 200; i++)
		ck_assert_int_eq(kit_put(i, "a@x.example", "body"), WHY_NONE);
	for (size_t i = 0; i < sizeof line; i++) {
		int fd = dial();

		say(fd, line, i);
		close(fd);
		turn();
	}
	for (int i = 0; i < 100; i++)
		turn();
	ck_assert_int_eq(ask_verb("status", NULL), 1);
}
END_TEST

START_TEST(too_many)
{
	int fds[32];

	for (size_t i = 0; i < LENGTH(fds); i++)
		fds[i] = dial();
	turn();
	take(ask_raw("", 0));
	ck_assert_str_eq(kind(), "busy");
	for (size_t i = 0; i < LENGTH(fds); i++)
		close(fds[i]);
	turn();
	turn();
	ck_assert_int_eq(ask_verb("status", NULL), 1);
}
END_TEST

/* Free while requests of every kind are in the air: the store still answers. */
START_TEST(torn_down)
{
	static const char *const lines[] = {
		"{\"v\":1,\"verb\":\"queue.list\"}\n", "{\"v\":1,\"verb\":\"queue.flush\",\"all\":true}\n",
		"{\"v\":1,\"verb\":\"queue.show\",\"id\":\"00000000000B\",\"body\":true}\n",
	};
	int fds[LENGTH(lines)];

	for (uint64_t i = 1; i <= 60; i++)
		put_due(i, "a@x.example", clock_wall_ms() + HOUR);
	for (size_t i = 0; i < LENGTH(lines); i++) {
		fds[i] = dial();
		ck_assert_int_gt(send(fds[i], lines[i], strlen(lines[i]), 0), 0);
	}
	for (int i = 0; i < _i; i++)
		turn();
	for (size_t i = 0; i < LENGTH(lines); i++)
		close(fds[i]);
}
END_TEST

/* ---- rights ---- */

static const struct { const char *line; int denied; } rights[] = {
	{ "{\"v\":1,\"verb\":\"status\"}\n", 0 },
	{ "{\"v\":1,\"verb\":\"queue.list\"}\n", 0 },
	{ "{\"v\":1,\"verb\":\"queue.show\",\"id\":\"000000000001\"}\n", 0 },
	{ "{\"v\":1,\"verb\":\"queue.show\",\"id\":\"000000000001\",\"body\":true}\n", 1 },
	{ "{\"v\":1,\"verb\":\"queue.flush\",\"all\":true}\n", 1 },
	{ "{\"v\":1,\"verb\":\"history.accept\",\"domain\":\"a.example\",\"reason\":\"x\"}\n", 1 },
	{ "{\"v\":1,\"verb\":\"queue.flush\",\"id\":\"000000000001\"}\n", 1 },
};

/* Connects as nobody; the pipe brings the connection's answer back. */
static void
be_nobody(int out, const char *line)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char text[4096];
	ssize_t n;

	(void)str_copy(un.sun_path, path, sizeof un.sun_path);
	if (setgid(65534) == -1 || setuid(65534) == -1 ||
	    connect(fd, (struct sockaddr *)&un, sizeof un) == -1 ||
	    write(fd, line, strlen(line)) == -1)
		_exit(1);
	while ((n = read(fd, text, sizeof text)) > 0)
		if (write(out, text, (size_t)n) != n)
			_exit(2);
	_exit(0);
}

START_TEST(rights_of_others)
{
	int ends[2];
	pid_t pid;

	if (geteuid() != 0) {
		puts("skipped: other users' rights can be tested by root only");
		return;
	}
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	pid = fork();
	if (pid == 0) {
		(void)fcntl(ends[1], F_SETFL, 0);
		close(ends[0]);
		be_nobody(ends[1], rights[_i].line);
	}
	close(ends[1]);
	take(hear(ends[0]));
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	if (rights[_i].denied)
		ck_assert_str_eq(kind(), "denied");
	else
		ck_assert_ptr_nonnull(json_object_get(answer.last, "end"));
}
END_TEST

/* ---- verbs ---- */

START_TEST(status)
{
	ck_assert_int_eq(ask_verb("status", NULL), 1);
	ck_assert_str_eq(text_of(0, "host"), "relay.test");
	ck_assert_str_eq(text_of(0, "mode"), "enforce");
	ck_assert(json_is_false(json_object_get(answer.lines[0], "policy_connected")));
	ck_assert_int_eq(json_integer_value(json_object_get(answer.lines[0], "pid")), getpid());
	ck_assert_ptr_null(json_object_get(answer.lines[0], "sessions"));
}
END_TEST

START_TEST(list_pages)
{
	char rest[64];

	ck_assert_int_eq(ask_verb("queue.list", NULL), 0);
	for (uint64_t i = 1; i <= 120; i++)
		put_due(i, i % 2 ? "a@x.example b@y.example" : "c@x.example",
		    clock_wall_ms() + (i <= 20 ? HOUR : -HOUR));
	ck_assert_int_eq(ask_verb("queue.list", NULL), 180);
	ck_assert_uint_eq(answer.n, 180);
	ck_assert_int_eq(ask_verb("queue.list", "\"domain\":\"Y.example.\""), 60);
	ck_assert_int_eq(ask_verb("queue.list", "\"state\":\"waiting\""), 30);
	ck_assert_int_eq(ask_verb("queue.list", "\"state\":\"held\""), 0);
	ck_assert_int_eq(ask_verb("queue.list", "\"domain\":\"z.example\""), 0);
	/* 100 is in the middle of a message */
	ck_assert_int_eq(ask_verb("queue.list", "\"max\":100"), 101);
	(void)str_fmt(rest, sizeof rest, "\"after\":\"%s\"",
	    json_string_value(json_object_get(answer.last, "next")));
	ck_assert_int_eq(ask_verb("queue.list", rest), 79);
	ck_assert_ptr_null(json_object_get(answer.last, "next"));
	ck_assert_int_eq(ask_verb("queue.list", "\"max\":180"), 180);
	ck_assert_ptr_null(json_object_get(answer.last, "next"));
}
END_TEST

/* Octets that JSON or a terminal would not bear come through a list as text. */
START_TEST(list_hostile)
{
	struct store_message *m = kit_message(7, "a@x.example", "");

	free(m->rcpts[0].address);
	m->rcpts[0].address = must_strdup("\xff\"\x01\\@x.example");
	(void)kit_put_message(m);
	store_message_free(&m);
	ck_assert_int_eq(ask_verb("queue.list", NULL), 1);
	ck_assert_ptr_nonnull(text_of(0, "recipient"));
}
END_TEST

START_TEST(show)
{
	ck_assert_int_eq(kit_put(1, "a@x.example b@y.example", "Subject: x\r\n\r\nbody\r\n"),
	    WHY_NONE);
	ck_assert_int_eq(ask_verb("queue.show", "\"id\":\"000000000002\""), 0);
	ck_assert_int_eq(ask_verb("queue.show", "\"id\":\"000000000001\""), 1);
	ck_assert_uint_eq(answer.n, 3);
	ck_assert_str_eq(text_of(0, "sender"), "from@corp.example");
	ck_assert_str_eq(text_of(0, "client"), "printer[10.0.0.1]");
	ck_assert_str_eq(text_of(2, "destination"), "y.example");
	ck_assert_str_eq(text_of(2, "state"), "ready");
	ck_assert_int_eq(ask_verb("queue.show", "\"id\":\"000000000001\",\"body\":true"), 1);
	ck_assert_uint_eq(answer.n, 4);
	ck_assert_str_eq(text_of(3, "body"), "U3ViamVjdDogeA0KDQpib2R5DQo=");
}
END_TEST

/* A body in a file: as many octets as it has, in lines that concatenate. */
START_TEST(show_large)
{
	size_t size = 3 * STORE_INLINE_MAX + 1, chars = 0;
	char *body = must_calloc(1, size + 1);

	memset(body, 'm', size);
	if (kit_put(1, "a@x.example", body) != WHY_NONE) {
		free(body);
		return;
	}
	free(body);
	ck_assert_int_eq(ask_verb("queue.show", "\"id\":\"000000000001\",\"body\":true"), 1);
	for (size_t i = 2; i < answer.n; i++)
		chars += strlen(text_of(i, "body"));
	ck_assert_uint_eq(chars, (size + 2) / 3 * 4);
}
END_TEST

static int64_t
due_of(uint64_t id, size_t rcpt)
{
	ck_assert_uint_eq(kit_fetch(id), 1);
	return kit.messages[0]->rcpts[rcpt].due;
}

START_TEST(flush)
{
	int64_t now = clock_wall_ms(), later = now + HOUR;

	for (uint64_t i = 1; i <= 70; i++)
		put_due(i, "a@x.example b@y.example", later);
	ck_assert_int_eq(ask_verb("queue.flush", "\"id\":\"000000000003\""), 2);
	ck_assert_int_lt(due_of(3, 0), later);
	ck_assert_int_eq(due_of(4, 0), later);
	ck_assert_int_eq(ask_verb("queue.flush", "\"domain\":\"y.example\""), 70);
	ck_assert_int_lt(due_of(70, 1), later);
	ck_assert_int_eq(due_of(70, 0), later);
	ck_assert_int_eq(ask_verb("queue.flush", "\"all\":true"), 140);
	ck_assert_int_lt(due_of(70, 0), later);
	ck_assert_int_eq(ask_verb("queue.flush", "\"id\":\"000000000100\""), 0);
	ck_assert_ptr_nonnull(map_gets(sched->dests, "x.example"));
}
END_TEST

START_TEST(flush_leaves_held)
{
	put_due(1, "a@x.example b@x.example", clock_wall_ms() + HOUR);
	ck_assert_int_eq(kit_settle(1, kit_rcpt_id(1, 0), STORE_HOLD, 0), WHY_NONE);
	ck_assert_int_eq(ask_verb("queue.flush", "\"all\":true"), 1);
	ck_assert_int_eq(ask_verb("queue.list", "\"state\":\"held\""), 1);
	ck_assert_str_eq(text_of(0, "recipient"), "a@x.example");
}
END_TEST

START_TEST(dests)
{
	ck_assert_int_eq(ask_verb("dest.list", NULL), 0);
	ck_assert_int_eq(ask_verb("dest.show", "\"domain\":\"x.example\""), 0);
	sched_on_disk(sched, "x.example", 5, clock_wall_ms() + HOUR);
	for (int i = 0; i < 250; i++) {
		char name[64];

		(void)str_fmt(name, sizeof name, "d%d.example", i);
		sched_on_disk(sched, name, 1, clock_wall_ms() + HOUR);
	}
	ck_assert_int_eq(ask_verb("dest.list", NULL), 251);
	ck_assert_str_eq(text_of(0, "destination"), "x.example");
	ck_assert_int_eq(ask_verb("dest.list", "\"blocked\":true"), 0);
	ck_assert_int_eq(ask_verb("dest.show", "\"domain\":\"X.EXAMPLE\""), 1);
	ck_assert_int_eq(json_integer_value(json_object_get(answer.lines[0], "recipients")), 5);
}
END_TEST

START_TEST(exceptions)
{
	static const char text[] = "hostname = \"relay.test\"; clients = ( { name = \"erp\";"
	    " networks = [ \"10.0.0.1/32\" ]; tls_required_no = true; } ); exceptions = ( { id = \"EX-7\";"
	    " domains = [ \"a.example\" ]; hosts = [ \"mx.a.example\" ]; allow = \"weak-tls\";"
	    " owner = \"ops\"; reason = \"r\"; expires = \"2099-01-01\"; max_uses = 9; } );";
	struct conf_errors errors;

	ck_assert_int_eq(ask_verb("exception.list", NULL), 0);
	ck_assert_int_eq(ask_verb("exception.show", "\"id\":\"EX-7\""), 0);
	ck_assert_int_eq(ask_verb("exception.show", NULL), -1);
	conf_free(&generation->conf);
	ck_assert_int_eq(conf_load_text(text, sizeof text - 1, "test", &generation->conf, &errors), 0);
	conf_errors_fini(&errors);
	ck_assert_int_eq(ask_verb("exception.list", NULL), 2);
	ck_assert_str_eq(text_of(1, "exception"), "tls-required-no:erp");
	ck_assert(json_is_true(json_object_get(answer.lines[1], "built_in")));
	ck_assert(json_is_false(json_object_get(answer.lines[0], "built_in")));
	ck_assert_str_eq(text_of(0, "exception"), "EX-7");
	ck_assert_str_eq(text_of(0, "allow"), "weak-tls");
	/* There is no ledger in this house: nothing holds. */
	ck_assert_str_eq(text_of(0, "state"), "unknown");
	ck_assert_int_eq(json_integer_value(json_object_get(answer.lines[0], "max_uses")), 9);
	ck_assert_int_eq(ask_verb("exception.show", "\"id\":\"EX-7\""), 1);
	ck_assert_int_eq(ask_verb("exception.show", "\"id\":\"ex-7\""), 0);
	ck_assert_int_eq(ask_verb("status", NULL), 1);
	ck_assert_int_eq(json_integer_value(json_object_get(answer.lines[0], "exceptions")), 0);
}
END_TEST

static void
add_tests(Suite *suite, const char *name, void (*setup)(void))
{
	TCase *t = tcase_create(name);

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, refusal, 0, LENGTH(refusals));
	tcase_add_test(t, suggestion);
	tcase_add_loop_test(t, too_long, 0, 3);
	tcase_add_test(t, in_pieces);
	tcase_add_test(t, gone);
	tcase_add_test(t, too_many);
	tcase_add_loop_test(t, torn_down, 0, 8);
	tcase_add_loop_test(t, rights_of_others, 0, LENGTH(rights));
	tcase_add_test(t, status);
	tcase_add_test(t, list_pages);
	tcase_add_test(t, list_hostile);
	tcase_add_test(t, show);
	tcase_add_test(t, show_large);
	tcase_add_test(t, flush);
	tcase_add_test(t, flush_leaves_held);
	tcase_add_test(t, dests);
	tcase_add_test(t, exceptions);
	suite_add_tcase(suite, t);
}

int
main(void)
{
	Suite *suite = suite_create("smtp_ctl");

	add_tests(suite, "sqlite", setup_sqlite);
	add_tests(suite, "memory", setup_memory);
	return kit_run(suite);
}
