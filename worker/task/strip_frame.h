/* SPDX-License-Identifier: MIT */
/*
 * Records of the format frames as a program gets them that knows nothing of their
 * lengths (--strip-frame). Pure, but for memory.
 */
#ifndef FANFOLD_WORKER_TASK_STRIP_FRAME_H
#define FANFOLD_WORKER_TASK_STRIP_FRAME_H

#include "common/slice.h"
#include <stdbool.h>

enum strip_frame {
    STRIP_FRAME_NOT,
    STRIP_FRAME_ALONE, /* one record, without its length */
    STRIP_FRAME_LINES, /* each record as a line */
    STRIP_FRAME_WRONG, /* the records are no frames */
};

/* What is to be done with records of this format, as WELCOME says it. */
enum strip_frame strip_frame_of(enum strip_frame wanted, struct slice format);

/*
 * NULL, and *ret_bytes is what the program gets: it lies in `input`, or in *buffer_p,
 * which is freed and made anew where it is needed. Else why it cannot get it: a
 * sentence of at most `size` bytes in `text`.
 */
const char *strip_frame(enum strip_frame strip, struct slice input, uint8_t **buffer_p,
                        struct slice *ret_bytes, char *text, size_t size);

#endif
