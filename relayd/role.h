/* SPDX-License-Identifier: ISC */
/*
 * role: what every child process does alike: take its configuration and
 * descriptors from the parent, drop privileges, answer the heartbeat, end
 * when told to or when the parent is gone. A child opens no file that the
 * configuration names: the pack carries their contents.
 */
#ifndef RELAYD_ROLE_H
#define RELAYD_ROLE_H

#include <stddef.h>
#include <stdint.h>

#define ROLE_FD	3	/* the channel to the parent */

struct conf;
struct event_base;
struct role;

struct role_events {
	/* Which of how many processes of this role we are; the first call of all. fd: what they
	 * share, or -1. NULL: there is only one. */
	void	(*worker)(void *arg, unsigned index, unsigned count, int fd);
	/* What they use together and may use only so much of; behind worker. NULL: nothing. */
	void	(*commons)(void *arg, int fd);
	/* Owns conf. The first call comes before privileges are dropped, later ones are reloads. */
	void	(*config)(void *arg, struct conf *);
	void	(*listener)(void *arg, unsigned index, int fd);
	void	(*control)(void *arg, int fd);
	void	(*scrape)(void *arg, int fd);		/* NULL: nobody asks it for metrics */
	void	(*peer)(void *arg, unsigned worker, int fd);
	void	(*sibling)(void *arg, unsigned worker, int fd);	/* NULL: there is only one */
	void	(*start)(void *arg);		/* all handed over, privileges dropped */
	void	(*stop)(void *arg, int64_t grace_ms);
	void	(*end)(void *arg);		/* the loop is over: free everything */
	void	(*turn)(void *arg);		/* once per loop turn, before it sleeps; may be NULL */
	/* Which account to run under and where to live, of those in the configuration. */
	const char *(*user)(const struct conf *);
	void	(*directory)(const struct conf *, unsigned index, char *to, size_t cap);
};

/* Runs the role until role_exit. Returns the exit code. */
int		 role_main(const char *name, const struct role_events *, void *arg,
		    struct role **role, struct event_base **base);
void		 role_ready(struct role *);
void		 role_exit(struct role *, int code);
/* The role's directory as it is seen now: "/" after a chroot. */
const char	*role_directory(const struct role *);

#endif
