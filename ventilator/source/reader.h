/* SPDX-License-Identifier: MIT */
/*
 * Reads the inputs one after the other and owns the one whose turn it is. Names each
 * failure with its input and offset, and keeps it: a reader that failed stays so. Below
 * header, resume and source, and calls none of them.
 *
 * The run counts offsets as it began: where it began with a stream and resumes with a
 * file that is read from its middle, or the other way round, `shift` tells one from the
 * other.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_READER_H
#define FANFOLD_VENTILATOR_SOURCE_READER_H

#include "common/protocol/message.h"
#include "ventilator/source/input_list.h"

enum { READER_AHEAD_MAX = RECORDS_HEADER_MAX + 1 /* bytes */ };

struct reader {
    struct input_list inputs;
    uint32_t at;    /* the input whose turn it is; count: all are over */
    uint64_t shift; /* the run's offset in an only input, less the input's own */

    /* Bytes that were read to look at the input's beginning and its header. The buffer
     * has room for one byte more, a newline. */
    uint8_t *ahead;
    size_t ahead_size, ahead_used;
    bool ended; /* this input, which is not read again: a terminal would go on */

    char error[1024]; /* a sentence for a person; "" before it fails */
};

/* Takes the list over. */
void reader_init(struct reader *reader, const struct input_list *inputs);
void reader_deinit(struct reader *reader);

/* The turn of input `at` has come. False: it cannot be read. */
bool reader_open(struct reader *reader);

enum reader_outcome {
    READER_BYTES,
    READER_WAITS, /* nothing to read now */
    READER_ENDED, /* this input has */
    READER_FAILED,
};

/* Reads at most `size` bytes, first those that were read ahead. */
enum reader_outcome reader_read(struct reader *reader, void *buffer, size_t size,
                                size_t *ret_size);
/* Reads more of what READER_AHEAD_MAX has room for behind `ahead`. */
enum reader_outcome reader_read_ahead(struct reader *reader);
/* Goes to this place of a file. Drops what was read ahead. */
void reader_seek(struct reader *reader, uint64_t offset);

/* Sets the error. */
void reader_fail(struct reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The input whose turn it is. */
struct named_input *reader_item(const struct reader *reader);
/* Where the run has this input begin. Of a file, it is the place from which it is read;
 * streams, and decompressed content, begin at 0. */
uint64_t reader_beginning(const struct reader *reader, uint32_t input);
/* The place in the input that the run calls `offset`. */
uint64_t reader_own_offset(const struct reader *reader, uint64_t offset);
/* Bytes of files from `offset` in `input` on; 0: unknown, as some are no files. */
uint64_t reader_bytes_from(const struct reader *reader, uint32_t input,
                           uint64_t offset);
/* And those in front of it; 0: none, or unknown. */
uint64_t reader_bytes_before(const struct reader *reader, uint32_t input,
                             uint64_t offset);
bool reader_has_terminal(const struct reader *reader);

#endif
