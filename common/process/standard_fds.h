/* SPDX-License-Identifier: MIT */
/* Call this before anything is opened. A standard stream that is missing then fails as
 * it should, with EBADF, instead of meeting a file that got its number by chance. */
#ifndef FANFOLD_COMMON_PROCESS_STANDARD_FDS_H
#define FANFOLD_COMMON_PROCESS_STANDARD_FDS_H

#include <stdbool.h>

/* Also looks whether /dev/null is there, to which processes of ours lead streams later.
 * False: it is not, which was said; the program should end with STATUS_IO. */
bool standard_fds_fill(void);

#endif
