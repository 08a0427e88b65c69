/* SPDX-License-Identifier: ISC */
/* families: see families.h. */
#include "relayd/smtp/families.h"

#include <sys/socket.h>

static enum families_change
well(struct families *f)
{
	int was_bad = f->bad;

	*f = (struct families){ .nhosts = 0 };
	return was_bad ? FAMILIES_WELL : FAMILIES_AS_BEFORE;
}

static enum families_change
bad(struct families *f, enum families_change what, int64_t now)
{
	int was_bad = f->bad;

	f->bad = 1;
	f->until = now + FAMILIES_LAST_MS;
	f->probe = now + FAMILIES_PROBE_MS;
	return was_bad ? FAMILIES_AS_BEFORE : what;
}

/* One host that is down says nothing, however often it is tried. */
static void
remember(struct families *f, uint64_t host)
{
	for (size_t i = 0; i < f->nhosts; i++)
		if (f->hosts[i] == host)
			return;
	if (f->nhosts < FAMILIES_HOSTS)
		f->hosts[f->nhosts++] = host;
}

enum families_change
families_note(struct families *f, enum families_reach reach, uint64_t host, int64_t now)
{
	switch (reach) {
	case FAMILIES_NOT_TRIED:
		break;
	case FAMILIES_REACHED:
		return well(f);
	case FAMILIES_NO_ROUTE:
		return bad(f, FAMILIES_ABSENT, now);
	case FAMILIES_NO_ANSWER:
		remember(f, host);
		if (f->nhosts == FAMILIES_HOSTS)
			return bad(f, FAMILIES_BROKEN, now);
		break;
	}
	return FAMILIES_AS_BEFORE;
}

int
families_ipv6_last(struct families *f, int64_t now)
{
	if (!f->bad || now >= f->until)
		return 0;
	if (now < f->probe)
		return 1;
	f->probe = now + FAMILIES_PROBE_MS;
	return 0;
}

/* The next address of this family from *at on; n: there is none. */
static size_t
next_of(const struct dns_address *a, size_t n, int family, size_t *at)
{
	while (*at < n && a[*at].family != family)
		++*at;
	return *at < n ? (*at)++ : n;
}

void
families_order(const struct dns_address *a, size_t n, enum families_prefer prefer, int odd,
    int ipv6_last, size_t *order)
{
	int first = prefer == FAMILIES_IPV4 || (prefer == FAMILIES_ANY && odd) ? AF_INET : AF_INET6;
	size_t at4 = 0, at6 = 0, k = 0, i;
	int family;

	if (ipv6_last)
		while ((i = next_of(a, n, AF_INET, &at4)) < n)
			order[k++] = i;
	for (family = first; k < n; family = family == AF_INET ? AF_INET6 : AF_INET)
		if ((i = next_of(a, n, family, family == AF_INET ? &at4 : &at6)) < n)
			order[k++] = i;
}
