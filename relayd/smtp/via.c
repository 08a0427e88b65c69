/* SPDX-License-Identifier: ISC */
/* via: see via.h. */
#include "relayd/smtp/via.h"

#include <string.h>

#include "lib/base/rand.h"
#include "lib/base/str.h"

#define IMPLICIT_PORT	465	/* RFC 8314 s3.3 */

static int
read_file(const struct conf *conf, const struct conf_destination *d, const char *name,
    const char **data, size_t *len, struct why *why)
{
	if (conf_file(conf, name, data, len) == 0)
		return 0;
	return why_set(why, WHY_LOCAL_STORAGE, "%s: %s is missing", d->origin, name);
}

/* After a reload the same name with other contents is another store (HARDENING C7). */
static void
name_by_content(char *to, size_t cap, const char *name, const char *data, size_t len)
{
	str_fmt(to, cap, "%016llx %.200s", (unsigned long long)rand_hash(data, len), name);
}

static void
make_hops(struct plan_via *p, const struct conf *conf, const struct conf_destination *d)
{
	p->implicit = d->tls == CONF_ROUTE_IMPLICIT;
	for (size_t i = 0; i < d->via.n && i < PLAN_HOPS_MAX; i++) {
		const struct conf_hop *hop = &d->via.v[i];
		int port = hop->port;

		if (port == 0)
			port = p->implicit ? IMPLICIT_PORT : conf->delivery.port;
		str_copy(p->hops[i].host, hop->host, sizeof p->hops[i].host);
		p->hops[i].port = (uint16_t)port;
		p->nhops++;
	}
}

static void
add_records(struct dns_tlsa_set *set, const struct conf_tlsas *from)
{
	for (size_t i = 0; i < from->n; i++)
		dns_tlsa_set_add(set, from->v[i].usage, from->v[i].selector, from->v[i].mtype,
		    from->v[i].data, from->v[i].len);
}

static int
make_store(struct plan_via *p, const struct conf *conf, const struct conf_destination *d,
    struct tls_client *tls, struct why *why)
{
	const char *pem;
	size_t len;

	if (d->ca[0] == '\0')
		return 0;
	if (read_file(conf, d, d->ca, &pem, &len, why) == -1)
		return -1;
	name_by_content(p->ca, sizeof p->ca, d->ca, pem, len);
	return tls_client_add_store(tls, p->ca, pem, len, why);
}

static int
make_identity(struct plan_via *p, const struct conf *conf, const struct conf_destination *d,
    struct tls_client *tls, struct why *why)
{
	const char *cert, *key;
	size_t cert_len, key_len;

	if (d->certificate[0] == '\0')
		return 0;
	if (read_file(conf, d, d->certificate, &cert, &cert_len, why) == -1 ||
	    read_file(conf, d, d->key, &key, &key_len, why) == -1)
		return -1;
	name_by_content(p->identity, sizeof p->identity, d->certificate, cert, cert_len);
	return tls_client_add_identity(tls, p->identity, cert, cert_len, key, key_len, why);
}

/* What tells one login from another; never 0, of no use outside of this process. */
static uint64_t
digest(const struct via *v)
{
	uint64_t parts[3] = { rand_hash(v->username, strlen(v->username)),
		rand_hash(v->password, v->password_len), (uint64_t)v->auth };
	uint64_t key = rand_hash(parts, sizeof parts);

	return key != 0 ? key : 1;
}

static int
make_login(struct via *v, const struct conf *conf, const struct conf_destination *d,
    struct why *why)
{
	size_t len;

	if (d->username[0] == '\0')
		return 0;
	if (read_file(conf, d, d->password_file, &v->password, &len, why) == -1)
		return -1;
	v->password_len = strcspn(v->password, "\r\n");
	v->username = d->username;
	v->auth = d->auth;
	v->plan.login = digest(v);
	return 0;
}

int
via_make(struct via *v, const struct conf *conf, const struct conf_destination *d,
    struct tls_client *tls, struct why *why)
{
	memset(v, 0, sizeof *v);
	make_hops(&v->plan, conf, d);
	add_records(&v->plan.tlsa, &d->pin);
	add_records(&v->plan.tlsa, &d->tlsa);
	if (make_store(&v->plan, conf, d, tls, why) == -1 ||
	    make_identity(&v->plan, conf, d, tls, why) == -1)
		return -1;
	return make_login(v, conf, d, why);
}

void
via_fini(struct via *v)
{
	dns_tlsa_set_fini(&v->plan.tlsa);
	memset(v, 0, sizeof *v);
}
