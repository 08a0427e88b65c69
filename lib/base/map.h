/* SPDX-License-Identifier: ISC */
/*
 * map: byte-string key -> pointer, open hashing, keyed hash (peers choose
 * keys).  Keys are copied in; values are borrowed, the owner frees them.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>

struct map;

struct map	*map_new(void);
void		 map_free(struct map **);		/* not the values */
size_t		 map_count(const struct map *);
void		*map_get(const struct map *, const void *key, size_t len);
/* Sets; returns the value that was there, or NULL. value must not be NULL. */
void		*map_put(struct map *, const void *key, size_t len, void *value);
void		*map_remove(struct map *, const void *key, size_t len);
/* Calls fn for every entry; fn may remove the entry that it is shown. */
void		 map_each(struct map *, void (*fn)(void *value, void *arg), void *arg);

void		*map_gets(const struct map *, const char *key);
void		*map_puts(struct map *, const char *key, void *value);
void		*map_removes(struct map *, const char *key);

#endif
