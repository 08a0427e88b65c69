/* SPDX-License-Identifier: ISC */
/*
 * preflight: probes every domain of a list through the daemon, a few at a
 * time: which partners would get their mail if it were enforced?
 *
 * The list has a domain or an address a line; what follows a # is not read.
 * "-" is standard input. Each domain is probed once.
 */
#ifndef CTL_PREFLIGHT_H
#define CTL_PREFLIGHT_H

#include <jansson.h>

struct out;

/*
 * request: {"file":..} and what goes to the daemon with each domain. A line
 * for each in the order of the list, then one with the counts. 0 if mail
 * would go to all of them, 1 if not; else as talk().
 */
int	preflight(const char *socket, const json_t *request, struct out *);

#endif
