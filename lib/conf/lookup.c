/* SPDX-License-Identifier: ISC */
/* lookup: which entry is for this client, this domain? */
#include "lib/conf/conf_int.h"

#include <string.h>

#include "lib/base/str.h"

static int
network_has(const struct conf_network *n, int family, const uint8_t *bytes)
{
	unsigned whole = n->bits / 8, rest = n->bits % 8;

	if (n->address.family != family || memcmp(n->address.bytes, bytes, whole) != 0)
		return 0;
	return rest == 0 || ((n->address.bytes[whole] ^ bytes[whole]) >> (8 - rest)) == 0;
}

/* An IPv4-mapped address counts as the IPv4 address that it is. */
static const uint8_t *
address_plain(int *family, const void *bytes)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (*family == AF_INET6 && memcmp(bytes, mapped, sizeof mapped) == 0) {
		*family = AF_INET;
		return (const uint8_t *)bytes + sizeof mapped;
	}
	return bytes;
}

const struct conf_client *
conf_client_of(const struct conf *c, int family, const void *bytes)
{
	const uint8_t *plain = address_plain(&family, bytes);
	const struct conf_client *best = NULL;
	unsigned bits = 0;

	for (size_t i = 0; i < c->clients.n; i++) {
		const struct conf_networks *networks = &c->clients.v[i].networks;

		for (size_t k = 0; k < networks->n; k++) {
			if (!network_has(&networks->v[k], family, plain))
				continue;
			if (best == NULL || networks->v[k].bits > bits) {
				best = &c->clients.v[i];
				bits = networks->v[k].bits;
			}
		}
	}
	return best;
}

/* Exact name, ".suffix" from the longest on, "*". */
static const void *
closest(const struct map *patterns, const char *domain)
{
	const void *found;
	char name[256];
	const char *dot = name;

	if (str_copy(name, domain, sizeof name) >= sizeof name)
		return map_gets(patterns, "*");
	str_lower(name);
	if ((found = map_gets(patterns, name)) != NULL)
		return found;
	while ((dot = strchr(dot, '.')) != NULL) {
		if (dot != name && (found = map_gets(patterns, dot)) != NULL)
			return found;
		dot++;
	}
	return map_gets(patterns, "*");
}

const struct conf_destination *
conf_destination_of(const struct conf *c, const char *domain)
{
	return closest(c->priv->destinations, domain);
}

const struct conf_source *
conf_source_of(const struct conf *c, const char *domain)
{
	return domain[0] == '\0' ? NULL : closest(c->priv->senders, domain);
}

/* How closely a pattern describes a domain: 0 not at all. */
static size_t
pattern_fits(const char *pattern, const char *domain)
{
	size_t n = strlen(pattern), len = strlen(domain);

	if (strcmp(pattern, "*") == 0)
		return 1;
	if (pattern[0] == '.')
		return len > n && str_eq_nocase(domain + len - n, pattern) ? 1 + n : 0;
	return str_eq_nocase(pattern, domain) ? 1000 : 0;
}

const struct conf_hosts_limit *
conf_hosts_of(const struct conf *c, const char *host)
{
	const struct conf_hosts_limit *best = NULL;
	size_t most = 0, fits;

	for (size_t i = 0; i < c->hosts.n; i++) {
		for (size_t k = 0; k < c->hosts.v[i].hosts.n; k++) {
			fits = pattern_fits(c->hosts.v[i].hosts.v[k], host);
			if (fits > most) {
				most = fits;
				best = &c->hosts.v[i];
			}
		}
	}
	return best;
}

/*
 * How closely an exception describes a domain: 0 not at all. Twice that of its
 * best pattern, 1 without any, and one more if it is for certain hosts only.
 */
static size_t
exception_fits(const struct conf_exception *e, const char *domain)
{
	size_t best = 0, f;

	for (size_t k = 0; k < e->domains.n; k++)
		if ((f = pattern_fits(e->domains.v[k], domain)) > best)
			best = f;
	if (e->domains.n > 0)
		return best > 0 ? 2 * best + (e->hosts.n > 0) : 0;
	return e->hosts.n > 0 ? 1 : 0;
}

size_t
conf_exceptions_of(const struct conf *c, const char *domain, int64_t wall_ms,
    const struct conf_exception **to, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < c->exceptions.n; i++) {
		const struct conf_exception *e = &c->exceptions.v[i];
		size_t fits = wall_ms < e->expires ? exception_fits(e, domain) : 0, at = n;

		if (fits == 0)
			continue;
		while (at > 0 && exception_fits(to[at - 1], domain) < fits)
			at--;
		if (at == max)
			continue;
		n += n < max;
		memmove(&to[at + 1], &to[at], (n - at - 1) * sizeof(struct conf_exception *));
		to[at] = e;
	}
	return n;
}

const struct conf_exception *
conf_client_exception(const struct conf *c, const char *client)
{
	char id[80];

	str_fmt(id, sizeof id, CONF_CLIENT_EXCEPTION "%s", client);
	for (size_t i = 0; i < c->exceptions.n; i++)
		if (strcmp(c->exceptions.v[i].id, id) == 0)
			return &c->exceptions.v[i];
	return NULL;
}
