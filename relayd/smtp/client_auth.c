/* SPDX-License-Identifier: ISC */
/*
 * client_auth: logging in to a next hop (RFC 4954), AUTH PLAIN (RFC 4616) or
 * LOGIN. Reached behind ADMIT alone, and only if plan_admits_login says so;
 * what the server offered in clear is forgotten by then. Nothing that the
 * server says here is logged or kept but its codes: it could be our secret.
 */
#include <openssl/evp.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/plan/admit.h"
#include "relayd/smtp/client_int.h"

#define SECRET_MAX	512		/* NUL, name, NUL, password */
#define LINE_MAX_OCTETS	512		/* RFC 5321 s4.5.3.1.4: of a command line */

static const struct via *
login_of(const struct client *c)
{
	return generation_login(c->generation, c->target->requirement.login);
}

static int
plain(const struct client *c, const struct via *v)
{
	return c->ehlo.auth_plain && v->auth != CONF_AUTH_LOGIN;
}

static int
offered(const struct client *c, const struct via *v)
{
	return plain(c, v) || (c->ehlo.auth_login && v->auth != CONF_AUTH_PLAIN);
}

enum client_state
client_auth_begin(struct client *c)
{
	const struct via *v = login_of(c);
	struct why why;

	if (c->target->requirement.login == 0 || c->logged_in)
		return CLIENT_IDLE;
	if (plan_admits_login(&c->route->plan, &c->target->requirement, &c->facts, &why) == -1)
		return client_fail(c, &why);
	if (v == NULL)
		return client_failf(c, WHY_AUTH_FAILED, "the credentials are not loaded");
	if (!offered(c, v))
		return client_failf(c, WHY_AUTH_FAILED, c->ehlo.auth[0] != '\0' ?
		    "the server offers no way to log in that is wanted, but %s" :
		    "the server offers no AUTH under TLS%s", c->ehlo.auth);
	c->auth_step = 0;
	return CLIENT_AUTH;
}

/* ---- what is sent ---- */

static void
send_base64(struct client *c, const char *before, const void *p, size_t n)
{
	unsigned char text[SECRET_MAX * 4 / 3 + 8];

	MUST(n <= SECRET_MAX);
	(void)EVP_EncodeBlock(text, p, (int)n);
	client_command(c, "%s%s", before, (const char *)text);
	explicit_bzero(text, sizeof text);
}

/* RFC 4954 s4: an initial response only where it fits into a command line. */
static int
fits(size_t n)
{
	return sizeof "AUTH PLAIN " - 1 + (n + 2) / 3 * 4 + 2 <= LINE_MAX_OCTETS;
}

static void
send_plain(struct client *c, const struct via *v)
{
	size_t name = strlen(v->username), n = name + v->password_len + 2;
	char secret[SECRET_MAX] = "";

	MUST(n <= sizeof secret);
	memcpy(secret + 1, v->username, name);
	memcpy(secret + name + 2, v->password, v->password_len);
	if (c->auth_step == 0 && !fits(n))
		client_command(c, "AUTH PLAIN");
	else
		send_base64(c, c->auth_step == 0 ? "AUTH PLAIN " : "", secret, n);
	explicit_bzero(secret, sizeof secret);
}

static void
send_login(struct client *c, const struct via *v)
{
	if (c->auth_step == 0)
		client_command(c, "AUTH LOGIN");
	else if (c->auth_step == 1)
		send_base64(c, "", v->username, strlen(v->username));
	else
		send_base64(c, "", v->password, v->password_len);
}

static unsigned
parts(const struct client *c, const struct via *v)
{
	if (!plain(c, v))
		return 3;
	return fits(strlen(v->username) + v->password_len + 2) ? 1 : 2;
}

void
client_auth_send(struct client *c)
{
	const struct via *v = login_of(c);

	if (plain(c, v))
		send_plain(c, v);
	else
		send_login(c, v);
	c->auth_step++;
}

/* ---- what comes back ---- */

enum client_state
client_auth_reply(struct client *c, const struct mail_reply *r)
{
	const struct via *v = login_of(c);
	unsigned n = parts(c, v);

	if (r->code == 334 && c->auth_step < n)
		return CLIENT_AUTH;
	if (r->code == 235 && c->auth_step == n) {
		c->logged_in = 1;
		return CLIENT_IDLE;
	}
	if (r->code < 400)
		return client_failf(c, WHY_PROTOCOL_ERROR, "unexpected reply (AUTH): %d", r->code);
	return client_failf(c, WHY_AUTH_FAILED, "the server refused to log in \"%s\": %d%s%s",
	    v->username, r->code, r->dsn[0] != '\0' ? " " : "", r->dsn);
}
