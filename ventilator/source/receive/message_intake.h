/* SPDX-License-Identifier: MIT */
/*
 * Takes messages from the socket into the spool, as records of the run's format, and
 * answers the producers of DEALER/1. Nothing here waits but for the disk.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_RECEIVE_MESSAGE_INTAKE_H
#define FANFOLD_VENTILATOR_SOURCE_RECEIVE_MESSAGE_INTAKE_H

#include "common/byte_buffer.h"
#include "common/spool/spool_writer.h"
#include "ventilator/source/kinds/message_frames.h"
#include "ventilator/source/kinds/message_input.h"
#include "ventilator/source/receive/dealer_peers.h"

struct message_intake {
    const struct message_input_config *config;
    struct message_socket socket;
    struct spool_writer *spool;
    bool answers; /* DEALER/1 */
    struct message_frames frames;
    struct byte_buffer joined, record;
    struct dealer_peers peers;
    struct message_gaps gaps;
    bool ended;        /* by the message that ends the input */
    bool full;         /* as producers were told */
    uint64_t received; /* messages */
    uint64_t ignored;  /* of producers, that this version does not know */
    uint64_t dropped;  /* of others: none of DEALER/1, so that nobody keeps them */
    char error[512];
};

/* Takes the spool's writer over. 0, or -errno with the sentence in intake->error. */
int message_intake_open(struct message_intake *intake,
                        const struct message_input_config *config,
                        struct spool_writer *spool);
void message_intake_close(struct message_intake *intake);

/* Takes one message. 1; 0: there is none; -EBADMSG: it can be no record; other -errno;
 * with a sentence. */
int message_intake_take(struct message_intake *intake);
/* Says HAVE to those who wait for it. Called after each sync. */
void message_intake_answer(struct message_intake *intake);

#endif
