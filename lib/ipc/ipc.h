/* SPDX-License-Identifier: ISC */
/*
 * ipc: the messages between our processes, one small list per peer pair. The
 * frame itself is lib/io/chan. Each message has a _put and a _get side by
 * side; _get trusts nothing: every length and enum range is checked and no
 * byte may remain (HARDENING P13, F17).
 */
#ifndef IPC_IPC_H
#define IPC_IPC_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/history/ledger.h"
#include "lib/plan/evidence.h"

#define IPC_PARENT_MAX	(32u << 20)	/* a packed configuration with its files */
#define IPC_POLICY_MAX	(1u << 20)	/* evidence of one destination */
#define IPC_WORKERS_MAX	64		/* smtp processes of one relay */

/* parent <-> child. */
enum ipc_parent {
	IPC_CONFIG = 1,		/* down: conf_pack; before all that follows, later a reload */
	IPC_LISTENER,		/* down, fd: u32 index into listen[] */
	IPC_CONTROL,		/* down, fd: the listening control socket */
	IPC_PEER,		/* down, fd: u32 worker; a channel to the other role */
	IPC_START,		/* down: everything has been handed over */
	IPC_PING,		/* down */
	IPC_STOP,		/* down: u64 ms of grace */
	IPC_LOG,		/* down, fd: the log file, opened anew */
	IPC_READY,		/* up */
	IPC_PONG,		/* up */
	IPC_WORKER,		/* down, perhaps fd: u32 number, u32 of how many; before IPC_CONFIG */
	IPC_SIBLING,		/* down, fd: u32 worker; a channel between worker 0 and another */
	IPC_COMMONS,		/* down, fd: what the workers use together; behind IPC_WORKER */
	IPC_COUNTS,		/* down, fd: u32 row, u32 of how many: lib/meter's; before IPC_START */
	IPC_WATCH,		/* down, fd: u32 rows: the counters of another role; before IPC_START */
	IPC_SCRAPE,		/* down, fd: the listening socket for metrics.listen; worker 0's */
	IPC_PARENT__COUNT
};

/* smtp <-> policy. The answer carries the question's request number. */
enum ipc_policy {
	IPC_ASK = 1,		/* smtp -> policy */
	IPC_EVIDENCE,		/* policy -> smtp */
	IPC_PROVEN,		/* smtp -> policy, no answer */
	IPC_HISTORY_ASK,	/* smtp -> policy */
	IPC_HISTORY,		/* policy -> smtp */
	IPC_CACHE_ASK,		/* smtp -> policy */
	IPC_CACHE,		/* policy -> smtp */
	IPC_POLICY__COUNT
};

struct ipc_ask {
	char	domain[DNS_NAME_MAX];
	int	fresh;			/* 1: bypass caches once (RULES D27) */
	struct plan_hop	hops[PLAN_HOPS_MAX];	/* look these up, not the domain's MX and MTA-STS */
	size_t	nhops;
};

void	ipc_ask_put(struct buf *, const struct ipc_ask *);
int	ipc_ask_get(const void *, size_t, struct ipc_ask *);

/* On -1 *evidence is empty and needs no fini. */
void	ipc_evidence_put(struct buf *, const struct plan_evidence *);
int	ipc_evidence_get(const void *, size_t, struct plan_evidence *);

/* What a connection that the gate admitted has proven, for the TLS history. */
struct ipc_proven {
	char			domain[DNS_NAME_MAX];
	char			host[DNS_NAME_MAX];
	struct plan_shown	shown;
};

void	ipc_proven_put(struct buf *, const struct ipc_proven *);
int	ipc_proven_get(const void *, size_t, struct ipc_proven *);

/* Questions about the TLS history, for relayctl. */
enum ipc_history_verb {
	IPC_HISTORY_LIST,	/* the best of each domain behind `domain` ("": from the first) */
	IPC_HISTORY_SHOW,	/* rows and acceptances of the domain */
	IPC_HISTORY_ACCEPT	/* forget the domain; uid and reason are noted */
};

struct ipc_history_ask {
	enum ipc_history_verb	verb;
	char			domain[DNS_NAME_MAX];
	uint32_t		uid;
	char			reason[HISTORY_REASON_MAX];
};

void	ipc_history_ask_put(struct buf *, const struct ipc_history_ask *);
int	ipc_history_ask_get(const void *, size_t, struct ipc_history_ask *);

#define IPC_HISTORY_MAX		HISTORY_ROWS_MAX
#define IPC_ACCEPTED_MAX	50

struct ipc_history {
	struct why		 why;		/* set: it could not be done */
	uint32_t		 forgotten;	/* ACCEPT: rows that went */
	int			 more;		/* LIST: go on behind the last row */
	struct history_row	*rows;		/* owned */
	size_t			 nrows;
	struct history_accepted	*accepted;	/* owned */
	size_t			 naccepted;
};

/* On -1 it is empty and needs no fini. */
void	ipc_history_put(struct buf *, const struct ipc_history *);
int	ipc_history_get(const void *, size_t, struct ipc_history *);
void	ipc_history_fini(struct ipc_history *);

/* What is cached of a domain's MTA-STS policy, for relayctl. */
enum ipc_cache_verb {
	IPC_CACHE_SHOW,
	IPC_CACHE_REFRESH,	/* fetch it now, past caches and back-off */
	IPC_CACHE_FORGET	/* uid is noted */
};

struct ipc_cache_ask {
	enum ipc_cache_verb	verb;
	char			domain[DNS_NAME_MAX];
	uint32_t		uid;
};

void	ipc_cache_ask_put(struct buf *, const struct ipc_cache_ask *);
int	ipc_cache_ask_get(const void *, size_t, struct ipc_cache_ask *);

/* Times are Unix seconds, 0 = never. */
struct ipc_cache {
	struct why		why;		/* set: it could not be done, or read */
	int			found;		/* the policy fields count */
	enum plan_sts_state	mode;		/* NONE, TESTING, ENFORCE */
	char			id[33];
	uint32_t		max_age;	/* seconds */
	int64_t			fetched, expires, tried, used;
	char			(*patterns)[DNS_NAME_MAX];	/* owned */
	size_t			npatterns;
	int			failed;		/* a failure is noted; the rest counts */
	char			failed_id[33];	/* "" is the TXT look-up */
	int64_t			failed_first, failed_last;
	struct why		failure;
	uint32_t		gone;		/* FORGET: rows that went */
};

/* On -1 it is empty and needs no fini. */
void	ipc_cache_put(struct buf *, const struct ipc_cache *);
int	ipc_cache_get(const void *, size_t, struct ipc_cache *);
void	ipc_cache_fini(struct ipc_cache *);

#endif
