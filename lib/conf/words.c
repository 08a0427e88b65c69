/* SPDX-License-Identifier: ISC */
/* words: the choices of conf_types.def and what they stand for. */
#include "lib/conf/conf_int.h"

const struct conf_word conf_words_level[] = {
	{ "encrypt", CONF_ENCRYPT }, { "verify", CONF_VERIFY }, { "sts", CONF_STS },
	{ "dane", CONF_DANE }, { NULL, 0 },
};
const struct conf_word conf_words_mode[] = {
	{ "enforce", CONF_ENFORCE }, { "monitor", CONF_MONITOR }, { NULL, 0 },
};
const struct conf_word conf_words_allow[] = {
	{ "weak-tls", CONF_ALLOW_WEAK_TLS }, { "encrypt", CONF_ALLOW_ENCRYPT },
	{ "plaintext", CONF_ALLOW_PLAINTEXT }, { NULL, 0 },
};
const struct conf_word conf_words_overrides[] = {
	{ "published", CONF_OVERRIDES_PUBLISHED }, { NULL, 0 },
};
const struct conf_word conf_words_listen_tls[] = {
	{ "none", CONF_LISTEN_PLAIN }, { "starttls", CONF_LISTEN_STARTTLS },
	{ "implicit", CONF_LISTEN_IMPLICIT }, { NULL, 0 },
};
const struct conf_word conf_words_client_tls[] = {
	{ "optional", CONF_CLIENT_TLS_OPTIONAL }, { "required", CONF_CLIENT_TLS_REQUIRED },
	{ NULL, 0 },
};
const struct conf_word conf_words_route_tls[] = {
	{ "starttls", CONF_ROUTE_STARTTLS }, { "implicit", CONF_ROUTE_IMPLICIT }, { NULL, 0 },
};
const struct conf_word conf_words_auth[] = {
	{ "auto", CONF_AUTH_AUTO }, { "plain", CONF_AUTH_PLAIN }, { "login", CONF_AUTH_LOGIN },
	{ NULL, 0 },
};
const struct conf_word conf_words_prefer[] = {
	{ "ipv6", CONF_PREFER_IPV6 }, { "ipv4", CONF_PREFER_IPV4 }, { "any", CONF_PREFER_ANY },
	{ NULL, 0 },
};
const struct conf_word conf_words_profile[] = {
	{ "default", CONF_PROFILE_DEFAULT }, { "strict", CONF_PROFILE_STRICT },
	{ "appliance", CONF_PROFILE_APPLIANCE }, { NULL, 0 },
};
const struct conf_word conf_words_eod[] = {
	{ "strict", CONF_EOD_STRICT }, { "lenient", CONF_EOD_LENIENT }, { NULL, 0 },
};
const struct conf_word conf_words_tls_version[] = {
	{ "1.2", CONF_TLS1_2 }, { "1.3", CONF_TLS1_3 }, { NULL, 0 },
};
const struct conf_word conf_words_log_target[] = {
	{ "stderr", LOG_TO_STDERR }, { "syslog", LOG_TO_SYSLOG }, { "journal", LOG_TO_JOURNAL },
	{ "file", LOG_TO_FILE }, { NULL, 0 },
};
const struct conf_word conf_words_log_format[] = {
	{ "text", LOG_TEXT }, { "json", LOG_JSON }, { NULL, 0 },
};
const struct conf_word conf_words_log_level[] = {
	{ "err", LOG_LVL_ERR }, { "warning", LOG_LVL_WARNING }, { "notice", LOG_LVL_NOTICE },
	{ "info", LOG_LVL_INFO }, { "debug", LOG_LVL_DEBUG }, { NULL, 0 },
};

static const char *
word_of(const struct conf_word *words, int value)
{
	for (; words->word != NULL; words++)
		if (words->value == value)
			return words->word;
	return "?";
}

const char *
conf_level_name(enum conf_level level)
{
	return word_of(conf_words_level, (int)level);
}

const char *
conf_mode_name(enum conf_mode mode)
{
	return word_of(conf_words_mode, (int)mode);
}

const char *
conf_allow_name(enum conf_allow allow)
{
	return word_of(conf_words_allow, (int)allow);
}
