/* SPDX-License-Identifier: MIT */
/* Reads the records of a file of frames, each a length of 4 bytes, big-endian, and so
 * many bytes. */
#ifndef FANFOLD_SINK_SENDER_FRAME_READER_H
#define FANFOLD_SINK_SENDER_FRAME_READER_H

#include "common/byte_buffer.h"
#include "common/slice.h"

struct frame_reader {
    int fd;          /* borrowed */
    uint64_t offset; /* in the file, of the next frame */
    uint64_t number; /* of that record */
    struct byte_buffer bytes;
    size_t used; /* of them: frames that were taken */
};

/* Begins at a frame. */
void frame_reader_seek(struct frame_reader *reader, uint64_t offset, uint64_t number);
void frame_reader_deinit(struct frame_reader *reader);
/* The next record, borrowed until the next call, if its frame ends at `limit` or before
 * it. 1; 0: there is none; -EBADMSG: no frame lies there; other -errno. */
int frame_reader_next(struct frame_reader *reader, uint64_t limit,
                      struct slice *ret_record);

#endif
