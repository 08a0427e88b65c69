/* SPDX-License-Identifier: ISC */
/* header: one pass over a message's header block. */
#include "lib/mail/header.h"

#include <string.h>
#include <strings.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/mail/answer.h"

#define OWN_MAX	3	/* HARDENING I14 */
#define MESSAGE_ID_MAX	250

static const struct {
	const char	*name;
	size_t		 at;
} counted[] = {
	{ "Received", offsetof(struct mail_header, received) },
	{ "From", offsetof(struct mail_header, from) },
	{ "Date", offsetof(struct mail_header, date) },
	{ "Message-ID", offsetof(struct mail_header, message_id) },
	{ "MIME-Version", offsetof(struct mail_header, mime_version) },
};

/*
 * Octets of the field name at the start of a line, 0 if the line is no field.
 * RFC 5322 s2.2; s4.5.8 allows blanks before the colon.
 */
static size_t
field_name(const char *line, size_t n)
{
	size_t len = 0, colon;

	while (len < n && line[len] > 32 && line[len] < 127 && line[len] != ':')
		len++;
	for (colon = len; colon < n && str_is_blank(line[colon]); colon++)
		continue;
	return colon < n && line[colon] == ':' ? len : 0;
}

/* Length of the line with its LF; 0 if the LF is missing. */
static size_t
line_len(const char *p, const char *end)
{
	const char *lf = memchr(p, '\n', (size_t)(end - p));

	return lf == NULL ? 0 : (size_t)(lf - p) + 1;
}

/* End of the field that starts at p: behind its last folded line. NULL: it is cut. */
static const char *
field_end(const char *p, const char *end, int whole)
{
	size_t len;

	do {
		if ((len = line_len(p, end)) == 0)
			return whole ? end : NULL;
		p += len;
	} while (p < end && str_is_blank(*p));
	/* What follows is not known: the next line may still belong to it. */
	return p == end && !whole ? NULL : p;
}

static int
is_no(const char *value, size_t n)
{
	while (n > 0 && (str_is_blank(*value) || *value == '\r' || *value == '\n')) {
		value++;
		n--;
	}
	while (n > 0 && (str_is_blank(value[n - 1]) || value[n - 1] == '\r' || value[n - 1] == '\n'))
		n--;
	return n == 2 && strncasecmp(value, "No", 2) == 0;
}

static int
name_is(const char *name, size_t len, const char *want)
{
	return strlen(want) == len && strncasecmp(name, want, len) == 0;
}

struct scan {
	const char	*marker;
	size_t		 marker_len;
	unsigned	 tls_required, tls_required_no;
};

static void
note_field(struct scan *scan, struct mail_header *h, const char *field, size_t name_len,
    size_t len)
{
	const char *colon = memchr(field, ':', len);
	size_t value_len = len - (size_t)(colon - field) - 1;

	h->fields++;
	for (size_t i = 0; i < LENGTH(counted); i++)
		if (name_is(field, name_len, counted[i].name))
			++*(unsigned *)(void *)((char *)h + counted[i].at);
	if (scan->marker_len > 0 && name_is(field, name_len, "Received") &&
	    memmem(colon + 1, value_len, scan->marker, scan->marker_len) != NULL)
		h->own++;
	if (name_is(field, name_len, "TLS-Required")) {
		scan->tls_required++;
		scan->tls_required_no += (unsigned)is_no(colon + 1, value_len);
	}
}

/* Walks the fields; returns where it stopped. */
static const char *
walk(struct scan *scan, struct mail_header *h, const char *p, const char *end, int whole)
{
	const char *next;
	size_t len, name_len;

	for (; p < end; p = next) {
		len = line_len(p, end);
		if (len == 0 && !whole)
			return p;
		if (len == 0)
			len = (size_t)(end - p);
		h->complete = 1;
		if (p[0] == '\n' || (len > 1 && p[0] == '\r' && p[1] == '\n'))
			return p + len;
		if ((name_len = field_name(p, len)) == 0)
			return p;
		h->complete = 0;
		if (h->fields == MAIL_HEADER_FIELDS_MAX) {
			h->too_many = 1;
			return p;
		}
		if ((next = field_end(p, end, whole)) == NULL)
			return p;
		note_field(scan, h, p, name_len, (size_t)(next - p));
	}
	h->complete = whole;
	return p;
}

static int
has_eightbit(const char *s, size_t n)
{
	unsigned char any = 0;

	for (size_t i = 0; i < n; i++)
		any |= (unsigned char)s[i];
	return any >= 0x80;
}

void
mail_header_scan(const char *text, size_t n, int whole, const char *marker, struct mail_header *h)
{
	struct scan scan = { .marker = marker, .marker_len = marker == NULL ? 0 : strlen(marker) };
	size_t seen = n > MAIL_HEADER_MAX ? MAIL_HEADER_MAX : n;

	memset(h, 0, sizeof *h);
	if (n == 0) {
		h->complete = whole;
		h->fresh_line = 1;
		return;
	}
	h->len = (size_t)(walk(&scan, h, text, text + seen, whole && seen == n) - text);
	h->fresh_line = text[0] != '\r' && text[0] != '\n' && field_name(text, seen) == 0;
	h->too_big = !h->complete && !h->too_many && seen == MAIL_HEADER_MAX;
	h->tls_required_no = scan.tls_required == 1 && scan.tls_required_no == 1;
	h->eightbit = has_eightbit(text, h->len);
}

int
mail_header_judge(const struct mail_header *h, unsigned max_hops, struct mail_answer *answer)
{
	if (h->too_big)
		return mail_answer_set(answer, 552, "5.3.4", "Message header too big");
	if (h->too_many)
		return mail_answer_set(answer, 554, "5.6.0", "Too many header fields");
	if (h->received >= max_hops)
		return mail_answer_set(answer, 554, "5.4.6", "Too many hops");
	if (h->own >= OWN_MAX)
		return mail_answer_set(answer, 554, "5.4.6", "Mail loop");
	return 0;
}

/* RFC 5322 s3.6.4, loosely: "<", no blanks, ">". */
static const char *
message_id(const char *p, const char *end, size_t *len)
{
	const char *id;

	while (p < end && (str_is_blank(*p) || *p == '\r' || *p == '\n'))
		p++;
	if (p == end || *p != '<')
		return NULL;
	for (id = p++; p < end && *p > 32 && *p < 127 && *p != '<' && *p != '>'; p++)
		continue;
	if (p == end || *p != '>' || p - id > MESSAGE_ID_MAX)
		return NULL;
	*len = (size_t)(p - id) + 1;
	return id;
}

const char *
mail_header_message_id(const char *text, size_t n, size_t *len)
{
	static const char name[] = "Message-ID";
	const char *p = text, *end = text + n, *next;

	for (; p < end && (next = field_end(p, end, 1)) != NULL; p = next) {
		size_t named = field_name(p, (size_t)(next - p));
		const char *colon;

		if (named == 0)
			return NULL;	/* the body */
		if (named != sizeof name - 1 || strncasecmp(p, name, named) != 0)
			continue;
		colon = memchr(p, ':', (size_t)(next - p));
		return message_id(colon + 1, next, len);
	}
	return NULL;
}
