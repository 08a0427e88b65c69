/* SPDX-License-Identifier: ISC */
/* notify: datagrams of VARIABLE=value lines to the service manager. */
#include "lib/proc/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/num.h"
#include "lib/base/str.h"

static struct {
	int			fd;
	struct sockaddr_un	to;
	socklen_t		to_len;
	int64_t			watchdog_ms;
} manager = { .fd = -1 };

/* "/path" or "@abstract". */
static int
parse_address(const char *s)
{
	size_t n = strlen(s);

	if (s[0] != '/' && s[0] != '@') {
		errno = EAFNOSUPPORT;
		return -1;
	}
	if (n < 2 || n >= sizeof manager.to.sun_path) {
		errno = EINVAL;
		return -1;
	}
	memset(&manager.to, 0, sizeof manager.to);
	manager.to.sun_family = AF_UNIX;
	memcpy(manager.to.sun_path, s, n);
	/* An abstract name is as long as the address says, a path ends with NUL. */
	manager.to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (s[0] == '/'));
	if (s[0] == '@')
		manager.to.sun_path[0] = '\0';
	return 0;
}

/* sd_watchdog_enabled(3): meant for us only if the pid is ours, or not given. */
static int64_t
parse_watchdog(const char *usec, const char *pid)
{
	uint64_t v, p;

	if (usec == NULL || num_u64(usec, INT64_MAX, &v) == -1)
		return 0;
	if (pid != NULL && (num_u64(pid, INT32_MAX, &p) == -1 || (pid_t)p != getpid()))
		return 0;
	return v > 0 && v < 1000 ? 1 : (int64_t)(v / 1000);
}

static int
open_socket(void)
{
	struct timeval second = { .tv_sec = 1 };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd != -1)
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second);
	return fd;
}

int
proc_notify_open(void)
{
	const char *address = getenv("NOTIFY_SOCKET");
	int rc = 0;

	proc_notify_close();
	manager.watchdog_ms = parse_watchdog(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
	if (address != NULL && *address != '\0') {
		rc = parse_address(address) == -1 ? -1 : 1;
		if (rc == 1 && (manager.fd = open_socket()) == -1)
			rc = -1;
	}
	if (rc != 1)
		manager.watchdog_ms = 0;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return rc;
}

void
proc_notify_close(void)
{
	if (manager.fd != -1)
		close(manager.fd);
	manager.fd = -1;
	manager.watchdog_ms = 0;
}

static int
tell(const char *text)
{
	ssize_t n;

	if (manager.fd == -1)
		return 0;
	do
		n = sendto(manager.fd, text, strlen(text), MSG_NOSIGNAL,
		    (struct sockaddr *)&manager.to, manager.to_len);
	while (n == -1 && errno == EINTR);
	return n == -1 ? -1 : 0;
}

static int
tell_with_status(const char *state, const char *status)
{
	char text[1024], line[512];

	str_escape_to(line, sizeof line, status, strlen(status));
	snprintf(text, sizeof text, "%s%sSTATUS=%s", state, *state ? "\n" : "", line);
	return tell(text);
}

int
proc_notify_ready(const char *status)
{
	return tell_with_status("READY=1", status);
}

int
proc_notify_stopping(const char *status)
{
	return tell_with_status("STOPPING=1", status);
}

int
proc_notify_status(const char *fmt, ...)
{
	char status[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(status, sizeof status, fmt, ap);
	va_end(ap);
	return tell_with_status("", status);
}

/* sd_notify(3): the stamp lets the manager tell this reload from an older one. */
int
proc_notify_reloading(void)
{
	struct timespec now;
	char text[96];

	/* Not clock_mono_us(): the manager compares with the real clock. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
	    (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	return tell(text);
}

int
proc_notify_watchdog(void)
{
	return tell("WATCHDOG=1");
}

int64_t
proc_notify_watchdog_ms(void)
{
	return manager.watchdog_ms;
}
