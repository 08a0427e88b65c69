/* SPDX-License-Identifier: ISC */
/*
 * pack: rows and named files as bytes, from the parent to its children.
 *	u32 magic, u32 rows, { str path, u8 kind, str text, str origin }...,
 *	u32 files, { str name, u8 secret, blob data }...
 * What comes out of conf_unpack went through the same checks as a file.
 */
#include "lib/conf/conf_int.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/bug.h"
#include "lib/base/clock.h"

#define MAGIC	0x72637631u	/* "rcv1" */

static void
pack_files(const struct conf_private *p, struct buf *b, int secrets)
{
	uint32_t n = 0;

	for (size_t i = 0; i < p->nfiles; i++)
		n += secrets || !p->files[i].secret;
	buf_add_u32(b, n);
	for (size_t i = 0; i < p->nfiles; i++) {
		if (p->files[i].secret && !secrets)
			continue;
		buf_add_str(b, p->files[i].name);
		buf_add_u8(b, (uint8_t)p->files[i].secret);
		buf_add_blob(b, p->files[i].data, p->files[i].len);
	}
}

static void
pack(const struct conf *c, struct buf *b, int secrets)
{
	const struct conf_rows *rows = &c->priv->rows;

	buf_add_u32(b, MAGIC);
	buf_add_u32(b, (uint32_t)rows->n);
	for (size_t i = 0; i < rows->n; i++) {
		buf_add_str(b, rows->v[i]->path);
		buf_add_u8(b, (uint8_t)rows->v[i]->kind);
		buf_add_str(b, rows->v[i]->text);
		buf_add_str(b, rows->v[i]->origin);
	}
	pack_files(c->priv, b, secrets);
}

void
conf_pack(const struct conf *c, struct buf *b)
{
	pack(c, b, 1);
}

void
conf_pack_public(const struct conf *c, struct buf *b)
{
	pack(c, b, 0);
}

static int
unpack_row(struct buf_reader *r, struct conf *c)
{
	char path[CONF_PATH_MAX], text[CONF_TEXT_MAX + 1], origin[CONF_ORIGIN_MAX];
	uint8_t kind;

	if (buf_get_str(r, path, sizeof path) == -1 || buf_get_u8(r, &kind) == -1 ||
	    buf_get_str(r, text, sizeof text) == -1 ||
	    buf_get_str(r, origin, sizeof origin) == -1 || kind >= CONF_KIND__COUNT)
		return -1;
	return conf_rows_add(c, path, (enum conf_kind)kind, text, origin);
}

static int
unpack_file(struct buf_reader *r, struct conf *c)
{
	struct conf_private *p = c->priv;
	struct conf_carried *f = &p->files[p->nfiles];
	const char *borrowed;
	char name[CONF_TEXT_MAX + 1];
	const void *data;
	uint8_t secret;
	size_t len;

	if (p->nfiles == CONF_FILES_MAX || buf_get_str(r, name, sizeof name) == -1 ||
	    buf_get_u8(r, &secret) == -1 || secret > 1 ||
	    buf_get_blob(r, &data, &len, CONF_FILE_MAX) == -1 ||
	    conf_file(c, name, &borrowed, &(size_t){ 0 }) == 0)
		return -1;
	f->name = conf_arena_strndup(&p->arena, name, strlen(name));
	f->secret = secret;
	f->data = must_calloc(1, len + 1);
	f->len = len;
	if (len > 0)
		memcpy(f->data, data, len);
	p->nfiles++;
	return 0;
}

static int
unpack(struct buf_reader *r, struct conf *c)
{
	uint32_t magic, n;

	if (buf_get_u32(r, &magic) == -1 || magic != MAGIC || buf_get_u32(r, &n) == -1)
		return -1;
	for (uint32_t i = 0; i < n; i++)
		if (unpack_row(r, c) == -1)
			return -1;
	if (buf_get_u32(r, &n) == -1)
		return -1;
	for (uint32_t i = 0; i < n; i++)
		if (unpack_file(r, c) == -1)
			return -1;
	return buf_reader_done(r);
}

int
conf_unpack(const void *data, size_t len, struct conf **to, struct why *why)
{
	struct conf_load l = { .conf = conf_new(), .now = clock_wall_ms() };
	struct buf_reader r = buf_reader_of(data, len);
	struct conf_errors errors;
	int rc = 0;

	if (unpack(&r, l.conf) == -1) {
		rc = why_set(why, WHY_CORRUPT, "the configuration frame is malformed");
	} else {
		conf_settle(&l);
		if (l.report.nerrors > 0)
			rc = why_set(why, WHY_CORRUPT, "configuration: %s", l.report.errors[0].text);
	}
	conf_report_take(&l.report, &errors);
	conf_errors_fini(&errors);
	if (rc == -1)
		conf_free(&l.conf);
	*to = l.conf;
	return rc;
}
