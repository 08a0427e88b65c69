/* SPDX-License-Identifier: ISC */
/* ctl_request: see ctl_request.h. */
#include "relayd/smtp/ctl_request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/num.h"
#include "lib/base/str.h"
#include "lib/base/why.h"
#include "lib/mail/queue_id.h"

#define NUMBER_MAX	1000000000

_Static_assert(CTL_ADDRESS_CAP >= MAIL_DOMAIN_CAP && CTL_ADDRESS_CAP > CTL_LINE_MAX,
    "a value holds each kind of text");

static const char *const kinds[] = {
	[CTL_USAGE] = "usage", [CTL_DENIED] = "denied", [CTL_BUSY] = "busy",
	[CTL_FAILED] = "failed",
};

const char *
ctl_kind_name(enum ctl_kind kind)
{
	return kinds[kind];
}

int
ctl_refuse(struct ctl_refusal *r, enum ctl_kind kind, const char *fix, const char *fmt, ...)
{
	char text[2 * CTL_TEXT_CAP];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	r->kind = kind;
	str_escape_to(r->error, sizeof r->error, text, strlen(text));
	str_escape_to(r->fix, sizeof r->fix, fix == NULL ? "" : fix, fix == NULL ? 0 : strlen(fix));
	return -1;
}

/* ---- the line ---- */

/* jansson would follow 2048 levels; nothing here needs more than a few. */
static int
is_shallow(const char *p, size_t n)
{
	int depth = 0, quoted = 0;

	for (size_t i = 0; i < n; i++) {
		if (quoted && p[i] == '\\')
			i++;
		else if (p[i] == '"')
			quoted = !quoted;
		else if (!quoted && (p[i] == '{' || p[i] == '['))
			depth++;
		else if (!quoted && (p[i] == '}' || p[i] == ']'))
			depth--;
		if (depth > CTL_DEPTH_MAX)
			return 0;
	}
	return 1;
}

static int
copy_verb(const json_t *root, char verb[CTL_VERB_CAP], struct ctl_refusal *r)
{
	const json_t *v = json_object_get(root, "verb");
	const char *s = json_string_value(v);

	if (s == NULL)
		return ctl_refuse(r, CTL_USAGE, "add \"verb\":\"status\"", "the request has no verb");
	if (json_string_length(v) >= CTL_VERB_CAP ||
	    strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789._-") != json_string_length(v))
		return ctl_refuse(r, CTL_USAGE, "relayctl help", "this is no verb: %.40s", s);
	(void)str_copy(verb, s, CTL_VERB_CAP);
	return 0;
}

static int
check_version(const json_t *root, struct ctl_refusal *r)
{
	const json_t *v = json_object_get(root, "v");

	if (!json_is_integer(v))
		return ctl_refuse(r, CTL_USAGE, "add \"v\":1", "the request has no version");
	if (json_integer_value(v) != CTL_VERSION)
		return ctl_refuse(r, CTL_USAGE, "use the relayctl that was installed with relayd",
		    "this daemon speaks version %d of the control protocol", CTL_VERSION);
	return 0;
}

int
ctl_request_parse(const char *line, size_t n, json_t **root, char verb[CTL_VERB_CAP],
    struct ctl_refusal *r)
{
	json_error_t e;

	*root = NULL;
	if (n > CTL_REQUEST_MAX || !is_shallow(line, n))
		return ctl_refuse(r, CTL_USAGE, NULL, "the request is too long or too deep");
	*root = json_loadb(line, n, JSON_REJECT_DUPLICATES, &e);
	if (*root == NULL)
		return ctl_refuse(r, CTL_USAGE, "send one JSON object on one line",
		    "the request is not JSON: %s", e.text);
	if (!json_is_object(*root))
		(void)ctl_refuse(r, CTL_USAGE, "send one JSON object on one line",
		    "the request is not an object");
	else if (check_version(*root, r) == 0 && copy_verb(*root, verb, r) == 0)
		return 0;
	json_decref(*root);
	*root = NULL;
	return -1;
}

/* ---- the values ---- */

typedef int take_fn(const struct ctl_arg *, const json_t *, struct ctl_value *,
    struct ctl_refusal *);

static int
take_flag(const struct ctl_arg *a, const json_t *j, struct ctl_value *v, struct ctl_refusal *r)
{
	if (!json_is_boolean(j))
		return ctl_refuse(r, CTL_USAGE, NULL, "%s: true or false is wanted", a->key);
	v->number = json_is_true(j);
	return 0;
}

static int
take_number(const struct ctl_arg *a, const json_t *j, struct ctl_value *v, struct ctl_refusal *r)
{
	if (!json_is_integer(j) || json_integer_value(j) < 0 ||
	    json_integer_value(j) > NUMBER_MAX)
		return ctl_refuse(r, CTL_USAGE, NULL, "%s: a number up to %d is wanted", a->key,
		    NUMBER_MAX);
	v->number = (uint64_t)json_integer_value(j);
	return 0;
}

static int
take_qid(const struct ctl_arg *a, const json_t *j, struct ctl_value *v, struct ctl_refusal *r)
{
	if (!json_is_string(j) || mail_queue_id_parse(json_string_value(j), &v->number) == -1)
		return ctl_refuse(r, CTL_USAGE, "relayctl queue list shows the queue ids",
		    "%s: this is no queue id (%d characters)", a->key, MAIL_QUEUE_ID_LEN);
	return 0;
}

static int
compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* What is named twice is meant once. */
static size_t
once(uint64_t *ids, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (kept == 0 || ids[kept - 1] != ids[i])
			ids[kept++] = ids[i];
	return kept;
}

/* In order of arrival, as all mail is listed. */
static int
take_qids(const struct ctl_arg *a, const json_t *j, struct ctl_value *v, struct ctl_refusal *r)
{
	size_t n = json_is_array(j) ? json_array_size(j) : 1;
	struct ctl_value one = { 0 };

	if (n == 0 || n > CTL_IDS_MAX)
		return ctl_refuse(r, CTL_USAGE, NULL, "%s: 1 to %d queue ids are wanted", a->key,
		    CTL_IDS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (take_qid(a, json_is_array(j) ? json_array_get(j, i) : j, &one, r) == -1)
			return -1;
		v->ids[i] = one.number;
	}
	qsort(v->ids, n, sizeof v->ids[0], compare_ids);
	v->number = once(v->ids, n);
	return 0;
}

static int
take_span(const struct ctl_arg *a, const json_t *j, struct ctl_value *v, struct ctl_refusal *r)
{
	const char *s = json_string_value(j);
	int64_t ms;

	if (s == NULL || strlen(s) != json_string_length(j) || num_duration(s, &ms) == -1)
		return ctl_refuse(r, CTL_USAGE, NULL, "%s: a duration such as 5d is wanted", a->key);
	v->number = (uint64_t)ms;
	return 0;
}

/* The domain in A-labels. What is none, and the case of letters, stays as it is. */
static void
spell(char *address, size_t cap)
{
	char ascii[MAIL_DOMAIN_CAP], *at = strrchr(address, '@');

	if (at != NULL && mail_domain_to_ascii(at + 1, strlen(at + 1), ascii, NULL) == 0 &&
	    !str_eq_nocase(at + 1, ascii))
		(void)str_copy(at + 1, ascii, cap - (size_t)(at + 1 - address));
}

/* Compared with what is stored, which need not be valid: only its size matters here. */
static int
take_address(const struct ctl_arg *a, const json_t *j, struct ctl_value *v, struct ctl_refusal *r)
{
	const char *s = json_string_value(j);
	size_t n = json_string_length(j);

	if (s == NULL || n == 0 || n >= sizeof v->text || strlen(s) != n)
		return ctl_refuse(r, CTL_USAGE, NULL, "%s: a mail address, @domain or <> is wanted",
		    a->key);
	(void)str_copy(v->text, s, sizeof v->text);
	spell(v->text, sizeof v->text);
	return 0;
}

static int
take_domain(const struct ctl_arg *a, const json_t *j, struct ctl_value *v, struct ctl_refusal *r)
{
	char ascii[MAIL_DOMAIN_CAP];
	struct why why;

	if (!json_is_string(j))
		return ctl_refuse(r, CTL_USAGE, NULL, "%s: a domain is wanted", a->key);
	if (mail_domain_to_ascii(json_string_value(j), json_string_length(j), ascii,
	    &why) == -1)
		return ctl_refuse(r, CTL_USAGE, NULL, "%s: this is no domain: %s", a->key, why.text);
	(void)str_copy(v->text, ascii, sizeof v->text);
	return 0;
}

static int
take_word(const struct ctl_arg *a, const json_t *j, struct ctl_value *v, struct ctl_refusal *r)
{
	const char *s = json_string_value(j);
	char fix[CTL_TEXT_CAP] = "one of:";

	for (size_t i = 0; a->words[i] != NULL; i++) {
		if (s != NULL && strcmp(s, a->words[i]) == 0) {
			v->number = i;
			return 0;
		}
		(void)str_cat(fix, " ", sizeof fix);
		(void)str_cat(fix, a->words[i], sizeof fix);
	}
	return ctl_refuse(r, CTL_USAGE, fix, "%s: not known: %.40s", a->key, s == NULL ? "" : s);
}

/* A backslash is as it is: what is stored is shown again, and escaped then. */
static int
take_text(const struct ctl_arg *a, const json_t *j, struct ctl_value *v, struct ctl_refusal *r)
{
	const char *s = json_string_value(j);
	size_t n = json_string_length(j);
	char plain[CTL_LINE_MAX + 1], shown[4 * sizeof plain];

	if (s == NULL || n == 0 || n > CTL_LINE_MAX || strlen(s) != n)
		return ctl_refuse(r, CTL_USAGE, NULL, "%s: a text of 1 to %d octets is wanted",
		    a->key, CTL_LINE_MAX);
	(void)str_copy(plain, s, sizeof plain);
	for (char *p = plain; (p = strchr(p, '\\')) != NULL; )
		*p = '/';
	str_escape_to(shown, sizeof shown, plain, n);
	if (strcmp(shown, plain) != 0)
		return ctl_refuse(r, CTL_USAGE, NULL, "%s: one printable line is wanted", a->key);
	(void)str_copy(v->text, s, sizeof v->text);
	return 0;
}

static take_fn *const takers[] = {
	[CTL_FLAG] = take_flag, [CTL_NUMBER] = take_number, [CTL_QID] = take_qid,
	[CTL_QIDS] = take_qids, [CTL_SPAN] = take_span, [CTL_ADDRESS] = take_address,
	[CTL_DOMAIN] = take_domain, [CTL_WORD] = take_word, [CTL_TEXT] = take_text,
};

/* Its place among args, or CTL_ARGS_MAX. */
static size_t
place_of(const struct ctl_arg *args, const char *key)
{
	for (size_t i = 0; args[i].key != NULL; i++)
		if (strcmp(args[i].key, key) == 0)
			return i;
	return CTL_ARGS_MAX;
}

static int
take(const struct ctl_arg *args, const char *key, const json_t *j,
    struct ctl_value values[CTL_ARGS_MAX], struct ctl_refusal *r)
{
	size_t i = place_of(args, key);

	if (strcmp(key, "v") == 0 || strcmp(key, "verb") == 0)
		return 0;
	if (i == CTL_ARGS_MAX)
		return ctl_refuse(r, CTL_USAGE, NULL, "this verb has no argument \"%.40s\"", key);
	if (takers[args[i].type](&args[i], j, &values[i], r) == -1)
		return -1;
	values[i].given = 1;
	return 0;
}

int
ctl_request_values(json_t *root, const struct ctl_arg *args,
    struct ctl_value values[CTL_ARGS_MAX], struct ctl_refusal *r)
{
	void *it;

	memset(values, 0, CTL_ARGS_MAX * sizeof *values);
	for (it = json_object_iter(root); it != NULL; it = json_object_iter_next(root, it))
		if (take(args, json_object_iter_key(it), json_object_iter_value(it), values,
		    r) == -1)
			return -1;
	for (size_t i = 0; args[i].key != NULL; i++)
		if (args[i].required && !values[i].given)
			return ctl_refuse(r, CTL_USAGE, NULL, "%s is missing", args[i].key);
	return 0;
}
