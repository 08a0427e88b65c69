/* SPDX-License-Identifier: ISC */
/* cmd_probe: relayctl probe, preflight. */
#include "relayd/ctl/out.h"
#include "relayd/ctl/preflight.h"
#include "relayd/ctl/verbs.h"

static const struct verb_option options[] = {
	{ 'r', "fresh", VERB_FLAG },
	{ 0, NULL, VERB_FLAG },
};

/* ---- probe ---- */

static const struct column address_columns[] = {
	{ "host", "host", CELL_TEXT },
	{ "address", "address", CELL_TEXT },
	{ "verdict", "verdict", CELL_TEXT },
	{ "reason", "reason", CELL_TEXT },
	{ "why", "why", CELL_TEXT },
	{ "level asked for", "level", CELL_TEXT },
	{ "because of", "proof", CELL_TEXT },
	{ "exception", "exception", CELL_TEXT },
	{ "protocol", "protocol", CELL_TEXT },
	{ "cipher", "cipher", CELL_TEXT },
	{ "certificate", "subject", CELL_TEXT },
	{ "issuer", "issuer", CELL_TEXT },
	{ "SHA-256", "fingerprint", CELL_TEXT },
	{ "valid until", "not_after", CELL_TIME },
	{ "chain is trusted", "chain", CELL_YES },
	{ "name is right", "name", CELL_YES },
	{ "TLSA matches", "dane_matched", CELL_YES },
	{ "usage of the match", "dane_usage", CELL_NUMBER },
	{ "depth of the match", "dane_depth", CELL_NUMBER },
	{ "milliseconds", "ms", CELL_NUMBER },
	{ NULL, NULL, CELL_TEXT },
};

static const struct column sum_columns[] = {
	{ "domain", "probe", CELL_TEXT },
	{ "mail would", "verdict", CELL_TEXT },
	{ "at level", "level", CELL_TEXT },
	{ "rule", "origin", CELL_TEXT },
	{ "hosts", "hosts", CELL_NUMBER },
	{ "addresses admitted", "admitted", CELL_NUMBER },
	{ "addresses refused", "refused", CELL_NUMBER },
	{ "addresses not reached", "unreachable", CELL_NUMBER },
	{ "not tried", "untried", CELL_NUMBER },
	{ "first certificate ends", "not_after", CELL_TIME },
	{ "reason", "reason", CELL_TEXT },
	{ "why", "why", CELL_TEXT },
	{ NULL, NULL, CELL_TEXT },
};

static const struct view probe_views[] = {
	{ "address", VIEW_FACTS, address_columns },
	{ "probe", VIEW_FACTS, sum_columns },
	{ "hint", VIEW_ROWS, view_hint },
	{ NULL, VIEW_ROWS, NULL },
};

static int
probe_operands(json_t *request, int argc, char **argv)
{
	return argc == 1 ? verb_domain_operand(request, argv[0]) : -1;
}

const struct verb cmd_probe = {
	.name = "probe", .args = "[-r] domain",
	.usage = "connect to each of its servers, up to the gate; no mail is sent",
	.options = options, .operands = probe_operands, .views = probe_views,
};

/* ---- preflight ---- */

static const struct column domain_columns[] = {
	{ "DOMAIN", "probe", CELL_TEXT },
	{ "MAIL WOULD", "verdict", CELL_TEXT },
	{ "LEVEL", "level", CELL_TEXT },
	{ "ADMITTED", "admitted", CELL_NUMBER },
	{ "REFUSED", "refused", CELL_NUMBER },
	{ "UNREACHABLE", "unreachable", CELL_NUMBER },
	{ "CERTIFICATE ENDS", "not_after", CELL_TIME },
	{ "REASON", "reason", CELL_TEXT },
	{ "WHY", "why", CELL_TEXT },
	{ NULL, NULL, CELL_TEXT },
};

static const struct column all_columns[] = {
	{ "domains", "preflight", CELL_NUMBER },
	{ "deliver", "deliver", CELL_NUMBER },
	{ "partial", "partial", CELL_NUMBER },
	{ "refuse", "refuse", CELL_NUMBER },
	{ "unreachable", "unreachable", CELL_NUMBER },
	{ "defer", "defer", CELL_NUMBER },
	{ "reject", "reject", CELL_NUMBER },
	{ "error", "error", CELL_NUMBER },
	{ NULL, NULL, CELL_TEXT },
};

static const struct view preflight_views[] = {
	{ "preflight", VIEW_FACTS, all_columns },
	{ "probe", VIEW_ROWS, domain_columns },
	{ NULL, VIEW_ROWS, NULL },
};

static int
preflight_operands(json_t *request, int argc, char **argv)
{
	return verb_one_operand(request, "file", argc, argv);
}

const struct verb cmd_preflight = {
	.name = "preflight", .args = "[-r] file",
	.usage = "probe the domains or addresses in a file, one a line",
	.options = options, .operands = preflight_operands, .views = preflight_views,
	.run = preflight,
};
