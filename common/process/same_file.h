/* SPDX-License-Identifier: MIT */
/* Whether two paths name one file, by whatever links and spellings. */
#ifndef FANFOLD_COMMON_PROCESS_SAME_FILE_H
#define FANFOLD_COMMON_PROCESS_SAME_FILE_H

#include <stdbool.h>

/* Also where neither is there yet, but the directory is. */
bool is_same_file(const char *one, const char *other);

#endif
