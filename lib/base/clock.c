/* SPDX-License-Identifier: ISC */
/* clock: real time, or the time a test says it is. */
#include "lib/base/clock.h"

#include <stdio.h>
#include <time.h>

#include "lib/base/life.h"

#define TICK_MS		2	/* half of one is lost in rounding */
#define CLOSE_MS	1000	/* nearer than that is the same to people */

static int virtual;
static int64_t virtual_mono, virtual_wall;
static struct life life;
static int64_t jumped;

static int64_t
read_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
clock_mono_us(void)
{
	return virtual ? virtual_mono * 1000 : read_us(CLOCK_MONOTONIC);
}

int64_t
clock_mono_ms(void)
{
	return virtual ? virtual_mono : read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t
clock_wall_ms(void)
{
	return virtual ? virtual_wall : read_us(CLOCK_REALTIME) / 1000;
}

void
clock_queue_start(int64_t saved)
{
	life_init(&life, clock_wall_ms(), clock_mono_ms(), saved);
}

int64_t
clock_queue_ms(void)
{
	int64_t mono = clock_mono_ms(), jump;

	if (virtual)
		return virtual_wall;
	if (life.mono == 0)
		clock_queue_start(0);
	if (mono - life.mono >= TICK_MS) {
		jump = life_tick(&life, clock_wall_ms(), mono);
		if (jump != 0)
			jumped = jump;
	}
	return life.now;
}

int64_t
clock_queue_to_wall(int64_t queue_ms)
{
	int64_t apart = clock_wall_ms() - clock_queue_ms();

	if (queue_ms == 0 || (apart < CLOSE_MS && apart > -CLOSE_MS))
		return queue_ms;
	return queue_ms + apart;
}

int64_t
clock_queue_jump(void)
{
	int64_t jump = jumped;

	jumped = 0;
	return jump;
}

void
clock_virtual(int64_t mono_ms, int64_t wall_ms)
{
	virtual = 1;
	virtual_mono = mono_ms;
	virtual_wall = wall_ms;
}

void
clock_real(void)
{
	virtual = 0;
}

/* Splits into UTC and the milliseconds; before 1970 rounds down, not to zero. */
static int
split(int64_t wall_ms, struct tm *tm)
{
	int ms = (int)(wall_ms % 1000);
	time_t seconds = (time_t)(wall_ms / 1000);

	if (ms < 0) {
		ms += 1000;
		seconds--;
	}
	if (gmtime_r(&seconds, tm) == NULL)
		*tm = (struct tm){ .tm_year = 70, .tm_mday = 1, .tm_wday = 4 };
	return ms;
}

/* Not strftime: its names follow the locale. */
void
clock_rfc5322(char *to, unsigned long cap, int64_t wall_ms)
{
	static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		"Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	struct tm tm;

	split(wall_ms, &tm);
	snprintf(to, cap, "%s, %d %s %04d %02d:%02d:%02d +0000", days[tm.tm_wday], tm.tm_mday,
	    months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void
clock_rfc3339(char *to, unsigned long cap, int64_t wall_ms)
{
	struct tm tm;
	int ms = split(wall_ms, &tm);

	snprintf(to, cap, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
	    tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ms);
}
