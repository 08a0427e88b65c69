/* SPDX-License-Identifier: ISC */
/* ctl_status: how this worker is, as one row, and how the rows of several become one. */
#ifndef SMTP_CTL_STATUS_H
#define SMTP_CTL_STATUS_H

#include <jansson.h>

#include "relayd/smtp/ctl_merge.h"

struct ctl_house;

json_t	*ctl_status_row(const struct ctl_house *);
extern const struct ctl_field ctl_status_sums[];

#endif
