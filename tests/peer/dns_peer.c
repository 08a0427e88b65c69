/* SPDX-License-Identifier: ISC */
/* dns_peer: see dns_peer.h. The sockets; what is said is in dns_peer_zone.c. */
#include "tests/peer/dns_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <ldns/ldns.h>

#include "tests/peer/dns_peer_int.h"

#define RULES_MAX	64
#define ASKED_MAX	2048

struct rule {
	char			name[256];
	uint16_t		type;
	enum dns_peer_act	act;
	unsigned		asked;
};

struct conn {
	struct dns_peer		*peer;
	struct bufferevent	*bev;
	TAILQ_ENTRY(conn)	 link;
};

struct dns_peer {
	TAILQ_HEAD(, conn)	 conns;
	struct event_base	*base;
	struct dns_zones	*zones;
	int			 udp;
	struct event		*udp_event;
	struct evconnlistener	*tcp;
	uint16_t		 port;
	char			 address[32];
	char			*anchor;
	struct rule		 rules[RULES_MAX];
	size_t			 nrules;
	struct rule		 asked[ASKED_MAX];
	size_t			 nasked;
};

static struct rule *
rule_find(struct rule *rules, size_t n, const char *name, uint16_t type)
{
	for (size_t i = 0; i < n; i++)
		if (rules[i].type == type && strcasecmp(rules[i].name, name) == 0)
			return &rules[i];
	return NULL;
}

static void
strip_dot(char *to, size_t cap, const char *name)
{
	size_t n;

	snprintf(to, cap, "%s", name);
	n = strlen(to);
	if (n > 1 && to[n - 1] == '.')
		to[n - 1] = '\0';
}

void
dns_peer_act(struct dns_peer *p, const char *name, uint16_t type, enum dns_peer_act act)
{
	struct rule *r = rule_find(p->rules, p->nrules, name, type);

	if (r == NULL) {
		if (p->nrules == RULES_MAX)
			abort();
		r = &p->rules[p->nrules++];
		strip_dot(r->name, sizeof r->name, name);
		r->type = type;
	}
	r->act = act;
}

static enum dns_peer_act
act_for(struct dns_peer *p, const char *name, uint16_t type)
{
	struct rule *r = rule_find(p->rules, p->nrules, name, type);

	if (r == NULL)
		r = rule_find(p->rules, p->nrules, name, 0);
	return r == NULL ? DNS_PEER_HONEST : r->act;
}

static void
count(struct dns_peer *p, const char *name, uint16_t type)
{
	struct rule *r = rule_find(p->asked, p->nasked, name, type);

	if (r == NULL && p->nasked < ASKED_MAX) {
		r = &p->asked[p->nasked++];
		snprintf(r->name, sizeof r->name, "%s", name);
		r->type = type;
	}
	if (r != NULL)
		r->asked++;
}

unsigned
dns_peer_asked(const struct dns_peer *p, const char *name, uint16_t type)
{
	for (size_t i = 0; i < p->nasked; i++)
		if (p->asked[i].type == type && strcasecmp(p->asked[i].name, name) == 0)
			return p->asked[i].asked;
	return 0;
}

/* The answer to a question in wire form, malloc'd; NULL: say nothing. */
static uint8_t *
respond(struct dns_peer *p, const uint8_t *wire, size_t len, int udp, size_t *outlen)
{
	ldns_pkt *query = NULL;
	ldns_rr *q;
	char name[256], *text;
	enum dns_peer_act act;
	uint8_t *out = NULL;
	uint16_t type;

	if (ldns_wire2pkt(&query, wire, len) != LDNS_STATUS_OK)
		return NULL;
	if (ldns_rr_list_rr_count(ldns_pkt_question(query)) == 1) {
		q = ldns_rr_list_rr(ldns_pkt_question(query), 0);
		type = (uint16_t)ldns_rr_get_type(q);
		text = ldns_rdf2str(ldns_rr_owner(q));
		strip_dot(name, sizeof name, text);
		free(text);
		count(p, name, type);
		act = act_for(p, name, type);
		if (act != DNS_PEER_DROP)
			out = dns_zones_answer(p->zones, query, act, udp, outlen);
		if (out != NULL && act == DNS_PEER_GARBAGE)
			memset(out + 12, 0xc1, *outlen - 12);
	}
	ldns_pkt_free(query);
	return out;
}

static void
on_udp(evutil_socket_t fd, short what, void *arg)
{
	struct sockaddr_storage from;
	socklen_t fromlen = sizeof from;
	uint8_t in[4096], *out;
	size_t outlen;
	ssize_t n;

	n = recvfrom(fd, in, sizeof in, 0, (struct sockaddr *)&from, &fromlen);
	if (n <= 0)
		return;
	out = respond(arg, in, (size_t)n, 1, &outlen);
	if (out != NULL)
		(void)!sendto(fd, out, outlen, 0, (struct sockaddr *)&from, fromlen);
	free(out);
}

static void
on_tcp_read(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	uint8_t size[2], *wire, *out;
	size_t len, outlen;

	while (evbuffer_copyout(in, size, 2) == 2) {
		len = (size_t)(size[0] << 8 | size[1]);
		if (evbuffer_get_length(in) < 2 + len)
			return;
		evbuffer_drain(in, 2);
		wire = malloc(len + 1);
		evbuffer_remove(in, wire, len);
		out = respond(c->peer, wire, len, 0, &outlen);
		free(wire);
		if (out != NULL) {
			size[0] = (uint8_t)(outlen >> 8);
			size[1] = (uint8_t)outlen;
			bufferevent_write(bev, size, 2);
			bufferevent_write(bev, out, outlen);
		}
		free(out);
	}
}

static void
conn_free(struct conn *c)
{
	TAILQ_REMOVE(&c->peer->conns, c, link);
	bufferevent_free(c->bev);
	free(c);
}

static void
on_tcp_event(struct bufferevent *bev, short what, void *arg)
{
	conn_free(arg);
}

static void
on_tcp(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa, int len, void *arg)
{
	struct dns_peer *p = arg;
	struct conn *c = calloc(1, sizeof *c);
	struct timeval limit = { 5, 0 };

	c->peer = p;
	c->bev = bufferevent_socket_new(p->base, fd, BEV_OPT_CLOSE_ON_FREE);
	TAILQ_INSERT_TAIL(&p->conns, c, link);
	bufferevent_setcb(c->bev, on_tcp_read, NULL, on_tcp_event, c);
	bufferevent_set_timeouts(c->bev, &limit, &limit);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

/* A port that is free for UDP and TCP alike: a few tries, then give up. */
static int
bind_both(struct dns_peer *p)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof sin;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->udp == -1 || bind(p->udp, (struct sockaddr *)&sin, sizeof sin) == -1 ||
	    getsockname(p->udp, (struct sockaddr *)&sin, &len) == -1)
		abort();
	p->port = ntohs(sin.sin_port);
	p->tcp = evconnlistener_new_bind(p->base, on_tcp, p,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 16, (struct sockaddr *)&sin, sizeof sin);
	if (p->tcp != NULL)
		return 0;
	close(p->udp);
	return -1;
}

struct dns_peer *
dns_peer_new(struct event_base *base)
{
	struct dns_peer *p = calloc(1, sizeof *p);
	int tries = 0;

	p->base = base;
	TAILQ_INIT(&p->conns);
	p->zones = dns_zones_new();
	while (bind_both(p) == -1)
		if (++tries == 20)
			abort();
	p->udp_event = event_new(base, p->udp, EV_READ | EV_PERSIST, on_udp, p);
	event_add(p->udp_event, NULL);
	snprintf(p->address, sizeof p->address, "127.0.0.1:%u", p->port);
	return p;
}

void
dns_peer_free(struct dns_peer **pp)
{
	struct dns_peer *p = *pp;

	if (p == NULL)
		return;
	*pp = NULL;
	while (!TAILQ_EMPTY(&p->conns))
		conn_free(TAILQ_FIRST(&p->conns));
	event_free(p->udp_event);
	close(p->udp);
	evconnlistener_free(p->tcp);
	dns_zones_free(p->zones);
	free(p->anchor);
	free(p);
}

void
dns_peer_zone(struct dns_peer *p, const char *origin, int is_signed, const char *records)
{
	dns_zones_put(p->zones, origin, is_signed, records);
}

void
dns_peer_publish(struct dns_peer *p)
{
	dns_zones_publish(p->zones);
	free(p->anchor);
	p->anchor = dns_zones_anchor(p->zones);
}

uint16_t
dns_peer_port(const struct dns_peer *p)
{
	return p->port;
}

const char *
dns_peer_address(const struct dns_peer *p)
{
	return p->address;
}

const char *
dns_peer_anchor(const struct dns_peer *p)
{
	return p->anchor;
}
