/* SPDX-License-Identifier: ISC */
/* stream_tls: a stream's reading, writing and handshake under TLS. See stream.h. */
#include <errno.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include "lib/base/bug.h"
#include "lib/io/stream_int.h"

/* What an SSL_get_error means here; errno and the error queue are those of the call. */
static enum io_end
tls_end(struct io_stream *s, int ssl_err)
{
	s->ssl_err = ssl_err;
	if (ssl_err == SSL_ERROR_ZERO_RETURN)
		return IO_EOF;
	if (ssl_err == SSL_ERROR_SYSCALL) {
		s->err = errno;
		return errno == 0 ? IO_TRUNCATED : IO_ERROR;
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		return IO_TRUNCATED;
	return IO_TLS_FAILED;
}

int
io_stream_tls_read(struct io_stream *s)
{
	size_t before = buf_len(&s->in);
	enum io_end how;
	int n, err;

	do {
		ERR_clear_error();
		errno = 0;
		n = SSL_read(s->ssl, buf_reserve(&s->in, READ_SIZE), (int)READ_SIZE);
		if (n > 0)
			buf_commit(&s->in, (size_t)n);
	} while (n > 0 && SSL_has_pending(s->ssl) && buf_len(&s->in) < s->in_max);
	err = n > 0 ? SSL_ERROR_NONE : SSL_get_error(s->ssl, n);
	s->brimful = n > 0 && SSL_has_pending(s->ssl);
	if (n > 0 || err == SSL_ERROR_WANT_READ || err == SSL_ERROR_WANT_WRITE)
		return buf_len(&s->in) > before;
	how = tls_end(s, err);
	ERR_clear_error();
	/* What came before the end is still heard. */
	if (buf_len(&s->in) > before)
		s->events->input(s->arg);
	if (!s->freed)
		io_stream_end(s, how);
	return -1;
}

ssize_t
io_stream_tls_write(struct io_stream *s)
{
	size_t len = buf_len(&s->out);
	int n, err;

	ERR_clear_error();
	n = SSL_write(s->ssl, buf_data(&s->out), len > 1 << 30 ? 1 << 30 : (int)len);
	if (n > 0)
		return n;
	err = SSL_get_error(s->ssl, n);
	if (err == SSL_ERROR_WANT_WRITE || err == SSL_ERROR_WANT_READ)
		return 0;
	s->ssl_err = err;
	if (err != SSL_ERROR_SYSCALL)
		errno = EPROTO;
	return -1;
}

void
io_stream_tls_step(struct io_stream *s)
{
	int rc, err;

	ERR_clear_error();
	errno = 0;
	rc = SSL_do_handshake(s->ssl);
	if (rc == 1) {
		s->phase = SECURE;
		io_stream_set_writing(s, 0);
		io_stream_set_reading(s, !s->paused);
		s->events->secured(s->arg);
		if (!s->freed && s->phase == SECURE && SSL_has_pending(s->ssl))
			io_stream_kick(s, 1);
		return;
	}
	err = SSL_get_error(s->ssl, rc);
	if (err == SSL_ERROR_WANT_READ || err == SSL_ERROR_WANT_WRITE) {
		io_stream_set_writing(s, err == SSL_ERROR_WANT_WRITE);
		io_stream_set_reading(s, 1);
		return;
	}
	s->err = errno;
	s->ssl_err = err;
	io_stream_end(s, IO_TLS_FAILED);
	ERR_clear_error();
}

int
io_stream_tls(struct io_stream *s, SSL *ssl, int server)
{
	char peek;

	MUST(s->phase == CLEAR && s->ssl == NULL);
	/* RFC 3207 s4.2: what came in clear behind STARTTLS is nobody's command. */
	if (buf_len(&s->in) > 0 ||
	    (s->touched && recv(s->fd, &peek, 1, MSG_PEEK | MSG_DONTWAIT) > 0)) {
		SSL_free(ssl);		/* last words go out in clear */
		return -1;
	}
	s->ssl = ssl;
	SSL_set_fd(ssl, s->fd);
	SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	    SSL_MODE_RELEASE_BUFFERS);
	if (server)
		SSL_set_accept_state(ssl);
	else
		SSL_set_connect_state(ssl);
	buf_fini(&s->in);
	s->phase = CLEAR_DRAIN;
	io_stream_set_reading(s, 0);
	io_stream_kick(s, 0);
	return 0;
}
