/* SPDX-License-Identifier: ISC */
/* delivlog: see delivlog.h. */
#include "relayd/smtp/delivlog.h"

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/mail/queue_id.h"
#include "lib/meter/count.h"

#define TEXT_MAX	200	/* inside the brackets behind status= */

static const struct {
	const char	*word, *event;
} statuses[] = {
	[DELIVLOG_SENT] = { "sent", "delivered" },
	[DELIVLOG_DEFERRED] = { "deferred", "deferred" },
	[DELIVLOG_BOUNCED] = { "bounced", "bounced" },
	[DELIVLOG_EXPIRED] = { "expired", "expired" },
	[DELIVLOG_HELD] = { "held", "held" },
	[DELIVLOG_RELEASED] = { "released", "released" },
	[DELIVLOG_DELETED] = { "deleted", "deleted" },
	[DELIVLOG_REDIRECTED] = { "redirected", "redirected" },
};

/* A status is its own value of the label. */
_Static_assert(DELIVLOG__COUNT == (int)METER__RESULTS && DELIVLOG_SENT == (int)METER_SENT &&
    DELIVLOG_REDIRECTED == (int)METER_REDIRECTED, "status= and result=");

/* "2.1", "0.02", "0": at most two digits behind the point, as Postfix writes them. */
static void
seconds(char *to, size_t cap, int64_t ms)
{
	if (ms < 0)
		ms = 0;
	if (ms >= 10000 || ms % 1000 < 10)
		str_fmt(to, cap, "%lld", (long long)ms / 1000);
	else
		str_fmt(to, cap, "%lld.%02lld", (long long)ms / 1000, (long long)ms % 1000 / 10);
}

static enum meter_policy
policy_of(const struct plan *p, const struct plan_requirement *r)
{
	if (r == NULL)
		return p != NULL && p->sts_state == PLAN_STS_ENFORCE ? METER_STS : METER_NO_POLICY;
	if (r->proof == PLAN_BY_ROUTE)
		return METER_ROUTE;
	if (r->level == PLAN_DANE || r->tlsa)
		return METER_DANE;
	if (r->sts)
		return METER_STS;
	if (p->sts_state == PLAN_STS_TESTING)
		return METER_STS_TESTING;
	return r->level == PLAN_VERIFY ? METER_PKIX : METER_NO_POLICY;
}

static const char *
cert_word(const struct tls_facts *f)
{
	if (!f->encrypted)
		return "none";
	if (f->dane_matched)
		return f->dane_usage == 3 ? "dane-ee" : "dane-ta";
	if (f->pkix_chain && f->pkix_name)
		return "pkix";
	return f->pkix_chain ? "other-name" : "untrusted";
}

/* The target that a failure without a connection is about: the first that could be tried. */
static const struct plan_requirement *
requirement_of(const struct delivlog_attempt *a)
{
	if (a->client != NULL)
		return client_terms(a->client);
	if (a->plan == NULL || a->plan->verdict != PLAN_GO)
		return NULL;
	for (size_t i = 0; i < a->plan->ntargets; i++)
		if (a->plan->targets[i].usable)
			return &a->plan->targets[i].requirement;
	return NULL;
}

struct record {
	char	 qid[MAIL_QUEUE_ID_LEN + 1], delay[24], a[24], b[24], c[24], d[24];
	char	 text[TEXT_MAX + 1], dsn[12];
	const char *relay, *src, *policy, *level, *cert, *tls, *exception, *token, *requiretls;
	const char *sts_id, *origin, *cipher, *fingerprint, *result, *duplicate;
	/* monitor mode: what enforcing would have done */
	const char *would, *would_token, *would_text, *wanted;
};

static void
fill_delays(struct record *out, const struct job *j, const struct delivlog_attempt *a)
{
	int64_t now = clock_mono_ms(), setup = a->client != NULL ? client_setup_ms(a->client) : 0;
	int64_t total = clock_queue_ms() - j->msg->created;
	int64_t given = j->given != 0 ? j->given : now;
	int64_t began = j->began != 0 ? j->began : now;
	int64_t waited = given - j->queued;

	if (a->client == NULL || client_sent(a->client) > 1)
		setup = 0;		/* a kept connection cost this message nothing */
	seconds(out->delay, sizeof out->delay, total);
	seconds(out->a, sizeof out->a, total - (now - j->queued));
	seconds(out->b, sizeof out->b, waited > setup ? waited - setup : 0);
	seconds(out->c, sizeof out->c, setup + (began - given));
	seconds(out->d, sizeof out->d, now - began);
}

static const char *
known(const char *s)
{
	return s[0] != '\0' ? s : NULL;
}

static void
fill_plan(struct record *out, const struct plan *p, const struct plan_requirement *r)
{
	out->policy = meter_label_word(METER_POLICY, policy_of(p, r));
	out->level = r != NULL ? plan_level_name(r->level) : NULL;
	out->exception = r != NULL ? known(r->exception) : NULL;
	out->sts_id = p != NULL ? known(p->sts_id) : NULL;
	out->origin = p != NULL ? p->origin : NULL;
}

static void
fill_client(struct record *out, const struct client *c)
{
	const struct tls_facts *f = client_facts(c);
	const struct why *refused = client_refused(c);

	out->relay = client_relay(c);
	out->src = client_local(c);
	out->cert = cert_word(f);
	out->tls = f->encrypted ? f->protocol : "none";
	out->cipher = known(f->cipher);
	out->fingerprint = known(f->fingerprint);
	if (refused == NULL)
		return;
	out->would = "refuse";
	out->would_token = why_token(refused->reason);
	out->would_text = refused->text;
	out->wanted = plan_level_name(client_target(c)->requirement.level);
}

static void
fill(struct record *out, const struct job *j, size_t i, enum delivlog_status status,
    const struct delivlog_attempt *a)
{
	const struct job_result *r = &j->results[i];

	mail_queue_id_print(out->qid, j->msg->id);
	fill_delays(out, j, a);
	out->relay = a->relay != NULL ? a->relay : "none";
	if (a->client != NULL)
		fill_client(out, a->client);
	fill_plan(out, a->plan, requirement_of(a));
	str_copy(out->dsn, r->why.dsn, sizeof out->dsn);
	/* What was temporary is final once we give up (RFC 3463 s2). */
	if ((status == DELIVLOG_BOUNCED || status == DELIVLOG_EXPIRED) && out->dsn[0] == '4')
		out->dsn[0] = '5';
	str_copy(out->text, r->reply[0] != '\0' && status == DELIVLOG_SENT ? r->reply :
	    r->why.text, sizeof out->text);
	out->requiretls = j->msg->requiretls ? "yes" : NULL;
	out->duplicate = a->duplicate ? "possible" : NULL;
	if (status == DELIVLOG_SENT)
		return;
	out->token = why_token(r->why.reason);
	out->result = known(why_tlsrpt(r->why.reason));
}

/* What RFC 8460 would report, and RFC 8689's refusals. */
static int
is_enforcement(enum why_reason reason)
{
	return why_tlsrpt(reason)[0] != '\0' || reason == WHY_REQUIRETLS_UNSUPPORTED ||
	    reason == WHY_REQUIRETLS_NO_TLS;
}

/* What the record says, for whoever watches many of them. */
static void
count(const struct job *j, size_t i, enum delivlog_status status, const struct delivlog_attempt *a)
{
	enum meter_policy policy = policy_of(a->plan, requirement_of(a));
	enum why_reason reason = j->results[i].why.reason;
	const struct why *refused = a->client != NULL ? client_refused(a->client) : NULL;

	meter_count(METER_ATTEMPTS, (unsigned)status, policy);
	if (status != DELIVLOG_SENT) {
		meter_count(METER_FAILURES, (unsigned)status, reason);
		if (is_enforcement(reason))
			meter_count(METER_BLOCKED, policy, reason);
		return;
	}
	meter_count_time(METER_DELAY, clock_queue_ms() - j->msg->created);
	if (a->client != NULL && !client_facts(a->client)->encrypted)
		meter_count(METER_PLAIN, 0, 0);
	if (refused != NULL)
		meter_count(METER_WOULD_BLOCK, policy, refused->reason);
}

static void
add_key(struct buf *b, const char *key, const char *value)
{
	if (value != NULL)
		buf_addf(b, " %s=%s", key, value);
}

static void
render(struct buf *b, const struct record *rec, const char *to, enum delivlog_status status,
    const char *learnt, unsigned tries)
{
	buf_addf(b, "%s: to=<%s>, relay=%s, delay=%s, delays=%s/%s/%s/%s, dsn=%s, status=%s (%s)",
	    rec->qid, to, rec->relay, rec->delay, rec->a, rec->b, rec->c, rec->d, rec->dsn,
	    statuses[status].word, rec->text);
	add_key(b, "src", rec->src);
	add_key(b, "policy", rec->policy);
	add_key(b, "level", rec->level);
	add_key(b, "tls", rec->tls);
	add_key(b, "cert", rec->cert);
	add_key(b, "exception", rec->exception);
	add_key(b, "requiretls", rec->requiretls);
	add_key(b, "would", rec->would);
	add_key(b, "would_reason", rec->would_token);
	add_key(b, "wanted", rec->wanted);
	add_key(b, "reason", rec->token);
	add_key(b, "learnt", learnt);
	add_key(b, "duplicate", rec->duplicate);
	add_key(b, "result", rec->result);
	buf_addf(b, " try=%u", tries);
}

static void
write_record(const struct job *j, const struct store_rcpt *rcpt, enum delivlog_status status,
    const struct delivlog_attempt *a, const struct record *rec)
{
	const struct log_kv kv[] = {
		LOG_STR("qid", rec->qid), LOG_STR("to", rcpt->address),
		LOG_STR("from", j->msg->sender), LOG_STR("dest", a->dest),
		LOG_STR("relay", rec->relay), LOG_STR("src", rec->src),
		LOG_STR("status", statuses[status].word),
		LOG_STR("dsn", rec->dsn), LOG_STR("text", rec->text),
		LOG_NUM("delay_ms", clock_queue_ms() - j->msg->created),
		LOG_NUM("size", (int64_t)j->msg->size), LOG_STR("policy", rec->policy),
		LOG_STR("level", rec->level), LOG_STR("sts_id", rec->sts_id),
		LOG_STR("origin", rec->origin), LOG_STR("tls", rec->tls),
		LOG_STR("cipher", rec->cipher), LOG_STR("cert", rec->cert),
		LOG_STR("cert_sha256", rec->fingerprint), LOG_STR("exception", rec->exception),
		LOG_STR("requiretls", rec->requiretls), LOG_STR("would", rec->would),
		LOG_STR("would_reason", rec->would_token), LOG_STR("wanted", rec->wanted),
		LOG_STR("would_text", rec->would_text), LOG_STR("reason", rec->token),
		LOG_STR("result", rec->result), LOG_STR("learnt", a->learnt),
		LOG_STR("duplicate", rec->duplicate), LOG_NUM("try", rcpt->tries + 1),
	};
	struct buf b;

	buf_init(&b);
	render(&b, rec, rcpt->address, status, a->learnt, rcpt->tries + 1);
	log_event(status == DELIVLOG_SENT || status == DELIVLOG_DEFERRED ? LOG_LVL_INFO :
	    LOG_LVL_NOTICE, "smtp", statuses[status].event, buf_str(&b), kv, LENGTH(kv));
	buf_fini(&b);
}

void
delivlog_attempt(const struct job *j, size_t i, enum delivlog_status status,
    const struct delivlog_attempt *a)
{
	struct record rec = { .tls = NULL };

	fill(&rec, j, i, status, a);
	write_record(j, &j->msg->rcpts[i], status, a, &rec);
	count(j, i, status, a);
}

void
delivlog_waiting(const struct job *j, size_t i, const char *dest, const struct why *why)
{
	const char *to = j->msg->rcpts[i].address;
	char qid[MAIL_QUEUE_ID_LEN + 1];
	const struct log_kv kv[] = {
		LOG_STR("qid", qid), LOG_STR("to", to), LOG_STR("dest", dest),
		LOG_STR("status", "deferred"), LOG_STR("dsn", why->dsn),
		LOG_STR("text", why->text), LOG_STR("reason", why_token(why->reason)),
	};
	struct buf b;

	mail_queue_id_print(qid, j->msg->id);
	buf_init(&b);
	buf_addf(&b, "%s: to=<%s>, relay=none, delay=0, delays=0/0/0/0, dsn=%s, "
	    "status=deferred (%s waits: %.150s) reason=%s try=0", qid, to, why->dsn, dest,
	    why->text, why_token(why->reason));
	log_event(LOG_LVL_INFO, "smtp", "waiting", buf_str(&b), kv, LENGTH(kv));
	buf_fini(&b);
}

void
delivlog_host(const char *domain, const char *relay, const struct plan_target *t,
    const struct tls_facts *f, const struct why *why)
{
	const char *result = why_tlsrpt(why->reason);
	const struct log_kv kv[] = {
		LOG_STR("dest", domain), LOG_STR("relay", relay),
		LOG_STR("level", plan_level_name(t->requirement.level)),
		LOG_STR("tls", f != NULL && f->encrypted ? f->protocol : "none"),
		LOG_STR("cert_subject", f != NULL && f->subject[0] ? f->subject : NULL),
		LOG_STR("dsn", why->dsn), LOG_STR("text", why->text),
		LOG_STR("reason", why_token(why->reason)),
		LOG_STR("result", result[0] != '\0' ? result : NULL),
	};
	struct buf b;

	buf_init(&b);
	buf_addf(&b, "%s: host %s not used: %s (%s) level=%s reason=%s", domain, relay, why->text,
	    why->dsn, plan_level_name(t->requirement.level), why_token(why->reason));
	log_event(LOG_LVL_INFO, "smtp", "host", buf_str(&b), kv, LENGTH(kv));
	meter_count(METER_HOSTS, why->reason, 0);
	buf_fini(&b);
}

void
delivlog_accepted(const struct store_message *m, const char *protocol, const char *tls)
{
	char qid[MAIL_QUEUE_ID_LEN + 1];
	const struct log_kv kv[] = {
		LOG_STR("qid", qid), LOG_STR("client", m->client), LOG_STR("from", m->sender),
		LOG_NUM("size", (int64_t)m->size), LOG_NUM("nrcpt", (int64_t)m->nrcpts),
		LOG_STR("proto", protocol), LOG_STR("tls", tls),
	};
	struct buf b;

	mail_queue_id_print(qid, m->id);
	buf_init(&b);
	buf_addf(&b, "%s: client=%s, proto=%s, tls=%s", qid, m->client != NULL ? m->client : "local",
	    protocol, tls != NULL ? tls : "none");
	log_event(LOG_LVL_INFO, "smtpd", "accept", buf_str(&b), kv, LENGTH(kv));
	meter_count(METER_ACCEPTED, 0, 0);
	meter_count_add(METER_ACCEPTED_RCPTS, 0, 0, m->nrcpts);
	buf_fini(&b);
}

void
delivlog_tls_required_no(const struct store_message *m, int honoured)
{
	static int64_t ignored;		/* since the start */
	const char *done = honoured ? "honoured" : "ignored";
	char qid[MAIL_QUEUE_ID_LEN + 1], text[300];
	const char *why = honoured ? "listed" : m->requiretls ? "requiretls" : "not-listed";
	const struct log_kv kv[] = {
		LOG_STR("qid", qid), LOG_STR("name", m->client_name), LOG_STR("done", done),
		LOG_STR("because", why), LOG_NUM("ignored", ignored += !honoured),
	};

	mail_queue_id_print(qid, m->id);
	str_fmt(text, sizeof text, "%s: \"TLS-Required: No\" of client %s is %s (%s), "
	    "%lld ignored so far", qid, m->client_name, done, why, (long long)ignored);
	log_event(honoured ? LOG_LVL_NOTICE : LOG_LVL_INFO, "smtpd", "tls-required-no", text, kv,
	    LENGTH(kv));
}

void
delivlog_active(const struct store_message *m, size_t nrcpts)
{
	char qid[MAIL_QUEUE_ID_LEN + 1];
	const struct log_kv kv[] = {
		LOG_STR("qid", qid), LOG_STR("from", m->sender), LOG_NUM("size", (int64_t)m->size),
		LOG_NUM("nrcpt", (int64_t)nrcpts),
	};
	struct buf b;

	mail_queue_id_print(qid, m->id);
	buf_init(&b);
	buf_addf(&b, "%s: from=<%s>, size=%llu, nrcpt=%zu (queue active)", qid, m->sender,
	    (unsigned long long)m->size, nrcpts);
	log_event(LOG_LVL_INFO, "qmgr", "queue", buf_str(&b), kv, LENGTH(kv));
	buf_fini(&b);
}

void
delivlog_possible_duplicate(uint64_t id, const struct store_rcpt *r, const char *relay)
{
	char qid[MAIL_QUEUE_ID_LEN + 1];
	const struct log_kv kv[] = {
		LOG_STR("qid", qid), LOG_STR("to", r->address), LOG_STR("dest", r->dest),
		LOG_STR("relay", relay), LOG_STR("duplicate", "possible"),
	};
	struct buf b;

	mail_queue_id_print(qid, id);
	buf_init(&b);
	buf_addf(&b, "%s: to=<%s>, relay=%s: possible duplicate: relayd ended before the server's "
	    "answer to the message was known", qid, r->address, relay);
	log_event(LOG_LVL_WARNING, "smtp", "possible-duplicate", buf_str(&b), kv, LENGTH(kv));
	meter_count(METER_DUPLICATES, 0, 0);
	buf_fini(&b);
}

void
delivlog_removed(uint64_t id)
{
	char qid[MAIL_QUEUE_ID_LEN + 1], text[64];
	const struct log_kv kv[] = { LOG_STR("qid", qid) };

	mail_queue_id_print(qid, id);
	str_fmt(text, sizeof text, "%s: removed", qid);
	log_event(LOG_LVL_INFO, "qmgr", "removed", text, kv, LENGTH(kv));
	meter_count(METER_REMOVED, 0, 0);
}
