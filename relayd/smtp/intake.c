/* SPDX-License-Identifier: ISC */
/* intake: see intake.h. */
#include "relayd/smtp/intake.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/map.h"
#include "lib/base/str.h"
#include "lib/mail/datain.h"
#include "lib/mail/domain.h"
#include "lib/mail/header.h"
#include "lib/mail/queue_id.h"
#include "lib/mail/safe.h"
#include "lib/meter/count.h"
#include "lib/queue/flow.h"
#include "lib/queue/id.h"
#include "lib/queue/key.h"
#include "relayd/smtp/delivlog.h"
#include "relayd/smtp/notice.h"

#define ABUSE_SLACK	(1u << 20)	/* read and dropped beyond the limit at most */
#define APPENDS_MAX	4		/* spool writes on their way before the client waits */

struct intake {
	const struct intake_events	*events;
	void				*arg;		/* NULL: the session has gone */
	const struct intake_sink	*sink;
	struct event_base		*base;
	struct store			*store;
	struct generation		*generation;
	const struct conf_client	*client;
	struct store_message		*msg;
	struct map			*named;		/* recipients; NULL while there is one at most */
	struct mail_datain		 in;
	struct buf			 text;		/* not yet spilled */
	size_t				 trace_len;	/* our own field in front of it */
	int				 wide_trace;	/* which names an address that is not ASCII */
	struct store_spool		*spool;
	unsigned			 appending;
	int				 waiting, committing, judged;
	int64_t				 committed;	/* mono ms: when that began */
	int				 tls_required_no;	/* the header says so (RFC 8689 s3) */
	uint64_t			 octets, spilled;
	struct mail_answer		 refusal;	/* code 0: none so far */
	char				 marker[300];
	const char			*proto;
	char				 tls[80];
};

/* ---- envelope ---- */

static char *
dup_or_null(const char *s)
{
	return s[0] == '\0' ? NULL : must_strdup(s);
}

struct intake *
intake_new(const struct intake_param *p, const struct mail_command *mail,
    const struct intake_events *events, void *arg)
{
	struct intake *in = must_calloc(1, sizeof *in);
	struct store_message *m = must_calloc(1, sizeof *m);

	in->events = events;
	in->arg = arg;
	in->sink = p->sink;
	in->base = p->base;
	in->store = p->store;
	in->generation = generation_ref(p->generation);
	in->client = p->client;
	in->msg = m;
	m->sender = must_strdup(mail->path);
	m->client = must_strdup(p->client_text);
	m->client_name = must_strdup(p->client->name);
	m->envid = dup_or_null(mail->envid);
	m->ret = dup_or_null(mail_ret_name(mail->ret));
	m->flow = queue_flow(p->client_ip, mail->path);
	m->utf8 = mail->smtputf8;
	m->requiretls = mail->requiretls;
	return in;
}

/* 1: it was named before. */
static int
note_named(struct intake *in, const char *address, const char *dest, const char *notify,
    const char *orcpt)
{
	struct buf key;
	int before;

	buf_init(&key);
	buf_add(&key, address, strlen(address) - strlen(mail_address_domain(address)));
	buf_addf(&key, "%s %s %s", dest, notify != NULL ? notify : "", orcpt != NULL ? orcpt : "");
	before = map_put(in->named, buf_data(&key), buf_len(&key), in) != NULL;
	buf_fini(&key);
	return before;
}

/* One mailbox gets one copy, however often it is named; with other wishes it is another. */
static int
is_repeated(struct intake *in, const char *path, const char *dest, const char *notify,
    const char *orcpt)
{
	const struct store_rcpt *first = in->msg->rcpts;

	if (in->msg->nrcpts == 0)
		return 0;
	if (in->named == NULL) {
		in->named = map_new();
		(void)note_named(in, first->address, first->dest, first->notify, first->orcpt);
	}
	return note_named(in, path, dest, notify, orcpt);
}

/* RFC 5321 s4.5.1: RCPT TO:<Postmaster> is for ours, if there is one. */
static const char *
path_of(const struct mail_command *rcpt, const struct conf *conf)
{
	return mail_address_domain(rcpt->path)[0] == '\0' && conf->notices.postmaster[0] != '\0' ?
	    conf->notices.postmaster : rcpt->path;
}

int
intake_rcpt(struct intake *in, const struct mail_command *rcpt, struct mail_answer *answer)
{
	const struct conf *conf = in->generation->conf;
	struct store_message *m = in->msg;
	char dest[MAIL_DOMAIN_CAP], notify[64];
	const char *path = path_of(rcpt, conf), *domain = mail_address_domain(path);
	struct store_rcpt *r;
	struct why why;

	if (m->nrcpts >= (size_t)conf->limits.recipients)
		return mail_answer_set(answer, 452, "4.5.3", "too many recipients");
	if (rcpt->path_utf8 && !m->utf8)
		return mail_answer_set(answer, 553, "5.6.7", "this address needs SMTPUTF8");
	if (domain[0] == '\0')
		return mail_answer_set(answer, 550, "5.1.1", "no mailbox lives here: name a domain");
	if (mail_domain_to_ascii(domain, strlen(domain), dest, &why) == -1)
		return mail_answer_set(answer, 501, "5.1.3", "%s", why.text);
	mail_notify_print(&rcpt->notify, notify, sizeof notify);
	if (is_repeated(in, path, dest, notify, rcpt->orcpt))
		return 0;
	if ((m->nrcpts & (m->nrcpts + 1)) == 0 || m->rcpts == NULL)
		m->rcpts = must_realloc(m->rcpts, 2 * m->nrcpts + 1, sizeof *m->rcpts);
	r = &m->rcpts[m->nrcpts++];
	memset(r, 0, sizeof *r);
	r->address = must_strdup(path);
	r->dest = must_strdup(dest);
	r->orcpt = dup_or_null(rcpt->orcpt);
	r->notify = dup_or_null(notify);
	return 0;
}

/* ---- text ---- */

void
intake_begin(struct intake *in, struct mail_received *trace, int bdat)
{
	const struct conf *conf = in->generation->conf;
	const struct mail_datain_param param = {
		.bdat = bdat,
		.strict = in->client->profile == CONF_PROFILE_STRICT,
		.lenient_eod = in->client->eod == CONF_EOD_LENIENT,
	};
	char qid[MAIL_QUEUE_ID_LEN + 1];

	in->msg->id = queue_id_next();
	in->msg->created = clock_queue_ms();
	mail_queue_id_print(qid, in->msg->id);
	trace->queue_id = qid;
	trace->host = conf->hostname;
	trace->rcpt = in->msg->nrcpts == 1 ? in->msg->rcpts[0].address : NULL;
	trace->utf8 = in->msg->utf8;
	trace->when = clock_wall_ms();
	mail_received_marker(in->marker, sizeof in->marker, conf->hostname);
	mail_received_add(&in->text, trace);
	in->octets = in->trace_len = buf_len(&in->text);
	in->wide_trace = mail_safe_is_wide(buf_str(&in->text));
	mail_datain_init(&in->in, &param);
}

/* What was to be stored is dropped. An aborted spool answers no append any more. */
static void
forget_text(struct intake *in)
{
	buf_fini(&in->text);
	in->store->ops->spool_abort(&in->spool);
	in->appending = 0;
}

/* The first reason to refuse is the one that is told; the text is read on and dropped. */
static void
refuse(struct intake *in, const struct mail_answer *a)
{
	if (in->refusal.code == 0)
		in->refusal = *a;
	forget_text(in);
}

/*
 * A text that begins with no field would become part of ours: it is all body, and an empty line
 * says so. The first line of an mbox file is left to whoever makes something of it.
 */
static void
separate(struct intake *in)
{
	const char *data = buf_data(&in->text), *own = data + in->trace_len;
	size_t n = buf_len(&in->text) - in->trace_len;
	struct mail_header h;
	struct buf text;

	mail_header_scan(own, n, 0, NULL, &h);
	if (n == 0 || !h.fresh_line || (n > 5 && memcmp(own, "From ", 5) == 0))
		return;
	buf_init(&text);
	buf_add(&text, data, in->trace_len);
	buf_adds(&text, "\r\n");
	buf_add(&text, own, n);
	buf_fini(&in->text);
	in->text = text;
}

static void
judge_header(struct intake *in, int whole)
{
	struct mail_answer answer;
	struct mail_header h;

	separate(in);
	mail_header_scan(buf_data(&in->text), buf_len(&in->text), whole, in->marker, &h);
	if (!whole && !h.complete && !h.too_big && !h.too_many)
		return;			/* more of it is needed */
	in->judged = 1;
	in->tls_required_no = h.tls_required_no;
	if (mail_header_judge(&h, (unsigned)in->generation->conf->limits.hops, &answer) == -1)
		refuse(in, &answer);
}

static void
on_appended(void *arg, const struct why *why)
{
	struct intake *in = arg;

	in->appending--;
	if (why_is_set(why) && !in->committing) {	/* else the put fails for it */
		struct mail_answer a;

		mail_answer_set(&a, why->reason == WHY_LOCAL_SPACE ? 452 : 451, why->dsn, "%s",
		    why_words(why->reason));
		refuse(in, &a);
	}
	if (in->waiting && in->appending < APPENDS_MAX) {
		in->waiting = 0;
		in->events->go_on(in->arg);
	}
}

/* What is larger than a row goes to a file while it arrives, so that memory stays bounded. */
static void
spill(struct intake *in)
{
	if (!in->judged)
		judge_header(in, 0);
	if (!in->judged || in->refusal.code != 0)
		return;
	if (in->spool == NULL)
		in->spool = in->store->ops->spool_new(in->store);
	in->appending++;
	in->spilled += buf_len(&in->text);
	in->store->ops->spool_append(in->spool, buf_data(&in->text), buf_len(&in->text),
	    on_appended, in);
	buf_clear(&in->text);
}

static void
check_size(struct intake *in)
{
	struct mail_answer a;
	uint64_t max = in->generation->conf->queue.max_message;

	/* RFC 1870 s5: neither stuffed dots nor our own trace field count. */
	if (in->refusal.code != 0 || in->in.size <= max)
		return;
	mail_answer_set(&a, 552, "5.3.4", "the message is larger than %llu bytes",
	    (unsigned long long)max);
	refuse(in, &a);
}

enum intake_text
intake_text(struct intake *in, const void *data, size_t n, size_t *used)
{
	int refused = in->refusal.code != 0;
	int end = mail_datain_feed(&in->in, data, n, used, refused ? NULL : &in->text);

	in->octets += *used;
	check_size(in);
	if (end)
		return INTAKE_END;
	if (in->octets > in->generation->conf->queue.max_message + ABUSE_SLACK)
		return INTAKE_ABUSE;
	if (in->refusal.code == 0 && buf_len(&in->text) > STORE_INLINE_MAX)
		spill(in);
	if (in->appending >= APPENDS_MAX) {
		in->waiting = 1;
		return INTAKE_WAIT;
	}
	return INTAKE_MORE;
}

uint64_t
intake_octets(const struct intake *in)
{
	return in->octets;
}

int
intake_refused(struct intake *in, struct mail_answer *answer)
{
	struct mail_answer a;

	if (mail_datain_verdict(&in->in, &a) == -1)
		refuse(in, &a);
	if (in->refusal.code == 0)
		return 0;
	*answer = in->refusal;
	return -1;
}

/* ---- commit ---- */

static void
destroy(struct intake *in)
{
	forget_text(in);
	map_free(&in->named);
	store_message_free(&in->msg);
	generation_unref(&in->generation);
	free(in);
}

static void
report(struct intake *in, const struct mail_answer *a)
{
	if (in->arg != NULL)
		in->events->committed(in->arg, a);
}

/*
 * RFC 8689 s4.1: REQUIRETLS overrides the header. The header lets a sender order
 * plaintext, so it counts for clients alone that the configuration lists.
 */
static enum queue_need
need_of(const struct intake *in)
{
	if (in->msg->requiretls)
		return in->msg->sender[0] != '\0' ? QUEUE_REQUIRETLS : QUEUE_REQUIRETLS_NOTICE;
	return in->tls_required_no && in->client->tls_required_no ? QUEUE_TLS_OPTIONAL :
	    QUEUE_ORDINARY;
}

static void
on_put(void *arg, const struct why *why)
{
	struct intake *in = arg;
	struct mail_answer a;
	char qid[MAIL_QUEUE_ID_LEN + 1];

	if (why_is_set(why)) {
		mail_answer_set(&a, why->reason == WHY_LOCAL_SPACE ? 452 : 451, why->dsn, "%s",
		    why_words(why->reason));
		report(in, &a);
	} else {
		mail_queue_id_print(qid, in->msg->id);
		mail_answer_set(&a, 250, "2.0.0", "Ok: queued as %s", qid);
		meter_count_time(METER_ACCEPT, clock_mono_ms() - in->committed);
		delivlog_accepted(in->msg, in->proto, in->tls[0] != '\0' ? in->tls : NULL);
		if (in->tls_required_no)
			delivlog_tls_required_no(in->msg, need_of(in) == QUEUE_TLS_OPTIONAL);
		report(in, &a);
		in->sink->queued(in->sink->arg, in->msg);
		in->msg = NULL;
	}
	destroy(in);
}

/* Behind a turn of the loop, like every other answer. */
static void
on_refused(evutil_socket_t fd, short what, void *arg)
{
	struct intake *in = arg;

	report(in, &in->refusal);
	destroy(in);
}

/* The name in sources[] of the sender's domain, "" for none and for the null sender. */
static const char *
source_of(const struct intake *in)
{
	const char *domain = mail_address_domain(in->msg->sender);
	const struct conf_source *s;
	char ascii[MAIL_DOMAIN_CAP];
	struct why why;

	if (mail_domain_to_ascii(domain, strlen(domain), ascii, &why) == -1)
		return "";
	s = conf_source_of(in->generation->conf, ascii);
	return s != NULL ? s->name : "";
}

static void
set_key(struct store_rcpt *r, enum queue_need need, const char *client, const char *source)
{
	char key[QUEUE_KEY_CAP];

	if (need == QUEUE_ORDINARY && source[0] == '\0')
		return;
	queue_key_print(key, r->dest, need, client, source);
	free(r->dest);
	r->dest = must_strdup(key);
}

/* Before the destination becomes a key. */
static void
hold_by_rule(const struct intake *in, struct store_rcpt *r)
{
	const struct conf_destination *d = conf_destination_of(in->generation->conf, r->dest);
	const char *origin = in->client->hold ? in->client->origin :
	    d != NULL && d->hold ? d->origin : NULL;
	char text[200];

	if (origin == NULL)
		return;
	(void)str_fmt(text, sizeof text, "held by rule %s", origin);
	r->state = STORE_HELD;
	r->due = notice_held_look(in->generation->conf, in->msg->created, 0);
	r->last = must_strdup(text);
}

static void
put(struct intake *in)
{
	struct store_message *m = in->msg;
	int64_t now = clock_queue_ms();

	for (size_t i = 0; i < m->nrcpts; i++) {
		m->rcpts[i].due = now;
		hold_by_rule(in, &m->rcpts[i]);
		set_key(&m->rcpts[i], need_of(in), in->client->name, source_of(in));
	}
	m->eightbit = in->in.eightbit || in->wide_trace;
	if (in->spool == NULL) {
		m->body = must_calloc(1, sizeof *m->body);
		m->body->refs = 1;
		m->body->size = m->size = buf_len(&in->text);
		buf_take(&in->text, &m->body->data, NULL);
	} else {
		m->size = in->spilled;
	}
	in->store->ops->put(in->store, m, in->spool, on_put, in);
	in->spool = NULL;
}

void
intake_commit(struct intake *in, const char *proto, const char *tls)
{
	static const struct timeval now;
	struct mail_answer a;

	in->committing = 1;
	in->committed = clock_mono_ms();
	in->proto = proto;
	str_copy(in->tls, tls != NULL ? tls : "", sizeof in->tls);
	if (in->in.param.bdat)
		mail_datain_finish(&in->in, in->refusal.code == 0 ? &in->text : NULL);
	if (mail_datain_verdict(&in->in, &a) == -1)
		refuse(in, &a);
	if (in->refusal.code == 0 && !in->judged)
		judge_header(in, 1);
	if (in->refusal.code == 0 && in->spool != NULL && buf_len(&in->text) > 0)
		spill(in);
	if (in->refusal.code == 0) {
		put(in);
		return;
	}
	event_base_once(in->base, -1, EV_TIMEOUT, on_refused, in, &now);
}

void
intake_free(struct intake **inp)
{
	struct intake *in = *inp;

	*inp = NULL;
	if (in == NULL)
		return;
	if (in->committing)
		in->arg = NULL;
	else
		destroy(in);
}
