/* SPDX-License-Identifier: ISC */
/*
 * sqlite: opening and closing the embedded store. The directory holds
 * queue.db (and its WAL), spool/ with large bodies, lock (held by flock as
 * long as a daemon lives) and reserve (room for the removal of mail).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/base/bug.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/store/flight.h"
#include "lib/store/io.h"
#include "lib/store/sqlite_int.h"
#include "lib/store/sqlite_schema.h"

static int
make_dir(const char *path, struct why *why)
{
	struct stat st;

	if (mkdir(path, 0700) == -1 && errno != EEXIST)
		return why_set(why, WHY_LOCAL_STORAGE, "%s: %s", path, strerror(errno));
	if (stat(path, &st) == -1)
		return why_set(why, WHY_LOCAL_STORAGE, "%s: %s", path, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return why_set(why, WHY_LOCAL_STORAGE, "%s is not a directory", path);
	return 0;
}

/* Before anything is read: two daemons on one queue would destroy it (D11). */
static int
take_lock(struct sqlite_store *s, const char *dir, struct why *why)
{
	char path[STORE_PATH_MAX];

	(void)str_fmt(path, sizeof path, "%s/lock", dir);
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock_fd == -1)
		return why_set(why, WHY_LOCAL_STORAGE, "%s: %s", path, strerror(errno));
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return why_set(why, WHY_LOCAL_STORAGE, "%s is in use by another relayd", dir);
	return why_set(why, WHY_LOCAL_STORAGE, "%s: flock: %s", path, strerror(errno));
}

static int
prepare_dir(struct sqlite_store *s, const struct store_param *p, struct why *why)
{
	if (strlen(p->directory) > STORE_PATH_MAX - 128)
		return why_set(why, WHY_LOCAL_STORAGE, "directory name too long");
	(void)str_fmt(s->spool_dir, sizeof s->spool_dir, "%s/spool", p->directory);
	if (make_dir(p->directory, why) == -1 ||
	    store_space_fs_allowed(p->directory, p->allow_filesystem, why) == -1 ||
	    take_lock(s, p->directory, why) == -1 || make_dir(s->spool_dir, why) == -1)
		return -1;
	store_place_warn(p->directory, s->spool_dir);
	store_sweep_arrivals(s->spool_dir);
	if (p->min_free_bytes > 0)
		(void)store_space_reserve_make(p->directory, p->min_free_bytes);
	if (store_io()->sync_dir(p->directory) == -1)
		return why_set(why, WHY_LOCAL_STORAGE, "%s: fsync: %s", p->directory,
		    strerror(errno));
	return 0;
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct sqlite_store *s = arg;
	uint64_t n;

	(void)!read(fd, &n, sizeof n);
	store_op_deliver_all(s);
}

static void
on_flush(evutil_socket_t fd, short what, void *arg)
{
	store_op_flush(arg);
}

/* Signals are the loop's. */
static int
start_thread(struct sqlite_store *s)
{
	sigset_t all, old;
	int rc;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&s->thread, NULL, store_thread_main, s);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

static int
connect_loop(struct sqlite_store *s, struct event_base *base, struct why *why)
{
	s->eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (s->eventfd == -1)
		return why_set(why, WHY_LOCAL_STORAGE, "eventfd: %s", strerror(errno));
	s->wake = event_new(base, s->eventfd, EV_READ | EV_PERSIST, on_wake, s);
	s->flush = event_new(base, -1, 0, on_flush, s);
	if (s->wake == NULL || s->flush == NULL || event_add(s->wake, NULL) == -1)
		return why_set(why, WHY_LOCAL_STORAGE, "event loop takes no more events");
	return 0;
}

static void
store_free(struct sqlite_store *s)
{
	struct store_op *op;

	if (s->wake != NULL)
		event_free(s->wake);
	if (s->flush != NULL)
		event_free(s->flush);
	if (s->eventfd != -1)
		(void)close(s->eventfd);
	while ((op = STAILQ_FIRST(&s->spare)) != NULL) {
		STAILQ_REMOVE_HEAD(&s->spare, next);
		free(op);
	}
	store_hash_free(&s->hash);
	store_flight_close(&s->pub.flight);
	free(s->unlinks);
	free(s->bad);
	(void)pthread_cond_destroy(&s->some);
	(void)pthread_mutex_destroy(&s->lock);
	if (s->lock_fd != -1)
		(void)close(s->lock_fd);	/* and the lock with it */
	s->magic = 0;
	free(s);
}

static struct sqlite_store *
store_alloc(const struct store_param *p)
{
	struct sqlite_store *s = must_calloc(1, sizeof *s);
	pthread_condattr_t attr;

	s->pub.ops = &store_sqlite_ops;
	s->magic = SQLITE_STORE_MAGIC;
	s->eventfd = s->lock_fd = -1;
	s->min_free_bytes = p->min_free_bytes;
	s->min_free_inodes = p->min_free_inodes;
	STAILQ_INIT(&s->outbox);
	STAILQ_INIT(&s->spare);
	STAILQ_INIT(&s->inbox);
	STAILQ_INIT(&s->done);
	STAILQ_INIT(&s->slow);
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&s->some, &attr);
	(void)pthread_condattr_destroy(&attr);
	s->hash = store_hash_new();
	return s;
}

/* Mail goes without it, too: a crash may repeat some then. */
static void
open_flight(struct sqlite_store *s, const char *dir)
{
	struct why why = { 0 };

	s->pub.flight = store_flight_open(dir, &why);
	if (s->pub.flight == NULL)
		log_warning("queue: no journal of outgoing mail: %s", why.text);
}

/* What cannot even be opened may be mended; if not, the first word stands. */
static int
open_db(struct sqlite_store *s, const char *dir, struct why *why)
{
	struct store_mended result;
	struct why ignored = { 0 };
	char text[sizeof ignored.text];

	if (store_db_open(&s->db, dir, why) == 0)
		return 0;
	if (why->reason != WHY_CORRUPT || store_db_mend(&s->db, &result, &ignored) == -1)
		return -1;
	store_mend_say(&result, text, sizeof text);
	log_err("queue: %s: what can be read is written anew: %s", why->text, text);
	why_clear(why);
	return 0;
}

struct store *
store_sqlite_open(const struct store_param *p, struct why *why)
{
	struct sqlite_store *s = store_alloc(p);

	/* Two connections in one process could meet the WAL-reset bug (D11). */
	if (sqlite3_libversion_number() < 3051003)
		log_info("SQLite %s is older than 3.51.3: safe here, with one connection only",
		    sqlite3_libversion());
	if (prepare_dir(s, p, why) == 0 && open_db(s, p->directory, why) == 0) {
		open_flight(s, p->directory);
		s->pub.newest = store_schema_newest(s->db.conn);
		if (connect_loop(s, p->base, why) == 0 && start_thread(s) == 0)
			return &s->pub;
		store_db_close(&s->db);
		if (!why_is_set(why))
			(void)why_set(why, WHY_LOCAL_STORAGE, "cannot start the store thread");
	}
	store_free(s);
	return NULL;
}

void
store_sqlite_close(struct store **sp)
{
	struct sqlite_store *s = (struct sqlite_store *)(void *)*sp;

	*sp = NULL;
	if (s == NULL)
		return;
	MUST(s->magic == SQLITE_STORE_MAGIC && s->calling == 0);
	store_op_flush(s);
	(void)pthread_mutex_lock(&s->lock);
	s->stopping = 1;
	(void)pthread_mutex_unlock(&s->lock);
	(void)pthread_cond_signal(&s->some);
	(void)pthread_join(s->thread, NULL);
	store_op_deliver_all(s);
	/* What a last callback still asked for (aborts of spools, mostly) has no thread any more. */
	while (!STAILQ_EMPTY(&s->outbox))
		store_op_drain(s);
	store_free(s);
}
