/* SPDX-License-Identifier: ISC */
/*
 * sibling: the messages between smtp processes, when there are several. Like
 * those of ipc.h: _put and _get side by side, and _get trusts nothing.
 */
#ifndef IPC_SIBLING_H
#define IPC_SIBLING_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

#define IPC_SIBLING_MAX	(4u << 20)	/* a frame: an answer's lines */
#define IPC_CTL_CHUNK	65536		/* lines are sent when so many octets of them wait */

/* The front is worker 0; its question's number comes back with every part of the answer. */
enum ipc_sibling {
	IPC_CTL_ASK = 1,	/* from the front: a request of the control socket */
	IPC_CTL_MORE,		/* from the front: go on with the next step */
	IPC_CTL_DROP,		/* from the front: nobody waits for it any more */
	IPC_CTL_LINES,		/* to the front: whole lines; more of this step follows */
	IPC_CTL_STEP,		/* to the front: lines; the step is over, MORE is wanted */
	IPC_CTL_LAST,		/* to the front: lines, of which the last is the answer's last */
	IPC_REPLAN,		/* from the front: plans for this domain are out of date */
	IPC_LEASE_ASK,		/* to the front: may this exception be used once? */
	IPC_LEASE,		/* from the front: what ASK got */
	IPC_LEASE_USED,		/* to the front: a lease was used */
	IPC_LEASE_BACK,		/* to the front: a lease is not needed */
	IPC_LEASE_HAD,		/* to the front: uses from before it was limited */
	IPC_LEASE_NOTED,	/* from the front: HAD is among its count, durably */
	IPC_PAUSES_BEGIN,	/* from the front: the pauses that are follow, and no others are */
	IPC_PAUSE,		/* from the front */
	IPC_PAUSES_END,		/* from the front */
	IPC_SIBLING__COUNT
};

#define IPC_REQUEST_MAX	(1u << 20)	/* a request line, made again from what was understood */

struct ipc_ctl_ask {
	uint32_t	 uid;		/* of the asker; the front has looked at rights */
	const char	*line;		/* borrowed */
	size_t		 len;
};
void	ipc_ctl_ask_put(struct buf *, const struct ipc_ctl_ask *);
int	ipc_ctl_ask_get(const void *, size_t, struct ipc_ctl_ask *);

#define IPC_REPLAN_CAP	321
void	ipc_replan_put(struct buf *, const char *domain);
int	ipc_replan_get(const void *, size_t, char domain[IPC_REPLAN_CAP]);	/* never "" */

/* LEASE_ASK, LEASE, LEASE_USED, LEASE_BACK, LEASE_HAD, LEASE_NOTED. */
enum ipc_lease_word {
	IPC_LEASE_TAKEN,	/* LEASE: it is yours; USED: and it was needed */
	IPC_LEASE_WAIT,		/* LEASE: ask again; USED: it would have gone without */
	IPC_LEASE_OVER,		/* LEASE: there is no such use any more */
	IPC_LEASE__LAST = IPC_LEASE_OVER
};
#define IPC_LEASE_ID_CAP	64
struct ipc_lease {
	char			id[IPC_LEASE_ID_CAP];	/* of the exception, never "" */
	enum ipc_lease_word	word;			/* TAKEN where it says nothing */
	uint64_t		uses;			/* HAD, NOTED; at most INT64_MAX */
};
void	ipc_lease_put(struct buf *, const struct ipc_lease *);
int	ipc_lease_get(const void *, size_t, struct ipc_lease *);

#define IPC_PAUSE_DOMAIN_CAP	129
#define IPC_PAUSE_VALUE_CAP	1025
struct ipc_pause {
	char	domain[IPC_PAUSE_DOMAIN_CAP];	/* never "" */
	char	value[IPC_PAUSE_VALUE_CAP];	/* as it is noted */
};
void	ipc_pause_put(struct buf *, const struct ipc_pause *);
int	ipc_pause_get(const void *, size_t, struct ipc_pause *);

#endif
