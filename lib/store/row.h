/* SPDX-License-Identifier: ISC */
/*
 * row: queue rows as values. What comes back from a database is input from
 * outside (HARDENING F19): every cell is checked for type, length and range,
 * and the columns that never change against a checksum, so that a flipped
 * byte in an address cannot send mail to a stranger. Pure.
 */
#ifndef STORE_ROW_H
#define STORE_ROW_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/why.h"
#include "lib/store/store.h"

#define ROW_RCPTS_MAX	1000000		/* recipients of one message */
#define ROW_DEST_MAX	1024
#define ROW_LAST_MAX	4096
#define ROW_REASON_MAX	64

enum row_type { ROW_INT, ROW_TEXT, ROW_BLOB, ROW_NULL, ROW_OTHER };

struct row_cell {
	enum row_type	 type;
	int64_t		 num;		/* INT */
	const void	*bytes;		/* TEXT, BLOB; borrowed */
	size_t		 len;
};

/* The columns in the order of the tables in sqlite_sql.def. */
enum row_message_column {
	ROW_M_ID, ROW_M_FIRST, ROW_M_COUNT, ROW_M_CREATED, ROW_M_SIZE, ROW_M_PLACE, ROW_M_EIGHTBIT,
	ROW_M_UTF8, ROW_M_REQUIRETLS, ROW_M_CORRUPT, ROW_M_SUM, ROW_M_DIGEST, ROW_M_SENDER,
	ROW_M_CLIENT, ROW_M_CLIENT_NAME, ROW_M_ENVID, ROW_M_RET, ROW_M__COUNT
};
enum row_rcpt_column {
	ROW_R_ID, ROW_R_MESSAGE, ROW_R_STATE, ROW_R_DUE, ROW_R_TRIES, ROW_R_WARNED, ROW_R_SUM,
	ROW_R_DEST, ROW_R_ADDRESS, ROW_R_ORCPT, ROW_R_NOTIFY, ROW_R_LAST, ROW_R_FLOW, ROW_R_REASON,
	ROW_R__COUNT
};

enum row_place { ROW_INLINE, ROW_FILE, ROW_PLACE__COUNT };

/* What a message row says besides the message. Its recipients are the rows
 * first .. first + count - 1 that still exist. */
struct row_where {
	int64_t		first, count;
	enum row_place	place;
	int		corrupt;
	uint8_t		digest[32];
};

/* Checksums of the columns that never change. */
int64_t	row_message_sum(const struct store_message *, const struct row_where *);
int64_t	row_rcpt_sum(uint64_t message, const struct store_rcpt *);

/* 0, or -1 with CORRUPT in *why and nothing allocated. The flow is the message's. */
int	row_message_get(const struct row_cell[ROW_M__COUNT], struct store_message **,
	    struct row_where *, struct why *);
int	row_rcpt_get(const struct row_cell[ROW_R__COUNT], uint64_t *message, uint64_t *flow,
	    struct store_rcpt *, struct why *);
/* Is it a text of min..max bytes without NUL? */
int	row_text_ok(const struct row_cell *, size_t min, size_t max);

#endif
