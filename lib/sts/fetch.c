/* SPDX-License-Identifier: ISC */
/* fetch: see fetch.h. The rules of one request; the loop is in fetch_multi.c. */
#include "lib/sts/fetch.h"

#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "lib/base/bug.h"
#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/sts/fetch_int.h"
#include "lib/sts/policy.h"

#define HEADER_MAX	16384		/* HARDENING P7 */

int
sts_fetch_type_ok(const char *type)
{
	static const char want[] = "text/plain";
	size_t n = sizeof want - 1;

	if (type == NULL || strncasecmp(type, want, n) != 0)
		return 0;
	type += n;
	type += strspn(type, " \t");
	return *type == '\0' || *type == ';';
}

static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	struct sts_fetch *f = arg;

	/* S15: stop while it streams. */
	if (size * n > STS_BODY_MAX - buf_len(&f->body)) {
		f->too_big = 1;
		return 0;
	}
	buf_add(&f->body, data, size * n);
	return size * n;
}

static size_t
on_header(char *data, size_t size, size_t n, void *arg)
{
	struct sts_fetch *f = arg;

	f->header_bytes += size * n;
	if (f->header_bytes > HEADER_MAX)
		return 0;
	return size * n;
}

/* HARDENING P8: the address that is really connected to, whatever was resolved before. */
static curl_socket_t
on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *sa)
{
	struct sts_fetch *f = arg;
	struct dns_address a = { .family = sa->family };
	const struct sockaddr *addr = &sa->addr;

	if (purpose != CURLSOCKTYPE_IPCXN)
		return CURL_SOCKET_BAD;
	if (sa->family == AF_INET)
		memcpy(a.ip, &((const struct sockaddr_in *)(const void *)addr)->sin_addr, 4);
	else if (sa->family == AF_INET6)
		memcpy(a.ip, &((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr, 16);
	if (dns_range_check(f->fetcher->range, DNS_RANGE_FETCH, &a, &f->refused) == -1)
		return CURL_SOCKET_BAD;
	return socket(sa->family, sa->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, sa->protocol);
}

/* Where an SSL_CTX keeps its fetch. */
static int
fetch_index(void)
{
	static int index = -1;

	if (index == -1)
		index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	return index;
}

/* libcurl takes any end of TCP as an end of the body; see judge_end. */
static void
on_ssl_info(const SSL *ssl, int where, int ret)
{
	struct sts_fetch *f = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), fetch_index());

	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && (ret & 0xff) == SSL_AD_CLOSE_NOTIFY)
		f->closed = 1;
}

/*
 * S13: our own trust store, parsed once, and the name from the SAN only.
 * libcurl would fall back to the subject's CN.
 */
static CURLcode
on_ssl_ctx(CURL *easy, void *ssl_ctx, void *arg)
{
	struct sts_fetch *f = arg;
	SSL_CTX *ctx = ssl_ctx;
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);

	SSL_CTX_set1_cert_store(ctx, f->fetcher->store);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_ex_data(ctx, fetch_index(), f);
	SSL_CTX_set_info_callback(ctx, on_ssl_info);
	X509_VERIFY_PARAM_set_hostflags(param,
	    X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (X509_VERIFY_PARAM_set1_host(param, f->host, 0) != 1)
		return CURLE_SSL_CERTPROBLEM;
	return CURLE_OK;
}

/*
 * "+host:port:address,...": the look-up is done, libcurl does none. The plus
 * lets the entry age, so that libcurl's table does not grow for ever.
 */
static void
set_addresses(struct sts_fetch *f, const struct dns_address *a, size_t n)
{
	char text[INET6_ADDRSTRLEN];
	struct buf b;
	size_t i;

	buf_init(&b);
	buf_addf(&b, "+%s:%u:", f->host, f->fetcher->port);
	for (i = 0; i < n; i++) {
		dns_address_print(&a[i], text, sizeof text);
		buf_addf(&b, a[i].family == AF_INET6 ? "%s[%s]" : "%s%s", i > 0 ? "," : "", text);
	}
	f->resolve = curl_slist_append(NULL, buf_str(&b));
	MUST(f->resolve != NULL);
	buf_fini(&b);
}

static void
set_url(struct sts_fetch *f)
{
	static const char path[] = "/.well-known/mta-sts.txt";
	char url[DNS_NAME_MAX + 64];

	if (f->fetcher->port == 443)
		str_fmt(url, sizeof url, "https://%s%s", f->host, path);
	else
		str_fmt(url, sizeof url, "https://%s:%u%s", f->host, f->fetcher->port, path);
	curl_easy_setopt(f->easy, CURLOPT_URL, url);
}

/* S11, S18: what libcurl must not do, said one by one. */
static const struct {
	CURLoption	option;
	long		value;
} numbers[] = {
	{ CURLOPT_FOLLOWLOCATION,	0 },
	{ CURLOPT_HTTPGET,		1 },
	{ CURLOPT_HTTP_VERSION,		CURL_HTTP_VERSION_1_1 },
	{ CURLOPT_HTTP09_ALLOWED,	0 },
	{ CURLOPT_HTTP_CONTENT_DECODING, 0 },
	{ CURLOPT_NETRC,		CURL_NETRC_IGNORED },
	{ CURLOPT_UNRESTRICTED_AUTH,	0 },
	{ CURLOPT_SSLVERSION,		CURL_SSLVERSION_TLSv1_2 },
	{ CURLOPT_SSL_VERIFYPEER,	1 },
	{ CURLOPT_SSL_VERIFYHOST,	2 },
	{ CURLOPT_SSL_SESSIONID_CACHE,	0 },
	{ CURLOPT_FRESH_CONNECT,	1 },
	{ CURLOPT_FORBID_REUSE,		1 },
	{ CURLOPT_TCP_NODELAY,		1 },
	{ CURLOPT_NOSIGNAL,		1 },
	{ CURLOPT_NOPROGRESS,		1 },
	{ CURLOPT_MAXFILESIZE,		STS_BODY_MAX },
};

static const struct {
	CURLoption	option;
	const char	*value;
} strings[] = {
	{ CURLOPT_PROTOCOLS_STR,	"https" },
	{ CURLOPT_REDIR_PROTOCOLS_STR,	"https" },
	{ CURLOPT_PROXY,		"" },
	{ CURLOPT_NOPROXY,		"*" },
	{ CURLOPT_ACCEPT_ENCODING,	NULL },
	{ CURLOPT_COOKIEFILE,		NULL },
	{ CURLOPT_CAINFO,		NULL },
	{ CURLOPT_CAPATH,		NULL },
	{ CURLOPT_USERAGENT,		"relayd (MTA-STS)" },
};

static void
set_options(struct sts_fetch *f)
{
	CURLcode e = CURLE_OK;
	size_t i;

	for (i = 0; i < LENGTH(numbers) && e == CURLE_OK; i++)
		e = curl_easy_setopt(f->easy, numbers[i].option, numbers[i].value);
	for (i = 0; i < LENGTH(strings) && e == CURLE_OK; i++)
		e = curl_easy_setopt(f->easy, strings[i].option, strings[i].value);
	/* Options of ours only: a libcurl without one of them is not the one we were built for. */
	MUST(e == CURLE_OK);
	curl_easy_setopt(f->easy, CURLOPT_TIMEOUT_MS, (long)f->fetcher->timeout_ms);
	curl_easy_setopt(f->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)f->fetcher->connect_ms);
	curl_easy_setopt(f->easy, CURLOPT_RESOLVE, f->resolve);
	curl_easy_setopt(f->easy, CURLOPT_ERRORBUFFER, f->error);
	curl_easy_setopt(f->easy, CURLOPT_PRIVATE, f);
}

static void
set_callbacks(struct sts_fetch *f)
{
	curl_easy_setopt(f->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(f->easy, CURLOPT_WRITEDATA, f);
	curl_easy_setopt(f->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(f->easy, CURLOPT_HEADERDATA, f);
	curl_easy_setopt(f->easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	curl_easy_setopt(f->easy, CURLOPT_OPENSOCKETDATA, f);
	curl_easy_setopt(f->easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
	curl_easy_setopt(f->easy, CURLOPT_SSL_CTX_DATA, f);
}

void
sts_fetch_prepare(struct sts_fetch *f, const struct dns_address *a, size_t n)
{
	f->easy = curl_easy_init();
	MUST(f->easy != NULL);
	why_clear(&f->refused);
	buf_init(&f->body);
	set_addresses(f, a, n);
	set_url(f);
	set_options(f);
	set_callbacks(f);
}

/* The transfer did not come to an answer. */
static int
judge_transfer(struct sts_fetch *f, CURLcode code, struct why *why)
{
	long verify = X509_V_OK;

	if (f->too_big || code == CURLE_FILESIZE_EXCEEDED)
		return why_set(why, WHY_STS_INVALID, "%s: policy of more than 64 KiB", f->host);
	if (f->header_bytes > HEADER_MAX)
		return why_set(why, WHY_STS_FETCH, "%s: HTTP header of more than 16 KiB", f->host);
	if (code == CURLE_PEER_FAILED_VERIFICATION) {
		curl_easy_getinfo(f->easy, CURLINFO_SSL_VERIFYRESULT, &verify);
		return why_set(why, WHY_STS_WEBPKI, "%s: %s", f->host, verify != X509_V_OK ?
		    X509_verify_cert_error_string(verify) : f->error);
	}
	if (why_is_set(&f->refused) && code == CURLE_COULDNT_CONNECT)
		return why_set(why, WHY_STS_FETCH, "%s: %s", f->host, f->refused.text);
	return why_set(why, WHY_STS_FETCH, "%s: %s", f->host,
	    f->error[0] != '\0' ? f->error : curl_easy_strerror(code));
}

/*
 * A body without a length of its own ends where the server says so under
 * TLS: else someone on the path could cut lines off a policy.
 */
static int
judge_end(struct sts_fetch *f, struct why *why)
{
	struct curl_header *h;
	curl_off_t length = -1;

	curl_easy_getinfo(f->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	if (length >= 0 || f->closed ||
	    curl_easy_header(f->easy, "Transfer-Encoding", 0, CURLH_HEADER, -1, &h) == CURLHE_OK)
		return 0;
	return why_set(why, WHY_STS_FETCH, "%s: the answer was cut off", f->host);
}

int
sts_fetch_judge(struct sts_fetch *f, CURLcode code, struct why *why)
{
	struct curl_header *encoding;
	const char *type = NULL;
	long status = 0;

	if (code != CURLE_OK)
		return judge_transfer(f, code, why);
	curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200)
		return why_set(why, WHY_STS_FETCH, "%s: HTTP status %ld", f->host, status);
	curl_easy_getinfo(f->easy, CURLINFO_CONTENT_TYPE, &type);
	if (!sts_fetch_type_ok(type))
		return why_set(why, WHY_STS_INVALID, "%s: content type \"%.100s\", not text/plain",
		    f->host, type != NULL ? type : "");
	if (curl_easy_header(f->easy, "Content-Encoding", 0, CURLH_HEADER, -1, &encoding) ==
	    CURLHE_OK && strcasecmp(encoding->value, "identity") != 0)
		return why_set(why, WHY_STS_INVALID, "%s: content encoding \"%.60s\"", f->host,
		    encoding->value);
	return judge_end(f, why);
}
