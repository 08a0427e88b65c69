/* SPDX-License-Identifier: ISC */
/*
 * ask: questions to the policy worker. No answer (worker away, deadline) is an answer:
 * the evidence stays unknown, which makes the plan defer. An answer counts
 * only for the request and domain that were asked (HARDENING P13).
 */
#ifndef SMTP_ASK_H
#define SMTP_ASK_H

#include "lib/plan/decide.h"
#include "lib/plan/shown.h"

struct ask;
struct ipc_cache;
struct ipc_cache_ask;
struct ipc_history;
struct ipc_history_ask;
struct event_base;

/* The evidence is borrowed for the call. why is set if there is none. */
typedef void ask_fn(void *arg, const struct plan_evidence *);

struct ask	*ask_new(struct event_base *, int64_t deadline_ms);
void		 ask_free(struct ask **);
/* A new channel to the worker (takes fd); open questions are asked again. */
void		 ask_connect(struct ask *, int fd);
int		 ask_connected(const struct ask *);

/*
 * Look-ups of MX records that failed in a row, whatever the domain. One
 * domain may be broken; when everything fails it is the way to the DNS.
 */
struct ask_health {
	unsigned	failures;	/* since one was answered */
	int64_t		since;		/* mono ms of the first of them */
	struct why	why;		/* of the last */
	char		domain[DNS_NAME_MAX];	/* that last one */
	int		several;	/* not all of them were for that domain */
};
const struct ask_health *ask_health(const struct ask *);

struct ask_wait;
/* The callback comes from the event loop, exactly once unless cancelled. via: NULL for the MX. */
struct ask_wait	*ask_domain(struct ask *, const char *domain, const struct plan_via *via,
		    int fresh, ask_fn *, void *arg);
void		 ask_cancel(struct ask_wait **);

/*
 * The same for a question about the TLS history; the answer is borrowed for
 * the call. It waits no longer than a person does.
 */
typedef void ask_history_fn(void *arg, const struct ipc_history *);
struct ask_wait	*ask_history(struct ask *, const struct ipc_history_ask *, ask_history_fn *,
		    void *arg);
/* And for one about a cached MTA-STS policy; a fetch waits as long as a look-up. */
typedef void ask_cache_fn(void *arg, const struct ipc_cache *);
struct ask_wait	*ask_cache(struct ask *, const struct ipc_cache_ask *, ask_cache_fn *, void *arg);
/* Tells the worker what an admitted connection has proven. Lost if the worker is away. */
void		 ask_tell_proven(struct ask *, const char *domain, const char *host,
		    const struct plan_shown *);

#endif
