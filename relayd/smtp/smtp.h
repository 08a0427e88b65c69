/* SPDX-License-Identifier: ISC */
/*
 * smtp: the process that takes mail in, keeps it, and delivers it. Does no
 * DNS and no HTTPS; it asks `policy` for evidence and decides itself.
 */
#ifndef SMTP_SMTP_H
#define SMTP_SMTP_H

int	smtp_main(void);	/* returns an exit code */

#endif
