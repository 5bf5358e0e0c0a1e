/* SPDX-License-Identifier: MIT */
/*
 * A process of its own that receives messages into a spool, so that the ventilator's
 * loop never waits for the disk: the ventilator's program, started again with a first
 * argument that nobody types, and the same options behind it.
 *
 * It reads commands from standard input, a line each:
 *
 *     committed N   the run has committed all entries below N
 *     drain         take what has come, and then end the input
 *
 * and writes to standard output, a byte each:
 *
 *     R             ready: the spool and the socket are open
 *     .             there are new entries on the disk
 *     D             it has dropped a message, which nobody keeps; before the next "."
 *     E             no more will come
 *     F TEXT        it failed, behind what is on the disk; it ends
 *
 * At the end of standard input it ends.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_RECEIVE_RECEIVER_H
#define FANFOLD_VENTILATOR_SOURCE_RECEIVE_RECEIVER_H

#include "ventilator/source/kinds/message_input.h"
#include <stdbool.h>
#include <stdint.h>

#define RECEIVER_ASKS "\001--receive"

struct spool_config {
    const char *path;  /* of the directory */
    uint64_t size_max; /* bytes */
};

/* Receives until it is told to end. The exit status. */
int receiver_run(const struct message_input_config *messages,
                 const struct spool_config *spool);

#endif
