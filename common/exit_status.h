/* SPDX-License-Identifier: MIT */
/* The exit statuses of all four programs; the README has the same table. 128 + n: the
 * program ended by signal n. */
#ifndef FANFOLD_COMMON_EXIT_STATUS_H
#define FANFOLD_COMMON_EXIT_STATUS_H

enum exit_status {
    STATUS_OK = 0,
    STATUS_DEAD_LETTERS = 1, /* done, but there are dead letters */
    STATUS_USAGE = 2,
    STATUS_CHUNK_FAILED = 3, /* stopped because a chunk failed for good */
    STATUS_IO = 4,           /* input, output or disk */
    STATUS_PEER = 5,         /* peer or protocol: rejected, superseded, no peer came */
    STATUS_CANNOT_EXECUTE = 126,
    STATUS_NOT_FOUND = 127,
    STATUS_SIGNAL = 128,        /* plus the signal's number */
    STATUS_INTERRUPTED = 130,   /* SIGINT */
    STATUS_OUTPUT_CLOSED = 141, /* the reader of the output went away; no message */
    STATUS_TERMINATED = 143,    /* SIGTERM */
};

#endif
