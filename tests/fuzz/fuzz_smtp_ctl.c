/* SPDX-License-Identifier: ISC */
/* fuzz_smtp_ctl: any line on the control socket is refused in words or understood within bounds. */
#include <string.h>

#include "lib/base/bug.h"
#include "relayd/smtp/ctl_request.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char *const words[] = { "ready", "blocked", NULL };
static const struct ctl_arg args[] = {
	{ .key = "domain", .type = CTL_DOMAIN }, { .key = "id", .type = CTL_QID },
	{ .key = "max", .type = CTL_NUMBER }, { .key = "body", .type = CTL_FLAG },
	{ .key = "state", .type = CTL_WORD, .words = words },
	{ .key = "ids", .type = CTL_QIDS }, { .key = "older", .type = CTL_SPAN },
	{ .key = "sender", .type = CTL_ADDRESS }, { .key = "note", .type = CTL_TEXT },
	{ .key = NULL },
};

/* What goes back to the asker is one printable line. */
static void
check_refusal(const struct ctl_refusal *r)
{
	json_t *j = json_pack("{s:s, s:s, s:s}", "error", r->error, "fix", r->fix, "kind",
	    ctl_kind_name(r->kind));

	MUST(j != NULL && r->error[0] != '\0');
	for (const char *p = r->error; *p != '\0'; p++)
		MUST((unsigned char)*p >= 0x20 && *p != 0x7f);
	json_decref(j);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ctl_value values[CTL_ARGS_MAX];
	struct ctl_refusal r;
	char verb[CTL_VERB_CAP];
	json_t *root;

	if (ctl_request_parse((const char *)data, n, &root, verb, &r) == -1) {
		MUST(root == NULL);
		check_refusal(&r);
		return 0;
	}
	MUST(strlen(verb) < CTL_VERB_CAP);
	if (ctl_request_values(root, args, values, &r) == -1)
		check_refusal(&r);
	json_decref(root);
	return 0;
}
