/* SPDX-License-Identifier: ISC */
/* rr: see rr.h. Addresses and TLSA records as values. */
#include "lib/dns/rr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "lib/base/str.h"

/* A certificate this large is nobody's; bounds the work on hostile RDATA. */
#define TLSA_FULL_MAX	16384

void
dns_tlsa_set_add(struct dns_tlsa_set *set, uint8_t usage, uint8_t selector, uint8_t mtype,
    const void *data, size_t len)
{
	struct dns_tlsa *rr;

	MUST(len <= UINT16_MAX);
	set->rr = must_realloc(set->rr, set->n + 1, sizeof *set->rr);
	rr = &set->rr[set->n++];
	rr->usage = usage;
	rr->selector = selector;
	rr->mtype = mtype;
	rr->len = (uint16_t)len;
	rr->data = must_calloc(len + 1, 1);
	if (len > 0)
		memcpy(rr->data, data, len);
}

void
dns_tlsa_set_copy(struct dns_tlsa_set *to, const struct dns_tlsa_set *from)
{
	size_t i;

	to->rr = NULL;
	to->n = 0;
	for (i = 0; i < from->n; i++)
		dns_tlsa_set_add(to, from->rr[i].usage, from->rr[i].selector,
		    from->rr[i].mtype, from->rr[i].data, from->rr[i].len);
}

void
dns_tlsa_set_fini(struct dns_tlsa_set *set)
{
	size_t i;

	for (i = 0; i < set->n; i++)
		free(set->rr[i].data);
	free(set->rr);
	set->rr = NULL;
	set->n = 0;
}

/* RFC 7671 s5.1, s5.2: all of the data is one certificate with a key that can be read. */
static int
is_certificate(const uint8_t *data, size_t len)
{
	const uint8_t *p = data;
	X509 *x;
	int ok;

	x = d2i_X509(NULL, &p, (long)len);
	ok = x != NULL && p == data + len && X509_get0_pubkey(x) != NULL;
	X509_free(x);
	return ok;
}

/* Selector 1: a SubjectPublicKeyInfo, not a certificate (RULES D20). */
static int
is_public_key(const uint8_t *data, size_t len)
{
	const uint8_t *p = data;
	EVP_PKEY *key;
	int ok;

	key = d2i_PUBKEY(NULL, &p, (long)len);
	ok = key != NULL && p == data + len;
	EVP_PKEY_free(key);
	return ok;
}

static int
full_parses(const struct dns_tlsa *t)
{
	int ok;

	if (t->len == 0 || t->len > TLSA_FULL_MAX)
		return 0;
	if (t->selector == 0)
		ok = is_certificate(t->data, t->len);
	else
		ok = is_public_key(t->data, t->len);
	ERR_clear_error();
	return ok;
}

int
dns_tlsa_usable(const struct dns_tlsa *t)
{
	/* RFC 7672 s3.1.3: PKIX-TA(0) and PKIX-EE(1) are unusable for SMTP. */
	if (t->usage != 2 && t->usage != 3)
		return 0;
	if (t->selector > 1)
		return 0;
	switch (t->mtype) {
	case 0:
		return full_parses(t);
	case 1:
		return t->len == 32;
	case 2:
		return t->len == 64;
	}
	return 0;
}

void
dns_tlsa_print(const struct dns_tlsa *t, char *to, size_t cap)
{
	static const char hex[] = "0123456789abcdef";
	size_t i, at;

	if (cap == 0)
		return;
	if (str_fmt(to, cap, "%u %u %u ", t->usage, t->selector, t->mtype) == -1)
		return;
	at = strlen(to);
	for (i = 0; i < t->len && at + 3 <= cap; i++) {
		to[at++] = hex[t->data[i] >> 4];
		to[at++] = hex[t->data[i] & 15];
	}
	to[at] = '\0';
}

void
dns_address_print(const struct dns_address *a, char *to, size_t cap)
{
	if (cap == 0)
		return;
	to[0] = '\0';
	if (a->family == AF_INET || a->family == AF_INET6)
		if (inet_ntop(a->family, a->ip, to, (socklen_t)cap) == NULL)
			to[0] = '\0';
}

int
dns_address_parse(const char *s, struct dns_address *a)
{
	static const int families[] = { AF_INET, AF_INET6 };
	size_t i;

	memset(a, 0, sizeof *a);
	for (i = 0; i < LENGTH(families); i++)
		if (inet_pton(families[i], s, a->ip) == 1) {
			a->family = families[i];
			return 0;
		}
	return -1;
}

struct dns_address
dns_address_plain(const struct dns_address *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct dns_address v4 = { .family = AF_INET };

	if (a->family != AF_INET6 || memcmp(a->ip, mapped, sizeof mapped) != 0)
		return *a;
	memcpy(v4.ip, a->ip + sizeof mapped, 4);
	return v4;
}

socklen_t
dns_address_sockaddr(const struct dns_address *a, uint16_t port, struct sockaddr_storage *to)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	memset(to, 0, sizeof *to);
	if (a->family == AF_INET) {
		memcpy(&v4.sin_addr, a->ip, 4);
		memcpy(to, &v4, sizeof v4);
		return sizeof v4;
	}
	MUST(a->family == AF_INET6);
	memcpy(&v6.sin6_addr, a->ip, 16);
	memcpy(to, &v6, sizeof v6);
	return sizeof v6;
}
