/* SPDX-License-Identifier: ISC */
/*
 * smtp_kit: what the checks of the client and the server share: a generation
 * made by hand with certificates made on the spot, and a scripted peer that
 * is turned together with the event loop. MUST, not ck_assert: fuzz targets use it.
 */
#ifndef TESTS_UNIT_SMTP_KIT_H
#define TESTS_UNIT_SMTP_KIT_H

#include <netinet/in.h>
#include <signal.h>

#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "relayd/smtp/generation.h"
#include "tests/unit/io_kit.h"
#include "tests/unit/tls_kit.h"

static struct kit_pair smtp_root, smtp_leaf, smtp_stranger;

/* Nobody wants to read what the tests provoke. */
KIT_UNUSED void
smtp_quiet(void)
{
	const struct log_param p = { .target = LOG_TO_FILE, .level = LOG_LVL_ERR,
	    .file = "/dev/null", .name = "test" };

	(void)log_open(&p);
}

KIT_UNUSED void
smtp_certificates(void)
{
	signal(SIGPIPE, SIG_IGN);
	tls_init();
	smtp_root = kit_issue(&(struct kit_spec){ .cn = "Root", .ca = 1 }, NULL);
	smtp_leaf = kit_issue(&(struct kit_spec){ .san = "DNS:mx.example.com" }, &smtp_root);
	smtp_stranger = kit_issue(&(struct kit_spec){ .san = "DNS:mx.example.com" }, NULL);
}

KIT_UNUSED void
smtp_certificates_free(void)
{
	kit_pair_free(&smtp_root);
	kit_pair_free(&smtp_leaf);
	kit_pair_free(&smtp_stranger);
}

KIT_UNUSED struct tls_server *
smtp_tls_server(void)
{
	char *cert = kit_pem(&smtp_leaf.cert, 1, NULL, NULL);
	char *key = kit_pem(NULL, 0, smtp_leaf.key, NULL);
	struct tls_server *s;
	struct why why;

	s = tls_server_new(cert, strlen(cert), key, strlen(key), &why);
	MUST(s != NULL);
	free(cert);
	free(key);
	return s;
}

/* with_tls: certificates are there (smtp_certificates was called). */
KIT_UNUSED struct generation *
smtp_generation(const char *text, int with_tls)
{
	struct generation *g = must_calloc(1, sizeof *g);
	struct conf_errors errors;
	struct why why;
	char *pem;

	if (conf_load_text(text, strlen(text), "test.conf", &g->conf, &errors) == -1)
		fatal(1, "%s", errors.errors[0]);
	conf_errors_fini(&errors);
	g->refs = 1;
	g->servers = must_calloc(g->conf->listen.n, sizeof *g->servers);
	if (!with_tls)
		return g;
	g->tls = tls_client_new(&why);
	pem = kit_pem(&smtp_root.cert, 1, NULL, NULL);
	MUST(tls_client_add_store(g->tls, "", pem, strlen(pem), &why) == 0);
	free(pem);
	for (size_t i = 0; i < g->conf->listen.n; i++)
		if (g->conf->listen.v[i].tls != CONF_LISTEN_PLAIN)
			g->servers[i] = smtp_tls_server();
	return g;
}

#endif
