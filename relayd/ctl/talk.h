/* SPDX-License-Identifier: ISC */
/* talk: one request to the daemon and its answer, over the control socket. */
#ifndef CTL_TALK_H
#define CTL_TALK_H

#include <jansson.h>

struct out;

/*
 * Sends the request, hands every line to out, and returns the exit code
 * (relayctl(8)); what went wrong is said on stderr.
 */
int	talk(const char *socket, const json_t *request, struct out *);
/* The same without waiting for the answer: a descriptor to read it from, or -1 and *code. */
int	talk_open(const char *socket, const json_t *request, int *code);

#endif
