/* SPDX-License-Identifier: ISC */
/*
 * scrape: GET /metrics and GET /healthz for a monitoring system
 * (metrics.listen), at worker 0, which answers for all of them. One request a
 * connection; a few connections at a time; each has a deadline. What comes in
 * is hostile: lib/meter/http reads it.
 *
 * /healthz is 200 if the relay takes mail and can deliver it, else 503 with a
 * line that says why not.
 */
#ifndef SMTP_SCRAPE_H
#define SMTP_SCRAPE_H

struct ctlserve;
struct event_base;
struct scrape;

/* Takes the listening fd. Until scrape_ready everybody is told that the relay is starting: 503. */
struct scrape	*scrape_new(struct event_base *, int fd);
/* The queue is known. The control server is borrowed; not if s is NULL. */
void		 scrape_ready(struct scrape *, struct ctlserve *);
void		 scrape_free(struct scrape **);	/* before the control server */

#endif
