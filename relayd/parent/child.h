/* SPDX-License-Identifier: ISC */
/*
 * child: one supervised process: started by re-executing this program with
 * -R name, pinged, killed if it hangs, restarted with back-off. Five crashes
 * within a minute leave it down (HARDENING O1).
 */
#ifndef PARENT_CHILD_H
#define PARENT_CHILD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct child;
struct event_base;

struct child_events {
	void	(*started)(void *arg, struct child *);	/* hand everything over now */
	void	(*ready)(void *arg, struct child *);
	/*
	 * It ended by itself with a status of sysexits.h: what it cannot do it will not be able to
	 * do the next time. 1 = it stays down.
	 */
	int	(*refused)(void *arg, struct child *, int code);
	void	(*exited)(void *arg, struct child *, int gave_up);
};

/* Known as "role", or as "role-2" if it is number 2 of several. */
struct child	*child_new(struct event_base *, const char *role, unsigned index,
		    const struct child_events *, void *arg);
void		 child_free(struct child **);
void		 child_start(struct child *);
/* Takes fd (-1: none); dropped if the child is down. */
void		 child_send(struct child *, uint16_t type, const void *, size_t, int fd);
/* Asks it to end within ms; it is not restarted afterwards. */
void		 child_stop(struct child *, int64_t ms);
/* What waitpid said of one of our pids. 1 if it was this child. */
int		 child_reap(struct child *, pid_t, int status);
int		 child_running(const struct child *);
int		 child_is_ready(const struct child *);
/* Answered a heartbeat within the last ms. */
int		 child_answers(const struct child *, int64_t ms);
const char	*child_name(const struct child *);
unsigned	 child_index(const struct child *);

#endif
