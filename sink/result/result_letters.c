/* SPDX-License-Identifier: MIT */
#include "sink/result/result_letters.h"

static int read_letters(void *context, uint64_t from, void *data, size_t size)
{
    return result_read_dead_letters(context, from, data, size);
}

int result_letters_write(struct dead_letter_writer *writer,
                         struct dead_letter_tally *tally, struct result *result,
                         char *error, size_t error_size)
{
    uint32_t count;
    const struct dead_letter *dead_letters = result_dead_letters(result, &count);
    int written = dead_letter_writer_write(writer, dead_letters, count, read_letters,
                                           result, error, error_size);
    if (written < 0)
        return written;
    dead_letter_tally_add(tally, dead_letters, count);
    return 0;
}
