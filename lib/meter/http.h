/* SPDX-License-Identifier: ISC */
/*
 * http: as much of HTTP/1.1 (RFC 9112) as a program needs that is asked for
 * two small pages by a monitoring system: the head of a request without a
 * body, and an answer behind which the connection ends. Pure: bytes in, a
 * verdict out.
 */
#ifndef METER_HTTP_H
#define METER_HTTP_H

#include <stddef.h>

#define METER_HTTP_MAX	8192	/* octets of a request's head */

enum meter_http {
	METER_HTTP_MORE,		/* the head is not complete yet */
	METER_HTTP_METRICS,		/* GET /metrics */
	METER_HTTP_HEALTH,		/* GET /healthz */
	METER_HTTP_NOT_FOUND,		/* 404: any other path */
	METER_HTTP_METHOD,		/* 405: any method but GET */
	METER_HTTP_TOO_BIG,		/* 431 */
	METER_HTTP_BAD			/* 400: no HTTP/1, or it announces a body */
};

enum meter_http	 meter_http_request(const char *data, size_t n);

struct buf;

/* A whole response; text is "text/plain" of what version the reader expects. */
void		 meter_http_answer(struct buf *, int code, const char *text, size_t n);

#endif
