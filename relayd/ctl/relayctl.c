/* SPDX-License-Identifier: ISC */
/*
 * relayctl: asks the running daemon, over its control socket. It holds no
 * knowledge of its own: every answer comes from the daemon that delivers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/conf/conf.h"
#include "relayd/ctl/out.h"
#include "relayd/ctl/talk.h"
#include "relayd/ctl/verb.h"
#include "version.h"

#define SOCKET_PATH	"/run/relayd/control.sock"

static _Noreturn void
usage(void)
{
	fputs("usage: relayctl [-jV] [-f file] [-s socket] verb ...; relayctl help lists the verbs\n",
	    stderr);
	exit(EX_USAGE);
}

static _Noreturn void
help(void)
{
	puts("usage: relayctl [-jV] [-f file] [-s socket] verb ...");
	(void)verb_list(stdout, NULL);
	puts("  help");
	exit(EX_OK);
}

static _Noreturn void
version(void)
{
	puts("relayctl " RELAYD_VERSION);
	exit(EX_OK);
}

/* The control.socket of a configuration; the caller's. */
static char *
socket_of(const char *path)
{
	struct conf_errors errors;
	struct conf *conf = NULL;
	char *s;

	if (conf_load(path, CONF_SETTINGS, &conf, &errors) == -1) {
		for (size_t i = 0; i < errors.nerrors; i++)
			fprintf(stderr, "relayctl: %s\n", errors.errors[i]);
		exit(EX_CONFIG);
	}
	conf_errors_fini(&errors);
	s = must_strdup(conf->control.socket);
	conf_free(&conf);
	if (s[0] == '\0') {
		fprintf(stderr, "relayctl: %s: control.socket is empty; set it and restart relayd\n",
		    path);
		exit(EX_CONFIG);
	}
	return s;
}

static _Noreturn void
unknown(int argc, char **argv)
{
	const char *nearest = argc > 1 ? verb_nearest(argc, argv) : NULL;

	if (strcmp(argv[0], "help") == 0)
		help();
	fprintf(stderr, "relayctl: unknown verb: %s%s%s\n", argv[0], argc > 1 ? " " : "",
	    argc > 1 ? argv[1] : "");
	if (nearest == NULL && verb_list(stderr, argv[0]) > 0)
		exit(EX_USAGE);
	nearest = verb_nearest(argc, argv);
	if (nearest != NULL)
		fprintf(stderr, "relayctl: did you mean %s?\n", nearest);
	else
		fputs("relayctl: relayctl help lists the verbs\n", stderr);
	exit(EX_USAGE);
}

int
main(int argc, char **argv)
{
	const char *path = SOCKET_PATH, *file = NULL;
	char *owned = NULL;
	const struct verb *verb;
	struct out *out;
	json_t *request;
	int c, words, json = 0, code;

	while ((c = getopt(argc, argv, "+f:js:V")) != -1) {
		switch (c) {
		case 'f': file = optarg; break;
		case 'j': json = 1; break;
		case 's': path = optarg; file = NULL; break;
		case 'V': version();
		default: usage();
		}
	}
	argc -= optind;
	argv += optind;
	if (argc == 0)
		usage();
	verb = verb_find(argc, argv, &words);
	if (verb == NULL)
		unknown(argc, argv);
	request = verb_request(verb, argc - words + 1, argv + words - 1, &json);
	if (request == NULL)
		return EX_USAGE;
	if (file != NULL)
		path = owned = socket_of(file);
	out = out_new(json ? &out_json : &out_text, verb->views);
	code = (verb->run != NULL ? verb->run : talk)(path, request, out);
	if (out_free(&out) == -1 && code <= 1) {
		perror("relayctl: stdout");
		code = EX_IOERR;
	}
	json_decref(request);
	free(owned);
	return code;
}
