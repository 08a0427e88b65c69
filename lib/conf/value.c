/* SPDX-License-Identifier: ISC */
/* value: texts, names, numbers and dates. Addresses stand in value_net.c. */
#include "lib/conf/conf_int.h"

#include <sys/un.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/num.h"
#include "lib/base/str.h"

#define SHOWN	80

int
conf_say_not(char *say, size_t cap, const char *text, const char *wanted)
{
	char shown[SHOWN];

	str_escape_to(shown, sizeof shown, text, strlen(text));
	str_fmt(say, cap, "\"%s\" is not %s", shown, wanted);
	return -1;
}

static int
has_control(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return 1;
	return 0;
}

static void
set_string(void *to, const char *text)
{
	memcpy(to, &text, sizeof text);
}

int
conf_parse_text(char *text, void *to, char *say, size_t cap)
{
	set_string(to, text);
	if (text[0] == '\0')
		return str_fmt(say, cap, "must not be empty"), -1;
	if (strlen(text) > 200)
		return str_fmt(say, cap, "is longer than 200 bytes"), -1;
	if (has_control(text))
		return str_fmt(say, cap, "holds control characters"), -1;
	return 0;
}

static int
parse_name(char *text, void *to, char *say, size_t cap, const char *wanted)
{
	size_t n = strlen(text);

	set_string(to, text);
	if (n == 0)
		return str_fmt(say, cap, "must not be empty"), -1;
	if (n > 60 || text[0] == '-' ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != n)
		return conf_say_not(say, cap, text, wanted);
	return 0;
}

int
conf_parse_name(char *text, void *to, char *say, size_t cap)
{
	return parse_name(text, to, say, cap, "a name of at most 60 letters, digits, '.', '_', '-'");
}

int
conf_parse_user(char *text, void *to, char *say, size_t cap)
{
	return parse_name(text, to, say, cap, "a user name");
}

/* RFC 1123 s2.1, RFC 1035 s2.3.4; an underscore is let through where asked. */
static int
domain_is_valid(const char *s, int underscore)
{
	size_t total = strlen(s), label;
	int numeric = 1;

	if (total == 0 || total > 253)
		return 0;
	for (;; s += label + 1) {
		label = strcspn(s, ".");
		numeric = strspn(s, "0123456789") == label;
		if (label == 0 || label > 63 || s[0] == '-' || s[label - 1] == '-' ||
		    strspn(s, underscore ? "abcdefghijklmnopqrstuvwxyz0123456789-_" :
		    "abcdefghijklmnopqrstuvwxyz0123456789-") < label)
			return 0;
		if (s[label] == '\0')
			return !numeric;
	}
}

static int
say_bad_domain(char *text, char *say, size_t cap, const char *wanted)
{
	size_t n = strlen(text);

	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			return conf_say_not(say, cap, text, "ASCII; write the xn-- form of the name");
	if (n > 1 && text[n - 1] == '.')
		return conf_say_not(say, cap, text, "written without its final dot");
	return conf_say_not(say, cap, text, wanted);
}

int
conf_parse_hostname(char *text, void *to, char *say, size_t cap)
{
	str_lower(text);
	set_string(to, text);
	if (text[0] == '\0')
		return str_fmt(say, cap, "must not be empty; write the full name of this host"), -1;
	if (!domain_is_valid(text, 0))
		return say_bad_domain(text, say, cap, "a valid host name");
	return 0;
}

int
conf_parse_domains(char *text, void *to, char *say, size_t cap)
{
	const char *name = text[0] == '.' ? text + 1 : text;

	str_lower(text);
	set_string(to, text);
	if (strcmp(text, "*") == 0 || domain_is_valid(name, 1))
		return 0;
	if (strncmp(text, "*.", 2) == 0)
		return conf_say_not(say, cap, text,
		    "a pattern; write \".example\" for all names below it");
	if (strchr(text, '@') != NULL)
		return conf_say_not(say, cap, text, "a domain; leave out the part up to '@'");
	return say_bad_domain(text, say, cap, "a valid domain name");
}

int
conf_parse_hosts(char *text, void *to, char *say, size_t cap)
{
	str_lower(text);
	set_string(to, text);
	if (domain_is_valid(text, 1))
		return 0;
	if (text[0] == '.' || strchr(text, '*') != NULL)
		return conf_say_not(say, cap, text, "a host; name each of them");
	return say_bad_domain(text, say, cap, "a valid host name");
}

int
conf_parse_path(char *text, void *to, char *say, size_t cap)
{
	size_t n = strlen(text);

	set_string(to, text);
	if (n == 0)
		return str_fmt(say, cap, "must not be empty"), -1;
	if (text[0] != '/')
		return conf_say_not(say, cap, text, "an absolute path; it must begin with '/'");
	if (n > 1023 || has_control(text))
		return conf_say_not(say, cap, text, "a usable path");
	return 0;
}

int
conf_parse_directory(char *text, void *to, char *say, size_t cap)
{
	size_t n = strlen(text);

	while (n > 1 && text[n - 1] == '/')
		text[--n] = '\0';
	return conf_parse_path(text, to, say, cap);
}

int
conf_parse_socket(char *text, void *to, char *say, size_t cap)
{
	if (strlen(text) >= sizeof ((struct sockaddr_un *)NULL)->sun_path)
		return str_fmt(say, cap, "is too long for a socket; at most %zu bytes",
		    sizeof ((struct sockaddr_un *)NULL)->sun_path - 1), -1;
	return conf_parse_path(text, to, say, cap);
}

/* A path, or "credential:NAME" for $CREDENTIALS_DIRECTORY/NAME (systemd.exec(5)). */
int
conf_parse_certificates(char *text, void *to, char *say, size_t cap)
{
	static const char credential[] = "credential:";
	const char *name = text + sizeof credential - 1;

	if (strncmp(text, credential, sizeof credential - 1) != 0)
		return conf_parse_path(text, to, say, cap);
	set_string(to, text);
	if (name[0] == '\0' || name[0] == '.' || strlen(name) > 200 || strchr(name, '/') != NULL ||
	    has_control(name))
		return conf_say_not(say, cap, text, "a credential; write credential:NAME");
	return 0;
}

int
conf_parse_key(char *text, void *to, char *say, size_t cap)
{
	return conf_parse_certificates(text, to, say, cap);
}

int
conf_parse_anchor(char *text, void *to, char *say, size_t cap)
{
	return conf_parse_certificates(text, to, say, cap);
}

int
conf_parse_duration(char *text, void *to, char *say, size_t cap)
{
	int64_t ms;

	if (num_duration(text, &ms) == -1)
		return conf_say_not(say, cap, text,
		    "a duration; write a number with ms, s, m, h, d or w, such as \"5d\"");
	memcpy(to, &ms, sizeof ms);
	return 0;
}

int
conf_parse_durations(char *text, void *to, char *say, size_t cap)
{
	return conf_parse_duration(text, to, say, cap);
}

int
conf_parse_size(char *text, void *to, char *say, size_t cap)
{
	uint64_t bytes;

	if (num_size(text, &bytes) == -1 || bytes > INT64_MAX)
		return conf_say_not(say, cap, text,
		    "a size; write a number with K, M or G, such as \"50M\"");
	memcpy(to, &bytes, sizeof bytes);
	return 0;
}

/* "" and "0": no limit. */
int
conf_parse_rate(char *text, void *to, char *say, size_t cap)
{
	struct conf_rate rate = { 0, 0 };
	uint64_t n = 0;

	if (text[0] != '\0' && strcmp(text, "0") != 0 && num_rate(text, &n, &rate.per) == -1)
		return conf_say_not(say, cap, text,
		    "a rate; write a number by s, m, h or d, such as \"100/s\", or \"0\"");
	if (n > 1000000)
		return conf_say_not(say, cap, text, "a rate below a million at a time");
	rate.n = (uint32_t)n;
	memcpy(to, &rate, sizeof rate);
	return 0;
}

/* As libconfig has read it, which takes no other words. */
int
conf_parse_flag(char *text, void *to, char *say, size_t cap)
{
	int on = strcmp(text, "true") == 0;

	memcpy(to, &on, sizeof on);
	if (!on && strcmp(text, "false") != 0)
		return conf_say_not(say, cap, text, "true or false");
	return 0;
}

int
conf_parse_count(char *text, void *to, char *say, size_t cap)
{
	char *end;
	long n;
	int value;

	n = strtol(text, &end, 10);
	if (end == text || *end != '\0')
		return conf_say_not(say, cap, text, "a number");
	/* Every count has a range in the schema, far inside of these. */
	value = n < INT32_MIN ? INT32_MIN : n > INT32_MAX ? INT32_MAX : (int)n;
	memcpy(to, &value, sizeof value);
	return 0;
}

int
conf_parse_port(char *text, void *to, char *say, size_t cap)
{
	return conf_parse_count(text, to, say, cap);
}

/* Digits where the form has d, equality elsewhere; the whole text. */
static int
has_form(const char *text, const char *form)
{
	for (; *form != '\0'; form++, text++)
		if (*form == 'd' ? *text < '0' || *text > '9' : *text != *form)
			return 0;
	return *text == '\0';
}

/* The last day that counts -> the first moment after it; or that very moment; UTC. */
int
conf_parse_date(char *text, void *to, char *say, size_t cap)
{
	int whole = has_form(text, "dddd-dd-dd");
	struct tm tm = { 0 }, again;
	int64_t ms;
	time_t t;

	if (!whole && !has_form(text, "dddd-dd-ddTdd:dd:ddZ"))
		return conf_say_not(say, cap, text,
		    "a date; write \"2027-03-31\" or \"2027-03-31T12:00:00Z\"");
	tm.tm_year = atoi(text) - 1900;
	tm.tm_mon = atoi(text + 5) - 1;
	tm.tm_mday = atoi(text + 8);
	if (!whole) {
		tm.tm_hour = atoi(text + 11);
		tm.tm_min = atoi(text + 14);
		tm.tm_sec = atoi(text + 17);
	}
	again = tm;
	t = timegm(&again);
	if (tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 59)
		return conf_say_not(say, cap, text, "a time of the day");
	if (tm.tm_year < 100 || again.tm_mon != tm.tm_mon || again.tm_mday != tm.tm_mday)
		return conf_say_not(say, cap, text, "a day of the calendar");
	ms = ((int64_t)t + (whole ? 86400 : 0)) * 1000;
	memcpy(to, &ms, sizeof ms);
	return 0;
}
