/* SPDX-License-Identifier: ISC */
/* received: our trace field, RFC 5321 s4.4. */
#include "lib/mail/received.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "lib/mail/safe.h"

#define NAME_MAX_SHOWN	255
#define PATH_MAX_SHOWN	320

static int
is_empty(const char *s)
{
	return s == NULL || *s == '\0';
}

/* from HELO (NAME [ADDRESS]) */
static void
add_from(struct buf *out, const struct mail_received *r)
{
	mail_safe_name(out, is_empty(r->helo) ? "unknown" : r->helo, NAME_MAX_SHOWN);
	buf_adds(out, " (");
	if (!is_empty(r->client_name)) {
		mail_safe_name(out, r->client_name, NAME_MAX_SHOWN);
		buf_addc(out, ' ');
	}
	/* RFC 5321 s4.1.3: IPv6 literals carry their tag. */
	if (is_empty(r->client_ip)) {
		buf_adds(out, "[0.0.0.0]");
	} else {
		buf_adds(out, strchr(r->client_ip, ':') != NULL ? "[IPv6:" : "[");
		mail_safe_name(out, r->client_ip, NAME_MAX_SHOWN);
		buf_addc(out, ']');
	}
	buf_addc(out, ')');
}

/* RFC 3848, RFC 6531 s4.3 */
static void
add_protocol(struct buf *out, const struct mail_received *r)
{
	if (r->utf8)
		buf_adds(out, "UTF8SMTP");
	else if (r->esmtp)
		buf_adds(out, "ESMTP");
	else
		buf_adds(out, "SMTP");
	if (!r->utf8 && !r->esmtp)
		return;
	if (r->tls != NULL)
		buf_addc(out, 'S');
	if (r->auth)
		buf_addc(out, 'A');
}

/* A comment of ours: version and cipher. */
static void
add_tls(struct buf *out, const char *tls)
{
	buf_adds(out, "\r\n\t(using ");
	for (; *tls != '\0'; tls++) {
		if (*tls == ' ')
			buf_addc(out, ' ');
		else
			mail_safe_name(out, tls, 1);
	}
	buf_addc(out, ')');
}

void
mail_received_add(struct buf *out, const struct mail_received *r)
{
	char date[64], marker[320];

	buf_adds(out, "Received: from ");
	add_from(out, r);
	if (!is_empty(r->tls))
		add_tls(out, r->tls);
	mail_received_marker(marker, sizeof marker, r->host);
	buf_addf(out, "\r\n\t%s with ", marker);
	add_protocol(out, r);
	if (!is_empty(r->queue_id)) {
		buf_adds(out, " id ");
		mail_safe_name(out, r->queue_id, NAME_MAX_SHOWN);
	}
	if (!is_empty(r->rcpt)) {
		buf_adds(out, "\r\n\tfor <");
		mail_safe_text(out, r->rcpt, PATH_MAX_SHOWN, r->utf8);
		buf_addc(out, '>');
	}
	clock_rfc5322(date, sizeof date, r->when);
	buf_addf(out, ";\r\n\t%s\r\n", date);
}

void
mail_received_marker(char *to, size_t cap, const char *host)
{
	struct buf name;

	buf_init(&name);
	mail_safe_name(&name, host, NAME_MAX_SHOWN);
	str_fmt(to, cap, "by %s (relayd)", buf_str(&name));
	buf_fini(&name);
}
