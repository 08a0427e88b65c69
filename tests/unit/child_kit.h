/* SPDX-License-Identifier: ISC */
/* child_kit: runs a test's body in a child, whose descriptors and rights it may ruin. */
#ifndef TESTS_UNIT_CHILD_KIT_H
#define TESTS_UNIT_CHILD_KIT_H

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

/* In the child: tells which and leaves. Standard error may be gone, so on standard output. */
#define NEED(cond)							\
	do {								\
		if (!(cond)) {						\
			printf("%s:%d: NEED(%s)\n", __FILE__, __LINE__, #cond);	\
			fflush(stdout);					\
			_exit(1);					\
		}							\
	} while (0)

/* 0 if body came to its end, 1 if a NEED failed. */
static inline int
in_child(void (*body)(int), int arg)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		body(arg);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#endif
