/* SPDX-License-Identifier: ISC */
/*
 * fuzz_smtp_server (F5): what a client says in one session, in segments that
 * end at an 0xff octet, which is left out. The first octet says who the client
 * is and whether the store fails. However it goes: as many messages are told 250 as were queued,
 * a stranger queues none, every reply is a well-formed line, and nothing is
 * left behind when the client goes.
 */
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/smtp_door.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { STRANGER = 3, CLIENTS };

static void
check_replies(void)
{
	const char *p = buf_data(&door_heard), *end = p + buf_len(&door_heard);

	for (const char *lf; p < end; p = lf + 1) {
		lf = memchr(p, '\n', (size_t)(end - p));
		MUST(lf != NULL && lf - p >= 5 && lf[-1] == '\r');
		MUST(p[0] >= '2' && p[0] <= '5' && (p[3] == ' ' || p[3] == '-'));
		for (const char *c = p; c < lf - 1; c++)
			MUST((unsigned char)*c >= 32 && *c != 127);
	}
}

/* "Ok: queued as" stands in nothing but the reply to a dot. */
static uint64_t
count_accepted(void)
{
	const char *p = buf_len(&door_heard) > 0 ? buf_data(&door_heard) : NULL;
	const char *end = p + buf_len(&door_heard);
	uint64_t n = 0;

	while (p != NULL && (p = memmem(p, (size_t)(end - p), "queued as", 9)) != NULL) {
		n++;
		p++;
	}
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const who[CLIENTS] = { "10.0.0.1", "10.1.0.1", "10.2.0.1", "192.0.2.1" };
	static int quiet;
	unsigned client = n > 0 ? data[0] % CLIENTS : 0;
	uint64_t accepted;

	if (!quiet++)
		smtp_quiet();
	door_build(0);
	door_turns = 1;
	door_enter(who[client], 0);
	door_store.hold_puts = n > 0 && data[0] & 8;
	for (size_t at = 1, len; at < n; at += len + 1) {
		const uint8_t *stop = memchr(data + at, 0xff, n - at);

		len = stop == NULL ? n - at : (size_t)(stop - data) - at;
		door_say((const char *)data + at, len, 65536);
	}
	if (door_store.hold_puts)
		MUST(count_accepted() == 0);
	door_release_puts(n > 0 && data[0] & 16 ? WHY_LOCAL_STORAGE : WHY_NONE);
	door_say("", 0, 1);
	door_turn(6);
	door_hear();
	check_replies();
	accepted = count_accepted();
	MUST(accepted == door_queued && (client != STRANGER || accepted == 0));
	door_leave();
	MUST(server_house_empty(&house) && door_store.spools == 0);
	door_demolish();
	door_last = NULL;
	return 0;
}
