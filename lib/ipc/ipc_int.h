/* SPDX-License-Identifier: ISC */
/* ipc_int: parts that several messages have. A get that fails makes the reader fail. */
#ifndef IPC_IPC_INT_H
#define IPC_IPC_INT_H

#include "lib/ipc/ipc.h"

/* 0..last; *v is 0 if it is none. */
int	ipc_enum_get(struct buf_reader *, unsigned last, unsigned *v);
/* "" or a name in the one spelling that this program knows (lib/dns/name.h). */
int	ipc_name_get(struct buf_reader *, char *to);
void	ipc_why_put(struct buf *, const struct why *);
void	ipc_why_get(struct buf_reader *, struct why *);

#endif
