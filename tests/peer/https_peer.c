/* SPDX-License-Identifier: ISC */
/* https_peer: see https_peer.h. One thread accepts, one serves each connection. */
#include "tests/peer/https_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "tests/peer/https_cert.h"

#define CONNECTIONS_MAX	128
#define TICK_MS		50

struct https_peer {
	struct https_certs	*certs;
	int			 fd;
	uint16_t		 port;
	atomic_int		 stop;
	pthread_t		 acceptor;
	pthread_mutex_t		 lock;		/* of all below */
	struct https_script	 script;
	char			 request[8192];
	unsigned		 connections, open, most;
	pthread_t		 threads[CONNECTIONS_MAX];
	size_t			 nthreads;
};

struct visit {
	struct https_peer	*peer;
	int			 fd;
	struct https_script	 script;
};

static int
stopped(struct https_peer *p)
{
	return atomic_load(&p->stop);
}

/* Sits still until the client goes or the peer ends. */
static void
sit(struct visit *v)
{
	struct pollfd pfd = { .fd = v->fd, .events = POLLRDHUP };

	while (!stopped(v->peer) && poll(&pfd, 1, TICK_MS) == 0)
		;
}

static int
read_request(struct visit *v, SSL *ssl)
{
	char buf[8192];
	size_t len = 0;
	int n;

	while (len < sizeof buf - 1 && !stopped(v->peer)) {
		n = SSL_read(ssl, buf + len, (int)(sizeof buf - 1 - len));
		if (n <= 0)
			return -1;
		len += (size_t)n;
		buf[len] = '\0';
		if (strstr(buf, "\r\n\r\n") != NULL)
			break;
	}
	pthread_mutex_lock(&v->peer->lock);
	memcpy(v->peer->request, buf, len + 1);
	pthread_mutex_unlock(&v->peer->lock);
	return 0;
}

static void
respond(struct visit *v, SSL *ssl)
{
	static const char chunk[] = "40\r\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";

	if (SSL_write(ssl, v->script.response, (int)strlen(v->script.response)) <= 0)
		return;
	if (v->script.act == HTTPS_ENDLESS)
		while (!stopped(v->peer) && SSL_write(ssl, chunk, sizeof chunk - 1) > 0)
			;
	else if (v->script.act == HTTPS_STALL)
		sit(v);
	else if (v->script.act != HTTPS_CUT)
		SSL_shutdown(ssl);
}

static void
serve(struct visit *v)
{
	SSL_CTX *ctx = https_certs_ctx(v->peer->certs, v->script.cert);
	SSL *ssl;

	if (v->script.act == HTTPS_TLS10) {
		SSL_CTX_set_security_level(ctx, 0);
		SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
		SSL_CTX_set_max_proto_version(ctx, TLS1_VERSION);
	}
	ssl = SSL_new(ctx);
	SSL_set_fd(ssl, v->fd);
	if (SSL_accept(ssl) == 1 && read_request(v, ssl) == 0)
		respond(v, ssl);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

static void *
visit_main(void *arg)
{
	struct visit *v = arg;
	struct timeval limit = { 2, 0 };

	setsockopt(v->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(v->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (v->script.act == HTTPS_MUTE)
		sit(v);
	else if (v->script.act == HTTPS_PLAIN)
		(void)!write(v->fd, v->script.response, strlen(v->script.response));
	else
		serve(v);
	close(v->fd);
	pthread_mutex_lock(&v->peer->lock);
	v->peer->open--;
	pthread_mutex_unlock(&v->peer->lock);
	free(v);
	return NULL;
}

static void
take(struct https_peer *p, int fd)
{
	struct visit *v;

	pthread_mutex_lock(&p->lock);
	if (p->nthreads == CONNECTIONS_MAX) {
		close(fd);
		goto out;
	}
	v = calloc(1, sizeof *v);
	v->peer = p;
	v->fd = fd;
	v->script = p->script;
	p->connections++;
	if (++p->open > p->most)
		p->most = p->open;
	if (pthread_create(&p->threads[p->nthreads++], NULL, visit_main, v) != 0)
		abort();
out:
	pthread_mutex_unlock(&p->lock);
}

static void *
acceptor_main(void *arg)
{
	struct https_peer *p = arg;
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
	int fd;

	while (!stopped(p)) {
		if (poll(&pfd, 1, TICK_MS) <= 0)
			continue;
		fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd != -1)
			take(p, fd);
	}
	return NULL;
}

struct https_peer *
https_peer_new(const char *host)
{
	struct https_peer *p = calloc(1, sizeof *p);
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof sin;

	p->certs = https_certs_new(host);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (p->fd == -1 || bind(p->fd, (struct sockaddr *)&sin, sizeof sin) == -1 ||
	    listen(p->fd, 64) == -1 || getsockname(p->fd, (struct sockaddr *)&sin, &len) == -1)
		abort();
	p->port = ntohs(sin.sin_port);
	pthread_mutex_init(&p->lock, NULL);
	if (pthread_create(&p->acceptor, NULL, acceptor_main, p) != 0)
		abort();
	return p;
}

void
https_peer_free(struct https_peer **pp)
{
	struct https_peer *p = *pp;

	if (p == NULL)
		return;
	*pp = NULL;
	atomic_store(&p->stop, 1);
	pthread_join(p->acceptor, NULL);
	for (size_t i = 0; i < p->nthreads; i++)
		pthread_join(p->threads[i], NULL);
	close(p->fd);
	pthread_mutex_destroy(&p->lock);
	https_certs_free(p->certs);
	free(p);
}

uint16_t
https_peer_port(const struct https_peer *p)
{
	return p->port;
}

const char *
https_peer_ca(const struct https_peer *p)
{
	return https_certs_ca(p->certs);
}

void
https_peer_script(struct https_peer *p, const struct https_script *s)
{
	pthread_mutex_lock(&p->lock);
	p->script = *s;
	pthread_mutex_unlock(&p->lock);
}

static unsigned
locked(struct https_peer *p, const unsigned *n)
{
	unsigned v;

	pthread_mutex_lock(&p->lock);
	v = *n;
	pthread_mutex_unlock(&p->lock);
	return v;
}

unsigned
https_peer_connections(struct https_peer *p)
{
	return locked(p, &p->connections);
}

unsigned
https_peer_most(struct https_peer *p)
{
	return locked(p, &p->most);
}

const char *
https_peer_request(struct https_peer *p)
{
	return p->request;
}
