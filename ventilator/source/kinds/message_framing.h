/* SPDX-License-Identifier: MIT */
/*
 * The bytes that a message becomes: one record of the run's format, so that all that
 * cuts, runs and reads records works with messages too. Pure.
 *
 * A message of one frame is that frame. Of a message of several, --frame picks one,
 * --frame-sep joins them, and otherwise they become a msgpack array of binaries. A
 * line or a NUL-terminated record gets its end, unless the message has brought it; a
 * record of format frames gets its length in front.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_KINDS_MESSAGE_FRAMING_H
#define FANFOLD_VENTILATOR_SOURCE_KINDS_MESSAGE_FRAMING_H

#include "common/byte_buffer.h"
#include "common/records/record_format.h"
#include "common/slice.h"
#include <stdint.h>

struct message_framing {
    struct record_format format; /* one that message_framing_takes */
    uint64_t max_record_bytes;
    uint32_t frame;         /* of a message, from 1; 0: all of them */
    struct slice separator; /* between frames; `data` NULL: an array; borrowed */
};

/* Whether messages can become records of this format. */
bool message_framing_takes(const struct record_format *format);

/* Joins the frames of a message of several into `joined`. False: it has not the one
 * that is asked for; `reason` is a sentence. */
bool message_framing_join(const struct message_framing *framing,
                          const struct slice *frames, size_t count,
                          struct byte_buffer *joined, char *reason, size_t size);

/* The bytes of a message: its frame where it has one, which is then not copied; else as
 * message_framing_join has it. */
bool message_framing_body(const struct message_framing *framing,
                          const struct slice *frames, size_t count,
                          struct byte_buffer *joined, struct slice *ret_body,
                          char *reason, size_t size);

/* What comes in front of and behind a message's bytes. */
struct record_frame {
    uint8_t head[4], tail;
    uint8_t head_size, tail_size;
};

/* False: the message can be no record; `reason` is a sentence about it. */
bool message_framing_frame(const struct message_framing *framing, struct slice message,
                           struct record_frame *ret_frame, char *reason, size_t size);

/* A record that is given out piece by piece: of head, body and tail together, `done` of
 * `size` bytes were. All zero: there is none, and all of it was given out. */
struct framed_record {
    struct record_frame frame;
    struct slice body; /* borrowed until all was given out */
    size_t done, size;
};

/* As message_framing_frame. */
bool framed_record_begin(struct framed_record *record,
                         const struct message_framing *framing, struct slice body,
                         char *reason, size_t reason_size);
bool framed_record_is_done(const struct framed_record *record);
/* Copies the next bytes. Their number. */
size_t framed_record_copy(struct framed_record *record, uint8_t *to, size_t size);

#endif
