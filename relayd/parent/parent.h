/* SPDX-License-Identifier: ISC */
/*
 * parent: reads the configuration, binds the sockets, starts, watches and
 * restarts the other processes. Parses nothing from the network.
 */
#ifndef PARENT_PARENT_H
#define PARENT_PARENT_H

struct conf;

/* Runs until the relay has stopped; takes conf. Returns an exit code. */
int	parent_main(const char *conf_path, struct conf *);

#endif
