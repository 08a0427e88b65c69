/* SPDX-License-Identifier: ISC */
/*
 * ctl_kit: a house with a control socket, and an asker on its outside. The
 * asker and the loop share one thread: each waits by turning the loop.
 */
#ifndef TESTS_UNIT_CTL_KIT_H
#define TESTS_UNIT_CTL_KIT_H

#include <sys/socket.h>
#include <sys/un.h>

#include <jansson.h>

#include "lib/base/clock.h"
#include "lib/io/listener.h"
#include "relayd/smtp/ask.h"
#include "relayd/smtp/ctlserve.h"
#include "relayd/smtp/dest.h"
#include "relayd/smtp/generation.h"
#include "relayd/smtp/outcome.h"
#include "relayd/smtp/sched.h"
#include "tests/unit/store_kit.h"

#define HOUR	(60 * 60 * 1000)
#define ANSWER_MAX	(8u << 20)

static struct ask *ask;
static struct outcome *outcome;
static struct generation *generation;
static struct sched *sched;
static struct ctlserve *ctl;
static char path[128];

/* ---- the house ---- */

static void
on_settled(void *arg, struct dest *d, struct job *j, size_t gone, int64_t next_due)
{
	dest_settled(d, j, gone, next_due);
}

static void
on_notice(void *arg, const char *dest, uint64_t recipients, int64_t due)
{
}

static const struct outcome_events outcome_events = { .settled = on_settled, .notice = on_notice };

static void
house_start(void)
{
	struct conf_errors errors;
	int fd;

	generation = must_calloc(1, sizeof *generation);
	generation->refs = 1;
	generation->number = 1;
	ck_assert_int_eq(conf_load_text("hostname = \"relay.test\";", 24, "test", &generation->conf,
	    &errors), 0);
	conf_errors_fini(&errors);
	ask = ask_new(kit_base, HOUR);
	outcome = outcome_new(kit_base, kit_store, &outcome_events, NULL);
	sched = sched_new(kit_base, kit_store, ask, outcome, generation, NULL);
	(void)str_fmt(path, sizeof path, "%s/control.sock", kit_dir);
	fd = io_listener_bind_unix(path, 0666);
	ck_assert_int_ne(fd, -1);
	ctl = ctlserve_new(kit_base, fd, kit_store, sched);
}

static void
setup_sqlite(void)
{
	kit_dir_new();
	ck_assert_int_eq(chmod(kit_dir, 0711), 0);
	kit_open();
	house_start();
}

static void
setup_memory(void)
{
	kit_dir_new();
	ck_assert_int_eq(chmod(kit_dir, 0711), 0);
	kit_store = store_memory_open(kit_base);
	house_start();
}

static void	forget(void);
static void	turn(void);

/* Streams that finish by themselves see their peers' ends in the last turns. */
static void
teardown(void)
{
	forget();
	ctlserve_free(&ctl);
	for (int i = 0; i < 5 && kit_store != NULL; i++)
		turn();
	if (kit_store != NULL)
		kit_store->ops->close(&kit_store);
	sched_free(&sched);
	outcome_free(&outcome);
	ask_free(&ask);
	generation_unref(&generation);
	kit_dir_remove();
}

/* ---- the asker ---- */

static int
dial(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	(void)str_copy(un.sun_path, path, sizeof un.sun_path);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&un, sizeof un), 0);
	return fd;
}

static void
turn(void)
{
	(void)event_base_loop(kit_base, EVLOOP_NONBLOCK);
}

/* Sends the bytes while the loop turns. */
static void
say(int fd, const char *p, size_t n)
{
	for (int i = 0; i < KIT_STEPS_MAX && n > 0; i++) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent > 0) {
			p += sent;
			n -= (size_t)sent;
		} else if (sent == -1 && errno != EAGAIN) {
			return;
		}
		turn();
	}
}

/* Everything until the daemon ends the connection; the caller's. */
static char *
hear(int fd)
{
	char *text = must_calloc(1, ANSWER_MAX);
	int64_t until = clock_mono_ms() + 20000;
	size_t n = 0;
	ssize_t got;

	do {
		turn();
		got = recv(fd, text + n, ANSWER_MAX - 1 - n, 0);
		if (got > 0)
			n += (size_t)got;
		if (got == -1)
			usleep(100);
		ck_assert(clock_mono_ms() < until);
	} while (got > 0 || (got == -1 && errno == EAGAIN));
	close(fd);
	return text;
}

static char *
ask_raw(const char *p, size_t n)
{
	int fd = dial();

	say(fd, p, n);
	return hear(fd);
}

struct answer {
	json_t	*lines[2100];
	size_t	 n;		/* without the last line */
	json_t	*last;
};
static struct answer answer;

static void
forget(void)
{
	for (size_t i = 0; i < answer.n; i++)
		json_decref(answer.lines[i]);
	json_decref(answer.last);
	memset(&answer, 0, sizeof answer);
}

static void
take(char *text)
{
	char *save, *line;

	forget();
	for (line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		json_t *j = json_loads(line, 0, NULL);

		ck_assert_msg(j != NULL, "%s", line);
		ck_assert_ptr_null(answer.last);
		if (json_object_get(j, "end") != NULL || json_object_get(j, "error") != NULL)
			answer.last = j;
		else
			answer.lines[answer.n++] = j;
	}
	ck_assert_ptr_nonnull(answer.last);
	free(text);
}

/* rest: "\"id\":1" or NULL. Returns the count of the last line, -1 for an error. */
static inline int
ask_verb(const char *verb, const char *rest)
{
	char line[512];

	(void)str_fmt(line, sizeof line, "{\"v\":1,\"verb\":\"%s\"%s%s}\n", verb,
	    rest != NULL ? "," : "", rest != NULL ? rest : "");
	take(ask_raw(line, strlen(line)));
	if (json_object_get(answer.last, "error") != NULL)
		return -1;
	return (int)json_integer_value(json_object_get(answer.last, "count"));
}

static inline const char *
text_of(size_t line, const char *key)
{
	ck_assert_uint_lt(line, answer.n);
	return json_string_value(json_object_get(answer.lines[line], key));
}

static inline const char *
kind(void)
{
	return json_string_value(json_object_get(answer.last, "kind"));
}

#endif
