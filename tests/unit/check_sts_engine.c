/* SPDX-License-Identifier: ISC */
/* check_sts_engine: TXT, cache and fetch together, and what holds when parts of it fail. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/sts/engine.h"
#include "tests/peer/dns_peer.h"
#include "tests/peer/https_peer.h"
#include "tests/unit/loop_kit.h"

#define HOST	"mta-sts.corp.example"
#define RECORD(id) "_mta-sts.corp.example. 0 TXT \"v=STSv1; id=" id ";\"\n"
#define ADDRESS	HOST ". A 127.0.0.1\n"
#define DAY	86400

static struct dns_peer *dns;
static struct https_peer *https;
static struct dns_range *range;
static struct dns_resolver *resolver;
static struct sts_fetcher *fetcher;
static struct sts_cache *cache;
static struct sts_engine *engine;
static const struct dns_address *address;
static int64_t wait_ms;
static char db[64];
static struct sts_result got;		/* policy.patterns is not valid here */
static char patterns[256];

static void
engine_stop(void)
{
	sts_engine_free(&engine);
	sts_fetcher_free(&fetcher);
	dns_resolver_free(&resolver);
	sts_cache_close(&cache);
}

/* All of it anew, over the same policy.db: also forgets what the resolver has cached. */
static void
engine_start(void)
{
	const char *forward[] = { dns_peer_address(dns) };
	struct dns_param d = { .forward = forward, .nforward = 1,
	    .anchors = dns_peer_anchor(dns), .timeout_ms = 3000 };
	struct sts_fetch_param f = { .ca_pem = https_peer_ca(https),
	    .port = https_peer_port(https), .range = range, .timeout_ms = 1500 };
	struct sts_engine_param e = { .range = range, .address = address, .wait_ms = wait_ms };
	struct why why;

	engine_stop();
	resolver = dns_resolver_new(base, &d, &why);
	fetcher = sts_fetcher_new(base, &f, &why);
	cache = sts_cache_open(db, NULL);
	ck_assert(resolver != NULL && fetcher != NULL && cache != NULL);
	e.resolver = resolver;
	e.fetcher = fetcher;
	e.cache = cache;
	engine = sts_engine_new(base, &e);
}

static void
zone(const char *records)
{
	dns_peer_zone(dns, "example.", 1, records);
	dns_peer_publish(dns);
	engine_start();
}

static void
serve_as(enum https_cert cert, enum https_act act, const char *status, const char *body)
{
	static char response[4096];
	struct https_script s = { cert, act, response };

	str_fmt(response, sizeof response, "HTTP/1.1 %s\r\nContent-Type: text/plain\r\n"
	    "Content-Length: %zu\r\n\r\n%s", status, strlen(body), body);
	https_peer_script(https, &s);
}

static void
serve(const char *mode, const char *mx, unsigned long max_age)
{
	char body[512];

	str_fmt(body, sizeof body, "version: STSv1\nmode: %s\nmx: %s\nmax_age: %lu\n", mode, mx,
	    max_age);
	serve_as(0, 0, "200 OK", body);
}

static void
setup(void)
{
	struct log_param quiet = { .target = LOG_TO_FILE, .file = "/dev/null", .tag = "t",
	    .name = "t", .host = "h", .level = LOG_LVL_ERR };

	signal(SIGPIPE, SIG_IGN);
	log_open(&quiet);
	str_fmt(db, sizeof db, "/tmp/check_sts_engine.%d.db", (int)getpid());
	unlink(db);
	base = event_base_new();
	dns = dns_peer_new(base);
	https = https_peer_new(HOST);
	range = dns_range_new();
	ck_assert_int_eq(dns_range_allow(range, "127.0.0.0/8", NULL), 0);
	address = NULL;
	wait_ms = 5000;
	dns_peer_zone(dns, ".", 1, "");
	zone(RECORD("1") ADDRESS);
	serve("enforce", "*.corp.example", 30 * DAY);
	answers = 0;
}

static void
teardown(void)
{
	char path[80];

	engine_stop();
	dns_range_free(&range);
	https_peer_free(&https);
	dns_peer_free(&dns);
	event_base_free(base);
	clock_real();
	unlink(db);
	str_fmt(path, sizeof path, "%s-wal", db);
	unlink(path);
}

static void
on_result(void *arg, const struct sts_result *r)
{
	size_t i;

	answers++;
	got = *r;
	patterns[0] = '\0';
	for (i = 0; i < r->policy.npatterns; i++) {
		str_cat(patterns, r->policy.patterns[i], sizeof patterns);
		str_cat(patterns, " ", sizeof patterns);
	}
}

static void
ask_about(const char *domain)
{
	unsigned before = answers;

	ck_assert_ptr_nonnull(sts_lookup(engine, domain, on_result, NULL));
	ck_assert_uint_eq(answers, before);
	run(before + 1, 10000);
	ck_assert_uint_eq(answers, before + 1);
}

static void
ask(void)
{
	ask_about("corp.example");
}

/* Wall time goes on by so many seconds; timers do not notice. */
static void
later(int64_t s)
{
	clock_virtual(clock_mono_ms(), clock_wall_ms() + s * 1000);
}

static void
expect(enum sts_state state, const char *id, int cached, const char *reason, int line)
{
	ck_assert_msg(got.state == state, "line %d: %s (%s)", line, sts_state_name(got.state),
	    got.why.text);
	ck_assert_msg(strcmp(got.id, id) == 0, "line %d: id %s", line, got.id);
	ck_assert_msg(got.from_cache == cached, "line %d: from cache", line);
	ck_assert_msg(strcmp(why_token(got.why.reason), reason) == 0, "line %d: %s (%s)", line,
	    why_token(got.why.reason), got.why.text);
}
#define GOT(state, id, cached, words)	expect(state, id, cached, words, __LINE__)

START_TEST(test_live)
{
	ask();
	GOT(STS_ENFORCE, "1", 0, "none");
	ck_assert_str_eq(patterns, "*.corp.example ");
	ck_assert(got.expires > sts_cache_ok(cache) && got.has_policy);
	ask();
	GOT(STS_ENFORCE, "1", 0, "none");
	engine_start();		/* and it outlives the process */
	ask();
	GOT(STS_ENFORCE, "1", 0, "none");
	ck_assert_uint_eq(https_peer_connections(https), 1);
}
END_TEST

static const struct {
	const char	*records, *domain;
	enum sts_state	 state;
	const char	*reason;
} records[] = {
	{ "", "corp.example", STS_NONE, "none" },
	{ ADDRESS, "corp.example", STS_NONE, "none" },
	{ RECORD("1") ADDRESS, "sub.corp.example", STS_NONE, "none" },	/* S06 */
	{ RECORD("1") ADDRESS, "not a name", STS_NONE, "none" },
	{ RECORD("1") ADDRESS, "[192.0.2.1]", STS_NONE, "none" },		/* S07 */
	{ RECORD("1") RECORD("2") ADDRESS, "corp.example", STS_NONE, "sts-policy-invalid" },
	{ RECORD("1-2") ADDRESS, "corp.example", STS_NONE, "sts-policy-invalid" },
	{ RECORD("1") "_mta-sts.corp.example. 0 TXT \"other\"\n" ADDRESS, "corp.example",
	    STS_ENFORCE, "none" },
	{ "_mta-sts.corp.example. CNAME x.host.example.\nx.host.example. TXT \"v=STSv1; id=1\"\n"
	    HOST ". CNAME web.host.example.\nweb.host.example. A 127.0.0.1\n", "corp.example",
	    STS_ENFORCE, "none" },						/* S05 */
	{ RECORD("1"), "corp.example", STS_FAILED, "sts-policy-fetch-error" },	/* no address */
	{ RECORD("1") HOST ". A 10.0.0.1\n" HOST ". AAAA ::1\n", "corp.example", STS_FAILED,
	    "sts-policy-fetch-error" },
	{ RECORD("1") HOST ". A 10.0.0.1\n" HOST ". A 127.0.0.1\n", "corp.example", STS_ENFORCE,
	    "none" },
};

START_TEST(test_record)
{
	zone(records[_i].records);
	ask_about(records[_i].domain);
	GOT(records[_i].state, records[_i].state == STS_ENFORCE ? "1" : "", 0, records[_i].reason);
}
END_TEST

/* What can go wrong with a fetch. First with nothing cached, then over a cached policy (S25). */
static const struct {
	enum https_cert	 cert;
	enum https_act	 act;
	const char	*status, *body, *reason;
} failures[] = {
	{ 0, 0, "404 Not Found", "", "sts-policy-fetch-error" },
	{ 0, 0, "200 OK", "version: STSv1\nmode: enforced\nmx: a\nmax_age: 1\n", "sts-policy-invalid" },
	{ 0, 0, "200 OK", "<html>", "sts-policy-invalid" },
	{ HTTPS_CERT_OTHER, 0, "200 OK", "version: STSv1\nmode: none\nmax_age: 1\n", "sts-webpki-invalid" },
	{ 0, HTTPS_PLAIN, "200 OK", "version: STSv1\nmode: none\nmax_age: 1\n", "sts-policy-fetch-error" },
};

START_TEST(test_failure)
{
	const char *reason = failures[_i].reason;

	serve_as(failures[_i].cert, failures[_i].act, failures[_i].status, failures[_i].body);
	ask();
	GOT(STS_FAILED, "", 0, reason);
	ck_assert(!got.has_policy);
	/* S17: this id is left alone for five minutes, another one is not. */
	ask();
	GOT(STS_FAILED, "", 0, reason);
	ck_assert_uint_eq(https_peer_connections(https), 1);
	later(301);
	ask();
	ck_assert_uint_eq(https_peer_connections(https), 2);
	zone(RECORD("2") ADDRESS);
	serve("enforce", "mx.corp.example", 9999);
	ask();
	GOT(STS_ENFORCE, "2", 0, "none");
}
END_TEST

START_TEST(test_failure_over_cached)
{
	const char *reason = failures[_i].reason;

	ask();
	GOT(STS_ENFORCE, "1", 0, "none");
	zone(RECORD("2") ADDRESS);
	serve_as(failures[_i].cert, failures[_i].act, failures[_i].status, failures[_i].body);
	ask();
	GOT(STS_ENFORCE, "1", 1, reason);
	ck_assert_str_eq(patterns, "*.corp.example ");
	ask();
	GOT(STS_ENFORCE, "1", 1, reason);
	ck_assert_uint_eq(https_peer_connections(https), 2);
	later(301);
	serve("testing", "mx.corp.example", 9999);
	ask();
	GOT(STS_TESTING, "2", 0, "none");
	ck_assert_str_eq(patterns, "mx.corp.example ");
}
END_TEST

/* S26: the orderly way out. */
START_TEST(test_off_switch)
{
	ask();
	zone(RECORD("2") ADDRESS);
	serve_as(0, 0, "200 OK", "version: STSv1\nmode: none\nmax_age: 9999\n");
	ask();
	GOT(STS_NONE, "2", 0, "none");
	ck_assert(got.has_policy && got.policy.mode == STS_MODE_NONE);
	ask();
	GOT(STS_NONE, "2", 0, "none");
	ck_assert_uint_eq(https_peer_connections(https), 2);
}
END_TEST

/* S08: the record is gone, the policy holds to its end and not longer. */
START_TEST(test_record_gone)
{
	ask();
	zone(ADDRESS);
	ask();
	GOT(STS_ENFORCE, "1", 1, "sts-policy-fetch-error");
	later(29 * DAY);
	ask();
	GOT(STS_ENFORCE, "1", 1, "sts-policy-fetch-error");
	ck_assert_uint_le(got.ttl, DAY);
	later(DAY);
	ask();
	GOT(STS_NONE, "", 0, "none");
	ck_assert_uint_eq(https_peer_connections(https), 1);
}
END_TEST

static const enum dns_peer_act lies[] = { DNS_PEER_SERVFAIL, DNS_PEER_BADSIG, DNS_PEER_UNSIGNED };

/* S09, S10 */
START_TEST(test_record_error)
{
	const char *reason = lies[_i] == DNS_PEER_SERVFAIL ? "dns-failure" : "dnssec-invalid";

	dns_peer_act(dns, "_mta-sts.corp.example", 0, lies[_i]);
	ask();
	GOT(STS_UNKNOWN, "", 0, reason);
	later(1800);
	engine_start();
	ask();
	GOT(STS_UNKNOWN, "", 0, reason);
	later(1900);
	engine_start();
	ask();
	GOT(STS_FAILED, "", 0, reason);
	/* Once it is healed, the count begins anew. */
	dns_peer_act(dns, "_mta-sts.corp.example", 0, DNS_PEER_HONEST);
	engine_start();
	ask();
	GOT(STS_ENFORCE, "1", 0, "none");
	dns_peer_act(dns, "_mta-sts.corp.example", 0, lies[_i]);
	engine_start();
	ask();
	GOT(STS_ENFORCE, "1", 1, reason);
	later(31 * DAY);
	ask();
	GOT(STS_UNKNOWN, "", 0, reason);
}
END_TEST

/* S16: the delivery waits less than the fetch. */
START_TEST(test_patience)
{
	wait_ms = 400;
	serve_as(0, HTTPS_MUTE, "", "");
	engine_start();
	ask();
	GOT(STS_UNKNOWN, "", 0, "policy-unavailable");
	ask();		/* the same fetch is joined */
	GOT(STS_UNKNOWN, "", 0, "policy-unavailable");
	ck_assert_uint_eq(https_peer_connections(https), 1);
	run(answers + 1, 1500);
	ask();		/* it has failed by now */
	GOT(STS_FAILED, "", 0, "sts-policy-fetch-error");
	later(301);
	ask();		/* tried again, but mail does not wait for it for ever */
	GOT(STS_FAILED, "", 0, "sts-policy-fetch-error");
	ck_assert_uint_eq(https_peer_connections(https), 2);
}
END_TEST

START_TEST(test_patience_cached)
{
	ask();
	wait_ms = 400;
	zone(RECORD("2") ADDRESS);
	serve_as(0, HTTPS_MUTE, "", "");
	ask();
	GOT(STS_ENFORCE, "1", 1, "policy-unavailable");
}
END_TEST

START_TEST(test_joined)
{
	struct sts_lookup *l[20];
	int i;

	for (i = 0; i < 20; i++)
		l[i] = sts_lookup(engine, "corp.example", on_result, NULL);
	sts_lookup_cancel(&l[0]);
	sts_lookup_cancel(&l[19]);
	run(18, 5000);
	ck_assert_uint_eq(answers, 18);
	GOT(STS_ENFORCE, "1", 0, "none");
	ck_assert_uint_eq(https_peer_connections(https), 1);
}
END_TEST

START_TEST(test_cancel)
{
	struct sts_lookup *l = sts_lookup(engine, "corp.example", on_result, NULL);

	sts_lookup_cancel(&l);
	sts_lookup_cancel(&l);
	run(1, 700);		/* the fetch goes on without anybody */
	ck_assert_uint_eq(answers, 0);
	ck_assert_uint_eq(https_peer_connections(https), 1);
	ask();
	GOT(STS_ENFORCE, "1", 0, "none");
	ck_assert_uint_eq(https_peer_connections(https), 1);
}
END_TEST

START_TEST(test_free_open)
{
	sts_lookup(engine, "corp.example", on_result, NULL);
	sts_lookup(engine, "other.example", on_result, NULL);
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	engine_stop();
	run(1, 50);
	ck_assert_uint_eq(answers, 0);
}
END_TEST

/* S23: usable now, and only now. */
START_TEST(test_no_age)
{
	serve("enforce", "mx.corp.example", 0);
	ask();
	GOT(STS_ENFORCE, "1", 0, "none");
	ck_assert_uint_eq(got.ttl, 0);
	ask();
	GOT(STS_ENFORCE, "1", 0, "none");
	ck_assert_uint_eq(https_peer_connections(https), 2);
}
END_TEST

/* S30: an unreadable cache is not an empty one. */
START_TEST(test_broken_cache)
{
	FILE *f;

	engine_stop();
	f = fopen(db, "w");
	fputs("this is no database, and it is long enough to be looked at as one, really", f);
	fclose(f);
	engine_start();
	ck_assert(!sts_cache_ok(cache));
	ask();
	GOT(STS_UNKNOWN, "", 0, "local-storage");
	zone(ADDRESS);
	ask();
	GOT(STS_UNKNOWN, "", 0, "local-storage");
	ck_assert_uint_eq(https_peer_connections(https), 0);
}
END_TEST

START_TEST(test_address)
{
	struct dns_address a;

	ck_assert_int_eq(dns_address_parse("127.0.0.1", &a), 0);
	address = &a;
	zone(RECORD("1"));
	ask();
	GOT(STS_ENFORCE, "1", 0, "none");
}
END_TEST

/* S27: fetched again though nothing changed, and though the record is gone. */
START_TEST(test_refresh)
{
	ask();
	ck_assert_uint_eq(sts_engine_refresh(engine), 0);
	later(2 * DAY);
	zone(_i == 0 ? RECORD("1") ADDRESS : ADDRESS);
	serve("enforce", "mx2.corp.example", 30 * DAY);
	ck_assert_uint_eq(sts_engine_refresh(engine), 1);
	ck_assert_uint_eq(sts_engine_refresh(engine), 0);
	run(answers + 1, 700);
	ck_assert_uint_eq(https_peer_connections(https), 2);
	later(29 * DAY);
	ask();
	GOT(STS_ENFORCE, "1", _i, _i == 0 ? "none" : "sts-policy-fetch-error");
	ck_assert_str_eq(patterns, "mx2.corp.example ");
}
END_TEST

START_TEST(test_refresh_failure)
{
	ask();
	later(2 * DAY);
	engine_start();
	serve_as(0, 0, "404 Not Found", "");
	ck_assert_uint_eq(sts_engine_refresh(engine), 1);
	run(answers + 1, 700);
	ck_assert_uint_eq(sts_engine_refresh(engine), 0);	/* tried: not again before tomorrow */
	ask();
	GOT(STS_ENFORCE, "1", 0, "none");
	later(2 * DAY);
	ck_assert_uint_eq(sts_engine_refresh(engine), 1);
	later(40 * DAY);		/* expired: nothing to refresh */
	run(answers + 1, 300);
	ck_assert_uint_eq(sts_engine_refresh(engine), 0);
}
END_TEST

/* Somebody asks for it: past the cache and the back-off, and waits for the end. */
START_TEST(test_fetch)
{
	unsigned before;

	ask();
	GOT(STS_ENFORCE, "1", 0, "none");
	for (int i = 0; i < 3; i++) {
		before = answers;
		if (i == 1)
			serve_as(0, 0, "404 Not Found", "");
		else
			serve(i == 0 ? "testing" : "none", "mx3.corp.example", 30 * DAY);
		ck_assert_ptr_nonnull(sts_lookup_fetch(engine, "corp.example", on_result, NULL));
		run(before + 1, 10000);
		ck_assert_uint_eq(answers, before + 1);
		ck_assert_uint_eq(https_peer_connections(https), (unsigned)i + 2);
		if (i == 0)
			GOT(STS_TESTING, "1", 0, "none");
		else if (i == 1)
			GOT(STS_TESTING, "1", 1, "sts-policy-fetch-error");
		else
			GOT(STS_NONE, "1", 0, "none");
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sts_engine");
	TCase *t = tcase_create("engine");
	SRunner *sr;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_live);
	tcase_add_loop_test(t, test_record, 0, LENGTH(records));
	tcase_add_loop_test(t, test_failure, 0, LENGTH(failures));
	tcase_add_loop_test(t, test_failure_over_cached, 0, LENGTH(failures));
	tcase_add_test(t, test_off_switch);
	tcase_add_test(t, test_record_gone);
	tcase_add_loop_test(t, test_record_error, 0, LENGTH(lies));
	tcase_add_test(t, test_patience);
	tcase_add_test(t, test_patience_cached);
	tcase_add_test(t, test_joined);
	tcase_add_test(t, test_cancel);
	tcase_add_test(t, test_free_open);
	tcase_add_test(t, test_no_age);
	tcase_add_test(t, test_broken_cache);
	tcase_add_test(t, test_address);
	tcase_add_loop_test(t, test_refresh, 0, 2);
	tcase_add_test(t, test_refresh_failure);
	tcase_add_test(t, test_fetch);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
