/* SPDX-License-Identifier: ISC */
/*
 * refusal: what a temporary refusal (4yz) is about: this message or
 * recipient, the server as a whole, or a greylist, which wants the same
 * sender to come back. Status codes first (RFC 3463), words where there is
 * no code for it. Pure; the text is the peer's and may be anything.
 */
#ifndef MAIL_REFUSAL_H
#define MAIL_REFUSAL_H

#include <stdint.h>

struct mail_reply;

enum mail_refusal_about {
	MAIL_REFUSAL_MESSAGE,	/* also whatever is not known */
	/*
	 * RFC 5321 s3.8: 421. RFC 3463: X.3.1 mail system full, X.3.2 not accepting, X.4.5
	 * congestion; 452 X.5.3 too many; X.7.z that says too many or too fast.
	 */
	MAIL_REFUSAL_SERVER,
	/* 450 and 451 to RCPT with X.7.1 or X.2.0, or words to that effect. */
	MAIL_REFUSAL_GREYLIST
};

/* rcpt: it answers RCPT. *wait: ms after which it wants to be asked again, 0: it does not say. */
enum mail_refusal_about
	mail_refusal_about(const struct mail_reply *, int rcpt, int64_t *wait);

#endif
