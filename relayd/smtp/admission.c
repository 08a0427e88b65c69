/* SPDX-License-Identifier: ISC */
/* admission: see admission.h. */
#include "relayd/smtp/admission.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/map.h"
#include "lib/base/str.h"

#define MINUTE_MS	60000
#define PRUNE_AT	10000	/* addresses remembered before idle ones are dropped */

struct admission {
	struct map		*addresses;
	unsigned		 sessions;
	struct proc_crowd	*crowd;		/* NULL: we are alone */
	unsigned		 elsewhere;	/* sessions of the others when we looked last */
};

struct admission_slot {
	struct admission	*owner;
	char			 ip[64];
	uint8_t			 address[16];	/* the same; IPv4 mapped */
	unsigned		 sessions;
	unsigned		 recent;	/* connections since minute began */
	int64_t			 minute;
};

static int
is_idle(const struct admission_slot *s)
{
	return s->sessions == 0 && clock_mono_ms() - s->minute >= MINUTE_MS;
}

static void
drop(struct admission_slot *s)
{
	map_removes(s->owner->addresses, s->ip);
	free(s);
}

static void
prune_one(void *value, void *arg)
{
	if (is_idle(value))
		drop(value);
}

static void
read_address(const char *ip, uint8_t address[16])
{
	struct in_addr v4;

	memset(address, 0, 16);
	if (inet_pton(AF_INET, ip, &v4) != 1) {
		(void)inet_pton(AF_INET6, ip, address);
		return;
	}
	memset(address + 10, 0xff, 2);
	memcpy(address + 12, &v4, sizeof v4);
}

/* What the other workers should know of this one. */
static void
say(const struct admission_slot *s)
{
	const struct proc_crowd_counts own = { .sessions = s->sessions, .recent = s->recent,
		.all = s->owner->sessions, .since = s->minute };

	if (s->owner->crowd != NULL)
		proc_crowd_set(s->owner->crowd, s->address, clock_mono_ms(), &own);
}

static struct proc_crowd_counts
others(const struct admission_slot *s)
{
	struct proc_crowd_counts sum = { 0 };

	if (s->owner->crowd != NULL)
		proc_crowd_others(s->owner->crowd, s->address, clock_mono_ms(), &sum);
	s->owner->elsewhere = sum.all;
	return sum;
}

static struct admission_slot *
slot_of(struct admission *a, const char *ip)
{
	struct admission_slot *s = map_gets(a->addresses, ip);

	if (s == NULL) {
		if (map_count(a->addresses) >= PRUNE_AT)
			map_each(a->addresses, prune_one, NULL);
		s = must_calloc(1, sizeof *s);
		s->owner = a;
		s->minute = clock_mono_ms();
		str_copy(s->ip, ip, sizeof s->ip);
		read_address(ip, s->address);
		map_puts(a->addresses, ip, s);
	}
	if (clock_mono_ms() - s->minute >= MINUTE_MS) {
		s->minute = clock_mono_ms();
		s->recent = 0;
	}
	return s;
}

/* 0: it may stay. The slot counts it already. */
static int
is_too_many(const struct admission_slot *s, const struct conf *conf, struct mail_answer *answer)
{
	const struct proc_crowd_counts more = others(s);

	if (s->owner->sessions + more.all > (unsigned)conf->limits.sessions)
		mail_answer_set(answer, 421, "4.3.2", "too many sessions, try again later");
	else if (s->sessions + more.sessions > (unsigned)conf->limits.sessions_per_client)
		mail_answer_set(answer, 421, "4.7.0", "too many sessions from %s", s->ip);
	else if (conf->limits.connects_per_minute > 0 &&
	    s->recent + more.recent > (unsigned)conf->limits.connects_per_minute)
		mail_answer_set(answer, 421, "4.7.0", "too many connections from %s", s->ip);
	else
		return 0;
	return 1;
}

/* Counted first and looked at then: of two workers at the last place at least one steps back. */
struct admission_slot *
admission_enter(struct admission *a, const struct conf *conf, const char *ip,
    struct mail_answer *answer)
{
	struct admission_slot *s = slot_of(a, ip);

	s->recent++;
	a->sessions++;
	s->sessions++;
	say(s);
	if (!is_too_many(s, conf, answer))
		return s;
	a->sessions--;
	s->sessions--;
	say(s);
	return NULL;
}

void
admission_leave(struct admission_slot **sp)
{
	struct admission_slot *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	s->owner->sessions--;
	s->sessions--;
	say(s);
	if (is_idle(s))
		drop(s);
}

int
admission_stressed(const struct admission *a, const struct conf *conf)
{
	return (a->sessions + a->elsewhere) * 10ull > conf->limits.sessions * 9ull;
}

int
admission_yields(const struct admission *a)
{
	return a->crowd != NULL && a->sessions > proc_crowd_least(a->crowd);
}

unsigned
admission_count(const struct admission *a)
{
	return a->sessions;
}

void
admission_share(struct admission *a, struct proc_crowd *crowd)
{
	MUST(a->crowd == NULL);
	a->crowd = crowd;
}

const struct conf_client *
admission_client(const struct conf *conf, const struct sockaddr *sa)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)sa;

		return conf_client_of(conf, AF_INET, &in->sin_addr);
	}
	if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sa;
		const uint8_t *ip = in6->sin6_addr.s6_addr;

		if (memcmp(ip, mapped, sizeof mapped) == 0)
			return conf_client_of(conf, AF_INET, ip + sizeof mapped);
		return conf_client_of(conf, AF_INET6, ip);
	}
	return NULL;
}

struct admission *
admission_new(void)
{
	struct admission *a = must_calloc(1, sizeof *a);

	a->addresses = map_new();
	return a;
}

static void
free_one(void *value, void *arg)
{
	free(value);
}

void
admission_free(struct admission **ap)
{
	struct admission *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	map_each(a->addresses, free_one, NULL);
	map_free(&a->addresses);
	proc_crowd_free(&a->crowd);
	free(a);
}
