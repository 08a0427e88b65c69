/* SPDX-License-Identifier: ISC */
/* fetch_multi: libcurl's multi interface on libevent; starting, ending and queueing fetches. */
#include <stdlib.h>

#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "lib/base/bug.h"
#include "lib/base/str.h"
#include "lib/sts/fetch_int.h"

#define TIMEOUT_DEFAULT	60000
#define CONNECT_DEFAULT	10000
#define AT_ONCE_DEFAULT	32

static void
fetch_free(struct sts_fetch *f)
{
	struct sts_fetcher *fr = f->fetcher;

	if (f->running) {
		TAILQ_REMOVE(&fr->running, f, link);
		fr->nrunning--;
		curl_multi_remove_handle(fr->multi, f->easy);
	} else
		TAILQ_REMOVE(&fr->waiting, f, link);
	curl_easy_cleanup(f->easy);
	curl_slist_free_all(f->resolve);
	buf_fini(&f->body);
	f->magic = 0;
	free(f);
}

static void
start_waiting(struct sts_fetcher *fr)
{
	struct sts_fetch *f;

	while (fr->nrunning < fr->at_once && (f = TAILQ_FIRST(&fr->waiting)) != NULL) {
		TAILQ_REMOVE(&fr->waiting, f, link);
		TAILQ_INSERT_TAIL(&fr->running, f, link);
		f->running = 1;
		fr->nrunning++;
		MUST(curl_multi_add_handle(fr->multi, f->easy) == CURLM_OK);
	}
}

static void
finish(struct sts_fetch *f, CURLcode code)
{
	sts_fetch_fn *fn = f->fn;
	void *arg = f->arg;
	struct buf body;
	struct why why;
	int ok;

	why_clear(&why);
	ok = sts_fetch_judge(f, code, &why) == 0;
	body = f->body;
	buf_init(&f->body);
	fetch_free(f);
	fn(arg, ok ? buf_str(&body) : NULL, ok ? buf_len(&body) : 0, &why);
	buf_fini(&body);
}

/* Delivers what is finished. One at a time: each callback may start and cancel others. */
static void
reap(struct sts_fetcher *fr)
{
	struct sts_fetch *f;
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(fr->multi, &left)) != NULL) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &f);
		MUST(f->magic == STS_FETCH_MAGIC);
		finish(f, msg->data.result);
	}
	start_waiting(fr);
}

static void
on_socket_ready(evutil_socket_t fd, short what, void *arg)
{
	struct sts_fetcher *fr = arg;
	int running, action = 0;

	if (what & EV_READ)
		action |= CURL_CSELECT_IN;
	if (what & EV_WRITE)
		action |= CURL_CSELECT_OUT;
	curl_multi_socket_action(fr->multi, fd, action, &running);
	reap(fr);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct sts_fetcher *fr = arg;
	int running;

	curl_multi_socket_action(fr->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	reap(fr);
}

/* libcurl wants another set of events on a socket; the event hangs at the socket. */
static int
on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_data)
{
	struct sts_fetcher *fr = arg;
	struct event *ev = socket_data;
	short events = EV_PERSIST;

	if (ev != NULL)
		event_free(ev);
	ev = NULL;
	if (what != CURL_POLL_REMOVE) {
		if (what & CURL_POLL_IN)
			events |= EV_READ;
		if (what & CURL_POLL_OUT)
			events |= EV_WRITE;
		ev = event_new(fr->base, fd, events, on_socket_ready, fr);
		MUST(ev != NULL);
		event_add(ev, NULL);
	}
	curl_multi_assign(fr->multi, fd, ev);
	return 0;
}

static int
on_curl_timer(CURLM *multi, long ms, void *arg)
{
	struct sts_fetcher *fr = arg;
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	if (fr->closing || ms < 0)
		evtimer_del(fr->timer);
	else
		evtimer_add(fr->timer, &tv);
	return 0;
}

/* All certificates of a PEM text into a store; the number of them. */
static size_t
load_store(X509_STORE *store, const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *x;
	size_t n = 0;

	if (bio == NULL)
		return 0;
	while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		n += X509_STORE_add_cert(store, x) == 1;
		X509_free(x);
	}
	BIO_free(bio);
	ERR_clear_error();	/* the end of the text is an "error" */
	return n;
}

static int
init_multi(struct sts_fetcher *fr)
{
	static int global;

	if (!global && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -1;
	global = 1;
	fr->multi = curl_multi_init();
	if (fr->multi == NULL)
		return -1;
	curl_multi_setopt(fr->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
	curl_multi_setopt(fr->multi, CURLMOPT_SOCKETDATA, fr);
	curl_multi_setopt(fr->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
	curl_multi_setopt(fr->multi, CURLMOPT_TIMERDATA, fr);
	curl_multi_setopt(fr->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	curl_multi_setopt(fr->multi, CURLMOPT_MAXCONNECTS, 1L);
	return 0;
}

struct sts_fetcher *
sts_fetcher_new(struct event_base *base, const struct sts_fetch_param *p, struct why *why)
{
	struct sts_fetcher *fr = must_calloc(1, sizeof *fr);

	fr->magic = STS_FETCHER_MAGIC;
	fr->base = base;
	fr->port = p->port > 0 ? p->port : 443;
	fr->timeout_ms = p->timeout_ms > 0 ? p->timeout_ms : TIMEOUT_DEFAULT;
	fr->connect_ms = p->connect_ms > 0 ? p->connect_ms : CONNECT_DEFAULT;
	fr->at_once = p->at_once > 0 ? p->at_once : AT_ONCE_DEFAULT;
	fr->range = p->range;
	TAILQ_INIT(&fr->running);
	TAILQ_INIT(&fr->waiting);
	fr->timer = evtimer_new(base, on_timer, fr);
	fr->store = X509_STORE_new();
	MUST(fr->timer != NULL && fr->store != NULL);
	if (init_multi(fr) == -1) {
		why_set(why, WHY_STS_FETCH, "libcurl does not start");
		sts_fetcher_free(&fr);
	} else if (p->ca_pem == NULL || load_store(fr->store, p->ca_pem) == 0) {
		why_set(why, WHY_STS_WEBPKI, "no certificate in the trust store for MTA-STS");
		sts_fetcher_free(&fr);
	}
	return fr;
}

void
sts_fetcher_free(struct sts_fetcher **frp)
{
	struct sts_fetcher *fr = *frp;
	struct sts_fetch *f;

	if (fr == NULL)
		return;
	MUST(fr->magic == STS_FETCHER_MAGIC);
	*frp = NULL;
	fr->closing = 1;
	while ((f = TAILQ_FIRST(&fr->running)) != NULL || (f = TAILQ_FIRST(&fr->waiting)) != NULL)
		fetch_free(f);
	if (fr->multi != NULL)
		curl_multi_cleanup(fr->multi);
	event_free(fr->timer);
	X509_STORE_free(fr->store);
	free(fr);
}

struct sts_fetch *
sts_fetch_start(struct sts_fetcher *fr, const char *host, const struct dns_address *a, size_t n,
    sts_fetch_fn *fn, void *arg)
{
	struct sts_fetch *f = must_calloc(1, sizeof *f);

	MUST(fr->magic == STS_FETCHER_MAGIC && n > 0);
	f->magic = STS_FETCH_MAGIC;
	f->fetcher = fr;
	f->fn = fn;
	f->arg = arg;
	str_copy(f->host, host, sizeof f->host);
	sts_fetch_prepare(f, a, n);
	TAILQ_INSERT_TAIL(&fr->waiting, f, link);
	/* Only the timer is set in here, nothing is called back. */
	start_waiting(fr);
	return f;
}

void
sts_fetch_cancel(struct sts_fetch **fp)
{
	struct sts_fetch *f = *fp;
	struct sts_fetcher *fr;

	if (f == NULL)
		return;
	MUST(f->magic == STS_FETCH_MAGIC);
	*fp = NULL;
	fr = f->fetcher;
	fetch_free(f);
	start_waiting(fr);
}
