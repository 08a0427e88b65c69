/* SPDX-License-Identifier: ISC */
/* check_conf_load: what a configuration may not say, and how it is told. */
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/conf/conf.h"

#define NOW	((int64_t)1795305600 * 1000)	/* 2026-11-22T00:00:00Z */
#define HOST	"hostname = \"relay.corp.example\"; "
#define EX(rest) "exceptions = ( { id = \"EX-7\"; domains = [ \"old.example\" ]; "	\
	"allow = \"plaintext\"; owner = \"ops\"; reason = \"fax\"; " rest " } );"

static const struct {
	const char *text;
	const char *says;	/* somewhere in one of the errors */
} bad[] = {
	/* the text itself */
	{ "a = 1;\nlisten = (;\n", "x.conf:2: the '(' of this line is never closed" },
	{ "drain \"5s\";", "x.conf:1: syntax error here or just before" },
	{ "queue = { max_age = \"5d\"; };\nqueue = { };", "x.conf:2: duplicate setting name" },
	{ "drain = 5m;", "x.conf:1: 5m is not a number; write \"5m\" with quotes" },
	{ "queue = { retry = [ \"5m\", ]; };", "a comma stands before ']'; remove it" },
	{ "listen = ( { address = \"127.0.0.1:25\"; }, );", "a comma stands before ')'; remove it" },
	{ "limits = { sessions = 99999999999; };", "has more than 9 digits" },
	{ "limits = { sessions = 3000000000; };", "has more than 9 digits" },
	{ "limits = { sessions = 0xffffffff; };", "has more than 9 digits" },
	{ "limits = { sessions = 9999999999999999999L; };", "is too large" },
	{ "limits = { sessions = 5000000000L; };", "limits.sessions: 5000000000 is out of range" },
	{ "hostname = \"a\n\";", "x.conf:1: the quote that opens on this line is not closed" },
	{ "hostname = \"a", "the quote on this line is never closed" },
	{ "\n/* hostname", "x.conf:2: this comment is never closed" },
	{ "queue = { max_age = \"5d\"; );", "')' does not close the '{' of line 1" },
	{ "\n# the end", "x.conf:2: the last line is a comment without a line end" },
	{ "}", "'}' without '{'" },
	{ "((((((((((((((((((", "nested too deep" },
	{ "\x01", "byte 0x01 outside of quotes" },
	{ "\xc3\xa4 = 1;", "byte 0xc3 outside of quotes" },
	{ "@include \"/etc/passwd\"\n", "@include is not possible here" },
	{ "drain = \"1s\"; @include \"x\"\n", "@include needs a line of its own" },
	/* keys and shapes */
	{ "quue = { max_age = \"5d\"; };", "quue: unknown key; did you mean 'queue'?" },
	{ "queue = { max_agee = \"5d\"; };", "queue.max_agee: unknown key; did you mean 'queue.max_age'?" },
	{ "max_message = \"5M\";", "unknown key; did you mean 'queue.max_message'?" },
	{ "listen = ( { adress = \"127.0.0.1:25\"; } );", "did you mean 'listen.address'?" },
	{ "zzzzzzzzzz = 1;", "unknown key; relayd.conf(5) lists all of them" },
	{ "clients = ( { name = \"a\"; networks = [ \"10.0.0.0/8\" ]; senders = [ ]; } );",
	    "clients[0].senders: unknown key" },
	{ "queue = ( );", "queue: must be a group { ... }, not a list" },
	{ "listen = { address = \"127.0.0.1:25\"; };", "listen: must be a list of groups ( { ... } ), not a group" },
	{ "listen = ( \"127.0.0.1:25\" );", "listen[0]: must be a group { ... }, not a text in quotes" },
	{ "drain = 5;", "drain: must be a duration with a unit in quotes" },
	{ "drain = true;", "not true or false" },
	{ "drain = 1.5;", "not a number with a point" },
	{ "queue = { max_message = 50; };", "queue.max_message: must be a size in quotes, such as \"50M\"" },
	{ "delivery = { port = \"25\"; };", "delivery.port: must be a port number without quotes" },
	{ "queue = { retry = \"5m\"; };", "must be a list of durations" },
	{ "queue = { retry = [ 5 ]; };", "queue.retry[0]: must be a list of durations" },
	/* values */
	{ "drain = \"5\";", "\"5\" is not a duration; write a number with ms, s, m, h, d or w" },
	{ "queue = { max_age = \"5y\"; };", "\"5y\" is not a duration" },
	{ "notices = { postmaster = \"root\"; };", "notices.postmaster: is not an address" },
	{ "notices = { postmaster = \"<root@a.example>\"; };", "is not an address" },
	{ "notices = { postmaster = \"@a.example\"; };", "is not an address" },
	{ "notices = { delay = [ \"10ms\" ]; };", "notices.delay" },
	{ "queue = { max_age = \"60d\"; };", "queue.max_age: 60d is out of range; 1s to 30d are possible" },
	{ "queue = { max_message = \"lots\"; };", "\"lots\" is not a size" },
	{ "queue = { max_message = \"2G\"; };", "out of range; 1K to 1G" },
	{ "limits = { sessions = 0; };", "limits.sessions: 0 is out of range; 1 to 100000" },
	{ "limits = { errors = -1; };", "-1 is out of range" },
	{ "delivery = { port = 65536; };", "65536 is out of range" },
	{ "hostname = \"\";", "hostname: must not be empty" },
	{ "hostname = \"relay_1.example\";", "\"relay_1.example\" is not a valid host name" },
	{ "hostname = \"relay.example.\";", "without its final dot" },
	{ "hostname = \"10.0.0.1\";", "is not a valid host name" },
	{ "hostname = \"-a.example\";", "is not a valid host name" },
	{ "hostname = \"b\xc3\xbc" "cher.example\";", "write the xn-- form" },
	{ "user = \"a b\";", "is not a user name" },
	{ "queue = { directory = \"spool\"; };", "queue.directory: \"spool\" is not an absolute path" },
	{ "state = { directory = \"\"; };", "state.directory: must not be empty" },
	{ "control = { socket = \"run/x\"; };", "is not an absolute path" },
	{ "dns = { trust_anchor = \"root.key\"; };", "is not an absolute path" },
	{ "delivery = { ca_file = \"credential:../x\"; };", "is not a credential" },
	{ "dns = { forward = [ \"resolver\" ]; };", "dns.forward[0]: \"resolver\" is not a resolver" },
	{ "dns = { forward = [ \"10.0.0.1:0\" ]; };", "is not a resolver" },
	{ "dns = { forward = [ \"10.0.0.1:99999\" ]; };", "is not a resolver" },
	{ "dns = { forward = [ \"[10.0.0.1]:53\" ]; };", "is not a resolver" },
	{ "sts = { address = \"127.0.0.1:443\"; };", "is not an IP address" },
	{ "metrics = { listen = \"127.0.0.1\"; };", "is not a loopback address with a port" },
	{ "metrics = { listen = \"0.0.0.0:9125\"; };", "is not a loopback address with a port" },
	{ "metrics = { listen = \"10.0.0.1:9125\"; };", "is not a loopback address with a port" },
	{ "metrics = { listen = \"[::]:9125\"; };", "is not a loopback address with a port" },
	{ "metrics = { listen = \"[2001:db8::1]:9125\"; };", "is not a loopback" },
	{ "metrics = { listen = \"localhost:9125\"; };", "is not a loopback address with a port" },
	{ "metrics = { listen = 9125; };", "metrics.listen: must be a loopback address" },
	{ "metrics = { lisen = \"127.0.0.1:9125\"; };", "did you mean 'metrics.listen'?" },
	{ "log = { level = \"verbose\"; };", "must be err, warning, notice, info or debug" },
	{ "log = { format = \"jsn\"; };", "did you mean 'json'?" },
	{ "log = { target = \"file\"; };", "log.target: \"file\" needs log.file" },
	/* listen */
	{ "listen = ( );", "listen: is empty" },
	{ "listen = ( { tls = \"none\"; } );", "listen[0]: 'address' is missing" },
	{ "listen = ( { address = \"127.0.0.1\"; } );", "is not an address with a port" },
	{ "listen = ( { address = \"localhost:25\"; } );", "is not an address with a port" },
	{ "listen = ( { address = \"127.0.0.1:25\"; tls = \"starttls\"; } );",
	    "listen[0].tls: \"starttls\" needs a certificate in the same entry" },
	{ "listen = ( { address = \"127.0.0.1:25\"; tls = \"implicit\"; certificate = \"/c\"; } );",
	    "\"implicit\" needs a key in the same entry" },
	{ "listen = ( { address = \"[::1]:25\"; }, { address = \"[0::1]:25\"; } );",
	    "listen[1].address: \"[0::1]:25\" is there already, at x.conf:1" },
	/* clients */
	{ "clients = ( { networks = [ \"10.0.0.0/8\" ]; } );", "clients[0]: 'name' is missing" },
	{ "clients = ( { name = \"a\"; } );", "clients[0]: 'networks' is missing" },
	{ "clients = ( { name = \"a\"; networks = [ ]; } );", "clients[0].networks: is empty" },
	{ "clients = ( { name = \"a\"; networks = [ \"0.0.0.0/0\" ]; } );", "makes an open relay" },
	{ "clients = ( { name = \"a\"; networks = [ \"::/0\" ]; } );", "makes an open relay" },
	{ "clients = ( { name = \"a\"; networks = [ \"::ffff:0.0.0.0/96\" ]; } );", "makes an open relay" },
	{ "clients = ( { name = \"a\"; networks = [ \"10.0.0.0/33\" ]; } );", "prefix length is 0 to 32" },
	{ "clients = ( { name = \"a\"; networks = [ \"10.0.0/8\" ]; } );", "is not a network" },
	{ "clients = ( { name = \"a\"; networks = [ \"10.0.0.0/8\" ]; tls_required_no = 1; } );",
	    "clients[0].tls_required_no: must be true or false, not a bare number" },
	{ "clients = ( { name = \"a\"; networks = [ \"10.0.0.0/8\" ]; tls_required_no = \"no\"; } );",
	    "must be true or false, not a text in quotes" },
	{ "clients = ( { name = \"a23456789012345678901234567890123456789012345\";"
	    " networks = [ \"10.0.0.0/8\" ]; tls_required_no = true; } );",
	    "clients[0].name: is too long for an exception" },
	{ "clients = ( { name = \"a b\"; networks = [ \"10.0.0.0/8\" ]; } );", "is not a name" },
	{ "clients = ( { name = \"a\"; networks = [ \"10.0.0.0/8\" ]; },"
	    " { name = \"a\"; networks = [ \"11.0.0.0/8\" ]; } );",
	    "clients[1].name: \"a\" is there already, at x.conf:1 (clients[0].name)" },
	{ "clients = ( { name = \"a\"; networks = [ \"10.0.0.0/8\" ]; },\n"
	    " { name = \"b\"; networks = [ \"::ffff:10.0.0.0/104\" ]; } );",
	    "x.conf:2: clients[1].networks[0]: \"::ffff:10.0.0.0/104\" is there already" },
	/* levels */
	{ "delivery = { require = \"plaintext\"; };", "anything weaker needs an entry in exceptions" },
	{ "delivery = { require = \"may\"; };", "must be encrypt, verify, sts or dane" },
	{ "delivery = { require = \"verfy\"; };", "did you mean 'verify'?" },
	{ "delivery = { min_tls = \"1.1\"; };", "must be 1.2 or 1.3" },
	{ "delivery = { source = [ \"192.0.2.1\", \"192.0.2.2\" ]; };", "second IPv4 address" },
	{ "destinations = ( { domains = [ \"a.example\" ]; require = \"encrypt\"; } );",
	    "\"encrypt\" is below delivery.require = \"verify\"" },
	{ "destinations = ( { domains = [ ]; } );", "destinations[0].domains: is empty" },
	{ "destinations = ( { domains = [ \"a..example\" ]; } );", "is not a valid domain name" },
	{ "destinations = ( { domains = [ \"*.example\" ]; } );", "write \".example\"" },
	{ "destinations = ( { domains = [ \"x@a.example\" ]; } );", "leave out the part up to '@'" },
	{ "destinations = ( { domains = [ \"A.example\" ]; }, { domains = [ \"a.example\" ]; } );",
	    "destinations[1].domains[0]: \"a.example\" is there already" },
	/* exceptions */
	{ "exceptions = ( { id = \"E\"; domains = [ \"a.example\" ]; allow = \"encrypt\"; reason = \"r\";"
	    " expires = \"2027-03-31\"; } );", "exceptions[0]: 'owner' is missing" },
	{ "exceptions = ( { id = \"E\"; domains = [ \"a.example\" ]; allow = \"encrypt\"; owner = \"o\";"
	    " expires = \"2027-03-31\"; } );", "exceptions[0]: 'reason' is missing" },
	{ "exceptions = ( { id = \"E\"; domains = [ \"a.example\" ]; allow = \"encrypt\"; owner = \"o\";"
	    " reason = \"\"; expires = \"2027-03-31\"; } );", "exceptions[0].reason: must not be empty" },
	{ EX(""), "exceptions[0]: 'expires' is missing" },
	{ EX("expires = \"soon\";"), "\"soon\" is not a date" },
	{ EX("expires = \"2027-3-1\";"), "is not a date" },
	{ EX("expires = \"2027-02-29\";"), "is not a day of the calendar" },
	{ EX("expires = \"2027-13-01\";"), "is not a day of the calendar" },
	{ EX("expires = \"2027-03-31T00:00\";"), "write \"2027-03-31\" or \"2027-03-31T12:00:00Z\"" },
	{ EX("expires = \"2027-03-31T12:00:00\";"), "is not a date" },
	{ EX("expires = \"2027-03-31T12:00:00+01:00\";"), "is not a date" },
	{ EX("expires = \"2027-03-31 12:00:00Z\";"), "is not a date" },
	{ EX("expires = \"2027-03-31T12:00:00Z.\";"), "is not a date" },
	{ EX("expires = \"2027-03-31T24:00:00Z\";"), "is not a time of the day" },
	{ EX("expires = \"2027-03-31T12:60:00Z\";"), "is not a time of the day" },
	{ EX("expires = \"2027-03-31T12:00:60Z\";"), "is not a time of the day" },
	{ EX("expires = \"2027-03-31\"; max_uses = -1;"), "max_uses: -1 is out of range" },
	{ EX("expires = \"2027-03-31\"; max_uses = \"5\";"), "must be a number without quotes" },
	{ EX("expires = \"2027-03-31\"; hosts = [ \".old.example\" ];"), "is not a host; name each" },
	{ EX("expires = \"2027-03-31\"; hosts = [ \"*\" ];"), "is not a host; name each" },
	{ EX("expires = \"2027-03-31\"; hosts = [ \"192.0.2.1\" ];"), "is not a valid host name" },
	{ EX("expires = \"2027-03-31\"; hosts = \"mx.old.example\";"), "must be a list of host names" },
	{ "exceptions = ( { id = \"E\"; allow = \"encrypt\"; owner = \"o\"; reason = \"r\";"
	    " expires = \"2027-03-31\"; } );", "name at least one domain or host" },
	{ "exceptions = ( { id = \"E\"; domains = [ ]; hosts = [ ]; allow = \"encrypt\"; owner = \"o\";"
	    " reason = \"r\"; expires = \"2027-03-31\"; } );", "name at least one domain or host" },
	{ "exceptions = ( { id = \"E\"; hosts = [ \"mx.a.example\" ]; allow = \"encrypt\"; owner = \"o\";"
	    " reason = \"r\"; expires = \"2027-03-31\"; overrides = \"published\"; } );",
	    "overrides = \"published\" cannot go with hosts alone" },
	{ "exceptions = ( { id = \"E\"; domains = [ \"a.example\", \".a.example\" ]; allow = \"encrypt\";"
	    " owner = \"o\"; reason = \"r\"; expires = \"2027-03-31\"; overrides = \"published\"; } );",
	    "overrides = \"published\" cannot go with \".a.example\"" },
	{ EX("expires = \"2027-03-31\"; overrides = \"all\";"), "must be published, or left out" },
	{ "exceptions = ( { id = \"E\"; domains = [ \"*\" ]; allow = \"plaintext\"; owner = \"o\";"
	    " reason = \"r\"; expires = \"2027-03-31\"; overrides = \"published\"; } );",
	    "overrides = \"published\" cannot go with \"*\"" },
	{ "exceptions = ( { id = \"E\"; domains = [ \"a.example\" ]; allow = \"encrypt\"; owner = \"o\";"
	    " reason = \"r\"; expires = \"2027-03-31\"; }, { id = \"E\"; domains = [ \"b.example\" ];"
	    " allow = \"encrypt\"; owner = \"o\"; reason = \"r\"; expires = \"2027-03-31\"; } );",
	    "\"E\" is the id of another exception too" },
	{ "exceptions = ( { id = \"E\"; domains = [ \"a.example\" ]; allow = \"all\"; owner = \"o\";"
	    " reason = \"r\"; expires = \"2027-03-31\"; } );", "must be weak-tls, encrypt or plaintext" },
};

static const struct {
	const char *text;
	const char *warns;	/* NULL: no warning at all */
} good[] = {
	{ HOST, NULL },
	{ "hostname = \"relay\";", "has no domain" },
	{ HOST "listen = ( { address = \"[::1]:0\"; }, { address = \"[::1]:0\"; } );", NULL },
	{ HOST "clients = ( { name = \"a\"; networks = [ \"10.8.1.0/16\" ]; } );",
	    "has host bits set and is read as \"10.8.0.0/16\"" },
	{ HOST "clients = ( { name = \"a\"; networks = [ \"128.0.0.0/1\" ]; } );", "a large part of the Internet" },
	{ HOST "clients = ( );", "nobody may relay" },
	{ HOST "delivery = { mode = \"monitor\"; };", "MONITOR MODE" },
	{ HOST "delivery = { require = \"encrypt\"; };", "nobody verified" },
	{ HOST "destinations = ( { domains = [ \"a.example\" ]; mode = \"monitor\"; } );", "MONITOR MODE" },
	{ HOST EX("expires = \"2027-03-31\";"), NULL },
	{ HOST EX("expires = \"2027-03-31T12:00:00Z\"; max_uses = 100; hosts = [ \"mx.old.example\" ];"), NULL },
	{ HOST "exceptions = ( { id = \"E\"; hosts = [ \"mx.a.example\" ]; allow = \"encrypt\"; owner = \"o\";"
	    " reason = \"r\"; expires = \"2027-03-31\"; } );", NULL },
	{ HOST EX("expires = \"2026-12-10\";"), "exception EX-7 ends with 2026-12-10 (UTC), in 19 days" },
	{ HOST EX("expires = \"2026-11-21\";"), "exception EX-7 ended with 2026-11-21" },
	{ HOST EX("expires = \"2030-01-01\";"), "lasts for more than two years" },
	{ HOST "exceptions = ( { id = \"E\"; domains = [ \"*\" ]; allow = \"encrypt\"; owner = \"o\";"
	    " reason = \"r\"; expires = \"2027-03-31\"; } );", "EXCEPTION E IS FOR EVERY DOMAIN" },
	{ HOST "exceptions = ( { id = \"E\"; domains = [ \"a.example\" ]; allow = \"encrypt\"; owner = \"o\";"
	    " reason = \"r\"; expires = \"2027-03-31\"; }, { id = \"F\"; domains = [ \"a.example\" ];"
	    " allow = \"encrypt\"; owner = \"o\"; reason = \"r\"; expires = \"2027-03-31\"; } );",
	    "is in exception E too, which decides" },
	{ HOST "clients = ( { name = \"a\"; networks = [ \"10.0.0.0/8\" ]; tls_required_no = true; } );",
	    "MAIL OF CLIENT a MAY GO OUT IN CLEAR" },
	{ HOST "clients = ( { name = \"a\"; networks = [ \"10.0.0.0/8\" ]; tls_required_no = false; } );",
	    NULL },
	{ HOST "listen = ( { address = \"127.0.0.1:25\"; certificate = \"/c\"; } );", "is not used while tls is" },
	{ HOST "log = { file = \"/var/log/x\"; };", "is not used; write log.target" },
	{ HOST "user = \"_x\"; policy_user = \"_x\";", "could then touch the queue" },
	{ HOST "limits = { sessions = 0x10; recipients = 5L; };", "RFC 5321 s4.5.3.1.8" },
	{ HOST "/* c */ drain = \"0\" # none\n; queue : { max_age = \"1d\"; } // end\n", NULL },
};

static int
one_of(char **lines, size_t n, const char *part)
{
	for (size_t i = 0; i < n; i++)
		if (strstr(lines[i], part) != NULL)
			return 1;
	return 0;
}

START_TEST(errors_say_what_and_where)
{
	const char *text = bad[_i].text;
	struct conf_errors e;
	struct conf *c;

	clock_virtual(0, NOW);
	ck_assert_int_eq(conf_load_text(text, strlen(text), "x.conf", &c, &e), -1);
	ck_assert_ptr_null(c);
	ck_assert_uint_gt(e.nerrors, 0);
	ck_assert_msg(one_of(e.errors, e.nerrors, bad[_i].says), "%s\n got: %s\nwant: %s", text,
	    e.errors[0], bad[_i].says);
	for (size_t i = 0; i < e.nerrors; i++)
		ck_assert_int_eq(strncmp(e.errors[i], "x.conf", 6) == 0 ||
		    strncmp(e.errors[i], "default", 7) == 0, 1);
	conf_errors_fini(&e);
}
END_TEST

START_TEST(warnings_do_not_stop)
{
	const char *text = good[_i].text;
	struct conf_errors e;
	struct conf *c;
	int rc;

	clock_virtual(0, NOW);
	rc = conf_load_text(text, strlen(text), "x.conf", &c, &e);
	ck_assert_msg(rc == 0, "%s: %s", text, e.nerrors > 0 ? e.errors[0] : "");
	if (good[_i].warns == NULL)
		ck_assert_msg(e.nwarnings == 0, "%s: %s", text, e.nwarnings > 0 ? e.warnings[0] : "");
	else
		ck_assert_msg(one_of(e.warnings, e.nwarnings, good[_i].warns), "%s: %s", text,
		    e.nwarnings > 0 ? e.warnings[0] : "no warning");
	conf_errors_fini(&e);
	conf_free(&c);
}
END_TEST

START_TEST(all_errors_in_file_order)
{
	static const char text[] = "hostnam = \"x\";\nlimits = {\n errors = 0;\n hops = 0;\n};\n"
	    "queue = { max_age = \"1y\"; };\nquue = 1;\n";
	struct conf_errors e;
	struct conf *c;

	ck_assert_int_eq(conf_load_text(text, sizeof text - 1, "x.conf", &c, &e), -1);
	ck_assert_uint_eq(e.nerrors, 5);
	ck_assert_int_eq(strncmp(e.errors[0], "x.conf:1:", 9), 0);
	ck_assert_int_eq(strncmp(e.errors[1], "x.conf:3:", 9), 0);
	ck_assert_int_eq(strncmp(e.errors[2], "x.conf:4:", 9), 0);
	ck_assert_int_eq(strncmp(e.errors[3], "x.conf:6:", 9), 0);
	ck_assert_int_eq(strncmp(e.errors[4], "x.conf:7:", 9), 0);
	conf_errors_fini(&e);
}
END_TEST

START_TEST(nul_bytes_are_refused)
{
	struct conf_errors e;
	struct conf *c;

	ck_assert_int_eq(conf_load_text("drain=\"1s\";\0x", 13, "x.conf", &c, &e), -1);
	ck_assert_int_eq(one_of(e.errors, e.nerrors, "NUL byte"), 1);
	conf_errors_fini(&e);
}
END_TEST

START_TEST(empty_file_works)
{
	struct conf_errors e;
	struct conf *c;

	ck_assert_int_eq(conf_load_text("", 0, "x.conf", &c, &e), 0);
	ck_assert_uint_eq(c->listen.n, 1);
	ck_assert_str_eq(c->listen.v[0].address.text, "127.0.0.1:25");
	ck_assert_str_eq(c->listen.v[0].origin, "default");
	ck_assert_uint_eq(c->clients.n, 1);
	ck_assert_uint_eq(c->clients.v[0].networks.n, 2);
	ck_assert_uint_eq(c->destinations.n, 0);
	ck_assert_int_eq(c->delivery.require, CONF_VERIFY);
	ck_assert_int_eq(c->delivery.mode, CONF_ENFORCE);
	ck_assert_int_eq(c->delivery.min_tls, CONF_TLS1_2);
	ck_assert_uint_eq(c->queue.retry.n, 6);
	ck_assert_int_eq(c->queue.retry.v[5], 4 * 3600 * 1000);
	ck_assert_uint_eq(c->queue.max_message, 50u << 20);
	ck_assert_int_eq(c->queue.max_age, (int64_t)5 * 86400 * 1000);
	ck_assert_str_eq(c->sts.ca_file, c->delivery.ca_file);
	ck_assert_str_eq(c->log.file, "");
	ck_assert_int_eq(c->log.level, LOG_LVL_INFO);
	ck_assert_int_ne(c->hostname[0], '\0');
	conf_errors_fini(&e);
	conf_free(&c);
	ck_assert_ptr_null(c);
}
END_TEST

START_TEST(values_arrive_typed)
{
	static const char text[] = HOST "\n"
	    "delivery = { require = \"sts\"; min_tls = \"1.3\"; source = [ \"192.0.2.1\", \"2001:db8::1\" ];\n"
	    " allow_addresses = [ \"10.1.2.3\" ]; };\n"
	    "destinations = ( { domains = [ \"B.example\" ]; },\n"
	    " { domains = [ \"c.example\" ]; require = \"dane\"; mode = \"monitor\"; } );\n"
	    "dns = { forward = [ \"10.0.0.53\", \"[::1]:5353\", \"::1\" ]; };\n"
	    "sts = { ca_file = \"\"; address = \"::ffff:127.0.0.1\"; };\n" EX("expires = \"2027-03-31\";");
	struct conf_errors e;
	struct conf *c;

	ck_assert_int_eq(conf_load_text(text, sizeof text - 1, "dir/x.conf", &c, &e), 0);
	ck_assert_int_eq(c->delivery.min_tls, CONF_TLS1_3);
	ck_assert_int_eq(c->delivery.source.v[1].family, AF_INET6);
	ck_assert_uint_eq(c->delivery.allow_addresses.v[0].bits, 32);
	ck_assert_int_eq(c->destinations.v[0].require, CONF_STS);
	ck_assert_int_eq(c->destinations.v[0].mode, CONF_ENFORCE);
	ck_assert_str_eq(c->destinations.v[0].domains.v[0], "b.example");
	ck_assert_int_eq(c->destinations.v[1].require, CONF_DANE);
	ck_assert_str_eq(c->destinations.v[1].origin, "x.conf:5");
	ck_assert_str_eq(c->dns.forward.v[0].text, "10.0.0.53:53");
	ck_assert_str_eq(c->dns.forward.v[1].text, "[::1]:5353");
	ck_assert_str_eq(c->dns.forward.v[2].text, "[::1]:53");
	ck_assert_int_eq(c->sts.address.family, AF_INET);
	ck_assert_str_eq(c->sts.ca_file, "/etc/ssl/certs/ca-certificates.crt");
	ck_assert_int_eq(c->exceptions.v[0].allow, CONF_ALLOW_PLAINTEXT);
	ck_assert_int_eq(c->exceptions.v[0].expires, (int64_t)1806537600 * 1000);
	ck_assert_str_eq(c->exceptions.v[0].ticket, "");
	conf_errors_fini(&e);
	conf_free(&c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf_load");
	TCase *t = tcase_create("load");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, errors_say_what_and_where, 0, (int)LENGTH(bad));
	tcase_add_loop_test(t, warnings_do_not_stop, 0, (int)LENGTH(good));
	tcase_add_test(t, all_errors_in_file_order);
	tcase_add_test(t, nul_bytes_are_refused);
	tcase_add_test(t, empty_file_works);
	tcase_add_test(t, values_arrive_typed);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
