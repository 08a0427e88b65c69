/* SPDX-License-Identifier: ISC */
/* admission: see admission.h. */
#include "relayd/smtp/admission.h"

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
	struct map	*addresses;
	unsigned	 sessions;
};

struct admission_slot {
	struct admission	*owner;
	char			 ip[64];
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
		map_puts(a->addresses, ip, s);
	}
	if (clock_mono_ms() - s->minute >= MINUTE_MS) {
		s->minute = clock_mono_ms();
		s->recent = 0;
	}
	return s;
}

struct admission_slot *
admission_enter(struct admission *a, const struct conf *conf, const char *ip,
    struct mail_answer *answer)
{
	struct admission_slot *s = slot_of(a, ip);

	s->recent++;
	if (a->sessions >= (unsigned)conf->limits.sessions) {
		mail_answer_set(answer, 421, "4.3.2", "too many sessions, try again later");
		return NULL;
	}
	if (s->sessions >= (unsigned)conf->limits.sessions_per_client) {
		mail_answer_set(answer, 421, "4.7.0", "too many sessions from %s", ip);
		return NULL;
	}
	if (conf->limits.connects_per_minute > 0 &&
	    s->recent > (unsigned)conf->limits.connects_per_minute) {
		mail_answer_set(answer, 421, "4.7.0", "too many connections from %s", ip);
		return NULL;
	}
	a->sessions++;
	s->sessions++;
	return s;
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
	if (is_idle(s))
		drop(s);
}

int
admission_stressed(const struct admission *a, const struct conf *conf)
{
	return a->sessions * 10ull > conf->limits.sessions * 9ull;
}

unsigned
admission_count(const struct admission *a)
{
	return a->sessions;
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
	free(a);
}
