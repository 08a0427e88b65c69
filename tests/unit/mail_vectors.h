/* SPDX-License-Identifier: ISC */
/*
 * mail_vectors: what the check_mail_* programs share: the vector files
 * ($VECTORS, default ../shared/vectors) and running a suite.
 */
#ifndef TESTS_MAIL_VECTORS_H
#define TESTS_MAIL_VECTORS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <jansson.h>

/* As ck_assert, without Check's mark in the pipe: for loops over octets. */
#define EXPECT(cond, id)						\
	do {								\
		if (!(cond))						\
			ck_abort_msg("%s: %s", id, #cond);		\
	} while (0)

struct text {
	const char	*p;
	size_t		 n;
};

/* The root of a vector file; NULL, and says so, if it is not there. */
static inline json_t *
vectors_load(const char *file)
{
	const char *dir = getenv("VECTORS");
	char path[1024];
	json_error_t error;
	json_t *root;

	snprintf(path, sizeof path, "%s/%s", dir != NULL ? dir : "../shared/vectors", file);
	root = json_load_file(path, JSON_ALLOW_NUL, &error);
	if (root == NULL)
		fprintf(stderr, "skipped: %s: %s\n", path, error.text);
	return root;
}

static inline struct text
vectors_text(const json_t *row, const char *key)
{
	const json_t *v = json_object_get(row, key);
	struct text t = { .p = NULL, .n = 0 };

	if (json_is_string(v)) {
		t.p = json_string_value(v);
		t.n = json_string_length(v);
	}
	return t;
}

/* Hex as malloc'd octets; p is NULL if the key is absent or null. */
static inline struct text
vectors_hex(const json_t *row, const char *key)
{
	struct text hex = vectors_text(row, key), t = { .p = NULL, .n = 0 };
	unsigned octet;
	char *to;

	if (hex.p == NULL)
		return t;
	t.n = hex.n / 2;
	t.p = to = malloc(t.n + 1);
	for (size_t i = 0; i < t.n; i++) {
		ck_assert_int_eq(sscanf(hex.p + 2 * i, "%2x", &octet), 1);
		to[i] = (char)octet;
	}
	return t;
}

static inline const char *
vectors_id(const json_t *row)
{
	return json_string_value(json_object_get(row, "id"));
}

static inline int
vectors_disputed(const json_t *row)
{
	return json_object_get(row, "disputed") != NULL;
}

#define VECTORS_EACH(root, i, row)	json_array_foreach(json_object_get(root, "cases"), i, row)

static inline int
run_suite(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
