/* SPDX-License-Identifier: ISC */
/*
 * policy: the process that does all DNS and HTTPS. Answers `smtp` with the
 * evidence about a destination and keeps MTA-STS policies fresh; decides
 * nothing, knows no rule, sees no mail.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

int	policy_main(void);	/* returns an exit code */

#endif
