/* SPDX-License-Identifier: ISC */
/*
 * ctl_dest_pause: the verbs `dest.pause` and `dest.resume`. They hold at
 * once; the answer comes when they will outlive a restart, too.
 */
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "relayd/smtp/ctl_merge.h"
#include "relayd/smtp/ctl_verbs.h"
#include "relayd/smtp/pause.h"
#include "relayd/smtp/sched.h"
#include "relayd/smtp/wake.h"

enum { DOMAIN, NOTE };
static const struct ctl_arg pause_args[] = {
	[DOMAIN] = { .key = "domain", .type = CTL_DOMAIN, .required = 1 },
	[NOTE] = { .key = "note", .type = CTL_TEXT },
	{ .key = NULL },
};
static const struct ctl_arg resume_args[] = {
	[DOMAIN] = { .key = "domain", .type = CTL_DOMAIN, .required = 1 },
	{ .key = NULL },
};

static void
on_noted(struct ctl_call *c, const struct why *why)
{
	const char *domain = c->values[DOMAIN].text;
	int paused = pause_of(c->house->sched->pauses, domain) != NULL;
	struct ctl_refusal r;

	if (why_is_set(why)) {
		(void)ctl_refuse(&r, CTL_FAILED, "see the daemon's log and ask again",
		    "%s is %s until a restart only: %s", domain, paused ? "paused" : "resumed",
		    why->text);
		ctl_call_refuse(c, &r);
		return;
	}
	ctl_call_line(c, json_pack("{s:s, s:b}", "destination", domain, "paused", paused));
	ctl_call_end(c, 1, NULL);
}

static void
write_note(struct ctl_call *c, const char *value)
{
	char key[STORE_NOTE_KEY_MAX + 1];

	(void)str_fmt(key, sizeof key, PAUSE_PREFIX "%s", c->values[DOMAIN].text);
	sched_pause(c->house->sched, c->values[DOMAIN].text);
	ctl_call_note(c, key, value, on_noted);
}

static void
pause_step(struct ctl_call *c)
{
	struct pause p = { .uid = c->uid, .since = clock_wall_ms() };
	const char *domain = c->values[DOMAIN].text;
	char value[STORE_NOTE_MAX];
	struct ctl_refusal r;

	if (strlen(domain) > PAUSE_DOMAIN_MAX) {
		(void)ctl_refuse(&r, CTL_USAGE, NULL, "domain: longer than %zu characters",
		    PAUSE_DOMAIN_MAX);
		ctl_call_refuse(c, &r);
		return;
	}
	(void)str_copy(p.domain, domain, sizeof p.domain);
	(void)str_copy(p.reason, c->values[NOTE].text, sizeof p.reason);
	pause_set(c->house->sched->pauses, &p);
	pause_print(&p, value, sizeof value);
	log_notice("destination %s is paused by admin uid %u%s%s", domain, c->uid,
	    p.reason[0] != '\0' ? ": " : "", p.reason);
	write_note(c, value);
}

static void
resume_step(struct ctl_call *c)
{
	const char *domain = c->values[DOMAIN].text;

	if (pause_of(c->house->sched->pauses, domain) == NULL) {
		ctl_call_end(c, 0, NULL);
		return;
	}
	pause_end(c->house->sched->pauses, domain);
	log_notice("destination %s is resumed by admin uid %u", domain, c->uid);
	write_note(c, NULL);
	wake_resumed(c->house->sched, domain);
}

/* A worker that is away is told when it is back (pause_share.c). */
static const struct ctl_merge merge = {
	.kind = CTL_SUMMED, .key = "destination", .count = CTL_COUNT_MOST, .later = 1,
};

const struct ctl_verb ctl_verb_dest_pause = {
	.name = "dest.pause", .args = pause_args, .right = CTL_CHANGE, .merge = &merge,
	.step = pause_step,
};
const struct ctl_verb ctl_verb_dest_resume = {
	.name = "dest.resume", .args = resume_args, .right = CTL_CHANGE, .merge = &merge,
	.step = resume_step,
};
