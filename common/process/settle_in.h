/* SPDX-License-Identifier: MIT */
/* For a process that a role forks, and that does not execute another program. */
#ifndef FANFOLD_COMMON_PROCESS_SETTLE_IN_H
#define FANFOLD_COMMON_PROCESS_SETTLE_IN_H

/* Makes this process deaf to the terminal's signals, names it for ps (15 bytes of it),
 * and leads stdin and stdout to /dev/null. */
void settle_in(const char *name);

#endif
