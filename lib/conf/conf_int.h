/* SPDX-License-Identifier: ISC */
/*
 * conf_int: what the files of lib/conf share. The way of a configuration:
 *
 *	scan	the text: traps that libconfig 1.5 swallows
 *	tree	libconfig's tree -> flat rows (or pack: bytes -> flat rows)
 *	check	rows against the schema: unknown keys, wrong types
 *	fill	defaults as further rows, then rows -> struct conf
 *	rules	what one value says about another
 *	files	the named files, directories and users
 */
#ifndef CONF_CONF_INT_H
#define CONF_CONF_INT_H

#include "lib/base/map.h"
#include "lib/conf/conf.h"

#define CONF_ROWS_MAX		500000
#define CONF_PATH_MAX		256	/* of a row, "clients[0].networks[1]" */
#define CONF_TEXT_MAX		4096	/* of a value */
#define CONF_ORIGIN_MAX		4352
#define CONF_ORIGIN_SHORT	128	/* with an entry */
#define CONF_NOTES_MAX		200	/* errors, warnings */
#define CONF_FILES_MAX		512	/* named files, @include files */
#define CONF_FILE_MAX		(8u << 20)
#define CONF_PASSWORD_MAX	255

/* --- memory that lives and dies with a struct conf --- */
struct conf_arena {
	char	**chunks;
	size_t	  n, left;
	char	 *next;
};
void	*conf_arena_alloc(struct conf_arena *, size_t);		/* zeroed, aligned */
char	*conf_arena_strndup(struct conf_arena *, const char *, size_t);
void	 conf_arena_fini(struct conf_arena *);

/* --- flat rows: every setting of the file, and every default --- */
enum conf_kind {
	CONF_KIND_GROUP, CONF_KIND_ARRAY, CONF_KIND_LIST,	/* rows that hold rows */
	CONF_KIND_STRING, CONF_KIND_INT, CONF_KIND_BOOL, CONF_KIND_FLOAT,
	CONF_KIND__COUNT
};

struct conf_row {
	const char	*path;
	char		*text;		/* value; "" for those that hold rows */
	const char	*origin;	/* "/etc/relayd/relayd.conf:12" or "default" */
	enum conf_kind	 kind;
	int		 bad;		/* complained about: not used any more */
	size_t		 at;		/* its place among the rows */
};

struct conf_rows {
	struct conf_row	**v;
	size_t		  n, cap;
	struct map	 *by_path;
};

struct conf_carried {
	const char	*name;
	char		*data;		/* malloc'd, NUL after the end */
	size_t		 len;
	int		 secret;	/* a private key, a password */
};

struct conf_private {
	struct conf_arena	 arena;
	struct conf_rows	 rows;
	struct map		*destinations;	/* domain -> struct conf_destination */
	struct map		*senders;	/* domain -> struct conf_source */
	struct conf_carried	 files[CONF_FILES_MAX];
	size_t			 nfiles;
};

/* --- complaints --- */
struct conf_note {
	size_t	 at;		/* row, for the order */
	char	*text;
};

struct conf_report {
	struct conf_note	*errors, *warnings;
	size_t			 nerrors, nwarnings;
};
/* About a row: "origin: path: text". The row is marked bad. */
void	 conf_error(struct conf_report *, struct conf_row *, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
void	 conf_warning(struct conf_report *, const struct conf_row *, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
/* About a place in a file. */
void	 conf_error_at(struct conf_report *, const char *file, unsigned line, const char *fmt, ...)
	    __attribute__((format(printf, 4, 5)));
/* Moves everything into *errors, sorted; the report is empty after. */
void	 conf_report_take(struct conf_report *, struct conf_errors *);

/* What the stages work on. */
struct conf_load {
	struct conf		*conf;
	struct conf_report	 report;
	int64_t			 now;		/* wall ms */
};
struct conf	*conf_new(void);
/* -1 (and no row) if the path is there already or a bound is passed. */
int		 conf_rows_add(struct conf *, const char *path, enum conf_kind, const char *text,
		    const char *origin);
struct conf_row	*conf_row_at(const struct conf *, const char *path_fmt, ...)
		    __attribute__((format(printf, 2, 3)));
/* The part of an origin that is kept with entries: without directories. */
const char	*conf_origin_short(const char *origin);

/* --- schema --- */
enum conf_type {
#define SCALAR(name, kind, ctype, words)	CONF_T_##name,
#define ARRAY(name, kind, ctype, words)		CONF_T_##name,
#define CHOICE(name, words)			CONF_T_##name,
#include "lib/conf/conf_types.def"
	CONF_T__COUNT
};

struct conf_word {
	const char	*word;		/* NULL ends the list */
	int		 value;
};

/*
 * parse: text (which it may normalise in place) -> *to. 0; 1 with a warning
 * in say; -1 with what is wrong in say.
 */
struct conf_type_info {
	const char		*words;
	int			 array, string;
	enum conf_kind		 kind;	/* of the value or of each element */
	size_t			 size;	/* of the value or of each element */
	int			(*parse)(char *text, void *to, char *say, size_t cap);
	const struct conf_word	*choices;
};

enum conf_reload { CONF_LIVE, CONF_RESTART };

struct conf_option {
	const char		*path;	/* "delivery.port", "clients.name" */
	const char		*list;	/* "clients" for a key of a list entry, else NULL */
	const char		*key;	/* "name" */
	enum conf_type		 type;
	const char		*def, *min, *max;
	enum conf_reload	 reload;
	const char		*help;
	size_t			 offset;
};

struct conf_list {
	const char	*path;
	size_t		 offset;	/* of its { v, n } in struct conf */
	size_t		 size;		/* of an entry */
	enum conf_reload reload;
	const char	*help;
};

extern const struct conf_option conf_options[];
extern const size_t conf_noptions;
extern const struct conf_list conf_lists[];
extern const size_t conf_nlists;
extern const struct conf_type_info conf_types[CONF_T__COUNT];

/* By path without indices; NULL if there is none. */
const struct conf_option *conf_schema_option(const char *path);
const struct conf_list	 *conf_schema_list(const char *path);
int			  conf_schema_group(const char *path);
/* The nearest known path, or NULL if none is near. */
const char		 *conf_schema_nearest(const char *path);
const char		 *conf_word_nearest(const struct conf_word *, const char *);

/* --- value parsers, see conf_types.def --- */
#define SCALAR(name, kind, ctype, words)					\
	int conf_parse_##name(char *, void *, char *, size_t);
#define ARRAY(name, kind, ctype, words)						\
	int conf_parse_##name(char *, void *, char *, size_t);
#define CHOICE(name, words)			extern const struct conf_word conf_words_##name[];
#include "lib/conf/conf_types.def"

/* Says that text (escaped) "is not WANTED"; -1. */
int	conf_say_not(char *say, size_t cap, const char *text, const char *wanted);

/* --- stages; each adds its complaints to the report --- */
void	 conf_scan_file(const char *path, struct conf_report *);
void	 conf_scan_text(const char *text, size_t, const char *name, struct conf_report *);
void	 conf_tree_file(struct conf_load *, const char *path);
void	 conf_tree_text(struct conf_load *, const char *text, const char *name);
void	 conf_check_rows(struct conf_load *);
void	 conf_fill_defaults(struct conf_load *);
void	 conf_fill(struct conf_load *);
void	 conf_rules(struct conf_load *);
void	 conf_rules_exceptions(struct conf_load *);
#define CONF_CLIENT_EXCEPTION	"tls-required-no:"	/* no name of the file holds a colon */
void	 conf_exceptions_of_clients(struct conf_load *);	/* when all else is settled */
void	 conf_rules_routes(struct conf_load *);
void	 conf_rules_sources(struct conf_load *);
void	 conf_system(struct conf_load *);
/* check, fill_defaults, fill, rules. */
void	 conf_settle(struct conf_load *);

/* The value of a row, or of an array with its elements, as it would be written. */
void	 conf_print(const struct conf *, const char *path, struct buf *);

/* A regular file of at most max bytes; malloc'd. -1 and a reason in say. */
int	 conf_read(const char *path, size_t max, int secret, char **data, size_t *len,
	    char *say, size_t cap);

#endif
