/* SPDX-License-Identifier: ISC */
/*
 * beside: how a test talks to a library that it put before the C library of a
 * daemon (LD_PRELOAD): by a file in the library's folder that both have mapped.
 * The roles get no environment that could name it and keep no descriptors that
 * they do not know, so it is mapped once, at the start.
 *
 * beside_map: all of that file, and how much that is; NULL if it is not there
 * or has less than `least` octets.
 */
#ifndef TESTS_FAULT_BESIDE_H
#define TESTS_FAULT_BESIDE_H

#include <stddef.h>

void	*beside_map(const char *name, size_t least, size_t *size);

#endif
