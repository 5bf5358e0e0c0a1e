/* SPDX-License-Identifier: MIT */
/* Makes the names in a directory durable, where the file system can do that. */
#ifndef FANFOLD_COMMON_PROCESS_SYNC_DIRECTORY_H
#define FANFOLD_COMMON_PROCESS_SYNC_DIRECTORY_H

/* 0, also where this file system has no fsync of directories (vboxsf, 9p); -errno. */
int sync_directory(int directory);
/* The same for the directory in which `path` lies. One that we may not read has no
 * fsync either. */
int sync_directory_of(const char *path);

#endif
