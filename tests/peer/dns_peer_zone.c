/* SPDX-License-Identifier: ISC */
/* dns_peer_zone: the zones of a dns_peer: kept, signed (ECDSA P-256, NSEC), asked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/peer/dns_peer_int.h"

#define ZONES_MAX	64
#define TTL		300

struct zone {
	ldns_rdf		*origin;
	int			 is_signed;
	ldns_rr_list		*records;	/* as given, with SOA and NS */
	ldns_key		*key;		/* in keys */
	ldns_key_list		*keys;
	ldns_rr			*dnskey;
	ldns_dnssec_zone	*built;		/* what is served */
	ldns_rr_list		*made;		/* records that signing made */
};

struct dns_zones {
	struct zone	zones[ZONES_MAX];
	size_t		n;
};

static ldns_rdf *
dname(const char *s)
{
	ldns_rdf *d = ldns_dname_new_frm_str(s);

	if (d == NULL) {
		fprintf(stderr, "dns_peer: bad name %s\n", s);
		abort();
	}
	ldns_dname2canonical(d);
	return d;
}

static void
add_line(ldns_rr_list *to, const char *line)
{
	ldns_rr *rr = NULL;
	ldns_status s = ldns_rr_new_frm_str(&rr, line, TTL, NULL, NULL);

	if (s != LDNS_STATUS_OK) {
		fprintf(stderr, "dns_peer: %s: %s\n", line, ldns_get_errorstr_by_id(s));
		abort();
	}
	ldns_rr2canonical(rr);
	ldns_rr_list_push_rr(to, rr);
}

static void
make_key(struct zone *z)
{
	z->key = ldns_key_new_frm_algorithm(LDNS_SIGN_ECDSAP256SHA256, 256);
	if (z->key == NULL)
		abort();
	ldns_key_set_pubkey_owner(z->key, ldns_rdf_clone(z->origin));
	ldns_key_set_flags(z->key, LDNS_KEY_ZONE_KEY | LDNS_KEY_SEP_KEY);
	ldns_key_set_inception(z->key, (uint32_t)time(NULL) - 3600);
	ldns_key_set_expiration(z->key, (uint32_t)time(NULL) + 86400);
	z->dnskey = ldns_key2rr(z->key);
	ldns_rr_set_ttl(z->dnskey, TTL);
	ldns_key_set_keytag(z->key, ldns_calc_keytag(z->dnskey));
	z->keys = ldns_key_list_new();
	ldns_key_list_push_key(z->keys, z->key);
}

static struct zone *
zone_named(struct dns_zones *zs, const ldns_rdf *origin)
{
	for (size_t i = 0; i < zs->n; i++)
		if (ldns_dname_compare(zs->zones[i].origin, origin) == 0)
			return &zs->zones[i];
	return NULL;
}

/* The deepest zone that holds name; below: only zones strictly above it. */
static struct zone *
zone_of(struct dns_zones *zs, const ldns_rdf *name, int above)
{
	struct zone *best = NULL;

	for (size_t i = 0; i < zs->n; i++) {
		struct zone *z = &zs->zones[i];
		int same = ldns_dname_compare(z->origin, name) == 0;

		if ((same && !above) || ldns_dname_is_subdomain(name, z->origin))
			if (best == NULL || ldns_dname_label_count(z->origin) >=
			    ldns_dname_label_count(best->origin))
				best = z;
	}
	return best;
}

static void
zone_unbuild(struct zone *z)
{
	/* The records in it belong to the lists. */
	if (z->built != NULL)
		ldns_dnssec_zone_free(z->built);
	if (z->made != NULL)
		ldns_rr_list_deep_free(z->made);
	z->built = NULL;
	z->made = NULL;
}

struct dns_zones *
dns_zones_new(void)
{
	return calloc(1, sizeof(struct dns_zones));
}

void
dns_zones_free(struct dns_zones *zs)
{
	for (size_t i = 0; i < zs->n; i++) {
		struct zone *z = &zs->zones[i];

		zone_unbuild(z);
		ldns_rr_list_deep_free(z->records);
		ldns_rdf_deep_free(z->origin);
		ldns_key_list_free(z->keys);	/* and the key in it */
		ldns_rr_free(z->dnskey);
	}
	free(zs);
}

void
dns_zones_put(struct dns_zones *zs, const char *origin, int is_signed, const char *records)
{
	ldns_rdf *name = dname(origin);
	struct zone *z = zone_named(zs, name);
	char line[4096], *copy, *at, *next;

	if (z == NULL) {
		if (zs->n == ZONES_MAX)
			abort();
		z = &zs->zones[zs->n++];
		z->origin = ldns_rdf_clone(name);
		make_key(z);
	}
	ldns_rdf_deep_free(name);
	zone_unbuild(z);
	ldns_rr_list_deep_free(z->records);
	z->records = ldns_rr_list_new();
	z->is_signed = is_signed;
	snprintf(line, sizeof line, "%s 300 IN SOA ns.peer. host.peer. 1 3600 600 86400 5", origin);
	add_line(z->records, line);
	snprintf(line, sizeof line, "%s 300 IN NS ns.peer.", origin);
	add_line(z->records, line);
	at = copy = strdup(records);
	while ((next = strsep(&at, "\n")) != NULL)
		if (next[strspn(next, " \t")] != '\0')
			add_line(z->records, next);
	free(copy);
}

/* NS and DS of the zones right below z, kept in z->made. */
static void
add_cuts(struct dns_zones *zs, struct zone *z)
{
	for (size_t i = 0; i < zs->n; i++) {
		struct zone *child = &zs->zones[i];
		char line[600], *owner;
		ldns_rr *ds;

		if (child == z || zone_of(zs, child->origin, 1) != z)
			continue;
		owner = ldns_rdf2str(child->origin);
		snprintf(line, sizeof line, "%s 300 IN NS ns.peer.", owner);
		free(owner);
		add_line(z->made, line);
		if (!child->is_signed)
			continue;
		ds = ldns_key_rr2ds(child->dnskey, LDNS_SHA256);
		ldns_rr_set_ttl(ds, TTL);
		ldns_rr_list_push_rr(z->made, ds);
	}
}

static void
zone_build(struct dns_zones *zs, struct zone *z)
{
	ldns_rr_list *lists[2];

	z->made = ldns_rr_list_new();
	z->built = ldns_dnssec_zone_new();
	add_cuts(zs, z);
	if (z->is_signed)
		ldns_rr_list_push_rr(z->made, ldns_rr_clone(z->dnskey));
	lists[0] = z->records;
	lists[1] = z->made;
	for (size_t l = 0; l < 2; l++)
		for (size_t i = 0; i < ldns_rr_list_rr_count(lists[l]); i++)
			if (ldns_dnssec_zone_add_rr(z->built, ldns_rr_list_rr(lists[l], i)) !=
			    LDNS_STATUS_OK)
				abort();
	ldns_dnssec_zone_add_empty_nonterminals(z->built);
	if (!z->is_signed)
		return;
	if (ldns_dnssec_zone_sign(z->built, z->made, z->keys,
	    ldns_dnssec_default_replace_signatures, NULL) != LDNS_STATUS_OK)
		abort();
}

void
dns_zones_publish(struct dns_zones *zs)
{
	for (size_t i = 0; i < zs->n; i++)
		zone_unbuild(&zs->zones[i]);
	for (size_t i = 0; i < zs->n; i++)
		zone_build(zs, &zs->zones[i]);
}

char *
dns_zones_anchor(const struct dns_zones *zs)
{
	for (size_t i = 0; i < zs->n; i++)
		if (ldns_dname_label_count(zs->zones[i].origin) == 0)
			return ldns_rr2str(zs->zones[i].dnskey);
	return strdup("");
}

static void
push_spoilt(ldns_pkt *pkt, ldns_pkt_section section, const ldns_rr *rr)
{
	ldns_rr *bad = ldns_rr_clone(rr);
	ldns_rdf *sig = ldns_rr_rdf(bad, 8);

	ldns_rdf_data(sig)[7] ^= 0x55;
	ldns_pkt_push_rr(pkt, section, bad);
}

static void
push(ldns_pkt *pkt, ldns_pkt_section section, const ldns_dnssec_rrs *rrs, enum dns_peer_act act)
{
	for (; rrs != NULL; rrs = rrs->next)
		if (act == DNS_PEER_BADSIG && ldns_rr_get_type(rrs->rr) == LDNS_RR_TYPE_RRSIG)
			push_spoilt(pkt, section, rrs->rr);
		else
			ldns_pkt_push_rr(pkt, section, ldns_rr_clone(rrs->rr));
}

static void
push_rrset(ldns_pkt *pkt, ldns_pkt_section section, const ldns_dnssec_rrsets *set,
    enum dns_peer_act act)
{
	push(pkt, section, set->rrs, act);
	if (act != DNS_PEER_UNSIGNED)
		push(pkt, section, set->signatures, act);
}

static ldns_dnssec_name *
name_at_or_before(struct zone *z, const ldns_rdf *name)
{
	ldns_rbnode_t *node = NULL;
	ldns_dnssec_name *n;

	(void)ldns_rbtree_find_less_equal(z->built->names, name, &node);
	/* Empty non-terminals and glue have no NSEC: the one before has. */
	while (node != NULL && node != LDNS_RBTREE_NULL) {
		n = (ldns_dnssec_name *)(uintptr_t)node->data;
		if (n->nsec != NULL)
			return n;
		node = ldns_rbtree_previous(node);
	}
	return NULL;
}

static void
push_nsec(ldns_pkt *pkt, struct zone *z, const ldns_rdf *name, enum dns_peer_act act)
{
	ldns_dnssec_name *n;

	if (!z->is_signed || act == DNS_PEER_UNSIGNED)
		return;
	n = name_at_or_before(z, name);
	if (n == NULL)
		return;
	ldns_pkt_push_rr(pkt, LDNS_SECTION_AUTHORITY, ldns_rr_clone(n->nsec));
	push(pkt, LDNS_SECTION_AUTHORITY, n->nsec_signatures, act);
}

static void
push_denial(ldns_pkt *pkt, struct zone *z, const ldns_rdf *name, int exists,
    enum dns_peer_act act)
{
	ldns_dnssec_rrsets *soa;
	ldns_rdf *above, *wild, *star;
	ldns_rbnode_t *node;

	soa = ldns_dnssec_zone_find_rrset(z->built, z->origin, LDNS_RR_TYPE_SOA);
	push_rrset(pkt, LDNS_SECTION_AUTHORITY, soa, act);
	push_nsec(pkt, z, name, act);
	if (exists)
		return;
	ldns_pkt_set_rcode(pkt, LDNS_RCODE_NXDOMAIN);
	/* And the wildcard at the closest encloser is not there either. */
	above = ldns_dname_left_chop(name);
	while ((node = ldns_rbtree_search(z->built->names, above)) == NULL) {
		ldns_rdf *up = ldns_dname_left_chop(above);

		ldns_rdf_deep_free(above);
		above = up;
	}
	star = dname("*");
	wild = ldns_dname_cat_clone(star, above);
	push_nsec(pkt, z, wild, act);
	ldns_rdf_deep_free(star);
	ldns_rdf_deep_free(wild);
	ldns_rdf_deep_free(above);
}

static void
fill(struct dns_zones *zs, ldns_pkt *pkt, const ldns_rdf *name, ldns_rr_type type,
    enum dns_peer_act act)
{
	struct zone *z = zone_of(zs, name, type == LDNS_RR_TYPE_DS);
	ldns_dnssec_rrsets *set;

	if (z == NULL) {
		ldns_pkt_set_rcode(pkt, LDNS_RCODE_REFUSED);
		return;
	}
	set = ldns_dnssec_zone_find_rrset(z->built, name, type);
	if (set == NULL && type != LDNS_RR_TYPE_DS)
		set = ldns_dnssec_zone_find_rrset(z->built, name, LDNS_RR_TYPE_CNAME);
	if (set != NULL)
		push_rrset(pkt, LDNS_SECTION_ANSWER, set, act);
	else
		push_denial(pkt, z, name, ldns_rbtree_search(z->built->names, name) != NULL, act);
}

static void
cut_down(ldns_pkt *pkt, uint8_t **wire, size_t *len)
{
	ldns_rr_list_deep_free(ldns_pkt_answer(pkt));
	ldns_rr_list_deep_free(ldns_pkt_authority(pkt));
	ldns_pkt_set_answer(pkt, ldns_rr_list_new());
	ldns_pkt_set_authority(pkt, ldns_rr_list_new());
	ldns_pkt_set_section_count(pkt, LDNS_SECTION_ANSWER, 0);
	ldns_pkt_set_section_count(pkt, LDNS_SECTION_AUTHORITY, 0);
	ldns_pkt_set_tc(pkt, true);
	free(*wire);
	*wire = NULL;
	ldns_pkt2wire(wire, pkt, len);
}

uint8_t *
dns_zones_answer(struct dns_zones *zs, const ldns_pkt *query, enum dns_peer_act act, int udp,
    size_t *len)
{
	ldns_rr *q = ldns_rr_list_rr(ldns_pkt_question(query), 0);
	ldns_pkt *pkt = ldns_pkt_new();
	ldns_rdf *name = ldns_rdf_clone(ldns_rr_owner(q));
	uint8_t *wire = NULL;

	ldns_dname2canonical(name);
	ldns_pkt_set_id(pkt, ldns_pkt_id(query));
	ldns_pkt_set_qr(pkt, true);
	ldns_pkt_set_aa(pkt, true);
	ldns_pkt_set_rd(pkt, ldns_pkt_rd(query));
	ldns_pkt_push_rr(pkt, LDNS_SECTION_QUESTION, ldns_rr_clone(q));
	ldns_pkt_set_edns_udp_size(pkt, 1232);
	ldns_pkt_set_edns_do(pkt, true);
	if (act == DNS_PEER_SERVFAIL)
		ldns_pkt_set_rcode(pkt, LDNS_RCODE_SERVFAIL);
	else if (act == DNS_PEER_REFUSED)
		ldns_pkt_set_rcode(pkt, LDNS_RCODE_REFUSED);
	else
		fill(zs, pkt, name, ldns_rr_get_type(q), act);
	if (ldns_pkt2wire(&wire, pkt, len) != LDNS_STATUS_OK)
		abort();
	if (udp && (act == DNS_PEER_TRUNCATE || *len > 1232))
		cut_down(pkt, &wire, len);
	ldns_rdf_deep_free(name);
	ldns_pkt_free(pkt);
	return wire;
}
