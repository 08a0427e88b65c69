/* SPDX-License-Identifier: ISC */
/* command: verbs and their arguments; paths and parameters have files of their own. */
#include "lib/mail/command.h"

#include <string.h>
#include <strings.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/mail/command_int.h"

typedef int parse_fn(struct mail_command_rest, struct mail_command *, struct mail_answer *);

static parse_fn parse_helo, parse_path, parse_none, parse_any, parse_some, parse_bdat;

static const struct verb {
	const char	*name;
	size_t		 max;		/* octets of the line */
	parse_fn	*parse;
	const char	*syntax;
} verbs[MAIL_VERB__COUNT] = {
	[MAIL_VERB_UNKNOWN] = { "", MAIL_COMMAND_MAX, NULL, NULL },
	[MAIL_VERB_EHLO] = { "EHLO", MAIL_COMMAND_SHORT_MAX, parse_helo, "EHLO hostname" },
	[MAIL_VERB_HELO] = { "HELO", MAIL_COMMAND_SHORT_MAX, parse_helo, "HELO hostname" },
	[MAIL_VERB_MAIL] = { "MAIL", MAIL_COMMAND_MAX, parse_path, NULL },
	[MAIL_VERB_RCPT] = { "RCPT", MAIL_COMMAND_MAX, parse_path, NULL },
	[MAIL_VERB_DATA] = { "DATA", MAIL_COMMAND_SHORT_MAX, parse_none, "DATA" },
	[MAIL_VERB_BDAT] = { "BDAT", MAIL_COMMAND_SHORT_MAX, parse_bdat, "BDAT size [LAST]" },
	[MAIL_VERB_RSET] = { "RSET", MAIL_COMMAND_SHORT_MAX, parse_none, "RSET" },
	[MAIL_VERB_NOOP] = { "NOOP", MAIL_COMMAND_SHORT_MAX, parse_any, NULL },
	[MAIL_VERB_VRFY] = { "VRFY", MAIL_COMMAND_SHORT_MAX, parse_some, "VRFY address" },
	[MAIL_VERB_EXPN] = { "EXPN", MAIL_COMMAND_SHORT_MAX, parse_some, "EXPN list" },
	[MAIL_VERB_HELP] = { "HELP", MAIL_COMMAND_SHORT_MAX, parse_any, NULL },
	[MAIL_VERB_QUIT] = { "QUIT", MAIL_COMMAND_SHORT_MAX, parse_none, "QUIT" },
	[MAIL_VERB_STARTTLS] = { "STARTTLS", MAIL_COMMAND_SHORT_MAX, parse_none, "STARTTLS" },
	[MAIL_VERB_AUTH] = { "AUTH", MAIL_COMMAND_MAX, parse_some, "AUTH mechanism" },
	[MAIL_VERB_FOREIGN] = { "", MAIL_COMMAND_MAX, NULL, NULL },
};

/* First octets of peers that have lost their way (HARDENING I12). */
static const struct {
	const char	*text;
	size_t		 len;
} foreign[] = {
#define FOREIGN(s)	{ s, sizeof s - 1 }
	FOREIGN("GET "), FOREIGN("POST "), FOREIGN("HEAD "), FOREIGN("PUT "),
	FOREIGN("DELETE "), FOREIGN("OPTIONS "), FOREIGN("CONNECT "), FOREIGN("TRACE "),
	FOREIGN("PATCH "), FOREIGN("PRI * HTTP/"), FOREIGN("Host:"), FOREIGN("User-Agent:"),
	FOREIGN("SSH-"), FOREIGN("\x16\x03"),
#undef FOREIGN
};

int
mail_command_is_foreign(const char *s, size_t len)
{
	for (size_t i = 0; i < LENGTH(foreign); i++)
		if (len >= foreign[i].len && strncasecmp(s, foreign[i].text, foreign[i].len) == 0)
			return 1;
	return 0;
}

const char *
mail_verb_name(enum mail_verb verb)
{
	return verb < MAIL_VERB__COUNT ? verbs[verb].name : "";
}

size_t
mail_command_skip_blanks(struct mail_command_rest *r)
{
	size_t n = 0;

	while (n < r->n && str_is_blank(r->p[n]))
		n++;
	mail_command_skip(r, n);
	return n;
}

static int
syntax_error(const struct mail_command *cmd, struct mail_answer *answer)
{
	return mail_answer_set(answer, 501, "5.5.4", "Syntax: %s", verbs[cmd->verb].syntax);
}

/*
 * RFC 5321 s4.1.1.1 wants a domain or a literal; printers say what they like.
 * Only what could not be shown in a trace field is refused.
 */
static int
parse_helo(struct mail_command_rest r, struct mail_command *cmd, struct mail_answer *answer)
{
	if (r.n == 0 || r.n > MAIL_HELO_MAX)
		return syntax_error(cmd, answer);
	for (size_t i = 0; i < r.n; i++)
		if (r.p[i] < 32 || r.p[i] > 126)
			return syntax_error(cmd, answer);
	cmd->lax = !mail_address_domain_ok(r.p, r.n) || memchr(r.p, '_', r.n) != NULL;
	memcpy(cmd->helo, r.p, r.n);
	cmd->helo[r.n] = '\0';
	return 0;
}

static int
parse_path(struct mail_command_rest r, struct mail_command *cmd, struct mail_answer *answer)
{
	return mail_command_parse_path(r, cmd, answer);
}

static int
parse_none(struct mail_command_rest r, struct mail_command *cmd, struct mail_answer *answer)
{
	return r.n == 0 ? 0 : syntax_error(cmd, answer);
}

static int
parse_any(struct mail_command_rest r, struct mail_command *cmd, struct mail_answer *answer)
{
	cmd->arg = r.p;
	cmd->arg_len = r.n;
	return 0;
}

static int
parse_some(struct mail_command_rest r, struct mail_command *cmd, struct mail_answer *answer)
{
	return r.n > 0 ? parse_any(r, cmd, answer) : syntax_error(cmd, answer);
}

/* RFC 3030 s2: BDAT SP chunk-size [ SP "LAST" ] */
static int
parse_bdat(struct mail_command_rest r, struct mail_command *cmd, struct mail_answer *answer)
{
	size_t digits = 0;

	for (; digits < r.n && r.p[digits] >= '0' && r.p[digits] <= '9'; digits++)
		if (__builtin_mul_overflow(cmd->chunk, (uint64_t)10, &cmd->chunk) ||
		    __builtin_add_overflow(cmd->chunk, (uint64_t)(r.p[digits] - '0'), &cmd->chunk))
			return syntax_error(cmd, answer);
	mail_command_skip(&r, digits);
	if (digits == 0)
		return syntax_error(cmd, answer);
	if (r.n == 0)
		return 0;
	if (mail_command_skip_blanks(&r) == 0 || r.n != 4 || strncasecmp(r.p, "LAST", 4) != 0)
		return syntax_error(cmd, answer);
	cmd->last = 1;
	return 0;
}

/* The verb at the start of the line; the rest loses it and the blanks around. */
static enum mail_verb
take_verb(struct mail_command_rest *r)
{
	size_t len = 0;

	while (len < r->n && !str_is_blank(r->p[len]))
		len++;
	for (enum mail_verb v = MAIL_VERB_EHLO; v < MAIL_VERB_FOREIGN; v++) {
		if (strlen(verbs[v].name) != len || strncasecmp(r->p, verbs[v].name, len) != 0)
			continue;
		mail_command_skip(r, len);
		mail_command_skip_blanks(r);
		while (r->n > 0 && str_is_blank(r->p[r->n - 1]))
			r->n--;
		return v;
	}
	return MAIL_VERB_UNKNOWN;
}

static int
has_line_break(const char *s, size_t n)
{
	return n > 0 && (memchr(s, '\r', n) != NULL || memchr(s, '\n', n) != NULL ||
	    memchr(s, '\0', n) != NULL);
}

int
mail_command_parse(const char *line, size_t len, struct mail_command *cmd,
    struct mail_answer *answer)
{
	struct mail_command_rest rest = { .p = line, .n = len };

	memset(cmd, 0, sizeof *cmd);
	if (mail_command_is_foreign(line, len)) {
		cmd->verb = MAIL_VERB_FOREIGN;
		return mail_answer_set(answer, 500, "5.5.2", "This is an SMTP server");
	}
	cmd->verb = take_verb(&rest);
	if (len > verbs[cmd->verb].max)
		return mail_answer_set(answer, 500, "5.5.2", "Line too long");
	if (has_line_break(line, len))
		return mail_answer_set(answer, 500, "5.5.2", "Line holds CR, LF or NUL");
	if (verbs[cmd->verb].parse == NULL)
		return mail_answer_set(answer, 500, "5.5.2", "Command not recognized");
	return verbs[cmd->verb].parse(rest, cmd, answer);
}
