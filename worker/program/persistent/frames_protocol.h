/* SPDX-License-Identifier: MIT */
/*
 * FRAMES/1 as bytes (worker/FRAMES.md): puts heads before requests, and finds responses
 * in the bytes that a program writes. One struct is for one process. Pure; believes
 * nothing that it reads.
 */
#ifndef FANFOLD_WORKER_PROGRAM_PERSISTENT_FRAMES_PROTOCOL_H
#define FANFOLD_WORKER_PROGRAM_PERSISTENT_FRAMES_PROTOCOL_H

#include "common/protocol/message.h"

enum { FRAMES_REQUEST_HEAD = 32, FRAMES_RESPONSE_HEAD = 20, FRAMES_TEXT_MAX = 512 };

struct frames_request {
    uint64_t number; /* from 1, and only rising; the response carries it back */
    uint64_t length; /* bytes that follow the head */
    uint64_t seq;
    uint32_t attempt;
    uint64_t records;
};

void frames_put_head(uint8_t head[FRAMES_REQUEST_HEAD],
                     const struct frames_request *request);

enum frames_outcome {
    FRAMES_MORE,      /* `used` bytes are needed to say more */
    FRAMES_READY,     /* the program is prepared */
    FRAMES_RESULT,    /* payload: the result */
    FRAMES_ERROR,     /* payload: the program's own message, which may be empty */
    FRAMES_TOO_LARGE, /* a response longer than allowed; text says so */
    FRAMES_BROKEN,    /* this is not FRAMES/1; text says why */
};

struct frames_event {
    enum frames_outcome outcome;
    size_t used; /* bytes, from the beginning of what was given */
    struct slice payload;
    char text[FRAMES_TEXT_MAX]; /* valid with TOO_LARGE and BROKEN */
};

/* A sentence about a program that was given a request, has read it or not, and has
 * never written anything, but still may. Returns `text`. */
const char *frames_mute(char *text, size_t size, bool read, double silence_s);

struct frames_protocol {
    bool ready;        /* it has said so */
    uint64_t answered; /* the last request that it answered; 0: none */
};

/* `bytes`: all that the program has written since the last event. `asked`: the request
 * that waits for its response; 0: none does. */
void frames_protocol_take(struct frames_protocol *protocol, struct slice bytes,
                          uint64_t asked, uint64_t max_result,
                          struct frames_event *ret_event);

#endif
