/* SPDX-License-Identifier: MIT */
/* Records on their way into a socket. Small ones are collected, so that a system call
 * takes many; of a large one only what the socket did not take is copied. At most one
 * record is held beyond QUEUE_BYTES. */
#ifndef FANFOLD_DEPLOY_LIB_RECORD_QUEUE_H
#define FANFOLD_DEPLOY_LIB_RECORD_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum { QUEUE_BYTES = 64 << 10, QUEUE_PARTS = 64 };

struct record_queue {
    unsigned char *bytes;
    size_t start, end, capacity; /* what waits is from start to end */
};

void record_queue_deinit(struct record_queue *queue);
bool record_queue_waits(const struct record_queue *queue);
/* 1: taken; 0: full; -errno, -EPIPE if nobody reads any more. */
int record_queue_push(struct record_queue *queue, int socket, const struct iovec *parts,
                      int count, size_t size);
/* Sends what the socket takes: 0 or -errno. */
int record_queue_flush(struct record_queue *queue, int socket);

#endif
