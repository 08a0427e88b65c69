/* SPDX-License-Identifier: ISC */
/* dsn_parts: the text for people and the fields for programs, RFC 3464 s2. */
#include "lib/mail/dsn_int.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "lib/mail/safe.h"
#include "lib/mail/xtext.h"

static int
is_set(const char *s)
{
	return s != NULL && *s != '\0';
}

void
mail_dsn_add_date(struct buf *out, const char *name, int64_t ms)
{
	char date[64];

	if (ms == 0)
		return;
	clock_rfc5322(date, sizeof date, ms);
	buf_addf(out, "%s: %s\r\n", name, date);
}

/* RFC 3463 s2: class "." subject "." detail */
static int
is_status(const char *s)
{
	size_t digits;

	if (s[0] < '2' || s[0] > '5' || s[1] != '.')
		return 0;
	digits = strspn(s + 2, "0123456789");
	if (digits < 1 || digits > 3 || s[2 + digits] != '.')
		return 0;
	s += 3 + digits;
	digits = strspn(s, "0123456789");
	return digits >= 1 && digits <= 3 && s[digits] == '\0';
}

const char *
mail_dsn_status(const struct mail_dsn_rcpt *r)
{
	const struct mail_dsn_action_row *row = &mail_dsn_actions[r->action];

	if (is_set(r->status) && is_status(r->status) &&
	    strchr(row->classes, r->status[0]) != NULL)
		return r->status;
	return row->status;
}

static void
add_line(struct buf *out, const char *label, const char *s, int utf8)
{
	if (!is_set(s))
		return;
	buf_adds(out, label);
	mail_safe_text(out, s, MAIL_DSN_TEXT_MAX, utf8);
	buf_adds(out, "\r\n");
}

static void
add_text_rcpt(struct buf *out, const struct mail_dsn_rcpt *r, int utf8)
{
	buf_adds(out, "\r\n  <");
	mail_safe_text(out, r->final, MAIL_DSN_ADDRESS_MAX, utf8);
	buf_adds(out, ">\r\n");
	add_line(out, "    What happened: ", r->words, utf8);
	add_line(out, "    Details: ", r->why, utf8);
	add_line(out, "    Server: ", r->remote_mta, utf8);
	add_line(out, "    It said: ", r->diagnostic, utf8);
	buf_addf(out, "    Code: %s", mail_dsn_status(r));
	if (is_set(r->token)) {
		buf_adds(out, ", reason: ");
		mail_safe_name(out, r->token, MAIL_DSN_NAME_MAX);
	}
	buf_adds(out, "\r\n");
	if (r->action == MAIL_DSN_DELAYED)
		mail_dsn_add_date(out, "    Tried until", r->retry_until);
}

static void
add_text_group(struct buf *out, const struct mail_dsn *d, enum mail_dsn_action action, int utf8)
{
	int first = 1;

	for (size_t i = 0; i < d->nrcpts; i++) {
		if (d->rcpts[i].action != action)
			continue;
		if (first)
			buf_addf(out, "\r\n%s\r\n", mail_dsn_actions[action].intro);
		first = 0;
		add_text_rcpt(out, &d->rcpts[i], utf8);
	}
}

void
mail_dsn_add_text(struct buf *out, const struct mail_dsn *d, int utf8)
{
	buf_adds(out, "This is the mail relay at ");
	mail_safe_name(out, d->host, MAIL_DSN_NAME_MAX);
	buf_adds(out, ".\r\n");
	for (enum mail_dsn_action a = MAIL_DSN_FAILED; a < MAIL_DSN__COUNT; a++)
		add_text_group(out, d, a, utf8);
	buf_adds(out, "\r\nFor questions give your postmaster this number: ");
	mail_safe_name(out, d->queue_id, MAIL_DSN_NAME_MAX);
	buf_adds(out, "\r\n");
}

#define QUOTED_LINE	75	/* octets, and the "=" that joins it with the next */

void
mail_dsn_add_quoted(struct buf *out, const char *s, size_t n)
{
	char shown[4];
	size_t col = 0, len;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		int ends = i + 2 < n && s[i + 1] == '\r' && s[i + 2] == '\n';

		if (c == '\r' && i + 1 < n && s[i + 1] == '\n') {
			buf_adds(out, "\r\n");
			col = 0;
			i++;
			continue;
		}
		/* A dot or "From " at the start of a line is safe here; blanks at its end are not. */
		if (c > 126 || c == '=' || (c < 32 && c != '\t') || (c <= 32 && ends))
			(void)str_fmt(shown, sizeof shown, "=%02X", c);
		else
			(void)str_fmt(shown, sizeof shown, "%c", c);
		len = strlen(shown);
		if (col + len > QUOTED_LINE) {
			buf_adds(out, "=\r\n");
			col = 0;
		}
		buf_add(out, shown, len);
		col += len;
	}
}

/* "Name: type; text", folded at a blank where the line gets long (RFC 5322 s2.2.3). */
static void
add_field(struct buf *out, const char *name, const char *s, int utf8)
{
	struct buf text;
	const char *p, *space;
	size_t left, col = strlen(name);

	if (!is_set(s))
		return;
	buf_init(&text);
	mail_safe_text(&text, s, MAIL_DSN_TEXT_MAX, utf8);
	buf_adds(out, name);
	p = buf_str(&text);
	for (left = buf_len(&text); col + left > 76; left -= (size_t)(space - p), p = space) {
		size_t room = col < 76 ? 76 - col : 1;

		space = memrchr(p + 1, ' ', room < left ? room - 1 : left - 1);
		if (space == NULL)
			space = memchr(p + 1, ' ', left - 1);
		/* Never a line of blanks only (RFC 5322 s3.2.2). */
		if (space == NULL || space[strspn(space, " ")] == '\0')
			break;
		buf_add(out, p, (size_t)(space - p));
		buf_adds(out, "\r\n");
		col = 0;
	}
	buf_add(out, p, left);
	buf_adds(out, "\r\n");
	buf_fini(&text);
}

static void
add_name_field(struct buf *out, const char *name, const char *s)
{
	if (!is_set(s))
		return;
	buf_adds(out, name);
	mail_safe_name(out, s, MAIL_DSN_NAME_MAX);
	buf_adds(out, "\r\n");
}

/* RFC 3464 s2.3.2; RFC 6533 s3 for addresses that are not ASCII. */
static void
add_final_recipient(struct buf *out, const char *final, int utf8)
{
	char address[MAIL_ADDRESS_MAX + 1];
	int wide = mail_safe_is_wide(final);

	buf_addf(out, "Final-Recipient: %s; ", wide ? "utf-8" : "rfc822");
	str_copy(address, final == NULL ? "" : final, sizeof address);
	if (wide && !utf8)
		mail_xtext_encode_utf8(out, address);
	else
		mail_safe_text(out, address, MAIL_DSN_ADDRESS_MAX, utf8);
	buf_adds(out, "\r\n");
}

/* RFC 3464 s2.3.6: what the remote server said, or else our own words. */
static void
add_diagnostic(struct buf *out, const struct mail_dsn_rcpt *r, int utf8)
{
	if (is_set(r->diagnostic))
		add_field(out, "Diagnostic-Code: smtp; ", r->diagnostic, utf8);
	else
		add_field(out, "Diagnostic-Code: x-relayd; ", is_set(r->why) ? r->why : r->words,
		    utf8);
}

static void
add_status_rcpt(struct buf *out, const struct mail_dsn_rcpt *r, int utf8)
{
	buf_adds(out, "\r\n");
	add_field(out, "Original-Recipient: ", r->orcpt, utf8);
	add_final_recipient(out, r->final, utf8);
	buf_addf(out, "Action: %s\r\nStatus: %s\r\n", mail_dsn_actions[r->action].name,
	    mail_dsn_status(r));
	add_name_field(out, "Remote-MTA: dns; ", r->remote_mta);
	add_diagnostic(out, r, utf8);
	mail_dsn_add_date(out, "Last-Attempt-Date", r->last_attempt);
	if (r->action == MAIL_DSN_DELAYED)
		mail_dsn_add_date(out, "Will-Retry-Until", r->retry_until);
	add_name_field(out, "X-Relayd-Reason: ", r->token);
}

void
mail_dsn_add_status(struct buf *out, const struct mail_dsn *d, int utf8)
{
	add_name_field(out, "Reporting-MTA: dns; ", is_set(d->host) ? d->host : "localhost");
	add_field(out, "Original-Envelope-Id: ", d->envid, utf8);
	add_field(out, "Received-From-MTA: dns; ", d->received_from, utf8);
	mail_dsn_add_date(out, "Arrival-Date", d->arrival);
	add_name_field(out, "X-Relayd-Queue-Id: ", d->queue_id);
	for (size_t i = 0; i < d->nrcpts; i++)
		add_status_rcpt(out, &d->rcpts[i], utf8);
}
