/* SPDX-License-Identifier: ISC */
/* check_conf_samples: the files that we ship load, the sample also with its comments opened. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/conf/conf.h"

static const char *const files[] = {
	"conf/relayd.conf", "conf/examples/null-client.conf", "conf/examples/strict-partner.conf",
	"conf/examples/appliances.conf", "conf/examples/monitor-rollout.conf",
	"conf/examples/routes.conf",
};

START_TEST(file_loads)
{
	struct conf_errors e;
	struct conf *c;
	int rc = conf_load(files[_i], CONF_SETTINGS, &c, &e);

	ck_assert_msg(rc == 0, "%s", e.nerrors > 0 ? e.errors[0] : "");
	conf_errors_fini(&e);
	conf_free(&c);
}
END_TEST

/* "#key" and "#    key" are settings, "# Text" is a comment; @include stays out. */
START_TEST(sample_opened_loads)
{
	FILE *f = fopen(files[0], "r");
	struct conf_errors e;
	struct conf *c;
	struct buf b;
	char line[256];
	int rc;

	ck_assert_ptr_nonnull(f);
	buf_init(&b);
	while (fgets(line, sizeof line, f) != NULL)
		if (line[0] != '#' || strncmp(line, "#  ", 3) == 0 ||
		    (line[1] != ' ' && line[1] != '@' && line[1] != '\n'))
			buf_adds(&b, line[0] == '#' ? line + 1 : line);
	fclose(f);
	rc = conf_load_text(buf_data(&b), buf_len(&b), files[0], &c, &e);
	ck_assert_msg(rc == 0, "%s", e.nerrors > 0 ? e.errors[0] : "");
	ck_assert_uint_eq(c->listen.n, 2);
	ck_assert_uint_eq(c->exceptions.n, 1);
	buf_fini(&b);
	conf_errors_fini(&e);
	conf_free(&c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf_samples");
	TCase *t = tcase_create("samples");
	SRunner *r;
	int failed;

	if (access(files[0], R_OK) == -1) {
		puts("skipped: not run from the top of the source tree");
		return EXIT_SUCCESS;
	}
	tcase_add_loop_test(t, file_loads, 0, (int)LENGTH(files));
	tcase_add_test(t, sample_opened_loads);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
