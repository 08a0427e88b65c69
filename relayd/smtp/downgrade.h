/* SPDX-License-Identifier: ISC */
/*
 * downgrade: the TLS history as far as smtp has to do with it: tells the
 * policy worker what an admitted connection has proven, and raises the alarm
 * (event `downgrade`, relayd-logs(5)) where a host shows less than it did.
 */
#ifndef SMTP_DOWNGRADE_H
#define SMTP_DOWNGRADE_H

struct ask;
struct client;
struct plan;
struct why;

/* The first connection of a lane was admitted. */
void	downgrade_admitted(struct ask *, const struct client *);
/* A plan was made: its hosts that are held against their history. */
void	downgrade_decided(const struct plan *);
/* A connection was not admitted for this reason. */
void	downgrade_refused(const struct client *, const struct why *);

#endif
