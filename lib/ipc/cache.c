/* SPDX-License-Identifier: ISC */
/* cache: questions about a cached MTA-STS policy, and the answers. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/str.h"
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

	memset(a, 0, sizeof *a);
	a->verb = (enum ipc_cache_verb)ipc_enum_get(&r, IPC_CACHE_FORGET);
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
	ipc_patterns_put(b, c->patterns, c->npatterns);
	buf_add_u8(b, c->failed != 0);
	buf_add_str(b, c->failed_id);
	buf_add_u64(b, (uint64_t)c->failed_first);
	buf_add_u64(b, (uint64_t)c->failed_last);
	ipc_why_put(b, &c->failure);
	buf_add_u32(b, c->gone);
}

/* Letters and digits (RFC 8461 s3.1), or "". */
static void
get_id(struct buf_reader *r, char to[33])
{
	if (buf_get_str(r, to, 33) == -1)
		return;
	for (const char *p = to; *p != '\0'; p++)
		if (!str_is_alnum(*p))
			r->failed = 1;
}

int
ipc_cache_get(const void *data, size_t len, struct ipc_cache *c)
{
	struct buf_reader r = buf_reader_of(data, len);

	memset(c, 0, sizeof *c);
	ipc_why_get(&r, &c->why);
	c->found = ipc_bool_get(&r);
	c->mode = (enum plan_sts_state)ipc_enum_get(&r, PLAN_STS_ENFORCE);
	get_id(&r, c->id);
	buf_get_u32(&r, &c->max_age);
	c->fetched = ipc_time_get(&r);
	c->expires = ipc_time_get(&r);
	c->tried = ipc_time_get(&r);
	c->used = ipc_time_get(&r);
	c->npatterns = ipc_patterns_get(&r, &c->patterns);
	c->failed = ipc_bool_get(&r);
	get_id(&r, c->failed_id);
	c->failed_first = ipc_time_get(&r);
	c->failed_last = ipc_time_get(&r);
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
