/* SPDX-License-Identifier: ISC */
/* wire: buffers, TLS and readiness of one connection. */
#include "tests/bench/wire.h"

#include <err.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>

enum { CHUNK = 32768 };

struct bytes {
	char	*mem;
	size_t	 off, end, cap;
};

struct wire {
	struct event_base	*base;
	const struct wire_events *events;
	void			*arg;
	struct event		*reader, *writer;
	SSL			*ssl;
	struct bytes		 in, out;
	int			 fd;
	int			 connecting, handshaking;
	int			 busy;		/* inside on_ready: free later */
	int			 dead;		/* wire_close() was called */
	int			 blocked;	/* writer is armed */
};

static void	on_ready(evutil_socket_t, short, void *);

static char *
bytes_room(struct bytes *b, size_t n)
{
	if (b->off == b->end)
		b->off = b->end = 0;
	if (b->cap - b->end < n + 1 && b->off > 0) {
		memmove(b->mem, b->mem + b->off, b->end - b->off);
		b->end -= b->off;
		b->off = 0;
	}
	if (b->cap - b->end < n + 1) {
		b->cap = b->end == 0 ? n + 1 : (b->end + n + 1) * 2;
		if ((b->mem = realloc(b->mem, b->cap)) == NULL)
			err(1, "realloc");
	}
	return b->mem + b->end;
}

/* An idle connection keeps no buffer: thousands of them must not cost. */
static void
bytes_rest(struct bytes *b)
{
	if (b->off != b->end || b->cap == 0)
		return;
	free(b->mem);
	memset(b, 0, sizeof *b);
}

struct wire *
wire_new(struct event_base *base, int fd, int connecting, const struct wire_events *events,
    void *arg)
{
	struct wire *w = calloc(1, sizeof *w);
	int on = 1;

	/* Or buffers that come and go would grow and shrink the heap each turn. */
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	if (w == NULL)
		err(1, "calloc");
	w->base = base;
	w->events = events;
	w->arg = arg;
	w->fd = fd;
	w->connecting = connecting;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	w->reader = event_new(base, fd, EV_READ | EV_PERSIST, on_ready, w);
	w->writer = event_new(base, fd, EV_WRITE, on_ready, w);
	if (w->reader == NULL || w->writer == NULL)
		errx(1, "event_new");
	if (connecting) {
		w->blocked = 1;
		event_add(w->writer, NULL);
	} else
		event_add(w->reader, NULL);
	return w;
}

static void
wire_free(struct wire *w)
{
	event_free(w->reader);
	event_free(w->writer);
	SSL_free(w->ssl);
	close(w->fd);
	free(w->in.mem);
	free(w->out.mem);
	free(w);
}

void
wire_close(struct wire **wp)
{
	struct wire *w = *wp;

	*wp = NULL;
	if (w == NULL || w->dead)
		return;
	w->dead = 1;
	if (w->ssl != NULL && !w->handshaking)
		SSL_shutdown(w->ssl);
	if (!w->busy)
		wire_free(w);
}

static void
fail(struct wire *w, const char *why)
{
	if (w->dead)
		return;
	w->dead = 1;
	w->events->closed(w->arg, why);
	if (!w->busy)
		wire_free(w);
}

char *
wire_in(struct wire *w, size_t *len)
{
	*len = w->in.end - w->in.off;
	if (*len == 0)
		return NULL;
	w->in.mem[w->in.end] = '\0';
	return w->in.mem + w->in.off;
}

void
wire_drop(struct wire *w, size_t len)
{
	w->in.off += len;
}

void
wire_add(struct wire *w, const void *data, size_t len)
{
	memcpy(bytes_room(&w->out, len), data, len);
	w->out.end += len;
}

void
wire_adds(struct wire *w, const char *text)
{
	wire_add(w, text, strlen(text));
}

static void
wait_writable(struct wire *w)
{
	w->blocked = 1;
	event_add(w->writer, NULL);
}

/* 1: go on, 0: wait (armed as needed), -1: failed. */
static int
tls_result(struct wire *w, int rc)
{
	switch (SSL_get_error(w->ssl, rc)) {
	case SSL_ERROR_NONE:
		return 1;
	case SSL_ERROR_WANT_READ:
		return 0;
	case SSL_ERROR_WANT_WRITE:
		wait_writable(w);
		return 0;
	default:
		return -1;
	}
}

static const char *
tls_why(struct wire *w)
{
	unsigned long code = ERR_get_error();
	long verify = SSL_get_verify_result(w->ssl);

	ERR_clear_error();
	if (verify != X509_V_OK)
		return X509_verify_cert_error_string(verify);
	return code != 0 ? ERR_reason_error_string(code) : "connection ended";
}

void
wire_flush(struct wire *w)
{
	struct bytes *o = &w->out;
	ssize_t n;

	while (o->end > o->off && !w->blocked && !w->handshaking && !w->dead) {
		if (w->ssl != NULL) {
			int rc = SSL_write(w->ssl, o->mem + o->off, (int)(o->end - o->off));

			if (rc <= 0) {
				if (tls_result(w, rc) == -1)
					fail(w, tls_why(w));
				return;
			}
			n = rc;
		} else {
			n = write(w->fd, o->mem + o->off, o->end - o->off);
			if (n == -1) {
				if (errno == EAGAIN)
					wait_writable(w);
				else if (errno != EINTR)
					fail(w, strerror(errno));
				return;
			}
		}
		o->off += (size_t)n;
	}
}

static void
handshake(struct wire *w)
{
	int rc = SSL_do_handshake(w->ssl);

	if (rc == 1) {
		w->handshaking = 0;
		w->events->secured(w->arg, SSL_session_reused(w->ssl));
		return;
	}
	if (tls_result(w, rc) == -1)
		fail(w, tls_why(w));
}

void
wire_secure(struct wire *w, SSL_CTX *ctx, const char *name)
{
	char sni[256];

	/* What came before the handshake must not count as said under it. */
	w->in.off = w->in.end = 0;
	wire_flush(w);
	if ((w->ssl = SSL_new(ctx)) == NULL || SSL_set_fd(w->ssl, w->fd) != 1)
		errx(1, "SSL_new");
	SSL_set_mode(w->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	    SSL_MODE_RELEASE_BUFFERS);
	w->handshaking = 1;
	if (name == NULL) {
		SSL_set_accept_state(w->ssl);
		return;
	}
	SSL_set_connect_state(w->ssl);
	evutil_snprintf(sni, sizeof sni, "%s", name);
	if (SSL_set_tlsext_host_name(w->ssl, sni) != 1 || SSL_set1_host(w->ssl, name) != 1)
		errx(1, "SSL_set1_host");
	handshake(w);
}

/* One read call in clear; under TLS until OpenSSL holds nothing back. */
static void
take_input(struct wire *w)
{
	struct bytes *b = &w->in;
	size_t before = b->end - b->off;
	ssize_t n;

	if (w->ssl == NULL) {
		n = read(w->fd, bytes_room(b, CHUNK), CHUNK);
		if (n > 0)
			b->end += (size_t)n;
		else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			fail(w, n == 0 ? "connection ended" : strerror(errno));
			return;
		}
	} else {
		do {
			int rc = SSL_read(w->ssl, bytes_room(b, CHUNK), CHUNK);

			if (rc <= 0) {
				if (tls_result(w, rc) == -1) {
					fail(w, tls_why(w));
					return;
				}
				break;
			}
			b->end += (size_t)rc;
		} while (SSL_has_pending(w->ssl));
	}
	if (b->end - b->off > before)
		w->events->input(w->arg);
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct wire *w = arg;
	int error = 0;
	socklen_t len = sizeof error;

	w->busy = 1;
	if (what & EV_WRITE)
		w->blocked = 0;
	if (w->connecting) {
		w->connecting = 0;
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error != 0)
			fail(w, strerror(error));
		else {
			event_add(w->reader, NULL);
			if (w->events->opened != NULL)
				w->events->opened(w->arg);
		}
	} else if (w->handshaking) {
		handshake(w);
		/* The peer's first words may have come along with its Finished. */
		if (!w->dead && !w->handshaking && SSL_has_pending(w->ssl))
			take_input(w);
	} else if (what & EV_READ)
		take_input(w);
	if (!w->dead)
		wire_flush(w);
	bytes_rest(&w->in);
	bytes_rest(&w->out);
	w->busy = 0;
	if (w->dead)
		wire_free(w);
}

static struct sockaddr_in
address_of(const char *text)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	const char *colon = strrchr(text, ':');
	char ip[64];

	if (colon == NULL || (size_t)(colon - text) >= sizeof ip)
		errx(1, "%s: want IPv4:PORT", text);
	memcpy(ip, text, (size_t)(colon - text));
	ip[colon - text] = '\0';
	if (inet_pton(AF_INET, ip, &sin.sin_addr) != 1)
		errx(1, "%s: want IPv4:PORT", text);
	sin.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	return sin;
}

int
wire_listen(const char *address, char *name, size_t cap)
{
	struct sockaddr_in sin = address_of(address);
	socklen_t len = sizeof sin;
	char ip[INET_ADDRSTRLEN];
	int fd, on = 1;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == -1 ||
	    bind(fd, (struct sockaddr *)&sin, sizeof sin) == -1 || listen(fd, 2048) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		err(1, "%s", address);
	inet_ntop(AF_INET, &sin.sin_addr, ip, sizeof ip);
	evutil_snprintf(name, cap, "%s:%u", ip, ntohs(sin.sin_port));
	return fd;
}

int
wire_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd == -1 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		warn("accept");
	return fd;
}

int
wire_connect(const char *address)
{
	struct sockaddr_in sin = address_of(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		err(1, "socket");
	if (connect(fd, (struct sockaddr *)&sin, sizeof sin) == -1 && errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

static SSL_CTX *
context(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
	    "TLS_CHACHA20_POLY1305_SHA256") != 1)
		errx(1, "SSL_CTX_new");
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
	return ctx;
}

SSL_CTX *
wire_server_ctx(const char *cert, const char *key)
{
	SSL_CTX *ctx = context(TLS_server_method());

	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		errx(1, "%s, %s: %s", cert, key, ERR_reason_error_string(ERR_get_error()));
	return ctx;
}

SSL_CTX *
wire_client_ctx(const char *ca)
{
	SSL_CTX *ctx = context(TLS_client_method());

	if (SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1)
		errx(1, "%s: %s", ca, ERR_reason_error_string(ERR_get_error()));
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	return ctx;
}
