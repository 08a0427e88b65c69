/* SPDX-License-Identifier: ISC */
/* record: see record.h. */
#include "lib/sts/record.h"

#include <string.h>

#include "lib/base/str.h"

#define VERSION		"v=STSv1;"
#define NAME_MAX_LEN	32

/* RFC 8461 s3.1 sts-ext-name: a letter or digit, then those and "_-.", 32 at most. */
static int
name_ok(const char *s, size_t n)
{
	size_t i;

	if (n == 0 || n > NAME_MAX_LEN || !str_is_alnum(s[0]))
		return 0;
	for (i = 1; i < n; i++)
		if (!str_is_alnum(s[i]) && strchr("_-.", s[i]) == NULL)
			return 0;
	return memchr(s, '\0', n) == NULL;
}

/* sts-ext-value: visible ASCII without "=" and ";". */
static int
value_ok(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] >= 0x7f || s[i] == '=' || s[i] == ';')
			return 0;
	return n > 0;
}

static int
id_ok(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!str_is_alnum(s[i]))
			return 0;
	return n > 0 && n < STS_ID_MAX;
}

/* One "name=value" without white space around it; fills id if it is the first "id". */
static int
field(const char *s, size_t n, char id[STS_ID_MAX], struct why *why)
{
	const char *eq = memchr(s, '=', n);
	size_t nname, nvalue;

	if (eq == NULL)
		return why_set(why, WHY_STS_INVALID, "MTA-STS record: a field without \"=\"");
	nname = (size_t)(eq - s);
	nvalue = n - nname - 1;
	if (!name_ok(s, nname) || !value_ok(eq + 1, nvalue))
		return why_set(why, WHY_STS_INVALID, "MTA-STS record: a malformed field");
	if (nname != 2 || memcmp(s, "id", 2) != 0 || id[0] != '\0')
		return 0;	/* S04: unknown, or a second id */
	if (!id_ok(eq + 1, nvalue))
		return why_set(why, WHY_STS_INVALID,
		    "MTA-STS record: id is not 1 to 32 letters and digits");
	memcpy(id, eq + 1, nvalue);
	id[nvalue] = '\0';
	return 0;
}

static int
fields(const char *s, size_t len, char id[STS_ID_MAX], struct why *why)
{
	const char *end = s + len, *stop, *next;

	for (; s < end; s = next) {
		stop = memchr(s, ';', (size_t)(end - s));
		if (stop == NULL)
			stop = end;
		next = stop < end ? stop + 1 : end;
		while (s < stop && str_is_blank(*s))
			s++;
		while (stop > s && str_is_blank(stop[-1]))
			stop--;
		if (stop > s && field(s, (size_t)(stop - s), id, why) == -1)
			return -1;
	}
	return 0;
}

enum sts_record
sts_record_parse(const char *s, size_t len, char id[STS_ID_MAX], struct why *why)
{
	size_t n = strlen(VERSION);

	id[0] = '\0';
	if (len < n || memcmp(s, VERSION, n) != 0)
		return STS_RECORD_OTHER;
	if (fields(s + n, len - n, id, why) == -1) {
		id[0] = '\0';
		return STS_RECORD_INVALID;
	}
	if (id[0] == '\0') {
		why_set(why, WHY_STS_INVALID, "MTA-STS record: no id");
		return STS_RECORD_INVALID;
	}
	return STS_RECORD_VALID;
}

enum sts_record
sts_record_pick(const struct dns_txt *txt, char id[STS_ID_MAX], struct why *why)
{
	enum sts_record found = STS_RECORD_OTHER;
	char this_id[STS_ID_MAX];
	size_t i, n = 0;

	id[0] = '\0';
	for (i = 0; i < txt->nrecords; i++) {
		enum sts_record r = sts_record_parse(txt->records[i].data,
		    txt->records[i].len, this_id, why);

		if (r == STS_RECORD_OTHER)
			continue;
		n++;
		found = r;
		memcpy(id, this_id, STS_ID_MAX);
	}
	if (n <= 1)
		return found;
	/* S02: two are none, even if they say the same. */
	id[0] = '\0';
	why_set(why, WHY_STS_INVALID, "%zu MTA-STS records where one is allowed", n);
	return STS_RECORD_INVALID;
}
