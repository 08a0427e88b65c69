/* SPDX-License-Identifier: ISC */
/*
 * notify: tells the service manager how we are, sd_notify(3) protocol, by
 * hand. Without NOTIFY_SOCKET every call is a successful no-op. A manager
 * that does not listen holds us up for at most a second.
 */
#ifndef PROC_NOTIFY_H
#define PROC_NOTIFY_H

#include <stdint.h>

/*
 * Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment
 * (so that no child speaks for us). 1: there is a manager; 0: there is none;
 * -1 with errno: its address is unusable.
 */
int	proc_notify_open(void);
void	proc_notify_close(void);

/* 0, or -1 with errno. The status is one line for people; escaped here. */
int	proc_notify_ready(const char *status);
int	proc_notify_status(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int	proc_notify_reloading(void);	/* then proc_notify_ready when done */
int	proc_notify_stopping(const char *status);
int	proc_notify_watchdog(void);

/* Send proc_notify_watchdog more often than this; 0: no watchdog is set. */
int64_t	proc_notify_watchdog_ms(void);

#endif
