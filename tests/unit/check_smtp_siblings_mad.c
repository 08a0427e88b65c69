/* SPDX-License-Identifier: ISC */
/*
 * check_smtp_siblings_mad: a worker, or the front, is the test itself and says
 * anything, or nothing: the other end drops it, or says whose part is missing.
 */
#include "lib/ipc/sibling.h"
#include "lib/meter/line.h"
#include "relayd/smtp/ctl_call.h"
#include "relayd/smtp/ctl_replan.h"
#include "tests/unit/siblings_kit.h"

/* ---- a worker that is the test ---- */

static int mad;		/* our end of worker 1's channel */

static void
go_mad(void)
{
	int pair[2];

	end(1);
	turn();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	siblings_connect(workers[0].siblings, 1, pair[0]);
	mad = pair[1];
}

static void
say_frame(uint16_t type, uint32_t request, const char *text)
{
	struct buf b;

	buf_init(&b);
	buf_add_u32(&b, (uint32_t)strlen(text));
	buf_add_u16(&b, type);
	buf_add_u16(&b, 1);
	buf_add_u32(&b, request);
	buf_adds(&b, text);
	say(mad, buf_data(&b), buf_len(&b));
	buf_fini(&b);
}

/* The number of the last such message that came; 0: none yet. */
static uint32_t
hear_frame(enum ipc_sibling wanted)
{
	uint8_t bytes[4096];
	ssize_t n = recv(mad, bytes, sizeof bytes, 0);
	struct buf_reader r = buf_reader_of(bytes, n > 0 ? (size_t)n : 0);
	uint32_t len, number, last = 0;
	uint16_t type, version;

	while (buf_get_u32(&r, &len) == 0 && buf_get_u16(&r, &type) == 0 &&
	    buf_get_u16(&r, &version) == 0 && buf_get_u32(&r, &number) == 0 && r.left >= len) {
		r.p += len;
		r.left -= len;
		if (type == wanted)
			last = number;
	}
	return last;
}

static uint32_t
hear_question(void)
{
	return hear_frame(IPC_CTL_ASK);
}

static const struct {
	uint16_t	 type;
	int		 other_number;
	const char	*text, *error;	/* NULL: what comes is an answer */
} ravings[] = {
	{ IPC_CTL_LAST, 0, "{\"end\":true,\"count\":0}\n", NULL },
	{ IPC_CTL_LAST, 0, "{\"end\":true,\"count\":-5}\n", NULL },
	{ IPC_CTL_LAST, 0, "{\"end\":true,\"count\":\"x\",\"next\":7}\n", NULL },
	{ IPC_CTL_LAST, 0, "{\"id\":7}\n{\"end\":true}\n", NULL },
	{ IPC_CTL_LAST, 0, "{\"id\":[{}],\"x\":[[[[]]]]}\n{\"end\":true}\n", NULL },
	{ IPC_CTL_LAST, 0, "{\"workers\":-9223372036854775808,\"sessions\":1e99,\"space\":[],"
	    "\"recipients\":-5,\"draining\":{},\"metric\":\"x 1\\ny\"}\n{\"end\":true}\n", NULL },
	{ IPC_CTL_LAST, 0, "{\"workers\":9223372036854775807,\"sessions\":9223372036854775807}\n"
	    "{\"workers\":1}\n{\"end\":true}\n", NULL },
	{ IPC_CTL_LAST, 0, "{\"error\":\"no\\u001b\",\"kind\":\"odd\"}\n", "worker 1: no" },
	{ IPC_CTL_LAST, 0, "{\"error\":7}\n", NULL },
	{ IPC_CTL_LAST, 0, "", "without an end" },
	{ IPC_CTL_LAST, 0, "{\"end\":true}", "without an end" },
	{ IPC_CTL_LAST, 0, "{\"id\":\"1\"}\n", "without an end" },
	{ IPC_CTL_LAST, 0, "GET /\n", "cannot be read" },
	{ IPC_CTL_LAST, 0, "[]\n{\"end\":true}\n", "cannot be read" },
	{ IPC_CTL_LAST, 0, "\n", "cannot be read" },
	{ IPC_CTL_LAST, 0, "{\"a\":1,\"a\":2}\n", "cannot be read" },
	{ IPC_CTL_LAST, 0, "{\"a\":\"\\u0000\"}\n", "cannot be read" },
	{ IPC_CTL_LAST, 0, "{\"a\":99999999999999999999}\n", "cannot be read" },
	{ IPC_CTL_ASK, 0, "", "is down" },
	{ IPC_CTL_MORE, 1, "", "is down" },
	{ IPC_LEASE, 0, "", "is down" },
	{ IPC_PAUSE, 0, "", "is down" },
	{ IPC_LEASE_ASK, 0, "x", "is down" },
	{ IPC_SIBLING__COUNT, 0, "", "is down" },
	{ 0, 0, "", "is down" },
};

static const char *const asked[] = {
	"queue.list", "dest.list", "queue.hold", "status", "metrics",
};

/* Whatever one of them says: there are so many, and all of it is text for Prometheus. */
static void
check_metrics(void)
{
	struct buf b;
	int all = 0, n;

	buf_init(&b);
	for (size_t i = 0; i < answer.n; i++)
		ck_assert_int_eq(meter_line_text(&b, answer.lines[i]), 0);
	ck_assert_ptr_null(strstr(buf_str(&b), "x 1"));
	for (const char *p = buf_str(&b); (p = strstr(p, "relayd_workers{")) != NULL; p++) {
		ck_assert_int_eq(sscanf(strchr(p, ' '), "%d\n", &n), 1);
		ck_assert_int_ge(n, 0);
		all += n;
	}
	ck_assert_int_eq(all, answer.n > 0 ? WORKERS : 0);
	buf_fini(&b);
}

static void
rave(const char *verb, size_t i)
{
	char line[128];
	uint32_t number = 0;
	int fd = dial();
	const char *error;

	go_mad();
	(void)str_fmt(line, sizeof line, "{\"v\":1,\"verb\":\"%s\"%s}\n", verb,
	    strcmp(verb, "queue.hold") == 0 ? ",\"all\":true" : "");
	say(fd, line, strlen(line));
	while (number == 0) {
		turn();
		number = hear_question();
	}
	say_frame(ravings[i].type, number + (ravings[i].other_number ? 77 : 0), ravings[i].text);
	take(hear(fd));
	error = json_string_value(json_object_get(answer.last, "error"));
	if (ravings[i].error == NULL)
		ck_assert_msg(json_object_get(answer.last, "end") != NULL || error != NULL, "%zu", i);
	else if (strcmp(verb, "status") != 0 && strcmp(verb, "metrics") != 0)
		ck_assert_msg(error != NULL && strstr(error, ravings[i].error) != NULL, "%s: %zu: %s",
		    verb, i, error);
	if (strcmp(verb, "metrics") == 0)
		check_metrics();
	close(mad);
	ck_assert_int_gt(ask_verb("explain", "\"table\":true"), 0);
}

START_TEST(mad_worker)
{
	put_at(0, 5, "a@x.example");
	for (size_t i = 0; i < LENGTH(asked); i++)
		rave(asked[i], (size_t)_i);
}
END_TEST

/* It never ends a step: its lines stay bounded, and an asker that leaves is forgotten. */
START_TEST(asker_leaves)
{
	static const char line[] = "{\"v\":1,\"verb\":\"queue.list\"}\n";
	uint32_t number = 0;
	int fd = dial();

	for (uint64_t id = 1; id <= 200; id++)
		put_at((unsigned)(id % 2) * 2, id, "a@x.example");
	go_mad();
	say(fd, line, sizeof line - 1);
	while (number == 0) {
		turn();
		number = hear_question();
	}
	say_frame(IPC_CTL_STEP, number, "{\"id\":\"000000000001\"}\n");
	for (int i = 0; i < _i; i++)
		turn();
	close(fd);
	for (int i = 0; i < 50; i++)
		turn();
	/* What still comes for it is thrown away, and harms nobody. */
	say_frame(IPC_CTL_LAST, number, "{\"end\":true,\"count\":1}\n");
	ck_assert(siblings_is_up(workers[0].siblings, 1));
	close(mad);
	for (int i = 0; i < 50 && siblings_is_up(workers[0].siblings, 1); i++)
		turn();
	ck_assert(!siblings_is_up(workers[0].siblings, 1));
}
END_TEST

/* What was fetched or forgotten of a domain by one concerns the plans of all. */
START_TEST(replan_reaches_all)
{
	const struct ctl_house house = { .sched = sched, .siblings = workers[0].siblings };
	uint8_t frame[64];
	ssize_t n;

	go_mad();
	while (recv(mad, frame, sizeof frame, 0) > 0)
		continue;
	ctl_replan(&house, "x.example");
	n = recv(mad, frame, sizeof frame, 0);
	ck_assert_int_eq((int)n, 12 + 4 + 9);
	ck_assert_int_eq(frame[5], IPC_REPLAN);
	for (int i = 0; i < 20; i++)
		turn();
	ck_assert(siblings_is_up(workers[0].siblings, 2));
	ck_assert(siblings_is_up(workers[2].siblings, 0));
	close(mad);
}
END_TEST

/* It is there and says nothing: the answer does not wait for ever. */
START_TEST(silent_worker)
{
	ctlserve_free(&ctl);
	end(0);
	workers[0].siblings = siblings_new(kit_base, 0, WORKERS);
	ctl = ctlserve_new(kit_base, io_listener_bind_unix(path, 0666), kit_store, sched);
	ctlserve_share(ctl, workers[0].siblings, 200);
	siblings_start(workers[0].siblings);
	end(1);
	go_mad();
	end(2);
	begin(2);
	join(2);
	put_at(2, 5, "a@x.example");
	ck_assert_int_eq(ask_verb("queue.list", NULL), -1);
	ck_assert_uint_eq(answer.n, 1);
	ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(answer.last, "error")),
	    "worker 1 does not answer"));
	ck_assert_str_eq(kind(), "busy");
	close(mad);
}
END_TEST

/* What a worker that is not the front is told, it does not believe either. */
static const struct { uint16_t type; const char *text; } tales[] = {
	{ IPC_CTL_ASK, "" }, { IPC_CTL_ASK, "xxxxyyyyzz" }, { IPC_CTL_MORE, "x" },
	{ IPC_REPLAN, "" }, { IPC_REPLAN, "xxxxx.example" },
	{ IPC_CTL_LINES, "{}\n" }, { IPC_CTL_STEP, "" }, { IPC_CTL_LAST, "{}\n" },
	{ IPC_PAUSE, "" }, { IPC_PAUSE, "xxxxyyyy" }, { IPC_PAUSES_END, "" },
	{ IPC_PAUSES_BEGIN, "x" },
};

START_TEST(mad_front)
{
	int pair[2];

	end(1);
	turn();
	begin(1);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	siblings_connect(workers[1].siblings, 0, pair[0]);
	mad = pair[1];
	say_frame(tales[_i].type, 1, tales[_i].text);
	for (int i = 0; i < 50; i++)
		turn();
	ck_assert(!siblings_is_up(workers[1].siblings, 0));
	close(mad);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("smtp_siblings_mad");
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, setup, finish);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, mad_worker, 0, LENGTH(ravings));
	tcase_add_loop_test(t, asker_leaves, 0, 6);
	tcase_add_loop_test(t, mad_front, 0, LENGTH(tales));
	tcase_add_test(t, replan_reaches_all);
	tcase_add_test(t, silent_worker);
	suite_add_tcase(suite, t);
	return kit_run(suite);
}
