/* SPDX-License-Identifier: ISC */
/*
 * ctl_replan: what is known of a domain has changed by an administrator's word:
 * plans for it are decided again, by every worker.
 */
#ifndef SMTP_CTL_REPLAN_H
#define SMTP_CTL_REPLAN_H

struct ctl_house;

/* domain in A-labels. */
void	ctl_replan(const struct ctl_house *, const char *domain);
/* By this worker only. */
void	ctl_replan_here(const struct ctl_house *, const char *domain);

#endif
