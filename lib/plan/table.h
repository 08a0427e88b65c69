/* SPDX-License-Identifier: ISC */
/*
 * table: what is decided when, as a table. Nothing is written down twice: the
 * rows come out of plan_decide and plan_admits, asked about every combination.
 * Pure.
 *
 * First what a host has to meet, by what is published and what the rule says;
 * then what becomes of a connection, by that level and what TLS showed.
 */
#ifndef PLAN_TABLE_H
#define PLAN_TABLE_H

#include <stddef.h>

#define PLAN_TABLE_CELL	48

/* Columns of the first: delivery.require or destinations[].require, then exceptions. */
enum plan_table_rule {
	PLAN_TABLE_ENCRYPT,
	PLAN_TABLE_VERIFY,
	PLAN_TABLE_STS,
	PLAN_TABLE_DANE,
	PLAN_TABLE_EXCEPTION,		/* plaintext, over verify */
	PLAN_TABLE_OVERRIDE,		/* the same with overrides = "published" */
	PLAN_TABLE__RULES
};

/* MTA-STS states that make no difference share a row. */
struct plan_table_decision {
	const char	*mx;		/* "secure", "insecure" */
	const char	*tlsa;
	char		 sts[80];
	char		 cells[PLAN_TABLE__RULES][PLAN_TABLE_CELL];	/* "dane" or "wait: reason" */
};

/* Columns of the second: what the host has to meet. */
enum plan_table_level {
	PLAN_TABLE_AT_PLAINTEXT,
	PLAN_TABLE_AT_ENCRYPT,
	PLAN_TABLE_AT_VERIFY,
	PLAN_TABLE_AT_STS,
	PLAN_TABLE_AT_DANE,
	PLAN_TABLE_AT_DANE_STS,		/* both are published */
	PLAN_TABLE__LEVELS
};

struct plan_table_admission {
	const char	*shown;		/* "no TLS", "certificate of another name" */
	char		 cells[PLAN_TABLE__LEVELS][PLAN_TABLE_CELL];	/* "send" or "wait: .." */
};

/* Rows by number from 0; 0 and the row, -1 behind the last one. */
int	plan_table_decision(size_t row, struct plan_table_decision *);
int	plan_table_admission(size_t row, struct plan_table_admission *);

#endif
