/* SPDX-License-Identifier: ISC */
/* disk: the model of what survives. Used by vfs_shim only. */
#ifndef TESTS_FAULT_DISK_H
#define TESTS_FAULT_DISK_H

#include <stddef.h>
#include <stdint.h>

struct disk_file;	/* an inode */

int	disk_step(void);	/* counts; 0, or the errno with which this operation fails */
/* A file changes its size: 0, or ENOSPC if there is no room. */
int	disk_resize(uint64_t from, uint64_t to);
struct disk_file *disk_open(const char *path);		/* makes it known, and its name */
void	disk_write(struct disk_file *, const void *, size_t, uint64_t at);
void	disk_truncate(struct disk_file *, uint64_t size);
void	disk_sync(struct disk_file *, int good);
void	disk_rename(const char *from, const char *to);
void	disk_unlink(const char *path);
void	disk_sync_dir(const char *dir);
void	disk_sync_dir_of(struct disk_file *);
void	disk_sync_dir_of_name(const char *path);

#endif
