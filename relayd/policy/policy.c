/* SPDX-License-Identifier: ISC */
/* policy: wiring of resolver, MTA-STS engine and the channel to smtp. */
#include "relayd/policy/policy.h"

#include <errno.h>
#include <event2/event.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/conf/conf.h"
#include "lib/io/chan.h"
#include "lib/ipc/ipc.h"
#include "lib/proc/fd.h"
#include "relayd/policy/annals.h"
#include "relayd/policy/cached.h"
#include "relayd/policy/lookup.h"
#include "relayd/role.h"

#define FORWARD_MAX	16
#define FRESH_MAX	8	/* resolvers with caches of their own at once */

/* The channel to one smtp worker. */
struct desk {
	struct policy		*policy;
	unsigned		 worker;
	struct io_chan		*chan;		/* NULL: away */
	int			 fd;		/* before start, -1 if none */
};

/* A question of a worker's; it survives a reload, its look-up starts again. */
struct question {
	TAILQ_ENTRY(question)	 link;
	struct policy		*policy;
	struct desk		*desk;		/* where the answer goes */
	uint32_t		 request;
	struct ipc_ask		 ask;
	struct lookup		*lookup;
	struct dns_resolver	*fresh;		/* of its own, with empty caches, if it asked for that */
	struct lookup_tools	 tools;
};

struct policy {
	struct role		*role;
	struct event_base	*base;
	struct conf		*conf;
	int			 lock_fd;	/* of state.directory, while it is ours */
	struct dns_range	*range;
	struct dns_resolver	*resolver;
	struct sts_cache	*cache;
	struct annals		*annals;
	struct sts_fetcher	*fetcher;
	struct sts_engine	*sts;
	struct dns_address	 sts_address;	/* family 0: what DNS says */
	struct cached		*cached;
	struct lookup_tools	 tools;
	struct desk		 desks[IPC_WORKERS_MAX];
	int			 started;
	unsigned		 nfresh;
	TAILQ_HEAD(, question)	 questions;
};

/* ---- questions and answers ---- */

static void
question_free(struct policy *p, struct question *q)
{
	TAILQ_REMOVE(&p->questions, q, link);
	lookup_cancel(&q->lookup);
	p->nfresh -= q->fresh != NULL;
	dns_resolver_free(&q->fresh);
	free(q);
}

static void
on_evidence(void *arg, const struct plan_evidence *e)
{
	struct question *q = arg;
	struct policy *p = q->policy;
	struct plan_evidence full;
	struct buf b;

	q->lookup = NULL;		/* it frees itself behind this call */
	plan_evidence_copy(&full, e);
	annals_recall(p->annals, &full);
	buf_init(&b);
	ipc_evidence_put(&b, &full);
	if (q->desk->chan != NULL)
		io_chan_send(q->desk->chan, IPC_EVIDENCE, q->request, buf_data(&b), buf_len(&b),
		    -1);
	buf_fini(&b);
	plan_evidence_fini(&full);
	question_free(p, q);
}

static struct dns_resolver *make_resolver(struct policy *, struct why *);

static void
ask(struct policy *p, struct question *q)
{
	struct why why;

	q->tools = p->tools;
	if (q->ask.fresh && q->fresh == NULL && p->nfresh < FRESH_MAX &&
	    (q->fresh = make_resolver(p, &why)) != NULL)
		p->nfresh++;
	if (q->fresh != NULL)
		q->tools.resolver = q->fresh;
	q->lookup = lookup_start(&q->tools, q->ask.domain, q->ask.hops, q->ask.nhops, on_evidence,
	    q);
}

static int
take_question(struct desk *d, const struct io_frame *f)
{
	struct policy *p = d->policy;
	struct question *q;
	struct ipc_ask question;

	if (ipc_ask_get(f->data, f->len, &question) == -1)
		return -1;
	q = must_calloc(1, sizeof *q);
	q->policy = p;
	q->desk = d;
	q->request = f->request;
	q->ask = question;
	TAILQ_INSERT_TAIL(&p->questions, q, link);
	ask(p, q);
	return 0;
}

static int
take_proven(struct desk *d, const struct io_frame *f)
{
	struct ipc_proven proven;

	if (ipc_proven_get(f->data, f->len, &proven) == -1)
		return -1;
	annals_note(d->policy->annals, &proven);
	return 0;
}

static int
take_history_ask(struct desk *d, const struct io_frame *f)
{
	struct ipc_history_ask asked;
	struct ipc_history answer;
	struct buf b;

	if (ipc_history_ask_get(f->data, f->len, &asked) == -1)
		return -1;
	annals_answer(d->policy->annals, &asked, &answer);
	buf_init(&b);
	ipc_history_put(&b, &answer);
	io_chan_send(d->chan, IPC_HISTORY, f->request, buf_data(&b), buf_len(&b), -1);
	buf_fini(&b);
	ipc_history_fini(&answer);
	return 0;
}

/* The token by which the answer finds its way back. */
static uint64_t
token_of(const struct desk *d, uint32_t request)
{
	return (uint64_t)d->worker << 32 | request;
}

static int
take_cache_ask(struct desk *d, const struct io_frame *f)
{
	struct ipc_cache_ask asked;

	if (ipc_cache_ask_get(f->data, f->len, &asked) == -1)
		return -1;
	cached_ask(d->policy->cached, token_of(d, f->request), &asked);
	return 0;
}

static void
on_cached(void *arg, uint64_t token, const struct ipc_cache *c)
{
	struct policy *p = arg;
	struct desk *d = &p->desks[token >> 32];
	struct buf b;

	if (d->chan == NULL)
		return;
	buf_init(&b);
	ipc_cache_put(&b, c);
	io_chan_send(d->chan, IPC_CACHE, (uint32_t)token, buf_data(&b), buf_len(&b), -1);
	buf_fini(&b);
}

/* From smtp; what it does not send has no row. */
static int (*const takers[IPC_POLICY__COUNT])(struct desk *, const struct io_frame *) = {
	[IPC_ASK] = take_question,
	[IPC_PROVEN] = take_proven,
	[IPC_HISTORY_ASK] = take_history_ask,
	[IPC_CACHE_ASK] = take_cache_ask,
};

static void
on_frame(void *arg, const struct io_frame *f)
{
	struct desk *d = arg;

	if (f->fd != -1)
		close(f->fd);
	if (f->type >= LENGTH(takers) || takers[f->type] == NULL || takers[f->type](d, f) == -1)
		log_warning("a message of smtp cannot be read; dropped");
}

/* Those of one worker. */
static void
forget_questions(struct desk *d)
{
	struct question *q, *next;

	TAILQ_FOREACH_SAFE(q, &d->policy->questions, link, next)
		if (q->desk == d)
			question_free(d->policy, q);
}

static void
on_closed(void *arg, const char *why)
{
	struct desk *d = arg;

	if (d->worker > 0)
		log_info("smtp-%u is away (%s)", d->worker, why);
	else
		log_info("smtp is away (%s)", why);
	io_chan_free(&d->chan);
	forget_questions(d);
}

static const struct io_chan_events chan_events = { .frame = on_frame, .closed = on_closed };

static void
connect_smtp(struct desk *d, int fd)
{
	io_chan_free(&d->chan);
	forget_questions(d);
	d->chan = io_chan_new(d->policy->base, fd, IPC_POLICY_MAX, &chan_events, d);
}

/* ---- what the configuration says ---- */

static void
add_own_addresses(struct dns_range *range)
{
	struct ifaddrs *all, *i;

	if (getifaddrs(&all) == -1)
		return;
	for (i = all; i != NULL; i = i->ifa_next) {
		struct dns_address a = { 0 };

		if (i->ifa_addr == NULL)
			continue;
		a.family = i->ifa_addr->sa_family;
		if (a.family == AF_INET)
			memcpy(a.ip, &((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr, 4);
		else if (a.family == AF_INET6)
			memcpy(a.ip, &((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr, 16);
		else
			continue;
		dns_range_own(range, &a);
	}
	freeifaddrs(all);
}

/* An adopted socket, or one with a port that the system chose, is not known here. */
static void
add_listeners(struct dns_range *range, const struct conf *conf)
{
	for (size_t i = 0; i < conf->listen.n; i++) {
		const struct sockaddr_storage *at = &conf->listen.v[i].address.addr;
		struct dns_address a = { .family = at->ss_family };
		uint16_t port;

		if (a.family == AF_INET) {
			const struct sockaddr_in *in = (const void *)at;

			memcpy(a.ip, &in->sin_addr, 4);
			port = ntohs(in->sin_port);
		} else {
			const struct sockaddr_in6 *in6 = (const void *)at;

			memcpy(a.ip, &in6->sin6_addr, 16);
			port = ntohs(in6->sin6_port);
		}
		dns_range_listens(range, &a, port);
	}
}

static struct dns_range *
make_range(const struct conf *conf)
{
	struct dns_range *range = dns_range_new();
	const struct conf_networks *allowed = &conf->delivery.allow_addresses;

	add_own_addresses(range);
	add_listeners(range, conf);
	for (size_t i = 0; i < allowed->n; i++) {
		struct dns_address a = { .family = allowed->v[i].address.family };
		char ip[64], network[80];
		struct why why;

		memcpy(a.ip, allowed->v[i].address.bytes, sizeof a.ip);
		dns_address_print(&a, ip, sizeof ip);
		str_fmt(network, sizeof network, "%s/%u", ip, allowed->v[i].bits);
		if (dns_range_allow(range, network, &why) == -1)
			log_err("delivery.allow_addresses: %s", why.text);
	}
	return range;
}

static struct dns_resolver *
make_resolver(struct policy *p, struct why *why)
{
	const struct conf *conf = p->conf;
	const char *forward[FORWARD_MAX], *anchors;
	size_t n = 0, len;
	struct dns_param param = { .forward = forward, .timeout_ms = conf->dns.timeout };

	for (; n < conf->dns.forward.n && n < FORWARD_MAX; n++)
		forward[n] = conf->dns.forward.v[n].text;
	param.nforward = n;
	if (conf_file(conf, conf->dns.trust_anchor, &anchors, &len) == -1) {
		why_set(why, WHY_DNS_FAILURE, "dns.trust_anchor %s is missing", conf->dns.trust_anchor);
		return NULL;
	}
	param.anchors = anchors;
	return dns_resolver_new(p->base, &param, why);
}

static struct sts_fetcher *
make_fetcher(struct policy *p, struct why *why)
{
	const struct conf *conf = p->conf;
	const char *path = conf->sts.ca_file[0] != '\0' ? conf->sts.ca_file : conf->delivery.ca_file;
	struct sts_fetch_param param = {
		.port = (uint16_t)conf->sts.port, .timeout_ms = conf->sts.timeout, .range = p->range,
	};
	size_t len;

	if (conf_file(conf, path, &param.ca_pem, &len) == -1) {
		why_set(why, WHY_STS_FETCH, "%s is missing", path);
		return NULL;
	}
	return sts_fetcher_new(p->base, &param, why);
}

static struct dns_resolver *
empty_resolver(void *arg, struct why *why)
{
	return make_resolver(arg, why);
}

static void
make_cached(struct policy *p, const struct sts_engine_param *engine)
{
	struct cached_tools tools = {
		.base = p->base, .engine = *engine, .resolver = empty_resolver, .arg = p,
	};

	tools.engine.wait_ms = p->conf->dns.timeout;
	p->cached = cached_new(&tools, on_cached, p);
}

static void
build(struct policy *p)
{
	const struct conf *conf = p->conf;
	struct sts_engine_param engine = { .cache = p->cache, .wait_ms = conf->sts.wait,
		.refresh_ms = conf->sts.refresh };
	struct why why;

	annals_keep(p->annals, conf->delivery.history);
	p->range = make_range(conf);
	if ((p->resolver = make_resolver(p, &why)) == NULL ||
	    (p->fetcher = make_fetcher(p, &why)) == NULL)
		fatal(EX_CONFIG, "%s", why.text);
	p->sts_address.family = conf->sts.address.family;
	memcpy(p->sts_address.ip, conf->sts.address.bytes, sizeof p->sts_address.ip);
	engine.resolver = p->resolver;
	engine.fetcher = p->fetcher;
	engine.range = p->range;
	engine.address = p->sts_address.family != 0 ? &p->sts_address : NULL;
	p->sts = sts_engine_new(p->base, &engine);
	make_cached(p, &engine);
	p->tools = (struct lookup_tools){
		.base = p->base, .resolver = p->resolver, .sts = p->sts, .range = p->range,
		.timeout_ms = conf->dns.timeout, .port = (uint16_t)conf->delivery.port,
	};
}

static void
demolish(struct policy *p)
{
	cached_free(&p->cached);
	sts_engine_free(&p->sts);
	sts_fetcher_free(&p->fetcher);
	dns_resolver_free(&p->resolver);
	dns_range_free(&p->range);
}

/* ---- from the parent ---- */

static void
on_config(void *arg, struct conf *conf)
{
	struct policy *p = arg;
	struct question *q;

	if (!p->started) {
		conf_free(&p->conf);
		p->conf = conf;
		return;
	}
	TAILQ_FOREACH(q, &p->questions, link)
		lookup_cancel(&q->lookup);
	demolish(p);
	conf_free(&p->conf);
	p->conf = conf;
	build(p);
	TAILQ_FOREACH(q, &p->questions, link)
		ask(p, q);
}

static void
on_no_socket(void *arg, unsigned index, int fd)
{
	close(fd);
}

static void
on_control(void *arg, int fd)
{
	close(fd);
}

static void
on_peer(void *arg, unsigned worker, int fd)
{
	struct policy *p = arg;
	struct desk *d = &p->desks[worker < IPC_WORKERS_MAX ? worker : 0];

	if (p->started) {
		connect_smtp(d, fd);
		return;
	}
	if (d->fd != -1)
		close(d->fd);
	d->fd = fd;
}

/* Two on one directory would each think that the other's files are broken (D11). */
static void
lock_directory(struct policy *p)
{
	char path[4200];

	str_fmt(path, sizeof path, "%s/lock", role_directory(p->role));
	p->lock_fd = proc_fd_lock(path);
	if (p->lock_fd == -1 && errno == EWOULDBLOCK)
		fatal(EX_IOERR, "state.directory %s is in use by another relayd",
		    p->conf->state.directory);
}

static void
on_start(void *arg)
{
	struct policy *p = arg;
	char path[4200];
	struct why why;

	lock_directory(p);
	str_fmt(path, sizeof path, "%s/policy.db", role_directory(p->role));
	p->cache = sts_cache_open(path, &why);
	if (!sts_cache_ok(p->cache))
		log_err("%s: %s; destinations with MTA-STS wait", path, why.text);
	str_fmt(path, sizeof path, "%s/history.db", role_directory(p->role));
	p->annals = annals_open(p->base, path);
	build(p);
	p->started = 1;
	for (size_t i = 0; i < LENGTH(p->desks); i++)
		if (p->desks[i].fd != -1)
			connect_smtp(&p->desks[i], p->desks[i].fd);
	role_ready(p->role);
}

static void
on_stop(void *arg, int64_t grace_ms)
{
	struct policy *p = arg;

	role_exit(p->role, EX_OK);
}

static void
on_end(void *arg)
{
	struct policy *p = arg;

	for (size_t i = 0; i < LENGTH(p->desks); i++) {
		io_chan_free(&p->desks[i].chan);
		forget_questions(&p->desks[i]);
	}
	if (p->started) {
		demolish(p);
		sts_cache_close(&p->cache);
		annals_close(&p->annals);
		if (p->lock_fd != -1)
			close(p->lock_fd);
	}
	conf_free(&p->conf);
}

static const char *
user(const struct conf *conf)
{
	return conf->policy_user;
}

static void
directory(const struct conf *conf, unsigned index, char *to, size_t cap)
{
	(void)str_copy(to, conf->state.directory, cap);
}

static const struct role_events events = {
	.config = on_config, .listener = on_no_socket, .control = on_control, .peer = on_peer,
	.start = on_start, .stop = on_stop, .end = on_end, .user = user, .directory = directory,
};

int
policy_main(void)
{
	struct policy p = { .lock_fd = -1 };

	TAILQ_INIT(&p.questions);
	for (unsigned i = 0; i < LENGTH(p.desks); i++)
		p.desks[i] = (struct desk){ .policy = &p, .worker = i, .fd = -1 };
	return role_main("policy", &events, &p, &p.role, &p.base);
}
