/* SPDX-License-Identifier: ISC */
/* notice: see notice.h. */
#include "relayd/smtp/notice.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/conf/conf.h"
#include "lib/mail/address.h"
#include "lib/mail/domain.h"
#include "lib/mail/queue_id.h"
#include "lib/meter/count.h"
#include "lib/queue/delay.h"
#include "lib/queue/id.h"
#include "relayd/smtp/notice_cap.h"

#define HELD_LOOK_MS	((int64_t)24 * 60 * 60 * 1000)	/* the steps may be changed */
#define HEADERS_MAX	65536
#define HEADERS_FEW	8192	/* of the original, where all of it makes the notice too large */

/* ---- what is told ---- */

static int
is_failure(enum mail_dsn_action action)
{
	return action == MAIL_DSN_FAILED || action == MAIL_DSN_EXPIRED;
}

static int
wanted(const struct store_rcpt *rcpt, enum mail_dsn_action action)
{
	struct mail_notify n = { 0 };

	if (rcpt->notify == NULL || mail_notify_parse(rcpt->notify, &n) == -1 || !n.given)
		return action != MAIL_DSN_RELAYED && action != MAIL_DSN_DELIVERED;
	if (n.never)
		return 0;
	switch (action) {
	case MAIL_DSN_FAILED:
	case MAIL_DSN_EXPIRED:
		return n.failure;
	case MAIL_DSN_DELAYED:
	case MAIL_DSN_HELD:
		return n.delay;
	case MAIL_DSN_DELIVERED:
	case MAIL_DSN_RELAYED:
		return n.success;
	case MAIL_DSN__COUNT:
		break;
	}
	return 0;
}

void
notice_init(struct notice *n, const struct job *job, const struct conf *conf)
{
	*n = (struct notice){ .job = job, .conf = conf };
	buf_init(&n->headers);
}

static void
forget_made(struct notice *n)
{
	free(n->made);
	free(n->messages);
	n->made = NULL;
	n->messages = NULL;
	n->nmade = 0;
}

void
notice_fini(struct notice *n)
{
	forget_made(n);
	buf_fini(&n->headers);
	free(n->rcpts);
	n->rcpts = NULL;
}

/* A notice about a notice goes to nobody else, and never round in a circle. */
static int
is_for_postmaster(struct notice *n, const struct store_rcpt *rcpt, enum mail_dsn_action action)
{
	const char *postmaster = n->conf->notices.postmaster;

	if (!is_failure(action))
		return 0;
	if (n->norphans++ == 0)
		n->orphan = rcpt->address;
	return postmaster[0] != '\0' && strcasecmp(postmaster, rcpt->address) != 0;
}

void
notice_add(struct notice *n, size_t i, enum mail_dsn_action action, const char *dsn,
    const char *remote, int64_t until)
{
	const struct store_rcpt *rcpt = &n->job->msg->rcpts[i];
	const struct job_result *r = &n->job->results[i];
	int success = action == MAIL_DSN_RELAYED || action == MAIL_DSN_DELIVERED;

	if (!wanted(rcpt, action) ||
	    (n->job->msg->sender[0] == '\0' && !is_for_postmaster(n, rcpt, action)))
		return;
	if (n->rcpts == NULL)
		n->rcpts = must_calloc(n->job->msg->nrcpts, sizeof *n->rcpts);
	n->rcpts[n->n++] = (struct mail_dsn_rcpt){
		.final = rcpt->address, .orcpt = rcpt->orcpt, .action = action, .status = dsn,
		.words = success ? NULL : why_words(r->why.reason),
		.token = success ? NULL : why_token(r->why.reason),
		.why = success ? NULL : r->why.text, .remote_mta = remote,
		.diagnostic = r->remote || success ? r->reply : NULL,
		/* What waits, or what an administrator gives up, was not tried just now. */
		.last_attempt = n->job->waiting || n->job->settled != NULL ? 0 : clock_wall_ms(),
		.retry_until = clock_queue_to_wall(until),
	};
}

static int
has_failure(const struct notice *n)
{
	for (size_t i = 0; i < n->n; i++)
		if (is_failure(n->rcpts[i].action))
			return 1;
	return 0;
}

/* ---- to whom ---- */

/* The first of its hour; how many there were is said when that is over. */
static void
log_suppressed(const struct notice *n, const char *address)
{
	char qid[MAIL_QUEUE_ID_LEN + 1];
	struct buf b;
	const struct log_kv kv[] = {
		LOG_STR("qid", qid), LOG_STR("to", address),
	};

	mail_queue_id_print(qid, n->job->msg->id);
	buf_init(&b);
	buf_addf(&b, "%s: warning: no notice to <%s>: more than %d within an hour; "
	    "the others are counted",
	    qid, address, n->conf->notices.per_sender);
	log_event(LOG_LVL_WARNING, "bounce", "notice-suppressed", buf_str(&b), kv, LENGTH(kv));
	buf_fini(&b);
}

static void
add_target(struct notice *n, const char *address, struct notice_cap *cap)
{
	struct notice_target *to = &n->to[n->nto];
	const char *domain = mail_address_domain(address);
	char ascii[MAIL_DOMAIN_CAP];
	uint64_t suppressed;

	if (domain == NULL || mail_domain_to_ascii(domain, strlen(domain), ascii, NULL) == -1) {
		log_warning("no notice to <%s>: its domain is not valid", address);
		return;
	}
	if (!notice_cap_take(cap, address, (unsigned)n->conf->notices.per_sender, clock_queue_ms(),
	    &suppressed)) {
		meter_count(METER_SUPPRESSED, 0, 0);
		if (suppressed == 1)
			log_suppressed(n, address);
		return;
	}
	to->address = address;
	queue_key_print(to->dest, ascii,		/* RFC 8689 s5 */
	    n->job->msg->requiretls ? QUEUE_REQUIRETLS_NOTICE : QUEUE_ORDINARY, "", "");
	n->nto++;
}

int
notice_address(struct notice *n, struct notice_cap *cap)
{
	const char *postmaster = n->conf->notices.postmaster;

	if (n->n == 0)
		return 0;
	if (n->job->msg->sender[0] != '\0')
		add_target(n, n->job->msg->sender, cap);
	if (postmaster[0] != '\0' && has_failure(n) &&
	    strcasecmp(postmaster, n->job->msg->sender) != 0)
		add_target(n, postmaster, cap);
	return n->nto > 0;
}

/* ---- the start of the original ---- */

static void
take_headers(struct notice *n, const char *data, size_t len)
{
	buf_add(&n->headers, data, len < HEADERS_MAX ? len : HEADERS_MAX);
	n->read(n->arg);
}

static void
on_headers(void *arg, const struct why *why, const char *data, size_t len)
{
	take_headers(arg, data, why_is_set(why) ? 0 : len);
}

static void
use_body(struct notice *n, struct store_body *body)
{
	if (body->data != NULL)
		take_headers(n, body->data, body->size);
	else
		n->store->ops->read(n->store, body, 0, HEADERS_MAX, on_headers, n);
}

static void
on_body(void *arg, const struct why *why, struct store_body *body)
{
	struct notice *n = arg;

	if (body == NULL) {	/* a notice without the headers is better than none */
		n->read(n->arg);
		return;
	}
	use_body(n, body);
	store_body_unref(&body);
}

void
notice_read(struct notice *n, struct store *store, void (*done)(void *), void *arg)
{
	const struct store_message *m = n->job->msg;

	n->store = store;
	n->read = done;
	n->arg = arg;
	if (m->body != NULL)
		use_body(n, m->body);
	else
		store->ops->body(store, m->id, on_body, n);
}

/* ---- the messages ---- */

/* RFC 3464 s2.2.4: "unknown[192.0.2.1]" is no name of an MTA, the literal in it is one. */
static const char *
received_from(const struct store_message *m, char *to, size_t cap)
{
	const char *ip = m->client != NULL ? strrchr(m->client, '[') : NULL;

	if (ip == NULL)
		return m->client;
	(void)str_fmt(to, cap, strchr(ip, ':') != NULL ? "[IPv6:%s" : "[%s", ip + 1);
	return to;
}

static void
compose(struct notice *n, size_t from, size_t count, size_t original, size_t to, uint64_t id,
    struct buf *text, struct mail_dsn_made *made)
{
	const struct store_message *m = n->job->msg;
	char qid[MAIL_QUEUE_ID_LEN + 1], own[MAIL_QUEUE_ID_LEN + 1], from_mta[80];
	const struct mail_dsn dsn = {
		.host = n->conf->hostname, .queue_id = qid, .own_id = own,
		.sender = n->to[to].address, .envid = m->envid,
		.received_from = received_from(m, from_mta, sizeof from_mta),
		.arrival = clock_queue_to_wall(m->created), .now = clock_wall_ms(), .smtputf8 = m->utf8,
		/* The postmaster is told what happened, not what was written. */
		.requiretls = m->requiretls || n->to[to].address != m->sender,
		.ret = mail_ret_of(m->ret != NULL ? m->ret : ""),
		.original = buf_str(&n->headers), .original_len = original,
		.whole = original == m->size, .rcpts = n->rcpts + from, .nrcpts = count,
	};

	buf_clear(text);
	mail_queue_id_print(qid, m->id);
	mail_queue_id_print(own, id);
	mail_dsn_compose(text, &dsn, made);
}

static void
keep(struct notice *n, size_t to, uint64_t id, struct buf *text, const struct mail_dsn_made *made)
{
	struct store_message *m = must_calloc(1, sizeof *m);
	size_t len;

	m->id = id;
	m->sender = must_strdup("");
	m->created = clock_queue_ms();
	m->eightbit = made->eightbit;
	m->utf8 = made->utf8;
	m->requiretls = n->job->msg->requiretls;	/* RFC 8689 s5 */
	m->body = must_calloc(1, sizeof *m->body);
	m->body->refs = 1;
	buf_take(text, &m->body->data, &len);
	m->body->size = m->size = len;
	m->nrcpts = 1;
	m->rcpts = must_calloc(1, sizeof *m->rcpts);
	m->rcpts[0].address = must_strdup(n->to[to].address);
	m->rcpts[0].dest = must_strdup(n->to[to].dest);
	m->rcpts[0].due = m->created;
	n->messages = must_realloc(n->messages, n->nmade + 1, sizeof(struct store_message *));
	n->made = must_realloc(n->made, n->nmade + 1, sizeof *n->made);
	n->messages[n->nmade] = m;
	n->made[n->nmade++] = (struct notice_made){ .id = id, .to = to };
}

/*
 * The store takes a notice up to a certain size. Less of the original, then
 * none of it, then two notices: each recipient is told in any case.
 */
static void
make_one(struct notice *n, size_t to, size_t from, size_t count)
{
	const size_t all = buf_len(&n->headers);
	const size_t originals[] = { all, all < HEADERS_FEW ? all : HEADERS_FEW, 0 };
	struct mail_dsn_made made;
	uint64_t id = queue_id_next();
	struct buf text;

	buf_init(&text);
	for (size_t i = 0; i < LENGTH(originals); i++) {
		compose(n, from, count, originals[i], to, id, &text, &made);
		if (buf_len(&text) <= STORE_INLINE_MAX)
			break;
	}
	if (buf_len(&text) <= STORE_INLINE_MAX || count == 1) {
		keep(n, to, id, &text, &made);
	} else {
		make_one(n, to, from, count / 2);
		make_one(n, to, from + count / 2, count - count / 2);
	}
	buf_fini(&text);
}

void
notice_make(struct notice *n)
{
	forget_made(n);
	for (size_t to = 0; to < n->nto; to++)
		make_one(n, to, 0, n->n);
}

static enum meter_kind
kind_of(const struct notice *n)
{
	if (has_failure(n))
		return METER_NON_DELIVERY;
	return n->rcpts[0].action == MAIL_DSN_DELAYED || n->rcpts[0].action == MAIL_DSN_HELD ?
	    METER_DELAYED : METER_RELAYED;
}

static const char *
kind(const struct notice *n)
{
	return meter_label_word(METER_KIND, kind_of(n));
}

static void
log_orphan(const struct notice *n)
{
	const char *done = n->nto > 0 ? "the postmaster is told" : "it is dropped";
	char qid[MAIL_QUEUE_ID_LEN + 1];
	struct buf b;
	const struct log_kv kv[] = {
		LOG_STR("qid", qid), LOG_STR("to", n->orphan),
		LOG_NUM("nrcpt", (int64_t)n->norphans), LOG_STR("done", done),
	};

	mail_queue_id_print(qid, n->job->msg->id);
	buf_init(&b);
	buf_addf(&b, "%s: warning: mail without a sender, such as a notice, cannot be delivered to "
	    "<%s>%s: %s", qid, n->orphan, n->norphans > 1 ? " and others" : "", done);
	log_event(LOG_LVL_WARNING, "bounce", "double-bounce", buf_str(&b), kv, LENGTH(kv));
	meter_count(METER_DOUBLE_BOUNCES, 0, 0);
	buf_fini(&b);
}

static void
log_made(const struct notice *n)
{
	char qid[MAIL_QUEUE_ID_LEN + 1], own[MAIL_QUEUE_ID_LEN + 1], text[128];
	const struct log_kv kv[] = {
		LOG_STR("qid", qid), LOG_STR("notice", own), LOG_STR("kind", kind(n)),
	};

	mail_queue_id_print(qid, n->job->msg->id);
	for (size_t i = 0; i < n->nmade; i++) {
		const char *to = n->made[i].to == 0 && n->to[0].address == n->job->msg->sender ?
		    "sender" : "postmaster";

		mail_queue_id_print(own, n->made[i].id);
		str_fmt(text, sizeof text, "%s: %s %s notification: %s", qid, to, kind(n), own);
		log_event(LOG_LVL_INFO, "bounce", "notice", text, kv, LENGTH(kv));
		meter_count(METER_NOTICES, kind_of(n), 0);
	}
}

void
notice_log(const struct notice *n)
{
	if (n->norphans > 0)
		log_orphan(n);
	if (n->nmade > 0)
		log_made(n);
}

/* ---- when a delay is told ---- */

static const struct conf_durations *
steps_of(const struct conf *conf, enum why_reason reason)
{
	if (reason == WHY_HELD || reason == WHY_CORRUPT)
		return &conf->notices.delay_held;
	return why_tlsrpt(reason)[0] != '\0' ? &conf->notices.delay_tls : &conf->notices.delay;
}

int64_t
notice_delay_after(const struct conf *conf, int64_t created, const struct why *why, int64_t now)
{
	const struct conf_durations *steps = steps_of(conf, why->reason);

	return queue_delay_next(steps->v, steps->n, created, now);
}

int64_t
notice_held_look(const struct conf *conf, int64_t created, int64_t warned)
{
	const struct conf_durations *steps = &conf->notices.delay_held;
	int64_t told = queue_delay_next(steps->v, steps->n, created, warned);
	int64_t latest = clock_queue_ms() + HELD_LOOK_MS;

	return told < latest ? told : latest;
}

int64_t
notice_delay_at(const struct conf *conf, const struct store_message *m,
    const struct store_rcpt *rcpt, const struct why *why)
{
	const struct conf_durations *steps = steps_of(conf, why->reason);

	return queue_delay_next(steps->v, steps->n, m->created, rcpt->warned);
}

int64_t
notice_delay_first(const struct conf *conf, const struct store_message *m, const struct why *why)
{
	int64_t first = QUEUE_DELAY_NEVER;

	for (size_t i = 0; i < m->nrcpts; i++) {
		int64_t at = notice_delay_at(conf, m, &m->rcpts[i], why);

		if (at < first)
			first = at;
	}
	return first;
}
