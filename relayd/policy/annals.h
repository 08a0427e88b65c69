/* SPDX-License-Identifier: ISC */
/*
 * annals: keeps the TLS history (history.db): writes down what smtp tells of
 * admitted connections, puts what is known into the evidence, and answers
 * relayctl's questions. Proofs are written once a second, all together.
 */
#ifndef POLICY_ANNALS_H
#define POLICY_ANNALS_H

#include <stdint.h>

#include "lib/ipc/ipc.h"
#include "lib/plan/evidence.h"

struct annals;
struct event_base;

/* Never NULL; a file that cannot be used is logged, and then nothing is known. */
struct annals	*annals_open(struct event_base *, const char *path);
void		 annals_close(struct annals **);
/* How long a proof counts (ms); 0: there is no history. */
void		 annals_keep(struct annals *, int64_t ms);
void		 annals_note(struct annals *, const struct ipc_proven *);
void		 annals_recall(struct annals *, struct plan_evidence *);
/* *to holds nothing yet; the caller ends it with ipc_history_fini. */
void		 annals_answer(struct annals *, const struct ipc_history_ask *,
		    struct ipc_history *to);

#endif
