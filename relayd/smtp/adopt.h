/* SPDX-License-Identifier: ISC */
/*
 * adopt: what is left of workers that are no more. With fewer workers than
 * before, the shards of the others still hold mail; worker 0 takes it over,
 * in the background, while mail flows.
 *
 * A left-over shard (shards/3) first gets another name (shards/left-3.1), so
 * that a worker 3 of a later start finds none of it and takes nothing that is
 * half here. The lock of the shard (D11) keeps two from doing it at once.
 * How a message moves is in adopt_mail.h. When the shard is empty it is removed;
 * one that holds what cannot be read stays and is complained about at each start.
 *
 * First of all its journal of outgoing mail is read (aftermath.h): what had been
 * delivered already is not adopted.
 *
 * The counts of exceptions and of monitor mode come first, before
 * the first delivery: a limit on uses goes on where it was. A crash while
 * they are being added may add them again, it never loses them.
 */
#ifndef SMTP_ADOPT_H
#define SMTP_ADOPT_H

struct adopt;
struct event_base;
struct ledger;
struct sched;
struct store;
struct tally;

struct adopt_tools {
	struct event_base	*base;
	struct store		*store;		/* our own */
	struct sched		*sched;
	struct ledger		*ledger;	/* loaded */
	struct tally		*tally;		/* loaded */
	const char		*directory;	/* that holds shards/, as it is seen now */
	const char		*allow_filesystem;
	unsigned		 workers;	/* shards below this number have one of their own */
};

/* Copies the tools; what they point to is borrowed. */
struct adopt	*adopt_new(const struct adopt_tools *);
/* Finds the shards and joins their notes with ours, then calls back, perhaps from inside. */
void		 adopt_notes(struct adopt *, void (*done)(void *arg), void *arg);
/* Their mail, from now on. */
void		 adopt_run(struct adopt *);
/* Begins nothing more; before our own store is closed. */
void		 adopt_stop(struct adopt *);
/* Behind that. */
void		 adopt_free(struct adopt **);

#endif
