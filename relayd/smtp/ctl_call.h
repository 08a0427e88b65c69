/* SPDX-License-Identifier: ISC */
/*
 * ctl_call: one request on its way through a verb. A verb is a row: what it
 * is called, what it takes, who may, and a step function. The step runs when
 * the call begins and, after ctl_call_next, again when the asker has read
 * what was written; so an answer of any length needs little memory.
 *
 * The store answers later, and the asker may be gone by then: the functions
 * here see to it that a verb is called back only while the call lives.
 */
#ifndef SMTP_CTL_CALL_H
#define SMTP_CTL_CALL_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/base/list.h"
#include "lib/store/store.h"
#include "relayd/smtp/ctl_request.h"

struct admission;
struct buf;
struct manage_order;
struct ctl_call;
struct ctl_errand;
struct ctl_merge;
struct sched;
struct siblings;

/* What a verb may look at. */
struct ctl_house {
	struct store		*store;
	struct sched		*sched;
	const struct admission	*admission;	/* NULL if not told */
	int64_t			 started;	/* mono ms */
	unsigned		 probes;	/* under way */
	struct siblings		*siblings;	/* NULL: there is one worker */
};

struct ctl_verb {
	const char		*name;		/* "queue.list" */
	const struct ctl_arg	*args;		/* at most CTL_ARGS_MAX */
	enum ctl_right		 right;
	int			 kind;		/* which one, of several with the same step */
	const struct ctl_merge	*merge;		/* NULL: with several workers, one answers for all */
	size_t			 state_size;	/* of call->state, zeroed; 0 = none */
	void			(*step)(struct ctl_call *);
	void			(*fini)(void *state);	/* may be NULL; frees what state holds */
};

struct ctl_call {
	struct ctl_house	*house;
	const struct ctl_verb	*verb;		/* NULL until the request is understood */
	struct ctl_value	 values[CTL_ARGS_MAX];
	void			*state;
	uint32_t		 uid;		/* of the asker */
	int			 part;		/* its answer is joined with other workers' */
	/* the rest is ctl_call.c's and its owner's: ctlserve.c or ctl_run.c */
	struct buf		*out;		/* lines */
	void			(*wrote)(struct ctl_call *);	/* after each; may be NULL */
	void			(*next)(struct ctl_call *);	/* see ctl_call_next */
	int			 over;		/* the last line is written */
	TAILQ_HEAD(ctl_errands, ctl_errand) errands;
};

/* --- for verbs: the answer --- */
/* One line of it; the object is taken. */
void	ctl_call_line(struct ctl_call *, json_t *);
/* The step is to run again when this has been read. */
void	ctl_call_next(struct ctl_call *);
/* The last line: how many things matched, and more (taken, may be NULL). */
void	ctl_call_end(struct ctl_call *, uint64_t count, json_t *more);
void	ctl_call_refuse(struct ctl_call *, const struct ctl_refusal *);
/* The store could not. */
void	ctl_call_fail(struct ctl_call *, const struct why *);
/* A page that is empty although more is said to follow: there is no way on. */
void	ctl_call_stuck(struct ctl_call *);

/* --- for verbs: the store, see store.h; messages and bodies are the callback's --- */
typedef void ctl_loaded_fn(struct ctl_call *, const struct why *, struct store_message **, size_t,
    int more);
typedef void ctl_settled_fn(struct ctl_call *, const struct why *);
typedef void ctl_body_fn(struct ctl_call *, const struct why *, struct store_body *);
typedef void ctl_chunk_fn(struct ctl_call *, const struct why *, const char *, size_t);

void	ctl_call_list(struct ctl_call *, uint64_t after, size_t max, ctl_loaded_fn *);
void	ctl_call_fetch(struct ctl_call *, uint64_t id, ctl_loaded_fn *);
/* What it brought, where one message is all: the caller's; or NULL, and the call is over. */
struct store_message *ctl_call_fetched(struct ctl_call *, const struct why *,
	    struct store_message **, size_t);
void	ctl_call_settle(struct ctl_call *, const struct store_settlement *, ctl_settled_fn *);
void	ctl_call_note(struct ctl_call *, const char *key, const char *value, ctl_settled_fn *);
void	ctl_call_body(struct ctl_call *, uint64_t id, ctl_body_fn *);
void	ctl_call_read(struct ctl_call *, struct store_body *, uint64_t offset, size_t,
	    ctl_chunk_fn *);

/* See manage_take; it is carried out even if the asker leaves. */
int	ctl_call_manage(struct ctl_call *, const struct manage_order *, struct store_message **,
	    ctl_settled_fn *, struct why *);

/* --- for its owner --- */
void	ctl_call_init(struct ctl_call *, struct ctl_house *);
/* Frees the state; what the store still owes is thrown away when it comes. */
void	ctl_call_fini(struct ctl_call *);

#endif
