/* SPDX-License-Identifier: ISC */
/* notice_cap: see notice_cap.h. */
#include "relayd/smtp/notice_cap.h"

#include <stdlib.h>

#include "lib/base/bug.h"
#include "lib/base/map.h"
#include "lib/base/str.h"
#include "lib/mail/address.h"

#define HOUR_MS		(60 * 60 * 1000)
#define ADDRESSES_MAX	100000	/* then all start anew: memory is bounded */

struct tally {
	int64_t		 since;		/* mono ms, of the first in this hour */
	unsigned	 sent;
	uint64_t	 suppressed;
};

struct notice_cap {
	struct map	*addresses;	/* lower case -> struct tally */
	int64_t		 swept;
};

static void
free_one(void *value, void *arg)
{
	free(value);
}

static void
forget_all(struct notice_cap *cap)
{
	map_each(cap->addresses, free_one, NULL);
	map_free(&cap->addresses);
}

/* Tallies of addresses that were quiet go by dropping all of them once a day. */
static void
sweep(struct notice_cap *cap, int64_t now)
{
	if (map_count(cap->addresses) < ADDRESSES_MAX && now - cap->swept < 24LL * HOUR_MS)
		return;
	forget_all(cap);
	cap->addresses = map_new();
	cap->swept = now;
}

static struct tally *
tally_of(struct notice_cap *cap, const char *address, int64_t now)
{
	char key[MAIL_ADDRESS_MAX + 1];
	struct tally *t;

	str_copy(key, address, sizeof key);
	for (char *c = key; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c += 'a' - 'A';
	t = map_gets(cap->addresses, key);
	if (t == NULL) {
		t = must_calloc(1, sizeof *t);
		t->since = now;
		map_puts(cap->addresses, key, t);
	}
	return t;
}

int
notice_cap_take(struct notice_cap *cap, const char *address, unsigned max, int64_t mono_ms,
    uint64_t *suppressed)
{
	struct tally *t;

	*suppressed = 0;
	if (max == 0)
		return 1;
	sweep(cap, mono_ms);
	t = tally_of(cap, address, mono_ms);
	if (mono_ms - t->since >= HOUR_MS)
		*t = (struct tally){ .since = mono_ms };
	if (t->sent < max) {
		t->sent++;
		return 1;
	}
	*suppressed = ++t->suppressed;
	return 0;
}

struct notice_cap *
notice_cap_new(void)
{
	struct notice_cap *cap = must_calloc(1, sizeof *cap);

	cap->addresses = map_new();
	return cap;
}

void
notice_cap_free(struct notice_cap **capp)
{
	struct notice_cap *cap = *capp;

	*capp = NULL;
	if (cap == NULL)
		return;
	forget_all(cap);
	free(cap);
}
