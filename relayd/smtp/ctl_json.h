/* SPDX-License-Identifier: ISC */
/*
 * ctl_json: parts of a JSON object that is an answer. The value is taken, never
 * NULL and the object's alone, so that each can fail by our own mistake only.
 */
#ifndef SMTP_CTL_JSON_H
#define SMTP_CTL_JSON_H

#include <jansson.h>

#include "lib/base/bug.h"
#include "relayd/smtp/ctl_print.h"

static inline void
set(json_t *o, const char *key, json_t *value)
{
	MUST(json_object_set_new(o, key, value) == 0);
}

static inline void
set_text(json_t *o, const char *key, const char *text)
{
	set(o, key, ctl_print_text(text));
}

/* "" is null, too. */
static inline void
set_known(json_t *o, const char *key, const char *text)
{
	set_text(o, key, text != NULL && text[0] != '\0' ? text : NULL);
}

static inline void
append(json_t *list, json_t *value)
{
	MUST(json_array_append_new(list, value) == 0);
}

#endif
