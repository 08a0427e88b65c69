/* SPDX-License-Identifier: ISC */
/* GET /metrics and GET /healthz of one worker, from its start on. */
#include "relayd/smtp/scrape.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>

#include "lib/base/list.h"
#include "relayd/smtp/admission.h"
#include "tests/unit/ctl_kit.h"

static struct scrape *scrape;
static struct sockaddr_in address;
static int listening;

static void
listen_too(void)
{
	socklen_t len = sizeof address;

	address = (struct sockaddr_in){ .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	listening = io_listener_bind((struct sockaddr *)&address, sizeof address);
	ck_assert_int_ne(listening, -1);
	ck_assert_int_eq(getsockname(listening, (struct sockaddr *)&address, &len), 0);
	scrape = scrape_new(kit_base, listening);
}

static void
setup_in_memory(void)
{
	setup_memory();
	listen_too();
}

static void
setup_on_disk(void)
{
	setup_sqlite();
	listen_too();
}

static void
end(void)
{
	scrape_free(&scrape);
	teardown();
}

static int
connect_to(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static void
expect(const char *request, const char *status, const char *line)
{
	int fd = connect_to();
	char *text;

	say(fd, request, strlen(request));
	text = hear(fd);
	ck_assert_msg(strncmp(text, "HTTP/1.1 ", 9) == 0 && strncmp(text + 9, status, 3) == 0,
	    "%s: %s", request, text);
	ck_assert_msg(strstr(text, line) != NULL, "%s: %s", request, text);
	free(text);
}

START_TEST(a_start_is_told)
{
	expect("GET /healthz HTTP/1.1\r\n\r\n", "503", "\r\n\r\nthe relay is starting");
	expect("GET /metrics HTTP/1.1\r\n\r\n", "503", "\r\n\r\nthe relay is starting");
	expect("GET / HTTP/1.1\r\n\r\n", "404", "/metrics");
	scrape_ready(scrape, ctl);
	expect("GET /metrics HTTP/1.1\r\n\r\n", "200", "\nrelayd_workers{state=\"up\"} 1\n");
}
END_TEST

static enum why_reason
is_full(struct store *s)
{
	return WHY_LOCAL_SPACE;
}

/* The kit has no policy process. */
START_TEST(health_says_what_is_wrong)
{
	const struct store_ops *usual = kit_store->ops;
	struct store_ops full = *usual;

	scrape_ready(scrape, ctl);
	expect("GET /healthz HTTP/1.1\r\n\r\n", "503", "\r\n\r\nthe policy process");
	expect("GET /metrics HTTP/1.1\r\n\r\n", "200", "\nrelayd_policy_connected 0\n");
	full.refuses = is_full;
	kit_store->ops = &full;
	expect("GET /healthz HTTP/1.1\r\n\r\n", "503", "\r\n\r\nno mail is taken: no space");
	expect("GET /metrics HTTP/1.1\r\n\r\n", "200", "\nrelayd_space_available 0\n");
	kit_store->ops = usual;
	sched->draining = 1;
	expect("GET /healthz HTTP/1.1\r\n\r\n", "503", "\r\n\r\nthe relay is stopping");
}
END_TEST

START_TEST(an_asker_that_leaves_is_forgotten)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\n\r\n";

	scrape_ready(scrape, ctl);
	for (int turns = 0; turns < 8; turns++) {
		const struct linger reset = { 1, 0 };
		int fd = connect_to();

		say(fd, request, sizeof request - 1);
		for (int i = 0; i < turns; i++)
			turn();
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		close(fd);
	}
	expect(request, "200", "\nrelayd_draining 0\n");
}
END_TEST

static int
is_over(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_PEEK) == 0;
}

START_TEST(many_that_say_nothing)
{
	int fds[32], ended = 0;

	for (size_t i = 0; i < LENGTH(fds); i++)
		fds[i] = connect_to();
	for (int i = 0; i < KIT_STEPS_MAX && ended < 16; i++) {
		turn();
		ended = 0;
		for (size_t k = 0; k < LENGTH(fds); k++)
			ended += is_over(fds[k]);
	}
	ck_assert_int_eq(ended, 16);
	for (size_t i = 0; i < LENGTH(fds); i++)
		close(fds[i]);
	for (int i = 0; i < 100; i++)
		turn();
	scrape_ready(scrape, ctl);
	expect("GET /metrics HTTP/1.1\r\n\r\n", "200", "\nrelayd_partial 0\n");
}
END_TEST

/* Ends while it is asked. */
START_TEST(it_may_end_at_any_time)
{
	int fd = connect_to();

	scrape_ready(scrape, ctl);
	say(fd, "GET /metrics HTTP/1.1\r\n\r\n", 25);
	for (int i = 0; i < _i; i++)
		turn();
	scrape_free(&scrape);
	close(fd);
}
END_TEST

int
main(void)
{
	static void (*const setups[])(void) = { setup_in_memory, setup_on_disk };
	Suite *s = suite_create("smtp_scrape");
	SRunner *r;
	int failed;

	for (size_t i = 0; i < LENGTH(setups); i++) {
		TCase *t = tcase_create(i == 0 ? "memory" : "sqlite");

		tcase_add_checked_fixture(t, setups[i], end);
		tcase_add_test(t, a_start_is_told);
		tcase_add_test(t, health_says_what_is_wrong);
		tcase_add_test(t, an_asker_that_leaves_is_forgotten);
		tcase_add_test(t, many_that_say_nothing);
		tcase_add_loop_test(t, it_may_end_at_any_time, 0, 6);
		suite_add_tcase(s, t);
	}
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
