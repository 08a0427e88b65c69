/* SPDX-License-Identifier: ISC */
/* command_params: the parameters of MAIL and RCPT, one row each. */
#include "lib/mail/command_int.h"

#include <string.h>
#include <strings.h>

#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/mail/utf8.h"
#include "lib/mail/xtext.h"

#define AUTH_MAX	500	/* RFC 4954 s5 */

/* 0; -1: not valid; -2: *answer is set already. */
typedef int param_fn(struct mail_command_rest value, struct mail_command *, struct mail_answer *);

static param_fn set_size, set_body, set_smtputf8, set_requiretls, set_ret, set_envid, set_auth,
    set_notify, set_orcpt;

static const struct param {
	enum mail_verb	 verb;
	const char	*name;
	int		 has_value;
	param_fn	*set;
} params[] = {
	{ MAIL_VERB_MAIL, "SIZE", 1, set_size },		/* RFC 1870 */
	{ MAIL_VERB_MAIL, "BODY", 1, set_body },		/* RFC 6152 */
	{ MAIL_VERB_MAIL, "SMTPUTF8", 0, set_smtputf8 },	/* RFC 6531 */
	{ MAIL_VERB_MAIL, "REQUIRETLS", 0, set_requiretls },	/* RFC 8689 */
	{ MAIL_VERB_MAIL, "RET", 1, set_ret },			/* RFC 3461 s4.3 */
	{ MAIL_VERB_MAIL, "ENVID", 1, set_envid },		/* RFC 3461 s4.4 */
	{ MAIL_VERB_MAIL, "AUTH", 1, set_auth },		/* RFC 4954 s5 */
	{ MAIL_VERB_RCPT, "NOTIFY", 1, set_notify },		/* RFC 3461 s4.1 */
	{ MAIL_VERB_RCPT, "ORCPT", 1, set_orcpt },		/* RFC 3461 s4.2 */
};

static int
is_word(const struct mail_command_rest *r, const char *word)
{
	return r->n == strlen(word) && strncasecmp(r->p, word, r->n) == 0;
}

/* Everything up to one of the octet or the end; skipped, the octet too. */
static struct mail_command_rest
take_until(struct mail_command_rest *r, char stop)
{
	const char *at = r->n > 0 ? memchr(r->p, stop, r->n) : NULL;
	struct mail_command_rest part = { .p = r->p, .n = at == NULL ? r->n : (size_t)(at - r->p) };

	mail_command_skip(r, at == NULL ? part.n : part.n + 1);
	return part;
}

static int
set_size(struct mail_command_rest v, struct mail_command *cmd, struct mail_answer *answer)
{
	int too_big = 0;

	/* RFC 1870 s4: up to 20 digits; more than fits is big, never wrapped. */
	if (v.n > 20)
		return -1;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return -1;
		too_big |= __builtin_mul_overflow(cmd->size, (uint64_t)10, &cmd->size) ||
		    __builtin_add_overflow(cmd->size, (uint64_t)(v.p[i] - '0'), &cmd->size);
	}
	cmd->has_size = 1;
	if (too_big) {
		mail_answer_set(answer, 552, "5.3.4", "Message too big");
		return -2;
	}
	return 0;
}

static int
set_body(struct mail_command_rest v, struct mail_command *cmd, struct mail_answer *answer)
{
	if (is_word(&v, "BINARYMIME")) {	/* RFC 3030 s3; RFC 5321 s4.2.3: 504 */
		mail_answer_set(answer, 504, "5.5.4", "BODY=BINARYMIME is not offered");
		return -2;
	}
	if (is_word(&v, "7BIT"))
		cmd->body = MAIL_BODY_7BIT;
	else if (is_word(&v, "8BITMIME"))
		cmd->body = MAIL_BODY_8BITMIME;
	else
		return -1;
	return 0;
}

static int
set_smtputf8(struct mail_command_rest v, struct mail_command *cmd, struct mail_answer *answer)
{
	cmd->smtputf8 = 1;
	return 0;
}

static int
set_requiretls(struct mail_command_rest v, struct mail_command *cmd, struct mail_answer *answer)
{
	cmd->requiretls = 1;
	return 0;
}

static int
set_ret(struct mail_command_rest v, struct mail_command *cmd, struct mail_answer *answer)
{
	if (is_word(&v, "FULL"))
		cmd->ret = MAIL_RET_FULL;
	else if (is_word(&v, "HDRS"))
		cmd->ret = MAIL_RET_HDRS;
	else
		return -1;
	return 0;
}

static int
set_envid(struct mail_command_rest v, struct mail_command *cmd, struct mail_answer *answer)
{
	return v.n > MAIL_ENVID_MAX ? -1 : mail_xtext_decode(v.p, v.n, cmd->envid,
	    sizeof cmd->envid);
}

static int
set_auth(struct mail_command_rest v, struct mail_command *cmd, struct mail_answer *answer)
{
	char decoded[AUTH_MAX + 1];

	cmd->has_auth = 1;
	return mail_xtext_decode(v.p, v.n, decoded, sizeof decoded);
}

static int
parse_notify(struct mail_command_rest v, struct mail_notify *notify)
{
	struct mail_command_rest word;

	memset(notify, 0, sizeof *notify);
	if (v.n == 0 || v.p[v.n - 1] == ',')
		return -1;
	while (v.n > 0) {
		word = take_until(&v, ',');
		if (is_word(&word, "NEVER"))
			notify->never = 1;
		else if (is_word(&word, "SUCCESS"))
			notify->success = 1;
		else if (is_word(&word, "FAILURE"))
			notify->failure = 1;
		else if (is_word(&word, "DELAY"))
			notify->delay = 1;
		else
			return -1;
	}
	notify->given = 1;
	return notify->never && (notify->success || notify->failure || notify->delay) ? -1 : 0;
}

int
mail_notify_parse(const char *s, struct mail_notify *notify)
{
	struct mail_command_rest v = { .p = s, .n = strlen(s) };

	return parse_notify(v, notify);
}

static int
set_notify(struct mail_command_rest v, struct mail_command *cmd, struct mail_answer *answer)
{
	return parse_notify(v, &cmd->notify);
}

/* RFC 6533 s3: raw UTF-8 (SMTPUTF8 only) or \x{HEX}; kept in the latter form. */
static int
set_orcpt_utf8(struct mail_command_rest v, struct mail_command *cmd, char *to, size_t cap)
{
	struct buf text;
	uint32_t rune;
	size_t step;
	int rc = -1;

	buf_init(&text);
	for (size_t i = 0; i < v.n; i += step) {
		if ((step = mail_utf8_char(v.p + i, v.n - i, &rune)) == 0 ||
		    rune < 33 || (rune >= 0x7f && rune <= 0x9f))
			goto out;
		if (rune < 0x80)
			buf_addc(&text, v.p[i]);
		else
			buf_addf(&text, "\\x{%X}", (unsigned)rune);
	}
	if (buf_len(&text) >= cap)
		goto out;
	memcpy(to, buf_str(&text), buf_len(&text) + 1);
	cmd->path_utf8 = 1;
	rc = 0;
out:
	buf_fini(&text);
	return rc;
}

static int
is_ascii(const struct mail_command_rest *r)
{
	for (size_t i = 0; i < r->n; i++)
		if ((unsigned char)r->p[i] >= 0x80)
			return 0;
	return 1;
}

/* RFC 3461 s4.2: addr-type ";" xtext */
static int
set_orcpt(struct mail_command_rest v, struct mail_command *cmd, struct mail_answer *answer)
{
	struct mail_command_rest type;
	size_t at;

	if (v.n > MAIL_ORCPT_MAX || memchr(v.p, ';', v.n) == NULL)
		return -1;
	type = take_until(&v, ';');
	if (type.n == 0 || v.n == 0)
		return -1;
	for (size_t i = 0; i < type.n; i++)
		if ((type.p[i] < '0' || type.p[i] > '9') && type.p[i] != '-' &&
		    ((type.p[i] | 0x20) < 'a' || (type.p[i] | 0x20) > 'z'))
			return -1;
	at = type.n + 1;
	memcpy(cmd->orcpt, type.p, at);
	if (is_word(&type, "utf-8") && !is_ascii(&v))
		return set_orcpt_utf8(v, cmd, cmd->orcpt + at, sizeof cmd->orcpt - at);
	return mail_xtext_decode(v.p, v.n, cmd->orcpt + at, sizeof cmd->orcpt - at);
}

static const struct param *
find_param(enum mail_verb verb, const struct mail_command_rest *name)
{
	for (size_t i = 0; i < LENGTH(params); i++)
		if (params[i].verb == verb && is_word(name, params[i].name))
			return &params[i];
	return NULL;
}

static int
parse_param(struct mail_command_rest word, struct mail_command *cmd, int seen[],
    struct mail_answer *answer)
{
	int has_value = memchr(word.p, '=', word.n) != NULL, rc;
	struct mail_command_rest name = take_until(&word, '=');
	const struct param *param;

	if (name.n == 0)
		return mail_answer_set(answer, 501, "5.5.4", "Malformed parameter");
	if ((param = find_param(cmd->verb, &name)) == NULL || (has_value && !param->has_value))
		return mail_answer_set(answer, 555, "5.5.4", "Unsupported parameter: %.*s",
		    name.n > 40 ? 40 : (int)name.n, name.p);
	if (seen[param - params]++ > 0)
		return mail_answer_set(answer, 501, "5.5.4", "Repeated parameter: %s", param->name);
	rc = param->has_value && word.n == 0 ? -1 : param->set(word, cmd, answer);
	if (rc == -1)
		return mail_answer_set(answer, 501, "5.5.4", "Bad value of parameter: %s",
		    param->name);
	return rc == 0 ? 0 : -1;
}

int
mail_command_parse_params(struct mail_command_rest r, struct mail_command *cmd,
    struct mail_answer *answer)
{
	int seen[LENGTH(params)] = { 0 };
	struct mail_command_rest word;

	for (;;) {
		mail_command_skip_blanks(&r);
		if (r.n == 0)
			return 0;
		word = take_until(&r, ' ');
		if (parse_param(word, cmd, seen, answer) == -1)
			return -1;
	}
}
