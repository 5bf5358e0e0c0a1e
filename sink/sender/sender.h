/* SPDX-License-Identifier: MIT */
/*
 * A process of its own that sends the records of a spool: the sink's program, started
 * again with a first argument that nobody types, and the same options behind it. It
 * reads the file of records as far as the sink's journal has committed it.
 *
 * It reads commands from standard input, a byte each:
 *
 *     w      the journal has moved
 *     e      and no more comes
 *
 * and writes to standard output, a line each:
 *
 *     S OFFSET THERE  what lies before is stored; THERE 1: somebody receives
 *     E               all is stored, after an "e"
 *     F STATUS TEXT   it failed, and the run ends with this status; it ends
 *
 * At the end of standard input it ends.
 */
#ifndef FANFOLD_SINK_SENDER_SENDER_H
#define FANFOLD_SINK_SENDER_SENDER_H

#include "sink/sender/link.h"

#define SENDER_ASKS "\001--send"

/* A file in the spool's directory: the records, each with a length before it. */
#define SENDER_RECORDS "results"

/* Sends until it is told to end. `keys_out`: as the option; NULL: none. The exit
 * status. */
int sender_run(const char *directory, const struct link_config *config,
               const char *keys_out);

#endif
