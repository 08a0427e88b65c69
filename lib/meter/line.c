/* SPDX-License-Identifier: ISC */
/* line: see line.h. */
#include "lib/meter/line.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/bug.h"
#include "lib/base/str.h"
#include "lib/meter/count.h"

#define FEW	100	/* samples of a family that are shown while they are 0 */
#define CHARS	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"

/* ---- to JSON ---- */

json_t *
meter_line_gauge(enum meter_family f)
{
	json_t *line = json_pack("{s:s, s:s, s:s, s:[]}", "metric", meter_family_name(f),
	    "type", meter_type_name(meter_family_type(f)), "help", meter_family_help(f),
	    "samples");

	MUST(line != NULL);
	return line;
}

void
meter_line_sample(json_t *line, const char *suffix, json_t *labels, json_t *value)
{
	json_t *o = json_object();

	if (suffix != NULL)
		MUST(json_object_set_new(o, "suffix", json_string(suffix)) == 0);
	if (labels != NULL)
		MUST(json_object_set_new(o, "labels", labels) == 0);
	MUST(json_object_set_new(o, "value", value) == 0);
	MUST(json_array_append_new(json_object_get(line, "samples"), o) == 0);
}

static json_t *
whole(uint64_t n)
{
	return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

static void
add_label(json_t **to, enum meter_label l, unsigned value)
{
	if (l == METER_NO_LABEL)
		return;
	if (*to == NULL)
		*to = json_object();
	MUST(json_object_set_new(*to, meter_label_key(l),
	    json_string(meter_label_word(l, value))) == 0);
}

static void
add_counts(json_t *line, enum meter_family f)
{
	enum meter_label a = meter_family_label(f, 0), b = meter_family_label(f, 1);
	unsigned na = meter_label_count(a), nb = meter_label_count(b);

	for (unsigned i = 0; i < na * nb; i++) {
		uint64_t n = meter_count_sum(f, i / nb, i % nb);
		json_t *labels = NULL;

		if (n == 0 && na * nb > FEW)
			continue;
		add_label(&labels, a, i / nb);
		add_label(&labels, b, i % nb);
		meter_line_sample(line, NULL, labels, whole(n));
	}
}

static json_t *
up_to(int64_t ms)
{
	char text[32];

	(void)str_fmt(text, sizeof text, "%g", (double)ms / 1000);
	return json_pack("{s:s}", "le", text);
}

static void
add_times(json_t *line, enum meter_family f)
{
	const int64_t *bounds = meter_family_bounds(f);
	struct meter_times t;
	uint64_t n = 0;

	meter_count_times(f, &t);
	for (size_t i = 0; i < METER_BOUNDS; i++) {
		n += t.counts[i];
		meter_line_sample(line, "_bucket", up_to(bounds[i]), whole(n));
	}
	n += t.counts[METER_BOUNDS];
	meter_line_sample(line, "_bucket", json_pack("{s:s}", "le", "+Inf"), whole(n));
	meter_line_sample(line, "_sum", NULL, json_real((double)t.ms / 1000));
	meter_line_sample(line, "_count", NULL, whole(n));
}

json_t *
meter_line(enum meter_family f)
{
	json_t *line = meter_line_gauge(f);

	MUST(meter_family_type(f) != METER_GAUGE);
	if (meter_family_type(f) == METER_HISTOGRAM)
		add_times(line, f);
	else
		add_counts(line, f);
	return line;
}

/* ---- to text ---- */

static const char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

static int
is_name(const char *s)
{
	return s[0] != '\0' && strchr(CHARS, s[0]) != NULL &&
	    strspn(s, CHARS "0123456789") == strlen(s);
}

static void
escape(struct buf *b, const char *s, int quote)
{
	for (; *s != '\0'; s++) {
		if (*s == '\n')
			buf_adds(b, "\\n");
		else if (*s == '\\' || (quote && *s == '"'))
			buf_addf(b, "\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			buf_addc(b, ' ');	/* no line end but ours, whoever reads it */
		else
			buf_addc(b, *s);
	}
}

static int
add_labels(struct buf *b, const json_t *labels)
{
	const char *before = "{";
	void *i = json_object_iter((json_t *)(uintptr_t)labels);

	if (i == NULL)
		return 0;
	for (; i != NULL; i = json_object_iter_next((json_t *)(uintptr_t)labels, i)) {
		const char *value = json_string_value(json_object_iter_value(i));

		if (!is_name(json_object_iter_key(i)) || value == NULL)
			return -1;
		buf_addf(b, "%s%s=\"", before, json_object_iter_key(i));
		escape(b, value, 1);
		buf_addc(b, '"');
		before = ",";
	}
	buf_addc(b, '}');
	return 0;
}

static int
add_value(struct buf *b, const json_t *value)
{
	if (json_is_integer(value))
		buf_addf(b, " %" JSON_INTEGER_FORMAT "\n", json_integer_value(value));
	else if (json_is_real(value) && isfinite(json_real_value(value)))
		buf_addf(b, " %.15g\n", json_real_value(value));
	else
		return -1;
	return 0;
}

static int
add_sample(struct buf *b, const char *name, const json_t *sample)
{
	const char *suffix = text_of(sample, "suffix");

	if (suffix[0] != '\0' && !is_name(suffix))
		return -1;
	buf_addf(b, "%s%s", name, suffix);
	if (add_labels(b, json_object_get(sample, "labels")) == -1)
		return -1;
	return add_value(b, json_object_get(sample, "value"));
}

static int
add_family(struct buf *b, const json_t *line)
{
	const char *name = text_of(line, "metric"), *type = text_of(line, "type");
	const json_t *samples = json_object_get(line, "samples");

	if (!is_name(name) || !is_name(type) || !json_is_array(samples))
		return -1;
	buf_addf(b, "# HELP %s ", name);
	escape(b, text_of(line, "help"), 0);
	buf_addf(b, "\n# TYPE %s %s\n", name, type);
	for (size_t i = 0; i < json_array_size(samples); i++)
		if (add_sample(b, name, json_array_get(samples, i)) == -1)
			return -1;
	return 0;
}

int
meter_line_text(struct buf *to, const json_t *line)
{
	struct buf b;
	int result;

	buf_init(&b);
	result = add_family(&b, line);
	if (result == 0)
		buf_add(to, buf_data(&b), buf_len(&b));
	buf_fini(&b);
	return result;
}
