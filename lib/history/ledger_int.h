/* SPDX-License-Identifier: ISC */
/* ledger_int: what ledger.c (rows) and ledger_open.c (the file) share. */
#ifndef HISTORY_LEDGER_INT_H
#define HISTORY_LEDGER_INT_H

#include <sqlite3.h>

#include "lib/history/ledger.h"

struct history_ledger {
	sqlite3		*db;		/* NULL: broken, and why */
	struct why	 broken;
	int		 gathering;	/* a transaction is open */
};

#endif
