/* SPDX-License-Identifier: ISC */
/* ipc_int: parts that several messages have. A get that fails makes the reader fail. */
#ifndef IPC_IPC_INT_H
#define IPC_IPC_INT_H

#include "lib/ipc/ipc.h"

/* Each gives 0 where it fails. */
unsigned ipc_enum_get(struct buf_reader *, unsigned last);
int	ipc_bool_get(struct buf_reader *);
size_t	ipc_count_get(struct buf_reader *, size_t max);
int64_t	ipc_time_get(struct buf_reader *);	/* Unix seconds up to HISTORY_TIME_MAX */
/* "" or a name in the one spelling that this program knows (lib/dns/name.h). */
int	ipc_name_get(struct buf_reader *, char *to);
/* MX patterns of a policy; what was got is the caller's, whatever else fails. */
void	ipc_patterns_put(struct buf *, char (*patterns)[DNS_NAME_MAX], size_t n);
size_t	ipc_patterns_get(struct buf_reader *, char (**patterns)[DNS_NAME_MAX]);
void	ipc_why_put(struct buf *, const struct why *);
void	ipc_why_get(struct buf_reader *, struct why *);

#endif
