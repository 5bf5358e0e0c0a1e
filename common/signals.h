/* SPDX-License-Identifier: MIT */
/* The signals that end a run, as a descriptor to be polled: SIGTERM, and SIGINT and
 * SIGHUP unless they were ignored when the program started. */
#ifndef FANFOLD_COMMON_SIGNALS_H
#define FANFOLD_COMMON_SIGNALS_H

/* Blocks them for the process; before the first thread. The descriptor, or -errno. */
int signals_open(void);
/* The next signal; 0: there is none now. */
int signals_next(int fd);

/* Ends this process by the signal, as it would have without signals_open: who started
 * it can tell that the signal was its own. */
void signals_end_by(int number);

#endif
