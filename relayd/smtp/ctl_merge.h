/* SPDX-License-Identifier: ISC */
/*
 * ctl_merge: how the answers of several workers to one verb become the answer
 * of one relay. A verb without one of these is answered by a single worker,
 * because any of them knows it all (policy, history, a decision).
 */
#ifndef SMTP_CTL_MERGE_H
#define SMTP_CTL_MERGE_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/base/map.h"
#include "relayd/smtp/ctl_request.h"

struct ctl_call;

enum ctl_merge_kind {
	CTL_ORDERED,		/* each answer is in order of key: they are merged, a page at a time */
	CTL_WHOEVER,		/* about one thing, and only one worker can have it */
	CTL_SUMMED		/* rows with the same key become one */
};

enum ctl_join {
	CTL_ADD,		/* numbers */
	CTL_LATEST,		/* the greater time; null is none */
	CTL_EARLIEST,		/* the smaller time; null is none */
	CTL_ANY,		/* true if one is */
	CTL_ALL,		/* false if one is */
	CTL_WITH		/* from the row whose `by` is greater */
};

/* A list ends with key NULL. What has no entry stays as the first row has it. */
struct ctl_field {
	const char	*key;
	enum ctl_join	 join;
	const char	*by;		/* CTL_WITH; stands behind all that goes with it */
};

enum ctl_merge_order { CTL_AS_IT_COMES, CTL_BY_KEY, CTL_BY_WEIGHT };
enum ctl_merge_count { CTL_COUNT_ROWS, CTL_COUNT_SUM, CTL_COUNT_MOST };

struct ctl_merge {
	enum ctl_merge_kind	 kind;
	const char		*key;		/* SUMMED: NULL: all rows are one */
	const char		*only_with;	/* argument without which one worker answers; NULL: none */
	/* ---- SUMMED ---- */
	const struct ctl_field	*fields;	/* of rows and of the last line; may be NULL */
	enum ctl_merge_order	 order;
	const char		*weight;	/* BY_WEIGHT: greatest first */
	enum ctl_merge_count	 count;
	const char		*filter;	/* argument that holds for sums, not for parts; NULL */
	int			 to_max;	/* `max` is shared: one worker after the other */
	int			 later;		/* who is away learns it when it is back: no failure */
	int			 partial;	/* what there is, is an answer, marked */
	int64_t			 patience;	/* ms for a step of a worker; 0: as usual */
	/* each may be NULL */
	void	(*conclude)(const struct ctl_call *, json_t *row);	/* what follows from sums */
	int	(*wanted)(const struct ctl_call *, const json_t *row);	/* by the filter */
	int	(*refused)(const json_t *row, struct ctl_refusal *);	/* the sum is a refusal: -1 */
	/* The i-th of the lines that stand for a row; NULL: no more. The caller's. */
	json_t	*(*expand)(const struct ctl_call *, const json_t *row, size_t i);
	/* A line about a worker, to stand behind the rows; row NULL: it gave none. */
	json_t	*(*about)(unsigned worker, const json_t *row);
};

/* Both are objects; `into` gets what they are together. */
void	ctl_merge_join(const struct ctl_field *, json_t *into, const json_t *row);

/* ---- rows on their way to be one: SUMMED ---- */

#define CTL_ROWS_BYTES	(64u << 20)	/* of all lines; more is no answer any more */

struct ctl_rows;

struct ctl_rows	*ctl_rows_new(const struct ctl_merge *);
void		 ctl_rows_free(struct ctl_rows **);
/*
 * A line of one worker's answer. One that has no key belongs to the row before
 * it; of those, the first worker's that has any are kept. 0, or -1: too much.
 */
int		 ctl_rows_add(struct ctl_rows *, unsigned worker, const json_t *line);
/* All are there: sorts, and leaves those out that are not wanted. How many are left. */
size_t		 ctl_rows_conclude(struct ctl_rows *, const struct ctl_call *);
/* The i-th row, and its lines; the caller's. */
json_t		*ctl_rows_get(const struct ctl_rows *, size_t i);
/* The i-th row's n-th line; NULL: there are no more. The caller's. */
json_t		*ctl_rows_line(const struct ctl_rows *, size_t i, size_t n);

#endif
