/* SPDX-License-Identifier: ISC */
/* files: what the configuration names outside of itself: files, directories, users. */
#include "lib/conf/conf_int.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/str.h"

static int
say_errno(char *say, size_t cap, const char *path)
{
	if (errno == ELOOP)
		str_fmt(say, cap, "%s is a symbolic link; name the file that it points to", path);
	else
		str_fmt(say, cap, "%s: %s", path, strerror(errno));
	return -1;
}

/* A private key that others may read or replace is not private. */
static int
secret_is_kept(const struct stat *st, const char *path, char *say, size_t cap)
{
	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		str_fmt(say, cap, "%s belongs to uid %u; chown root %s", path,
		    (unsigned)st->st_uid, path);
		return 0;
	}
	if ((st->st_mode & 07777 & ~0640u) != 0) {
		str_fmt(say, cap, "%s has mode %04o, so others may read or replace it; chmod 0640 %s", path,
		    (unsigned)st->st_mode & 07777, path);
		return 0;
	}
	return 1;
}

static int
read_all(int fd, size_t max, char **data, size_t *len)
{
	char *p = must_calloc(1, max + 1);
	size_t n = 0;
	ssize_t got;

	while (n < max && (got = read(fd, p + n, max - n)) != 0) {
		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1) {
			free(p);
			return -1;
		}
		n += (size_t)got;
	}
	*data = p;
	*len = n;
	return 0;
}

int
conf_read(const char *path, size_t max, int secret, char **data, size_t *len, char *say,
    size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (secret ? O_NOFOLLOW : 0));
	struct stat st;
	int rc = -1;

	*data = NULL;
	*len = 0;
	if (fd == -1 || fstat(fd, &st) == -1)
		say_errno(say, cap, path);
	else if (!S_ISREG(st.st_mode))
		str_fmt(say, cap, "%s is not a regular file", path);
	else if ((uint64_t)st.st_size > max)
		str_fmt(say, cap, "%s is larger than %zu bytes", path, max);
	else if (secret && !secret_is_kept(&st, path, say, cap))
		;
	else if (read_all(fd, (size_t)st.st_size, data, len) == -1)
		say_errno(say, cap, path);
	else
		rc = 0;
	if (fd != -1)
		close(fd);
	return rc;
}

static int
is_secret(enum conf_type type)
{
	return type == CONF_T_key || type == CONF_T_password;
}

static const char *
password_missing(const char *data)
{
	size_t n = strcspn(data, "\r\n");

	if (n == 0)
		return "holds no password in its first line";
	if (n > CONF_PASSWORD_MAX)
		return "holds a password of more than 255 bytes";
	return data[n + strspn(data + n, "\r\n")] == '\0' ? NULL :
	    "holds more than one line; the password must stand alone";
}

/* What stands in every file of its kind; lib/tls and lib/dns judge the rest. */
static const char *
content_missing(enum conf_type type, const char *data)
{
	if (type == CONF_T_key) {
		if (strstr(data, "ENCRYPTED") != NULL)
			return "holds a key with a passphrase, which nobody could type; "
			    "decrypt it with openssl pkey";
		return strstr(data, "PRIVATE KEY-----") != NULL ? NULL : "holds no private key (PEM)";
	}
	if (type == CONF_T_password)
		return password_missing(data);
	if (type == CONF_T_anchor)
		return strstr(data, "DS") != NULL || strstr(data, "DNSKEY") != NULL ? NULL :
		    "holds no DS or DNSKEY record";
	return strstr(data, "-----BEGIN CERTIFICATE-----") != NULL ||
	    strstr(data, "-----BEGIN TRUSTED CERTIFICATE-----") != NULL ? NULL :
	    "holds no certificate (PEM)";
}

/* "credential:NAME" lies where the service manager put it. */
static int
place_of(const char *name, char *path, size_t cap, char *say, size_t say_cap)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	if (strncmp(name, "credential:", 11) != 0) {
		str_copy(path, name, cap);
		return 0;
	}
	if (dir == NULL) {
		str_fmt(say, say_cap, "%s: the service manager passed no credentials; "
		    "is LoadCredential= set?", name);
		return -1;
	}
	return str_fmt(path, cap, "%s/%s", dir, name + 11);
}

static void
file_carry(struct conf_load *l, struct conf_row *row, enum conf_type type)
{
	struct conf_private *p = l->conf->priv;
	struct conf_carried *f = &p->files[p->nfiles];
	char path[1400], say[1800] = "";
	const char *old = NULL, *missing;
	size_t len;

	if (row == NULL || row->bad || row->text[0] == '\0')
		return;
	if (conf_file(l->conf, row->text, &old, &len) == 0) {
		if ((missing = content_missing(type, old)) != NULL)
			conf_error(&l->report, row, "%s %s", row->text, missing);
		return;
	}
	if (p->nfiles == CONF_FILES_MAX) {
		conf_error(&l->report, row, "too many files are named");
		return;
	}
	if (place_of(row->text, path, sizeof path, say, sizeof say) == -1 ||
	    conf_read(path, CONF_FILE_MAX, is_secret(type), &f->data, &f->len, say,
	    sizeof say) == -1) {
		conf_error(&l->report, row, "%s%s", say, type != CONF_T_anchor ? "" :
		    "; DNSSEC needs it (Debian: dns-root-data; RHEL: /var/lib/unbound/root.key)");
		return;
	}
	f->name = row->text;
	f->secret = is_secret(type);
	p->nfiles++;
	if ((missing = content_missing(type, f->data)) != NULL)
		conf_error(&l->report, row, "%s %s", row->text, missing);
}

static void
files_carry_list(struct conf_load *l, const struct conf_option *o)
{
	for (size_t i = 0; conf_row_at(l->conf, "%s[%zu]", o->list, i) != NULL; i++)
		file_carry(l, conf_row_at(l->conf, "%s[%zu].%s", o->list, i, o->key), o->type);
}

/* Every file of one type. */
static void
files_carry(struct conf_load *l, enum conf_type type)
{
	for (size_t k = 0; k < conf_noptions; k++) {
		const struct conf_option *o = &conf_options[k];

		if (o->type != type)
			continue;
		if (o->list == NULL)
			file_carry(l, conf_row_at(l->conf, "%s", o->path), type);
		else
			files_carry_list(l, o);
	}
}

/* A directory that must be there, and be the process's own. */
static void
directory_check(struct conf_load *l, const char *path, const char *user)
{
	struct conf_row *row = conf_row_at(l->conf, "%s", path);
	const struct passwd *pw = geteuid() == 0 ? getpwnam(user) : NULL;
	const char *dir;
	struct stat st;

	if (row == NULL || row->bad)
		return;
	dir = row->text;
	if (stat(dir, &st) == -1)
		conf_error(&l->report, row, "%s: %s; mkdir -p -m 0700 %s%s%s%s%s", dir,
		    strerror(errno), dir, pw != NULL ? " && chown " : "",
		    pw != NULL ? user : "", pw != NULL ? " " : "", pw != NULL ? dir : "");
	else if (!S_ISDIR(st.st_mode))
		conf_error(&l->report, row, "%s is not a directory", dir);
	else if ((st.st_mode & S_IWOTH) != 0)
		conf_error(&l->report, row, "%s may be written by everybody; chmod 0700 %s", dir, dir);
	else if (pw != NULL && st.st_uid != pw->pw_uid)
		conf_error(&l->report, row, "%s does not belong to %s, who works in it; "
		    "chown -R %s %s", dir, user, user, dir);
	else if (geteuid() != 0 && access(dir, R_OK | W_OK | X_OK) == -1)
		conf_error(&l->report, row, "%s cannot be written: %s", dir, strerror(errno));
}

/* The directory that a file will be made in. */
static void
parent_check(struct conf_load *l, const char *path)
{
	struct conf_row *row = conf_row_at(l->conf, "%s", path);
	char dir[1100], *slash;
	struct stat st;

	if (row == NULL || row->bad || row->text[0] != '/')
		return;
	str_copy(dir, row->text, sizeof dir);
	slash = strrchr(dir, '/');
	slash[slash == dir] = '\0';
	if (stat(dir, &st) == -1 || !S_ISDIR(st.st_mode))
		conf_warning(&l->report, row, "there is no directory %s (yet)", dir);
}

static void
user_check(struct conf_load *l, const char *path)
{
	struct conf_row *row = conf_row_at(l->conf, "%s", path);

	if (row == NULL || row->bad || geteuid() != 0)
		return;
	if (strcmp(row->text, "root") == 0)
		conf_warning(&l->report, row, "\"root\" keeps all privileges; this is for tests");
	else if (getpwnam(row->text) == NULL)
		conf_error(&l->report, row, "there is no user \"%s\"; useradd --system "
		    "--home-dir /nonexistent --shell /usr/sbin/nologin %s", row->text, row->text);
}

void
conf_system(struct conf_load *l)
{
	/* Secrets first: a file that is also a certificate stays secret. */
	files_carry(l, CONF_T_key);
	files_carry(l, CONF_T_password);
	files_carry(l, CONF_T_certificates);
	files_carry(l, CONF_T_anchor);
	user_check(l, "user");
	user_check(l, "policy_user");
	directory_check(l, "queue.directory", l->conf->user);
	directory_check(l, "state.directory", l->conf->policy_user);
	parent_check(l, "control.socket");
	parent_check(l, "log.file");
}
