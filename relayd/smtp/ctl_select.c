/* SPDX-License-Identifier: ISC */
/* ctl_select: see ctl_select.h. */
#include "relayd/smtp/ctl_select.h"

#include <string.h>
#include <strings.h>

#include "lib/base/str.h"
#include "lib/mail/address.h"
#include "lib/mail/domain.h"
#include "lib/queue/key.h"

static const char *
text_of(const struct ctl_value *v)
{
	return v->given ? v->text : NULL;
}

void
ctl_select_init(struct ctl_select *s, const struct ctl_value v[CTL_SELECT__COUNT])
{
	*s = (struct ctl_select){
		.ids = v[CTL_SELECT_ID].given ? v[CTL_SELECT_ID].ids : NULL,
		.nids = v[CTL_SELECT_ID].given ? v[CTL_SELECT_ID].number : 0,
		.after = v[CTL_SELECT_AFTER].number,
		.sender = text_of(&v[CTL_SELECT_SENDER]),
		.recipient = text_of(&v[CTL_SELECT_RECIPIENT]),
		.domain = text_of(&v[CTL_SELECT_DOMAIN]),
		.reason = text_of(&v[CTL_SELECT_REASON]),
		.older = v[CTL_SELECT_OLDER].given ? (int64_t)v[CTL_SELECT_OLDER].number : -1,
		.state = v[CTL_SELECT_STATE].given ? (int)v[CTL_SELECT_STATE].number : -1,
	};
}

int
ctl_select_is_set(const struct ctl_select *s)
{
	return s->ids != NULL || s->sender != NULL || s->recipient != NULL || s->domain != NULL ||
	    s->reason != NULL || s->older != -1 || s->state != -1;
}

static int
is_utf8(const char *s)
{
	while ((unsigned char)*s > 0 && (unsigned char)*s < 0x80)
		s++;
	return *s != '\0';
}

static int
is_one_of(uint64_t id, const uint64_t *ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ids[i] == id)
			return 1;
	return 0;
}

/* wanted is in A-labels already; rows keep the spelling of the sender. */
static int
domain_matches(const char *wanted, const char *domain)
{
	char ascii[MAIL_DOMAIN_CAP];

	return str_eq_nocase(wanted, domain) || (is_utf8(domain) &&
	    mail_domain_to_ascii(domain, strlen(domain), ascii, NULL) == 0 &&
	    str_eq_nocase(wanted, ascii));
}

static int
address_matches(const char *wanted, const char *address)
{
	const char *domain = mail_address_domain(address), *at = strrchr(wanted, '@');
	size_t local = at != NULL ? (size_t)(at - wanted) : 0;

	if (strcmp(wanted, "<>") == 0)
		return address[0] == '\0';
	if (at == NULL || domain[0] == '\0')
		return str_eq_nocase(wanted, address);
	if (local > 0 && (local + 1 != (size_t)(domain - address) ||
	    strncasecmp(wanted, address, local) != 0))
		return 0;
	return domain_matches(at + 1, domain);
}

static int
why_matches(const char *wanted, const struct why *why)
{
	return why != NULL && why_is_set(why) && (strcmp(wanted, why_token(why->reason)) == 0 ||
	    strcasestr(why->text, wanted) != NULL);
}

static int
reason_matches(const char *wanted, const struct store_rcpt *r, const struct ctl_select_facts *f)
{
	return (r->reason != NULL && strcmp(r->reason, wanted) == 0) ||
	    (r->last != NULL && strcasestr(r->last, wanted) != NULL) ||
	    why_matches(wanted, f->block);
}

int
ctl_select_matches(const struct ctl_select *s, const struct store_message *m,
    const struct store_rcpt *r, const struct ctl_select_facts *f)
{
	return (s->ids == NULL || is_one_of(m->id, s->ids, s->nids)) && m->id > s->after &&
	    (s->older == -1 || f->now - m->created >= s->older) &&
	    (s->state == -1 || s->state == (int)f->state) &&
	    (s->domain == NULL || queue_key_is(r->dest, s->domain)) &&
	    (s->sender == NULL || address_matches(s->sender, m->sender)) &&
	    (s->recipient == NULL || address_matches(s->recipient, r->address)) &&
	    (s->reason == NULL || reason_matches(s->reason, r, f));
}
