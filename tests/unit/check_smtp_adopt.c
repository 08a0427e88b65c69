/* SPDX-License-Identifier: ISC */
/* Adoption: all that a store holds gets into another one, once, whenever it is cut short. */
#include "relayd/smtp/adopt_mail.h"

#include <check.h>
#include <event2/event.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/str.h"
#include "lib/store/store.h"
#include "relayd/smtp/adopt_find.h"
#include "relayd/smtp/ledger.h"
#include "relayd/smtp/tally.h"

#define MESSAGES	70	/* more than two pages */
#define LARGE		(STORE_INLINE_MAX * 6)

static struct event_base *base;
static struct store *from, *to;
static unsigned moved, ended, delivered;

/* ---- mail ---- */

static void
on_done(void *arg, const struct why *why)
{
	ck_assert(!why_is_set(why));
	++*(unsigned *)arg;
}

static void
put(struct store *st, uint64_t id)
{
	size_t size = id % 10 == 0 ? LARGE : 100;
	struct store_message *m = must_calloc(1, sizeof *m);
	struct store_spool *spool = NULL;
	char *text = must_calloc(1, size);
	unsigned done = 0;

	memset(text, 'a' + (int)(id % 26), size);
	m->id = id;
	m->sender = must_strdup("a@corp.example");
	m->envid = must_strdup("ENV");
	m->created = 1000 + (int64_t)id;
	m->eightbit = 1;
	m->rcpts = must_calloc(2, sizeof *m->rcpts);
	for (size_t i = 0; i < 2; i++)
		m->rcpts[m->nrcpts++] = (struct store_rcpt){ .address = must_strdup("b@dead.example"),
			.dest = must_strdup(i == 0 ? "dead.example" : "other.example"),
			.notify = must_strdup("FAILURE"), .last = must_strdup("so far"),
			.state = id % 3 == 0 ? STORE_HELD : STORE_DUE, .due = 5000, .tries = 7,
			.warned = 99 };
	if (size > STORE_INLINE_MAX) {
		spool = st->ops->spool_new(st);
		st->ops->spool_append(spool, text, size, on_done, &done);
		free(text);
	} else
		m->body = store_body_new(&text, size);
	st->ops->put(st, m, spool, on_done, &done);
	while (done < (size > STORE_INLINE_MAX ? 2u : 1u))
		event_base_loop(base, EVLOOP_ONCE);
	store_message_free(&m);
}

static void
look(const struct store_message *m)
{
	ck_assert_int_eq(m->created, 1000 + (int64_t)m->id);
	ck_assert_str_eq(m->envid, "ENV");
	ck_assert_int_eq(m->eightbit, 1);
	ck_assert_uint_eq(m->nrcpts, 2);
	for (size_t i = 0; i < m->nrcpts; i++) {
		const struct store_rcpt *r = &m->rcpts[i];

		ck_assert_str_eq(r->address, "b@dead.example");
		ck_assert_str_eq(r->dest, i == 0 ? "dead.example" : "other.example");
		ck_assert_str_eq(r->notify, "FAILURE");
		ck_assert_str_eq(r->last, "so far");
		ck_assert_int_eq(r->state, m->id % 3 == 0 ? STORE_HELD : STORE_DUE);
		ck_assert_int_eq(r->due, 5000);
		ck_assert_uint_eq(r->tries, 7);
		ck_assert_int_eq(r->warned, 99);
	}
}

static void
on_body(void *arg, const struct why *why, struct store_body *b)
{
	ck_assert(!why_is_set(why));
	ck_assert_uint_eq(b->size, *(uint64_t *)arg % 10 == 0 ? LARGE : 100);
	*(uint64_t *)arg = 0;
	store_body_unref(&b);
}

struct listing {
	struct store_message	*v[2 * MESSAGES];
	size_t			 n;
	int			 done;
};

static void
on_list(void *arg, const struct why *why, struct store_message **v, size_t n, int more, int64_t next)
{
	struct listing *l = arg;

	ck_assert(!why_is_set(why));
	ck_assert_uint_le(n, 2 * MESSAGES);
	for (size_t i = 0; i < n; i++)
		l->v[i] = v[i];
	l->n = n;
	l->done = 1;
}

static void
settled(void *arg, const struct why *why, int gone)
{
	ck_assert_int_eq(gone, 1);
	delivered++;
}

static void
deliver(struct store *st, const struct store_message *m)
{
	struct store_settle_rcpt r[2] = { { .id = m->rcpts[0].id }, { .id = m->rcpts[1].id } };
	const struct store_settlement s = { .message = m->id, .rcpts = r, .nrcpts = 2 };

	st->ops->settle(st, &s, settled, NULL);
}

/* How many are there; each is looked at, and delivered if asked. */
static size_t
list(struct store *st, int deliver_them)
{
	struct listing l = { .n = 0 };
	unsigned before = delivered;

	st->ops->list(st, 0, 2 * MESSAGES, on_list, &l);
	while (!l.done)
		event_base_loop(base, EVLOOP_ONCE);
	for (size_t i = 0; i < l.n; i++) {
		uint64_t id = l.v[i]->id;

		look(l.v[i]);
		st->ops->body(st, id, on_body, &id);
		while (id != 0)
			event_base_loop(base, EVLOOP_ONCE);
		if (deliver_them)
			deliver(st, l.v[i]);
		store_message_free(&l.v[i]);
	}
	while (deliver_them && delivered < before + l.n)
		event_base_loop(base, EVLOOP_ONCE);
	return l.n;
}

static void
on_notes(void *arg, const struct why *why, const struct store_note *notes, size_t n)
{
	*(long *)arg = (long)n;
}

static long
notes(void)
{
	long n = -1;

	to->ops->notes(to, ADOPT_ID_PREFIX, on_notes, &n);
	while (n == -1)
		event_base_loop(base, EVLOOP_ONCE);
	return n;
}

/* ---- adoption ---- */

static void
on_moved(void *arg, const struct store_message *m)
{
	moved++;
	look(m);
}

static void
on_end(void *arg)
{
	ended = 1;
}

static const struct adopt_mail_events events = { .moved = on_moved, .done = on_end };

/* ---- a crash behind any change of either store ---- */

static const struct store_ops *real;
static struct store_ops cut_ops;
static unsigned changes;

static void
changed(void)
{
	if (changes-- == 0)
		event_base_loopbreak(base);
}

static void
cut_put(struct store *st, struct store_message *m, struct store_spool *spool, const char *key,
    const char *value, store_done_fn *done, void *arg)
{
	real->put_noted(st, m, spool, key, value, done, arg);
	changed();
}

static void
cut_settle(struct store *st, const struct store_settlement *s, store_settled_fn *done, void *arg)
{
	real->settle(st, s, done, arg);
	changed();
}

static void
cut_note(struct store *st, const char *key, const char *value, store_done_fn *done, void *arg)
{
	real->note_put(st, key, value, done, arg);
	changed();
}

/* Until it is through, or has made so many changes. */
static void
adopt(unsigned most)
{
	struct adopt_mail *a = adopt_mail_new(base, from, to, &events, NULL);

	real = from->ops;
	cut_ops = *real;
	cut_ops.put_noted = cut_put;
	cut_ops.settle = cut_settle;
	cut_ops.note_put = cut_note;
	from->ops = to->ops = &cut_ops;
	changes = most;
	ended = 0;
	do
		event_base_loop(base, EVLOOP_ONCE);
	while (!ended && !event_base_got_break(base));
	from->ops = to->ops = real;
	if (!ended) {
		adopt_mail_stop(a);
		while (event_base_loop(base, EVLOOP_NONBLOCK) == 0 &&
		    event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE) > 0)
			;
	}
	adopt_mail_free(&a);
}

static void
setup(void)
{
	base = event_base_new();
	from = store_memory_open(base);
	to = store_memory_open(base);
	moved = ended = delivered = 0;
}

static void
teardown(void)
{
	from->ops->close(&from);
	to->ops->close(&to);
	event_base_free(base);
}

START_TEST(everything_moves_as_it_is)
{
	for (uint64_t id = 1; id <= MESSAGES; id++)
		put(from, id);
	adopt(UINT32_MAX);
	ck_assert_uint_eq(moved, MESSAGES);
	ck_assert_uint_eq(list(from, 0), 0);
	ck_assert_uint_eq(list(to, 0), MESSAGES);
	ck_assert_int_eq(notes(), 0);
}
END_TEST

START_TEST(an_empty_one_ends)
{
	adopt(UINT32_MAX);
	ck_assert_uint_eq(ended, 1);
	ck_assert_uint_eq(moved, 0);
}
END_TEST

/* Cut after any number of changes; what was moved by then has been delivered before the next try. */
START_TEST(cut_anywhere_once_and_whole)
{
	for (uint64_t id = 1; id <= MESSAGES; id++)
		put(from, id);
	adopt((unsigned)_i);
	(void)list(to, 1);
	adopt(UINT32_MAX);
	ck_assert_uint_eq(ended, 1);
	(void)list(to, 1);
	ck_assert_uint_eq(delivered, MESSAGES);
	ck_assert_uint_eq(list(from, 0), 0);
}
END_TEST

/* Put and removed again here, but still there: the note says so. */
START_TEST(a_note_means_removal_only)
{
	unsigned done = 0;

	put(from, 1);
	put(from, 2);
	to->ops->note_put(to, ADOPT_ID_PREFIX "0000000000000001", "1", on_done, &done);
	adopt(UINT32_MAX);
	ck_assert_uint_eq(moved, 1);
	ck_assert_uint_eq(list(to, 0), 1);
	ck_assert_uint_eq(list(from, 0), 0);
	ck_assert_int_eq(notes(), 0);
}
END_TEST

/* ---- counts ---- */

static char note[STORE_NOTE_MAX];

static void
on_note(void *arg, const struct why *why, const struct store_note *notes, size_t n)
{
	ck_assert_uint_eq(n, 1);
	(void)str_copy(note, notes[0].value, sizeof note);
	*(int *)arg = 1;
}

static const char *
note_of(const char *key)
{
	int come = 0;

	to->ops->notes(to, key, on_note, &come);
	while (!come)
		event_base_loop(base, EVLOOP_ONCE);
	return note;
}

START_TEST(counts_of_monitor_mode_are_added)
{
	struct tally *t = tally_new(base, to);
	unsigned done = 0;

	tally_load(t, on_done, &done);
	while (!done)
		event_base_loop(base, EVLOOP_ONCE);
	tally_join(t, "a.example", "1 3 2 100 500 400 certificate-expired");
	tally_join(t, "a.example", "1 4 1 90 450 480 no-tlsa-match");
	tally_join(t, "a.example", "nonsense");
	ck_assert_str_eq(note_of("monitor/a.example"), "1 7 3 90 500 480 no-tlsa-match");
	tally_free(&t);
}
END_TEST

START_TEST(uses_of_exceptions_are_added)
{
	struct ledger *l = ledger_new(base, to);
	unsigned done = 0;

	ledger_load(l, on_done, &done);
	while (!done)
		event_base_loop(base, EVLOOP_ONCE);
	/* uses, not needed, streak; seen, first, last, needed */
	ledger_join(l, "EX-1", "1 5 2 1 100 200 300 250");
	ledger_join(l, "EX-1", "1 3 0 0 90 0 0 0");
	ledger_join(l, "EX-1", "1 1 1 1 95 150 400 0");
	ck_assert_str_eq(note_of("exception/EX-1"), "1 9 3 2 90 150 400 250");
	ledger_free(&l);
}
END_TEST

/* ---- which shards ---- */

static char names[256];

static void
on_found(void *arg, const char *name)
{
	(void)str_cat(names, name, sizeof names);
	(void)str_cat(names, " ", sizeof names);
}

static void
make(const char *dir, const char *name, int used)
{
	char path[4200];
	int fd;

	(void)str_fmt(path, sizeof path, "%s/%s", dir, name);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	if (!used)
		return;
	(void)str_fmt(path, sizeof path, "%s/%s/lock", dir, name);
	fd = creat(path, 0600);
	ck_assert_int_ne(fd, -1);
	close(fd);
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	return remove(path);
}

static void
remove_all(const char *path)
{
	ck_assert_int_eq(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

START_TEST(finds_what_is_left_over)
{
	char top[] = "/tmp/check-adopt.XXXXXX", dir[64], rm[128];

	ck_assert_ptr_nonnull(mkdtemp(top));
	ck_assert_uint_eq(adopt_find(top, 1, on_found, NULL), 0);
	(void)str_fmt(dir, sizeof dir, "%s/shards", top);
	ck_assert_int_eq(mkdir(dir, 0700), 0);
	make(dir, "1", 1);
	make(dir, "2", 1);
	make(dir, "3", 0);
	make(dir, "lost+found", 1);
	make(dir, "left-x", 1);
	ck_assert_uint_eq(adopt_find(top, 2, on_found, NULL), 0);
	ck_assert_str_eq(names, "left-2.1 ");
	make(dir, "2", 1);
	names[0] = '\0';
	ck_assert_uint_eq(adopt_find(top, 3, on_found, NULL), 0);
	ck_assert_str_eq(names, "left-2.1 ");
	(void)str_fmt(rm, sizeof rm, "%s/3", dir);
	ck_assert_int_eq(access(rm, F_OK), -1);		/* nobody ever used it */
	(void)str_fmt(rm, sizeof rm, "%s/left-2.1", dir);
	ck_assert_int_eq(access(rm, F_OK), 0);
	(void)str_fmt(rm, sizeof rm, "%s/1", dir);
	ck_assert_int_eq(access(rm, F_OK), 0);
	remove_all(top);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("adopt");
	TCase *c = tcase_create("mail"), *f = tcase_create("find");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, everything_moves_as_it_is);
	tcase_add_test(c, an_empty_one_ends);
	tcase_add_loop_test(c, cut_anywhere_once_and_whole, 0, 3 * MESSAGES);
	tcase_add_test(c, a_note_means_removal_only);
	tcase_add_test(c, counts_of_monitor_mode_are_added);
	tcase_add_test(c, uses_of_exceptions_are_added);
	tcase_add_test(f, finds_what_is_left_over);
	suite_add_tcase(s, c);
	suite_add_tcase(s, f);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
