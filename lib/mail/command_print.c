/* SPDX-License-Identifier: ISC */
/* command_print: command values as lines, and the words of RFC 3461. */
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "lib/mail/command.h"
#include "lib/mail/xtext.h"

const char *
mail_ret_name(enum mail_ret ret)
{
	switch (ret) {
	case MAIL_RET_NONE:
		return "";
	case MAIL_RET_FULL:
		return "FULL";
	case MAIL_RET_HDRS:
		return "HDRS";
	}
	return "";
}

enum mail_ret
mail_ret_of(const char *s)
{
	if (strcmp(s, "FULL") == 0)
		return MAIL_RET_FULL;
	return strcmp(s, "HDRS") == 0 ? MAIL_RET_HDRS : MAIL_RET_NONE;
}

void
mail_notify_print(const struct mail_notify *notify, char *to, size_t cap)
{
	str_fmt(to, cap, "%s%s%s%s",
	    notify->never ? ",NEVER" : "", notify->success ? ",SUCCESS" : "",
	    notify->failure ? ",FAILURE" : "", notify->delay ? ",DELAY" : "");
	if (to[0] == ',')
		memmove(to, to + 1, strlen(to));
}

static void
print_mail(struct buf *out, const struct mail_command *cmd)
{
	buf_addf(out, "MAIL FROM:<%s>", cmd->path);
	if (cmd->has_size)
		buf_addf(out, " SIZE=%llu", (unsigned long long)cmd->size);
	if (cmd->body != MAIL_BODY_NONE)
		buf_adds(out, cmd->body == MAIL_BODY_7BIT ? " BODY=7BIT" : " BODY=8BITMIME");
	if (cmd->smtputf8)
		buf_adds(out, " SMTPUTF8");
	if (cmd->requiretls)
		buf_adds(out, " REQUIRETLS");
	if (cmd->ret != MAIL_RET_NONE)
		buf_addf(out, " RET=%s", mail_ret_name(cmd->ret));
	if (cmd->envid[0] != '\0') {
		buf_adds(out, " ENVID=");
		mail_xtext_encode(out, cmd->envid);
	}
}

static void
print_orcpt(struct buf *out, const char *orcpt)
{
	const char *semicolon = strchr(orcpt, ';');

	if (semicolon == NULL)
		return;
	buf_adds(out, " ORCPT=");
	buf_add(out, orcpt, (size_t)(semicolon - orcpt) + 1);
	if (str_starts_nocase(orcpt, "utf-8;"))
		mail_xtext_encode_utf8(out, semicolon + 1);
	else
		mail_xtext_encode(out, semicolon + 1);
}

static void
print_rcpt(struct buf *out, const struct mail_command *cmd)
{
	char notify[64];

	buf_addf(out, "RCPT TO:<%s>", cmd->path);
	mail_notify_print(&cmd->notify, notify, sizeof notify);
	if (notify[0] != '\0')
		buf_addf(out, " NOTIFY=%s", notify);
	print_orcpt(out, cmd->orcpt);
}

void
mail_command_print(struct buf *out, const struct mail_command *cmd)
{
	if (cmd->verb == MAIL_VERB_MAIL) {
		print_mail(out, cmd);
	} else if (cmd->verb == MAIL_VERB_RCPT) {
		print_rcpt(out, cmd);
	} else {
		buf_adds(out, mail_verb_name(cmd->verb));
		if (cmd->helo[0] != '\0')
			buf_addf(out, " %s", cmd->helo);
		if (cmd->verb == MAIL_VERB_BDAT)
			buf_addf(out, " %llu%s", (unsigned long long)cmd->chunk,
			    cmd->last ? " LAST" : "");
		if (cmd->arg_len > 0) {
			buf_addc(out, ' ');
			buf_add(out, cmd->arg, cmd->arg_len);
		}
	}
	buf_adds(out, "\r\n");
}
