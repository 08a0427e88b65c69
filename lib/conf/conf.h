/* SPDX-License-Identifier: ISC */
/*
 * conf: the configuration, read, checked and typed. Only relayd/ includes
 * this; libraries take small parameter structs.
 *
 * The parent loads the file (libconfig 1.5 syntax, @include) and hands the
 * packed form to its children, which never open a file: the pack carries the
 * settings and the contents of every file that they name.
 *
 * Everything hangs off one struct conf and lives until conf_free; it is
 * read-only after it was made, so several threads may share it. Strings are
 * never NULL ("" = not set), arrays are { v, n }. Durations are milliseconds,
 * sizes are bytes, domains are lower case. The rows of conf_schema.def
 * say what every key may be; every default has been filled in.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <netinet/in.h>
#include <sys/socket.h>

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/log.h"
#include "lib/base/why.h"

struct buf;

enum conf_level { CONF_ENCRYPT = 1, CONF_VERIFY, CONF_STS, CONF_DANE };	/* weakest first */
enum conf_mode { CONF_ENFORCE, CONF_MONITOR };
enum conf_allow { CONF_ALLOW_WEAK_TLS, CONF_ALLOW_ENCRYPT, CONF_ALLOW_PLAINTEXT };
enum conf_overrides { CONF_OVERRIDES_NOTHING, CONF_OVERRIDES_PUBLISHED };
enum conf_listen_tls { CONF_LISTEN_PLAIN, CONF_LISTEN_STARTTLS, CONF_LISTEN_IMPLICIT };
enum conf_client_tls { CONF_CLIENT_TLS_OPTIONAL, CONF_CLIENT_TLS_REQUIRED };
enum conf_profile { CONF_PROFILE_DEFAULT, CONF_PROFILE_STRICT, CONF_PROFILE_APPLIANCE };
enum conf_eod { CONF_EOD_STRICT, CONF_EOD_LENIENT };
enum conf_route_tls { CONF_ROUTE_STARTTLS, CONF_ROUTE_IMPLICIT };
enum conf_auth { CONF_AUTH_AUTO, CONF_AUTH_PLAIN, CONF_AUTH_LOGIN };
enum conf_prefer { CONF_PREFER_IPV6, CONF_PREFER_IPV4, CONF_PREFER_ANY };
/* The numbers that OpenSSL uses, so that they can be passed on. */
enum conf_tls_version { CONF_TLS1_2 = 0x0303, CONF_TLS1_3 = 0x0304 };

struct conf_address {
	int	family;			/* AF_INET, AF_INET6; 0 = not set */
	uint8_t	bytes[16];		/* network order; an IPv4-mapped address is AF_INET */
};

struct conf_network {
	struct conf_address	 address;	/* host bits are 0 */
	unsigned		 bits;		/* 0..32 or 0..128 */
};

/* An address with a port; text is the normal spelling, "[::1]:25". */
struct conf_endpoint {
	struct sockaddr_storage	 addr;
	socklen_t		 len;
	char			 text[64];
};

/* So many messages in so many ms; n = 0: no limit. */
struct conf_rate {
	uint32_t	n;
	int64_t		per;
};

/* A next hop: "mx.example" or an address literal, "[192.0.2.1]", "[IPv6:2001:db8::1]". */
struct conf_hop {
	char	host[256];
	int	port;			/* 0: not given */
};

/* A TLSA record (RFC 6698 s2.1) of a kind that SMTP uses: 2|3, 0|1, 1|2. */
struct conf_tlsa {
	uint8_t	usage, selector, mtype;
	uint8_t	len;			/* 32 or 64 */
	uint8_t	data[64];
};

struct conf_hops { struct conf_hop *v; size_t n; };
struct conf_tlsas { struct conf_tlsa *v; size_t n; };
struct conf_strings { const char **v; size_t n; };
struct conf_networks { struct conf_network *v; size_t n; };
struct conf_addresses { struct conf_address *v; size_t n; };
struct conf_endpoints { struct conf_endpoint *v; size_t n; };
struct conf_durations { int64_t *v; size_t n; };

/* origin of an entry: "relayd.conf:12", or "default". */
struct conf_listen {
	char			 origin[128];
	struct conf_endpoint	 address;	/* port 0: any */
	enum conf_listen_tls	 tls;
	const char		*certificate;	/* names for conf_file */
	const char		*key;
};

struct conf_client {
	char			 origin[128];
	const char		*name;
	struct conf_networks	 networks;
	enum conf_profile	 profile;
	enum conf_client_tls	 tls;
	enum conf_eod		 eod;
	int			 tls_required_no;	/* RFC 8689 s3: the header counts */
	int			 hold;		/* their mail waits for an administrator */
};

struct conf_destination {
	char			 origin[128];
	struct conf_strings	 domains;	/* "a.example", ".a.example", "*" */
	enum conf_level		 require;	/* never below delivery.require */
	enum conf_mode		 mode;
	int			 hold;		/* new mail waits for an administrator */
	struct conf_hops	 via;		/* next hops; none: the domain's MX */
	/* The rest is about these next hops. */
	enum conf_route_tls	 tls;
	const char		*ca;		/* exclusive; names for conf_file */
	struct conf_tlsas	 pin, tlsa;
	const char		*certificate, *key;
	const char		*username;
	const char		*password_file;	/* its first line is the password */
	enum conf_auth		 auth;
	struct conf_addresses	 source;	/* at most one per family; none: as the sender has it */
	int			 connections, messages_per_connection;
	struct conf_rate	 rate;
	struct conf_durations	 retry;		/* at least one; the last repeats */
	int64_t			 max_age, max_age_tls;
};

/* Where the mail of some senders comes from. */
struct conf_source {
	char			 origin[128];
	const char		*name;
	struct conf_strings	 senders;	/* "a.example", ".a.example" */
	struct conf_addresses	 addresses;	/* one, or one per family */
	const char		*hostname;	/* in EHLO */
};

/* MX hosts that share limits. */
struct conf_hosts_limit {
	char			 origin[128];
	const char		*name;
	struct conf_strings	 hosts;		/* "mx.a.example", ".a.example", "*" */
	int			 connections;
	struct conf_rate	 rate;
};

struct conf_exception {
	char			 origin[128];
	const char		*id;
	struct conf_strings	 domains;	/* none: of any domain, but see hosts */
	struct conf_strings	 hosts;		/* MX hosts by name; none: all of these domains */
	enum conf_allow		 allow;
	const char		*owner, *reason, *ticket;
	int64_t			 expires;	/* wall ms: that moment, or the end of the named day, UTC */
	int			 max_uses;	/* messages, 0 = no limit */
	enum conf_overrides	 overrides;
};

struct conf_private;

struct conf {
	const char	*hostname;
	const char	*user, *policy_user;
	int		 workers;
	int64_t		 drain;
	struct { struct conf_listen *v; size_t n; } listen;
	struct { struct conf_client *v; size_t n; } clients;
	struct {
		int	 sessions, sessions_per_client, connects_per_minute;
		int	 recipients, errors, junk;
		int	 messages;			/* per session, 0 = no limit */
		int	 hops;
		int64_t	 idle, command, data;
	} limits;
	struct {
		enum conf_level		 require;
		enum conf_mode		 mode;
		int			 port;
		const char		*ca_file;
		enum conf_tls_version	 min_tls;
		struct conf_networks	 allow_addresses;
		struct conf_addresses	 source;	/* at most one per family */
		int			 connections, connections_per_destination;
		int			 messages_per_connection;
		struct conf_rate	 rate, rate_per_destination;
		int64_t			 idle, connect_timeout;
		int64_t			 connect_timeout_ipv6, attempt_timeout;
		enum conf_prefer	 prefer;
		int64_t			 history;	/* 0: none is kept */
	} delivery;
	struct { struct conf_source *v; size_t n; } sources;
	struct { struct conf_destination *v; size_t n; } destinations;
	struct { struct conf_hosts_limit *v; size_t n; } hosts;
	struct { struct conf_exception *v; size_t n; } exceptions;
	struct {
		const char		*directory, *allow_filesystem;
		uint64_t		 max_message, min_free;
		int64_t			 max_age, max_age_tls;
		struct conf_durations	 retry;		/* at least one; the last repeats */
	} queue;
	struct {
		struct conf_durations	 delay, delay_tls, delay_held;	/* ages; none: no delay notices */
		int			 per_sender;	/* an hour, 0 = no limit */
		const char		*postmaster;	/* gets copies of failure notices */
	} notices;
	struct {
		const char	*directory;
	} state;
	struct {
		struct conf_endpoints	 forward;	/* none: iterate from the root */
		const char		*trust_anchor;
		int64_t			 timeout;
	} dns;
	struct {
		int			 port;
		struct conf_address	 address;	/* family 0: what DNS says */
		const char		*ca_file;	/* delivery.ca_file if not set */
		int64_t			 timeout, wait, refresh;
	} sts;
	struct {
		const char	*socket;
	} control;
	struct {
		struct conf_endpoint	 listen;	/* len 0: off */
	} metrics;
	struct {
		enum log_target	 target;
		enum log_format	 format;
		enum log_level	 level;
		const char	*file, *syslog_name;
	} log;
	struct conf_private	*priv;
};

/* Complaints, in file order: "relayd.conf:12: queue.max_age: ... ; fix". */
struct conf_errors {
	char	**errors, **warnings;
	size_t	  nerrors, nwarnings;
};

enum conf_depth {
	CONF_SETTINGS,		/* the text only, no named file is opened (relayctl) */
	CONF_SYSTEM		/* reads the named files; checks directories, users (relayd, relayd -n) */
};

/*
 * 0 and *conf, or -1 with at least one error, all that were found. Warnings
 * may come with either. *errors is initialised here; the caller ends it with
 * conf_errors_fini in both cases.
 */
int	 conf_load(const char *path, enum conf_depth, struct conf **, struct conf_errors *);
/* From memory, for tests: settings only, @include is refused, name is for complaints. */
int	 conf_load_text(const char *text, size_t len, const char *name, struct conf **,
	    struct conf_errors *);
void	 conf_free(struct conf **);
void	 conf_errors_fini(struct conf_errors *);

/*
 * Parent to child. conf_pack_public leaves the private keys out (policy).
 * conf_unpack trusts nothing: -1 and why, or a configuration that has passed
 * the same checks as a file.
 */
void	 conf_pack(const struct conf *, struct buf *);
void	 conf_pack_public(const struct conf *, struct buf *);
int	 conf_unpack(const void *, size_t, struct conf **, struct why *);

/*
 * The contents of a file that the configuration names, by the name it has
 * there (conf->delivery.ca_file). Borrowed, NUL after the end. -1: not carried.
 */
int	 conf_file(const struct conf *, const char *path, const char **data, size_t *len);

/* relayd -nv: one "path = value  # origin" per line, in schema order. */
void	 conf_dump(const struct conf *, FILE *);
/* Appends the RESTART-class keys that differ, "queue.directory, user"; returns how many. */
size_t	 conf_diff_restart(const struct conf *old, const struct conf *new, struct buf *);

/* The entry with the longest matching network, or NULL. bytes: 4 or 16, by family. */
const struct conf_client *
	 conf_client_of(const struct conf *, int family, const void *bytes);
/* Exact name before the longest .suffix before "*", or NULL. Any case, no final dot. */
const struct conf_destination *
	 conf_destination_of(const struct conf *, const char *domain);
/* The same for the domain of an envelope sender; NULL for the null sender, "". */
const struct conf_source *
	 conf_source_of(const struct conf *, const char *domain);
/* The entry whose hosts describe this MX host best, or NULL. */
const struct conf_hosts_limit *
	 conf_hosts_of(const struct conf *, const char *host);
/*
 * The exceptions that have not expired at wall_ms and may hold for this domain,
 * the closest first: by domain as above, those without domains last; of two
 * alike one that names hosts comes first, then file order. Which of them holds
 * for an MX host is told by its hosts. Fills at most max; returns how many.
 */
size_t	 conf_exceptions_of(const struct conf *, const char *domain, int64_t wall_ms,
	    const struct conf_exception **, size_t max);
/*
 * The exception that a client with tls_required_no stands for, "tls-required-no:NAME", or
 * NULL. It is one of exceptions[], without domains or hosts, so that conf_exceptions_of
 * never finds it.
 */
const struct conf_exception *
	 conf_client_exception(const struct conf *, const char *client);

/* The word that stands in the file: "verify"; the names of plan_level are the same. */
const char *conf_level_name(enum conf_level);
const char *conf_mode_name(enum conf_mode);
const char *conf_allow_name(enum conf_allow);

#endif
