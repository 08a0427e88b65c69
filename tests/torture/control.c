/* SPDX-License-Identifier: ISC */
/* control: the plan of the test, seen from inside the daemon. */
#include "tests/torture/control.h"

#include "tests/fault/beside.h"

struct control *
control_map(void)
{
	size_t size;

	return beside_map("control", sizeof(struct control), &size);
}

int
control_step(struct control *c, enum control_call call)
{
	int64_t left, run;

	if (c == NULL || (c->calls & INT64_C(1) << call) == 0)
		return 0;
	run = c->run;
	c->counted++;
	left = c->left--;
	if (left > 0 || left <= -run)
		return 0;
	c->failed++;
	return (int)c->error;
}
