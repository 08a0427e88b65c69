/* SPDX-License-Identifier: ISC */
/*
 * log_int: where finished records go; shared by log.c and log_sink.c only.
 * A record is one line with its newline, or one datagram. Nothing here waits:
 * what the sink does not take is kept, up to 1 MiB, and then counted. Not
 * locked: log.c holds its lock around every call.
 */
#ifndef BASE_LOG_INT_H
#define BASE_LOG_INT_H

#include "lib/base/log.h"

#define LOG_LINE_MAX	2048		/* HARDENING O6, newline included */

/* Opens the new sink, then flushes and closes the old. 0, or -1 with errno and the old kept. */
int	log_sink_open(enum log_target, const char *path);
/* A file that somebody else opened for appending; takes fd. */
void	log_sink_adopt(int fd);
void	log_sink_put(const void *, size_t);
void	log_sink_flush(void);
size_t	log_sink_pending(void);			/* bytes */
uint64_t log_sink_dropped(void);		/* records */

#endif
