/* SPDX-License-Identifier: ISC */
/* level: how well a connection is protected. Weakest first. */
#ifndef PLAN_LEVEL_H
#define PLAN_LEVEL_H

/* 0 is no level: nothing is admitted under it. */
enum plan_level {
	PLAN_NO_LEVEL,
	PLAN_PLAINTEXT,		/* only ever by an exception */
	PLAN_ENCRYPT,		/* TLS, certificate not judged */
	PLAN_VERIFY,		/* PKIX and host name, or a TLSA match */
	PLAN_STS,		/* MTA-STS enforce: mx pattern, PKIX and MX name */
	PLAN_DANE		/* secure MX and a TLSA match */
};
#define PLAN_LEVELS	(PLAN_DANE + 1)

#endif
