/* SPDX-License-Identifier: ISC */
/*
 * log: one event, one line.  Lines gather in a buffer that the event loop
 * flushes once a turn (log_flush); a sink that does not take them loses
 * lines only beyond 1 MiB, and counts them (log_dropped).
 *
 * Text:  "Nov 22 00:07:43 host relayd/smtp[812]: ..." on stderr and files,
 *        the same without date and host to syslog.
 * JSON:  {"ts":"...","host":..,"proc":"relayd/smtp","pid":812,"severity":..,
 *        "event":"..", ...} one object a line.
 * Values are escaped here and nowhere else (HARDENING I10, O6).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

/* As in syslog(3). */
enum log_level {
	LOG_LVL_ERR = 3, LOG_LVL_WARNING, LOG_LVL_NOTICE, LOG_LVL_INFO, LOG_LVL_DEBUG
};
enum log_target { LOG_TO_STDERR, LOG_TO_SYSLOG, LOG_TO_FILE, LOG_TO_JOURNAL };
enum log_format { LOG_TEXT, LOG_JSON };

struct log_param {
	enum log_target	 target;
	enum log_format	 format;
	enum log_level	 level;		/* least important that is written */
	const char	*file;		/* for LOG_TO_FILE; another socket for the two daemons */
	const char	*tag;		/* "relayd" */
	const char	*name;		/* default name behind the tag: "smtp" */
	const char	*host;
};

/* One key of an event.  Exactly one of str (may be NULL: left out) and num. */
struct log_kv {
	const char	*key;
	const char	*str;
	int64_t		 num;
	int		 is_num;
};
#define LOG_STR(k, v)	{ .key = (k), .str = (v) }
#define LOG_NUM(k, v)	{ .key = (k), .num = (v), .is_num = 1 }

/*
 * Before the first log_open: stderr, text, info, each line at once.  Again on
 * reload: opens a file that was moved away anew.  0, or -1 with errno, and
 * all stays as it was.
 */
int	log_open(const struct log_param *);
/* Log rotation where the file cannot be opened from here (a chroot): takes fd. Ignored (closed)
 * unless the target is LOG_TO_FILE. */
void	log_adopt(int fd);
/* The log file opened anew, for log_adopt; -1 with errno. */
int	log_file_open(const char *path);
void	log_flush(void);
void	log_last_words(void);	/* flushes if no thread is in the way; for exits */
/* The same behind an error line, which is left out where the log is stderr: that is told by hand. */
void	log_last_line(const char *text);
uint64_t log_dropped(void);
/* The text of an event with keys will not be read, it need not be made. */
int	log_wants_json(void);

/* Free text for people; in text, "error: " or "warning: " goes before it. */
void	log_msg(enum log_level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define log_err(...)	log_msg(LOG_LVL_ERR, __VA_ARGS__)
#define log_warning(...) log_msg(LOG_LVL_WARNING, __VA_ARGS__)
#define log_notice(...)	log_msg(LOG_LVL_NOTICE, __VA_ARGS__)
#define log_info(...)	log_msg(LOG_LVL_INFO, __VA_ARGS__)
#define log_debug(...)	log_msg(LOG_LVL_DEBUG, __VA_ARGS__)

/*
 * An event: name is the log name ("smtp", "smtpd", "qmgr"; NULL = default),
 * event its word, text the whole line for the text format (NULL: event and
 * keys), kv the keys for JSON (none: text) and the journal.  text is escaped
 * as a whole.  Any thread; errno is kept.
 */
void	log_event(enum log_level, const char *name, const char *event, const char *text,
	    const struct log_kv *, size_t nkv);

#endif
