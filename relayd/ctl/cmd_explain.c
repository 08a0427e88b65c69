/* SPDX-License-Identifier: ISC */
/* cmd_explain: relayctl explain: an address, a domain, a queue id, or the table. */
#include <string.h>

#include "lib/mail/queue_id.h"
#include "relayd/ctl/out.h"
#include "relayd/ctl/verbs.h"

static const struct verb_option options[] = {
	{ 'r', "fresh", VERB_FLAG },
	{ 't', "table", VERB_FLAG },
	{ 0, NULL, VERB_FLAG },
};

static const struct column link_columns[] = {
	{ "LINK", "link", CELL_TEXT },
	{ "NAME", "name", CELL_TEXT },
	{ "STATE", "state", CELL_TEXT },
	{ "SECURITY", "security", CELL_TEXT },
	{ "VALUES", "values", CELL_LIST },
	{ "WHY", "why", CELL_TEXT },
	{ NULL, NULL, CELL_TEXT },
};

static const struct column record_columns[] = {
	{ "TLSA OF", "host", CELL_TEXT },
	{ "USABLE", "usable", CELL_YES },
	{ "MEANS", "means", CELL_TEXT },
	{ "RECORD", "record", CELL_TEXT },
	{ "WHY", "why", CELL_TEXT },
	{ NULL, NULL, CELL_TEXT },
};

static const struct column rule_columns[] = {
	{ "rule", "rule", CELL_TEXT },
	{ "asks for", "require", CELL_TEXT },
	{ "mode", "mode", CELL_TEXT },
	{ "minimum TLS", "min_tls", CELL_TEXT },
	{ "exceptions", "exceptions", CELL_LIST },
	{ "next hops", "via", CELL_LIST },
	{ "comes from", "source", CELL_LIST },
	{ NULL, NULL, CELL_TEXT },
};

const struct column view_cached[] = {
	{ "cached MTA-STS policy", "cached", CELL_TEXT },
	{ "there is one", "found", CELL_YES },
	{ "mode", "mode", CELL_TEXT },
	{ "id", "id", CELL_TEXT },
	{ "mx", "patterns", CELL_LIST },
	{ "fetched", "fetched", CELL_TIME },
	{ "age", "age", CELL_SPAN },
	{ "expires", "expires", CELL_TIME },
	{ "last tried", "tried", CELL_TIME },
	{ "last used", "used", CELL_TIME },
	{ "last failure", "failure", CELL_TEXT },
	{ "failed at", "failure_last", CELL_TIME },
	{ "because", "failure_why", CELL_TEXT },
	{ "reason", "reason", CELL_TEXT },
	{ "why", "why", CELL_TEXT },
	{ NULL, NULL, CELL_TEXT },
};

const struct column view_plan[] = {
	{ "plan", "plan", CELL_TEXT },
	{ "reason", "reason", CELL_TEXT },
	{ "why", "why", CELL_TEXT },
	{ "rule", "origin", CELL_TEXT },
	{ "only monitored", "monitor", CELL_YES },
	{ "look up again", "expires", CELL_WHEN },
	{ "MX secure (DNSSEC)", "mx_secure", CELL_YES },
	{ "MTA-STS", "sts", CELL_TEXT },
	{ "MTA-STS id", "sts_id", CELL_TEXT },
	{ "port", "port", CELL_NUMBER },
	{ NULL, NULL, CELL_TEXT },
};

const struct column view_hosts[] = {
	{ "HOST", "host", CELL_TEXT },
	{ "PREF", "preference", CELL_NUMBER },
	{ "USABLE", "usable", CELL_YES },
	{ "LEVEL", "level", CELL_TEXT },
	{ "BY", "proof", CELL_TEXT },
	{ "TLSA", "tlsa", CELL_NUMBER },
	{ "EXCEPTION", "exception", CELL_TEXT },
	{ "ADDRESSES", "addresses", CELL_LIST },
	{ "WHY", "why", CELL_TEXT },
	{ NULL, NULL, CELL_TEXT },
};

static const struct column message_columns[] = {
	{ "message", "id", CELL_TEXT },
	{ "arrived", "arrived", CELL_TIME },
	{ "size", "size", CELL_SIZE },
	{ "sender", "sender", CELL_PATH },
	{ "recipients left", "recipients", CELL_NUMBER },
	{ NULL, NULL, CELL_TEXT },
};

static const struct column recipient_columns[] = {
	{ "RECIPIENT", "recipient", CELL_TEXT },
	{ "STATE", "state", CELL_TEXT },
	{ "WAITS FOR", "waits_for", CELL_TEXT },
	{ "TRIED NEXT AT", "next_try", CELL_TIME },
	{ "TRIES", "tries", CELL_NUMBER },
	{ "WHY", "why", CELL_TEXT },
	{ NULL, NULL, CELL_TEXT },
};

static const struct column dest_columns[] = {
	{ "destination", "destination", CELL_TEXT },
	{ "recipients waiting", "recipients", CELL_NUMBER },
	{ "connections", "connections", CELL_NUMBER },
	{ "failures in a row", "failures", CELL_NUMBER },
	{ "blocked until", "blocked_until", CELL_TIME },
	{ "next try", "next_due", CELL_TIME },
	{ "policy is being looked up", "asking_policy", CELL_YES },
	{ "last reason", "reason", CELL_TEXT },
	{ "last why", "why", CELL_TEXT },
	{ NULL, NULL, CELL_TEXT },
};

const struct column view_hint[] = {
	{ "NOTE", "hint", CELL_TEXT },
	{ NULL, NULL, CELL_TEXT },
};

static const struct column decision_columns[] = {
	{ "MX", "mx", CELL_TEXT },
	{ "TLSA", "tlsa", CELL_TEXT },
	{ "MTA-STS", "mta_sts", CELL_TEXT },
	{ "ENCRYPT", "encrypt", CELL_TEXT },
	{ "VERIFY", "verify", CELL_TEXT },
	{ "STS", "sts", CELL_TEXT },
	{ "DANE", "dane", CELL_TEXT },
	{ "EXCEPTION", "exception", CELL_TEXT },
	{ "OVERRIDING", "override", CELL_TEXT },
	{ NULL, NULL, CELL_TEXT },
};

static const struct column admission_columns[] = {
	{ "THE CONNECTION SHOWS", "shown", CELL_TEXT },
	{ "PLAINTEXT", "at_plaintext", CELL_TEXT },
	{ "ENCRYPT", "at_encrypt", CELL_TEXT },
	{ "VERIFY", "at_verify", CELL_TEXT },
	{ "STS", "at_sts", CELL_TEXT },
	{ "DANE", "at_dane", CELL_TEXT },
	{ "DANE + STS", "at_dane_sts", CELL_TEXT },
	{ NULL, NULL, CELL_TEXT },
};

/* The first key that a line has says what it is. */
static const struct view views[] = {
	{ "link", VIEW_ROWS, link_columns },
	{ "record", VIEW_ROWS, record_columns },
	{ "rule", VIEW_FACTS, rule_columns },
	{ "cached", VIEW_FACTS, view_cached },
	{ "plan", VIEW_FACTS, view_plan },
	{ "client", VIEW_FACTS, message_columns },
	{ "recipient", VIEW_ROWS, recipient_columns },
	{ "destination", VIEW_FACTS, dest_columns },
	{ "host", VIEW_ROWS, view_hosts },
	{ "hint", VIEW_ROWS, view_hint },
	{ "mta_sts", VIEW_ROWS, decision_columns },
	{ "shown", VIEW_ROWS, admission_columns },
	{ NULL, VIEW_ROWS, NULL },
};

/* What is behind the @, all of it if there is none. */
int
verb_domain_operand(json_t *request, const char *arg)
{
	const char *at = strrchr(arg, '@');

	return json_object_set_new(request, "domain", json_string(at == NULL ? arg : at + 1));
}

static int
operands(json_t *request, int argc, char **argv)
{
	uint64_t id;

	if (json_object_get(request, "table") != NULL)
		return argc == 0 ? 0 : -1;
	if (argc != 1)
		return -1;
	if (mail_queue_id_parse(argv[0], &id) == 0)
		return verb_one_operand(request, "id", argc, argv);
	return verb_domain_operand(request, argv[0]);
}

const struct verb cmd_explain = {
	.name = "explain",
	.args = "[-r] address | domain | id | --table",
	.usage = "why mail goes as it does; -r: past all caches; --table: all decisions",
	.options = options, .operands = operands, .views = views,
};
