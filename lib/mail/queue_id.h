/* SPDX-License-Identifier: ISC */
/*
 * queue_id: a queue id as people see it: always 12 characters of digits and
 * consonants (base 52, no vowels, so that no words arise), sorting as the
 * numbers do. Case matters.
 */
#ifndef MAIL_QUEUE_ID_H
#define MAIL_QUEUE_ID_H

#include <stdint.h>

#define MAIL_QUEUE_ID_LEN	12

void	mail_queue_id_print(char to[MAIL_QUEUE_ID_LEN + 1], uint64_t id);
/* 0 and *id; -1 if the text is not what print makes. */
int	mail_queue_id_parse(const char *, uint64_t *id);

#endif
