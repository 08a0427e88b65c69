/* SPDX-License-Identifier: ISC */
/*
 * engine_int: what the three files of the engine share.
 * engine.c: look-ups, their waiting and their answers. engine_job.c: the way
 * of one domain, TXT to policy. engine_refresh.c: the timer.
 */
#ifndef STS_ENGINE_INT_H
#define STS_ENGINE_INT_H

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/dns/addr.h"
#include "lib/dns/txt.h"
#include "lib/sts/engine.h"

#define STS_ENGINE_MAGIC	0x53545345u
#define STS_LOOKUP_MAGIC	0x5354534cu
#define STS_TTL_SHORT		60	/* seconds, for answers that may soon be better */

struct event;

struct sts_engine {
	unsigned		 magic;
	struct event_base	*base;
	struct sts_engine_param	 param;
	struct map		*jobs;		/* domain -> struct sts_job */
	struct event		*timer;
	int64_t			 purged_mono;	/* when the cache was last purged */
	int64_t			 clock_skew;	/* wall - mono then: shows a clock that was set */
};

/* What the TXT record says now. */
enum sts_live {
	STS_LIVE_ERROR,		/* look-up failed or bogus */
	STS_LIVE_NONE,		/* no live record */
	STS_LIVE_ID		/* one record, with an id */
};

/* The work on one domain; look-ups hang at it. One at a time per domain. */
struct sts_job {
	struct sts_engine	*engine;
	char			 domain[DNS_NAME_MAX];
	int			 refresh;	/* fetch even if nothing changed (S27) */
	int			 asked;		/* a refresh whose end is waited for */
	int			 nameless;	/* domain too long for a record to exist */
	struct dns_query	*query;
	struct sts_fetch	*fetch;
	enum sts_live		 live;
	char			 id[STS_ID_MAX];	/* live, or that of the cached policy */
	uint32_t		 ttl;
	struct why		 why;		/* of the record */
	enum sts_cached		 cached;
	struct sts_entry	 entry;		/* if cached is FOUND */
	TAILQ_HEAD(, sts_lookup) lookups;
};

struct sts_lookup {
	unsigned		 magic;
	struct sts_job		*job;
	struct event		*timer;		/* end of its patience */
	sts_result_fn		*fn;
	void			*arg;
	TAILQ_ENTRY(sts_lookup)	 link;
};

/* engine_job.c */
struct sts_job	*sts_job_new(struct sts_engine *, const char *domain, int refresh);
void		 sts_job_free(struct sts_job *);	/* look-ups end without callbacks */
/* What can be said before the job is done. */
void		 sts_job_known(struct sts_job *, struct sts_result *);

/* engine.c */
void		 sts_job_answer(struct sts_job *, const struct sts_result *);	/* all look-ups */
void		 sts_lookup_free(struct sts_lookup *);
int64_t		 sts_now(void);			/* Unix seconds */

/* engine_refresh.c */
void		 sts_refresh_schedule(struct sts_engine *);

#endif
