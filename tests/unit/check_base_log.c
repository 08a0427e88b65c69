/* SPDX-License-Identifier: ISC */
/* check_base_log: formats, sinks that do not take lines, cuts and drops. */
#include "lib/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <check.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "tests/unit/child_kit.h"

static char dir[64], path[128], seen[3 * 1024 * 1024];

static void
setup(void)
{
	snprintf(dir, sizeof dir, "/tmp/check_base_log.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/log", dir);
	setenv("TZ", "UTC", 1);
	clock_virtual(0, 1795306063123);
}

static void
teardown(void)
{
	unlink(path);
	rmdir(dir);
}

static int
open_log(enum log_target target, enum log_format format)
{
	return log_open(&(struct log_param){ .target = target, .format = format,
	    .level = LOG_LVL_INFO, .file = path, .tag = "relayd", .name = "smtp", .host = "mx" });
}

/* What the file holds, with every "[pid]" as "[1]". */
static const char *
contents(void)
{
	static char pid[32];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, seen, sizeof seen - 1);
	char *at;

	ck_assert_int_ge(n, 0);
	seen[n] = '\0';
	close(fd);
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	while ((at = strstr(seen, pid)) != NULL) {
		*at = '1';
		memmove(at + 1, at + strlen(pid), strlen(at + strlen(pid)) + 1);
	}
	return seen;
}

static const struct log_kv keys[] = {
	LOG_STR("qid", "4x"), LOG_STR("rcpt", "a\"\n@b"), LOG_STR("none", NULL),
	LOG_NUM("delay", -12),
};

START_TEST(writes_text)
{
	ck_assert_int_eq(open_log(LOG_TO_FILE, LOG_TEXT), 0);
	ck_assert(!log_wants_json());
	log_event(LOG_LVL_INFO, "qmgr", "delivery", "4x: to=<a\n@b>", keys, LENGTH(keys));
	log_event(LOG_LVL_INFO, NULL, "delivery", NULL, keys, LENGTH(keys));
	log_warning("careful: %d\r\n", 5);
	log_debug("not written");
	errno = ENOENT;
	log_err("%m");
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_str_eq(contents(),
	    "Nov 22 00:07:43 mx relayd/qmgr[1]: 4x: to=<a\\x0a@b>\n"
	    "Nov 22 00:07:43 mx relayd/smtp[1]: delivery qid=4x rcpt=a\"\\x0a@b delay=-12\n"
	    "Nov 22 00:07:43 mx relayd/smtp[1]: warning: careful: 5\\x0d\\x0a\n"
	    "Nov 22 00:07:43 mx relayd/smtp[1]: error: No such file or directory\n");
}
END_TEST

START_TEST(writes_json)
{
	ck_assert_int_eq(open_log(LOG_TO_FILE, LOG_JSON), 0);
	ck_assert(log_wants_json());
	log_event(LOG_LVL_NOTICE, "qmgr", "delivery", "not read", keys, LENGTH(keys));
	clock_virtual(0, 1795306063007);
	log_info("free \"text\"");
	log_flush();
	ck_assert_str_eq(contents(),
	    "{\"ts\":\"2026-11-22T00:07:43.123Z\",\"host\":\"mx\","
	    "\"proc\":\"relayd/qmgr\",\"pid\":1,"
	    "\"severity\":\"notice\",\"event\":\"delivery\",\"qid\":\"4x\",\"rcpt\":\"a\\\"\\n@b\","
	    "\"delay\":-12}\n"
	    "{\"ts\":\"2026-11-22T00:07:43.007Z\",\"host\":\"mx\","
	    "\"proc\":\"relayd/smtp\",\"pid\":1,"
	    "\"severity\":\"info\",\"event\":\"message\",\"text\":\"free \\\"text\\\"\"}\n");
}
END_TEST

static const size_t lengths[] = { 0, 1, 1000, 1024, 1025, 2000, 2047, 2048, 5000 };

START_TEST(lines_are_bounded)
{
	char *value = calloc(1, lengths[_i] + 1);
	struct log_kv kv[] = { LOG_STR("a", value), LOG_STR("b", value), LOG_STR("c", value),
		LOG_NUM("d", 1) };

	memset(value, _i % 2 ? '\n' : 'x', lengths[_i]);
	for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
		const char *line;
		size_t len;

		unlink(path);
		ck_assert_int_eq(open_log(LOG_TO_FILE, (enum log_format)format), 0);
		log_event(LOG_LVL_INFO, NULL, "e", value, kv, LENGTH(kv));
		log_event(LOG_LVL_INFO, NULL, "e", NULL, kv, LENGTH(kv));
		log_flush();
		line = contents();
		for (int i = 0; i < 2; i++, line += len) {
			len = strcspn(line, "\n") + 1;
			ck_assert_uint_le(len, 2048);
			ck_assert_int_eq(line[len - 1], '\n');
			if (format == LOG_JSON)
				ck_assert_int_eq(strncmp(line + len - 2, "}\n", 2), 0);
			if (format == LOG_JSON && lengths[_i] >= 1000)
				ck_assert_int_eq(strncmp(line + len - 10, ",\"cut\":1}", 9), 0);
		}
		ck_assert_str_eq(line, "");
	}
	free(value);
}
END_TEST

START_TEST(flushes_when_it_is_time)
{
	struct stat st;

	ck_assert_int_eq(open_log(LOG_TO_FILE, LOG_TEXT), 0);
	log_info("waits");
	ck_assert_str_eq(contents(), "");
	log_flush();
	ck_assert_ptr_nonnull(strstr(contents(), "waits"));
	log_err("does not wait");
	ck_assert_ptr_nonnull(strstr(contents(), "does not wait"));
	for (int i = 0; i < 2000; i++)
		log_info("a line to fill the buffer beyond its 64 KiB");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_gt(st.st_size, 64 * 1024);
}
END_TEST

START_TEST(reopens_a_moved_file)
{
	char moved[160];

	snprintf(moved, sizeof moved, "%s.1", path);
	ck_assert_int_eq(open_log(LOG_TO_FILE, LOG_TEXT), 0);
	log_info("old");
	ck_assert_int_eq(rename(path, moved), 0);
	ck_assert_int_eq(open_log(LOG_TO_FILE, LOG_TEXT), 0);
	log_err("new");
	ck_assert_ptr_null(strstr(contents(), "old"));
	ck_assert_ptr_nonnull(strstr(contents(), "new"));
	ck_assert_int_eq(rename(moved, path), 0);
	ck_assert_ptr_nonnull(strstr(contents(), "old"));
}
END_TEST

START_TEST(failing_open_keeps_the_old)
{
	char good[128];

	ck_assert_int_eq(open_log(LOG_TO_FILE, LOG_TEXT), 0);
	memcpy(good, path, sizeof good);
	snprintf(path, sizeof path, "%s/no/such/dir", dir);
	ck_assert_int_eq(open_log(LOG_TO_FILE, LOG_JSON), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(open_log(LOG_TO_SYSLOG, LOG_JSON), -1);
	ck_assert_int_eq(log_open(&(struct log_param){ .target = LOG_TO_FILE }), -1);
	ck_assert(!log_wants_json());
	memcpy(path, good, sizeof good);
	log_err("still here");
	ck_assert_ptr_nonnull(strstr(contents(), "still here"));
}
END_TEST

/* HARDENING E8: nobody reads; nothing blocks, 1 MiB is kept, the rest counted and told. */
START_TEST(full_pipe_drops_and_counts)
{
	size_t got = 0, lines = 0;
	uint64_t lost;
	ssize_t n;
	int fd;

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(open_log(LOG_TO_FILE, LOG_TEXT), 0);
	lost = log_dropped();
	for (int i = 0; i < 20000; i++)
		log_err("line %d: a hundred bytes or so, and nobody on the other side to read", i);
	lost = log_dropped() - lost;
	ck_assert_uint_gt(lost, 1000);
	ck_assert_uint_lt(lost, 19000);
	fd = open(path, O_RDONLY | O_NONBLOCK);
	ck_assert_int_ne(fd, -1);
	while ((n = read(fd, seen + got, sizeof seen - got - 1)) > 0) {
		got += (size_t)n;
		log_flush();
	}
	seen[got] = '\0';
	for (size_t i = 0; i < got; i++)
		lines += seen[i] == '\n';
	ck_assert_uint_eq(lines, 20000 - lost + 1);
	ck_assert_ptr_nonnull(strstr(seen, "log lines were lost"));
	ck_assert_ptr_nonnull(strstr(seen, "line 0: "));
	close(fd);
}
END_TEST

static int
listen_datagrams(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ck_assert_int_ne(fd, -1);
	memcpy(sun.sun_path, path, strlen(path));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof sun), 0);
	return fd;
}

static void
expect_datagram(int fd, const char *want)
{
	ssize_t n = recv(fd, seen, sizeof seen - 1, 0);

	ck_assert_int_gt(n, 0);
	seen[n] = '\0';
	ck_assert_str_eq(seen, want);
}

START_TEST(speaks_syslog)
{
	int fd = listen_datagrams();
	char want[128];

	ck_assert_int_eq(open_log(LOG_TO_SYSLOG, LOG_TEXT), 0);
	log_info("hello\n");
	log_err("bad");
	snprintf(want, sizeof want, "<22>relayd/smtp[%d]: hello\\x0a", (int)getpid());
	expect_datagram(fd, want);
	snprintf(want, sizeof want, "<19>relayd/smtp[%d]: error: bad", (int)getpid());
	expect_datagram(fd, want);
	close(fd);
}
END_TEST

START_TEST(speaks_journal)
{
	int fd = listen_datagrams();

	ck_assert_int_eq(open_log(LOG_TO_JOURNAL, LOG_TEXT), 0);
	log_event(LOG_LVL_NOTICE, "qmgr", "delivery", "a\nb", keys, LENGTH(keys));
	log_flush();
	expect_datagram(fd, "PRIORITY=5\nSYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER=relayd/qmgr\n"
	    "MESSAGE=a\\x0ab\nRELAYD_EVENT=delivery\nRELAYD_QID=4x\nRELAYD_RCPT=a\"\\x0a@b\n"
	    "RELAYD_DELAY=-12\n");
	close(fd);
}
END_TEST

START_TEST(outlives_the_syslog_daemon)
{
	int fd = listen_datagrams();
	uint64_t lost;

	ck_assert_int_eq(open_log(LOG_TO_SYSLOG, LOG_TEXT), 0);
	lost = log_dropped();
	close(fd);
	unlink(path);
	log_err("while it is away");
	log_err("still away");
	ck_assert_uint_eq(log_dropped(), lost);
	fd = listen_datagrams();
	log_flush();
	ck_assert_int_gt(recv(fd, seen, sizeof seen, 0), 0);
	ck_assert_ptr_nonnull(strstr(seen, "while it is away"));
	/* A reader that is stuck: 20,000 lines return at once. */
	for (int i = 0; i < 20000; i++)
		log_err("a line of a hundred bytes or so that nobody takes out of the socket");
	ck_assert_uint_gt(log_dropped() - lost, 1000);
	close(fd);
}
END_TEST

/* Standard error that nobody reads: a pipe, a pipe that cannot be reopened, a socket. */
static void
shout(int kind)
{
	uint64_t lost;
	int ends[2];

	alarm(20);
	NEED((kind == 2 ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : pipe(ends)) == 0);
	NEED(dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
	if (kind == 1)
		NEED(fchmod(ends[1], 0) == 0 && (geteuid() != 0 || seteuid(65534) == 0));
	NEED(open_log(LOG_TO_STDERR, LOG_TEXT) == 0);
	lost = log_dropped();
	for (int i = 0; i < 20000; i++)
		log_err("line %d: a hundred bytes or so, and nobody on the other side to read", i);
	lost = log_dropped() - lost;
	NEED(lost > 1000 && lost < 19000);
	/* Ours did not block, and the description that others share was left as it was. */
	NEED((fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK) == 0);
}

START_TEST(stuck_stderr_holds_nothing_up)
{
	ck_assert_int_eq(in_child(shout, _i), 0);
}
END_TEST

static void
give_up(int i)
{
	fatal(EX_IOERR, "that is the end, %d", i);
}

/* Whoever reads the log only learns why it ended, and once. */
START_TEST(fatal_is_in_the_log)
{
	ck_assert_int_eq(open_log(LOG_TO_FILE, LOG_TEXT), 0);
	ck_assert_int_eq(in_child(give_up, 7), EX_IOERR);
	ck_assert_ptr_nonnull(strstr(contents(), "fatal: that is the end, 7\n"));
	ck_assert_ptr_null(strstr(strstr(contents(), "fatal") + 1, "fatal"));
}
END_TEST

static void *
chatter(void *arg)
{
	for (int i = 0; i < 500; i++)
		log_info("thread %d line %d", *(int *)arg, i);
	return NULL;
}

START_TEST(threads_may_log)
{
	int numbers[4] = { 0, 1, 2, 3 };
	pthread_t threads[4];
	size_t lines = 0;

	ck_assert_int_eq(open_log(LOG_TO_FILE, LOG_TEXT), 0);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, chatter, &numbers[i]), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	log_flush();
	for (const char *p = contents(); (p = strstr(p, "]: thread ")) != NULL; p++)
		lines++;
	ck_assert_uint_eq(lines, 2000);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("base_log");
	TCase *tc = tcase_create("log");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, tc);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, writes_text);
	tcase_add_test(tc, writes_json);
	tcase_add_loop_test(tc, lines_are_bounded, 0, LENGTH(lengths));
	tcase_add_test(tc, flushes_when_it_is_time);
	tcase_add_test(tc, reopens_a_moved_file);
	tcase_add_test(tc, failing_open_keeps_the_old);
	tcase_add_test(tc, full_pipe_drops_and_counts);
	tcase_add_test(tc, speaks_syslog);
	tcase_add_test(tc, speaks_journal);
	tcase_add_test(tc, outlives_the_syslog_daemon);
	tcase_add_loop_test(tc, stuck_stderr_holds_nothing_up, 0, 3);
	tcase_add_test(tc, fatal_is_in_the_log);
	tcase_add_test(tc, threads_may_log);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
