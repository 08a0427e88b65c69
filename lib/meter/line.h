/* SPDX-License-Identifier: ISC */
/*
 * line: a family of metrics as one JSON object, as the control socket gives
 * it, and as the text that Prometheus reads (format 0.0.4).
 *
 *	{"metric":"relayd_x_total","type":"counter","help":"..",
 *	 "samples":[{"labels":{"reason":".."},"value":3}, ..]}
 *
 * A sample of a histogram has a "suffix" too: "_bucket", "_sum" or "_count".
 */
#ifndef METER_LINE_H
#define METER_LINE_H

#include <jansson.h>

#include "lib/meter/family.h"

struct buf;

/*
 * Of a counter or histogram, as it stands; the caller's. A family with many
 * possible label values has samples only for those that occurred.
 */
json_t	*meter_line(enum meter_family);
/* Of a gauge, for samples to be added. */
json_t	*meter_line_gauge(enum meter_family);
/* labels (taken) may be NULL. */
void	 meter_line_sample(json_t *line, const char *suffix, json_t *labels, json_t *value);

/*
 * Appends the text: HELP, TYPE, samples. 0, or -1 and nothing appended: the
 * object is not of this form, or has a name that the format does not have.
 */
int	 meter_line_text(struct buf *, const json_t *line);

#endif
