/* SPDX-License-Identifier: ISC */
/* main: arguments, configuration check, and which role this process plays. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <curl/curl.h>
#include <unbound.h>

#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/conf/conf.h"
#include "lib/proc/fd.h"
#include "lib/tls/init.h"
#include "relayd/parent/parent.h"
#include "relayd/policy/policy.h"
#include "relayd/smtp/smtp.h"
#include "version.h"

#define CONF_PATH	"/etc/relayd/relayd.conf"

static const struct {
	const char	*name;
	int		(*run)(void);
} roles[] = {
	{ "smtp", smtp_main },
	{ "policy", policy_main },
};

static _Noreturn void
usage(void)
{
	fputs("usage: relayd [-FnvV] [-f file]\n", stderr);
	exit(EX_USAGE);
}

static _Noreturn void
version(void)
{
	printf("relayd %s\nlibevent loop; %s; SQLite %s; %s; libunbound %s\n", RELAYD_VERSION,
	    OpenSSL_version(OPENSSL_VERSION), sqlite3_libversion(), curl_version(), ub_version());
	exit(EX_OK);
}

static void *
library_malloc(size_t n)
{
	return must_realloc(NULL, n, 1);
}

static void *
library_realloc(void *p, size_t n)
{
	return must_realloc(p, n, 1);
}

/*
 * Both put pieces of an answer together, and report what they could not add where it is too
 * late: when memory runs out there, that ends the process as it does in our own code.
 */
static void
bind_libraries(void)
{
	event_set_mem_functions(library_malloc, library_realloc, free);
	json_set_alloc_funcs(library_malloc, free);
}

static int
run_role(const char *name)
{
	size_t i;

	for (i = 0; i < LENGTH(roles); i++)
		if (strcmp(roles[i].name, name) == 0)
			break;
	if (i == LENGTH(roles))
		usage();
	tls_init();		/* before any library does it with openssl.cnf */
	return roles[i].run();
}

static void
complain(const struct conf_errors *e)
{
	for (size_t i = 0; i < e->nerrors; i++)
		fprintf(stderr, "relayd: %s\n", e->errors[i]);
	for (size_t i = 0; i < e->nwarnings; i++)
		fprintf(stderr, "relayd: warning: %s\n", e->warnings[i]);
}

static void
open_log(const struct conf *conf)
{
	struct log_param param = {
		.target = conf->log.target, .format = conf->log.format, .level = conf->log.level,
		.file = conf->log.file, .tag = conf->log.syslog_name, .name = "parent",
		.host = conf->hostname,
	};

	if (log_open(&param) == -1)
		fatal(EX_CANTCREAT, "cannot open the log %s", conf->log.file);
}

int
main(int argc, char **argv)
{
	const char *path = CONF_PATH, *role = NULL;
	char *resolved;
	int c, check = 0, verbose = 0, foreground = 0;
	struct conf_errors errors;
	struct conf *conf = NULL;

	/* What is opened next must not become what somebody writes errors to. */
	if (proc_fd_stdio() == -1)
		fatal(EX_OSERR, "/dev/null cannot be opened");
	bind_libraries();
	while ((c = getopt(argc, argv, "Ff:nR:vV")) != -1) {
		switch (c) {
		case 'F': foreground = 1; break;
		case 'f': path = optarg; break;
		case 'n': check = 1; break;
		case 'R': role = optarg; break;
		case 'v': verbose = 1; break;
		case 'V': version();
		default: usage();
		}
	}
	if (role != NULL)
		return run_role(role);
	if (optind != argc)
		usage();
	c = conf_load(path, CONF_SYSTEM, &conf, &errors);
	complain(&errors);
	conf_errors_fini(&errors);
	if (c == -1)
		return EX_CONFIG;
	if (check) {
		if (verbose)
			conf_dump(conf, stdout);
		conf_free(&conf);
		return EX_OK;
	}
	resolved = realpath(path, NULL);	/* a reload finds it from wherever we stand */
	if (resolved == NULL)
		fatal(EX_NOINPUT, "%s: cannot be found again", path);
	if (!foreground && daemon(0, 0) == -1)
		fatal(EX_OSERR, "cannot go into the background");
	open_log(conf);
	c = parent_main(resolved, conf);
	free(resolved);
	return c;
}
