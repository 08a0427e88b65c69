/* SPDX-License-Identifier: ISC */
/* command_path: the paths of MAIL and RCPT, RFC 5321 s4.1.1.2, s4.1.1.3, s4.1.2. */
#include "lib/mail/command_int.h"

#include <string.h>
#include <strings.h>

#include "lib/base/str.h"

static int
syntax_error(const struct mail_command *cmd, struct mail_answer *answer)
{
	return mail_answer_set(answer, 501, "5.5.4", "Syntax: %s",
	    cmd->verb == MAIL_VERB_MAIL ? "MAIL FROM:<address>" : "RCPT TO:<address>");
}

static int
bad_address(const struct mail_command *cmd, struct mail_answer *answer)
{
	if (cmd->verb == MAIL_VERB_MAIL)
		return mail_answer_set(answer, 553, "5.1.7", "Bad sender address syntax");
	return mail_answer_set(answer, 553, "5.1.3", "Bad recipient address syntax");
}

/* Skips "FROM:" or "TO:". */
static int
take_keyword(struct mail_command_rest *r, const struct mail_command *cmd)
{
	const char *word = cmd->verb == MAIL_VERB_MAIL ? "FROM:" : "TO:";
	size_t len = strlen(word);

	if (r->n < len || strncasecmp(r->p, word, len) != 0)
		return -1;
	mail_command_skip(r, len);
	return 0;
}

/* What stands between < and the > that closes it, quoted strings respected. */
static int
take_brackets(struct mail_command_rest *r, struct mail_command_rest *inside)
{
	int quoted = 0;

	for (size_t i = 1; i < r->n; i++) {
		if (quoted && r->p[i] == '\\') {
			i++;
		} else if (r->p[i] == '"') {
			quoted = !quoted;
		} else if (r->p[i] == '>' && !quoted) {
			*inside = (struct mail_command_rest){ .p = r->p + 1, .n = i - 1 };
			mail_command_skip(r, i + 1);
			return 0;
		}
	}
	return -1;
}

/* A path without brackets: everything up to the next blank. */
static int
take_bare(struct mail_command_rest *r, struct mail_command_rest *inside)
{
	size_t len = 0;

	while (len < r->n && !str_is_blank(r->p[len]))
		len++;
	if (len == 0)
		return -1;
	*inside = (struct mail_command_rest){ .p = r->p, .n = len };
	mail_command_skip(r, len);
	return 0;
}

/* RFC 5321 s4.1.1.3 and appendix C: "@a,@b:" is read and dropped. */
static int
drop_source_route(struct mail_command_rest *r)
{
	size_t len;

	while (r->n > 0 && r->p[0] == '@') {
		mail_command_skip(r, 1);
		for (len = 0; len < r->n && r->p[len] != ',' && r->p[len] != ':'; len++) {
			const char *end;

			if (r->p[len] != '[')
				continue;
			if ((end = memchr(r->p + len, ']', r->n - len)) == NULL)
				return -1;
			len = (size_t)(end - r->p);
		}
		if (len == r->n || !mail_address_domain_ok(r->p, len))
			return -1;
		mail_command_skip(r, len + 1);
		if (r->p[-1] == ':')
			return 0;
	}
	return -1;
}

static int
is_postmaster(const struct mail_command_rest *r)
{
	return r->n == 10 && strncasecmp(r->p, "postmaster", 10) == 0;
}

static int
set_path(struct mail_command_rest inside, struct mail_command *cmd, struct mail_answer *answer)
{
	struct mail_address address;

	if (inside.n == 0) {
		/* RFC 5321 s4.1.1.3: there is no empty forward path. */
		if (cmd->verb == MAIL_VERB_RCPT)
			return bad_address(cmd, answer);
		return 0;
	}
	if (inside.p[0] == '@' && drop_source_route(&inside) == -1)
		return bad_address(cmd, answer);
	if (mail_address_parse(inside.p, inside.n, &address) == 0)
		cmd->path_utf8 = address.utf8;
	else if (cmd->verb != MAIL_VERB_RCPT || !is_postmaster(&inside))
		return bad_address(cmd, answer);
	memcpy(cmd->path, inside.p, inside.n);
	cmd->path[inside.n] = '\0';
	return 0;
}

int
mail_command_parse_path(struct mail_command_rest r, struct mail_command *cmd,
    struct mail_answer *answer)
{
	struct mail_command_rest inside;

	if (take_keyword(&r, cmd) == -1)
		return syntax_error(cmd, answer);
	if (mail_command_skip_blanks(&r) > 0)
		cmd->lax = 1;
	if (r.n > 0 && r.p[0] == '<') {
		if (take_brackets(&r, &inside) == -1)
			return syntax_error(cmd, answer);
	} else {
		cmd->lax = 1;
		if (take_bare(&r, &inside) == -1)
			return syntax_error(cmd, answer);
	}
	if (r.n > 0 && !str_is_blank(r.p[0]))
		return syntax_error(cmd, answer);
	if (set_path(inside, cmd, answer) == -1)
		return -1;
	if (mail_command_parse_params(r, cmd, answer) == -1)
		return -1;
	/* RFC 6531 s3.5: a non-ASCII sender needs SMTPUTF8 on the same line. */
	if (cmd->verb == MAIL_VERB_MAIL && cmd->path_utf8 && !cmd->smtputf8)
		return mail_answer_set(answer, 553, "5.6.7", "Address needs SMTPUTF8");
	return 0;
}
