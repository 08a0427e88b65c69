/* SPDX-License-Identifier: ISC */
/* dsn: delivery status notifications: container, headers, returned message. */
#include "lib/mail/dsn.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/rand.h"
#include "lib/base/str.h"
#include "lib/mail/datain.h"
#include "lib/mail/dsn_int.h"
#include "lib/mail/header.h"
#include "lib/mail/safe.h"

#define BOUNDARY_CAP	64
#define LINE_MAX_OCTETS	998	/* RFC 5322 s2.1.1 */

const struct mail_dsn_action_row mail_dsn_actions[MAIL_DSN__COUNT] = {
	[MAIL_DSN_FAILED] = { "failed", "5.0.0", "45",
	    "Your message could not be delivered to:" },
	[MAIL_DSN_EXPIRED] = { "failed", "4.4.7", "45",
	    "Your message could not be delivered in time, and is given up, to:" },
	[MAIL_DSN_DELAYED] = { "delayed", "4.0.0", "4",
	    "Your message is delayed. It is kept and tried again; you need not send it again.\r\n"
	    "It waits for:" },
	[MAIL_DSN_HELD] = { "delayed", "4.7.0", "4",
	    "Your message was set aside. It is kept, neither delivered nor refused, until an\r\n"
	    "administrator of this mail relay decides about it. It was for:" },
	[MAIL_DSN_DELIVERED] = { "delivered", "2.0.0", "2",
	    "Your message was delivered to:" },
	[MAIL_DSN_RELAYED] = { "relayed", "2.0.0", "2",
	    "Your message was passed on to a server that gives no further reports, for:" },
};

static int
has_action(const struct mail_dsn *d, enum mail_dsn_action action)
{
	for (size_t i = 0; i < d->nrcpts; i++)
		if (d->rcpts[i].action == action)
			return 1;
	return 0;
}

static int
has_failure(const struct mail_dsn *d)
{
	return has_action(d, MAIL_DSN_FAILED) || has_action(d, MAIL_DSN_EXPIRED);
}

/*
 * Only where the address it goes to cannot do without SMTPUTF8: a sender with an ASCII address
 * may be at a server that does not have it, and is told in ASCII (RFC 6533 s3, s6.3).
 */
static int
needs_utf8(const struct mail_dsn *d)
{
	return d->smtputf8 && mail_safe_is_wide(d->sender);
}

/* RFC 3461 s4.3: the whole message only for failures, and only if asked for. */
static int
returns_body(const struct mail_dsn *d)
{
	return d->ret == MAIL_RET_FULL && !d->requiretls && d->whole && has_failure(d) &&
	    d->original_len <= MAIL_DSN_RETURN_MAX;
}

/* Octets of the header block, whole lines only. */
static size_t
header_len(const struct mail_dsn *d)
{
	struct mail_header header;
	const char *lf;
	size_t len;

	mail_header_scan(d->original, d->original_len, d->whole, NULL, &header);
	if (header.len <= MAIL_DSN_RETURN_MAX)
		return header.len;
	len = MAIL_DSN_RETURN_MAX;
	lf = memrchr(d->original, '\n', len);
	return lf == NULL ? 0 : (size_t)(lf - d->original) + 1;
}

/*
 * What is returned of the message. It passes the cleaner once more: stored
 * text is clean, and this makes that a fact here.
 */
static struct mail_datain
copy_original(const struct mail_dsn *d, int body, struct buf *out)
{
	struct mail_datain clean;
	size_t n, used;

	buf_clear(out);
	mail_datain_init(&clean, &(struct mail_datain_param){ .bdat = 1 });
	if (d->original == NULL || d->original_len == 0)
		return clean;
	n = body ? d->original_len : header_len(d);
	mail_datain_feed(&clean, d->original, n, &used, out);
	mail_datain_finish(&clean, out);
	return clean;
}

static void
make_boundary(char *to, const struct buf *returned)
{
	/* Random, so no stored text can hold it; looked for all the same. */
	do {
		str_fmt(to, BOUNDARY_CAP, "=_%016llx%016llx",
		    (unsigned long long)rand_u64(), (unsigned long long)rand_u64());
	} while (buf_len(returned) > 0 &&
	    memmem(buf_data(returned), buf_len(returned), to, strlen(to)) != NULL);
}

static const char *
subject(const struct mail_dsn *d)
{
	if (has_failure(d))
		return "Undelivered mail returned to sender";
	if (has_action(d, MAIL_DSN_HELD))
		return "Delayed mail (set aside)";
	if (has_action(d, MAIL_DSN_DELAYED))
		return "Delayed mail (still being tried)";
	return "Successful mail delivery report";
}

static void
add_message_id(const struct mail_dsn *d, struct buf *out)
{
	buf_adds(out, "Message-ID: <");
	if (d->own_id != NULL && *d->own_id != '\0')
		mail_safe_name(out, d->own_id, MAIL_DSN_NAME_MAX);
	else
		buf_addf(out, "%016llx", (unsigned long long)rand_u64());
	buf_adds(out, ".dsn@");
	mail_safe_name(out, d->host, MAIL_DSN_NAME_MAX);
	buf_adds(out, ">\r\n");
}

/* What a mail program needs to show it beside what it is about. */
static void
add_references(const struct mail_dsn *d, struct buf *out)
{
	const char *id = NULL;
	size_t n = d->original == NULL ? 0 : header_len(d), len = 0;

	if (n > 0)
		id = mail_header_message_id(d->original, n, &len);
	if (id != NULL)
		buf_addf(out, "In-Reply-To: %.*s\r\nReferences: %.*s\r\n", (int)len, id,
		    (int)len, id);
}

static void
add_headers(const struct mail_dsn *d, const struct mail_dsn_made *made, const char *boundary,
    struct buf *out)
{
	buf_adds(out, "From: Mail Delivery System <MAILER-DAEMON@");
	mail_safe_name(out, d->host, MAIL_DSN_NAME_MAX);
	buf_adds(out, ">\r\nTo: <");
	mail_safe_text(out, d->sender, MAIL_DSN_ADDRESS_MAX, made->utf8);
	buf_addf(out, ">\r\nSubject: %s\r\n", subject(d));
	mail_dsn_add_date(out, "Date", d->now);
	add_message_id(d, out);
	add_references(d, out);
	buf_addf(out,
	    "Auto-Submitted: auto-replied\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type=%sdelivery-status;\r\n"
	    "\tboundary=\"%s\"\r\n"
	    "Content-Transfer-Encoding: %s\r\n"
	    "\r\n"
	    "This is a MIME-encapsulated message.\r\n",
	    made->utf8 ? "global-" : "", boundary, made->eightbit ? "8bit" : "7bit");
}

static void
add_part(struct buf *out, const char *boundary, const char *description, const char *type,
    const char *encoding)
{
	buf_addf(out,
	    "\r\n--%s\r\n"
	    "Content-Description: %s\r\n"
	    "Content-Type: %s\r\n"
	    "Content-Transfer-Encoding: %s\r\n"
	    "\r\n",
	    boundary, description, type, encoding);
}

/* RFC 6533 s4, s5: where its header is in UTF-8. */
static const char *
returned_type(int body, int utf8)
{
	if (utf8)
		return body ? "message/global" : "message/global-headers";
	return body ? "message/rfc822" : "text/rfc822-headers";
}

/* The last part. */
static void
add_returned(struct buf *out, const char *boundary, const char *type, const char *encoding,
    const char *s, size_t n)
{
	int body = strcmp(type, "message/rfc822") == 0 || strcmp(type, "message/global") == 0;

	add_part(out, boundary, body ? "Undelivered message" : "Message headers", type, encoding);
	if (strcmp(encoding, "quoted-printable") == 0)
		mail_dsn_add_quoted(out, s, n);
	else
		buf_add(out, s, n);
	buf_addf(out, "\r\n--%s--\r\n", boundary);
}

void
mail_dsn_compose(struct buf *out, const struct mail_dsn *d, struct mail_dsn_made *made)
{
	char boundary[BOUNDARY_CAP];
	struct buf returned;
	struct mail_datain text;
	int body = returns_body(d), quoted;
	const char *plain;

	buf_init(&returned);
	text = copy_original(d, body, &returned);
	/* A text with such lines cannot be encoded here, and is refused by servers that count. */
	if (body && text.longest > LINE_MAX_OCTETS) {
		body = 0;
		text = copy_original(d, body, &returned);
	}
	make_boundary(boundary, &returned);
	made->utf8 = needs_utf8(d);
	/* A header alone may be encoded (RFC 6522 s4, RFC 6533 s5), and every server takes it. */
	quoted = !body && ((text.eightbit && !made->utf8) || text.longest > LINE_MAX_OCTETS);
	made->eightbit = (text.eightbit && !quoted) || made->utf8;
	plain = made->utf8 ? "8bit" : "7bit";

	add_headers(d, made, boundary, out);
	add_part(out, boundary, "Notification",
	    made->utf8 ? "text/plain; charset=utf-8" : "text/plain; charset=us-ascii", plain);
	mail_dsn_add_text(out, d, made->utf8);
	add_part(out, boundary, "Delivery report",
	    made->utf8 ? "message/global-delivery-status" : "message/delivery-status", plain);
	mail_dsn_add_status(out, d, made->utf8);
	add_returned(out, boundary,
	    returned_type(body, made->utf8 || (text.eightbit && d->smtputf8)),
	    quoted ? "quoted-printable" : text.eightbit ? "8bit" : "7bit",
	    buf_data(&returned), buf_len(&returned));
	buf_fini(&returned);
}

/* ---- for a server without 8BITMIME ---- */

/* Octets up to and with what is looked for; 0: it is not there. */
static size_t
behind(const char *s, size_t n, const char *what)
{
	const char *found = n > 0 ? memmem(s, n, what, strlen(what)) : NULL;

	return found == NULL ? 0 : (size_t)(found - s) + strlen(what);
}

/* The boundary that the header names, at the start of a line, where no value can be. 0, or -1. */
static int
read_boundary(const char *s, size_t n, char to[BOUNDARY_CAP])
{
	size_t at = behind(s, n, "\r\n\tboundary=\"");
	const char *end = at > 0 ? memchr(s + at, '"', n - at) : NULL;

	if (end == NULL || (size_t)(end - s) - at >= BOUNDARY_CAP)
		return -1;
	memcpy(to, s + at, (size_t)(end - s) - at);
	to[(size_t)(end - s) - at] = '\0';
	return 0;
}

int
mail_dsn_to_ascii(struct buf *out, const char *s, size_t n)
{
	static const char eight[] = "Content-Transfer-Encoding: 8bit\r\n";
	char boundary[BOUNDARY_CAP], delimiter[BOUNDARY_CAP + 8];
	size_t head = behind(s, n, "\r\n\r\n"), at = head, step, cte = behind(s, head, eight);
	struct mail_header header;
	int global;

	if (cte == 0 || behind(s, head, "; report-type=global-delivery-status;\r\n") > 0 ||
	    read_boundary(s, head, boundary) == -1)
		return -1;
	str_fmt(delimiter, sizeof delimiter, "\r\n--%s\r\n", boundary);
	for (int part = 0; part < 3; part++, at += step)
		if ((step = behind(s + at, n - at, delimiter)) == 0)
			return -1;
	if ((step = behind(s + at, n - at, "\r\n\r\n")) == 0)
		return -1;
	global = behind(s + at, step, "message/global") > 0;
	/* What stands before the part that is left out, without its delimiter. */
	buf_add(out, s, cte - (sizeof eight - 1));
	buf_adds(out, "Content-Transfer-Encoding: 7bit\r\n");
	buf_add(out, s + cte, at - strlen(delimiter) - cte);
	at += step;
	mail_header_scan(s + at, n - at, 1, NULL, &header);
	add_returned(out, boundary, returned_type(0, global), "quoted-printable", s + at, header.len);
	return 0;
}
