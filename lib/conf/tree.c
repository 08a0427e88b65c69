/* SPDX-License-Identifier: ISC */
/* tree: libconfig's tree, flattened into rows. Nothing else knows libconfig. */
#include "lib/conf/conf_int.h"

#include <stdlib.h>
#include <string.h>

#include <libconfig.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1	/* clang's way of saying it */
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include "lib/base/bug.h"
#include "lib/base/str.h"

static enum conf_kind
tree_kind(const config_setting_t *s)
{
	switch (config_setting_type(s)) {
	case CONFIG_TYPE_GROUP:
		return CONF_KIND_GROUP;
	case CONFIG_TYPE_ARRAY:
		return CONF_KIND_ARRAY;
	case CONFIG_TYPE_LIST:
		return CONF_KIND_LIST;
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return CONF_KIND_INT;
	case CONFIG_TYPE_BOOL:
		return CONF_KIND_BOOL;
	case CONFIG_TYPE_STRING:
		return CONF_KIND_STRING;
	}
	return CONF_KIND_FLOAT;
}

/* The one typed getter: no lookup that may convert (CONFIG 1.5 answers 0). */
static const char *
tree_text(const config_setting_t *s, char *scratch, size_t cap)
{
	const char *text;

	switch (config_setting_type(s)) {
	case CONFIG_TYPE_STRING:
		text = config_setting_get_string(s);
		return text != NULL ? text : "";
	case CONFIG_TYPE_INT:
		str_fmt(scratch, cap, "%d", config_setting_get_int(s));
		return scratch;
	case CONFIG_TYPE_INT64:
		str_fmt(scratch, cap, "%lld", config_setting_get_int64(s));
		return scratch;
	case CONFIG_TYPE_BOOL:
		return config_setting_get_bool(s) ? "true" : "false";
	case CONFIG_TYPE_FLOAT:
		str_fmt(scratch, cap, "%g", config_setting_get_float(s));
		return scratch;
	}
	return "";
}

static void
tree_row(struct conf_load *l, const config_setting_t *s, const char *path, const char *name)
{
	const char *file = config_setting_source_file(s), *text;
	unsigned line = config_setting_source_line(s);
	char origin[CONF_ORIGIN_MAX], scratch[64];

	if (file == NULL)
		file = name;
	str_fmt(origin, sizeof origin, "%s:%u", file, line);
	text = tree_text(s, scratch, sizeof scratch);
	if (conf_rows_add(l->conf, path, tree_kind(s), text, origin) == -1)
		conf_error_at(&l->report, file, line, "%.60s: %s", path,
		    strlen(text) > CONF_TEXT_MAX ? "the value is too long" : "too many settings");
}

static void
tree_walk(struct conf_load *l, const config_setting_t *s, const char *path, const char *name)
{
	int n = config_setting_length(s);

	for (int i = 0; i < n; i++) {
		const config_setting_t *child = config_setting_get_elem(s, (unsigned)i);
		const char *key = config_setting_name(child);
		char at[CONF_PATH_MAX];
		int rc;

		if (l->report.nerrors > 0 && l->conf->priv->rows.n >= CONF_ROWS_MAX)
			return;
		if (key != NULL)
			rc = str_fmt(at, sizeof at, "%s%s%s", path, path[0] != '\0' ? "." : "", key);
		else
			rc = str_fmt(at, sizeof at, "%s[%d]", path, i);
		if (rc == -1) {
			conf_error_at(&l->report, name, config_setting_source_line(child),
			    "%.40s...: unknown key", at);
			continue;
		}
		tree_row(l, child, at, name);
		if (config_setting_is_aggregate(child))
			tree_walk(l, child, at, name);
	}
}

static void
tree_failed(struct conf_load *l, const config_t *tree, const char *name)
{
	const char *file = config_error_file(tree), *text = config_error_text(tree);
	unsigned line = config_error_line(tree) > 0 ? (unsigned)config_error_line(tree) : 0;

	if (text == NULL)
		text = "cannot be read";
	conf_error_at(&l->report, file != NULL ? file : name, line, "%s%s", text,
	    strcmp(text, "syntax error") == 0 ?
	    " here or just before; is a ';', a ',' or a quote missing?" : "");
}

/* libconfig 1.5 forgets the string at hand when it meets a syntax error; that leak is not ours. */
static void
leaks_are_expected(int expected)
{
#ifdef __SANITIZE_ADDRESS__
	if (expected)
		__lsan_disable();
	else
		__lsan_enable();
#endif
}

static int
tree_read(config_t *tree, const char *path, const char *text)
{
	int ok;

	leaks_are_expected(1);
	ok = path != NULL ? config_read_file(tree, path) : config_read_string(tree, text);
	leaks_are_expected(0);
	return ok == CONFIG_TRUE;
}

void
conf_tree_file(struct conf_load *l, const char *path)
{
	char *dir = must_strdup(path), *slash = strrchr(dir, '/');
	config_t tree;

	config_init(&tree);
	if (slash != NULL) {
		slash[slash == dir] = '\0';
		config_set_include_dir(&tree, dir);
	}
	if (tree_read(&tree, path, NULL))
		tree_walk(l, config_root_setting(&tree), "", path);
	else
		tree_failed(l, &tree, path);
	config_destroy(&tree);
	free(dir);
}

void
conf_tree_text(struct conf_load *l, const char *text, const char *name)
{
	config_t tree;

	config_init(&tree);
	if (tree_read(&tree, NULL, text))
		tree_walk(l, config_root_setting(&tree), "", name);
	else
		tree_failed(l, &tree, name);
	config_destroy(&tree);
}
