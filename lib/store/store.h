/* SPDX-License-Identifier: ISC */
/*
 * store: the durable queue behind a table of functions. Calls queue work and
 * return at once; results come by callback from the event loop, never from
 * inside the call. The SQLite store does all I/O on one thread of its own:
 * everything that waited goes into one transaction, so that one fdatasync
 * serves all (group commit, DESIGN 5). A put's callback with 0 means: row and
 * body are on stable storage. Nothing above this header knows SQL.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/why.h"

#define STORE_INLINE_MAX	65536	/* larger bodies live in a spool file */
#define STORE_LIST_RCPTS	1000		/* recipients, after which a page of the queue ends */
#define STORE_NOTE_KEY_MAX	128	/* bytes */
#define STORE_NOTE_MAX		1024

struct event_base;
struct store;
struct store_flight;

/*
 * A body: immutable bytes, counted references (owners: the message that
 * brought it and each delivery that is sending it). Either bytes in memory or
 * a spool file that is read by chunks.
 */
struct store_body {
	unsigned	 refs;
	uint64_t	 size;
	char		*data;		/* malloc'd; NULL if in a file */
	uint64_t	 file;		/* the message whose spool file it is, 0 if in memory */
	uint8_t		 digest[32];	/* SHA-256 of the content, set by put */
};
struct store_body *store_body_new(char **data, size_t);	/* one reference; *data is moved in */
struct store_body *store_body_ref(struct store_body *);
void	store_body_unref(struct store_body **);

enum store_rcpt_state { STORE_DUE, STORE_HELD };

struct store_rcpt {
	int64_t			 id;		/* row, given by the store */
	char			*address;	/* local@domain as given in RCPT */
	char			*dest;		/* destination key: A-label domain, lower case */
	char			*orcpt;		/* RFC 3461, NULL if none */
	char			*notify;	/* RFC 3461 "SUCCESS,FAILURE", NULL if none */
	enum store_rcpt_state	 state;
	int64_t			 due;		/* queue ms (base/clock.h) of the next try */
	uint32_t		 tries;
	int64_t			 warned;	/* queue ms of the last delay notice, 0 none */
	char			*last;		/* last reason, one line, NULL if none */
	char			*reason;	/* its token (why.def), NULL if none */
};

struct store_message {
	uint64_t		 id;		/* queue id, time-sortable, set by the caller */
	char			*sender;	/* "" = null return path */
	char			*client;	/* "name[ip]" for the log, NULL if local */
	char			*client_name;	/* clients[].name, NULL if local */
	char			*envid, *ret;	/* RFC 3461, NULL if none */
	uint64_t		 flow;		/* who sent it (queue/flow.h), 0 = local; for fairness only */
	int64_t			 created;	/* queue ms */
	int			 eightbit, utf8, requiretls;	/* 0 or 1 */
	struct store_body	*body;		/* one reference; NULL in a loaded window entry */
	uint64_t		 size;
	struct store_rcpt	*rcpts;
	size_t			 nrcpts;
};
void	store_rcpt_fini(struct store_rcpt *);	/* its strings */
void	store_rcpt_copy(struct store_rcpt *, const struct store_rcpt *);
void	store_message_free(struct store_message **);
/* A copy without body and recipients, with room for so many. */
struct store_message *store_envelope_copy(const struct store_message *, size_t nrcpts);
struct store_message *store_message_copy(const struct store_message *);	/* without body */
/* Is recipient i the first one of its destination? */
int	store_rcpt_is_first(const struct store_message *, size_t i);

/* What became of one recipient in one attempt. */
enum store_fate { STORE_DONE, STORE_RETRY, STORE_HOLD };	/* DONE: delivered, bounced or removed */
struct store_settle_rcpt {
	int64_t		 id;
	enum store_fate	 fate;
	int64_t		 due;		/* RETRY */
	uint32_t	 tries;
	int64_t		 warned;
	const char	*last;		/* copied */
	const char	*reason;	/* token of a deferral, NULL if none; copied */
};
struct store_settlement {
	uint64_t			 message;
	const struct store_settle_rcpt	*rcpts;		/* copied */
	size_t				 nrcpts;
	/* DSNs, taken; durable in the same transaction. Bodies in memory, <= STORE_INLINE_MAX. */
	struct store_message		**notices;
	size_t				 nnotices;
};

/* Where a look through the queue stands. */
struct store_mark {
	int64_t		 share, due, id;	/* share: of held ones the message */
};
#define STORE_MARK_START	((struct store_mark){ .share = INT64_MIN, .due = INT64_MIN })

/* One destination's queue as the index knows it. */
struct store_dest {
	const char	*name;
	uint64_t	 count;		/* recipients, held ones not counted */
	int64_t		 due;		/* earliest, queue ms */
};

/* A small value that a stage above keeps with the queue: "exception/EX-7" -> "uses=3". */
struct store_note {
	const char	*key, *value;
};

struct store_param {
	const char		*directory;	/* created if missing, 0700 */
	struct event_base	*base;
	uint64_t		 min_free_bytes;	/* E1; 0 = no guard */
	uint64_t		 min_free_inodes;
	/* A file system refused otherwise (D12), by name: "nfs", "cifs", "fuse", "9p", "tmpfs";
	 * "any" for all. NULL: none. */
	const char		*allow_filesystem;
};

/* 0 in *why->reason NONE on success; else the reason (LOCAL_STORAGE, LOCAL_SPACE, CORRUPT). */
typedef void store_done_fn(void *arg, const struct why *);
/* gone: messages whose last recipient went with this settlement (0 or 1). */
typedef void store_settled_fn(void *arg, const struct why *, int gone);
/* Loaded messages (bodies not loaded); the callback owns the messages, the array is borrowed.
 * load: more = rows due by then are left; next_due = earliest due of those not returned, or
 * when it is worth asking again (0 none; if there is more, of one of them). */
typedef void store_load_fn(void *arg, const struct why *, struct store_message **, size_t n,
    int more, int64_t next_due);
/* As store_load_fn. behind: where to go on, NULL: that was all. */
typedef void store_aged_fn(void *arg, const struct why *, struct store_message **, size_t n,
    const struct store_mark *behind, int64_t next_due);
typedef void store_held_fn(void *arg, const struct why *, uint64_t all, uint64_t older);
typedef void store_woken_fn(void *arg, const struct why *, uint64_t recipients);
typedef void store_body_fn(void *arg, const struct why *, struct store_body *);	/* reference is the callee's */
typedef void store_dests_fn(void *arg, const struct why *, const struct store_dest *, size_t n);
typedef void store_notes_fn(void *arg, const struct why *, const struct store_note *, size_t n);	/* borrowed */
typedef void store_chunk_fn(void *arg, const struct why *, const char *, size_t n);	/* borrowed; 0 = end */

struct store_spool;	/* a large body while it arrives */

struct store_ops {
	/*
	 * Durable when the callback says so. *msg stays the caller's and must live until then;
	 * the store sets size, body->digest and the recipients' ids (and body, if a spool
	 * brought it). The spool is taken, whatever becomes of it.
	 */
	void	(*put)(struct store *, struct store_message *, struct store_spool *, store_done_fn *, void *arg);
	/* As put, with a note (copied) in the same transaction: both, or neither. */
	void	(*put_noted)(struct store *, struct store_message *, struct store_spool *,
		    const char *key, const char *value, store_done_fn *, void *arg);
	/* On failure nothing of it happened (the notices are freed) and it may be tried again;
	 * rows that are gone already count as settled. */
	void	(*settle)(struct store *, const struct store_settlement *, store_settled_fn *, void *arg);
	/*
	 * Recipients of dest due at or before `due`, at most max, skipping row ids in the sorted
	 * array skip[] (in memory already). Shared in turn between clients, and for each client
	 * between its senders (message.flow; senders count by 8 bits of their hash); who begins
	 * is drawn. Oldest due first within that.
	 */
	void	(*load)(struct store *, const char *dest, int64_t due, size_t max,
		    const int64_t *skip, size_t nskip, store_load_fn *, void *arg);
	/*
	 * Looks through what waits, whoever's turn it is: recipients of dest, or (NULL) those that
	 * are held, due at or before `due`, at most max from the mark on. What changes its due
	 * time meanwhile may come twice or not at all. next_due: of those passed over.
	 */
	void	(*aged)(struct store *, const char *dest, int64_t due, size_t max,
		    const struct store_mark *, store_aged_fn *, void *arg);
	/* How many recipients are held, and how many of them of messages with an id below. */
	void	(*held)(struct store *, uint64_t before, store_held_fn *, void *arg);
	/* One message with all its recipients, for relayctl and DSNs. */
	void	(*fetch)(struct store *, uint64_t message, store_load_fn *, void *arg);
	/* A page of the queue in id order after `after`, for relayctl: max messages, or up to the
	 * one with which it has STORE_LIST_RCPTS recipients. */
	void	(*list)(struct store *, uint64_t after, size_t max, store_load_fn *, void *arg);
	/* The whole body, verified against its digest; file bodies verified and left in the file. */
	void	(*body)(struct store *, uint64_t message, store_body_fn *, void *arg);
	/* n bytes from offset of a file body. */
	void	(*read)(struct store *, struct store_body *, uint64_t offset, size_t n, store_chunk_fn *, void *arg);
	void	(*dests)(struct store *, store_dests_fn *, void *arg);
	/*
	 * Recipients of dest (NULL: of all) that are due later than now (queue ms) and wait for one
	 * of these reasons (tokens, copied) are due now; no others. Not all in one transaction.
	 */
	void	(*wake)(struct store *, const char *dest, const char *const *reasons, size_t n,
		    int64_t now, store_woken_fn *, void *arg);
	/*
	 * Notes. Both texts are copied; NULL removes. Calls of one turn of the loop are in one
	 * transaction as a rule, so what is noted right before a settle is durable with it.
	 */
	void	(*note_put)(struct store *, const char *key, const char *value, store_done_fn *, void *arg);
	void	(*notes)(struct store *, const char *prefix, store_notes_fn *, void *arg);
	/* Large bodies while they arrive. append: the callback tells when to send more (back-pressure). */
	struct store_spool *(*spool_new)(struct store *);
	void	(*spool_append)(struct store_spool *, const void *, size_t, store_done_fn *, void *arg);
	void	(*spool_abort)(struct store_spool **);	/* unlinks */
	/* Why new mail is not taken now: WHY_NONE; WHY_LOCAL_SPACE (E1: 452); WHY_LOCAL_STORAGE
	 * while the database is closed after a failure (D4: 451). */
	enum why_reason (*refuses)(struct store *);
	/*
	 * Commits what waits, checkpoints, joins the thread, calls the callbacks still owed,
	 * frees. Not from inside a callback. Spools not yet put are aborted by then.
	 */
	void	(*close)(struct store **);
};

struct store {
	const struct store_ops	*ops;
	struct store_flight	*flight;	/* what is on its way out (flight.h); NULL: not kept */
	uint64_t		 newest;	/* the highest id in it when it was opened, 0 = none */
};

/* NULL and *why if the directory is unusable, locked by another daemon, corrupt or of a newer schema. */
struct store	*store_sqlite_open(const struct store_param *, struct why *);
/*
 * Takes away what a store that is not open and holds no mail left in its
 * directory, and the directory. -1 and *why if there is mail, or it cannot be done.
 */
int		 store_sqlite_remove(const char *directory, struct why *);
/* A double for tests: keeps everything in memory, same callbacks from the loop. */
struct store	*store_memory_open(struct event_base *);

#endif
