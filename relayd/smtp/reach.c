/* SPDX-License-Identifier: ISC */
/* reach: see reach.h. */
#include "relayd/smtp/reach.h"

#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/rand.h"
#include "lib/base/str.h"
#include "relayd/smtp/families.h"

static struct families families;

static int
has_family(const struct plan_host *h, int family)
{
	for (size_t i = 0; i < h->naddresses; i++)
		if (h->addresses[i].family == family)
			return 1;
	return 0;
}

void
reach_order(struct reach_turn *turn, const struct plan_host *h, const struct conf *conf,
    int64_t now, size_t *order)
{
	static const enum families_prefer prefers[] = {
		[CONF_PREFER_IPV6] = FAMILIES_IPV6, [CONF_PREFER_IPV4] = FAMILIES_IPV4,
		[CONF_PREFER_ANY] = FAMILIES_ANY,
	};

	if (!turn->asked && has_family(h, AF_INET6) && has_family(h, AF_INET)) {
		turn->asked = 1;
		turn->ipv6_last = families_ipv6_last(&families, now);
	}
	families_order(h->addresses, h->naddresses, prefers[conf->delivery.prefer],
	    (int)(rand_u64() & 1), turn->ipv6_last, order);
}

/* IPv6 that leads nowhere costs little where there is IPv4. */
int64_t
reach_connect_ms(const struct plan_host *h, const struct dns_address *a, const struct conf *conf)
{
	int64_t usual = conf->delivery.connect_timeout, ipv6 = conf->delivery.connect_timeout_ipv6;

	return a->family == AF_INET6 && has_family(h, AF_INET) && ipv6 < usual ? ipv6 : usual;
}

static void
log_change(enum families_change change, const char *relay)
{
	static const struct {
		const char	*word, *text;
	} words[] = {
		[FAMILIES_AS_BEFORE] = { "", "" },
		[FAMILIES_WELL] = { "well", "there was an answer" },
		[FAMILIES_BROKEN] = { "broken",
		    "no answer, like others before; it is tried last for now" },
		[FAMILIES_ABSENT] = { "absent", "there is no way to it; it is tried last for now" },
	};
	const struct log_kv kv[] = {
		LOG_STR("ipv6", words[change].word), LOG_STR("relay", relay),
		LOG_STR("text", words[change].text),
	};
	char line[400];

	(void)str_fmt(line, sizeof line, "IPv6 is %s (%s: %s)", words[change].word, relay,
	    words[change].text);
	log_event(LOG_LVL_NOTICE, "smtp", "ipv6", line, kv, LENGTH(kv));
}

void
reach_note(const struct client *c, const struct dns_address *a, int64_t now)
{
	enum families_change change;

	if (a->family != AF_INET6)
		return;
	change = families_note(&families, client_reach(c), rand_hash(a, sizeof *a), now);
	if (change != FAMILIES_AS_BEFORE)
		log_change(change, client_relay(c));
}
