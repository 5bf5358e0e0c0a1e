/* SPDX-License-Identifier: MIT */
/* Signals as something to read. */
#ifndef FANFOLD_SINK_SIGNALS_H
#define FANFOLD_SINK_SIGNALS_H

/*
 * Blocks SIGTERM, and SIGINT and SIGHUP unless they were ignored when we were started
 * (by nohup, by a launcher that forwards), and ignores SIGXFSZ: a file that may grow no
 * further is an error, not our end. A descriptor to poll and close, or -errno. To be
 * called before there are threads.
 */
int signals_open(void);
/* The number of the next one that has come; 0: none. */
int signals_next(int descriptor);

#endif
