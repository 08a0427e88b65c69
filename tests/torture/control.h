/* SPDX-License-Identifier: ISC */
/*
 * control: the plan of a test, in the file "control" beside the libraries that
 * it put before the C library of the daemon (tests/fault/beside.h). It may be
 * written at any moment and holds from the next call on.
 * tests/torture/fault.py is the other side; the order of the fields is the
 * format.
 *
 * Calls count if their file lies below a folder, or, for memory, in the smtp
 * process.
 */
#ifndef TESTS_TORTURE_CONTROL_H
#define TESTS_TORTURE_CONTROL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum control_call {
	CALL_OPEN, CALL_READ, CALL_WRITE, CALL_SYNC, CALL_SIZE, CALL_UNLINK, CALL_RENAME,
	CALL_CLOSE, CALL_MEMORY, CALL__COUNT
};

struct control {
	_Atomic int64_t	calls;		/* bit per enum control_call: these count and fail */
	_Atomic int64_t	error;		/* errno of a failure */
	_Atomic int64_t	left;		/* calls before the first that fails */
	_Atomic int64_t	run;		/* how many fail then, in a row */
	_Atomic int64_t	counted;
	_Atomic int64_t	failed;
	_Atomic int64_t	bytes;		/* a read or write moves at most so many; 0: no limit */
	_Atomic int64_t	interrupt;	/* each n-th read or write is EINTR; 0: none */
	_Atomic int64_t	lie;		/* syncs do nothing and say that all is well:
					 * 1 all, 2 those of the directory of bodies */
	char		below[1024];	/* the folder */
};

struct control	*control_map(void);	/* NULL: there is none */
/* Counts the call: 0, or the errno with which it fails. */
int	control_step(struct control *, enum control_call);

/*
 * The trace, if there is a file "trace" beside the library: 8 bytes that say how much follows,
 * then lines "CALL NAME REST", in the order in which the calls began
 * (write, reply) or had succeeded (everything else).
 */
void	trace_map(void);
void	trace_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A write to a file of the queue, with the X-Test-Id fields that stand in it. */
void	trace_write(const char *name, const void *data, size_t n);

#endif
