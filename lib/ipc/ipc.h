/* SPDX-License-Identifier: ISC */
/*
 * ipc: the messages between our processes, one small list per peer pair. The
 * frame itself is lib/io/chan. Each message has a _put and a _get side by
 * side; _get trusts nothing: every length and enum range is checked and no
 * byte may remain (HARDENING P13, F17).
 */
#ifndef IPC_IPC_H
#define IPC_IPC_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/plan/evidence.h"

#define IPC_PARENT_MAX	(32u << 20)	/* a packed configuration with its files */
#define IPC_POLICY_MAX	(1u << 20)	/* evidence of one destination */

/* parent <-> child. */
enum ipc_parent {
	IPC_CONFIG = 1,		/* down: conf_pack; the first frame, later a reload */
	IPC_LISTENER,		/* down, fd: u32 index into listen[] */
	IPC_CONTROL,		/* down, fd: the listening control socket */
	IPC_PEER,		/* down, fd: a channel to the other role */
	IPC_START,		/* down: everything has been handed over */
	IPC_PING,		/* down */
	IPC_STOP,		/* down: u64 ms of grace */
	IPC_READY,		/* up */
	IPC_PONG,		/* up */
	IPC_STATUS,		/* up: a line for the service manager */
	IPC_PARENT__COUNT
};

/* smtp <-> policy. The answer carries the question's request number. */
enum ipc_policy {
	IPC_ASK = 1,		/* smtp -> policy */
	IPC_EVIDENCE,		/* policy -> smtp */
	IPC_POLICY__COUNT
};

struct ipc_ask {
	char	domain[DNS_NAME_MAX];
	int	fresh;			/* 1: bypass caches once (RULES D27) */
	struct plan_hop	hops[PLAN_HOPS_MAX];	/* look these up, not the domain's MX and MTA-STS */
	size_t	nhops;
};

void	ipc_ask_put(struct buf *, const struct ipc_ask *);
int	ipc_ask_get(const void *, size_t, struct ipc_ask *);

/* On -1 *evidence is empty and needs no fini. */
void	ipc_evidence_put(struct buf *, const struct plan_evidence *);
int	ipc_evidence_get(const void *, size_t, struct plan_evidence *);

#endif
