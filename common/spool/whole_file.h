/* SPDX-License-Identifier: MIT */
/* A small file that is there with all its bytes or not at all, whatever is killed. */
#ifndef FANFOLD_COMMON_SPOOL_WHOLE_FILE_H
#define FANFOLD_COMMON_SPOOL_WHOLE_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Makes it in `directory`, in place of one of this name, under the name `temporary`
 * until it is whole; durable afterwards. Its descriptor, to read and write, or
 * -errno. */
int whole_file_make(int directory, const char *name, const char *temporary,
                    const void *bytes, size_t size);
/* Puts new bytes over all the old ones, which lie in one sector, so that it has these
 * or those. `syncs`: they are on the disk afterwards. 0 or -errno. */
int whole_file_put(int fd, const void *bytes, size_t size, bool syncs);

#endif
