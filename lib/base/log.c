/* SPDX-License-Identifier: ISC */
/* log: renders events as text, JSON, syslog and journal records. */
#include "lib/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/log_int.h"
#include "lib/base/str.h"

#define FIELD_MAX	1024		/* HARDENING I10 */
#define HOST_MAX	255
#define IDENT_MAX	64
#define FACILITY_MAIL	2		/* RFC 5424 s6.2.1 */

struct event {
	enum log_level		 level;
	const char		*name, *word, *text;
	const struct log_kv	*kv;
	size_t			 nkv;
};

static pid_t pid;	/* 0 = not asked yet */

static void
forget_pid(void)
{
	pid = 0;
}

/* A system call a line is too many; fork is always followed by exec here, or by tests. */
static int
own_pid(void)
{
	if (pid == 0) {
		pid = getpid();
		pthread_atfork(NULL, NULL, forget_pid);
	}
	return (int)pid;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct buf line;			/* the record being made */
static uint64_t told;			/* drops that a line has told of */

static struct {
	enum log_target	 target;
	enum log_format	 format;
	enum log_level	 level;
	int		 open;		/* else every line leaves at once */
	char		 tag[32], name[32], host[256];
} conf = { .target = LOG_TO_STDERR, .format = LOG_TEXT, .level = LOG_LVL_INFO, .tag = "relayd" };

static const char *const level_names[] = {
	[LOG_LVL_ERR] = "err", [LOG_LVL_WARNING] = "warning", [LOG_LVL_NOTICE] = "notice",
	[LOG_LVL_INFO] = "info", [LOG_LVL_DEBUG] = "debug",
};

/* "Nov 22 00:07:43" in local time, made once a second. */
static const char *
stamp(void)
{
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		"Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	static char text[128];
	static time_t made;
	time_t now = (time_t)(clock_wall_ms() / 1000);
	struct tm tm;

	if (now == made && text[0] != '\0')
		return text;
	if (localtime_r(&now, &tm) == NULL)
		tm = (struct tm){ .tm_mday = 1 };
	snprintf(text, sizeof text, "%s %2d %02d:%02d:%02d", months[tm.tm_mon], tm.tm_mday,
	    tm.tm_hour, tm.tm_min, tm.tm_sec);
	made = now;
	return text;
}

/* RFC 3339 with milliseconds; all before them is made once a second. */
static const char *
stamp_json(void)
{
	static char text[64];
	static int64_t made = -1;
	int64_t now = clock_wall_ms();
	char *ms;

	if (now < 0 || now / 1000 != made) {
		clock_rfc3339(text, sizeof text, now);
		made = now / 1000;
	} else if ((ms = strrchr(text, '.')) != NULL) {
		ms[1] = (char)('0' + now / 100 % 10);
		ms[2] = (char)('0' + now / 10 % 10);
		ms[3] = (char)('0' + now % 10);
	}
	return text;
}

static void
add_stamp_host(void)
{
	buf_adds(&line, stamp());
	buf_addc(&line, ' ');
	str_escape(&line, conf.host, strlen(conf.host), HOST_MAX);
	buf_addc(&line, ' ');
}

static size_t
room(size_t reserve)
{
	size_t used = buf_len(&line) + reserve;

	return used < LOG_LINE_MAX ? LOG_LINE_MAX - used : 0;
}

/* "relayd/smtp" */
static void
add_ident(const char *name, void escape(struct buf *, const void *, size_t, size_t))
{
	escape(&line, conf.tag, strlen(conf.tag), IDENT_MAX);
	if (*name != '\0') {
		buf_addc(&line, '/');
		escape(&line, name, strlen(name), IDENT_MAX);
	}
}

/* What a text line says when its maker gave keys only. */
static void
add_pairs(const struct event *e)
{
	buf_adds(&line, e->word);
	for (size_t i = 0; i < e->nkv && room(1) > 0; i++) {
		const struct log_kv *kv = &e->kv[i];

		if (kv->is_num)
			buf_addf(&line, " %s=%" PRId64, kv->key, kv->num);
		else if (kv->str != NULL) {
			buf_addf(&line, " %s=", kv->key);
			str_escape(&line, kv->str, strlen(kv->str), FIELD_MAX);
		}
	}
	if (room(1) == 0)
		line.end = line.off + LOG_LINE_MAX - 1;
}

static void
add_text(const struct event *e)
{
	if (e->text != NULL)
		str_escape(&line, e->text, strlen(e->text), room(1));
	else
		add_pairs(e);
}

static void
json_str(const char *key, const char *value, size_t max)
{
	buf_addf(&line, ",\"%s\":\"", key);
	str_json_max(&line, value, strlen(value), max);
	buf_addc(&line, '"');
}

/* A key that no longer fits is left out whole, and the line says so. */
static int
json_kv(const struct log_kv *kv)
{
	static const size_t tail = sizeof ",\"cut\":1}\n" - 1;
	size_t before = line.end, left = room(tail + strlen(kv->key) + 6);

	if (kv->is_num)
		buf_addf(&line, ",\"%s\":%" PRId64, kv->key, kv->num);
	else if (kv->str != NULL)
		json_str(kv->key, kv->str, left < FIELD_MAX ? left : FIELD_MAX);
	if (buf_len(&line) + tail <= LOG_LINE_MAX)
		return 0;
	line.end = before;
	return -1;
}

static void
render_json(const struct event *e)
{
	struct log_kv text = LOG_STR("text", e->text);
	int cut = 0;

	buf_addf(&line, "{\"ts\":\"%s\",\"host\":\"", stamp_json());
	str_json_max(&line, conf.host, strlen(conf.host), HOST_MAX);
	buf_adds(&line, "\",\"proc\":\"");
	add_ident(e->name, str_json_max);
	buf_addf(&line, "\",\"pid\":%d", own_pid());
	json_str("severity", level_names[e->level], 16);
	json_str("event", e->word, 64);
	if (e->nkv == 0)
		cut = json_kv(&text);
	for (size_t i = 0; i < e->nkv; i++)
		cut |= json_kv(&e->kv[i]);
	buf_adds(&line, cut ? ",\"cut\":1}" : "}");
}

/* Native protocol: "KEY=value\n"; no value holds a newline once it is escaped. */
static void
render_journal(const struct event *e)
{
	buf_addf(&line, "PRIORITY=%d\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=", e->level,
	    FACILITY_MAIL);
	add_ident(e->name, str_escape);
	buf_adds(&line, "\nMESSAGE=");
	if (conf.format == LOG_JSON)
		render_json(e);
	else
		add_text(e);
	buf_addf(&line, "\nRELAYD_EVENT=%s\n", e->word);
	for (size_t i = 0; i < e->nkv && buf_len(&line) < 16 * LOG_LINE_MAX; i++) {
		const struct log_kv *kv = &e->kv[i];

		if (!kv->is_num && kv->str == NULL)
			continue;
		buf_adds(&line, "RELAYD_");
		for (const char *k = kv->key; *k != '\0'; k++)
			buf_addc(&line, (char)(*k >= 'a' && *k <= 'z' ? *k - 32 : *k));
		buf_addc(&line, '=');
		if (kv->is_num)
			buf_addf(&line, "%" PRId64, kv->num);
		else
			str_escape(&line, kv->str, strlen(kv->str), FIELD_MAX);
		buf_addc(&line, '\n');
	}
}

static void
render_line(const struct event *e)
{
	int text = conf.format == LOG_TEXT;

	if (conf.target == LOG_TO_SYSLOG)
		buf_addf(&line, "<%d>", FACILITY_MAIL * 8 + (int)e->level);
	else if (text)
		add_stamp_host();
	if (conf.target == LOG_TO_SYSLOG || text) {
		add_ident(e->name, str_escape);
		buf_addf(&line, "[%d]: ", own_pid());
	}
	if (text)
		add_text(e);
	else
		render_json(e);
	/* RFC 3164 s4.1: a datagram is the line, without a newline. */
	if (conf.target != LOG_TO_SYSLOG)
		buf_addc(&line, '\n');
}

static void
emit(const struct event *e)
{
	buf_clear(&line);
	if (conf.target == LOG_TO_JOURNAL)
		render_journal(e);
	else
		render_line(e);
	log_sink_put(buf_data(&line), buf_len(&line));
}

/* Never silent: once there is room again, a line tells what is missing. */
static void
flush(void)
{
	char text[96];

	log_sink_flush();
	if (log_sink_dropped() == told || log_sink_pending() > 0)
		return;
	snprintf(text, sizeof text, "warning: %" PRIu64 " log lines were lost, the sink was full",
	    log_sink_dropped() - told);
	told = log_sink_dropped();
	emit(&(struct event){ .level = LOG_LVL_WARNING, .name = conf.name, .word = "log-lost",
	    .text = text });
	log_sink_flush();
}

static void
set_host(const char *host)
{
	if (host != NULL)
		str_copy(conf.host, host, sizeof conf.host);
	else if (gethostname(conf.host, sizeof conf.host - 1) == -1)
		str_copy(conf.host, "localhost", sizeof conf.host);
}

void
log_event(enum log_level level, const char *name, const char *event, const char *text,
    const struct log_kv *kv, size_t nkv)
{
	int saved = errno;

	MUST(level >= LOG_LVL_ERR && level <= LOG_LVL_DEBUG);
	if (level > conf.level)
		return;
	pthread_mutex_lock(&lock);
	if (conf.host[0] == '\0')
		set_host(NULL);
	emit(&(struct event){ .level = level, .name = name != NULL ? name : conf.name,
	    .word = event, .text = text, .kv = kv, .nkv = nkv });
	if (level == LOG_LVL_ERR || !conf.open)
		flush();
	pthread_mutex_unlock(&lock);
	errno = saved;
}

void
log_msg(enum log_level level, const char *fmt, ...)
{
	char text[LOG_LINE_MAX];
	int n = 0, saved = errno;
	va_list ap;

	if (level > conf.level)
		return;
	/* People scan text for these words; JSON has a key for the level. */
	if (level <= LOG_LVL_WARNING && !log_wants_json())
		n = snprintf(text, sizeof text, "%s: ",
		    level == LOG_LVL_ERR ? "error" : "warning");
	errno = saved;		/* for %m */
	va_start(ap, fmt);
	vsnprintf(text + n, sizeof text - (size_t)n, fmt, ap);
	va_end(ap);
	log_event(level, NULL, "message", text, NULL, 0);
	errno = saved;
}

void
log_flush(void)
{
	pthread_mutex_lock(&lock);
	flush();
	pthread_mutex_unlock(&lock);
}

void
log_last_words(void)
{
	if (pthread_mutex_trylock(&lock) != 0)
		return;
	log_sink_flush();
	pthread_mutex_unlock(&lock);
}

void
log_last_line(const char *text)
{
	if (pthread_mutex_trylock(&lock) != 0)
		return;
	if (conf.open && conf.target != LOG_TO_STDERR)
		emit(&(struct event){ .level = LOG_LVL_ERR, .name = conf.name, .word = "message",
		    .text = text });
	log_sink_flush();
	pthread_mutex_unlock(&lock);
}

uint64_t
log_dropped(void)
{
	uint64_t n;

	pthread_mutex_lock(&lock);
	n = log_sink_dropped();
	pthread_mutex_unlock(&lock);
	return n;
}

int
log_wants_json(void)
{
	return conf.format == LOG_JSON;
}

static const char *
path_of(const struct log_param *p)
{
	if (p->file != NULL || p->target == LOG_TO_STDERR)
		return p->file;
	if (p->target == LOG_TO_SYSLOG)
		return "/dev/log";
	return p->target == LOG_TO_JOURNAL ? "/run/systemd/journal/socket" : NULL;
}

int
log_open(const struct log_param *p)
{
	static int registered;
	const char *path = path_of(p);
	int rc;

	if (p->target == LOG_TO_FILE && path == NULL) {
		errno = EINVAL;
		return -1;
	}
	tzset();
	pthread_mutex_lock(&lock);
	if ((rc = log_sink_open(p->target, path)) == 0) {
		conf.target = p->target;
		conf.format = p->format;
		conf.level = p->level;
		str_copy(conf.tag, p->tag != NULL ? p->tag : "relayd", sizeof conf.tag);
		str_copy(conf.name, p->name != NULL ? p->name : "", sizeof conf.name);
		set_host(p->host);
		if (!registered)
			registered = atexit(log_last_words) == 0;
		conf.open = 1;
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

void
log_adopt(int fd)
{
	pthread_mutex_lock(&lock);
	if (conf.open && conf.target == LOG_TO_FILE)
		log_sink_adopt(fd);
	else
		close(fd);
	pthread_mutex_unlock(&lock);
}

int
log_file_open(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}
