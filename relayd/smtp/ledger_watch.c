/* SPDX-License-Identifier: ISC */
/*
 * ledger_watch: what is said about exceptions, each as an event "exception":
 * that one ends in 30, 7, 1 days, has ended, is used up, is not used, is not
 * needed any more. All of it at start and on reload, then when it changes.
 */
#include <event2/event.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "relayd/smtp/generation.h"
#include "relayd/smtp/ledger_int.h"

#define WATCH_MS	((int64_t)3600 * 1000)	/* at the latest: the clock may be set */

static void
say(enum log_level level, const struct ledger_entry *e, const char *change, const char *text)
{
	const struct conf_exception *x = e->conf;
	char expires[32];
	const struct log_kv kv[] = {
		LOG_STR("exception", e->id), LOG_STR("change", change),
		LOG_STR("allow", conf_allow_name(x->allow)), LOG_STR("owner", x->owner),
		LOG_STR("ticket", x->ticket[0] != '\0' ? x->ticket : NULL),
		LOG_STR("expires", expires), LOG_NUM("uses", (int64_t)e->counts.uses),
		LOG_NUM("max_uses", x->max_uses), LOG_NUM("unneeded", (int64_t)e->counts.passed),
		LOG_STR("text", text),
	};
	struct buf b;

	clock_rfc3339(expires, sizeof expires, x->expires);
	buf_init(&b);
	buf_addf(&b, "exception %s (%s, %s%s%s): %s", e->id, conf_allow_name(x->allow), x->owner,
	    x->ticket[0] != '\0' ? ", " : "", x->ticket, text);
	log_event(level, "smtp", "exception", buf_str(&b), kv, LENGTH(kv));
	buf_fini(&b);
}

__attribute__((format(printf, 4, 5))) static void
sayf(enum log_level level, const struct ledger_entry *e, const char *change, const char *fmt, ...)
{
	struct buf b;
	va_list ap;

	buf_init(&b);
	va_start(ap, fmt);
	buf_addv(&b, fmt, ap);
	va_end(ap);
	say(level, e, change, buf_str(&b));
	buf_fini(&b);
}

/* ---- each thing that may be said ---- */

static void
say_end(struct ledger_entry *e, int64_t left)
{
	static const int stages[] = { 1, 7, 30 };

	if (left <= 0) {
		if (!e->said_end)
			say(LOG_LVL_NOTICE, e, "ended", "has ended; what it was for is enforced again");
		e->said_end = 1;
		return;
	}
	for (size_t i = 0; i < LENGTH(stages); i++) {
		if (left > stages[i] * LEDGER_DAY)
			continue;
		if (e->said_days == 0 || e->said_days > stages[i])
			sayf(LOG_LVL_WARNING, e, "ends", "ends in %lld %s; renew it or mend what it "
			    "is for", (long long)(left < 2 * LEDGER_DAY ? left / 3600000 :
			    left / LEDGER_DAY), left < 2 * LEDGER_DAY ? "hours" : "days");
		e->said_days = stages[i];
		return;
	}
}

static void
say_full(struct ledger_entry *e)
{
	int full = e->conf->max_uses > 0 && e->counts.uses >= (uint64_t)e->conf->max_uses;

	if (full && !e->said_full)
		sayf(LOG_LVL_NOTICE, e, "used-up", "is used up after %llu messages; what it was for "
		    "is enforced again", (unsigned long long)e->counts.uses);
	e->said_full = full;
}

static void
say_idle(struct ledger_entry *e, int64_t now)
{
	int64_t busy = e->counts.last > e->counts.seen ? e->counts.last : e->counts.seen;
	int64_t idle = busy != 0 && now > busy ? (now - busy) / LEDGER_IDLE : 0;

	if (idle > e->said_idle)
		sayf(LOG_LVL_NOTICE, e, "unused", "has not been used for %lld days; remove it if "
		    "nothing needs it", (long long)((now - busy) / LEDGER_DAY));
	e->said_idle = idle;
}

/* The last uses would all have passed; at most once a day, because a count goes on. */
static void
say_streak(struct ledger_entry *e, int64_t now, const char *relay)
{
	const struct ledger_counts *c = &e->counts;

	if (c->streak == 0 || (e->said_streak != 0 && (now - e->said_streak < LEDGER_DAY ||
	    c->last < e->said_streak)))
		return;
	e->said_streak = now;
	sayf(LOG_LVL_NOTICE, e, "not-needed", "was not needed: %s%sthe last %llu of %llu messages "
	    "would have gone without it; remove it if that is all it was for",
	    relay != NULL ? relay : "", relay != NULL ? " passes; " : "",
	    (unsigned long long)c->streak, (unsigned long long)c->uses);
}

void
ledger_say_use(struct ledger_entry *e, const char *relay, int needed)
{
	if (e->conf == NULL)
		return;
	e->said_idle = 0;
	if (!needed)
		say_streak(e, clock_wall_ms(), relay);
	say_full(e);
}

/* ---- the watch ---- */

static void
look_at(struct ledger_entry *e, int64_t now)
{
	if (e->counts.seen == 0) {
		e->counts.seen = now;
		ledger_write(e);
	} else if (e->unwritten) {
		ledger_write(e);
	}
	/* With several workers the front speaks of what is the same for all, and nobody of disuse:
	 * none of them knows what the others did (relayctl shows it). */
	if (ledger_borrows(e->owner))
		return;
	say_end(e, e->conf->expires - now);
	if (e->conf->expires <= now)
		return;
	say_full(e);
	if (e->owner->leases == NULL)
		say_idle(e, now);
	say_streak(e, now, NULL);
}

static void
sleep_ms(struct ledger *l, int64_t ms)
{
	const struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	event_add(l->ev_watch, &tv);
}

void
ledger_watch(struct ledger *l)
{
	const struct conf *conf = l->generation != NULL ? l->generation->conf : NULL;
	int64_t now = clock_wall_ms(), next = WATCH_MS;

	if (!l->loaded || conf == NULL)
		return;
	for (size_t i = 0; i < conf->exceptions.n; i++) {
		struct ledger_entry *e = ledger_entry_of(l, &conf->exceptions.v[i]);

		look_at(e, now);
		if (e->conf->expires > now && e->conf->expires - now < next)
			next = e->conf->expires - now;
	}
	sleep_ms(l, next);
}

static void
say_again(void *value, void *arg)
{
	struct ledger_entry *e = value;

	e->said_days = e->said_end = e->said_full = 0;
	e->said_idle = e->said_streak = 0;
}

void
ledger_watch_again(struct ledger *l)
{
	if (!l->loaded)
		return;
	map_each(l->entries, say_again, NULL);
	ledger_watch(l);
}
