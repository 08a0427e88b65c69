/* SPDX-License-Identifier: ISC */
/*
 * shards: the directories that the smtp workers live in. Worker 0 has
 * queue.directory itself, worker k queue.directory/shards/k.
 */
#ifndef PARENT_SHARDS_H
#define PARENT_SHARDS_H

/* All that `workers` of them need; exits with 73 and a clear word if one cannot be made. */
void	shards_make(const char *directory, unsigned workers, const char *user);

#endif
