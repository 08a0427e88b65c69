/* SPDX-License-Identifier: ISC */
/* cache: questions about a cached MTA-STS policy, and the answers. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/ipc/ipc_int.h"

/* ---- the question ---- */

void
ipc_cache_ask_put(struct buf *b, const struct ipc_cache_ask *a)
{
	buf_add_u8(b, (uint8_t)a->verb);
	buf_add_str(b, a->domain);
	buf_add_u32(b, a->uid);
}

int
ipc_cache_ask_get(const void *data, size_t len, struct ipc_cache_ask *a)
{
	struct buf_reader r = buf_reader_of(data, len);
	unsigned verb;

	memset(a, 0, sizeof *a);
	ipc_enum_get(&r, IPC_CACHE_FORGET, &verb);
	a->verb = (enum ipc_cache_verb)verb;
	ipc_name_get(&r, a->domain);
	buf_get_u32(&r, &a->uid);
	return buf_reader_done(&r) == 0 && a->domain[0] != '\0' ? 0 : -1;
}

/* ---- the answer ---- */

void
ipc_cache_put(struct buf *b, const struct ipc_cache *c)
{
	ipc_why_put(b, &c->why);
	buf_add_u8(b, c->found != 0);
	buf_add_u8(b, (uint8_t)c->mode);
	buf_add_str(b, c->id);
	buf_add_u32(b, c->max_age);
	buf_add_u64(b, (uint64_t)c->fetched);
	buf_add_u64(b, (uint64_t)c->expires);
	buf_add_u64(b, (uint64_t)c->tried);
	buf_add_u64(b, (uint64_t)c->used);
	buf_add_u16(b, (uint16_t)c->npatterns);
	for (size_t i = 0; i < c->npatterns; i++)
		buf_add_str(b, c->patterns[i]);
	buf_add_u8(b, c->failed != 0);
	buf_add_str(b, c->failed_id);
	buf_add_u64(b, (uint64_t)c->failed_first);
	buf_add_u64(b, (uint64_t)c->failed_last);
	ipc_why_put(b, &c->failure);
	buf_add_u32(b, c->gone);
}

static void
get_time(struct buf_reader *r, int64_t *to)
{
	uint64_t v = 0;

	if (buf_get_u64(r, &v) == -1 || v > HISTORY_TIME_MAX)
		r->failed = 1;
	*to = r->failed ? 0 : (int64_t)v;
}

/* Letters and digits (RFC 8461 s3.1), or "". */
static void
get_id(struct buf_reader *r, char to[33])
{
	if (buf_get_str(r, to, 33) == -1)
		return;
	for (const char *p = to; *p != '\0'; p++)
		if (!((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') ||
		    (*p >= 'A' && *p <= 'Z')))
			r->failed = 1;
}

static void
get_patterns(struct buf_reader *r, struct ipc_cache *c)
{
	uint16_t n = 0;

	if (buf_get_u16(r, &n) == -1 || n > PLAN_PATTERNS_MAX) {
		r->failed = 1;
		return;
	}
	if ((c->npatterns = n) > 0)
		c->patterns = must_calloc(n, sizeof *c->patterns);
	for (size_t i = 0; i < n && !r->failed; i++)
		buf_get_str(r, c->patterns[i], sizeof c->patterns[i]);
}

int
ipc_cache_get(const void *data, size_t len, struct ipc_cache *c)
{
	struct buf_reader r = buf_reader_of(data, len);
	unsigned v;

	memset(c, 0, sizeof *c);
	ipc_why_get(&r, &c->why);
	ipc_enum_get(&r, 1, &v);
	c->found = (int)v;
	ipc_enum_get(&r, PLAN_STS_ENFORCE, &v);
	c->mode = (enum plan_sts_state)v;
	get_id(&r, c->id);
	buf_get_u32(&r, &c->max_age);
	get_time(&r, &c->fetched);
	get_time(&r, &c->expires);
	get_time(&r, &c->tried);
	get_time(&r, &c->used);
	get_patterns(&r, c);
	ipc_enum_get(&r, 1, &v);
	c->failed = (int)v;
	get_id(&r, c->failed_id);
	get_time(&r, &c->failed_first);
	get_time(&r, &c->failed_last);
	ipc_why_get(&r, &c->failure);
	buf_get_u32(&r, &c->gone);
	if (buf_reader_done(&r) == 0)
		return 0;
	ipc_cache_fini(c);
	return -1;
}

void
ipc_cache_fini(struct ipc_cache *c)
{
	free(c->patterns);
	memset(c, 0, sizeof *c);
}
