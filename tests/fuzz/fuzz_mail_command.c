/* SPDX-License-Identifier: ISC */
/*
 * fuzz_mail_command (F1): one SMTP command line. What is taken and printed
 * is read as the same command again, and holds no line end of its own.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/bug.h"
#include "lib/mail/command.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_printed(const struct mail_command *cmd)
{
	struct mail_command again;
	struct mail_answer answer;
	struct buf first, second;
	const char *s;
	size_t n;

	buf_init(&first);
	buf_init(&second);
	mail_command_print(&first, cmd);
	s = buf_str(&first);
	n = buf_len(&first);
	MUST(n >= 2 && memchr(s, '\r', n) == s + n - 2 && memchr(s, '\n', n) == s + n - 1);
	MUST(memchr(s, '\0', n) == NULL);
	/* Escapes may outgrow ORCPT's own limit; everything else comes back. */
	if (mail_command_parse(s, n - 2, &again, &answer) == 0) {
		mail_command_print(&second, &again);
		MUST(n == buf_len(&second) && memcmp(s, buf_data(&second), n) == 0);
	} else {
		MUST(cmd->orcpt[0] != '\0' || cmd->path_utf8);
	}
	buf_fini(&first);
	buf_fini(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct mail_command cmd;
	struct mail_answer answer;
	struct buf line;

	if (mail_command_parse((const char *)data, n, &cmd, &answer) == 0) {
		check_printed(&cmd);
		return 0;
	}
	MUST(answer.code >= 500 && answer.code <= 599 && answer.dsn[0] == '5');
	buf_init(&line);
	mail_answer_print(&line, &answer);
	MUST(memchr(buf_data(&line), '\n', buf_len(&line)) == buf_data(&line) + buf_len(&line) - 1);
	buf_fini(&line);
	return 0;
}
